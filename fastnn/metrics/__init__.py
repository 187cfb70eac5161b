"""Metrics: how good the outputs are, over all samples. Names are Keras 3's.

Pass a metric to `compile` by name, as an object or as a function of (y_true, y_pred), or call it:
`metric(y_true, y_pred)`.
"""

from collections.abc import Iterable
from functools import partial

from .. import habits, losses
from ..configured import from_identifier, is_function
from .base import Metric
from .confusion import confusion_matrix
from .functions import FunctionMetric
from .means import (
    BinaryAccuracy,
    CategoricalAccuracy,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from .sums import AUC, F1Score, Precision, R2Score, Recall

__all__ = [
    "AUC",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "F1Score",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "R2Score",
    "Recall",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "confusion_matrix",
    "get",
]

_BY_NAME: dict[str, type[Metric]] = {
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "binary_accuracy": BinaryAccuracy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "precision": Precision,
    "recall": Recall,
    "f1_score": F1Score,
    "auc": AUC,
    "r2_score": R2Score,
}
_ACCURACY = ("accuracy", "acc")


def get(identifier: object, outputs: int, sparse: bool) -> Metric:
    """A metric from its name or from a function; a `Metric` is returned unchanged.

    "accuracy" stands for the accuracy that fits the outputs and targets, as in Keras. A function takes the targets
    y_true, (n, outputs) or integer labels (n,), and the outputs y_pred (n, outputs), and returns one value per sample,
    or one number for the batch; the metric is their mean over the samples, under the function's name.

    Args:
        identifier: a name, a Metric, or a function of (y_true, y_pred) in NumPy.
        outputs: the number of columns of the model's output.
        sparse: whether the targets are integer labels.

    Raises:
        ValueError: for an unknown name, or a metric that needs the other kind of targets.

    >>> fastnn.metrics.get("accuracy", outputs=10, sparse=True)
    SparseCategoricalAccuracy(name='accuracy')
    >>> def largest_error(y_true, y_pred):
    ...     return np.abs(y_true - y_pred).max(axis=-1)
    >>> metric = fastnn.metrics.get(largest_error, outputs=2, sparse=False)
    >>> metric.name, metric(np.zeros((2, 2)), np.array([[1.0, -2.0], [3.0, 1.0]]))  # the mean of 2 and 3
    ('largest_error', 2.5)
    """
    if is_function(identifier):
        return FunctionMetric(identifier)
    accuracy: type[Metric] = (
        BinaryAccuracy if outputs == 1 else SparseCategoricalAccuracy if sparse else CategoricalAccuracy
    )
    known = {name: partial(kind, name=str(identifier)) for name, kind in _BY_NAME.items()}
    known |= dict.fromkeys(_ACCURACY, partial(accuracy, name=str(identifier)))
    _refuse_loss(identifier, known)
    metric: Metric = from_identifier(identifier, Metric, known, "metric")
    if metric.sparse is not None and metric.sparse != sparse:
        wanted, have = ("integer labels", "rows") if metric.sparse else ("rows of targets", "integer labels")
        raise ValueError(f"the metric {metric.name} needs {wanted}, but the loss takes {have}")
    return metric


def _refuse_loss(identifier: object, known: Iterable[str]) -> None:
    """A ValueError for a loss, which Keras takes as a metric."""
    kind = type(identifier) if isinstance(identifier, losses.Loss) else identifier
    if isinstance(identifier, str) and identifier.lower() not in known:
        kind = losses._BY_NAME.get(identifier.lower())
    if isinstance(kind, type) and issubclass(kind, losses.Loss):
        raise ValueError(
            f"{identifier!r} is no metric: {habits.LOSS_AS_METRIC.format(f'fastnn.losses.{kind.__name__}')}"
        )
