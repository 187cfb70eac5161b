"""Reads and writes idx files, the format of MNIST and its relatives.

An idx file is a header of big-endian 32-bit integers (a magic number, then one size per dimension) and the
data in C order, one byte per element. The magic number is 2049 for labels (one dimension) and 2051 for
images (three: image, row, column).

Source: http://yann.lecun.com/exdb/mnist/, "File formats for the MNIST database".
"""

import contextlib
import math
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .packed import Bytes, Unpacked, packed, unpacked

__all__ = ["read_idx", "read_images", "read_labels"]

LABELS = 2049
IMAGES = 2051
_KINDS = {LABELS: ("labels", 1), IMAGES: ("images", 3)}  # magic number: (what it holds, dimensions)
# A decompressing stream copies what it returns, so blocks are filled in pieces.
_PIECE = 1 << 16


def read_idx(path: str | os.PathLike[str]) -> Bytes:
    """Read an idx file of images or labels, plain or gzip-compressed.

    Compression is detected from the first bytes, not from the name. The data is decompressed directly into
    the result, so the peak memory is about the size of the result.

    Args:
        path: The file.

    Returns:
        A new, writable, C-contiguous uint8 array: `(images, rows, columns)` or `(labels,)`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not what its header says: wrong magic number, impossible sizes, truncated,
            with bytes left over, or corrupt. The message names the file, what was expected and what was received.

    >>> folder = fastnn.datasets.mnist.SHIPPED
    >>> fastnn.datasets.idx.read_idx(folder / "t10k-labels-idx1-ubyte.gz").shape
    (10000,)
    """
    return _read_whole(path, IMAGES, LABELS)


def read_images(path: str | os.PathLike[str]) -> Bytes:
    """Read an idx file of images (magic number 2051), as `read_idx` does.

    Args:
        path: The file, plain or gzip-compressed.

    Returns:
        A uint8 array `(images, rows, columns)`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or holds something else.

    >>> folder = fastnn.datasets.mnist.SHIPPED
    >>> fastnn.datasets.idx.read_images(folder / "t10k-images-idx3-ubyte.gz").shape
    (10000, 28, 28)
    """
    return _read_whole(path, IMAGES)


def read_labels(path: str | os.PathLike[str]) -> Bytes:
    """Read an idx file of labels (magic number 2049), as `read_idx` does.

    Args:
        path: The file, plain or gzip-compressed.

    Returns:
        A uint8 array `(labels,)`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or holds something else.

    >>> folder = fastnn.datasets.mnist.SHIPPED
    >>> fastnn.datasets.idx.read_labels(folder / "t10k-labels-idx1-ubyte.gz")[:5]
    array([7, 2, 1, 0, 4], dtype=uint8)
    """
    return _read_whole(path, LABELS)


def _read_whole(path: str | os.PathLike[str], *magics: int) -> Bytes:
    with reading_idx(path, *magics) as file:
        (everything,) = file.blocks(file.shape[0])
        return everything


@contextlib.contextmanager
def reading_idx(path: str | os.PathLike[str], *magics: int) -> Iterator["IdxReader"]:
    """Open an idx file to read it in blocks.

    Args:
        path: The file, plain or gzip-compressed.
        magics: The magic numbers it may have: `IMAGES`, `LABELS` or both.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Its header is wrong, or announces more data than the file can hold.
    """
    with unpacked(path, "an idx file") as file:
        yield IdxReader(file, magics)


class IdxReader:
    """An open idx file: `shape` is known from its header, the data comes in blocks."""

    shape: tuple[int, ...]

    def __init__(self, file: Unpacked, magics: tuple[int, ...]):
        self._file = file
        (magic,) = self._integers(1)
        if magic not in magics:
            expected = " or ".join(f"{m} ({_KINDS[m][0]})" for m in magics)
            came = f"{magic} ({_KINDS[magic][0]})" if magic in _KINDS else str(magic)
            raise ValueError(f"{file.path}: expected an idx file with magic number {expected}, received {came}")

        kind, dimensions = _KINDS[magic]
        self.shape = self._integers(dimensions)
        size = math.prod(self.shape)
        sizes = " x ".join(map(str, self.shape))
        self._promise = f"{file.path}: expected {sizes} = {size} bytes of {kind}, as the header says"
        if size == 0:
            raise ValueError(f"{file.path}: expected sizes of at least 1 in the header, received {self.shape}")
        if size > file.most_bytes:
            raise ValueError(f"{self._promise}, received a file of {file.length} bytes, too small to hold them")

    def blocks(self, items: int) -> Iterator[Bytes]:
        """Yield all the data once, as new arrays of `items` images or labels; the last may be smaller.

        Raises:
            ValueError: The data ends early, continues after the last block, or is corrupt.
        """
        size = math.prod(self.shape[1:])
        for first in range(0, self.shape[0], items):
            try:
                block = np.empty((min(items, self.shape[0] - first), *self.shape[1:]), np.uint8)
            except MemoryError:  # a damaged gzip header can ask for a thousand times the file
                raise ValueError(f"{self._promise}, received a file that does not fit in memory") from None
            self._fill(block.reshape(-1), first * size)
            yield block
        if self._file.read(1):  # at the end of a gzip file this also checks the checksum
            raise ValueError(f"{self._promise}, received more: bytes follow the data")

    def _fill(self, data: Bytes, before: int) -> None:
        filled = 0
        while filled < data.size:
            piece = self._file.read(min(_PIECE, data.size - filled))
            if not piece:
                raise ValueError(f"{self._promise}, received {before + filled}: the file is truncated")
            data[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
            filled += len(piece)

    def _integers(self, count: int) -> tuple[int, ...]:
        raw = self._file.read(4 * count)
        if len(raw) < 4 * count:
            raise ValueError(
                f"{self._file.path}: expected {4 * count} more bytes of idx header, received {len(raw)}: "
                "the file is truncated"
            )
        return struct.unpack(f">{count}I", raw)


@contextlib.contextmanager
def writing_idx(path: Path, shape: tuple[int, ...]) -> Iterator[Callable[[Bytes], None]]:
    """Open an idx file to write it in blocks; gzip-compressed if its name ends in `.gz`.

    Args:
        path: The file. To write it completely or not at all, use `fastnn.files.written_whole`.
        shape: The shape of all the data: `(images, rows, columns)` or `(labels,)`.

    Yields:
        A function that appends a uint8 array.

    Raises:
        ValueError: The blocks together do not have that shape.
    """
    magic = next(magic for magic, (_, dimensions) in _KINDS.items() if dimensions == len(shape))
    written = 0

    def write(block: Bytes) -> None:
        nonlocal written
        if block.dtype != np.uint8 or block.shape[1:] != shape[1:]:
            expected = ", ".join(["n", *map(str, shape[1:])])
            raise ValueError(f"{path}: expected uint8 blocks ({expected}), received {block.dtype} {block.shape}")
        file.write(block.tobytes())
        written += len(block)

    with packed(path) as file:
        file.write(struct.pack(f">{1 + len(shape)}I", magic, *shape))
        yield write
        if written != shape[0]:
            raise ValueError(f"{path}: expected {shape[0]} {_KINDS[magic][0]}, received {written}")
