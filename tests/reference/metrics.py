"""Metrics: one value a sample, shape (B,), in the dtype of y; the metric is their mean.

B batch, O outputs or C classes: y (B, O), labels integers (B,), targets (B, O).
Source: https://github.com/keras-team/keras/tree/master/keras/src/metrics
"""

import numpy as np


def sparse_categorical_accuracy(y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1 where the largest output is that of the label, else 0; of equals the first."""
    return (y.argmax(axis=1) == labels).astype(y.dtype)


def categorical_accuracy(y: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """1 where the largest output is that of the largest target, else 0."""
    return (y.argmax(axis=1) == targets.argmax(axis=1)).astype(y.dtype)


def binary_accuracy(y: np.ndarray, targets: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """The share of outputs for which (y > threshold) = t."""
    return ((y > threshold) == targets).mean(axis=1, dtype=y.dtype)


def mean_squared_error(y: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """mean_j (y - t)^2."""
    return np.square(y - targets).mean(axis=1)


def mean_absolute_error(y: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """mean_j |y - t|."""
    return np.abs(y - targets).mean(axis=1)
