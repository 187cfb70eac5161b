"""Metrics that are means over the samples."""

import math

import numpy as np

from .. import checks
from ..kernels import metrics as kernels
from ..settings import Setting, within
from .base import Metric


class SparseCategoricalAccuracy(Metric):
    """The fraction of samples whose largest output is that of the true label.

    >>> fastnn.metrics.SparseCategoricalAccuracy()([0, 1], [[0.7, 0.3], [0.6, 0.4]])
    0.5
    """

    default_name = "sparse_categorical_accuracy"
    sparse = True
    operation = staticmethod(kernels.sparse_categorical_accuracy_metric)
    better = "max"
    _kernel = kernels.sparse_categorical_accuracy


class CategoricalAccuracy(Metric):
    """The fraction of samples whose largest output is at the index of the largest target.

    >>> fastnn.metrics.CategoricalAccuracy()([[1, 0], [0, 1]], [[0.7, 0.3], [0.6, 0.4]])
    0.5
    """

    default_name = "categorical_accuracy"
    operation = staticmethod(kernels.categorical_accuracy_metric)
    better = "max"
    _kernel = kernels.categorical_accuracy


class BinaryAccuracy(Metric):
    """The fraction of outputs on the right side of the threshold: (y > threshold) == t, within 1e-5.

    Args:
        threshold: for outputs that are logits pass 0; as in Keras, the default is not adapted to them.

    >>> fastnn.metrics.BinaryAccuracy()([[1], [0], [1], [0]], [[0.9], [0.2], [0.4], [0.3]])
    0.75
    """

    default_name = "binary_accuracy"
    operation = staticmethod(kernels.binary_accuracy_metric)
    better = "max"
    _kernel = kernels.binary_accuracy

    threshold = within()

    def __init__(self, name: str | None = None, threshold: float = 0.5):
        super().__init__(name)
        self.threshold = threshold

    @property
    def numbers(self) -> tuple[float, ...]:
        """The threshold."""
        return (self.threshold,)


class SparseTopKCategoricalAccuracy(Metric):
    """The fraction of samples whose true label is among the k largest outputs.

    Args:
        k: a label counts as found if fewer than k outputs are larger than its own, so ties are in its favour.

    >>> scores = [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]
    >>> fastnn.metrics.SparseTopKCategoricalAccuracy(k=2)([1, 2], scores)
    0.5
    """

    default_name = "sparse_top_k_categorical_accuracy"
    sparse = True
    better = "max"
    operation = staticmethod(kernels.sparse_top_k_categorical_accuracy_metric)
    _kernel = kernels.sparse_top_k_categorical_accuracy

    k = Setting(checks.integer)

    def __init__(self, k: int = 5, name: str | None = None):
        super().__init__(name)
        self.k = k

    @property
    def numbers(self) -> tuple[float, ...]:
        """k."""
        return (self.k,)


class TopKCategoricalAccuracy(SparseTopKCategoricalAccuracy):
    """The same for targets that are rows (n, C): the true label is the index of the largest target.

    Args:
        k: as in `SparseTopKCategoricalAccuracy`.

    >>> scores = [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]
    >>> fastnn.metrics.TopKCategoricalAccuracy(k=2)([[0, 1, 0], [0, 0, 1]], scores)
    0.5
    """

    default_name = "top_k_categorical_accuracy"
    sparse = False
    operation = staticmethod(kernels.top_k_categorical_accuracy_metric)
    _kernel = kernels.top_k_categorical_accuracy


class MeanSquaredError(Metric):
    """The mean of (y - t)^2.

    >>> fastnn.metrics.MeanSquaredError()([[0.0], [0.0]], [[1.0], [3.0]])
    5.0
    """

    default_name = "mean_squared_error"
    operation = staticmethod(kernels.mean_squared_error_metric)
    _kernel = kernels.mean_squared_error


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (y - t)^2 over all samples.

    >>> fastnn.metrics.RootMeanSquaredError()([[0.0], [0.0]], [[1.0], [7.0]])
    5.0
    """

    default_name = "root_mean_squared_error"

    def result(self, state: np.ndarray) -> float:
        """The square root of the mean."""
        return math.sqrt(state[0])


class MeanAbsoluteError(Metric):
    """The mean of |y - t|.

    >>> fastnn.metrics.MeanAbsoluteError()([[0.0], [0.0]], [[1.0], [-3.0]])
    2.0
    """

    default_name = "mean_absolute_error"
    operation = staticmethod(kernels.mean_absolute_error_metric)
    _kernel = kernels.mean_absolute_error
