"""Products that leave out terms that are zero: the bits of those that leave out nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels import marks, skipping
from fastnn.kernels.arrays import ROWS, padded, stride
from fastnn.kernels.dense import dense_backward_kernel, dense_forward
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.kernels.skipping import LIST, WORD

from ..cases import padded_matrix
from ..comparing import assert_same_bits, canaries
from ..reference import skipping as reference

SIZES = st.sampled_from([1, 2, 7, 8, 9, 16, 17, 63, 64, 65, 129] if JIT_ENABLED else [1, 2, 7, 8, 9, 65])
SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.sampled_from([0.0, 0.02, 0.2, 0.6, 1.0])
DEEP = skipping.DEPTH + 70  # more than one block of terms


def sparse(rng, rows, columns, share, dtype):
    """Numbers of which about this share is not zero; some zeros are negative."""
    x = rng.normal(size=(rows, columns)).astype(dtype)
    x[rng.random(x.shape) >= share] = 0
    x[rng.random(x.shape) < 0.1] *= -1
    return x


def padded_with_nan(x):
    """In whole tiles of rows, with NaN wherever x has no elements, also behind the end: nothing may depend on it."""
    wide = np.full((padded(len(x)), stride(x.shape[1], x.dtype)), np.nan, x.dtype)
    wide[: len(x), : x.shape[1]] = x
    return wide


def bitmaps(x, start=0):
    """The bitmaps of the rows of x as those of a batch from row `start` on, in an array whose other rows are wrong."""
    wide = padded_with_nan(x)
    slack = np.full(WORD, np.nan, x.dtype)
    readable = np.concatenate([wide.reshape(-1), slack])[: wide.size].reshape(wide.shape)
    words = -(-x.shape[1] // WORD)
    with canaries() as place:
        bits = place(np.full((words, start + padded(len(x))), -1, np.int64))
        skipping.mark(bits, place(readable, kept=True), start, len(x), x.shape[1])
    return bits


def lists(terms, count):
    """The lists that a kernel made."""
    rows = terms.reshape(-1, LIST)[:count]
    return [row[: row[-1]].tolist() for row in rows]


def never_empty(expected):
    return [ks or [0] for ks in expected]


def room(tiles):
    return np.full(tiles * LIST, -1, np.int16)


@given(seed=SEEDS, rows=SIZES, inputs=SIZES, share=SHARES)
def test_bitmaps(dtype, seed, rows, inputs, share):
    x = sparse(np.random.default_rng(seed), rows, inputs, share, dtype)
    x[0, 0] = np.nan
    bits = bitmaps(x, 8)[:, 8:].T[:rows].copy().view(np.uint64)
    seen = [[bool(int(row[k // WORD]) >> (k % WORD) & 1) for k in range(bits.shape[1] * WORD)] for row in bits]
    assert np.array_equal(np.array(seen)[:, :inputs], x != 0)
    assert not np.array(seen)[:, inputs:].any()


@given(seed=SEEDS, rows=SIZES, inputs=SIZES, share=SHARES)
def test_lists_of_elements(seed, rows, inputs, share):
    x = sparse(np.random.default_rng(seed), rows, inputs, share, np.float32)
    bits, expected = bitmaps(x, 2 * ROWS), reference.elements_left(x, ROWS)
    terms = room(len(expected))
    left = skipping.list_elements(terms, bits, 2 * ROWS, rows, 0, len(bits))
    assert lists(terms, len(expected)) == never_empty(expected)
    assert left == sum(map(len, expected))


@given(seed=SEEDS, rows=SIZES, inputs=SIZES, share=SHARES, data=st.data())
def test_lists_of_samples(seed, rows, inputs, share, data):
    x = sparse(np.random.default_rng(seed), rows, inputs, share, np.float32)
    bits = bitmaps(x)
    first = data.draw(st.integers(0, rows - 1))
    first_input = data.draw(st.integers(0, (inputs - 1) // ROWS)) * ROWS
    expected = reference.samples_left(x[first:, first_input:], ROWS)
    terms = room(len(expected))
    left = skipping.list_samples(terms, bits, first_input, inputs - first_input, first, rows - first)
    assert lists(terms, len(expected)) == never_empty(expected)
    assert left == sum(map(len, expected))


def both_forward(x, w, b):
    """x w + b by lists, and without."""
    (rows, inputs), outputs = x.shape, w.shape[1]
    results = []
    for skips in (True, False):
        with canaries() as place:
            y = place(np.full((padded(rows) if rows > 1 else 1, stride(outputs, x.dtype)), 7, x.dtype))
            arrays = [place(a, kept=True) for a in (padded_with_nan(x), padded_matrix(w)[:inputs], padded_matrix(b)[0])]
            if skips:
                terms = place(room(padded(rows) // ROWS))
                skipping.skipping_forward(y, *arrays, bitmaps(x, ROWS), terms, ROWS, rows, inputs, outputs)
            else:
                dense_forward(y, *arrays, rows, inputs, outputs)
        results.append(np.ascontiguousarray(y[:rows, :outputs]))
    return results


def both_backward_kernel(x, dy, parts):
    """dw by lists, in as many parts of whole tiles of rows as threads would take, and without."""
    (rows, inputs), outputs = x.shape, dy.shape[1]
    results = []
    for skips in (True, False):
        with canaries() as place:
            wide_dy = padded_with_nan(dy)
            wide_dy[:, outputs:] = 0
            dw = place(np.full((padded(inputs), stride(outputs, x.dtype)), 7, x.dtype))
            arrays = [place(a, kept=True) for a in (padded_with_nan(x), wide_dy, np.zeros(dw.shape[1], x.dtype))]
            if not skips:
                dense_backward_kernel(dw, *arrays, 0, inputs, rows, outputs)
            tiles = padded(inputs) // ROWS
            for part in range(parts if skips else 0):
                first, stop = part * tiles // parts * ROWS, min(inputs, (part + 1) * tiles // parts * ROWS)
                if first < stop:
                    of_part, terms = dw[first : padded(stop)], place(room(padded(stop - first) // ROWS))
                    skipping.skipping_backward_kernel(
                        of_part, *arrays, bitmaps(x), terms, first, stop - first, rows, outputs
                    )
        results.append(np.ascontiguousarray(dw[:inputs, :outputs]))
    return results


def operands(seed, rows, inputs, outputs, share, dtype):
    rng = np.random.default_rng(seed)
    shapes = ((inputs, outputs), (1, outputs), (rows, outputs))
    return sparse(rng, rows, inputs, share, dtype), *(rng.normal(size=shape).astype(dtype) for shape in shapes)


@given(seed=SEEDS, rows=SIZES, inputs=SIZES, outputs=SIZES, share=SHARES, parts=st.integers(1, 3))
def test_bits_of_the_products_that_leave_out_nothing(dtype, seed, rows, inputs, outputs, share, parts):
    x, w, b, dy = operands(seed, rows, inputs, outputs, share, dtype)
    assert_same_bits(*both_forward(x, w, b))
    skipped, whole = both_backward_kernel(x, dy, parts)
    assert_same_bits(skipped + 0, whole + 0)  # a sum of zeros may have the other sign


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("rows", [1, ROWS + 1])
def test_more_terms_than_a_block_has(dtype, rows, share):
    x, w, b, dy = operands(3, rows, DEEP, 20, share, dtype)
    assert_same_bits(*both_forward(x, w, b))
    x, _, _, dy = operands(4, DEEP, ROWS + 1, 20, share, dtype)
    skipped, whole = both_backward_kernel(x, dy, 1)
    assert_same_bits(skipped + 0, whole + 0)


# ---------------------------------------------------------------------------------------------------------------------
# Whether it pays.


class Layer:
    """The marks of a layer with batches of at most `rows` rows."""

    def __init__(self, rows, inputs, outputs=512):
        self.rows, self.inputs = padded(rows), inputs
        self.marks = np.zeros(3 + marks.marks_size(self.rows, inputs), np.int64)
        self.w = padded_matrix(np.ones((inputs, outputs), np.float32))

    def forward(self, x, start=0):
        wide = padded_with_nan(np.asarray(x, np.float32))
        readable = np.concatenate([wide.reshape(-1), np.zeros(WORD, np.float32)])[: wide.size].reshape(wide.shape)
        return marks.input_pays(3, self.marks, self.rows, room(16), readable[: len(x)], self.w, start, self.inputs)

    def gradient(self, batch, first=0, rows=None):
        rows = self.inputs - first if rows is None else rows
        return marks.gradient_pays(3, self.marks, self.rows, room(16), batch, first, rows, self.inputs, self.w.shape[1])

    def see_gradient(self, dy, start=0):
        marks.see_gradient(3, self.marks, self.rows, np.asarray(dy, np.float32), start)

    def see_weights(self, begins):
        marks.see_weights(3, self.marks, self.w, begins)


FEW = np.eye(3 * ROWS, 64)  # in a tile of rows at most ROWS columns are not zero
FULL = np.ones((3 * ROWS, 64))


def test_lists_are_used_where_they_leave_out_enough():
    layer = Layer(3 * ROWS, 64)
    for _ in range(3 * marks.PATIENCE):
        assert layer.forward(FEW)
        assert layer.gradient(3 * ROWS)


def test_for_few_outputs_more_must_be_left_out():
    """Making a list takes as long whatever the number of columns that then have fewer terms."""
    for zeros, outputs, pays in ((7, 512, False), (8, 512, True), (8, 64, False), (32, 64, True), (32, 16, False)):
        x = np.ones((ROWS, 64))
        x[:, :zeros] = 0
        assert Layer(ROWS, 64, outputs).forward(x) == pays


def test_after_a_look_nothing_is_asked_for_a_while():
    layer = Layer(3 * ROWS, 64)
    assert not layer.forward(FULL)
    assert not layer.gradient(3 * ROWS)
    assert [layer.forward(FEW) for _ in range(marks.PATIENCE + 1)] == [False] * marks.PATIENCE + [True]
    looks = [layer.forward(FULL) for _ in range(marks.PATIENCE + 1)]
    assert looks[-1] is False or not looks[-1]
    assert sum(map(bool, looks)) in (marks.PATIENCE - 1, marks.PATIENCE)


def test_a_single_row_is_looked_at_each_time():
    layer = Layer(3 * ROWS, 64)
    assert not layer.forward(FULL[:1])
    assert layer.forward(FEW[:1])


def test_the_gradient_uses_lists_only_if_all_rows_have_bitmaps():
    layer = Layer(3 * ROWS, 64)
    assert layer.forward(FEW[:ROWS])
    assert not layer.forward(FULL[ROWS:], start=ROWS)
    assert layer.gradient(ROWS)
    assert not layer.gradient(3 * ROWS)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nothing_is_left_out_while_a_weight_is_not_finite(wrong):
    layer = Layer(3 * ROWS, 64)
    layer.w[63, 1] = wrong
    layer.see_weights(begins=True)
    assert not layer.forward(FEW)  # it looks before it leaves out something for the first time
    layer = Layer(3 * ROWS, 64)
    assert layer.forward(FEW)
    layer.w[63, 1] = wrong
    layer.see_weights(begins=False)
    assert not layer.forward(FEW)
    assert not layer.gradient(3 * ROWS)
    layer.see_weights(begins=True)
    assert not layer.forward(FEW)
    layer.w[63, 1] = 0
    layer.see_weights(begins=False)
    assert not layer.forward(FEW)  # other rows may not be finite
    layer.see_weights(begins=True)
    assert layer.forward(FEW)


def test_predictions_never_look_at_weights():
    layer = Layer(3 * ROWS, 64)
    layer.w[63, 1] = np.nan
    assert all(layer.forward(FEW) for _ in range(2 * marks.PATIENCE))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nothing_is_left_out_of_a_gradient_from_numbers_that_are_not_finite(wrong):
    layer = Layer(3 * ROWS, 64)
    dy = np.zeros((3 * ROWS, 512), np.float32)
    assert layer.forward(FEW)
    layer.see_gradient(dy)
    assert layer.gradient(3 * ROWS)
    dy[ROWS, 2] = wrong
    layer.see_gradient(dy[ROWS:], start=ROWS)
    assert not layer.gradient(3 * ROWS)
    assert layer.forward(FEW)
    assert layer.gradient(3 * ROWS)
