"""The register tile, and the product made of it."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels.arrays import ROWS, lanes_of, padded
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.kernels.processor import HAS_FMA
from fastnn.kernels.tile import DEPTH, product

from ..cases import padded_matrix
from ..comparing import assert_close, assert_same_bits, canaries, exact

# Around the tile's rows, every vector's width and the strides at which rows get an odd number of cache lines.
_SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 15, 16, 17, 24, 31, 32, 33, 47, 63, 64, 65, 127, 128, 129, 255, 256, 257]
SIZES = st.sampled_from(_SIZES if JIT_ENABLED else _SIZES[:17])
SEEDS = st.integers(0, 2**32 - 1)


def operands(rng, rows, depth, columns, dtype):
    return (rng.normal(size=shape).astype(dtype) for shape in ((rows, depth), (depth, columns), (columns,)))


def run(a, b, start, transposed=False):
    """start + a b; what the tile may not read is NaN, what it may not write is checked."""
    (rows, depth), columns = a.shape, b.shape[1]
    whole = -(-columns // lanes_of(a.dtype)) * lanes_of(a.dtype)  # the columns that the tile may touch
    wide_b, wide_start = padded_matrix(b, np.nan)[:depth], padded_matrix(start[np.newaxis], np.nan)[0]
    wide_b[:, columns:whole] = wide_start[columns:whole] = 0
    with canaries() as place:
        c = place(np.full((padded(rows) if rows > 1 else 1, wide_b.shape[1]), np.nan, a.dtype))
        if transposed:
            wide_a = padded_matrix(np.ascontiguousarray(a.T), np.nan)[:depth]
            strides = (1, wide_a.shape[1])
        else:
            wide_a = padded_matrix(a, np.nan)
            strides = (wide_a.shape[1], 1)
        product(c, place(wide_a, True), 0, *strides, place(wide_b, True), place(wide_start, True), rows, depth, columns)
    finite = np.isfinite(a).all(axis=1)  # NaN times the padding's 0 is NaN
    assert not c[:rows, columns:whole][finite].any()
    assert np.isnan(c[:rows, whole:]).all()
    return np.ascontiguousarray(c[:rows, :columns])


@pytest.mark.parametrize("transposed", [False, True])
@given(seed=SEEDS, rows=SIZES, depth=SIZES, columns=SIZES)
def test_product(dtype, transposed, seed, rows, depth, columns):
    a, b, start = operands(np.random.default_rng(seed), rows, depth, columns, dtype)
    c = run(a, b, start, transposed)
    exact_a, exact_b, exact_start = exact(a, b, start)
    magnitude = np.abs(exact_a) @ np.abs(exact_b) + np.abs(exact_start)
    assert_close(c, exact_a @ exact_b + exact_start, magnitude)


@pytest.mark.parametrize("depth", [DEPTH - 1, DEPTH, DEPTH + 1, 2 * DEPTH + 3])
@pytest.mark.parametrize("rows", [1, ROWS + 1])
def test_deep_products(dtype, rng, rows, depth):
    a, b, start = operands(rng, rows, depth, 3 * lanes_of(dtype) + 1, dtype)
    exact_a, exact_b, exact_start = exact(a, b, start)
    magnitude = np.abs(exact_a) @ np.abs(exact_b) + np.abs(exact_start)
    c = run(a, b, start)
    assert_close(c, exact_a @ exact_b + exact_start, magnitude)
    alone = np.concatenate([run(row[np.newaxis], b, start) for row in a])
    assert_same_bits(c, alone)


@given(seed=SEEDS, rows=SIZES, depth=SIZES, columns=SIZES, data=st.data())
def test_bits_depend_neither_on_the_tile_nor_on_who_computes_a_row(dtype, seed, rows, depth, columns, data):
    a, b, start = operands(np.random.default_rng(seed), rows, depth, columns, dtype)
    c = run(a, b, start)
    assert_same_bits(run(a, b, start, transposed=True), c)
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    assert_same_bits(run(a[row : row + 1], b, start)[0], c[row])
    one_column = run(a, np.ascontiguousarray(b[:, column:]), np.ascontiguousarray(start[column:]))
    assert_same_bits(one_column, np.ascontiguousarray(c[:, column:]))


@pytest.mark.parametrize("columns", [1, lanes_of(np.float32), 20])
@pytest.mark.parametrize("rows", [1, 11])
def test_each_output_is_one_chain_of_multiply_adds_in_order(rng, rows, columns):
    """In float64 a float32 product is exact, and rounding its sum twice gives what one rounding does but for luck."""
    a, b, start = operands(rng, rows, 50, columns, np.float32)
    expected = np.tile(start, (rows, 1))
    for k in range(50):
        terms = a[:, k, np.newaxis].astype(np.float64) * b[k].astype(np.float64)
        if not (HAS_FMA and JIT_ENABLED):
            terms = terms.astype(np.float32)
        expected = (expected + terms).astype(np.float32)
    assert_same_bits(run(a, b, start), expected)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nan_and_infinity_reach_their_row_and_no_other(dtype, rng, wrong):
    a, b, start = operands(rng, 9, 17, 33, dtype)
    a[3, 5] = wrong
    b[5] = np.abs(b[5])
    c = run(a, b, start)
    finite = np.isfinite(c)
    assert not finite[3].any()
    assert finite[np.arange(9) != 3].all()


def test_numbers_that_cancel_overflow_and_underflow(dtype):
    largest, tiny = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    a = np.array([[largest, -largest, 1], [largest, largest, 1], [tiny, tiny, 0]], dtype)
    c = run(a, np.ones((3, 1), dtype), np.zeros(1, dtype))
    np.testing.assert_array_equal(c[:, 0], np.array([1, np.inf, 2 * tiny], dtype))


def digest():
    """A hash of the bits of some products, which must be the same for every width of the vectors."""
    bits = hashlib.sha256()
    for dtype in (np.float32, np.float64):
        for rows, depth, columns in ((1, 5, 7), (1, 300, 257), (9, 33, 65), (64, 129, 31), (17, 1500, 40)):
            bits.update(run(*operands(np.random.default_rng(7), rows, depth, columns, dtype)).tobytes())
    return bits.hexdigest()
