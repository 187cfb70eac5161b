"""Arrays: the memory layout of matrices, views into flat arrays, and loops over whole arrays.

The columns of a matrix are padded to whole vectors (`stride`) and its rows to whole tiles (`padded`), so that the
kernels have no remainders to handle.
"""

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from .jit import JIT_ENABLED, jit, jit_any_order
from .llvm import prefetch
from .processor import SIMD_BYTES, VECTOR_REGISTERS

# Rows of the tile (`tile.py`): enough accumulators to keep two multiply-add units busy over their latency, few enough
# to stay in the registers with the vectors of B and one broadcast element of A.
ROWS = 8 if VECTOR_REGISTERS == 32 else 4
CACHE_LINE = 64


def lanes_of(dtype):
    """Elements of `dtype` in one vector."""
    return SIMD_BYTES // np.dtype(dtype).itemsize


def stride(columns, dtype):
    """Elements from one row of a padded matrix to the next: whole vectors, and never a large power of two.

    Rows that are a multiple of 1 KiB or more apart map to few sets of the cache and evict each other, so long rows take
    an odd number of cache lines.
    """
    unit = max(lanes_of(dtype), ROWS)  # ROWS too: in the weight gradient, columns of x are rows of the tile
    padded_columns = -(-columns // unit) * unit
    line = CACHE_LINE // np.dtype(dtype).itemsize
    if padded_columns < 16 * line:
        return padded_columns
    lines = -(-padded_columns // line)
    return (lines | 1) * line


def padded(rows):
    """Rows of a padded matrix: whole tiles."""
    return -(-rows // ROWS) * ROWS


@intrinsic
def _lanes(typing_context, array):
    count = SIMD_BYTES // (array.dtype.bitwidth // 8)
    return types.intp(array), lambda context, builder, signature, args: context.get_constant(types.intp, count)


def lanes(array):
    """Elements of the array's type in one vector, a compile-time constant."""
    return lanes_of(array.dtype)


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
def _numbers_at(typing_context, kind, table, at):
    fields = kind.instance_class._fields
    result = types.NamedUniTuple(table.dtype, len(fields), kind.instance_class)

    def code(context, builder, signature, args):
        data = builder.gep(context.make_array(table)(context, builder, args[1]).data, [args[2]])
        numbers = [builder.load(builder.gep(data, [context.get_constant(types.intp, i)])) for i in range(len(fields))]
        return context.make_tuple(builder, result, numbers)

    return result(kind, table, types.intp), code


def numbers_at(kind, table, at):
    """A named tuple of the class `kind`, read from a flat array from `at` on."""
    return kind(*table[at : at + len(kind._fields)])


if JIT_ENABLED:
    vector, matrix, flattened, lanes, numbers_at = _vector, _matrix, _flattened, _lanes, _numbers_at


# ---------------------------------------------------------------------------------------------------------------------
# Loops over whole arrays or parts of them.


@intrinsic
def _copy_part(typing_context, target, target_at, source, source_at, size):
    def code(context, builder, signature, args):
        to, at = (
            builder.gep(context.make_array(signature.args[p])(context, builder, args[p]).data, [args[p + 1]])
            for p in (0, 2)
        )
        cgutils.raw_memcpy(builder, to, at, args[4], target.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), code


def copy_part(target, target_at, source, source_at, size):
    """Copy `size` elements of one flat array into another: faster than a loop if they are few."""
    target[target_at : target_at + size] = source[source_at : source_at + size]


@intrinsic
def _prefetch_part(typing_context, x, at, size):
    def code(context, builder, signature, args):
        base = builder.gep(context.make_array(x)(context, builder, args[0]).data, [args[1]])
        line = context.get_constant(types.intp, CACHE_LINE * 8 // x.dtype.bitwidth)
        with cgutils.for_range_slice(builder, line.type(0), args[2], line) as (i, _):
            prefetch(builder, builder.gep(base, [i]))
        return context.get_dummy_value()

    return types.void(x, types.intp, types.intp), code


def prefetch_part(x, at, size):
    """Prefetch elements [at, at + size) of a flat array into the cache."""


if JIT_ENABLED:
    copy_part, prefetch_part = _copy_part, _prefetch_part


@jit
def sum_up(row, columns):
    """The sum of row[columns], which it overwrites: 16 interleaved sums, so that it is vectorised in one fixed order.

    If LLVM chose the order, the last bit of a loss would depend on the function that the kernel is inlined into.
    """
    for first in range(16, columns, 16):
        for j in range(min(16, columns - first)):
            row[j] += row[first + j]
    total = row.dtype.type(0)
    for j in range(min(16, columns)):
        total += row[j]
    return total


@jit
def copy(y, x):
    """y = x, flat."""
    for i in range(x.size):
        y[i] = x[i]


@jit_any_order
def all_finite(x):
    """Whether all elements of the flat x are finite: times 0, NaN and infinity give NaN and everything else 0."""
    zero = x.dtype.type(0)
    total = zero
    for i in range(x.size):
        total += x[i] * zero
    return total == zero
