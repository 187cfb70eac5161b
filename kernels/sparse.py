"""The dense layer on sparse rows: y = scale x w + b and its gradients; the zeros of x are neither stored nor read.

B batch, I inputs, O outputs, E entries of a batch. x is a CSR matrix: sample r has the entries from indptr[r] to
indptr[r + 1], their columns in `indices`, ascending, and their `values`.

A term 0 * w adds nothing to a chain of fused multiply-adds. So the results have the bits of the dense product, which
adds the same terms in the same order (`tile.py`).

The gradient needs the entries column by column. Each thread sorts those of its rows of w in every step: first it counts
a column's entries, then it puts them in their places. `Batch.lists` holds, one after the other:

- I integers: which rows of w have a gradient. Those of a thread with rows [start, stop) begin at `start`, in any order;
  -1 ends them, if they are fewer.
- I pairs: how many entries a column has, and where in the following list these end. The number is 0 between two steps.
- E integers: the samples of the entries, sorted by column, and for each column in the order of the batch.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .arrays import CACHE_LINE, flattened, lanes, lanes_of, matrix, prefetch_part, vector
from .dense import dense_backward_bias
from .instructions import FORWARD, GRADIENT, GRADIENT_OF_TOUCHED, PREPARE
from .jit import JIT_ENABLED, jit
from .llvm import broadcast, load_vector, multiply_add, prefetch, vector_at
from .operations import operation, y_rows
from .processor import SIMD_BYTES
from .weights import dw_matrix, memory_at, w_matrix, w_vector

# Vectors of columns that are computed at once: enough sums to hide the latency of a multiply-add.
VECTORS = 4
# How many entries ahead the rows of B are prefetched: they lie anywhere.
PREFETCH = 8


def make_tile(vectors):
    """The tile for one row and `vectors` vectors of columns, over a list of terms."""

    @intrinsic
    def tile(typing_context, c, c_offset, places, values, first, count, factor, b, b_offset, b_row, start, s_offset):
        sizes = [types.intp] * 2
        signature = types.void(c, types.intp, places, values, *sizes, c.dtype, b, *sizes, start, types.intp)

        def code(context, builder, signature, args):
            size = c.dtype.bitwidth // 8
            width = SIMD_BYTES // size
            vector_type = ir.VectorType(context.get_value_type(c.dtype), width)
            index = ir.IntType(64)
            first, count, factor, b_row = args[4], args[5], args[6], args[9]

            def pointer(position, offset):
                array = context.make_array(signature.args[position])(context, builder, args[position])
                return builder.gep(array.data, [offset])

            def row_of_b(i):
                place = builder.sext(builder.load(builder.gep(places_base, [i])), index)
                return builder.gep(b_base, [builder.mul(place, b_row)])

            c_base, b_base, start_base = (pointer(p, args[p + 1]) for p in (0, 7, 10))
            places_base, values_base = pointer(2, first), pointer(3, first)
            starts = [load_vector(builder, start_base, v, width, size) for v in range(vectors)]
            last = builder.sub(count, index(1))
            entry = builder.block
            loop, done = builder.append_basic_block("list.i"), builder.append_basic_block("list.done")
            builder.cbranch(builder.icmp_signed(">", count, index(0)), loop, done)

            builder.position_at_end(loop)
            i = builder.phi(index)
            sums = [builder.phi(vector_type) for _ in range(vectors)]
            ahead = builder.add(i, index(PREFETCH))
            ahead = row_of_b(builder.select(builder.icmp_signed("<", ahead, last), ahead, last))
            for line in range(0, vectors * width, CACHE_LINE // size):
                prefetch(builder, builder.gep(ahead, [index(line)]))
            value = builder.fmul(builder.load(builder.gep(values_base, [i])), factor)
            term, row = broadcast(builder, value, width), row_of_b(i)
            new_sums = [
                multiply_add(builder, term, load_vector(builder, row, v, width, size), sums[v]) for v in range(vectors)
            ]
            i_next = builder.add(i, index(1))
            for phi, at_entry, in_loop in [(i, index(0), i_next), *zip(sums, starts, new_sums)]:
                phi.add_incoming(at_entry, entry)
                phi.add_incoming(in_loop, loop)
            builder.cbranch(builder.icmp_signed("<", i_next, count), loop, done)

            builder.position_at_end(done)
            for v in range(vectors):
                total = builder.phi(vector_type)
                total.add_incoming(starts[v], entry)
                total.add_incoming(new_sums[v], loop)
                starts[v] = total
            for v in range(vectors):
                builder.store(starts[v], vector_at(builder, c_base, v, width), align=size)
            return context.get_dummy_value()

        return signature, code

    def plain(c, c_offset, places, values, first, count, factor, b, b_offset, b_row, start, s_offset):
        width = vectors * lanes_of(c.dtype)
        total = start[s_offset : s_offset + width].copy()
        for i in range(first, first + count):
            b_from = b_offset + places[i] * b_row
            total += values[i] * factor * b[b_from : b_from + width]
        c[c_offset : c_offset + width] = total

    return tile if JIT_ENABLED else plain


tile_wide = make_tile(VECTORS)
tile_narrow = make_tile(1)


@jit
def listed_row(c, at, places, values, first, count, factor, b, start, columns):
    """c[at + j] = start[j] + sum_i factor values[i] b[places[i], j] for i = first, ..., first + count - 1.

    c is flat, and the columns of c, b and start are padded to whole vectors.
    """
    flat, width, b_row = flattened(b), lanes(c), b.shape[1]
    j = 0
    while j < columns:
        if columns - j > (VECTORS - 1) * width:
            tile_wide(c, at + j, places, values, first, count, factor, flat, j, b_row, start, j)
            j += VECTORS * width
        else:
            tile_narrow(c, at + j, places, values, first, count, factor, flat, j, b_row, start, j)
            j += width


@jit
def sparse_forward(y, indptr, indices, values, order, first, scale, w, b, outputs):
    """y[B, O] = scale x w[I, O] + b[O], for the samples order[first], order[first + 1], ... of x."""
    flat, factor = flattened(y), y.dtype.type(scale)
    for i in range(y.shape[0]):
        row = order[first + i]
        at = indptr[row]
        listed_row(flat, i * y.shape[1], indices, values, at, indptr[row + 1] - at, factor, w, b, outputs)


@jit
def place_of(indices, at, end, column):
    """The first of the entries [at, end) of one sample that is in `column` or after it; `end` if there is none."""
    while at < end:
        middle = (at + end) // 2
        if indices[middle] < column:
            at = middle + 1
        else:
            end = middle
    return at


@jit
def sort_by_column(touched, columns, samples, entries, indptr, indices, values, order, first, batch, scale, start,
                   stop):  # fmt: skip
    """Sort a batch's entries in columns [start, stop), as the top of this file describes; `entries` gets scale x."""
    factor, number, before = entries.dtype.type(scale), 0, 0
    for i in range(batch):
        row = order[first + i]
        at = place_of(indices, indptr[row], indptr[row + 1], start)
        end = place_of(indices, at, indptr[row + 1], stop)
        before += at - indptr[row]  # entries of columns below `start`: their places come first
        for e in range(at, end):
            k = indices[e]
            if columns[2 * k] == 0:
                touched[start + number] = k
                number += 1
            columns[2 * k] += 1
    if number < stop - start:
        touched[start + number] = -1
    for i in range(number):
        k = touched[start + i]
        columns[2 * k + 1] = before
        before += columns[2 * k]
    for i in range(batch):
        row = order[first + i]
        at = place_of(indices, indptr[row], indptr[row + 1], start)
        end = place_of(indices, at, indptr[row + 1], stop)
        for e in range(at, end):
            k = indices[e]
            place = columns[2 * k + 1]
            samples[place] = i
            entries[place] = values[e] * factor
            columns[2 * k + 1] = place + 1


