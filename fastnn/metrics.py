"""Metrics: means over the samples of a number that says how good an output is. Names are Keras 3's.

By hand: `metric(y_true, y_pred)` gives the number.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import checks
from .kernels import instructions as op
from .kernels import metrics as kernels
from .layers.base import uses_kernels
from .serialization import Configured


class Metric(Configured):
    """Base class of the metrics. One of your own overrides `evaluate`; `fit` then runs one layer at a time.

    Args:
        name: the key in logs and history; None: the metric's own name.
    """

    default_name = "metric"
    sparse = False  # whether targets are integer labels
    opcode: Any = 0  # or an operation; 0: no kernels
    per_sample = True  # whether it is the mean of a number that each sample has
    better = "min"  # or "max": what EarlyStopping's mode="auto" goes by
    _kernel: Callable[..., None]

    def __init__(self, name: str | None = None):
        self.name = self.default_name if name is None else name
        self.numbers: tuple[float, ...] = ()

    @property
    def compiled(self) -> bool:
        """Whether the interpreter can compute this metric: its class has kernels, and uses them."""
        return bool(self.opcode) and uses_kernels(type(self), "opcode", ("evaluate",))

    def state_size(self, outputs: int) -> int:
        """How many sums over the samples the metric is computed from."""
        return 1

    def result(self, state: np.ndarray) -> float:
        """What is logged, from the sums over the samples, all divided by their number."""
        return float(state[0])

    def add(self, state: np.ndarray, targets: np.ndarray, y: np.ndarray) -> None:
        """Add the samples of a batch to the sums, from checked arrays of one type."""
        state[0] += self.evaluate(targets, y).astype(np.float64).sum()

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Checked targets: int64 labels (n,) for a sparse metric, else rows (n, outputs) of `dtype`."""
        if self.sparse:
            return checks.class_labels(y, argument, outputs)
        return checks.target_rows(y, argument, outputs, dtype)

    def evaluate(self, targets: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Each sample's value, from checked arrays of one type."""
        values = np.empty(len(y), y.dtype)
        type(self)._kernel(values, y, targets, *self.numbers, y.shape[1])
        return values

    def __call__(self, y_true: Any, y_pred: Any) -> float:
        """The metric of outputs y_pred (n, C) for labels (n,) or targets (n, C)."""
        y = checks.finite(checks.numeric_array(y_pred, "y_pred"), "y_pred")
        y = np.ascontiguousarray(y, y.dtype if y.dtype in (np.float32, np.float64) else np.float32)
        y = y[:, np.newaxis] if y.ndim == 1 else y
        if y.ndim != 2 or y.size == 0:
            raise ValueError(f"y_pred must have shape (n, outputs), received {y.shape}")
        targets = self.prepare(y_true, y.shape[1], y.dtype, "y_true")
        checks.same_length(targets, "y_true", y, "y_pred")
        state = np.zeros(self.state_size(y.shape[1]))
        self.add(state, targets, y)
        return self.result(state / len(y))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


class SparseCategoricalAccuracy(Metric):
    """The share of samples whose largest output is the label's."""

    default_name = "sparse_categorical_accuracy"
    sparse = True
    opcode = op.SPARSE_CATEGORICAL_ACCURACY
    better = "max"
    _kernel = kernels.sparse_categorical_accuracy


class CategoricalAccuracy(Metric):
    """The share of samples whose largest output is at the place of the target's largest number."""

    default_name = "categorical_accuracy"
    opcode = op.CATEGORICAL_ACCURACY
    better = "max"
    _kernel = kernels.categorical_accuracy


class BinaryAccuracy(Metric):
    """The share of outputs on the target's side of the threshold: (y > threshold) == t.

    Args:
        threshold: 0.5 unless given, also for logits, as in Keras.
    """

    default_name = "binary_accuracy"
    opcode = op.BINARY_ACCURACY
    better = "max"
    _kernel = kernels.binary_accuracy

    def __init__(self, name: str | None = None, threshold: float = 0.5):
        super().__init__(name)
        self.threshold = checks.number(threshold, "threshold")
        self.numbers = (self.threshold,)


class MeanSquaredError(Metric):
    """The mean of (y - t)^2."""

    default_name = "mean_squared_error"
    opcode = op.SQUARED_ERROR
    _kernel = kernels.mean_squared_error


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (y - t)^2 over all samples."""

    default_name = "root_mean_squared_error"

    def result(self, state: np.ndarray) -> float:
        """The root of the mean."""
        return math.sqrt(state[0])


class MeanAbsoluteError(Metric):
    """The mean of |y - t|."""

    default_name = "mean_absolute_error"
    opcode = op.ABSOLUTE_ERROR
    _kernel = kernels.mean_absolute_error


_BY_NAME: dict[str, type[Metric]] = {
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "binary_accuracy": BinaryAccuracy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
}
_ACCURACY = ("accuracy", "acc")


def get(identifier: object, outputs: int, sparse: bool) -> Metric:
    """A metric from its name, or as it is. "accuracy" is the one that fits outputs and targets, as Keras picks it.

    Args:
        identifier: a name or a Metric.
        outputs: columns of the model's output.
        sparse: whether the targets are integer labels.

    Raises:
        ValueError: for an unknown name, or a metric that wants the other kind of target.
    """
    if isinstance(identifier, Metric):
        metric = identifier
    else:
        lower = identifier.lower() if isinstance(identifier, str) else identifier
        name = checks.nearest(lower, (*_BY_NAME, *_ACCURACY), "metric")
        if name in _ACCURACY:
            kind = BinaryAccuracy if outputs == 1 else SparseCategoricalAccuracy if sparse else CategoricalAccuracy
            metric = kind(str(identifier))
        else:
            metric = _BY_NAME[name](str(identifier))
    if metric.sparse != sparse:
        wanted, have = ("integer labels", "rows") if metric.sparse else ("rows of targets", "integer labels")
        raise ValueError(f"the metric {metric.name} needs {wanted}, but the loss takes {have}")
    return metric
