"""Metrics, from a layer's output y and the targets.

Metrics of each sample give values[B], whose mean over the samples is logged. The others add to sums in float64,
`state`, over all rows of the batch in order, and the logged number is computed from these sums. Counts are exact.

B batch, C outputs or classes.
"""

import numpy as np

from .arrays import vector
from .elementary import logistic
from .factories import metric, sparse_metric
from .instructions import TOTAL_FORWARD
from .jit import jit, jit_apart
from .operations import label_rows, operation, target_rows, y_rows

# Targets this close to 0 and 1 are taken as these: scaled data are often off by some rounding errors.
ROUNDING = 1e-5
_NO_PROBABILITY = 1e-9  # as in Keras: for F1Score a largest output below this predicts nothing


@jit
def _largest(row, classes):
    """The first place where the row is largest."""
    best = 0
    for j in range(1, classes):
        if row[j] > row[best]:
            best = j
    return best


@jit_apart
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
    limit, off = real(threshold), real(ROUNDING)
    for i in range(values.size):
        right = 0
        for j in range(outputs):
            right += abs(real(y[i, j] > limit) - targets[i, j]) <= off
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


@jit
def _in_top_k(row, label, k, classes):
    """Whether fewer than k outputs are larger than the label's, which is not NaN."""
    at_label = row[label]
    larger = 0
    for j in range(classes):
        larger += row[j] > at_label
    return larger < k and at_label == at_label


@jit
def sparse_top_k_categorical_accuracy(values, y, labels, k, classes):
    """1 where fewer than k outputs are larger than the label's, else 0: ties count."""
    for i in range(labels.size):
        values[i] = _in_top_k(y[i], labels[i], k, classes)


@jit
def top_k_categorical_accuracy(values, y, targets, k, classes):
    """The same for the place where the target is largest."""
    for i in range(values.size):
        values[i] = _in_top_k(y[i], _largest(targets[i], classes), k, classes)


# ---------------------------------------------------------------------------------------------------------------------
# Sums over the rows of a batch.


@jit
def binary_confusion(state, y, targets, threshold, rows, outputs):
    """state[3]: true positives, false positives, false negatives; y > threshold and |t| > 1e-5 are positive."""
    limit, off = y.dtype.type(threshold), y.dtype.type(ROUNDING)
    hits, false_alarms, misses = 0, 0, 0
    for i in range(rows):
        for j in range(outputs):
            said, true = y[i, j] > limit, abs(targets[i, j]) > off
            hits += said and true
            false_alarms += said and not true
            misses += true and not said
    state[0] += hits
    state[1] += false_alarms
    state[2] += misses


@jit
def _count(state, j, classes, said, target):
    """Add class j of one sample to the true positives, false positives and false negatives of all classes."""
    t = np.float64(target)
    if said:
        state[j] += t
        state[classes + j] += 1.0 - t
    else:
        state[2 * classes + j] += t


@jit
def class_confusion(state, y, targets, rows, classes):
    """state[3 C]: each class's true positives, then false positives, then false negatives.

    The largest output is the prediction: all of several equally large ones, but none if they are 0.
    """
    smallest = y.dtype.type(_NO_PROBABILITY)
    for i in range(rows):
        largest = y[i, _largest(y[i], classes)]
        for j in range(classes):
            _count(state, j, classes, y[i, j] >= largest and abs(y[i, j]) > smallest, targets[i, j])


@jit
def sparse_class_confusion(state, y, labels, rows, classes):
    """`class_confusion` with the one-hot rows of the labels."""
    smallest = y.dtype.type(_NO_PROBABILITY)
    for i in range(rows):
        largest = y[i, _largest(y[i], classes)]
        for j in range(classes):
            _count(state, j, classes, y[i, j] >= largest and abs(y[i, j]) > smallest, labels[i] == j)


@jit
def class_confusion_above(state, y, targets, threshold, rows, classes):
    """`class_confusion` where every output above the threshold is a prediction."""
    limit = y.dtype.type(threshold)
    for i in range(rows):
        for j in range(classes):
            _count(state, j, classes, y[i, j] > limit, targets[i, j])


