"""Sparse samples: matrices of scipy.sparse, checked, as rows whose zeros are neither stored nor read.

SciPy is not imported here: whoever passes one of its matrices has done that.
"""

import sys
from typing import Any

import numpy as np

from . import checks
from .kernels.arrays import all_finite


class SparseRows:
    """Checked samples, of which only the entries are stored: a CSR matrix with sorted columns, each at most once.

    Args:
        indptr: (n + 1,) int64, where each sample's entries begin in the other two, and the end of the last one.
        indices: (entries,) int32, their columns.
        values: (entries,) of the model's type, read-only.
        features: the number of columns.
    """

    def __init__(self, indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, features: int):
        self.indptr, self.indices, self.values, self.features = indptr, indices, values, features
        self._longest = int(np.diff(indptr).max())

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, rows: slice) -> "SparseRows":
        """Samples [rows.start, rows.stop), without copying."""
        return SparseRows(self.indptr[rows.start : rows.stop + 1], self.indices, self.values, self.features)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, features)."""
        return len(self), self.features

    @property
    def dtype(self) -> np.dtype:
        """The type of the values."""
        return self.values.dtype

    @property
    def entries(self) -> int:
        """How many entries all samples have."""
        return int(self.indptr[-1] - self.indptr[0])

    def most_entries(self, rows: int) -> int:
        """What the entries of a batch of `rows` samples cannot exceed, whichever these are."""
        most = min(self.entries, rows * self._longest)
        if most > checks.LARGEST_SIZE:
            raise ValueError(
                f"a batch of {rows} sparse samples may have {most} entries; use a smaller batch_size, for at most "
                f"{checks.LARGEST_SIZE}"
            )
        return most


def sparse_rows(x: Any, argument: str, dtype: np.dtype) -> SparseRows:
    """A matrix of scipy.sparse in any format as `SparseRows` with values of `dtype`. x is not changed.

    Entries that are there twice are added up. Indices are copied, because they index memory and the caller may change
    its own later; the values only if they have another type or are not sorted.

    Raises:
        TypeError: for values that are not real numbers.
        ValueError: for a matrix with another number of axes, without samples, with NaN or infinity, or whose index
            arrays contradict its shape.
    """
    features, indptr, indices, values = _checked(x, argument)
    indptr, indices, values = _sorted(indptr, indices, values)
    values = checks.read_only(np.ascontiguousarray(checks.as_type(values, dtype) if values.dtype != dtype else values))
    if not all_finite(values):
        at = int(np.argmin(np.isfinite(values)))
        row = int(np.searchsorted(indptr, at, "right")) - 1
        raise ValueError(f"{argument} must be finite, received {values[at]} at index {(row, int(indices[at]))}")
    return SparseRows(checks.read_only(indptr), checks.read_only(indices), values, features)


def checked_csr(x: Any, argument: str) -> Any:
    """A matrix of scipy.sparse in any format as a CSR matrix of SciPy's, of which it may safely take some rows.

    SciPy believes what the index arrays say, and reads and writes where they point; here they are checked and copied.

    Raises:
        TypeError, ValueError: as `sparse_rows`, but for NaN and infinity, which are not looked for.
    """
    features, indptr, indices, values = _checked(x, argument)
    sparse = sys.modules["scipy.sparse"]
    kind = sparse.csr_array if isinstance(x, sparse.sparray) else sparse.csr_matrix
    if values.dtype == np.float16:  # which SciPy cannot take rows of
        values = values.astype(np.float32)
    return kind((values, indices, indptr), (len(indptr) - 1, features))


def _checked(x: Any, argument: str) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """The number of columns; indptr, indices and values of the same matrix as CSR."""
    if len(x.shape) != 2 or 0 in x.shape:
        raise ValueError(f"{argument} must have shape (n, features) and hold samples, received shape {x.shape}")
    rows, features = (checks.size(n, f"the shape of {argument}") for n in x.shape)
    indptr, indices, values = _structure(_as_csr(x, argument), argument, rows, features)
    _check_type(values, argument)
    return features, indptr, indices, values


def _check_type(array: Any, argument: str) -> None:
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{argument} must be a matrix of numbers, received a sparse one of type {array.dtype}")


def _as_csr(x: Any, argument: str) -> Any:
    """x in SciPy's CSR format, by its own conversions, which believe what the arrays of a matrix say."""
    if x.format == "csr":
        return x
    _check_type(x, argument)
    if x.format == "csc":
        _structure(x, argument, *reversed(x.shape))
    elif x.format == "dia":
        _check_diagonals(x, argument)
    elif x.format == "lil":
        _check_lists(x, argument)
    try:
        coordinates = x.tocoo() if x.format == "bsr" else x  # in Python, so that the next check counts
        if coordinates.format == "coo":
            for indices, size in zip((coordinates.row, coordinates.col), x.shape, strict=True):
                _in_range(np.asarray(indices), size, argument)
        return coordinates.tocsr()
    except ValueError as error:  # SciPy's, which do not say whose arrays are wrong
        if str(error).startswith(argument):
            raise
        raise ValueError(f"{argument} must be a valid matrix in the format {x.format}: {error}") from error


