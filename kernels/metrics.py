"""Metrics of each sample, from a layer's output y and the targets: what is logged is their mean over the samples.

B batch, C outputs or classes.
"""

from .jit import jit


@jit
def _largest(row, classes):
    """The first place where the row is largest."""
    best = 0
    for j in range(1, classes):
        if row[j] > row[best]:
            best = j
    return best


@jit
def sparse_categorical_accuracy(values, y, labels, classes):
    """1 where the largest output is the label's, else 0."""
    for i in range(labels.size):
        values[i] = _largest(y[i], classes) == labels[i]


@jit
def categorical_accuracy(values, y, targets, classes):
    """1 where output and target are largest at the same place, else 0."""
    for i in range(values.size):
        values[i] = _largest(y[i], classes) == _largest(targets[i], classes)


@jit
def binary_accuracy(values, y, targets, threshold, outputs):
    """The share of outputs on the target's side of the threshold."""
    real = y.dtype.type
    limit = real(threshold)
    for i in range(values.size):
        right = 0
        for j in range(outputs):
            right += real(y[i, j] > limit) == targets[i, j]
        values[i] = real(right) / real(outputs)


@jit
def mean_squared_error(values, y, targets, outputs):
    """The mean of (y - t)^2 over a row."""
    real = y.dtype.type
    for i in range(values.size):
        total = real(0)
        for j in range(outputs):
            difference = y[i, j] - targets[i, j]
            total += difference * difference
        values[i] = total / real(outputs)


@jit
def mean_absolute_error(values, y, targets, outputs):
    """The mean of |y - t| over a row."""
    real = y.dtype.type
    for i in range(values.size):
        total = real(0)
        for j in range(outputs):
            total += abs(y[i, j] - targets[i, j])
        values[i] = total / real(outputs)
