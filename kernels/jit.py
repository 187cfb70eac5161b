"""How everything in fastnn is compiled: the JIT options, the fast-math set, the SIMD width and the disk cache.

Environment variables, read once at import:

- `FASTNN_SIMD_WIDTH`: float32 lanes of a vector, 4, 8 or 16; by default the widest that this processor has.
- `FASTNN_CACHE_DIR`: where compiled kernels are kept; by default `fastnn` in the user's cache folder.
- `NUMBA_DISABLE_JIT=1`: the same kernels run as plain Python.
"""

import contextlib
import hashlib
import os
import platform
import sys
import tempfile
import warnings
from pathlib import Path

import llvmlite
import numba
import numpy as np
from llvmlite import binding as llvm
from numba import types
from numba.core import caching
from numba.extending import intrinsic, overload

# No flag that leaves rounding to the compiler: with "contract", "afn" or "arcp" an element's value depends on whether
# it falls into the vectorised part of its loop, and so on the number of threads. Where a fused multiply-add is wanted,
# it is written (`fma`). Never "nnan" or "ninf" either: NaN and infinity must stay visible.
FASTMATH = {"nsz"}

JIT_ENABLED = not numba.config.DISABLE_JIT


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


_FEATURES = _host_features()
SIMD_BYTES = _simd_bytes(_FEATURES)
# Fused multiply-add in hardware; without it llvm.fma is a slow library call.
HAS_FMA = "fma" in _FEATURES or platform.machine().lower() in ("arm64", "aarch64")
# Loads and stores of a part of a vector; without them LLVM makes a branch for each number.
HAS_MASKS = bool(_FEATURES & {"avx", "avx512f"})
# Vector registers that the tile can count on: x86 has 32 with AVX-512 and 16 before it; 64-bit Arm has 32.
VECTOR_REGISTERS = 32 if "avx512f" in _FEATURES or platform.machine().lower() in ("arm64", "aarch64") else 16


# ---------------------------------------------------------------------------------------------------------------------
# The disk cache. Numba looks only at the file of the function it loads, so a change in a callee's file would go
# unnoticed; here everything that can change the machine code names the folder instead.


def cache_key():
    """A hash of all that the machine code depends on, beyond the processor (which Numba itself checks)."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    versions = (numba.__version__, llvmlite.__version__, np.__version__, sys.version_info[:2])
    settings = (SIMD_BYTES, HAS_FMA, HAS_MASKS, VECTOR_REGISTERS, numba.config.BOUNDSCHECK, numba.config.OPT)
    digest.update(repr((versions, settings)).encode())
    return digest.hexdigest()[:16]


def _user_cache():
    """fastnn's folder among the user's caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "fastnn" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fastnn"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastnn"


def cache_roots():
    """The folders that may hold the cache, best first."""
    if asked := os.environ.get("FASTNN_CACHE_DIR"):
        yield Path(asked)
    if asked := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(asked) / "fastnn"
    with contextlib.suppress(RuntimeError):  # no home folder can be found
        yield _user_cache()
    # A name of the user's own: cached kernels are executed, so nobody else may have put them there.
    yield Path(tempfile.gettempdir()) / f"fastnn-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"


def own_and_writable(folder):
    """Make `folder` if need be; true where this user can write there, and nobody else put it there or can swap it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):
        user = os.getuid()
        if folder.stat().st_uid != user or folder.parent.stat().st_uid not in (user, 0):
            return False
    tempfile.TemporaryFile(dir=folder).close()
    return True


def _find_cache_folder():
    """The folder of this version's kernels, or None (with a warning) where nothing can be written."""
    key = cache_key()
    tried = []
    for root in cache_roots():
        folder = root / key
        try:
            if own_and_writable(folder):
                return folder
        except OSError as error:
            tried.append(f"{folder} ({error.strerror})")
    warnings.warn(
        "fastnn cannot keep its compiled kernels: no folder can be written, so every process compiles anew. "
        f"Set FASTNN_CACHE_DIR to a folder of your own. Tried: {', '.join(tried) or 'none'}",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


CACHE_FOLDER = _find_cache_folder() if JIT_ENABLED else None


class _Locator(caching._CacheLocator):
    """Puts every function's files into CACHE_FOLDER."""

    def __init__(self, function):
        self._line = function.__code__.co_firstlineno
        self._py_file = function.__code__.co_filename  # Numba names it where a kernel cannot be kept

    def get_cache_path(self):
        return str(CACHE_FOLDER)

    def get_source_stamp(self):
        return CACHE_FOLDER.name

    def get_disambiguator(self):
        return str(self._line)

    @classmethod
    def from_function(cls, function, _file):
        return cls(function)


class _CacheFiles(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012 (Numba's own attribute)


class _KernelCache(caching.FunctionCache):
    """Numba's function cache, which a broken or full disk cannot turn into an error."""

    _impl_class = _CacheFiles

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a damaged file can raise anything while it is unpickled: compile instead
            warnings.warn(
                f"fastnn compiles {self._py_func.__name__} anew: its cache file is damaged ({error})",
                RuntimeWarning,
                stacklevel=2,
            )
            with contextlib.suppress(OSError):
                self.flush()  # or saving would stumble over the damaged index
            return None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except OSError as error:
            warnings.warn(f"fastnn cannot keep a compiled kernel: {error}", RuntimeWarning, stacklevel=2)


# ---------------------------------------------------------------------------------------------------------------------
# The decorators.


def _compiled(function, **options):
    if not JIT_ENABLED:
        # Kernels count on integers that wrap around and on divisions that give infinity, silently as in C.
        return np.errstate(over="ignore", divide="ignore", invalid="ignore")(function)
    options = {"fastmath": FASTMATH, "error_model": "numpy", "nogil": True, "_nrt": "parallel" in options} | options
    dispatcher = numba.njit(**options)(function)
    if CACHE_FOLDER is not None and not options.keys() & {"forceinline", "inline"}:
        dispatcher._cache = _KernelCache(function)
    return dispatcher


def jit(function):
    """Compile a kernel: cached on disk, without the GIL, divisions by zero as in NumPy."""
    return _compiled(function)


def jit_any_order(function):
    """`jit` for a sum whose result does not depend on the order of its terms, and which may so be vectorised."""
    return _compiled(function, fastmath=FASTMATH | {"reassoc"})


def jit_inline(function):
    """`jit` for a function of scalars that must vanish into its caller's loop, or the loop is not vectorised."""
    return _compiled(function, forceinline=True)


def jit_part(function):
    """A part of larger functions, written apart to be read: becomes part of its caller before compilation.

    Each level of ordinary calls has LLVM optimise everything below it once more.
    """
    return _compiled(function, inline="always")


def jit_parallel(function):
    """`jit` with `prange` over threads: for the interpreter's driver and nothing else."""
    return _compiled(function, parallel=True)


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
    """x * y + z, rounded once where the processor can (and always in the same way on one machine)."""
    return x * y + z


if JIT_ENABLED:
    fma = _fma