def _check_diagonals(x: Any, argument: str) -> None:
    """A ValueError unless a matrix in the format "dia" has an offset for each row of its data."""
    data, offsets = x.data, x.offsets
    if np.ndim(data) != 2 or np.shape(offsets) != (len(data),):
        raise ValueError(
            f"{argument}.offsets must have one number for each row of {argument}.data, received shapes "
            f"{np.shape(offsets)} and {np.shape(data)}"
        )


def _check_lists(x: Any, argument: str) -> None:
    """A ValueError unless a matrix in the format "lil" has as many columns as values in each of its rows."""
    lengths = []
    for name in ("rows", "data"):
        lists = getattr(x, name)
        if np.shape(lists) != x.shape[:1] or not all(type(each) is list for each in lists):
            raise ValueError(f"{argument}.{name} must hold a list for each of the {x.shape[0]} rows")
        lengths.append([*map(len, lists)])
    if lengths[0] != lengths[1]:
        raise ValueError(f"{argument}.rows and {argument}.data must have lists of the same lengths")


def _structure(x: Any, argument: str, lines: int, across: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """indptr (int64), indices (int32), both copied, and values of a CSR matrix, or of a CSC matrix line by line."""
    for name in ("indptr", "indices", "data"):
        array = getattr(x, name)
        if not isinstance(array, np.ndarray) or array.ndim != 1 or (name != "data" and array.dtype.kind not in "iu"):
            raise TypeError(
                f"{argument}.{name} must be a vector of {'numbers' if name == 'data' else 'integers'}, received "
                + (f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__)
            )
    indptr = np.array(x.indptr, np.int64)
    if len(indptr) != lines + 1:
        raise ValueError(
            f"{argument}.indptr must hold {lines + 1} integers for the shape {x.shape}, received {len(indptr)}"
        )
    if indptr[0] != 0:
        raise ValueError(f"{argument}.indptr must begin with 0, received {x.indptr[0]}")
    if (falls := indptr[1:] < indptr[:-1]).any():
        at = int(falls.argmax())
        raise ValueError(
            f"{argument}.indptr must not decrease, received {x.indptr[at]} before {x.indptr[at + 1]} at position {at}"
        )
    stored = int(indptr[-1])
    if len(x.indices) != len(x.data) or stored > len(x.indices):
        raise ValueError(
            f"{argument}.indices and {argument}.data must have the same length, at least the last number of indptr, "
            f"{stored}; received {len(x.indices)} and {len(x.data)}"
        )
    return indptr, _in_range(x.indices[:stored], across, argument), x.data[:stored]


def _in_range(indices: np.ndarray, size: int, argument: str) -> np.ndarray:
    """A copy of indices as int32, all of which must be in [0, size)."""
    copied = indices.astype(np.int32)
    exact = indices.dtype == np.int32 or np.array_equal(copied, indices)
    if copied.size and not (exact and copied.min() >= 0 and copied.max() < size):
        wrong = (indices < 0) | (indices >= size)
        at = int(wrong.argmax())
        raise ValueError(
            f"{argument} must have indices in [0, {size}) for its shape, received {indices[at]} at position {at}"
        )
    return copied


def _sorted(indptr: np.ndarray, indices: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same matrix, with the columns of each row ascending and each column at most once."""
    misplaced = indices[1:] <= indices[:-1]
    starts = indptr[1:-1]
    misplaced[starts[(starts > 0) & (starts < len(indices))] - 1] = False  # from one row to the next
    if not misplaced.any():
        return indptr, indices, values
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    order = np.lexsort((indices, rows))
    rows, indices, values = rows[order], indices[order], values[order]
    new = np.append(True, (indices[1:] != indices[:-1]) | (rows[1:] != rows[:-1]))
    if new.all():
        return indptr, indices, values
    first = np.flatnonzero(new)
    # Added up as float64, where bytes do not overflow; for booleans + means "or", as in SciPy.
    values = (
        np.logical_or.reduceat(values, first)
        if values.dtype == bool
        else np.add.reduceat(values.astype(np.float64), first)
    )
    indptr = np.searchsorted(rows[first], np.arange(len(indptr)))
    return indptr, indices[first], values
