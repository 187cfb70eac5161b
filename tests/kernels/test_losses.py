"""The kernels of every row of `cases.LOSSES`, by themselves and through the loss objects."""

from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels import probabilities as kernels

from ..cases import LOSSES
from ..comparing import assert_close, canaries, exact
from ..reference import probabilities as reference
from ..reference.gradients import central_difference

ROWS = st.sampled_from([1, 2, 3, 8, 9])
COLUMNS = st.sampled_from([1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64, 65, 255, 256, 257])
SEEDS = st.integers(0, 2**32 - 1)

each_loss = pytest.mark.parametrize("case", LOSSES, ids=attrgetter("name"))
BOUNDED = [case for case in LOSSES if case.activation is not None and not case.name.startswith("exponential")]
FUSED = [case for case in LOSSES if case.activation is not None]
DENSE_TARGETS = [case for case in LOSSES if not case.name.startswith("sparse")]
CLIPPED = [
    case for case in LOSSES if case.name.endswith(("cross_entropy", "kl_divergence", "log")) and case not in FUSED
]
MARGINS = [case for case in LOSSES if "hinge" in case.name]
# Whose rounding errors are in proportion to the loss.
EXACT = {
    "sigmoid_binary_cross_entropy",
    "mean_squared_error",
    "half_mean_squared_error",
    "half_squared_error",
    "mean_absolute_error",
    "huber",
}


def wider(array, padding):
    """The matrix with columns of NaN behind it, as a batch has its columns padded; labels as they are."""
    if array.ndim == 1:
        return array
    return np.hstack([array, np.full((len(array), padding), np.nan, array.dtype)])


def run(case, y, targets, scale, padding=3):
    """Values, gradient and y afterwards, from a kernel that must neither read nor write the padding."""
    rows, columns = y.shape
    with canaries() as place:
        values, dx = place(np.zeros(rows, y.dtype)), place(np.full((rows, columns + padding), np.nan, y.dtype))
        wide = place(wider(y, padding), kept=case.activation is None)
        case.kernel(values, dx, wide, place(wider(targets, padding), True), place(scale, True), *case.numbers, columns)
    assert np.isnan(dx[:, columns:]).all()
    assert np.isnan(wide[:, columns:]).all()
    return values, dx[:, :columns], wide[:, :columns]


def example(case, rng, rows, columns, dtype):
    """Output, targets and the scale of samples with weights from 0 to 2, one of them 0."""
    columns = max(columns, case.fewest_columns)
    weights = rng.uniform(0, 2, rows)
    weights[rng.integers(rows)] = 0
    scale = (weights / rows).astype(dtype)
    return case.outputs(rng, rows, columns, dtype), case.targets(rng, rows, columns, dtype), scale


def assert_agrees(case, y, targets, scale):
    values, dx, after = run(case, y, targets, scale)
    expected_values, expected_dx = case.reference(*exact(y, targets, scale), *case.numbers)
    # After a softmax, for example, a tiny loss is log(1 + x) of a small x, where 1 + x is rounded.
    rounded = 0 if case.name in EXACT else 1
    assert_close(values, expected_values, rounded + np.abs(expected_values))
    assert_close(dx, expected_dx, scale[:, np.newaxis] + np.abs(expected_dx).max(axis=1, keepdims=True))
    if case.activation is not None:
        assert_close(after, case.activation(exact(y)))


@each_loss
@given(seed=SEEDS, rows=ROWS, columns=COLUMNS)
def test_agrees_with_the_reference(case, dtype, seed, rows, columns):
    assert_agrees(case, *example(case, np.random.default_rng(seed), rows, columns, dtype))


@pytest.mark.parametrize("case", DENSE_TARGETS, ids=attrgetter("name"))
def test_targets_that_do_not_sum_to_one(case, dtype, rng):
    y, targets, scale = example(case, rng, 9, 5, dtype)
    assert_agrees(case, y, targets * rng.uniform(0, 3, (9, 1)).astype(dtype), scale)


@pytest.mark.parametrize("case", BOUNDED, ids=attrgetter("name"))
@pytest.mark.parametrize("size", [100, 1e4])
def test_large_logits(case, dtype, size, rng):
    """Probabilities round to 0 and 1, their logarithms must not become infinite."""
    _, targets, _ = example(case, rng, 4, 3, dtype)
    y = np.array([[size, -size, 0], [-size, size, size], [-size] * 3, [size, 1, -size]], dtype)
    scale = np.full(4, 0.25, dtype)
    for shift in range(3):  # the label at each of the logits
        assert_agrees(case, np.roll(y, shift, axis=1), targets, scale)
        assert np.isfinite(run(case, np.roll(y, shift, axis=1), targets, scale)[0]).all()


