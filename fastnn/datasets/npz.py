"""Reads arrays of numbers from untrusted npz files: nothing in them is executed, and everything is checked.

An npz file is a zip archive with one npy file per array: a short header with type and shape, then the numbers.
Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import errno
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .packed import DEFLATE_RATIO

Array: TypeAlias = npt.NDArray[Any]

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # the second: an empty archive
_NPY_START = b"\x93NUMPY"
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that NumPy writes
_SHOWN = 10  # names listed in a message
_LONGEST = 300  # characters of a message, which may quote the file

# The errors of zipfile and NumPy for damaged files; a RuntimeError is an archive with a password.
_DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OverflowError, RuntimeError)
_DAMAGED_NPY = (ValueError, SyntaxError, tokenize.TokenError)


class _Unwanted(Exception):
    """An error whose message still lacks the name of the file."""


def read_arrays(path: str | os.PathLike[str], *wanted: Sequence[str]) -> list[Array]:
    """Read some arrays of an npz file, each under the first of its possible names that is in the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not an npz file, is damaged, lacks an array, or has Python objects in one.
    """
    path = Path(path)
    if not path.is_file():
        if path.exists():
            raise ValueError(f"{path}: expected an npz file, received something that is not a regular file")
        raise FileNotFoundError(f"{path}: expected an npz file, there is no such file")
    with path.open("rb") as file:
        try:
            _check_start(file.read(len(_NPY_START)))
            with zipfile.ZipFile(file) as archive:
                names = [_present(archive, names) for names in wanted]
                return [_read_array(archive, name, path.stat().st_size) for name in names]
        except _Unwanted as error:
            raise ValueError(f"{path}: {_short(str(error))}") from None
        except (*_DAMAGED_ZIP, *_DAMAGED_NPY) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path}: expected a whole npz file, received a damaged one: {_short(reason)}") from error
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise ValueError(f"{path}: expected a whole npz file, received one whose index points nowhere") from error
        except MemoryError:
            raise ValueError(f"{path}: expected arrays that fit in memory, received larger ones") from None


def _short(message: str) -> str:
    return message if len(message) <= _LONGEST else f"{message[: _LONGEST - 4]} ..."


def _check_start(start: bytes) -> None:
    if not start.startswith(_ZIP_STARTS):
        came = "a single array (npy)" if start == _NPY_START else f"one that begins with {start!r}" if start else "none"
        raise _Unwanted(f"expected an npz file, a zip archive of arrays, received {came}")


def _present(archive: zipfile.ZipFile, names: Sequence[str]) -> str:
    there = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    for name in names:
        if name in there:
            return name
    listed = ", ".join(map(repr, there[:_SHOWN])) + (", ..." if len(there) > _SHOWN else "")
    raise _Unwanted(f"expected an array {' or '.join(map(repr, names))}, received {listed or 'no arrays'}")


def _read_array(archive: zipfile.ZipFile, name: str, length: int) -> Array:
    """The array of this name, from an archive of `length` bytes; sizes are checked before memory is allocated."""
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in _PACKINGS:
        raise _Unwanted(f"expected {name} plain or deflated, received compression method {entry.compress_type}")
    with archive.open(entry) as stream:
        shape, dtype = _read_header(stream, name)
        size, held = math.prod(shape) * dtype.itemsize, entry.file_size - stream.tell()
    if dtype.kind not in "biufU":
        came = "Python objects, which are never unpickled" if dtype.hasobject else f"type {dtype}"
        raise _Unwanted(f"expected {name} to hold numbers, received {came}")
    if size != held or size > length * DEFLATE_RATIO:
        promise = f"expected {name} of shape {shape} and type {dtype} to take {size} bytes, as its header says"
        raise _Unwanted(f"{promise}, received {held} in a file of {length}")
    with archive.open(entry) as stream:  # read to its end, so that its checksum is checked
        array: Array = np.lib.format.read_array(stream, allow_pickle=False)
        return array


def _read_header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    else:  # 3.0 is for field names that are not ASCII
        raise _Unwanted(f"expected {name} in npy format 1.0 or 2.0, received {version[0]}.{version[1]}")
    if any(side < 0 for side in shape):
        raise _Unwanted(f"expected {name} to have sizes of at least 0, received {shape}")
    return shape, dtype
