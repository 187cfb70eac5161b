"""How kernels reach a program's weights: each has memory of its own, and `instructions.Weights` holds the addresses.

An instruction names a weight by its number in the program. So the weights of a layer that two models share exist once,
and they are freed with the last model that uses them. `stride` is the length of a row with its padding
(`arrays.stride`).
"""

from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from .arrays import vector
from .jit import JIT_ENABLED, jit_part


@intrinsic
def _vector_at(typing_context, address, start, size, like):
    result = types.Array(like.dtype, 1, "C")

    def code(context, builder, signature, args):
        element = context.get_value_type(like.dtype)
        data = builder.gep(builder.inttoptr(args[0], element.as_pointer()), [args[1]])
        itemsize = context.get_constant(types.intp, like.dtype.bitwidth // 8)
        array = context.make_array(result)(context, builder)
        populate_array(array, data=data, shape=[args[2]], strides=[itemsize], itemsize=itemsize, meminfo=None)
        return array._getvalue()

    return result(types.intp, types.intp, types.intp, like), code


@intrinsic
def _matrix_at(typing_context, address, first, rows, stride, like):
    result = types.Array(like.dtype, 2, "C")

    def code(context, builder, signature, args):
        element = context.get_value_type(like.dtype)
        start = builder.mul(args[1], args[3])
        data = builder.gep(builder.inttoptr(args[0], element.as_pointer()), [start])
        itemsize = context.get_constant(types.intp, like.dtype.bitwidth // 8)
        array = context.make_array(result)(context, builder)
        strides = [builder.mul(args[3], itemsize), itemsize]
        populate_array(array, data=data, shape=[args[2], args[3]], strides=strides, itemsize=itemsize, meminfo=None)
        return array._getvalue()

    return result(types.intp, types.intp, types.intp, types.intp, like), code


def vector_at(place, start, size, like):
    """Elements [start, start + size) of the flat array at an address, of like's type; in plain Python of that array."""
    return place[start : start + size]


def matrix_at(place, first, rows, stride, like):
    """Rows [first, first + rows), of `stride` elements each, of the matrix at an address, of like's type."""
    return place[first * stride : (first + rows) * stride].reshape(rows, stride)


if JIT_ENABLED:
    vector_at, matrix_at = _vector_at, _matrix_at


@jit_part
def w_vector(weights, number, start, size):
    """Elements [start, start + size) of a weight."""
    return vector_at(weights.values[number], start, size, weights.transposed)


@jit_part
def w_matrix(weights, number, first, rows, stride):
    """Rows [first, first + rows) of a weight."""
    return matrix_at(weights.values[number], first, rows, stride, weights.transposed)


@jit_part
def w_or_none(weights, number, size):
    """The first `size` elements of a weight; an empty array if its number is -1, for a weight that is not there."""
    if number < 0:
        return vector(weights.transposed, 0, 0)
    return vector_at(weights.values[number], 0, size, weights.transposed)


@jit_part
def dw_vector(weights, number, start, size):
    """Elements [start, start + size) of a weight's gradient."""
    return vector_at(weights.gradients[number], start, size, weights.transposed)


@jit_part
def dw_matrix(weights, number, first, rows, stride):
    """Rows [first, first + rows) of a weight's gradient."""
    return matrix_at(weights.gradients[number], first, rows, stride, weights.transposed)


@jit_part
def slot_vector(weights, slot, number, start, size):
    """Elements [start, start + size) of one of the optimizer's slots for a weight."""
    return vector_at(weights.slots[slot, number], start, size, weights.transposed)
