"""The padding rules, the views, and what is done to whole arrays."""

import numba
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels.arrays import (
    CACHE_LINE,
    ROWS,
    all_finite,
    copy,
    copy_part,
    lanes,
    lanes_of,
    matrix,
    padded,
    stride,
    vector,
)
from fastnn.kernels.processor import SIMD_BYTES

from ..comparing import assert_same_bits, canaries

SIZES = st.sampled_from([1, 2, 3, 15, 16, 17, 31, 32, 33, 255, 256, 257])


@given(columns=st.integers(1, 10**5))
def test_stride(dtype, columns):
    elements, line = stride(columns, dtype), CACHE_LINE // dtype.itemsize
    assert elements >= columns
    assert elements % lanes_of(dtype) == 0
    assert elements % ROWS == 0
    assert elements - columns < max(2 * line, lanes_of(dtype), ROWS) + line
    if elements * dtype.itemsize >= 1024:
        assert elements % (2 * line) == line, "rows would push each other out of the cache"


@given(rows=st.integers(1, 10**6))
def test_padded(rows):
    assert padded(rows) % ROWS == 0
    assert rows <= padded(rows) < rows + ROWS


@numba.njit
def _fill_vector(flat, offset, size, value):
    view = vector(flat, offset, size)
    for i in range(view.size):
        view[i] = value + i


@numba.njit
def _fill_matrix(flat, offset, rows, columns, value):
    view = matrix(flat, offset, rows, columns)
    for i in range(view.shape[0]):
        for j in range(view.shape[1]):
            view[i, j] = value + 10 * i + j


@numba.njit
def _lanes(array):
    return lanes(array)


def test_views_reach_their_part_of_the_flat_array(dtype):
    flat = np.zeros(20, dtype)
    _fill_vector(flat, 2, 3, 5.0)
    _fill_matrix(flat, 7, 3, 4, 100.0)
    expected = np.zeros(20, dtype)
    expected[2:5] = [5, 6, 7]
    expected[7:19] = [100, 101, 102, 103, 110, 111, 112, 113, 120, 121, 122, 123]
    np.testing.assert_array_equal(flat, expected)


def test_lanes(dtype):
    assert _lanes(np.zeros(3, dtype)) == lanes_of(dtype) == SIMD_BYTES // dtype.itemsize


def test_copy(dtype, rng):
    x = rng.normal(size=33).astype(dtype)
    with canaries() as place:
        y = place(np.zeros(33, dtype))
        copy(y, place(x, kept=True))
    assert_same_bits(y, x)


@numba.njit
def _copy_part(*arguments):
    copy_part(*arguments)


def test_a_part_is_copied(dtype, rng):
    x, before = rng.normal(size=20).astype(dtype), rng.normal(size=30).astype(dtype)
    with canaries() as place:
        y = place(before.copy())
        _copy_part(y, 7, place(x, kept=True), 4, 11)
    assert_same_bits(y, np.concatenate([before[:7], x[4:15], before[18:]]))


@given(size=SIZES, wrong=st.sampled_from([np.nan, np.inf, -np.inf]), data=st.data())
def test_all_finite(dtype, size, wrong, data):
    limits = np.finfo(dtype)
    numbers = st.sampled_from([0.0, -0.0, 1.0, float(limits.max), float(limits.min), float(limits.smallest_subnormal)])
    x = np.array(data.draw(st.lists(numbers, min_size=size, max_size=size)), dtype)
    assert all_finite(x)
    x[data.draw(st.integers(0, size - 1))] = wrong
    assert not all_finite(x)


def test_nothing_is_finite(dtype):
    assert all_finite(np.zeros(0, dtype))
