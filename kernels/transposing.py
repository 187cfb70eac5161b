"""The transpose of a small square of a matrix, in vector registers."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import JIT_ENABLED
from .llvm import load_vector, vector_at

# Eight floats: a square of them takes 8 registers, and as many for the one that comes out.
SQUARE_BYTES = 32


@intrinsic
def _square(typing_context, array):
    count = SQUARE_BYTES * 8 // array.dtype.bitwidth
    return types.intp(array), lambda context, builder, signature, args: context.get_constant(types.intp, count)


@intrinsic
def _transpose_square(typing_context, to, to_at, to_row, source, at, row):
    def code(context, builder, signature, args):
        size = source.dtype.bitwidth // 8
        width = SQUARE_BYTES // size
        number = ir.IntType(32)
        mixes = [
            ir.Constant(ir.VectorType(number, width), [half + i // 2 + i % 2 * width for i in range(width)])
            for half in (0, width // 2)
        ]

        def row_of(array, value, begin, stride, i):
            data = context.make_array(array)(context, builder, value).data
            return builder.gep(data, [builder.add(begin, builder.mul(stride, stride.type(i)))])

        rows = [load_vector(builder, row_of(source, *args[3:], i), 0, width, size) for i in range(width)]
        for _ in range(width.bit_length() - 1):  # each time, every row is mixed with the one half the square below it
            pairs = zip(rows[: width // 2], rows[width // 2 :])
            rows = [builder.shuffle_vector(upper, lower, mix) for upper, lower in pairs for mix in mixes]
        for i, vector in enumerate(rows):
            builder.store(vector, vector_at(builder, row_of(to, *args[:3], i), 0, width), align=size)
        return context.get_dummy_value()

    return types.void(to, types.intp, types.intp, source, types.intp, types.intp), code


def square(array):
    """How many rows and columns of a matrix `transpose_square` takes."""
    return SQUARE_BYTES // array.itemsize


def transpose_square(to, to_at, to_row, source, at, row):
    """Write a square of the flat `source` to the flat `to`, transposed; their rows are `row` and `to_row` apart."""
    for i in range(square(source)):
        for j in range(square(source)):
            to[to_at + j * to_row + i] = source[at + i * row + j]


if JIT_ENABLED:
    square, transpose_square = _square, _transpose_square
