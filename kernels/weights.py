"""How kernels reach a program's weights: each has memory of its own, and `instructions.Weights` holds the addresses.

An instruction names a weight by its number in the program. So the weights of a layer that two models share exist once,
and they are freed with the last model that uses them. `stride` is the length of a row with its padding
(`arrays.stride`).
"""

from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from .arrays import matrix, vector
from .jit import JIT_ENABLED, jit_part


@intrinsic
def _memory_at(typing_context, address, like):
    result = types.Array(like.dtype, 1, "C")

    def code(context, builder, signature, args):
        data = builder.inttoptr(args[0], context.get_value_type(like.dtype).as_pointer())
        nothing, itemsize = (context.get_constant(types.intp, n) for n in (0, like.dtype.bitwidth // 8))
        array = context.make_array(result)(context, builder)
        populate_array(array, data=data, shape=[nothing], strides=[itemsize], itemsize=itemsize, meminfo=None)
        return array._getvalue()

    return result(types.intp, like), code


def memory_at(place, like):
    """The memory at an address as a flat array of like's type, of which `vector` and `matrix` make views.

    Its length is not known. In plain Python `place` is the array itself.
    """
    return place


if JIT_ENABLED:
    memory_at = _memory_at


@jit_part
def _w(weights, number):
    return memory_at(weights.values[number], weights.transposed)


@jit_part
def _dw(weights, number):
    return memory_at(weights.gradients[number], weights.transposed)


@jit_part
def w_vector(weights, number, start, size):
    """Elements [start, start + size) of a weight."""
    return vector(_w(weights, number), start, size)


@jit_part
def w_matrix(weights, number, first, rows, stride):
    """Rows [first, first + rows) of a weight."""
    return matrix(_w(weights, number), first * stride, rows, stride)


@jit_part
def w_or_none(weights, number, size):
    """The first elements of a weight; an empty array where the layer has no such weight and its number is -1."""
    return vector(_w(weights, number), 0, size) if number >= 0 else vector(weights.transposed, 0, 0)


@jit_part
def dw_vector(weights, number, start, size):
    """Elements [start, start + size) of a weight's gradient."""
    return vector(_dw(weights, number), start, size)


@jit_part
def dw_matrix(weights, number, first, rows, stride):
    """Rows [first, first + rows) of a weight's gradient."""
    return matrix(_dw(weights, number), first * stride, rows, stride)


@jit_part
def slot_vector(weights, slot, number, start, size):
    """Elements [start, start + size) of one of the optimizer's slots for a weight."""
    return vector(memory_at(weights.slots[slot, number], weights.transposed), start, size)
