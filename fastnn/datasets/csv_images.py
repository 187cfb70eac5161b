"""Reads and writes CSV files of images: one line per image, with its label and then its pixels row by row.

`5,0,0,...,253,...,0` is such a line: 785 integers from 0 to 255 for MNIST. A header, a first line of names such as
`label,pixel0,pixel1,...` or of numbers as pandas gives columns without names (exactly `0,1,2,...`), is skipped; one
whose names say that the label is not in the first column is refused.
"""

import contextlib
import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .packed import Bytes, Unpacked, packed, unpacked

__all__ = ["read_csv"]

_PIECE = 1 << 18  # bytes of text read and parsed at a time
_LONGEST = 1 << 24  # bytes per line: four million pixels; a file with longer lines is of another kind
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PLAIN = b"0123456789,\n"  # the only characters in a file written by fastnn
_LABELS = (b"label", b"labels", b"class", b"target", b"digit", b"y")  # usual names of the column with the label
_NAME = re.compile(rb"(?=.*[A-Za-z])[\w .-]+")
_SHOWN = 20  # characters of a bad field in a message


def read_csv(path: str | os.PathLike[str]) -> tuple[Bytes, Bytes]:
    """Read a CSV file of images, plain or gzip-compressed: one line per image, with its label and then its pixels.

    Compression is detected from the first bytes, not from the name. The file is read twice, the first time to count
    its lines, so the peak memory is about the size of the result.

    Args:
        path: The file.

    Returns:
        `(images, labels)`, new uint8 arrays. Images are `(n, side, side)` if the number of pixels is a square, as
        784 = 28 x 28 is, otherwise `(n, pixels)`; labels `(n,)`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A value is not an integer from 0 to 255, or a line has more or fewer values than the first. The
            message gives line and column, both counted from 1.

    >>> np.savetxt("images.csv", [[5, 0, 255, 128, 0], [3, 9, 9, 9, 9]], fmt="%d", delimiter=",")
    >>> images, labels = fastnn.datasets.csv_images.read_csv("images.csv")
    >>> images.shape, labels.tolist()
    ((2, 2, 2), [5, 3])
    """
    with reading_csv(path) as file:
        images, labels = np.empty(file.shape, np.uint8), np.empty(file.shape[0], np.uint8)
        filled = 0
        for some_images, some_labels in file.blocks():
            end = filled + len(some_labels)
            images[filled:end], labels[filled:end] = some_images, some_labels
            filled = end
        return images, labels


@contextlib.contextmanager
def reading_csv(path: str | os.PathLike[str]) -> Iterator["CsvReader"]:
    """Open a CSV file of images to read it in blocks.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is empty, or its first line does not hold a label and pixels.
    """
    with unpacked(path, "a CSV file") as file:
        yield CsvReader(file)


