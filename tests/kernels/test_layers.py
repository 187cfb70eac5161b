"""The kernels of activations, rescaling and dropout: every row of `cases.LAYERS` that has kernels without padding.

Gaussian noise, whose sums cancel, is in `test_kernels_dropout.py`.
"""

from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..cases import LAYERS, normal
from ..comparing import assert_close, assert_same_bits, canaries, exact

KERNELS = [case for case in LAYERS if case.forward_kernel is not None and case.tolerance is None]
GRADIENTS = [case for case in KERNELS if case.backward_kernel is not None]
KEEPING = [case for case in KERNELS if case.name != "dropout"]  # a NaN that is dropped is gone
ELEMENTWISE = [case for case in KERNELS if case.elementwise]

# One element, less than a vector, whole vectors, and one more or less; a few rows are enough for all of them.
COLUMNS = st.sampled_from([1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257])
ROWS = st.sampled_from([1, 2, 3, 8, 9])
SEEDS = st.integers(0, 2**32 - 1)


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=attrgetter("name"))


def special_values(dtype):
    limits = np.finfo(dtype)
    positive = [0, limits.smallest_subnormal, limits.tiny, limits.eps, 1, 20, 88, 89, 100, 710, 1e4, limits.max, np.inf]
    return np.array([np.nan, *positive, *(-float(v) for v in positive)], dtype)


@each(KERNELS)
@given(seed=SEEDS, rows=ROWS, columns=COLUMNS)
def test_forward(case, dtype, seed, rows, columns):
    x = normal(np.random.default_rng(seed), rows, columns, dtype)
    with canaries() as place:
        y = place(x)
        case.forward_kernel(y)
    assert_close(y, case.forward(exact(x)))


@each(GRADIENTS)
@given(seed=SEEDS, rows=ROWS, columns=COLUMNS)
def test_backward(case, dtype, seed, rows, columns):
    rng = np.random.default_rng(seed)
    x, dy = normal(rng, rows, columns, dtype), normal(rng, rows, columns, dtype)
    output = case.forward(x).astype(dtype)
    with canaries() as place:
        dx, kept = place(dy), place(x if case.from_input else output, kept=True)
        case.backward_kernel(dx, kept)
    (expected,) = case.backward(*exact(dy, x, output))
    magnitude = np.abs(dy)  # each dx is a part of its dy, as in dy (1 - y^2)
    assert_close(dx, expected, magnitude if case.elementwise else magnitude.max(axis=1, keepdims=True))


@each(ELEMENTWISE)
def test_forward_of_special_values(case, dtype):
    x = special_values(dtype)
    # Every value once at every place of a vector.
    x = np.concatenate([np.roll(x, shift) for shift in range(x.size)]).reshape(1, -1)
    y = x.copy()
    case.forward_kernel(y)
    assert_close(y, case.forward(exact(x)))


@each(KEEPING)
def test_nan_stays_visible(case, dtype, rng):
    x = normal(rng, 3, 65, dtype)
    for place in (0, 1, 7, 31, 63, 64):
        y = x.copy()
        y[1, place] = np.nan
        case.forward_kernel(y)
        alone = np.zeros(65, bool)
        alone[place] = True
        expected = np.ones(65, bool) if case.name == "softmax" else alone
        np.testing.assert_array_equal(np.isnan(y), [np.zeros(65, bool), expected, np.zeros(65, bool)])


@each([case for case in KEEPING if case in GRADIENTS])
def test_nan_in_a_gradient_stays_visible(case, dtype, rng):
    output = np.full((3, 65), 0.5, dtype)  # where no activation is switched off
    for place in (0, 1, 7, 31, 63, 64):
        dx = normal(rng, 3, 65, dtype)
        dx[1, place] = np.nan
        case.backward_kernel(dx, output)
        assert np.isnan(dx[1, place])
        assert np.isfinite(dx[[0, 2]]).all()