@pytest.mark.parametrize("case", CLIPPED, ids=attrgetter("name"))
def test_probabilities_of_0_and_1_are_clipped(case, dtype):
    """As Keras clips them: the loss is finite, and where a probability was clipped it has no gradient."""
    y = np.array([[0, 1, 0], [1, 0, 0], [0, 0.5, 0.5], [0.25, 0.75, 0], [1e-9, 1 - 1e-9, 0]], dtype)
    scale = np.full(len(y), 0.2, dtype)
    for label in range(3):
        labels = np.full(len(y), label)
        targets = labels if case.name.startswith("sparse") else np.eye(3, dtype=dtype)[labels]
        values, _, _ = run(case, y, targets, scale)
        # 1 - 1e-7 is rounded in float32, and log(1 - (1 - 1e-7)) with it.
        expected, _ = case.reference(*exact(y, targets, scale), *case.numbers)
        np.testing.assert_allclose(values, expected, rtol=2e-2 if dtype == np.float32 else 1e-9, atol=1e-7)
        dx = run(case, y, targets, scale)[1]
        _, expected_dx = case.reference(y, targets, scale, *case.numbers)
        np.testing.assert_allclose(dx, expected_dx, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("case", "wrong"),
    # The losses of probabilities clip an infinity to 1 like any number above it; on its right side it costs nothing.
    [(case, np.nan) for case in LOSSES] + [(case, np.inf) for case in LOSSES if case not in CLIPPED + MARGINS],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_nan_and_infinity_in_one_sample_show_in_its_loss_only(case, wrong, dtype, rng):
    for column in range(5):
        y, targets, scale = example(case, rng, 3, 5, dtype)
        y[1, column] = wrong
        values, dx, _ = run(case, y, targets, scale)
        assert not np.isfinite(values[1])
        assert np.isfinite(values[[0, 2]]).all()
        assert np.isfinite(dx[[0, 2]]).all()


@pytest.mark.parametrize("case", DENSE_TARGETS, ids=attrgetter("name"))
def test_nan_in_the_targets_shows(case, dtype, rng):
    y, targets, scale = example(case, rng, 3, 5, dtype)
    targets[1, 2] = np.nan
    values, _, _ = run(case, y, targets, scale)
    assert np.isnan(values).tolist() == [False, True, False]


@each_loss
def test_nan_in_the_scale_shows_in_the_gradient(case, dtype, rng):
    y, targets, scale = example(case, rng, 3, 5, dtype)
    scale[1] = np.nan
    assert np.isnan(run(case, y, targets, scale)[1]).all(axis=1).tolist() == [False, True, False]


@each_loss
def test_a_sample_does_not_depend_on_its_neighbours(case, dtype, rng):
    y, targets, scale = example(case, rng, 9, 17, dtype)
    values, dx, _ = run(case, y, targets, scale)
    for start, stop in ((0, 1), (1, 4), (4, 9), (8, 9)):
        part_values, part_dx, _ = run(case, y[start:stop], targets[start:stop], scale[start:stop], padding=0)
        np.testing.assert_array_equal(part_values, values[start:stop])
        np.testing.assert_array_equal(part_dx, dx[start:stop])


@each_loss
@pytest.mark.parametrize("columns", [1, 2, 7])
def test_gradient_is_the_central_difference(case, columns, rng):
    y, targets, _ = example(case, rng, 4, columns, np.float64)
    weights = rng.uniform(0, 2, 4)
    loss = case.make()
    total = loss.forward(targets, y, weights)
    dy = loss.backward()
    expected_values, _ = case.reference(y, targets, weights, *case.numbers)
    np.testing.assert_allclose(total, (expected_values * weights).sum() / 4, rtol=1e-12)
    expected = central_difference(lambda y: np.array(loss.forward(targets, y, weights)), y, np.array(1.0), 1e-5)
    # scikit-learn's is the gradient of the sum over the outputs, although the value is their mean.
    expected *= y.shape[1] if case.name == "half_squared_error" else 1
    np.testing.assert_allclose(dy, expected, rtol=1e-6, atol=1e-9)


@each_loss
def test_through_the_object(case, dtype, rng):
    y, targets, _ = example(case, rng, 6, 4, dtype)
    before = y.copy(), targets.copy()
    loss = case.make()
    total, dy = loss(targets, y), loss.backward()
    scale = np.full(6, 1 / 6)
    values, expected = case.reference(*exact(y, targets), scale, *case.numbers)
    assert_close(dtype.type(total), values.mean(), 1 + abs(values.mean()))
    assert dy.dtype == dtype
    assert_close(dy, expected, 1 / 6)
    np.testing.assert_array_equal(y, before[0])
    np.testing.assert_array_equal(targets, before[1])


# ---------------------------------------------------------------------------------------------------------------------
# What is special to some of them.


@given(seed=SEEDS, rows=ROWS, columns=COLUMNS, smoothing=st.sampled_from([0.0, 0.1, 0.75]), classes=st.integers(1, 3))
def test_smooth_targets(dtype, seed, rows, columns, smoothing, classes):
    targets = np.random.default_rng(seed).uniform(size=(rows, columns)).astype(dtype)
    with canaries() as place:
        smoothed = place(np.full((rows, columns + 2), np.nan, dtype))
        kernels.smooth_targets(smoothed, place(wider(targets, 3), True), smoothing, classes, columns)
    assert_close(smoothed[:, :columns], reference.smooth_targets(exact(targets), smoothing, classes))
    assert np.isnan(smoothed[:, columns:]).all()


def gradient(name, y, targets, dtype):
    """The gradient of a single row with scale 1, times its columns."""
    y, targets = np.array([y], dtype), np.array([targets], dtype)
    dx = np.empty_like(y)
    case = next(case for case in LOSSES if case.name == name)
    case.kernel(np.empty(1, dtype), dx, y.copy(), targets, np.ones(1, dtype), *case.numbers, y.shape[1])
    return dx[0] * y.shape[1]


def test_gradients_where_a_loss_has_a_kink(dtype):
    # Of 0.7, huber's delta, and of the margin 0 either side would do; both give the same.
    assert_close(gradient("mean_absolute_error", [1, 2, 3], [1, 1, 4], dtype), np.array([0, 1, -1]))
    assert_close(gradient("huber", [0, 0.7, 0.8, -9], [0, 0, 0, 0], dtype), np.array([0, 0.7, 0.7, -0.7]))
    assert_close(gradient("hinge", [1, 0.5, -2, 2, 0], [1, 1, 1, 0, 0], dtype), np.array([0, -1, -1, 1, 1]))
    assert_close(gradient("squared_hinge", [1, 0.5, -2, 2], [1, 1, 1, -1], dtype), np.array([0, -1, -6, 6]))


def test_nan_stays_visible_in_gradients(dtype):
    for name in ("mean_absolute_error", "huber", "log_cosh", "poisson", "squared_hinge", "kl_divergence"):
        dx = gradient(name, [np.nan, 0.5], [1, 1], dtype)
        assert np.isnan(dx[0]) != (name == "kl_divergence"), name  # where something was clipped
        assert np.isfinite(dx[1]), name


def test_large_errors_of_log_cosh(dtype):
    """cosh itself would be infinite."""
    y = np.array([[1e4, -1e4, 0, 1e-3]], dtype)
    values, dx, _ = run(next(c for c in LOSSES if c.name == "log_cosh"), y, np.zeros_like(y), np.ones(1, dtype))
    assert_close(values, np.array([(2e4 - 2 * np.log(2) + 5e-7) / 4]))
    assert_close(dx[0], np.array([1, -1, 0, np.tanh(1e-3)]) / 4)


FOCAL = [kernels.focal_cross_entropy, kernels.softmax_focal_cross_entropy]


@pytest.mark.parametrize("gamma", [0, 0.3, 1, 2, 5])
@pytest.mark.parametrize("kernel", FOCAL, ids=lambda kernel: kernel.__name__)
def test_the_focus(kernel, gamma, dtype, rng):
    fused = kernel is kernels.softmax_focal_cross_entropy
    y = rng.normal(scale=2, size=(9, 5)).astype(dtype) if fused else rng.uniform(0.1, 1, (9, 5)).astype(dtype)
    targets, scale = np.eye(5, dtype=dtype)[rng.integers(5, size=9)], rng.uniform(size=9).astype(dtype)
    values, dx = np.empty(9, dtype), np.empty_like(y)
    kernel(values, dx, y.copy(), targets, scale, 0.25, gamma, 5)
    expected, expected_dx = getattr(reference, kernel.__name__)(*exact(y, targets, scale), 0.25, gamma)
    assert_close(values, expected, 1 + expected)
    assert_close(dx, expected_dx, scale[:, np.newaxis] + np.abs(expected_dx).max(axis=1, keepdims=True))
    if gamma == 0:
        plain = kernels.softmax_cross_entropy if fused else kernels.cross_entropy
        plain_values, plain_dx = np.empty(9, dtype), np.empty_like(y)
        plain(plain_values, plain_dx, y.copy(), targets, scale, 5)
        assert_close(values, exact(plain_values) / 4, 1 + expected)
        assert_close(dx, exact(plain_dx) / 4, scale[:, np.newaxis])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_the_focus_of_logits_that_are_sure(gamma, dtype):
    """The probability of a class rounds to 1, that of the others to 0: no 0 / 0, nothing infinite."""
    y = np.array([[0, 200, 0], [0, 1e4, -1e4], [1e4, 0, 0]], dtype)
    targets, scale = np.eye(3, dtype=dtype)[[1, 1, 1]], np.ones(3, dtype)
    values, dx = np.empty(3, dtype), np.empty_like(y)
    kernels.softmax_focal_cross_entropy(values, dx, y, targets, scale, 0.25, gamma, 3)
    np.testing.assert_allclose(values, [0, 0, 2500], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(dx, [[0, 0, 0], [0, 0, 0], [0.25, -0.25, 0]], rtol=1e-6, atol=1e-12)
