"""Tables and columns of pandas, polars and pyarrow as arrays of numbers, or an error that names the column.

None of the three is imported here, nor is SciPy: whoever passes a table or matrix of theirs has done that.
"""

import sys
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import numpy as np


def as_numbers(value: Any, argument: str, hint: str = "") -> Any:
    """The numbers (rows, columns) of a table, or (rows,) of a column; anything else is returned as it is.

    Columns of several types become their common one: booleans and floats become floats.

    Args:
        value: anything.
        argument: its name in error messages.
        hint: what else a message about text says.

    Raises:
        TypeError: if a column holds something else than numbers.
        ValueError: if a column has a missing value, NaN or infinity.
    """
    for library, convert in _LIBRARIES.items():
        if library in sys.modules and any(base.__module__.partition(".")[0] == library for base in type(value).__mro__):
            return convert(sys.modules[library], value, _Column(argument, hint))
    return value


def is_sparse(value: Any) -> bool:
    """Whether it is a sparse matrix or array of SciPy, which no array is made of unless the user asks for it."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


class _Column:
    """Checks the columns of one argument, and says in errors which one it is."""

    def __init__(self, argument: str, hint: str, name: object = None):
        self.argument, self.hint, self.name = argument, hint, name

    def named(self, name: object) -> "_Column":
        return _Column(self.argument, self.hint, name)

    def refuse(self, received: str, hint: str = "") -> TypeError:
        where = "" if self.name is None else f" in column {self.name!r}"
        return TypeError(f"{self.argument} must be an array of numbers, received {received}{where}{hint}")

    def refuse_text(self) -> TypeError:
        return self.refuse("text", self.hint or "; encode it first, for example as a column of 0 and 1 for each word")

    def refuse_missing(self, row: Any, received: object = "a missing value") -> ValueError:
        where = "" if self.name is None else f"column {self.name!r}, "
        return ValueError(f"{self.argument} must be finite, received {received} in {where}row {int(row)}")

    def checked(self, array: np.ndarray, kind: object) -> np.ndarray:
        """`array`, whose type in the library is `kind`, if it holds finite numbers."""
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            raise self.refuse(f"values of type {kind}")
        if array.dtype.kind == "f" and not (fine := np.isfinite(array)).all():
            row = np.argmin(fine)
            raise self.refuse_missing(row, array[row])
        return array


def _stacked(rows: int, columns: Iterable[np.ndarray]) -> np.ndarray:
    """The columns side by side, in their common type."""
    columns = list(columns)
    table = np.empty((rows, len(columns)), np.result_type(*columns) if columns else np.float64)
    for i, column in enumerate(columns):
        table[:, i] = column
    return table


def _from_pandas(pandas: Any, value: Any, column: _Column) -> Any:
    if isinstance(value, pandas.DataFrame):
        kinds = {dtype.kind if isinstance(dtype, np.dtype) else "O" for dtype in value.dtypes}
        if kinds <= set("iuf") or kinds == {"b"}:  # in one go, unless there is something to complain about
            table = value.to_numpy()
            if np.isfinite(table.sum(dtype=np.float64)):
                return table
        return _stacked(len(value), (_pandas_column(c, column.named(name)) for name, c in value.items()))
    if isinstance(value, (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)):
        series = pandas.Series(value)
        return _pandas_column(series, column.named(series.name))
    return value


def _pandas_column(series: Any, column: _Column) -> np.ndarray:
    kind = series.dtype
    if not isinstance(kind, np.dtype) or kind.kind == "O":
        missing = series.isna().to_numpy()
        if missing.any():
            raise column.refuse_missing(np.argmax(missing))
    if hasattr(kind, "categories"):  # the categories themselves, not their codes
        series = series.astype(kind.categories.dtype)
    if series.dtype == np.dtype(object):
        series = series.infer_objects()
    array = series.to_numpy(getattr(series.dtype, "numpy_dtype", None))
    if array.dtype.kind == "O":
        found = {type(item) for item in array}
        if any(issubclass(item, str) for item in found):
            raise column.refuse_text()
        if not all(issubclass(item, (Real, np.bool_)) for item in found):
            raise column.refuse(f"values of type {min(item.__name__ for item in found)}")
        array = array.astype(np.float64)  # numbers of several types, one by one
    return column.checked(array, kind)


def _from_polars(polars: Any, value: Any, column: _Column) -> Any:
    if isinstance(value, polars.LazyFrame):
        raise column.refuse("a LazyFrame", "; call its collect() first")
    if isinstance(value, polars.DataFrame):
        return _stacked(value.height, (_polars_column(polars, c, column.named(c.name)) for c in value.get_columns()))
    return (
        _polars_column(polars, value, column.named(value.name or None)) if isinstance(value, polars.Series) else value
    )


def _polars_column(polars: Any, series: Any, column: _Column) -> np.ndarray:
    if series.dtype in (polars.String, polars.Categorical, polars.Enum):
        raise column.refuse_text()
    if series.null_count():
        raise column.refuse_missing(series.is_null().arg_max())
    return column.checked(series.to_numpy(), series.dtype)


def _from_pyarrow(pyarrow: Any, value: Any, column: _Column) -> Any:
    if isinstance(value, (pyarrow.Table, pyarrow.RecordBatch)):
        names = zip(value.column_names, value.columns, strict=True)
        return _stacked(value.num_rows, (_pyarrow_column(pyarrow, c, column.named(name)) for name, c in names))
    if isinstance(value, (pyarrow.Array, pyarrow.ChunkedArray)):
        return _pyarrow_column(pyarrow, value, column)
    return value


def _pyarrow_column(pyarrow: Any, values: Any, column: _Column) -> np.ndarray:
    kind = values.type
    if isinstance(values, pyarrow.ChunkedArray):
        values = values.combine_chunks()
    if pyarrow.types.is_dictionary(kind):
        values = values.dictionary_decode()
    if pyarrow.types.is_string(values.type) or pyarrow.types.is_large_string(values.type):
        raise column.refuse_text()
    if values.null_count:
        raise column.refuse_missing(values.is_null().to_numpy(zero_copy_only=False).argmax())
    return column.checked(values.to_numpy(zero_copy_only=False), kind)


_LIBRARIES: dict[str, Callable[[Any, Any, _Column], Any]] = {
    "pandas": _from_pandas,
    "polars": _from_polars,
    "pyarrow": _from_pyarrow,
}
