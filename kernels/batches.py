"""Mini-batches: shuffling the samples' order, and gathering their rows into a batch.

N samples, B batch, F features.
"""

import numpy as np

from .arrays import copy, flattened, matrix, prefetch_part
from .instructions import BACKWARD, FORWARD
from .jit import jit
from .operations import dx_flat, dy_flat, label_rows, operation, x_flat, y_flat, y_rows
from .random import below, splitmix64


@jit
def shuffle(order, seed, step):
    """order[N] = a permutation of 0 ... N - 1, a function of (seed, step): the inside-out Fisher-Yates shuffle."""
    key = splitmix64(splitmix64(seed) ^ np.uint64(step))  # nested: (1, 2) and (2, 1) must differ
    for i in range(order.size):
        j = below(splitmix64(key + splitmix64(i + 1)), i + 1)
        order[i] = order[j]
        order[j] = i


@jit
def gather(x, source, order, first, scale, offset):
    """x[B, F] = scale source[N, F] + offset, for the samples order[first], order[first + 1], ..."""
    real = x.dtype.type
    factor, shift = real(scale), real(offset)
    flat, features = flattened(source), source.shape[1]
    for i in range(x.shape[0]):
        row = order[first + i]
        if first + i + 1 < order.size:  # shuffled rows lie where the processor does not look by itself
            prefetch_part(flat, order[first + i + 1] * features, features)
        for j in range(features):
            x[i, j] = real(source[row, j]) * factor + shift


@jit
def gather_labels(labels, source, order, first):
    """labels[B] = source[N], for the samples order[first], order[first + 1], ..."""
    for i in range(labels.size):
        labels[i] = source[order[first + i]]


@jit
def scatter(predictions, y, order, first):
    """predictions[N, C] = y[B, C], at the rows order[first], order[first + 1], ..."""
    for i in range(y.shape[0]):
        row = order[first + i]
        for j in range(predictions.shape[1]):
            predictions[row, j] = y[i, j]


# ---------------------------------------------------------------------------------------------------------------------
# Operations.


@operation
def pixels_to_batch(task, ins, weights, batch, data, span):
    """Gather x from uint8 samples."""
    if task == FORWARD:
        gather(y_rows(ins, batch, span), data.pixels, data.order, span.first + span.start, ins.alpha, ins.beta)


@operation
def features_to_batch(task, ins, weights, batch, data, span):
    """Gather x from float samples."""
    if task == FORWARD:
        gather(y_rows(ins, batch, span), data.features, data.order, span.first + span.start, ins.alpha, ins.beta)


@operation
def labels_to_batch(task, ins, weights, batch, data, span):
    """Gather targets that are labels."""
    if task == FORWARD:
        gather_labels(label_rows(batch, span), data.labels, data.order, span.first + span.start)


@operation
def targets_to_batch(task, ins, weights, batch, data, span):
    """Gather targets that are rows."""
    if task == FORWARD:
        targets = matrix(batch.targets, span.start * ins.y_stride, span.stop - span.start, ins.y_stride)
        gather(targets, data.targets, data.order, span.first + span.start, 1.0, 0.0)


@operation
def copied(task, ins, weights, batch, data, span):
    """y = x, for a layer that works in place where x must not be overwritten."""
    if task == FORWARD:
        copy(y_flat(ins, batch, span), x_flat(ins, batch, span))
    elif task == BACKWARD:
        copy(dx_flat(ins, batch, span), dy_flat(ins, batch, span))


@operation
def batch_to_predictions(task, ins, weights, batch, data, span):
    """Write the outputs to the samples' rows of the predictions."""
    if task == FORWARD:
        scatter(data.predictions, y_rows(ins, batch, span), data.order, span.first + span.start)