@jit
def _bucket(row, j, outputs_are_logits, last):
    """The bucket of row[j]: number k has the probabilities in (k / last, (k + 1) / last], and the first one 0 too."""
    zero, one = row.dtype.type(0), row.dtype.type(1)
    p = logistic(row[j]) if outputs_are_logits else row[j]
    p = p if p > zero else zero  # a NaN counts as 0
    p = one if p > one else p
    return max(0, int(np.ceil(p * row.dtype.type(last))) - 1)


@jit
def score_histogram(state, y, targets, outputs_are_logits, buckets, rows, outputs):
    """state[2 N]: how many outputs are in each of N buckets of [0, 1], first for targets beyond 1e-5, then the rest."""
    count, off = int(buckets), y.dtype.type(ROUNDING)
    for i in range(rows):
        for j in range(outputs):
            bucket = _bucket(y[i], j, outputs_are_logits, count - 1)
            state[bucket if abs(targets[i, j]) > off else count + bucket] += 1.0


@jit
def squared_sums(state, y, targets, origin, rows, outputs):
    """state[3 C]: each output's sum of t - origin, then of its square, then of (y - t)^2.

    Any target is a good origin[C]: their variance is then found without the digits that a large mean would take away.
    """
    for i in range(rows):
        for j in range(outputs):
            t = np.float64(targets[i, j])
            difference = np.float64(y[i, j]) - t
            t -= np.float64(origin[j])
            state[j] += t
            state[outputs + j] += t * t
            state[2 * outputs + j] += difference * difference


# ---------------------------------------------------------------------------------------------------------------------
# Operations.


sparse_categorical_accuracy_metric = sparse_metric(sparse_categorical_accuracy)
categorical_accuracy_metric = metric(categorical_accuracy)
binary_accuracy_metric = metric(binary_accuracy, numbers=1)
mean_squared_error_metric = metric(mean_squared_error)
mean_absolute_error_metric = metric(mean_absolute_error)
sparse_top_k_categorical_accuracy_metric = sparse_metric(sparse_top_k_categorical_accuracy, numbers=1)
top_k_categorical_accuracy_metric = metric(top_k_categorical_accuracy, numbers=1)


@operation
def binary_confusion_metric(task, ins, weights, batch, data, span):
    """`binary_confusion`: Precision and Recall."""
    if task == TOTAL_FORWARD:
        state, y, targets = vector(batch.sums, ins.value, 3), y_rows(ins, batch, span), target_rows(ins, batch, span)
        binary_confusion(state, y, targets, ins.alpha, span.rows, ins.outputs)


@operation
def class_confusion_metric(task, ins, weights, batch, data, span):
    """`class_confusion` of rows of targets or of labels, or with a threshold: F1Score."""
    if task == TOTAL_FORWARD:
        state, y = vector(batch.sums, ins.value, 3 * ins.outputs), y_rows(ins, batch, span)
        if data.labels.size:
            sparse_class_confusion(state, y, label_rows(batch, span), span.rows, ins.outputs)
        elif ins.alpha > 0:
            class_confusion_above(state, y, target_rows(ins, batch, span), ins.alpha, span.rows, ins.outputs)
        else:
            class_confusion(state, y, target_rows(ins, batch, span), span.rows, ins.outputs)


@operation
def score_histogram_metric(task, ins, weights, batch, data, span):
    """`score_histogram`: AUC."""
    if task == TOTAL_FORWARD:
        state = vector(batch.sums, ins.value, 2 * int(ins.beta))
        y, targets = y_rows(ins, batch, span), target_rows(ins, batch, span)
        score_histogram(state, y, targets, ins.alpha, ins.beta, span.rows, ins.outputs)


@operation
def squared_sums_metric(task, ins, weights, batch, data, span):
    """`squared_sums` from the first of all targets: R2Score."""
    if task == TOTAL_FORWARD:
        state, y = vector(batch.sums, ins.value, 3 * ins.outputs), y_rows(ins, batch, span)
        squared_sums(state, y, target_rows(ins, batch, span), data.targets[0], span.rows, ins.outputs)
