"""Products that leave out terms that are zero: most data has zeros, and 0 w adds nothing to a chain of multiply-adds.

    C[i, j] = start[j] + sum_k A[i, k] B[k, j]     over the k at which a row of A in i's tile is not zero

What is left out changes no bit of a sum that is not zero itself (a sum of zeros may have the other sign), if B is
finite: 0 times NaN or infinity would be NaN. `marks.py` sees to that.

Each row of x has a bitmap, one bit for each element; word w of all rows of the batch lies together in bits[w]. From
these come lists of k for the tiles: in the forward product, of the elements that are not zero in any of a tile's
samples; in the gradient of the weights, of the samples in which any of a tile's inputs is not zero. Neighbouring pixels
are zero together, and so are columns of rare words.

B batch, I inputs, O outputs. A list has LIST numbers, the last of which is its length.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .arrays import ROWS, flattened, lanes
from .jit import JIT_ENABLED, jit, jit_apart, jit_part
from .llvm import load_vector
from .processor import SIMD_BYTES
from .tile import (
    DEPTH,
    PREFETCH,
    VECTORS_OF_A_LIST,
    VECTORS_OF_ONE_ROW,
    listed_narrow,
    listed_row_narrow,
    listed_row_wide,
    listed_wide,
)

WORD = 64  # bits
LIST = DEPTH + 2 * PREFETCH  # the tile reads PREFETCH numbers beyond the last one
_GROUP = (1 << ROWS) - 1

# ---------------------------------------------------------------------------------------------------------------------
# Bits.


@intrinsic
def _nonzero_bits(typing_context, flat, at):
    def code(context, builder, signature, args):
        data = builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])
        size = flat.dtype.bitwidth // 8
        width, word = SIMD_BYTES // size, ir.IntType(WORD)
        zeros = ir.Constant(ir.VectorType(data.type.pointee, width), None)
        bits = word(0)
        for v in range(WORD // width):
            lanes = builder.fcmp_unordered("!=", load_vector(builder, data, v, width, size), zeros)
            part = builder.zext(builder.bitcast(lanes, ir.IntType(width)), word)
            bits = builder.or_(bits, builder.shl(part, word(v * width)))
        return bits

    return types.int64(flat, types.intp), code


def nonzero_bits(flat, at):
    """Bit j of the result is set where flat[at + j] is not zero, for 64 elements."""
    bits = 0
    for j, element in enumerate(flat[at : at + WORD]):
        bits |= int(element != 0) << j
    return np.uint64(bits).astype(np.int64)


@intrinsic
def _lowest(typing_context, word):
    def code(context, builder, signature, args):
        return builder.cttz(args[0], ir.IntType(1)(1))

    return types.int64(types.int64), code


def lowest(word):
    """The number of the lowest bit that is set."""
    return (int(word) & -int(word)).bit_length() - 1


if JIT_ENABLED:
    nonzero_bits, lowest = _nonzero_bits, _lowest


@jit
def mark(bits, x, start, rows, inputs):
    """bits[words, B]: bit k % 64 of word k // 64 is set where x[B, k] is not zero, for k < I; the others are 0.

    x has the rows of the batch from `start` on. It may be read up to 63 elements beyond a row's end.
    """
    flat, words, one = flattened(x), bits.shape[0], np.int64(1)
    last = (one << np.int64(inputs - (words - 1) * WORD)) - one if inputs % WORD else ~np.int64(0)
    for i in range(rows):
        at = i * x.shape[1]
        for w in range(words):
            bits[w, start + i] = nonzero_bits(flat, at + w * WORD)
        bits[words - 1, start + i] &= last


@jit_part
def union(bits, w, first, stop):
    """The bits of word w that are set in any of rows [first, stop)."""
    word = bits[w, first]
    for row in range(first + 1, stop):
        word |= bits[w, row]
    return word


@jit_part
def set_in_any(bits, w, shift, first, stop):
    """Bit k: whether row first + k has any of the ROWS bits from bit `shift` of word w on; at most 64 rows."""
    word = np.int64(0)
    for k in range(stop - first):
        word |= np.int64(((bits[w, first + k] >> shift) & _GROUP) != 0) << np.int64(k)
    return word


# ---------------------------------------------------------------------------------------------------------------------
# Lists. None is empty: a single zero term does no harm, and the tile need not look.


@jit_part
def append(terms, n, first, word):
    """Write first + k from terms[n] on, for each bit k of the word; returns where the next one goes."""
    while word != 0:
        terms[n] = first + lowest(word)
        n += 1
        word &= word - 1
    return n


@jit_apart
def list_elements(terms, bits, start, rows, first_word, last_word):
    """A list for each tile of rows: the elements, counted from word `first_word` on, that are not zero in any row.

    Returns how many terms all lists have.
    """
    left = 0
    for i in range(0, rows, ROWS):
        at, stop = i // ROWS * LIST, start + min(i + ROWS, rows)
        n = at
        terms[n] = 0
        for w in range(first_word, last_word):
            n = append(terms, n, (w - first_word) * WORD, union(bits, w, start + i, stop))
        left += n - at
        terms[at + LIST - 1] = max(1, n - at)
    return left


@jit_apart
def list_samples(terms, bits, first_input, inputs, first, samples):
    """A list for each tile of inputs: which of `samples` samples from `first` on have any of them that is not zero.

    Returns how many terms all lists have.
    """
    left = 0
    for i in range(0, inputs, ROWS):
        at = i // ROWS * LIST
        w, shift = (first_input + i) // WORD, np.int64((first_input + i) % WORD)
        n = at
        terms[n] = 0
        for k in range(0, samples, WORD):
            n = append(terms, n, k, set_in_any(bits, w, shift, first + k, first + min(k + WORD, samples)))
        left += n - at
        terms[at + LIST - 1] = max(1, n - at)
    return left


# ---------------------------------------------------------------------------------------------------------------------
# Products.


@jit_apart
def add_listed(c, a, a_from, a_row, a_column, b, first, sums, sums_row, rows, columns, terms):
    """c[i, j] = sums[i, j] + sum_k a[a_from + i a_row + k a_column] b[first + k, j], k from the list of i's tile.

    As `tile.product`, for at most DEPTH terms; sums is flat, and its rows are `sums_row` elements apart.
    """
    flat, c_row, b_row, width = flattened(c), c.shape[1], b.shape[1], lanes(c)
    j = 0
    while j < columns:
        b_at, left = first * b_row + j, columns - j
        if rows == 1:
            count = np.int64(terms[LIST - 1])
            wide = left > (VECTORS_OF_ONE_ROW - 1) * width
            if wide:
                listed_row_wide(flat, j, 0, a, a_from, 0, a_column, b, b_at, b_row, count, sums, j, 0, terms, 0)
            else:
                listed_row_narrow(flat, j, 0, a, a_from, 0, a_column, b, b_at, b_row, count, sums, j, 0, terms, 0)
            j += VECTORS_OF_ONE_ROW * width if wide else width
            continue
        wide = left > (VECTORS_OF_A_LIST - 1) * width
        for i in range(0, rows, ROWS):
            at, a_at, s_at, t = i * c_row + j, a_from + i * a_row, i * sums_row + j, i // ROWS * LIST
            count = np.int64(terms[t + LIST - 1])
            if wide:
                listed_wide(flat, at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, count, sums, s_at, sums_row,
                            terms, t)  # fmt: skip
            else:
                listed_narrow(flat, at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, count, sums, s_at, sums_row,
                              terms, t)  # fmt: skip
        j += VECTORS_OF_A_LIST * width if wide else width


@jit_apart
def skipping_forward(y, x, w, b, bits, terms, start, rows, inputs, outputs):
    """y[B, O] = x[B, I] w[I, O] + b[O], for the rows of the batch from `start` on; returns the terms of all lists."""
    sums, sums_row, left = b, 0, 0
    for k in range(0, inputs, DEPTH):
        left += list_elements(terms, bits, start, rows, k // WORD, min(bits.shape[0], (k + DEPTH) // WORD))
        add_listed(y, flattened(x), k, x.shape[1], 1, w, k, sums, sums_row, rows, outputs, terms)
        sums, sums_row = flattened(y), y.shape[1]
    return left


@jit_apart
def skipping_backward_kernel(dw, x, dy, zeros, bits, terms, first, rows, batch, outputs):
    """dw[I, O] = x[B, I] transposed times dy[B, O], for `rows` rows of dw from row `first` of the kernel on.

    Returns the terms of all lists.
    """
    sums, sums_row, left = zeros, 0, 0
    for k in range(0, batch, DEPTH):
        left += list_samples(terms, bits, first, rows, k, min(DEPTH, batch - k))
        add_listed(dw, flattened(x), k * x.shape[1] + first, 1, x.shape[1], dy, k, sums, sums_row, rows, outputs, terms)
        sums, sums_row = flattened(dw), dw.shape[1]
    return left
