"""Losses of each sample, with the gradient of sum_i scale[i] loss_i, where scale is the sample's weight / batch size.

B batch, C outputs or classes. Outputs first: values[B], then the gradient dx[B, ...], of which only C columns are
written. The fused losses start from logits: y holds x before and softmax(x) or sigmoid(x) after.
"""

from .activations import softmax_row
from .elementary import exp, log, log1p_ratio, logistic
from .jit import jit

_SMALLEST_PROBABILITY = 1e-7  # keras.config.epsilon()


@jit
def sparse_softmax_cross_entropy(values, dx, y, labels, scale, classes):
    """loss = log sum exp(x) - x[label]; dx = scale (y - 1 at the label)."""
    for i in range(labels.size):
        label = labels[i]
        at_label = y[i, label]
        largest, total = softmax_row(y[i], classes)
        values[i] = log(total) + (largest - at_label)
        for j in range(classes):
            dx[i, j] = y[i, j] * scale[i]
        dx[i, label] -= scale[i]


@jit
def softmax_cross_entropy(values, dx, y, targets, scale, classes):
    """loss = sum t (log sum exp(x) - x); dx = scale (y sum t - t), where sum t is 1 for one-hot targets."""
    real = y.dtype.type
    for i in range(scale.size):
        largest = y[i, 0]
        for j in range(1, classes):
            largest = y[i, j] if y[i, j] > largest else largest
        distance, weights = real(0), real(0)
        for j in range(classes):
            distance += targets[i, j] * (largest - y[i, j])
            weights += targets[i, j]
        total = softmax_row(y[i], classes)[1]
        values[i] = log(total) * weights + distance
        for j in range(classes):
            dx[i, j] = (y[i, j] * weights - targets[i, j]) * scale[i]


@jit
def _sum_up(row, columns):
    """The sum of row[columns], which it overwrites: 16 sums side by side, so that it is vectorised in one fixed order.

    Were the order left to LLVM, a loss's last bit would depend on what the kernel is compiled into.
    """
    for first in range(16, columns, 16):
        for j in range(min(16, columns - first)):
            row[j] += row[first + j]
    total = row.dtype.type(0)
    for j in range(min(16, columns)):
        total += row[j]
    return total


@jit
def sigmoid_binary_cross_entropy(values, dx, y, targets, scale, outputs):
    """loss = mean of log(1 + exp(x)) - t x over a row; dx = scale (y - t) / C."""
    real = y.dtype.type
    zero = real(0)
    share = real(1) / real(outputs)
    for i in range(scale.size):
        factor = scale[i] * share
        for j in range(outputs):
            logit = y[i, j]
            # max(x, 0) and t x first: for a confident and right output they are equal, and what is left is tiny.
            linear = (logit if logit > zero else zero) - targets[i, j] * logit
            dx[i, j] = linear + log1p_ratio(exp(-abs(logit)))
            y[i, j] = logistic(logit)
        values[i] = _sum_up(dx[i], outputs) * share
        for j in range(outputs):
            dx[i, j] = (y[i, j] - targets[i, j]) * factor


@jit
def mean_squared_error(values, dx, y, targets, scale, outputs):
    """loss = mean of (y - t)^2 over a row; dx = scale 2 (y - t) / C."""
    real = y.dtype.type
    share = real(1) / real(outputs)
    for i in range(scale.size):
        factor = scale[i] * share * real(2)
        for j in range(outputs):
            difference = y[i, j] - targets[i, j]
            dx[i, j] = difference * difference
        values[i] = _sum_up(dx[i], outputs) * share
        for j in range(outputs):
            dx[i, j] = (y[i, j] - targets[i, j]) * factor


@jit
def half_mean_squared_error(values, dx, y, targets, scale, outputs):
    """loss = half the mean of (y - t)^2 over a row; dx = scale (y - t) / C."""
    half = y.dtype.type(0.5)
    mean_squared_error(values, dx, y, targets, scale, outputs)
    for i in range(scale.size):
        values[i] *= half
        for j in range(outputs):
            dx[i, j] *= half


# ---------------------------------------------------------------------------------------------------------------------
# From probabilities y, clipped to [1e-7, 1 - 1e-7] as Keras does: where softmax or sigmoid is not the last thing
# before the loss, so that the logits are not known.


@jit
def cross_entropy(values, dy, y, targets, scale, classes):
    """loss = -sum t log(y / sum y)."""
    real = y.dtype.type
    smallest, largest, one = real(_SMALLEST_PROBABILITY), real(1 - _SMALLEST_PROBABILITY), real(1)
    for i in range(scale.size):
        total = real(0)
        for j in range(classes):
            total += y[i, j]
        loss, share = real(0), real(0)
        for j in range(classes):
            p = y[i, j] / total
            clipped = smallest if p < smallest else largest if p > largest else p
            loss -= targets[i, j] * log(clipped)
            share += targets[i, j] if clipped == p else real(0)
        values[i] = loss
        for j in range(classes):
            p = y[i, j] / total
            inside = smallest <= p <= largest
            own = targets[i, j] / p if inside else real(0)
            dy[i, j] = (share - own) * (scale[i] * (one / total))


@jit
def sparse_cross_entropy(values, dy, y, labels, scale, classes):
    """loss = -log(y[label] / sum y)."""
    real = y.dtype.type
    smallest, largest, one = real(_SMALLEST_PROBABILITY), real(1 - _SMALLEST_PROBABILITY), real(1)
    for i in range(labels.size):
        total = real(0)
        for j in range(classes):
            total += y[i, j]
        p = y[i, labels[i]] / total
        clipped = smallest if p < smallest else largest if p > largest else p
        values[i] = -log(clipped)
        factor = scale[i] * (one / total) if clipped == p else real(0)
        for j in range(classes):
            dy[i, j] = factor
        dy[i, labels[i]] -= factor / clipped


@jit
def binary_cross_entropy(values, dy, y, targets, scale, outputs):
    """loss = mean of -(t log y + (1 - t) log(1 - y)) over a row."""
    real = y.dtype.type
    smallest, largest, one = real(_SMALLEST_PROBABILITY), real(1 - _SMALLEST_PROBABILITY), real(1)
    share = one / real(outputs)
    for i in range(scale.size):
        loss = real(0)
        for j in range(outputs):
            p, target = y[i, j], targets[i, j]
            clipped = smallest if p < smallest else largest if p > largest else p
            loss -= target * log(clipped) + (one - target) * log(one - clipped)
            gradient = (clipped - target) / (clipped * (one - clipped)) * (scale[i] * share)
            dy[i, j] = gradient if clipped == p else real(0)
        values[i] = loss * share
