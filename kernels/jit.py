"""How everything in fastnn is compiled: the JIT options and the fast-math set.

With `NUMBA_DISABLE_JIT=1`, read once at import, the same kernels run as plain Python.
"""

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from .apart import keep_apart
from .cache import KernelCache, can_be_kept
from .interrupts import held_back
from .processor import HAS_FMA

# No flag that leaves rounding to the compiler: with "contract", "afn" or "arcp" an element's value depends on whether
# it falls into the vectorised part of its loop, and so on the number of threads. Where a fused multiply-add is wanted,
# it is written explicitly (`fma`). Never "nnan" or "ninf" either: NaN and infinity must stay visible.
FASTMATH = {"nsz"}

JIT_ENABLED = not numba.config.DISABLE_JIT


def _compiled(function, **options):
    if not JIT_ENABLED:
        # Kernels rely on integers that wrap around and on divisions that give infinity, silently, as in C.
        return np.errstate(over="ignore", divide="ignore", invalid="ignore")(function)
    options = {"fastmath": FASTMATH, "error_model": "numpy", "nogil": True, "_nrt": False} | options
    dispatcher = numba.njit(**options)(function)
    dispatcher.compile = held_back()(dispatcher.compile)
    if not options.keys() & {"forceinline", "inline"} and can_be_kept(function):
        dispatcher._cache = KernelCache(function)
    return dispatcher


def jit(function):
    """Compile a kernel: cached on disk, without the GIL, divisions by zero as in NumPy."""
    return _compiled(function)


def jit_apart(function):
    """`jit` for a large function with several callers: it is compiled once, and not again in each of them."""
    return keep_apart(_compiled(function)) if JIT_ENABLED else _compiled(function)


def jit_any_order(function):
    """`jit` for a sum whose result does not depend on the order of its terms, so that it may be vectorised."""
    return _compiled(function, fastmath=FASTMATH | {"reassoc"})


def jit_inline(function):
    """`jit` for a function of scalars that must be inlined into its caller's loop, so that the loop is vectorised."""
    return _compiled(function, forceinline=True)


def jit_part(function):
    """`jit` for a function that is separate only for readability: it is inlined into its callers before compilation.

    With every level of ordinary calls LLVM optimises everything below it once more.
    """
    return _compiled(function, inline="always")


def by_precision(single, double):
    """One function of a scalar from a float32 and a float64 version."""

    def function(x):
        return single(x) if isinstance(x, np.float32) else double(x)

    @overload(function, inline="never", jit_options={"forceinline": True})
    def typed(x):
        version = single if x == numba.float32 else double
        return lambda x: version(x)

    return function


# ---------------------------------------------------------------------------------------------------------------------
# Fused multiply-add.


@intrinsic
def _fma(typing_context, x, y, z):
    def code(context, builder, signature, args):
        return builder.fma(*args) if HAS_FMA else builder.fadd(builder.fmul(args[0], args[1]), args[2])

    return (x(x, x, x), code) if x == y == z and isinstance(x, types.Float) else None


def fma(x, y, z):
    """x * y + z, rounded once if the processor has the instruction (on one machine always in the same way)."""
    return x * y + z


if JIT_ENABLED:
    fma = _fma
