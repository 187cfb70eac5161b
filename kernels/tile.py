"""The micro-kernel: a block of a matrix product that stays in registers from the first term to the last.

    C[i, j] = start[i, j] + sum_k A[i, k] B[k, j]     for ROWS rows i and a few vectors of columns j

Rows of A are broadcast, rows of B are loaded as vectors, and every element of C is one chain of fused multiply-adds
over k in order. So the result depends neither on the tile's shape nor on how rows are shared among threads.

All strides are free: forward, input gradient and weight gradient are three settings of them. Columns come in whole
vectors and rows in whole tiles, because every buffer is padded to that (`stride`, `padded`): there is no remainder.
Goto & van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication" (doi.org/10.1145/1356052.1356053), is the
background; unlike there nothing is packed, since at a network's sizes an odd row stride does as well.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from .jit import HAS_FMA, JIT_ENABLED, SIMD_BYTES, VECTOR_REGISTERS, jit

# Enough accumulators to keep two multiply-add units busy over their latency, few enough to stay in the registers with
# the vectors of B and one broadcast element of A. Measured against other shapes for both numbers of registers.
ROWS, VECTORS = 8 if VECTOR_REGISTERS == 32 else 4, 3
# A single row has no other row to reuse B for: more columns at once instead.
VECTORS_OF_ONE_ROW = 8
# Terms of a sum that are added before the next block of columns: the part of B that they take fits into the L2 cache.
DEPTH = 512
# Terms that A and B are fetched ahead: their rows lie too far apart for the processor to guess the next one.
PREFETCH = 8
CACHE_LINE = 64


def lanes_of(dtype):
    """Elements of `dtype` in one vector."""
    return SIMD_BYTES // np.dtype(dtype).itemsize


def stride(columns, dtype):
    """Elements from one row of a padded matrix to the next: whole vectors, and never a power of two that is large.

    Rows whose distance is a multiple of 1 KiB or more fall into few sets of the cache and push each other out, so long
    rows take an odd number of cache lines.
    """
    unit = max(lanes_of(dtype), ROWS)  # ROWS too: in the weight gradient columns of x are rows of the tile
    padded_columns = -(-columns // unit) * unit
    line = CACHE_LINE // np.dtype(dtype).itemsize
    if padded_columns < 16 * line:
        return padded_columns
    lines = -(-padded_columns // line)
    return (lines | 1) * line


def padded(rows):
    """Rows of a padded matrix: whole tiles."""
    return -(-rows // ROWS) * ROWS


# ---------------------------------------------------------------------------------------------------------------------
# Views into a flat array. They own nothing, so making one costs neither a call nor a reference count.


def _view(dimensions):
    def build(flat, sizes):
        result = types.Array(flat.dtype, dimensions, "C", readonly=not flat.mutable)

        def code(context, builder, signature, args):
            data = builder.gep(context.make_array(flat)(context, builder, args[0]).data, [args[1]])
            shape = list(args[2:])
            itemsize = context.get_constant(types.intp, flat.dtype.bitwidth // 8)
            strides = [itemsize] if dimensions == 1 else [builder.mul(shape[1], itemsize), itemsize]
            array = context.make_array(result)(context, builder)
            populate_array(array, data=data, shape=shape, strides=strides, itemsize=itemsize, meminfo=None)
            return array._getvalue()

        return result(flat, types.intp, *[types.intp] * len(sizes)), code

    return build


@intrinsic
def _vector(typing_context, flat, offset, size):
    return _view(1)(flat, [size])


@intrinsic
def _matrix(typing_context, flat, offset, rows, columns):
    return _view(2)(flat, [rows, columns])


def vector(flat, offset, size):
    """`size` elements of a flat array from `offset` on."""
    return flat[offset : offset + size]


def matrix(flat, offset, rows, columns):
    """`rows` times `columns` elements of a flat array from `offset` on, as a matrix."""
    return flat[offset : offset + rows * columns].reshape(rows, columns)


@intrinsic
def _flattened(typing_context, array):
    build = _view(1)

    def code(context, builder, signature, args):
        source = context.make_array(array)(context, builder, args[0])
        zero = context.get_constant(types.intp, 0)
        return build(array, [0])[1](context, builder, None, [args[0], zero, source.nitems])

    return types.Array(array.dtype, 1, "C", readonly=not array.mutable)(array), code


def flattened(array):
    """A contiguous array as a flat one, in the same memory."""
    return array.reshape(-1)


@intrinsic
def _writable(typing_context, array):
    result = types.Array(array.dtype, array.ndim, array.layout)

    def code(context, builder, signature, args):
        return impl_ret_borrowed(context, builder, result, args[0])

    return result(array), code


def writable(array):
    """The array without its read-only mark.

    Data comes in marked read-only, whatever the caller's array allows, so that there is one type of it; Numba drops the
    mark where it shares work among threads. Dropping it everywhere keeps it from compiling everything twice.
    """
    return array


@intrinsic
def _copy(typing_context, target, target_at, source, source_at, size):
    def code(context, builder, signature, args):
        to, at = (
            builder.gep(context.make_array(signature.args[p])(context, builder, args[p]).data, [args[p + 1]])
            for p in (0, 2)
        )
        cgutils.raw_memcpy(builder, to, at, args[4], target.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), code


def copy(target, target_at, source, source_at, size):
    """Copy `size` elements of one flat array into another: faster than a loop where there are few."""
    target[target_at : target_at + size] = source[source_at : source_at + size]


@intrinsic
def _lanes(typing_context, array):
    count = SIMD_BYTES // (array.dtype.bitwidth // 8)
    return types.intp(array), lambda context, builder, signature, args: context.get_constant(types.intp, count)


def lanes(array):
    """Elements of the array's type in one vector, known at compile time."""
    return lanes_of(array.dtype)


