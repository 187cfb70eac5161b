"""PReLU's kernels against the reference, for every way in which slopes can be shared."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels.prelu import prelu_add_slopes, prelu_backward, prelu_forward

from ..cases import padded_matrix
from ..comparing import assert_close, assert_same_bits, canaries, exact
from ..reference import activations as reference
from ..reference.gradients import central_difference

# The shape of a sample and of its slopes.
SHARING = {
    "each its own": ((37,), (37,)),
    "one for all": ((37,), (1,)),
    "one number": ((1,), (1,)),
    "one for each channel": ((3, 2, 17), (1, 1, 17)),
    "one for each row": ((3, 5, 2), (3, 1, 1)),
    "one for each column": ((3, 5, 2), (1, 5, 1)),
    "one for each row and channel": ((3, 5, 9), (3, 1, 9)),
    "one for each pixel": ((3, 2, 9), (3, 2, 1)),
    "one for each number": ((3, 2, 9), (3, 2, 9)),
}
each_sharing = pytest.mark.parametrize("sharing", SHARING.values(), ids=SHARING.keys())


class Example:
    """Arrays as a program has them: rows longer than the sample, with NaN where nothing may be read."""

    def __init__(self, rng, rows, sharing, dtype):
        self.shape, slopes = sharing
        self.x, self.dy = (rng.normal(size=(rows, *self.shape)).astype(dtype) for _ in range(2))
        self.x[rng.random(self.x.shape) < 0.1] = 0
        self.alpha = rng.normal(size=slopes).astype(dtype)
        numbers = np.arange(int(np.prod(slopes[:-1]))).reshape(slopes[:-1])
        self.row_of = np.broadcast_to(numbers, self.shape[:-1]).flatten()
        self.sizes = slopes[-1], self.shape[-1]

    def padded(self, array):
        return padded_matrix(array.reshape(len(array), -1), np.nan)

    def padded_alpha(self):
        return padded_matrix(self.alpha.reshape(-1, self.alpha.shape[-1]), np.nan)

    def valid(self, array):
        """The samples, after a look at the padding."""
        columns, rows = int(np.prod(self.shape)), len(self.x)
        assert np.isnan(array[:rows, columns:]).all()
        return array[:rows, :columns].reshape(self.x.shape)


@each_sharing
@given(seed=st.integers(0, 2**32 - 1), rows=st.sampled_from([1, 2, 9]))
def test_agrees_with_the_reference(sharing, dtype, seed, rows):
    e = Example(np.random.default_rng(seed), rows, sharing, dtype)
    with canaries() as place:
        x, dy = place(e.padded(e.x)[:rows], kept=True), place(e.padded(e.dy)[:rows], kept=True)
        alpha = place(e.padded_alpha(), kept=True)
        y, dx = place(np.full_like(x, np.nan)), place(np.full_like(x, np.nan))
        dalpha = place(alpha * 0)
        dalpha[: e.row_of.max() + 1, : e.sizes[0]] = 1
        prelu_forward(y, x, alpha, e.row_of, *e.sizes)
        prelu_backward(dx, dy, x, alpha, e.row_of, *e.sizes)
        prelu_add_slopes(dalpha, dy, x, e.row_of, 0, e.row_of.size, *e.sizes)
    expected_dx, expected_dalpha = reference.prelu_backward(*exact(e.dy, e.x, e.alpha))
    assert_close(e.valid(y), reference.prelu_forward(*exact(e.x, e.alpha)))
    assert_close(e.valid(dx), expected_dx)
    _, magnitude = reference.prelu_backward(*exact(np.abs(e.dy), -np.abs(e.x), e.alpha))
    got = dalpha[: e.row_of.max() + 1, : e.sizes[0]].reshape(e.alpha.shape)
    assert_close(got, 1 + expected_dalpha, 1 + np.abs(magnitude))


def test_pixels_can_be_added_apart(rng, dtype):
    """As threads share them."""
    e = Example(rng, 3, SHARING["one for each number"], dtype)
    x, dy, pixels = e.padded(e.x)[:3], e.padded(e.dy)[:3], e.row_of.size
    whole, parts = np.zeros_like(e.padded_alpha()), np.zeros_like(e.padded_alpha())
    prelu_add_slopes(whole, dy, x, e.row_of, 0, pixels, *e.sizes)
    for start in range(0, pixels, 2):
        before = parts.copy()
        prelu_add_slopes(parts, dy, x, e.row_of, start, start + 2, *e.sizes)
        before[start : start + 2] = parts[start : start + 2]
        assert_same_bits(parts, before)
    assert_same_bits(parts, whole)


@each_sharing
def test_gradients_are_central_differences(sharing, rng):
    e = Example(rng, 3, sharing, np.dtype(np.float64))
    x, dy = np.where(e.x == 0, 1, e.x).reshape(3, -1), e.dy.reshape(3, -1)  # at 0 there is no slope
    alpha = e.alpha.reshape(-1, e.sizes[0])

    def forward(x, alpha):
        y = np.empty_like(x)
        prelu_forward(y, x, alpha, e.row_of, *e.sizes)
        return y

    dx, dalpha = np.empty_like(x), np.zeros_like(alpha)
    prelu_backward(dx, dy, x, alpha, e.row_of, *e.sizes)
    prelu_add_slopes(dalpha, dy, x, e.row_of, 0, e.row_of.size, *e.sizes)
    by_x = central_difference(lambda x: forward(x, alpha), x, dy, 1e-5)
    by_alpha = central_difference(lambda alpha: forward(x, alpha), alpha, dy, 1e-5)
    np.testing.assert_allclose(dx, by_x, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(dalpha, by_alpha, rtol=1e-6, atol=1e-8)


def test_zeros_nan_and_infinities(dtype):
    x = np.array([[0.0, -0.0, np.nan, -np.inf, np.inf]], dtype)
    alpha, dy, pixel = np.full((1, 5), -0.5, dtype), np.full((1, 5), 3, dtype), np.zeros(1, np.int64)
    for width in (1, 5):
        y, dx, dalpha = np.empty_like(x), np.empty_like(x), np.zeros((1, 5), dtype)
        prelu_forward(y, x, alpha, pixel, width, 5)
        prelu_backward(dx, dy, x, alpha, pixel, width, 5)
        prelu_add_slopes(dalpha, dy, x, pixel, 0, 1, width, 5)
        np.testing.assert_array_equal(y, [[0, 0, np.nan, np.inf, np.inf]])
        np.testing.assert_array_equal(dx, [[-1.5, -1.5, 3, -1.5, 3]])  # at 0 the slope
        np.testing.assert_array_equal(dalpha, [[0, 0, 0, -np.inf, 0] if width == 5 else [-np.inf, 0, 0, 0, 0]])


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 70))
def test_bits_do_not_depend_on_where_an_element_stands(dtype, seed, size):
    rng = np.random.default_rng(seed)
    x, dy, alpha = (rng.normal(size=(1, size)).astype(dtype) for _ in range(3))
    y, dx, pixel = np.empty_like(x), np.empty_like(x), np.zeros(1, np.int64)
    prelu_forward(y, x, alpha, pixel, size, size)
    prelu_backward(dx, dy, x, alpha, pixel, size, size)
    for i in range(size):
        x_i, dy_i, slope = (array[:, i : i + 1].copy() for array in (x, dy, alpha))
        one = np.empty((1, 1), dtype)
        prelu_forward(one, x_i, slope, pixel, 1, 1)
        assert_same_bits(one[0], y[0, i : i + 1])
        prelu_backward(one, dy_i, x_i, slope, pixel, 1, 1)
        assert_same_bits(one[0], dx[0, i : i + 1])