class CsvReader:
    """An open CSV file of images; `shape` is the shape of all images, known from a first pass over the lines."""

    shape: tuple[int, ...]

    def __init__(self, file: Unpacked):
        self._file = file
        self._fields = 0
        self._header = 0  # lines of it
        lines = 0
        for line, text in self._texts():
            if line == 1:
                self._look_at_first(text)
            lines = line - 1 + text.count(b"\n")
        if lines == self._header:
            received = "an empty one" if lines == 0 else "nothing but a header"
            raise ValueError(f"{file.path}: expected a CSV file with one line per image, received {received}")
        pixels = self._fields - 1
        side = math.isqrt(pixels)
        self.shape = (lines - self._header, *((side, side) if side * side == pixels else (pixels,)))

    def blocks(self) -> Iterator[tuple[Bytes, Bytes]]:
        """Yield all images with their labels, in blocks.

        Raises:
            ValueError: A line is bad; the message gives its number. Or the file changed after it was opened.
        """
        images = 0
        for line, text in self._texts():
            if line <= self._header:
                line, text = line + 1, text.partition(b"\n")[2]
                if not text:
                    continue
            rows = self._parse(line, text)
            images += len(rows)
            if images > self.shape[0]:
                break
            yield rows[:, 1:].reshape(-1, *self.shape[1:]), rows[:, 0]
        if images != self.shape[0]:
            raise ValueError(f"{self._file.path}: expected {self.shape[0]} images; the file changed while it was read")

    def _texts(self) -> Iterator[tuple[int, bytes]]:
        """Yield the file in pieces of whole lines, each with the number of its first line and a newline at the end.

        Blank lines at the end of the file are left out.
        """
        self._file.rewind()
        line, rest, at_start = 1, b"", True
        while piece := self._file.read(_PIECE):
            if at_start:
                piece, at_start = piece.removeprefix(_BYTE_ORDER_MARK), False
            rest += piece
            # Keep blank lines in the rest until another line follows: they may be at the end of the file.
            cut = rest.rfind(b"\n", 0, len(rest.rstrip())) + 1
            if cut:
                text, rest = rest[:cut].replace(b"\r\n", b"\n"), rest[cut:]
                yield line, text
                line += text.count(b"\n")
            if len(rest) > _LONGEST:
                raise ValueError(
                    f"{self._file.path}, line {line}: expected lines of at most {_LONGEST:,} bytes, "
                    "received a longer one"
                )
        if rest := rest.rstrip():
            yield line, rest.replace(b"\r\n", b"\n") + b"\n"

    def _look_at_first(self, text: bytes) -> None:
        fields = text[: text.index(b"\n")].split(b",")
        if len(fields) < 2:
            raise ValueError(
                f"{self._file.path}, line 1: expected a label and pixels with commas between them, "
                f"received {_shown(fields[0])}"
            )
        self._fields = len(fields)
        names = [field.strip(b' \t"').lower() for field in fields]
        numbered = names == [b"%d" % column for column in range(len(names))]
        self._header = int(numbered or names[0] in _LABELS or all(map(_NAME.fullmatch, names)))
        labels = [column for column, name in enumerate(names) if name in _LABELS]
        if labels and labels[0] > 0:
            raise ValueError(
                f"{self._file.path}, line 1: expected the label in the first column, "
                f"received {_shown(fields[labels[0]])} in column {labels[0] + 1}"
            )
        if self._header and not numbered and not labels and _stem(names[0]) == _stem(names[1]):
            raise ValueError(
                f"{self._file.path}, line 1: expected a label before the pixels, "
                f"received columns named {_shown(fields[0])}, {_shown(fields[1])}"
            )

    def _parse(self, line: int, text: bytes) -> Bytes:
        """The rows of `text`, which starts at this line."""
        if not text.translate(None, _PLAIN):
            lines = text[:-1].decode("ascii").split("\n")
            with contextlib.suppress(ValueError):
                if all(lines):  # NumPy would skip an empty line
                    rows = np.loadtxt(lines, np.uint8, delimiter=",", comments=None, ndmin=2)
                    if rows.shape[1] == self._fields:
                        return rows
        return self._parse_slowly(line, text)

    def _parse_slowly(self, line: int, text: bytes) -> Bytes:
        """The same for unusual text: it decides what is allowed, and reports where something is not."""
        rows = []
        for number, content in enumerate(text[:-1].split(b"\n"), line):
            fields = content.split(b",")
            where = f"{self._file.path}, line {number}"
            if len(fields) != self._fields:
                received = len(fields) if content.strip() else "an empty line"
                raise ValueError(f"{where}: expected {self._fields} values as in the lines before, received {received}")
            row = np.empty(self._fields, np.uint8)
            for column, field in enumerate(fields):
                digits = field.strip(b" \t")
                value = digits.lstrip(b"0") or b"0"  # int() rejects thousands of digits
                if not digits.isdigit() or len(value) > 3 or int(value) > 255:
                    raise ValueError(
                        f"{where}, column {column + 1}: expected a whole number from 0 to 255, received {_shown(field)}"
                    )
                row[column] = int(value)
            rows.append(row)
        return np.array(rows, np.uint8).reshape(-1, self._fields)


def _stem(name: bytes) -> bytes:
    """The part that names of pixels share: "pixel12" and "pixel13" have the stem "pixel", "1x2" and "1x3" have none."""
    return name.rstrip(b"0123456789x_")


def _shown(field: bytes) -> str:
    """A field for an error message: quoted and shortened."""
    text = field.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


@contextlib.contextmanager
def writing_csv(path: Path) -> Iterator[Callable[[Bytes, Bytes], None]]:
    """Open a CSV file of images to write it in blocks; gzip-compressed if its name ends in `.gz`.

    Args:
        path: The file. To write it completely or not at all, use `fastnn.files.written_whole`.

    Yields:
        A function that appends images `(n, ...)` and their labels `(n,)`, both uint8.
    """

    def write(images: Bytes, labels: Bytes) -> None:
        file.write(_lines(images, labels))

    with packed(path) as file:
        yield write


def _table(end: str) -> npt.NDArray[np.uint32]:
    """The text of each number from 0 to 255 in the file: four characters, padded with zero bytes."""
    return np.array([f"{value}{end}" for value in range(256)], "S4").view(np.uint32)


_INSIDE, _LAST = _table(","), _table("\n")


def _lines(images: Bytes, labels: Bytes) -> bytes:
    pixels = images.reshape(len(images), -1)
    texts = np.empty((len(pixels), 1 + pixels.shape[1]), np.uint32)
    texts[:, 0] = _INSIDE[labels]
    texts[:, 1:-1] = _INSIDE[pixels[:, :-1]]
    texts[:, -1] = _LAST[pixels[:, -1]]
    return texts.tobytes().translate(None, b"\0")
