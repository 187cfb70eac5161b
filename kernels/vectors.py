"""Vectors as values: adjacent elements of an array in one register, for loops that are too short for LLVM.

LLVM vectorises a loop over hundreds of elements well. A loop over the channels of a pixel has 8 or 16, and entering and
leaving it costs more than the loop itself. These functions are single vector instructions, on values that Numba keeps
in variables. Arrays are indexed as if flat. Loads and stores take `count`, the number of elements that are left: if
these do not fill a vector, nothing beyond them is read or written.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.datamodel import PrimitiveModel
from numba.extending import intrinsic, register_model

from .jit import JIT_ENABLED
from .llvm import broadcast, lane_mask, masked_load, masked_store
from .processor import HAS_MASKS, SIMD_BYTES

# Eight channels are common: 64 bytes would leave half of each vector empty, and vectors would straddle cache lines.
VECTOR_BYTES = min(SIMD_BYTES, 32)


class Vector(types.Type):
    """Numba's type of a vector of elements of type `dtype`."""

    def __init__(self, dtype):
        self.dtype, self.count = dtype, VECTOR_BYTES * 8 // dtype.bitwidth
        self.ir = ir.VectorType(ir.DoubleType() if dtype.bitwidth == 64 else ir.FloatType(), self.count)
        super().__init__(f"Vector({dtype}, {self.count})")


@register_model(Vector)
class _VectorModel(PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, kind.ir)


def _whole_or_masked(builder, count, kind, whole, masked):
    """`masked(mask)`, the mask being the first `count` lanes; if masks are slow, `whole()` where `count` allows it."""
    mask = lane_mask(builder, count, kind.count)
    if HAS_MASKS:
        return masked(mask)
    with builder.if_else(builder.icmp_signed(">=", count, count.type(kind.count))) as (then, otherwise):
        with then:
            one, of_one = whole(), builder.block
        with otherwise:
            other, of_other = masked(mask), builder.block
    if one.type == ir.VoidType():
        return one
    value = builder.phi(one.type)
    value.add_incoming(one, of_one)
    value.add_incoming(other, of_other)
    return value


def _place(context, builder, array, value, at, kind):
    data = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(data, [at]), kind.ir.as_pointer())


@intrinsic
def _width(typing_context, array):
    count = Vector(array.dtype).count
    return types.intp(array), lambda context, builder, signature, args: context.get_constant(types.intp, count)


@intrinsic
def _load(typing_context, array, at, count):
    kind = Vector(array.dtype)

    def code(context, builder, signature, args):
        place, size = _place(context, builder, array, args[0], args[1], kind), kind.dtype.bitwidth // 8

        def whole():
            value = builder.load(place)
            value.align = size
            return value

        def masked(mask):
            return masked_load(builder, place, mask, size)

        return _whole_or_masked(builder, args[2], kind, whole, masked)

    return kind(array, types.intp, types.intp), code


@intrinsic
def _store(typing_context, array, at, count, value):
    def code(context, builder, signature, args):
        place, size = _place(context, builder, array, args[0], args[1], value), value.dtype.bitwidth // 8

        def whole():
            stored = builder.store(args[3], place)
            stored.align = size
            return stored

        def masked(mask):
            return masked_store(builder, args[3], place, mask, size)

        _whole_or_masked(builder, args[2], value, whole, masked)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, value), code


@intrinsic
def _spread(typing_context, array, number):
    kind = Vector(array.dtype)

    def code(context, builder, signature, args):
        return broadcast(builder, args[1], kind.count)

    return kind(array, array.dtype), code


@intrinsic
def _larger(typing_context, x, y):
    def code(context, builder, signature, args):
        x, y = args
        larger = builder.select(builder.fcmp_ordered(">", x, y), x, y)  # y where there is a NaN
        return builder.select(builder.fcmp_unordered("uno", x, x), x, larger)

    return x(x, x), code


@intrinsic
def _where_reached(typing_context, x, y, a, b):
    def code(context, builder, signature, args):
        return builder.select(builder.fcmp_unordered(">=", args[0], args[1]), args[2], args[3])

    return x(x, x, x, x), code


@intrinsic
def _add(typing_context, x, y):
    return x(x, x), lambda context, builder, signature, args: builder.fadd(*args)


@intrinsic
def _multiply(typing_context, x, y):
    return x(x, x), lambda context, builder, signature, args: builder.fmul(*args)


@intrinsic
def _divide(typing_context, x, y):
    return x(x, x), lambda context, builder, signature, args: builder.fdiv(*args)


# ---------------------------------------------------------------------------------------------------------------------
# The functions, as they work without the JIT.


def width(array):
    """Elements of the array's type in one vector."""
    return VECTOR_BYTES // array.itemsize


def load(array, at, count):
    """array[at : at + count], at most one vector; the lanes beyond are 0."""
    return array.reshape(-1)[at : at + min(count, width(array))].copy()


def store(array, at, count, value):
    """array[at : at + count] = value, at most one vector."""
    array.reshape(-1)[at : at + min(count, width(array))] = value


def spread(array, number):
    """A vector of the array's type, with the number in all lanes."""
    return number


def larger(x, y):
    """The larger of x and y, lane by lane; y where they are equal, NaN where one is NaN."""
    return np.where((x > y) | np.isnan(x), x, y)


def where_reached(x, y, a, b):
    """a where x >= y or one of them is NaN, else b."""
    return np.where(~(x < y), a, b)


def add(x, y):
    """x + y."""
    return x + y


def multiply(x, y):
    """x y."""
    return x * y


def divide(x, y):
    """x / y."""
    return x / y


if JIT_ENABLED:
    width, load, store, spread = _width, _load, _store, _spread
    larger, where_reached = _larger, _where_reached
    add, multiply, divide = _add, _multiply, _divide