@each([case for case in GRADIENTS if case.elementwise and not case.from_input and case.name != "rescaling"])
def test_backward_where_an_activation_is_flat(case, dtype):
    """An infinite dy times a slope of 0 is 0 where an activation cuts off: what is switched off has no gradient."""
    y = np.array([[0.0, -0.0, 1.0, 0.0]], dtype)
    dx = np.array([[3.0, 3.0, 3.0, np.inf]], dtype)
    case.backward_kernel(dx, y)
    expected = {
        "relu": [0, 0, 3, 0],
        "sigmoid": [0, 0, 0, np.nan],
        "tanh": [3, 3, 0, np.inf],
        "elu": [2.1, 2.1, 3, np.inf],
        "selu": [3 * 1.7580993, 3 * 1.7580993, 3 * 1.0507010, np.inf],
        "softplus": [0, 0, 3 * (1 - np.exp(-1)), np.nan],
        "exponential": [0, 0, 3, np.nan],
        "hard_sigmoid": [0, 0, 0, 0],
        "leaky_relu": [0.9, 0.9, 3, np.inf],  # at 0 the slope of the negative side, as in PyTorch and for PReLU
        "relu_with_slope": [0.03, 0.03, 3, np.inf],
        "leaky_relu_by_name": [0.6, 0.6, 3, np.inf],
    }
    np.testing.assert_allclose(dx[0], expected.get(case.name, [3, 3, 3, np.inf]), rtol=1e-6)


def test_relu_has_no_slope_at_zero_and_below(dtype):
    case = next(case for case in LAYERS if case.name == "relu")
    y = np.array([[-1.0, -0.0, 0.0, 1e-30, 2.0]], dtype)
    dx = np.full_like(y, 5)
    case.backward_kernel(dx, y)
    assert dx.tolist() == [[0, 0, 0, 5, 5]]


@each(ELEMENTWISE)
@given(seed=SEEDS, cut=st.integers(1, 40), size=st.integers(41, 300))
def test_bits_do_not_depend_on_where_an_element_stands(case, dtype, seed, cut, size):
    """Threads share the rows: vectorised or not, first or last, an element must come out the same."""
    rng = np.random.default_rng(seed)
    x, dy = normal(rng, 1, size, dtype), normal(rng, 1, size, dtype)
    whole, pieces = x.copy(), x.copy()
    case.forward_kernel(whole)
    for start in (*range(0, size, cut), size):
        case.forward_kernel(pieces[:, start : start + cut])
    assert_same_bits(pieces, whole)
    dx, dx_pieces = dy.copy(), dy.copy()
    case.backward_kernel(dx, whole)
    for start in (*range(0, size, cut), size):
        case.backward_kernel(dx_pieces[:, start : start + cut], whole[:, start : start + cut])
    assert_same_bits(dx_pieces, dx)


@pytest.mark.parametrize("name", ["forward_kernel", "backward_kernel"])
@given(seed=SEEDS, columns=COLUMNS)
def test_softmax_leaves_padding_alone_and_does_not_read_it(name, dtype, seed, columns):
    case = next(case for case in LAYERS if case.name == "softmax")
    from fastnn.kernels import activations

    rng = np.random.default_rng(seed)
    arrays = [case.forward(normal(rng, 3, columns, dtype)) for _ in range(1 if name == "forward_kernel" else 2)]
    padded = [np.full((3, columns + 5), np.nan, dtype) for _ in arrays]
    for wide, array in zip(padded, arrays, strict=True):
        wide[:, :columns] = array
    kernel = activations.softmax_forward if name == "forward_kernel" else activations.softmax_backward
    kernel(*padded, columns)
    getattr(case, name)(*arrays)
    assert_same_bits(np.ascontiguousarray(padded[0][:, :columns]), arrays[0])
    assert np.isnan(padded[0][:, columns:]).all()


@pytest.mark.parametrize("size", [100, 1e4])
def test_softmax_of_large_logits(dtype, size):
    case = next(case for case in LAYERS if case.name == "softmax")
    rows = [[size, -size, 0], [size, size, -size], [-size, -size, -size], [0, -np.inf, 1]]
    x = np.array([np.roll(row, shift) for row in rows for shift in range(3)], dtype)
    y = x.copy()
    case.forward_kernel(y)
    assert_close(y, case.forward(exact(x)))
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)


def test_softmax_without_a_finite_maximum_is_nan(dtype):
    case = next(case for case in LAYERS if case.name == "softmax")
    for row in ([np.inf, 0, 1], [-np.inf, -np.inf, -np.inf]):
        y = np.array([row], dtype)
        case.forward_kernel(y)
        assert np.isnan(y).any()