@jit
def sparse_backward_row(dw, i, k, columns, samples, entries, dy, zeros, one, outputs):
    """dw[i] = the gradient of row k of w, from the sorted entries."""
    count = columns[2 * k]
    at = columns[2 * k + 1] - count
    listed_row(flattened(dw), i * dw.shape[1], samples, entries, at, count, one[0], dy, zeros, outputs)
    columns[2 * k] = 0


@jit
def sparse_backward_kernel(dw, columns, samples, entries, dy, zeros, one, first, outputs):
    """dw[rows, O] = scale x[B, I] transposed times dy[B, O], from row `first` of w on, from the sorted entries."""
    for i in range(dw.shape[0]):
        if columns[2 * (first + i)] == 0:
            dw[i, :] = 0  # most of them
        else:
            sparse_backward_row(dw, i, first + i, columns, samples, entries, dy, zeros, one, outputs)


@operation
def sparse_dense(task, ins, weights, batch, data, span):
    """The layer Dense without its activation, of sparse rows; it reads them where they are, scaled by ins.alpha."""
    rows, entries, inputs = span.stop - span.start, batch.entries, ins.inputs
    if task == FORWARD:
        w = w_matrix(weights, ins.kernel, 0, inputs, ins.y_stride)
        b = batch.zeros if ins.bias < 0 else w_vector(weights, ins.bias, 0, ins.y_stride)
        first = span.first + span.start
        sparse_forward(y_rows(ins, batch, span), data.indptr, data.indices, data.values, data.order, first, ins.alpha,
                       w, b, ins.outputs)  # fmt: skip
        return
    if task != PREPARE and task != GRADIENT and task != GRADIENT_OF_TOUCHED:
        return
    touched, columns = vector(batch.lists, 0, inputs), vector(batch.lists, inputs, 2 * inputs)
    samples = vector(batch.lists, 3 * inputs, entries.size)
    if task == PREPARE:
        sort_by_column(touched, columns, samples, entries, data.indptr, data.indices, data.values, data.order,
                       span.first, span.rows, ins.alpha, span.start, span.stop)  # fmt: skip
        return
    dy = matrix(batch.gradients, ins.y, span.rows, ins.y_stride)
    if span.which == 1:
        db = dw_matrix(weights, ins.bias, 0, 1, ins.y_stride)
        dense_backward_bias(db, dy, batch.one, batch.zeros, span.rows, ins.outputs)
        return
    dw = dw_matrix(weights, ins.kernel, span.into, rows, ins.y_stride)
    if task == GRADIENT:
        sparse_backward_kernel(dw, columns, samples, entries, dy, batch.zeros, batch.one, span.start, ins.outputs)
    else:
        for i in range(rows):
            k = touched[span.start + i]
            # The optimizer needs them next, and they may lie anywhere.
            prefetch_part(memory_at(weights.values[ins.kernel], weights.transposed), k * ins.y_stride, ins.y_stride)
            for slot in range(weights.slots.shape[0]):
                place = memory_at(weights.slots[slot, ins.kernel], weights.transposed)
                prefetch_part(place, k * ins.y_stride, ins.y_stride)
            sparse_backward_row(dw, i, k, columns, samples, entries, dy, batch.zeros, batch.one, ins.outputs)