# ---------------------------------------------------------------------------------------------------------------------
# The tile.


def broadcast(builder, scalar, width):
    """LLVM: a vector of `width` times the same scalar."""
    undefined = ir.Constant(ir.VectorType(scalar.type, width), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    return builder.shuffle_vector(first, undefined, zeros)


def multiply_add(builder, x, y, z):
    """LLVM: x y + z for vectors, fused where the processor can."""
    if not HAS_FMA:
        return builder.fadd(builder.fmul(x, y), z)
    name = f"llvm.fma.v{x.type.count}f{64 if isinstance(x.type.element, ir.DoubleType) else 32}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(x.type, [x.type] * 3), name)
    return builder.call(function, [x, y, z])


def prefetch(builder, address):
    """LLVM: begin to bring the cache line at `address` close; harmless where there is nothing."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    read, keep, data = number(0), number(3), number(1)
    builder.call(function, [builder.bitcast(address, byte), read, keep, data])


def vector_at(builder, base, v, width):
    """LLVM: a pointer to the v-th vector of `width` elements from `base` on."""
    block = builder.gep(base, [ir.IntType(64)(width * v)])
    return builder.bitcast(block, ir.VectorType(base.type.pointee, width).as_pointer())


def load_vector(builder, base, v, width, align):
    """LLVM: the v-th vector of `width` elements from `base` on, which need no more alignment than one element."""
    return builder.load(vector_at(builder, base, v, width), align=align)


def make_tile(rows, vectors):
    """The tile for `rows` rows and `vectors` vectors of columns, written in LLVM's vector instructions."""

    @intrinsic
    def tile(
        typing_context, c, c_offset, c_row, a, a_offset, a_row, a_column, b, b_offset, b_row, depth, start, s_offset,
        s_row
    ):  # fmt: skip
        signature = types.void(
            c, types.intp, types.intp, a, *[types.intp] * 3, b, *[types.intp] * 3, start, types.intp, types.intp
        )  # fmt: skip

        def code(context, builder, signature, args):
            element = context.get_value_type(c.dtype)
            size = c.dtype.bitwidth // 8
            width = SIMD_BYTES // size
            vector_type = ir.VectorType(element, width)
            index = ir.IntType(64)
            c_row, a_row, a_column, b_row, depth = args[2], args[5], args[6], args[9], args[10]

            def pointer(position):
                array = context.make_array(signature.args[position])(context, builder, args[position])
                return builder.gep(array.data, [args[position + 1]])

            def load(base, v):
                return load_vector(builder, base, v, width, size)

            c_base, a_base, b_base, start_base = (pointer(p) for p in (0, 3, 7, 11))
            start_rows = [builder.gep(start_base, [builder.mul(args[13], index(i))]) for i in range(rows)]
            first = [[load(start_row, v) for v in range(vectors)] for start_row in start_rows]
            row_offsets = [builder.mul(a_row, index(i)) for i in range(rows)]
            a_ahead, b_ahead = (builder.mul(step, index(PREFETCH)) for step in (a_column, b_row))
            entry = builder.block
            loop = builder.append_basic_block("tile.k")
            done = builder.append_basic_block("tile.done")
            builder.branch(loop)

            builder.position_at_end(loop)
            k, a_now, b_now = builder.phi(index), builder.phi(a_base.type), builder.phi(b_base.type)
            sums = [[builder.phi(vector_type) for _ in range(vectors)] for _ in range(rows)]
            prefetch(builder, builder.gep(a_now, [a_ahead]))
            for v in range(vectors):
                prefetch(builder, builder.gep(b_now, [builder.add(b_ahead, index(width * v))]))
            b_vectors = [load(b_now, v) for v in range(vectors)]
            new_sums = []
            for i in range(rows):
                a_value = broadcast(builder, builder.load(builder.gep(a_now, [row_offsets[i]])), width)
                new_sums.append([multiply_add(builder, a_value, b_vectors[v], sums[i][v]) for v in range(vectors)])
            k_next = builder.add(k, index(1))
            steps = [
                (k, index(0), k_next),
                (a_now, a_base, builder.gep(a_now, [a_column])),
                (b_now, b_base, builder.gep(b_now, [b_row])),
            ]
            steps += [(sums[i][v], first[i][v], new_sums[i][v]) for i in range(rows) for v in range(vectors)]
            for phi, at_entry, in_loop in steps:
                phi.add_incoming(at_entry, entry)
                phi.add_incoming(in_loop, loop)
            builder.cbranch(builder.icmp_signed("<", k_next, depth), loop, done)

            builder.position_at_end(done)
            for i in range(rows):
                row = builder.gep(c_base, [builder.mul(c_row, index(i))])
                for v in range(vectors):
                    builder.store(new_sums[i][v], vector_at(builder, row, v, width), align=size)
            return context.get_dummy_value()

        return signature, code

    def plain(c, c_offset, c_row, a, a_offset, a_row, a_column, b, b_offset, b_row, depth, start, s_offset, s_row):
        width = vectors * lanes_of(c.dtype)
        a, b = a.reshape(-1), b.reshape(-1)
        for i in range(rows):
            if c_offset + i * c_row + width > c.size:
                return  # a padding row, which this view of c does not have
            s_from = s_offset + i * s_row
            total = start[s_from : s_from + width].copy()
            for k in range(depth):
                b_from = b_offset + k * b_row
                total += a[a_offset + i * a_row + k * a_column] * b[b_from : b_from + width]
            c[c_offset + i * c_row : c_offset + i * c_row + width] = total

    return tile if JIT_ENABLED else plain


def store_lanes(builder, value, base, v, width, count, align):
    """LLVM: store the first `count` lanes of a vector as the v-th one from `base` on."""
    number = ir.IntType(32)
    lane = ir.Constant(ir.VectorType(number, width), list(range(width)))
    mask = builder.icmp_signed("<", lane, broadcast(builder, builder.trunc(count, number), width))
    address = vector_at(builder, base, v, width)
    name = f"llvm.masked.store.v{width}f{8 * align}.p0"
    kind = ir.FunctionType(ir.VoidType(), [value.type, address.type, number, mask.type])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    builder.call(function, [value, address, number(align), mask])


def make_window_tile(rows, vectors, vector_bytes=SIMD_BYTES, strip=1, taps=1):
    """The tile of a convolution: rows of A begin where a table says, and the sum over k comes in runs.

        C[i, j] = start[i, j] + sum_r sum_k A[row_at[i] + run_at[r] + k a_step] B[r b_run + k b_row + j]

    for `rows` rows i and `vectors` vectors of columns j, `runs` runs r of `terms` terms k: one chain of fused
    multiply-adds over (r, k) in order, as in `make_tile`. `row_at` and `run_at` begin at `rows_at` and `runs_at` of the
    int64 array `tables`. Only the first `rows_left` rows and `columns_left` columns are stored, and no further entry of
    row_at is read: C and the tables need no padding. B and start are read in whole vectors.

    With `strip` > 1 each of the tile's `rows` stands for that many rows m of C, of which the first begins out_at[i]
    elements behind c_offset (the table at `outs_at`), and each term for `taps` terms t, which are innermost:

        C[i, m, j] = ... A[row_at[i] + run_at[r] + k a_step + (m + t) a_row] B[r b_run + k b_row + t b_tap + j]

    So an element of A is loaded once for all the pairs (m, t) that meet in it. `start` lies as C does or, where s_row
    is 0, is one row for all. The last three arguments are not looked at where `strip` is 1.
    """

    @intrinsic
    def tile(
        typing_context, c, c_offset, c_row, a, a_offset, a_step, b, b_offset, b_run, b_row, tables, rows_at, runs_at,
        runs, terms, start, s_offset, s_row, rows_left, columns_left, a_row, b_tap, outs_at
    ):  # fmt: skip
        intp = types.intp
        signature = types.void(
            c, intp, intp, a, intp, intp, b, intp, intp, intp, tables, intp, intp, intp, intp, start, *[intp] * 7
        )

        def code(context, builder, signature, args):
            size = c.dtype.bitwidth // 8
            width = vector_bytes // size
            index = ir.IntType(64)
            c_row, a_step, b_run, b_row, runs, terms = (args[p] for p in (2, 5, 8, 9, 13, 14))
            s_row, rows_left, columns_left, a_row, b_tap = args[17:22]

            def pointer(position, offset):
                array = context.make_array(signature.args[position])(context, builder, args[position])
                return builder.gep(array.data, [args[offset]])

            def present(i):
                """Row i, or past the last one that again, for nothing."""
                return builder.select(builder.icmp_signed("<", index(i), rows_left), index(i), last_row)

            def entry_of(table, i):
                return builder.load(builder.gep(table, [present(i)]))

            def rows_from(base, first, row):
                return [builder.gep(base, [builder.add(first, builder.mul(row, index(i)))]) for i in range(strip)]

            def phi_from(value, block):
                phi = builder.phi(value.type)
                phi.add_incoming(value, block)
                return phi

            c_base, a_base, b_base, start_base = (pointer(p, p + 1) for p in (0, 3, 6, 15))
            row_at, run_at, out_at = pointer(10, 11), pointer(10, 12), pointer(10, 22)
            last_row = builder.sub(rows_left, index(1))
            one_row = builder.icmp_signed("==", s_row, index(0))
            a_rows, first = [], []
            for i in range(rows):
                a_rows.append(builder.gep(a_base, [entry_of(row_at, i)]))
                if strip == 1:
                    s_from = builder.mul(s_row, present(i))
                else:
                    s_from = builder.select(one_row, index(0), entry_of(out_at, i))
                for start_row in rows_from(start_base, s_from, s_row):
                    first += [load_vector(builder, start_row, v, width, size) for v in range(vectors)]
            entry = builder.block
            outer, loop, latch, done, whole, part, end = (
                builder.append_basic_block(f"window.{name}")
                for name in ("run", "term", "latch", "done", "whole", "part", "end")
            )
            builder.branch(outer)

            builder.position_at_end(outer)
            r, b_run_now = phi_from(index(0), entry), phi_from(b_base, entry)
            run_sums = [phi_from(value, entry) for value in first]
            a_from = builder.load(builder.gep(run_at, [r]))
            builder.branch(loop)

            builder.position_at_end(loop)
            k, a_now, b_now = (phi_from(value, outer) for value in (index(0), a_from, b_run_now))
            sums = [phi_from(value, outer) for value in run_sums]
            b_taps = [builder.gep(b_now, [builder.mul(b_tap, index(t))]) if t else b_now for t in range(taps)]
            b_vectors = [[load_vector(builder, tap, v, width, size) for v in range(vectors)] for tap in b_taps]
            new_sums = list(sums)
            a_at = [builder.add(a_now, builder.mul(a_row, index(n))) if n else a_now for n in range(strip + taps - 1)]
            for i in range(rows):
                for n in range(strip + taps - 1):
                    a_value = broadcast(builder, builder.load(builder.gep(a_rows[i], [a_at[n]])), width)
                    for m in range(max(0, n - taps + 1), min(strip, n + 1)):
                        for v in range(vectors):
                            at = (i * strip + m) * vectors + v
                            new_sums[at] = multiply_add(builder, a_value, b_vectors[n - m][v], new_sums[at])
            k_next = builder.add(k, index(1))
            nexts = [k_next, builder.add(a_now, a_step), builder.gep(b_now, [b_row]), *new_sums]
            for phi, following in zip([k, a_now, b_now, *sums], nexts):
                phi.add_incoming(following, loop)
            builder.cbranch(builder.icmp_signed("<", k_next, terms), loop, latch)

            builder.position_at_end(latch)
            r_next = builder.add(r, index(1))
            for phi, following in zip([r, b_run_now, *run_sums], [r_next, builder.gep(b_run_now, [b_run]), *new_sums]):
                phi.add_incoming(following, latch)
            builder.cbranch(builder.icmp_signed("<", r_next, runs), outer, done)

            builder.position_at_end(done)
            c_rows = []
            for i in range(rows):
                c_from = builder.mul(c_row, index(i)) if strip == 1 else entry_of(out_at, i)
                c_rows += rows_from(c_base, c_from, c_row)
            results = [new_sums[at : at + vectors] for at in range(0, len(new_sums), vectors)]
            lanes_left = [builder.sub(columns_left, index(width * v)) for v in range(vectors)]
            all_rows = builder.icmp_signed("<=", index(rows), rows_left)
            all_columns = builder.icmp_signed("<=", index(width), lanes_left[-1])
            builder.cbranch(builder.and_(all_rows, all_columns), whole, part)

            builder.position_at_end(whole)
            for c_row_at, result in zip(c_rows, results):
                for v in range(vectors):
                    builder.store(result[v], vector_at(builder, c_row_at, v, width), align=size)
            builder.branch(end)

            builder.position_at_end(part)
            for i, (c_row_at, result) in enumerate(zip(c_rows, results)):
                if i > 0 and i % strip == 0:
                    more = builder.append_basic_block("window.row")
                    builder.cbranch(builder.icmp_signed("<", index(i // strip), rows_left), more, end)
                    builder.position_at_end(more)
                for v in range(vectors):
                    store_lanes(builder, result[v], c_row_at, v, width, lanes_left[v], size)
            builder.branch(end)
            builder.position_at_end(end)
            return context.get_dummy_value()

        return signature, code

    def plain(
        c, c_offset, c_row, a, a_offset, a_step, b, b_offset, b_run, b_row, tables, rows_at, runs_at,
        runs, terms, start, s_offset, s_row, rows_left, columns_left, a_row, b_tap, outs_at
    ):  # fmt: skip
        columns = min(columns_left, vectors * vector_bytes // c.itemsize)
        b = b.reshape(-1)
        for i in range(min(rows, rows_left)):
            for m in range(strip):
                if strip == 1:
                    s_at, c_at = s_offset + i * s_row, c_offset + i * c_row
                else:
                    first = tables[outs_at + i]
                    s_at, c_at = s_offset + (first if s_row else 0) + m * s_row, c_offset + first + m * c_row
                total = start[s_at : s_at + columns].copy()
                for r in range(runs):
                    a_from, b_from = a_offset + tables[rows_at + i] + tables[runs_at + r], b_offset + r * b_run
                    for k in range(terms):
                        for t in range(taps):
                            b_at = b_from + k * b_row + t * b_tap
                            total += a[a_from + k * a_step + (m + t) * a_row] * b[b_at : b_at + columns]
                c[c_at : c_at + columns] = total

    return tile if JIT_ENABLED else plain


# Rows that `add_rows` adds side by side: the latency of an addition is hidden behind the others.
CHAINS = 4


@intrinsic
def _add_rows(typing_context, c, c_offset, b, b_offset, b_row, depth, columns_left):
    signature = types.void(c, types.intp, b, *[types.intp] * 4)

    def code(context, builder, signature, args):
        size = c.dtype.bitwidth // 8
        width, index = SIMD_BYTES // size, ir.IntType(64)
        b_row, depth, columns_left = args[4:]
        c_base, b_base = (
            builder.gep(context.make_array(signature.args[p])(context, builder, args[p]).data, [args[p + 1]])
            for p in (0, 2)
        )
        first = load_vector(builder, c_base, 0, width, size)
        zero = ir.Constant(first.type, [0.0] * width)
        ahead = [builder.mul(b_row, index(i)) for i in range(CHAINS + 1)]
        entry = builder.block
        many, many_more, one, one_more, done = (
            builder.append_basic_block(f"rows.{name}") for name in ("many", "many.more", "one", "one.more", "done")
        )
        builder.branch(many)

        def phis(values, block):
            result = [builder.phi(value.type) for value in values]
            for phi, value in zip(result, values):
                phi.add_incoming(value, block)
            return result

        def loop(head, body, after, values, step):
            """Add `step` rows to as many sums, as long as there are so many."""
            builder.position_at_end(head)
            k, now, *sums = phis(values, values_from)
            k_next = builder.add(k, index(step))
            builder.cbranch(builder.icmp_signed("<=", k_next, depth), body, after)
            builder.position_at_end(body)
            rows = [load_vector(builder, builder.gep(now, [ahead[i]]), 0, width, size) for i in range(step)]
            new = [builder.fadd(s, row) for s, row in zip(sums, rows)]
            for phi, value in zip([k, now, *sums], [k_next, builder.gep(now, [ahead[step]]), *new]):
                phi.add_incoming(value, body)
            builder.branch(head)
            return [k, now, *sums]

        values_from = entry
        k, now, *sums = loop(many, many_more, one, [index(0), b_base, first] + [zero] * (CHAINS - 1), CHAINS)
        values_from = many
        _, _, total = loop(one, one_more, done, [k, now, sums[0]], 1)
        builder.position_at_end(done)
        for s in sums[1:]:
            total = builder.fadd(total, s)
        store_lanes(builder, total, c_base, 0, width, columns_left, size)
        return context.get_dummy_value()

    return signature, code


def add_rows(c, c_offset, b, b_offset, b_row, depth, columns_left):
    """c[j] += the sum over k < depth of b[k b_row + j], for one vector of columns j.

    Each of CHAINS sums takes every CHAINS-th row (the first one also what is left), and then they are added: in an
    order that depends on nothing but `depth`. b is read in whole vectors, of c no more than `columns_left` is written.
    """
    columns = min(columns_left, lanes_of(c.dtype))
    rows = np.stack([b[b_offset + k * b_row : b_offset + k * b_row + columns] for k in range(depth)])
    sums = np.zeros((CHAINS, columns), c.dtype)
    sums[0] = c[c_offset : c_offset + columns]
    whole = depth // CHAINS * CHAINS
    for k in range(0, whole, CHAINS):
        sums += rows[k : k + CHAINS]
    for k in range(whole, depth):
        sums[0] += rows[k]
    for chain in range(1, CHAINS):
        sums[0] += sums[chain]
    c[c_offset : c_offset + columns] = sums[0]


if JIT_ENABLED:
    vector, matrix, flattened, writable, lanes = _vector, _matrix, _flattened, _writable, _lanes
    copy, add_rows = _copy, _add_rows

tile_wide = make_tile(ROWS, VECTORS)
tile_middle = make_tile(ROWS, 2)
tile_narrow = make_tile(ROWS, 1)
tile_row_wide = make_tile(1, VECTORS_OF_ONE_ROW)
tile_row_narrow = make_tile(1, 1)


@jit
def product(c, a, a_offset, a_row, a_column, b, start, rows, depth, columns):
    """c[i, j] = start[j] + sum_k a[a_offset + i a_row + k a_column] b[k, j], for whole tiles of rows.

    c[>= padded(rows), >= columns], b[depth, >= columns] and start[>= columns] have their columns padded to whole
    vectors; a is any array, addressed flat. A single row is computed alone, more rows in tiles of ROWS. Each element's
    sum goes on from block to block of DEPTH terms, in order.
    """
    flat, c_row, b_row, width = flattened(c), c.shape[1], b.shape[1], lanes(c)
    sums, sums_row = start, 0
    for k in range(0, depth, DEPTH):
        terms, a_from = min(DEPTH, depth - k), a_offset + k * a_column
        if k > 0:
            sums, sums_row = flat, c_row
        j = 0
        while j < columns:
            b_at, left = k * b_row + j, columns - j
            if rows == 1:
                wide = left > (VECTORS_OF_ONE_ROW - 1) * width
                if wide:
                    tile_row_wide(flat, j, 0, a, a_from, 0, a_column, b, b_at, b_row, terms, sums, j, 0)
                else:
                    tile_row_narrow(flat, j, 0, a, a_from, 0, a_column, b, b_at, b_row, terms, sums, j, 0)
                j += VECTORS_OF_ONE_ROW * width if wide else width
                continue
            vectors = min(VECTORS, (left + width - 1) // width)
            if 3 * width < left <= 4 * width:
                vectors = 2  # twice two rather than three and one
            for i in range(0, rows, ROWS):
                at, a_at, s_at = i * c_row + j, a_from + i * a_row, i * sums_row + j
                if vectors == 3:
                    tile_wide(flat, at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, terms, sums, s_at, sums_row)
                elif vectors == 2:
                    tile_middle(flat, at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, terms, sums, s_at, sums_row)
                else:
                    tile_narrow(flat, at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, terms, sums, s_at, sums_row)
            j += vectors * width
