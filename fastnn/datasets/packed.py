"""Reads and writes files that may be gzip-compressed. Errors name the file."""

import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]  # the content of the files: pixels or labels

_GZIP_START = b"\x1f\x8b"
# Deflate spends at least 2 bits on at most 258 bytes (RFC 1951), so no file of n bytes holds more than 1032 n.
DEFLATE_RATIO = 1032
_LEVEL = 6  # the default of the gzip command; 9 takes ten times as long on MNIST and saves 2 %


class _File(io.FileIO):
    """A file whose errors (such as a full or broken disk) name the file."""

    def readinto(self, buffer: Any) -> Any:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise self._named(error) from error

    def write(self, data: Any) -> Any:
        try:
            return super().write(data)
        except OSError as error:
            raise self._named(error) from error

    def _named(self, error: OSError) -> OSError:
        return OSError(error.errno, error.strerror, str(self.name))


class Unpacked:
    """A file open for reading.

    Args:
        path: Its name.
        stream: Its content, decompressed.
        length: Its size on disk, in bytes.
        most_bytes: The largest possible size of its content.
    """

    def __init__(self, path: Path, stream: BinaryIO, length: int, most_bytes: int):
        self.path = path
        self.length = length
        self.most_bytes = most_bytes
        self._stream = stream

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or fewer at the end, where the checksum of a gzip file is checked."""
        try:
            return self._stream.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{self.path}: expected a whole gzip file, received a damaged one: {error}") from error

    def rewind(self) -> None:
        """Start again at the first byte."""
        self._stream.seek(0)


@contextlib.contextmanager
def unpacked(path: str | os.PathLike[str], kind: str) -> Iterator[Unpacked]:
    """Open a file for reading; compression is detected from the first bytes, not from the name.

    Args:
        path: The file.
        kind: What it should be, for error messages, such as "an idx file".

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a regular file, or turns out to be damaged while it is read.
    """
    path = Path(path)
    if not path.is_file():
        if path.exists():
            raise ValueError(f"{path}: expected {kind}, received something that is not a regular file")
        raise FileNotFoundError(f"{path}: expected {kind}, there is no such file")
    with io.BufferedReader(_File(path, "rb")) as file:
        length = os.fstat(file.fileno()).st_size
        compressed = file.read(len(_GZIP_START)) == _GZIP_START
        file.seek(0)
        if not compressed:
            yield Unpacked(path, file, length, length)
            return
        with gzip.GzipFile(fileobj=file) as stream:
            yield Unpacked(path, cast(BinaryIO, stream), length, length * DEFLATE_RATIO)


@contextlib.contextmanager
def packed(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing, compressed if its name ends in `.gz`. The same data always give the same bytes."""
    with io.BufferedWriter(_File(path, "wb")) as file:
        if path.suffix.lower() != ".gz":
            yield file
            return
        # Without the time and the name of the file.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as stream:
            yield cast(BinaryIO, stream)
