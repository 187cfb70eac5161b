"""The kernels of the dense layer on sparse rows: the reference's numbers, and the dense kernels' bits."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels.arrays import stride
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.kernels.sparse import place_of, sort_by_column, sparse_backward_kernel, sparse_backward_row, sparse_forward

from ..cases import padded_matrix
from ..comparing import assert_close, assert_same_bits, canaries, exact
from ..reference import sparse as reference
from . import test_dense as dense

_SIZES = [1, 2, 3, 8, 15, 16, 17, 48, 49, 64, 65, 100, 257]
SIZES = st.sampled_from(_SIZES if JIT_ENABLED else _SIZES[:7])
SAMPLES = st.integers(1, 40 if JIT_ENABLED else 12)
SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.sampled_from([0.0, 0.02, 0.3, 1.0])  # of the numbers that are not zero
SPARE = 3  # entries before and after those of x, and columns beyond it, that no kernel may look at


class Example:
    """A batch of some rows of a sparse matrix, in an order of its own."""

    def __init__(self, seed, batch, inputs, outputs, share, dtype):
        rng = np.random.default_rng(seed)
        self.sizes, self.samples = (batch, inputs, outputs), batch + 4
        x = rng.normal(size=(self.samples, inputs)) * (rng.random((self.samples, inputs)) < share)
        self.order, self.first = rng.permutation(self.samples), int(rng.integers(0, 5))
        x, self.w, self.b, self.dy = (
            a.astype(dtype)
            for a in (x, *(rng.normal(size=s) for s in ((inputs, outputs), (1, outputs), (batch, outputs))))
        )
        rows, columns = np.nonzero(x)
        nothing = np.full(SPARE, 2**31 - 1, np.int32)
        self.indptr = SPARE + np.searchsorted(rows, np.arange(self.samples + 1))
        self.indices = np.concatenate([nothing, columns.astype(np.int32), nothing])
        self.values = np.concatenate([np.full(SPARE, np.nan, dtype), x[rows, columns], np.full(SPARE, np.nan, dtype)])
        self.chosen = self.order[self.first : self.first + batch]
        self.x = x[self.chosen]  # as a dense matrix

    def csr(self):
        """The batch as the reference takes it, in float64."""
        rows, columns = np.nonzero(self.x)
        indptr = np.searchsorted(rows, np.arange(len(self.x) + 1))
        return indptr, columns, self.x[rows, columns].astype(np.float64)


def forward(e, scale=1.0):
    batch, inputs, outputs = e.sizes
    with canaries() as place:
        y = place(np.full((batch, stride(outputs, e.w.dtype)), 7, e.w.dtype))
        arrays = (place(a, kept=True) for a in (e.indptr, e.indices, e.values, e.order))
        w, b = place(padded_matrix(e.w)[:inputs], kept=True), place(padded_matrix(e.b)[0], kept=True)
        sparse_forward(y, *arrays, e.first, scale, w, b, outputs)
    return np.ascontiguousarray(y[:, :outputs])


class Lists:
    """What `sort_by_column` keeps between two steps."""

    def __init__(self, e, place):
        most, inputs = len(e.values) - 2 * SPARE, e.sizes[1]
        self.touched, self.columns = place(np.full(inputs, 7, np.int32)), place(np.zeros(2 * inputs, np.int32))
        self.samples, self.entries = place(np.full(most, 7, np.int32)), place(np.full(most, np.nan, e.w.dtype))

    def sort(self, e, start, stop, scale=1.0):
        x = (e.indptr, e.indices, e.values, e.order)
        sort_by_column(
            self.touched, self.columns, self.samples, self.entries, *x, e.first, len(e.dy), scale, start, stop
        )


def starts_of(inputs, parts):
    return [part * inputs // parts for part in range(parts + 1)]


def backward_kernel(e, parts=1, scale=1.0, touched_only=False):
    """dw, in as many parts as threads would take; what nothing touches is 7 if only the other rows are computed."""
    _, inputs, outputs = e.sizes
    starts = starts_of(inputs, parts)
    with canaries() as place:
        lists = Lists(e, place)
        dw = place(np.full((inputs, stride(outputs, e.dy.dtype)), 7, e.dy.dtype))
        dw[:, outputs:] = 0
        dy, zeros = place(padded_matrix(e.dy), kept=True), np.zeros(dw.shape[1], dw.dtype)
        one = np.ones(1, dw.dtype)
        for start, stop in pairwise(starts):
            lists.sort(e, start, stop, scale)
        for start, stop in pairwise(starts):
            if not touched_only:
                some = dw[start:stop]
                sparse_backward_kernel(
                    some, lists.columns, lists.samples, lists.entries, dy, zeros, one, start, outputs
                )
                continue
            for k in lists.touched[start:stop]:
                if k < 0:
                    break
                sparse_backward_row(dw, k, k, lists.columns, lists.samples, lists.entries, dy, zeros, one, outputs)
        assert not lists.columns[::2].any()  # as it must be for the next step
    assert not dw[:, outputs:].any()
    return np.ascontiguousarray(dw[:, :outputs])


@given(seed=SEEDS, batch=SAMPLES, inputs=SIZES, outputs=SIZES, share=SHARES)
def test_against_the_reference(dtype, seed, batch, inputs, outputs, share):
    e = Example(seed, batch, inputs, outputs, share, dtype)
    w, b, dy = exact(e.w, e.b, e.dy)
    indptr, indices, values = e.csr()
    magnitude = reference.sparse_forward(indptr, indices, np.abs(values), np.abs(w), np.abs(b[0]))
    assert_close(forward(e), reference.sparse_forward(indptr, indices, values, w, b[0]), magnitude)
    magnitude = reference.sparse_backward_kernel(np.abs(dy), indptr, indices, np.abs(values), inputs)
    assert_close(backward_kernel(e), reference.sparse_backward_kernel(dy, indptr, indices, values, inputs), magnitude)


def assert_same_but_for_zeros(got, expected):
    """Bit by bit, but 0 may be -0: adding 0 to -0 gives 0."""
    assert_same_bits(got + 0, expected + 0)


@given(seed=SEEDS, batch=SAMPLES, inputs=SIZES, outputs=SIZES, share=SHARES)
def test_the_bits_of_the_dense_kernels(dtype, seed, batch, inputs, outputs, share):
    e = Example(seed, batch, inputs, outputs, share, dtype)
    assert_same_but_for_zeros(forward(e), dense.forward(e.x, e.w, e.b))
    assert_same_but_for_zeros(backward_kernel(e), dense.backward_kernel(e.x, e.dy))
    scaled = (e.x * dtype.type(0.3)).astype(dtype)
    assert_same_but_for_zeros(forward(e, 0.3), dense.forward(scaled, e.w, e.b))
    assert_same_but_for_zeros(backward_kernel(e, scale=0.3), dense.backward_kernel(scaled, e.dy))


@given(seed=SEEDS, batch=SAMPLES, inputs=SIZES, share=SHARES, parts=st.integers(2, 5))
def test_bits_do_not_depend_on_how_threads_share_the_work(dtype, seed, batch, inputs, share, parts):
    e = Example(seed, batch, inputs, 17, share, dtype)
    expected = backward_kernel(e)
    assert_same_bits(backward_kernel(e, parts), expected)
    only = backward_kernel(e, parts, touched_only=True)
    touched = (e.x != 0).any(axis=0)
    assert_same_bits(only[touched], expected[touched])
    assert (only[~touched] == 7).all()


@given(seed=SEEDS, share=SHARES, start=st.integers(0, 16), size=st.integers(1, 17))
def test_rows_that_are_touched(dtype, seed, share, start, size):
    """Those of the part, each once; -1 after them only if they are fewer; and nothing else is written."""
    stop = min(17, start + size)
    e = Example(seed, 6, 17, 3, share, dtype)
    with canaries() as place:
        lists = Lists(e, place)
        lists.sort(e, start, stop)
    expected = np.flatnonzero((e.x != 0).any(axis=0))
    expected = expected[(start <= expected) & (expected < stop)]
    found, rest = np.split(lists.touched[start:stop], [len(expected)])
    assert sorted(found) == expected.tolist()
    assert rest[:1].tolist() == [-1] * (len(rest) > 0)
    assert (lists.touched[:start] == 7).all()
    assert (lists.touched[stop:] == 7).all()
    counts = np.count_nonzero(e.x, axis=0)
    counts[:start] = counts[stop:] = 0
    np.testing.assert_array_equal(lists.columns[::2], counts)


def test_an_entry_that_is_zero_counts_as_one(dtype):
    """A NaN weight shows where a zero is stored, as it does in a dense matrix."""
    e = Example(1, 1, 3, 2, 1.0, dtype)
    e.values[SPARE:-SPARE] = 0
    e.w[0] = np.nan
    assert np.isnan(forward(e)).all()


@given(columns=st.sets(st.integers(0, 30)), before=st.integers(0, 3), column=st.integers(0, 31))
def test_place_of(columns, before, column):
    indices = np.array([0] * before + sorted(columns) + [99], np.int32)
    end = before + len(columns)
    assert place_of(indices, before, end, column) == before + sum(k < column for k in columns)
