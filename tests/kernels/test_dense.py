"""The dense layer's kernels on padded matrices."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels.arrays import ROWS, padded, stride
from fastnn.kernels.dense import (
    dense_backward_bias,
    dense_backward_input,
    dense_backward_kernel,
    dense_forward,
    transpose,
)
from fastnn.kernels.jit import JIT_ENABLED

from ..cases import padded_matrix
from ..comparing import assert_close, assert_same_bits, canaries, exact
from ..reference.dense import dense_backward
from ..reference.gradients import central_difference

_SIZES = [1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64, 65, 127, 128, 129, 255, 256, 257]
SIZES = st.sampled_from(_SIZES if JIT_ENABLED else _SIZES[:13])
SEEDS = st.integers(0, 2**32 - 1)


def example(seed, batch, inputs, outputs, dtype):
    rng = np.random.default_rng(seed)
    shapes = ((batch, inputs), (inputs, outputs), (1, outputs), (batch, outputs))
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def nan_rows_below(array):
    """Padded, the rows below full of NaN: what a batch left there before this smaller one."""
    wide = padded_matrix(array)
    wide[len(array) :] = np.nan
    return wide


def assert_zero(padding, factor):
    """The padding of a product is zero where the rows of its first factor are finite: NaN times 0 is NaN."""
    assert not padding[np.isfinite(factor).all(axis=1)].any()


def forward(x, w, b):
    (batch, inputs), outputs = x.shape, w.shape[1]
    with canaries() as place:
        y = place(np.full((padded(batch), stride(outputs, x.dtype)), 7, x.dtype))
        y[:batch, outputs:] = 0
        wide_x, wide_w, wide_b = nan_rows_below(x), padded_matrix(w)[:inputs], padded_matrix(b)[0]
        wide_x[:, inputs:] = np.nan  # an activation may leave anything there: sigmoid makes a half of 0
        dense_forward(y, *(place(a, kept=True) for a in (wide_x, wide_w, wide_b)), batch, inputs, outputs)
    assert_zero(y[:batch, outputs:], x)
    return np.ascontiguousarray(y[:batch, :outputs])


def backward_input(dy, w):
    (batch, outputs), inputs = dy.shape, len(w)
    zeros = np.zeros(max(stride(inputs, dy.dtype), stride(outputs, dy.dtype)), dy.dtype)
    with canaries() as place:
        dx = place(np.full((padded(batch), stride(inputs, dy.dtype)), 7, dy.dtype))
        dx[:batch, inputs:] = 0
        w_transposed = place(np.zeros((outputs, stride(inputs, dy.dtype)), dy.dtype))
        transpose(w_transposed, place(padded_matrix(w)[:inputs], True), 0, inputs, outputs)
        arrays = (nan_rows_below(dy), w_transposed, zeros)
        dense_backward_input(dx, *(place(a, kept=True) for a in arrays), batch, inputs, outputs)
    assert_zero(dx[:batch, inputs:], dy)
    return np.ascontiguousarray(dx[:batch, :inputs])


def backward_kernel(x, dy, parts=1):
    """dw, in as many parts of whole tiles of rows as threads would take."""
    (batch, inputs), outputs = x.shape, dy.shape[1]
    wide_x, wide_dy = nan_rows_below(x), nan_rows_below(dy)
    wide_x[:, inputs:] = np.nan
    zeros = np.zeros(wide_dy.shape[1], dy.dtype)
    with canaries() as place:
        dw = place(np.full((padded(inputs), wide_dy.shape[1]), 7, dy.dtype))
        dw[:, outputs:] = 0
        tiles = padded(inputs) // ROWS
        for part in range(parts):
            first, stop = part * tiles // parts * ROWS, min(inputs, (part + 1) * tiles // parts * ROWS)
            if first < stop:
                place_dw = dw[first : padded(stop)]
                arrays = (place(a, kept=True) for a in (wide_x, wide_dy, zeros))
                dense_backward_kernel(place_dw, *arrays, first, stop - first, batch, outputs)
    assert_zero(dw[:inputs, outputs:], x.T)
    return np.ascontiguousarray(dw[:inputs, :outputs])


def backward_bias(dy):
    batch, outputs = dy.shape
    wide = nan_rows_below(dy)
    with canaries() as place:
        db = place(np.full((1, wide.shape[1]), 7, dy.dtype))
        db[:, outputs:] = 0
        arrays = (wide, np.ones(1, dy.dtype), np.zeros(wide.shape[1], dy.dtype))
        dense_backward_bias(db, *(place(a, kept=True) for a in arrays), batch, outputs)
    assert not db[0, outputs:].any()
    return db[:, :outputs].copy()


@given(seed=SEEDS, batch=SIZES, inputs=SIZES, outputs=SIZES)
def test_forward(dtype, seed, batch, inputs, outputs):
    x, w, b, _ = example(seed, batch, inputs, outputs, dtype)
    exact_x, exact_w, exact_b = exact(x, w, b)
    magnitude = np.abs(exact_x) @ np.abs(exact_w) + np.abs(exact_b)
    assert_close(forward(x, w, b), exact_x @ exact_w + exact_b, magnitude)


@given(seed=SEEDS, batch=SIZES, inputs=SIZES, outputs=SIZES)
def test_backward(dtype, seed, batch, inputs, outputs):
    x, w, _, dy = example(seed, batch, inputs, outputs, dtype)
    expected = dense_backward(*exact(dy, x, w))
    magnitudes = dense_backward(*(np.abs(a) for a in exact(dy, x, w)))
    assert_close(backward_input(dy, w), expected[0], magnitudes[0])
    assert_close(backward_kernel(x, dy), expected[1], magnitudes[1])
    assert_close(backward_bias(dy)[0], expected[2], magnitudes[2])


def test_central_differences(rng):
    x, w, b, dy = example(3, 5, 6, 4, np.float64)
    pairs = [
        (backward_input(dy, w), lambda a: forward(a, w, b), x),
        (backward_kernel(x, dy), lambda a: forward(x, a, b), w),
        (backward_bias(dy), lambda a: forward(x, w, a), b),
    ]
    for gradient, function, argument in pairs:
        np.testing.assert_allclose(gradient, central_difference(function, argument, dy, 1e-5), rtol=1e-7, atol=1e-8)


@given(seed=SEEDS, batch=SIZES, inputs=SIZES, outputs=SIZES, parts=st.integers(1, 5))
def test_bits_do_not_depend_on_how_threads_share_the_work(dtype, seed, batch, inputs, outputs, parts):
    x, w, b, dy = example(seed, batch, inputs, outputs, dtype)
    y, dx = forward(x, w, b), backward_input(dy, w)
    starts = [part * (padded(batch) // ROWS) // parts * ROWS for part in range(parts)] + [batch]
    for start, stop in pairwise(starts):
        if start < min(stop, batch):
            assert_same_bits(forward(x[start:stop], w, b), y[start:stop])
            assert_same_bits(backward_input(dy[start:stop], w), dx[start:stop])
    assert_same_bits(backward_kernel(x, dy, parts), backward_kernel(x, dy))


@given(seed=SEEDS, inputs=SIZES, outputs=SIZES, data=st.data())
def test_transpose_of_some_rows(dtype, seed, inputs, outputs, data):
    w = padded_matrix(example(seed, 1, inputs, outputs, dtype)[1])[:inputs]
    first = data.draw(st.integers(0, inputs - 1))
    rows = data.draw(st.integers(1, inputs - first))
    with canaries() as place:
        w_transposed = place(np.full((outputs, stride(inputs, dtype)), 7, dtype))
        transpose(w_transposed, place(w, kept=True), first, rows, outputs)
    expected = np.full_like(w_transposed, 7)
    expected[:, first : first + rows] = w[first : first + rows, :outputs].T
    assert_same_bits(w_transposed, expected)


def test_nan_in_one_sample_reaches_its_outputs_and_all_of_the_weights_it_touches(dtype):
    x, w, b, dy = example(1, 9, 17, 10, dtype)
    x[4, 3] = np.nan
    assert np.isnan(forward(x, w, b)).all(axis=1).tolist() == [i == 4 for i in range(9)]
    assert np.isnan(backward_kernel(x, dy)).all(axis=1).tolist() == [i == 3 for i in range(17)]
    dy[4, 3] = np.nan
    assert np.isnan(backward_input(dy, w)).all(axis=1).tolist() == [i == 4 for i in range(9)]
    assert np.isnan(backward_bias(dy))[0].tolist() == [j == 3 for j in range(10)]
