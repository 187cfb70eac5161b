"""Embeddings: integers among the inputs become vectors that are learned."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks, constraints, initializers, regularizers
from ..engine.parameters import Parameter
from ..kernels import embedding as kernels
from ..kernels.operations import group_rows
from .base import Shape
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering

_CHUNK = 1 << 16  # numbers that are checked at once: they stay in the cache, and so do the answers


def embedding_dim(cardinality: int) -> int:
    """A size for the embedding of a variable with `cardinality` values: min(600, round(1.6 cardinality^0.56)).

    fast.ai's `emb_sz_rule` (docs.fast.ai/tabular.model.html): found there by trial and error, a place to start from.
    """
    return min(600, round(1.6 * math.pow(cardinality, 0.56)))


def _exact_integers(dtype: np.dtype) -> int:
    """How many integers from 0 on a float type holds exactly: 2^24 in float32, 2^53 in float64."""
    return int(2 ** (np.finfo(dtype).nmant + 1))


class _Indices(KernelLayer):
    """What layers share that look up rows of tables: only layers that change nothing but the shape come before them."""

    takes_indices = True

    def _cardinality(self, value: Any, argument: str) -> int:
        """How many rows a table has: no more than inputs of the layer's type can tell apart."""
        rows, most = checks.positive_integer(value, argument), _exact_integers(self.dtype)
        if rows > most:
            hint = '; use dtype="float64"' if self.dtype != np.float64 else ""
            raise ValueError(
                f"{argument} must be at most {most}, because inputs arrive as {self.dtype} numbers, which hold no "
                f"integers beyond that exactly; received {rows}{hint}"
            )
        return rows

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """The output for x, whose indices are checked first."""
        x = self.as_input(x)
        self.build_once(x.shape)
        self.check_samples(x.reshape(len(x), -1), "x")
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
        """The instruction that looks up columns [at, at + columns) of x and writes to y from column `out` on."""
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
            flops=columns * size + rows * size / lowering.rows,  # the whole table is updated, once a batch
            partial_size=lists + entries + 1 if lowering.backward else 0,
            integers=own,
            **fields,
        )


class Embedding(_Indices):
    """y[b, l] = embeddings[x[b, l]]: each integer is replaced by a row of a table that is learned.

    x (B, L) integers, embeddings (N, D), y (B, L, D); x may have more axes, or one, and y has one more than x.

    It has to be the first layer of a model, except for layers that change nothing but the shape: no layer computes
    integers, and no gradient passes through them. Samples may be integers or whole floats; they are checked before
    every `fit`, `evaluate` and `predict`.

    Args:
        input_dim: N, how many different integers there are; x holds 0 ... N - 1. At most 2^24 in float32.
        output_dim: D, the numbers of each vector.
        embeddings_initializer: a name, a `fastnn.initializers` object or an array (N, D).
        embeddings_regularizer: a name or a `fastnn.regularizers` object, or None.
        embeddings_constraint: a name or a `fastnn.constraints` object, or None.

    Raises:
        TypeError, ValueError: if `input_dim` or `output_dim` is no positive integer, `input_dim` is too large for the
            layer's type, or a name is unknown.
    """

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
        self.output_dim = checks.positive_integer(output_dim, "output_dim")
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
    """Rows of a table with some categorical columns: these through an embedding each, the others as they are.

    x (B, F), y (B, F - K + D_1 + ... + D_K): first the columns of x that are not named, in their order, then the
    vectors of the K named ones, in the order of `columns`. Like `Embedding` it has to be the first layer, and the
    integers are checked before every `fit`, `evaluate` and `predict`.

        fastnn.layers.CategoricalEmbedding([(0, 7), (3, 1115, 10)])  # weekday and store; the rest are numbers

    Keras has no such layer, because there a model with several inputs does it. These are the "entity embeddings" of Guo
    & Berkhahn 2016 (arxiv.org/abs/1604.06737).

    Args:
        columns: (column, cardinality, size) for each categorical column: its place in x, how many values it has (x
            holds 0 ... cardinality - 1), and the numbers of each vector. (column, cardinality) leaves the size to the
            rule of thumb min(600, round(1.6 cardinality^0.56)) of fast.ai (docs.fast.ai/tabular.model.html). A list
            and no dict, because the order counts and a model file knows no dict with integers as keys.
        embeddings_initializer: a name or a `fastnn.initializers` object, for all tables.
        embeddings_regularizer, embeddings_constraint: the same of `fastnn.regularizers` and `fastnn.constraints`.

    Raises:
        TypeError, ValueError: if `columns` is none of that, a column is named twice, or a cardinality is too large for
            the layer's type.
    """

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
        """`columns` with all sizes."""
        usage = "columns must be a list of (column, cardinality) or (column, cardinality, size)"
        if not isinstance(columns, (list, tuple)) or not columns:
            raise TypeError(f"{usage}, received {columns!r}")
        result: list[tuple[int, int, int]] = []
        for i, entry in enumerate(columns):
            if not isinstance(entry, (list, tuple)) or len(entry) not in (2, 3):
                raise TypeError(f"{usage}, received {entry!r} at index {i}")
            column = checks.positive_integer(entry[0], f"the column of columns[{i}]", 0)
            rows = self._cardinality(entry[1], f"the cardinality of columns[{i}]")
            size = embedding_dim(rows) if len(entry) == 2 else entry[2]
            result.append((column, rows, checks.positive_integer(size, f"the size of columns[{i}]")))
        named = [column for column, _, _ in result]
        twice = [column for column in named if named.count(column) > 1]
        if twice:
            raise ValueError(f"columns must name each column once, received {twice[0]} more often")
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
        """An instruction for the other columns, then one a table, all from the same x to the same y."""
        others = self._others(lowering.columns)
        first = lowering.emit(kernels.selection, outputs=self.sample_output_shape, integers=[len(others), *others])
        shared = {name: first[name] for name in ("x", "x_stride", "inputs", "gradient")}
        out = len(others)
        for (column, _, size), table in zip(self.columns, self.parameters, strict=True):
            self._emit(lowering, table, column, 1, out, **shared)
            out += size
