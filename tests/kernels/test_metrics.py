"""The kernels of every row of `cases.METRICS` and `cases.SUMS`, and what is computed from the sums."""

from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn import metrics

from ..cases import METRICS, SUMS
from ..comparing import assert_close, canaries, exact

COLUMNS = st.sampled_from([1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64, 65, 255, 256, 257])
SEEDS = st.integers(0, 2**32 - 1)

each_metric = pytest.mark.parametrize("case", METRICS, ids=attrgetter("name"))
each_sum = pytest.mark.parametrize("case", SUMS, ids=attrgetter("name"))


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
    threshold = tuple(dtype.type(n) for n in case.numbers)  # or the k of a top-k accuracy
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


@pytest.mark.parametrize("k", [1, 2, 3, 4, 9])
def test_top_k_of_equals_all_count(k, dtype):
    y = np.array([[3, 2, 2, 1]] * 4, dtype)
    sparse, rows = metrics.SparseTopKCategoricalAccuracy(k), metrics.TopKCategoricalAccuracy(k)
    expected = np.array([1, k >= 2, k >= 2, k >= 4])
    np.testing.assert_array_equal(sparse.evaluate(np.arange(4), y), expected)
    np.testing.assert_array_equal(rows.evaluate(np.eye(4, dtype=dtype), y), expected)


# ---------------------------------------------------------------------------------------------------------------------
# Sums.


def sums(case, state, y, targets, padding=3):
    """The sums with these samples added, from a kernel that must not read the padding."""
    rows, columns = y.shape
    with canaries() as place:
        state = place(state)
        wide = [np.pad(a, ((0, 0), (0, padding)), constant_values=99) if a.ndim == 2 else a for a in (y, targets)]
        case.kernel(state, *(place(a, kept=True) for a in wide), *case.arguments(columns, y.dtype), rows, columns)
    return state


@each_sum
@given(seed=SEEDS, rows=st.sampled_from([1, 2, 9]), columns=COLUMNS)
def test_sums_agree_with_the_reference(case, dtype, seed, rows, columns):
    rng = np.random.default_rng(seed)
    y, targets = case.outputs(rng, rows, columns, dtype), case.targets(rng, rows, columns, dtype)
    before = rng.integers(5, size=case.make().state_size(columns)).astype(np.float64)
    arguments = case.arguments(columns, dtype)
    if case.numbers:
        arguments = [dtype.type(n) if n % 1 else int(n) for n in arguments]
    expected = case.sums(y, targets, *arguments)
    added = sums(case, before, y, targets) - before
    if case.kernel_name != "score_histogram" or not case.numbers[0]:
        np.testing.assert_allclose(added, expected, rtol=1e-12, atol=1e-12)
    else:  # a rounding error of the sigmoid may be enough for the bucket next to it
        assert added.sum() == y.size
        assert np.abs(np.cumsum(added - expected)).max() <= 2


@each_sum
def test_sums_of_parts_are_the_sums(case, dtype, rng):
    y, targets = case.outputs(rng, 40, 3, dtype), case.targets(rng, 40, 3, dtype)
    empty = np.zeros(case.make().state_size(3))
    whole, parts = sums(case, empty, y, targets), empty
    for start, stop in ((0, 1), (1, 17), (17, 40)):
        parts = sums(case, parts, y[start:stop], targets[start:stop])
    np.testing.assert_array_equal(parts, whole)


@each_sum
@pytest.mark.parametrize("columns", [1, 3])
def test_the_metric_of_the_sums(case, columns, dtype, rng):
    columns += case.targets.__name__ == "labels"  # a single output has no labels
    y, targets = case.outputs(rng, 300, columns, dtype), case.targets(rng, 300, columns, dtype)
    if case.targets.__name__ == "yes_or_no":  # so that there is something to find
        y += (targets - dtype.type(0.5)) * dtype.type(0.2) * np.ptp(y)
        y = y if "logits" in case.name else np.clip(y, 0, 1)
    expected, got = case.reference(*exact(y, targets)), case.make()(targets, y)
    assert np.shape(got) == np.shape(expected)
    rtol = 1e-4 if "logits" in case.name else 1e-7  # where the reference's sigmoid rounds another way
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-12)


@each_sum
def test_nothing_is_written_outside_for_outputs_of_any_size(case, dtype):
    for value in (np.nan, np.inf, -np.inf, 1e30, -1e30, 2, 1, 0, -0.0, -1):
        y = np.full((3, 2), value, dtype)
        targets = np.array([0, 1, 1]) if case.targets.__name__ == "labels" else np.array([[0, 1]] * 3, dtype)
        state = sums(case, np.zeros(case.make().state_size(2)), y, targets)
        if "squared" not in case.kernel_name:
            assert np.isfinite(state).all()
            assert state.sum() <= 6


