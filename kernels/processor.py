"""What this processor has: the width of its vectors, fused multiply-add, masks, and how many vector registers.

`FASTNN_SIMD_WIDTH`, read once at import, sets the float32 lanes of a vector: 4, 8 or 16; by default the widest that
this processor has.
"""

import os
import platform

import numba
from llvmlite import binding as llvm


def _host_features():
    """The instruction sets that LLVM compiles for, NUMBA_CPU_FEATURES included."""
    named = numba.config.CPU_FEATURES
    if named is not None:
        return {f[1:] for f in named.split(",") if f.startswith("+")}
    if numba.config.CPU_NAME not in (None, "host"):
        return set()
    try:
        return {name for name, present in llvm.get_host_cpu_features().items() if present}
    except RuntimeError:  # LLVM does not know this processor
        return set()


def _simd_bytes(features):
    """Bytes of a vector register: 64 with AVX-512, 32 with AVX2, else 16 (SSE, NEON)."""
    asked = os.environ.get("FASTNN_SIMD_WIDTH")
    if asked is not None:
        if asked not in ("4", "8", "16"):
            raise ValueError(f"FASTNN_SIMD_WIDTH must be 4, 8 or 16 (float32 lanes), received {asked!r}")
        return 4 * int(asked)
    return 64 if "avx512f" in features else 32 if "avx2" in features else 16


FEATURES = _host_features()
_IS_ARM = platform.machine().lower() in ("arm64", "aarch64")

SIMD_BYTES = _simd_bytes(FEATURES)
# Fused multiply-add in hardware; without it llvm.fma is a slow library call.
HAS_FMA = "fma" in FEATURES or _IS_ARM
# Loads and stores of a part of a vector; without them LLVM makes a branch for each element.
HAS_MASKS = bool(FEATURES & {"avx", "avx512f"})
# Vector registers that the tile can count on: x86 has 32 with AVX-512 and 16 before it; 64-bit Arm has 32.
VECTOR_REGISTERS = 32 if "avx512f" in FEATURES or _IS_ARM else 16
