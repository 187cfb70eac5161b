"""The processor's peak speed: the tile's arithmetic without loads and stores.

It is measured, because no data sheet says at which clock rate this machine runs its widest vectors at the moment.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .arrays import ROWS, lanes_of
from .jit import JIT_ENABLED, jit
from .llvm import broadcast, multiply_add
from .processor import SIMD_BYTES
from .tile import VECTORS

# As many independent sums as the tile has: the latency of one is hidden behind the work of the others.
SUMS = ROWS * VECTORS


def sums_size(dtype):
    """Elements of the array that `multiply_adds` works on."""
    return SUMS * lanes_of(dtype)


@intrinsic
def _repeat(typing_context, sums, factor, term, times):
    signature = types.void(sums, sums.dtype, sums.dtype, types.intp)

    def code(context, builder, signature, args):
        size = sums.dtype.bitwidth // 8
        width = SIMD_BYTES // size
        vector_type, index = ir.VectorType(context.get_value_type(sums.dtype), width), ir.IntType(64)
        data = context.make_array(sums)(context, builder, args[0]).data
        places = [builder.gep(data, [index(width * i)]) for i in range(SUMS)]
        places = [builder.bitcast(place, vector_type.as_pointer()) for place in places]

        factors, terms = broadcast(builder, args[1], width), broadcast(builder, args[2], width)
        first = [builder.load(place, align=size) for place in places]
        entry = builder.block
        loop, done = builder.append_basic_block("peak"), builder.append_basic_block("peak.done")
        builder.branch(loop)
        builder.position_at_end(loop)
        k, now = builder.phi(index), [builder.phi(vector_type) for _ in range(SUMS)]
        # Each step depends on the one before, so that the compiler can neither drop one nor merge two.
        after = [multiply_add(builder, s, factors, terms) for s in now]
        k_next = builder.add(k, index(1))
        for phi, at_entry, in_loop in zip([k, *now], [index(0), *first], [k_next, *after]):
            phi.add_incoming(at_entry, entry)
            phi.add_incoming(in_loop, loop)
        builder.cbranch(builder.icmp_signed("<", k_next, args[3]), loop, done)
        builder.position_at_end(done)
        for place, s in zip(places, after):
            builder.store(s, place, align=size)
        return context.get_dummy_value()

    return signature, code


def repeat(sums, factor, term, times):
    """The same in plain Python."""
    for _ in range(times):
        sums[:] = sums * factor + term


if JIT_ENABLED:
    repeat = _repeat


@jit
def multiply_adds(sums, factor, term, times):
    """sums = factor sums + term, `times` >= 1 times, for `sums_size` sums that stay in registers."""
    real = sums.dtype.type
    repeat(sums, real(factor), real(term), times)
