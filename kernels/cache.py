"""Where compiled kernels are kept on disk, and under which names.

Numba checks only the file of the function that it loads, so a change in an imported file would go unnoticed. Here the
names contain hashes of all that the machine code depends on, so that stale code is never found:

- The folder is named by a hash of the versions and settings (`settings_key`).
- Each file is named by its function and by a hash of the function's module and of all modules in this folder that it
  imports, directly or through others (`module_key`). An edit recompiles what imports the edited file, and nothing else.

`FASTNN_CACHE_DIR`, read once at import, sets the folder; by default it is `fastnn` in the user's cache folder.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import re
import sys
import uuid
import warnings
from pathlib import Path

import llvmlite
import numba
import numpy as np
from numba.core import caching

from . import processor
from .folders import cache_roots, check_own, check_private, make_private
from .garbage import uncollected

_HERE = Path(__file__).parent

# ---------------------------------------------------------------------------------------------------------------------
# The keys.


def _hash(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()[:16]


def settings_key():
    """A hash of what all machine code depends on, beyond the processor (which Numba itself checks)."""
    python = sys.version_info[:2], getattr(sys, "abiflags", "")
    versions = (numba.__version__, llvmlite.__version__, np.__version__, python)
    settings = (processor.SIMD_BYTES, processor.HAS_FMA, processor.HAS_MASKS, processor.VECTOR_REGISTERS)
    return _hash(repr((versions, settings, numba.config.BOUNDSCHECK, numba.config.OPT)).encode())


# `from .x import ...` and `from . import x, y as z`, anywhere in a file. Parsing all sources with `ast` instead would
# double the time of `import fastnn`.
_IMPORT = re.compile(r"^[ \t]*from[ \t]+\.(\w*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE)


@functools.cache
def _source(path):
    return path.read_bytes()


@functools.cache
def _imports(path):
    """The files in the same folder that a source file imports."""
    names = set()
    for module, imported in _IMPORT.findall(_source(path).decode()):
        listed = re.sub(r"#[^\n]*", "", imported).strip("()").split(",")
        names |= {module} if module else {name.split()[0] for name in listed if name.strip()}
    files = (path.with_name(f"{name}.py") for name in names)
    return sorted(file for file in files if file.exists())


@functools.cache
def module_key(path):
    """A hash of a source file and of all files in its folder that it imports, directly or through others."""
    found, waiting = {path}, [path]
    while waiting:
        new = set(_imports(waiting.pop())) - found
        found |= new
        waiting += new
    return _hash(*(part for file in sorted(found) for part in (file.name.encode(), _source(file))))


# ---------------------------------------------------------------------------------------------------------------------
# The folder.


def _find_cache_folder():
    """The folder for the kernels of these settings; None, with a warning, if there is none for this user alone."""
    key = settings_key()
    tried = []
    for root in cache_roots():
        folder = root / key
        try:
            folder = folder.absolute()  # a program may change its working folder
            make_private(folder)
        except OSError as error:
            tried.append(f"{folder} ({error.strerror})")
            continue
        if tried and os.environ.get("FASTNN_CACHE_DIR"):
            warnings.warn(
                f"fastnn keeps its compiled kernels in {folder}, because it cannot use FASTNN_CACHE_DIR: {tried[0]}",
                RuntimeWarning,
                stacklevel=2,
            )
        return folder
    warnings.warn(
        "fastnn cannot cache its compiled kernels: no folder can be written by you alone, so every process compiles "
        f"them again. Set FASTNN_CACHE_DIR to a folder of your own. Tried: {', '.join(tried) or 'none'}",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


CACHE_FOLDER = None if numba.config.DISABLE_JIT else _find_cache_folder()


# ---------------------------------------------------------------------------------------------------------------------
# The files.


def _source_of(function):
    """The file of a function's module; None for a module without one."""
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    return None if file is None else Path(file)


def _file_name(function):
    """How the names of a function's files in CACHE_FOLDER begin: module.function-key."""
    source = _source_of(function)
    return f"{source.stem}.{function.__qualname__}-{module_key(source)}"


def can_be_kept(function):
    """Whether there is a folder, and `function` is from a source file next to this one: others have no key."""
    source = _source_of(function)
    return CACHE_FOLDER is not None and source is not None and source.parent == _HERE and source.exists()


def is_cached(function, dtype="*"):
    """Whether the cache holds a kernel, given as its Python function, compiled for a float type, or for any."""
    return can_be_kept(function) and any(CACHE_FOLDER.glob(f"{_file_name(function)}.{dtype}.*.nbc"))


