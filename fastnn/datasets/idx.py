"""Reads idx files, the format of MNIST and its relatives.

An idx file is a header of big-endian 32-bit integers (a magic number, then one size a dimension) and the
data in C order, one byte an element. The magic number is 2049 for labels (one dimension) and 2051 for
images (three: image, row, column).

Source: http://yann.lecun.com/exdb/mnist/, "File formats for the MNIST database".
"""

import gzip
import io
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

_LABELS = 2049
_IMAGES = 2051
_KINDS = {_LABELS: ("labels", 1), _IMAGES: ("images", 3)}  # magic number: (what it holds, dimensions)

_GZIP_START = b"\x1f\x8b"
# Deflate spends at least 2 bits on at most 258 bytes (RFC 1951), so no file of n bytes holds more than 1032 n.
_DEFLATE_RATIO = 1032
# GzipFile.readinto makes a copy as large as its target, so the target is filled in pieces.
_PIECE = 1 << 16


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read an idx file of images or labels, plain or gzip-compressed.

    Whether the file is compressed is read from its first bytes; its name does not matter. The data is
    decompressed straight into the result, so memory peaks at about the size of the result.

    Args:
        path: The file.

    Returns:
        A new, writable, C-contiguous uint8 array: `(images, rows, columns)` or `(labels,)`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not what its header says: wrong magic number, impossible sizes, truncated,
            with bytes left over, or corrupt. The message names the file, what was expected and what came.
    """
    return _read(path, (_IMAGES, _LABELS))


def read_images(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read an idx file of images (magic number 2051), as `read_idx` does.

    Returns:
        A uint8 array `(images, rows, columns)`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or holds something else.
    """
    return _read(path, (_IMAGES,))


def read_labels(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read an idx file of labels (magic number 2049), as `read_idx` does.

    Returns:
        A uint8 array `(labels,)`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or holds something else.
    """
    return _read(path, (_LABELS,))


def _read(path: str | os.PathLike[str], magics: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    path = Path(path)
    if not path.is_file():
        if path.exists():
            raise ValueError(f"{path}: expected an idx file, received something that is not a regular file")
        raise FileNotFoundError(f"{path}: expected an idx file, there is no such file")
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            compressed = file.read(len(_GZIP_START)) == _GZIP_START
            file.seek(0)
            if not compressed:
                return _read_stream(file, magics, length, ratio=1)
            with gzip.GzipFile(fileobj=file) as stream:
                return _read_stream(stream, magics, length, _DEFLATE_RATIO)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole gzip file, received a damaged one: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read_stream(stream: io.BufferedIOBase, magics: tuple[int, ...], length: int, ratio: int) -> npt.NDArray[np.uint8]:
    """Read header and data from a file of `length` bytes, each of which stands for at most `ratio` bytes."""
    (magic,) = _read_integers(stream, 1)
    if magic not in magics:
        expected = " or ".join(f"{m} ({_KINDS[m][0]})" for m in magics)
        came = f"{magic} ({_KINDS[magic][0]})" if magic in _KINDS else str(magic)
        raise ValueError(f"expected an idx file with magic number {expected}, received {came}")

    kind, dimensions = _KINDS[magic]
    shape = _read_integers(stream, dimensions)
    size = math.prod(shape)
    promise = f"expected {' x '.join(map(str, shape))} = {size} bytes of {kind}, as the header says"
    if size == 0:
        raise ValueError(f"expected sizes of at least 1 in the header, received {shape}")
    if size > length * ratio:
        raise ValueError(f"{promise}, received a file of {length} bytes, too small to hold them")

    try:
        data = np.empty(size, np.uint8)
    except MemoryError:  # a damaged gzip header can ask for a thousand times the file
        raise ValueError(f"{promise}, received a file that does not fit in memory") from None
    filled = 0
    while filled < size:
        count = stream.readinto(data[filled : filled + _PIECE].data)
        if count == 0:
            raise ValueError(f"{promise}, received {filled}: the file is truncated")
        filled += count
    if stream.read(1):  # at the end of a gzip file this also checks the checksum
        raise ValueError(f"{promise}, received more: bytes follow the data")
    return data.reshape(shape)


def _read_integers(stream: io.BufferedIOBase, count: int) -> tuple[int, ...]:
    raw = stream.read(4 * count)
    if len(raw) < 4 * count:
        raise ValueError(f"expected {4 * count} more bytes of idx header, received {len(raw)}: the file is truncated")
    return struct.unpack(f">{count}I", raw)
