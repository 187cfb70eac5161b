"""The kernels of every row of `cases.METRICS`."""

from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .cases import METRICS
from .comparing import assert_close, canaries, exact

COLUMNS = st.sampled_from([1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64, 65, 255, 256, 257])
SEEDS = st.integers(0, 2**32 - 1)

each_metric = pytest.mark.parametrize("case", METRICS, ids=attrgetter("name"))


def run(case, y, targets, padding=3):
    """The values, from a kernel that must not read the padding: outputs there would be right and the largest."""
    columns = y.shape[1]
    with canaries() as place:
        values = place(np.zeros(len(y), y.dtype))
        wide = [np.pad(a, ((0, 0), (0, padding)), constant_values=99) if a.ndim == 2 else a for a in (y, targets)]
        case.kernel(values, *(place(a, kept=True) for a in wide), *case.numbers, columns)
    return values


@each_metric
@given(seed=SEEDS, rows=st.sampled_from([1, 2, 9]), columns=COLUMNS)
def test_agrees_with_the_reference(case, dtype, seed, rows, columns):
    rng = np.random.default_rng(seed)
    y, targets = case.outputs(rng, rows, columns, dtype), case.targets(rng, rows, columns, dtype)
    assert_close(run(case, y, targets), case.reference(*exact(y, targets), *case.numbers))


@each_metric
def test_ties_and_the_threshold_itself(case, dtype, rng):
    """The first of the largest counts, and an output at the threshold is below it."""
    y = rng.integers(0, 3, (200, 4)).astype(dtype) * dtype.type(0.4)
    targets = case.targets(rng, 200, 4, dtype)
    values = run(case, y, targets)
    # In the type itself: 0.4 is another number in float64.
    threshold = tuple(dtype.type(n) for n in case.numbers)
    np.testing.assert_allclose(values, case.reference(y, targets, *threshold), rtol=1e-5)
    if "accuracy" in case.name:
        assert 0 < values.mean() < 1


@pytest.mark.parametrize("case", [case for case in METRICS if "error" in case.name], ids=attrgetter("name"))
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_show(case, dtype, rng, wrong):
    for column in (0, 7, 16):
        y, targets = case.outputs(rng, 3, 17, dtype), case.targets(rng, 3, 17, dtype)
        y[1, column] = wrong
        assert np.isfinite(run(case, y, targets)).tolist() == [True, False, True]


@pytest.mark.parametrize("case", [case for case in METRICS if "error" not in case.name], ids=attrgetter("name"))
def test_outputs_of_nan_are_no_hit(case, dtype):
    """No accuracy can be had from nothing but NaN, where the target is not the first class or 0."""
    y = np.full((2, 3), np.nan, dtype)
    labels = np.array([1, 2])
    targets = labels if case.name.startswith("sparse") else np.eye(3, dtype=dtype)[labels]
    expected = [2 / 3, 2 / 3] if case.name == "binary_accuracy" else [0, 0]
    assert_close(run(case, y, targets), expected)


@each_metric
def test_through_the_object(case, dtype, rng):
    y, targets = case.outputs(rng, 20, 4, dtype), case.targets(rng, 20, 4, dtype)
    metric = case.make()
    expected = case.reference(*exact(y, targets), *case.numbers).mean()
    np.testing.assert_allclose(metric(targets, y), expected, rtol=1e-5)
    np.testing.assert_allclose(metric.evaluate(targets, y).mean(), expected, rtol=1e-5)
