"""Vector instructions: functions that emit them into a kernel through LLVM's builder.

`width` is the number of elements of a vector. In memory, a vector need only be aligned like one element.
"""

from llvmlite import ir
from numba.core import cgutils

from .processor import HAS_FMA

_NUMBER = ir.IntType(32)


def broadcast(builder, scalar, width):
    """A vector of `width` copies of a scalar."""
    undefined = ir.Constant(ir.VectorType(scalar.type, width), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    return builder.shuffle_vector(first, undefined, zeros)


def multiply_add(builder, x, y, z):
    """x y + z for vectors, fused if the processor has the instruction."""
    if not HAS_FMA:
        return builder.fadd(builder.fmul(x, y), z)
    name = f"llvm.fma.v{x.type.count}f{64 if isinstance(x.type.element, ir.DoubleType) else 32}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(x.type, [x.type] * 3), name)
    return builder.call(function, [x, y, z])


def prefetch(builder, address):
    """Prefetch the cache line at `address`; harmless at an invalid address."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    read, keep, data = number(0), number(3), number(1)
    builder.call(function, [builder.bitcast(address, byte), read, keep, data])


def not_unrolled(builder, branch):
    """Tell LLVM not to unroll the loop that a branch closes: where all registers are in use, it would spill them."""
    module = builder.module
    disable = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
    loop = ir.MDValue(module, [], name=str(len(module.metadata)))
    loop.operands = loop, disable  # a loop's node begins with itself
    branch.set_metadata("llvm.loop", loop)


def vector_at(builder, base, v, width):
    """A pointer to the v-th vector of `width` elements from `base` on."""
    block = builder.gep(base, [ir.IntType(64)(width * v)])
    return builder.bitcast(block, ir.VectorType(base.type.pointee, width).as_pointer())


def load_vector(builder, base, v, width, align):
    """Load the v-th vector of `width` elements from `base` on."""
    return builder.load(vector_at(builder, base, v, width), align=align)


def lane_mask(builder, count, width):
    """A mask of the first `count` of a vector's `width` lanes."""
    number = ir.IntType(32)
    lane = ir.Constant(ir.VectorType(number, width), list(range(width)))
    return builder.icmp_signed("<", lane, broadcast(builder, builder.trunc(count, number), width))


def _masked(builder, name, result, vector, values):
    name = f"llvm.masked.{name}.v{vector.count}f{64 if isinstance(vector.element, ir.DoubleType) else 32}.p0"
    function_type = ir.FunctionType(result, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), values)


def masked_load(builder, place, mask, align):
    """Load the lanes of the vector at a pointer where the mask is set; the others are 0."""
    vector = place.type.pointee
    return _masked(builder, "load", vector, vector, [place, _NUMBER(align), mask, ir.Constant(vector, None)])


def masked_store(builder, value, place, mask, align):
    """Store the lanes of a vector where the mask is set."""
    return _masked(builder, "store", ir.VoidType(), value.type, [value, place, _NUMBER(align), mask])


def store_lanes(builder, value, base, v, width, count, align):
    """Store the first `count` lanes of a vector as the v-th vector from `base` on."""
    return masked_store(builder, value, vector_at(builder, base, v, width), lane_mask(builder, count, width), align)