def _float_type(sig):
    """The float type that a kernel is compiled for; all have some numbers of float64."""
    return "float32" if "float32" in str(sig) else "float64"


class _Locator(caching._CacheLocator):
    """Puts every function's files into CACHE_FOLDER."""

    def __init__(self, function):
        self.file_name = _file_name(function)
        self._py_file = function.__code__.co_filename  # Numba's errors name it

    def get_cache_path(self):
        return str(CACHE_FOLDER)

    def get_source_stamp(self):
        return self.file_name

    def ensure_cache_path(self):
        make_private(CACHE_FOLDER)

    def get_disambiguator(self):
        return ""

    @classmethod
    def from_function(cls, function, _file):
        return cls(function)


class _CacheFiles(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012 (Numba's own attribute)

    def get_filename_base(self, fullname, abiflags):
        return self.locator.file_name


class _Files(caching.IndexDataCacheFile):
    """A function's files: an index of the types that it was compiled for, and for each of them the machine code.

    Each begins with a checksum of its name and contents: one flipped bit in machine code can do anything. The names of
    the latter say the float type, for `is_cached`.
    """

    def save(self, key, data):
        self._saving = _float_type(key[0])
        super().save(key, data)

    def _data_name(self, number):
        # Numba numbers the files by what the index held when it was read. Two processes that save at the same time,
        # perhaps forks of one, must not give two types the same name.
        return self._data_name_pattern.replace("{number:d}", f"{self._saving}.{uuid.uuid4().hex}")

    def _read(self, path):
        with open(path, "rb") as file:
            check_own(file)
            checksum, content = file.read(_CHECKSUM), file.read()
        if checksum != _checksum(path, content):
            raise ValueError("its checksum is another one")
        return pickle.loads(content)

    def _write(self, path, value):
        content = self._dump(value)
        with self._open_for_write(path) as file:
            file.write(_checksum(path, content) + content)

    def _load_index(self):
        try:
            return self._read(self._index_path)
        except FileNotFoundError:
            return {}

    def _save_index(self, overloads):
        self._write(self._index_path, overloads)

    def _load_data(self, name):
        return self._read(self._data_path(name))

    def _save_data(self, name, data):
        self._write(self._data_path(name), data)


_CHECKSUM = hashlib.sha256().digest_size


def _checksum(path, content):
    return hashlib.sha256(os.path.basename(path).encode() + b"\0" + content).digest()


def _still_private():
    """Whether no other user can change what lies in the folder, as it was when it was chosen; if not, a warning."""
    try:
        check_private(CACHE_FOLDER)
    except FileNotFoundError:  # emptied meanwhile: it is made anew
        return True
    except OSError as error:
        warnings.warn(f"fastnn loads no more kernels from its cache: {error.strerror}", RuntimeWarning, stacklevel=3)
        return False
    return True


class KernelCache(caching.FunctionCache):
    """Numba's function cache, in which damaged files and a full disk are warnings instead of errors."""

    _impl_class = _CacheFiles

    def __init__(self, function, wrapped=True):
        super().__init__(function)
        self._wrapped = wrapped  # whether it can be called from Python
        name = self._impl.filename_base
        self._cache_file = _Files(cache_path=self._cache_path, filename_base=name, source_stamp=name)

    def _index_key(self, sig, codegen):
        # The names of the files identify the code. Numba's key contains the pickled variables of a closure; kernels
        # among these differ from process to process, so operations made by a factory would never be found again.
        code = hashlib.sha256(self._py_func.__code__.co_code).hexdigest()
        return sig, codegen.magic_tuple(), code, self._wrapped

    def load_overload(self, sig, target_context):
        """The kernel for a signature from the disk, or None."""
        if not _still_private():
            return None
        try:
            with uncollected():
                loaded = super().load_overload(sig, target_context)
        except Exception as error:  # a damaged file can raise anything while it is unpickled: compile instead
            warnings.warn(
                f"fastnn compiles {self._py_func.__name__} again: its cache file is damaged ({error})",
                RuntimeWarning,
                stacklevel=2,
            )
            with contextlib.suppress(OSError):
                self.flush()  # otherwise saving would fail on the damaged index
            return None
        if loaded is not None:  # what it calls through symbols (`apart.py`), for those that it is linked into
            loaded.library._reload_init.update(loaded.reload_init)
        return loaded

    def save_overload(self, sig, data):
        """Write the kernel for a signature to the disk."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            warnings.warn(f"fastnn cannot cache a compiled kernel: {error}", RuntimeWarning, stacklevel=2)