def test_outputs_of_nan_are_no_yes(dtype):
    y = np.full((2, 3), np.nan, dtype)
    for case in SUMS:
        if "confusion" in case.kernel_name:
            targets = np.array([1, 2]) if case.targets.__name__ == "labels" else np.eye(3, dtype=dtype)[[1, 2]]
            state = sums(case, np.zeros(case.make().state_size(3)), y, targets).reshape(3, -1)
            assert state.sum(axis=1).tolist() == [0, 0, 2]


def test_all_of_the_largest_are_a_yes_but_not_of_0(dtype):
    """As in Keras."""
    y, labels = np.array([[2, 2, 1], [0, 0, 0], [-1, -2, 0]], dtype), np.array([0, 1, 2])
    for case in SUMS:
        if case.kernel_name in ("class_confusion", "sparse_class_confusion"):
            targets = labels if case.targets.__name__ == "labels" else np.eye(3, dtype=dtype)[labels]
            state = sums(case, np.zeros(9), y, targets).reshape(3, 3)
            np.testing.assert_array_equal(state, [[1, 0, 0], [0, 1, 0], [0, 1, 1]])


def test_the_threshold_itself_is_a_no(dtype):
    y, targets = np.array([[0.25], [0.5], [0.75]], dtype), np.ones((3, 1), dtype)
    for case in SUMS:
        if case.kernel_name in ("binary_confusion", "class_confusion_above"):
            state = np.zeros(3)
            case.kernel(state, y, targets, 0.5, 3, 1)
            np.testing.assert_array_equal(state, [1, 0, 2])


def test_buckets_end_at_the_thresholds(dtype):
    """As Keras has them: bucket k holds what is above k / last, up to and with (k + 1) / last, and the first one 0."""
    case = next(case for case in SUMS if case.name == "auc")
    y = np.array([[-1, 0, 0.25, 0.26, 0.5, 0.75, 1, 7]], dtype)
    state = np.zeros(10)
    case.kernel(state, y, np.ones_like(y), 0.0, 5, 1, 8)
    np.testing.assert_array_equal(state, [3, 2, 1, 2, 0, *[0] * 5])


@pytest.mark.parametrize("options", [{}, {"curve": "PR"}, {"curve": "PR", "summation_method": "majoring"}], ids=str)
@pytest.mark.parametrize("num_thresholds", [2, 3, 11])
def test_areas_with_few_thresholds(options, num_thresholds, dtype, rng):
    y, targets = rng.uniform(size=50).astype(dtype), rng.integers(2, size=50).astype(dtype)
    case = next(case for case in SUMS if case.name == "auc")
    expected = case.reference(y, targets, num_thresholds=num_thresholds, **options)
    assert metrics.AUC(num_thresholds, **options)(targets, y) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("mean", "sd"), [(1e7, 1.0), (-1e9, 1e-3), (1.0, 1e-12), (1e15, 10.0)])
def test_targets_that_vary_little_against_their_mean(mean, sd, rng):
    """In float64 their squares agree in all digits but the last ones."""
    targets = mean + sd * rng.normal(size=(500, 2))
    y = targets + 0.1 * sd * rng.normal(size=(500, 2))
    variation = np.square(targets - targets[0] - (targets - targets[0]).mean(axis=0)).sum(axis=0)
    expected = 1 - np.square(y - targets).sum(axis=0) / variation
    assert (expected < 0.999).all()
    np.testing.assert_allclose(metrics.R2Score(None)(targets, y), expected, rtol=1e-6)


def test_an_outlier_in_the_first_place_is_no_harm():
    targets = np.append(1e12, np.arange(1000.0))
    y = targets + 1e9
    expected = 1 - 1001e18 / np.square(targets - targets.mean()).sum()
    assert metrics.R2Score()(targets, y) == pytest.approx(expected, rel=1e-9)


def test_targets_of_0_and_1_that_rounding_has_moved(dtype):
    """A scaler leaves such: they count as the 0 and 1 that they were."""
    rng = np.random.default_rng(1)
    y = rng.uniform(size=(50, 3)).astype(dtype)
    targets = rng.integers(2, size=(50, 3)).astype(dtype)
    moved = targets + rng.choice([-1e-6, 1e-17, 1e-6], size=(50, 3)).astype(dtype)
    for case in SUMS:
        if case.targets.__name__ == "yes_or_no" and "class" not in case.kernel_name:
            assert case.make()(moved, y) == case.make()(targets, y), case.name
    assert metrics.BinaryAccuracy()(moved, y) == metrics.BinaryAccuracy()(targets, y)
    assert metrics.BinaryAccuracy()(targets + dtype.type(0.1), y) == 0


def test_large_targets_keep_their_variation():
    """Sums in float64, whatever the type: in float32 the squares of these numbers would all be the same."""
    targets = (1e4 + np.arange(100) % 7).astype(np.float32)
    y = targets + np.where(np.arange(100) % 2, 1, -1).astype(np.float32)
    expected = 1 - 100 / np.square(targets - np.mean(targets, dtype=np.float64)).sum()
    assert metrics.R2Score()(targets, y) == pytest.approx(expected, rel=1e-6)
