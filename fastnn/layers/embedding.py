"""Embeddings: integer inputs are replaced by learned vectors."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks, constraints, initializers, regularizers
from ..engine.parameters import Parameter
from ..kernels import embedding as kernels
from ..kernels.operations import group_rows
from ..settings import Fixed
from .base import Shape
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering

_CHUNK = 1 << 16  # numbers checked at a time, so that they and the results stay in the cache


def embedding_dim(cardinality: int) -> int:
    """The default size of the vectors for `cardinality` different values: min(600, round(1.6 cardinality^0.56)).

    fast.ai's rule of thumb `emb_sz_rule` (docs.fast.ai/tabular.model.html), which was found by trial and error.
    """
    return min(600, round(1.6 * math.pow(cardinality, 0.56)))


def _exact_integers(dtype: np.dtype) -> int:
    """How many integers from 0 on a float type holds exactly: 2^24 in float32, 2^53 in float64."""
    return int(2 ** (np.finfo(dtype).nmant + 1))


class _Indices(KernelLayer):
    """Base class of layers that look up rows of tables; only layers that just reshape may come before them."""

    takes_indices = True
    embeddings_initializer = Fixed[initializers.Initializer]()
    embeddings_regularizer = Fixed[regularizers.Regularizer | None]()
    embeddings_constraint = Fixed[constraints.Constraint | None]()

    def _cardinality(self, value: Any, argument: str) -> int:
        """A checked number of rows of a table: at most as many integers as the layer's type holds exactly."""
        rows, most = checks.integer(value, argument), _exact_integers(self.dtype)
        if rows > most:
            hint = '; use dtype="float64"' if self.dtype != np.float64 else ""
            raise ValueError(
                f"{argument} must be at most {most}, because inputs are {self.dtype} numbers, which do not hold "
                f"larger integers exactly; received {rows}{hint}"
            )
        return rows

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """The output for x, after checking its indices."""
        x = self.as_input(x)
        self.build_once(x.shape)
        self.check_samples(x.reshape(len(x), math.prod(x.shape[1:])), "x")
        return super().forward(x, training)

    def _check_column(self, x: np.ndarray, rows: int, argument: str, columns: slice) -> None:
        """A ValueError unless all numbers in some columns of x (n, columns) are integers in [0, rows)."""
        if x.dtype == np.uint8 and rows > 255:
            return
        step = max(1, _CHUNK // max(1, x[:1, columns].size))
        for start in range(0, len(x), step):
            part = x[start : start + step, columns]
            fine = part < rows
            if x.dtype != np.uint8:
                fine &= part >= 0
                fine &= part == np.floor(part)
            if not fine.all():
                row, column = (int(i) for i in np.argwhere(~fine)[0])
                raise ValueError(
                    f"layer {self.name} ({type(self).__name__}) takes integers in [0, {rows}) in {argument}, received "
                    f"{part[row, column]:.10g} in row {start + row}, column {column + (columns.start or 0)}"
                )

    def _emit(self, lowering: "Lowering", table: Parameter, at: int, columns: int, out: int, **fields: Any) -> None:
        """The instruction that looks up columns [at, at + columns) of x and writes to y, starting at column `out`."""
        rows, size = table.shape
        entries = int(group_rows(lowering.rows)) * columns
        if lowering.backward and entries >= _exact_integers(self.dtype):
            raise ValueError(
                f"layer {self.name} ({type(self).__name__}): {lowering.rows} samples of {columns} indices are too many "
                f"for one batch of {self.dtype} numbers; use a smaller batch_size"
            )
        lists = 1
        while lists * kernels.BUCKET < rows and lists < 4 * entries:
            lists *= 2
        own = [at, columns, out, size, rows, table.stride, lists, lists + entries + 1]
        lowering.emit(
            kernels.embedding,
            parameters=(table,),
            trainable=self.trainable,
            flops=columns * size + rows * size / max(1, lowering.rows),  # the whole table is updated once per batch
            partial_size=lists + entries + 1 if lowering.backward else 0,
            integers=own,
            **fields,
        )


class Embedding(_Indices):
    """y[b, l] = embeddings[x[b, l]]: each integer is replaced by a row of a learned table.

    x (B, L) integers, embeddings (N, D), y (B, L, D); x may have any number of axes, and y has one more than x.

    It must be the first layer of a model; only layers that reshape may come before it, because integers have no
    gradient. Samples may be integers or whole floats; they are checked before every `fit`, `evaluate` and `predict`.

    Args:
        input_dim: N, the number of different integers; x holds 0 ... N - 1. At most 2^24 in float32.
        output_dim: D, the length of each vector.
        embeddings_initializer: a name, a `fastnn.initializers` object or an array (N, D).
        embeddings_regularizer: a name or a `fastnn.regularizers` object, or None.
        embeddings_constraint: a name or a `fastnn.constraints` object, or None.

    Raises:
        TypeError, ValueError: if `input_dim` or `output_dim` is not a positive integer, `input_dim` is too large for
            the layer's type, or a name is unknown.

    >>> table = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> layer = fastnn.layers.Embedding(3, 2, embeddings_initializer=table)
    >>> layer.forward(np.array([[2, 1]])).tolist()
    [[[3.0, 4.0], [1.0, 2.0]]]
    """

    input_dim, output_dim = Fixed[int](), Fixed[int]()

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: object = "uniform",
        embeddings_regularizer: object = None,
        embeddings_constraint: object = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.input_dim = self._cardinality(input_dim, "input_dim")
        self.output_dim = checks.size(output_dim, "output_dim")
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.embeddings: Parameter

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, L, D) for (B, L)."""
        return (*input_shape, self.output_dim)

    def build(self, input_shape: Shape) -> None:
        """Make the table (N, D)."""
        shape, penalty, limit = (
            (self.input_dim, self.output_dim),
            self.embeddings_regularizer,
            self.embeddings_constraint,
        )
        self.embeddings = self.add_weight(shape, self.embeddings_initializer, "embeddings", True, penalty, limit)

    def check_samples(self, x: np.ndarray, argument: str) -> None:
        """A ValueError unless all of x are integers in [0, N)."""
        self._check_column(x, self.input_dim, argument, slice(0, x.shape[1]))

    def lower(self, lowering: "Lowering") -> None:
        """One instruction."""
        self._emit(lowering, self.embeddings, 0, lowering.columns, 0, outputs=self.sample_output_shape)


class CategoricalEmbedding(_Indices):
    """Embeds the categorical columns of a table, one embedding per column, and passes the other columns through.

    x (B, F), y (B, F - K + D_1 + ... + D_K): first the columns of x that are not listed, in their order, then the
    vectors of the K listed ones, in the order of `columns`. Like `Embedding` it must be the first layer, and the
    integers are checked before every `fit`, `evaluate` and `predict`.

    Keras has no such layer; there one builds a model with several inputs. These are the "entity embeddings" of Guo &
    Berkhahn 2016 (arxiv.org/abs/1604.06737).

    Args:
        columns: a list with (column, cardinality, size) for each categorical column: its index in x, the number of
            its values (x holds 0 ... cardinality - 1), and the length of its vectors. With (column, cardinality) the
            size follows fast.ai's rule of thumb, min(600, round(1.6 cardinality^0.56))
            (docs.fast.ai/tabular.model.html).
        embeddings_initializer: a name or a `fastnn.initializers` object, for all tables.
        embeddings_regularizer: a name or a `fastnn.regularizers` object, or None.
        embeddings_constraint: a name or a `fastnn.constraints` object, or None.

    Raises:
        TypeError, ValueError: if `columns` is something else, a column is listed twice, or a cardinality is too large
            for the layer's type.

    >>> layer = fastnn.layers.CategoricalEmbedding([(0, 7), (3, 1115, 10)])  # a weekday and a store
    >>> layer.compute_output_shape((None, 5))  # 3 other columns, and vectors of 5 and 10
    (None, 18)
    """

    columns = Fixed[list[tuple[int, int, int]]]()

    def __init__(
        self,
        columns: Sequence[Sequence[int]],
        embeddings_initializer: object = "uniform",
        embeddings_regularizer: object = None,
        embeddings_constraint: object = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.columns = self._checked(columns)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)

    def _checked(self, columns: Any) -> list[tuple[int, int, int]]:
        """`columns`, checked and with all sizes."""
        usage = "columns must be a list of (column, cardinality) or (column, cardinality, size)"
        if not isinstance(columns, (list, tuple)) or not columns:
            raise TypeError(f"{usage}, received {columns!r}")
        result: list[tuple[int, int, int]] = []
        for i, entry in enumerate(columns):
            if not isinstance(entry, (list, tuple)) or len(entry) not in (2, 3):
                raise TypeError(f"{usage}, received {entry!r} at index {i}")
            column = checks.integer(entry[0], f"the column of columns[{i}]", 0)
            rows = self._cardinality(entry[1], f"the cardinality of columns[{i}]")
            size = embedding_dim(rows) if len(entry) == 2 else entry[2]
            result.append((column, rows, checks.size(size, f"the size of columns[{i}]")))
        named = [column for column, _, _ in result]
        twice = [column for column in named if named.count(column) > 1]
        if twice:
            raise ValueError(f"columns must list each column once, received {twice[0]} more than once")
        return result

    def _others(self, features: int) -> list[int]:
        """The columns that are not embedded."""
        named = {column for column, _, _ in self.columns}
        return [column for column in range(features) if column not in named]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, F - K + D_1 + ... + D_K) for (B, F)."""
        last = max(column for column, _, _ in self.columns)
        features = input_shape[-1]
        if len(input_shape) != 2 or features is None or features <= last:
            raise ValueError(
                f"layer {self.name} (CategoricalEmbedding) expects inputs of shape (batch, at least {last + 1} "
                f"features), received {input_shape}"
            )
        return (input_shape[0], len(self._others(features)) + sum(size for _, _, size in self.columns))

    def build(self, input_shape: Shape) -> None:
        """Make the tables (cardinality, size), in the order of `columns`."""
        for column, rows, size in self.columns:
            name, penalty, limit = f"embeddings_{column}", self.embeddings_regularizer, self.embeddings_constraint
            self.add_weight((rows, size), self.embeddings_initializer, name, True, penalty, limit)

    def check_samples(self, x: np.ndarray, argument: str) -> None:
        """A ValueError unless the categorical columns hold integers in [0, cardinality)."""
        for column, rows, _ in self.columns:
            self._check_column(x, rows, argument, slice(column, column + 1))

    def lower(self, lowering: "Lowering") -> None:
        """One instruction for the other columns, then one per table, all from the same x to the same y."""
        others = self._others(lowering.columns)
        first = lowering.emit(kernels.selection, outputs=self.sample_output_shape, integers=[len(others), *others])
        shared = {name: first[name] for name in ("x", "x_stride", "inputs", "gradient")}
        out = len(others)
        for (column, _, size), table in zip(self.columns, self.parameters, strict=True):
            self._emit(lowering, table, column, 1, out, **shared)
            out += size
