"""Losses of outputs that are probabilities, with the gradient of sum_i scale[i] loss_i; scale is weight / batch size.

B batch, C outputs or classes. Outputs first: values[B], then the gradient dx[B, ...], of which only C columns are
written. The fused losses start from logits: y holds x before and softmax(x) or sigmoid(x) after. A loss's own numbers
come before C. The formulas are Keras's: https://github.com/keras-team/keras/blob/v3.15.1/keras/src/losses/losses.py
"""

from .activations import softmax_row
from .arrays import matrix, sum_up
from .elementary import exp, log, log1p_ratio, logistic
from .factories import loss, sparse_loss
from .instructions import FORWARD
from .jit import jit, jit_apart, jit_part
from .operations import operation, target_rows

_EPSILON = 1e-7  # keras.config.epsilon()


@jit
def smooth_targets(smoothed, targets, smoothing, classes, columns):
    """smoothed[B, C] = t (1 - smoothing) + smoothing / classes: the same sum, some of it spread evenly."""
    real = targets.dtype.type
    keep, shared = real(1 - smoothing), real(smoothing / classes)
    for i in range(smoothed.shape[0]):
        for j in range(columns):
            smoothed[i, j] = targets[i, j] * keep + shared


@jit_apart
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


@jit_apart
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


@jit_part
def _binary_from_logits(values, dx, y, targets, scale, outputs, share):
    """loss = share times the sum of log(1 + exp(x)) - t x over a row; dx = scale (y - t) share."""
    zero = y.dtype.type(0)
    for i in range(scale.size):
        factor = scale[i] * share
        for j in range(outputs):
            logit = y[i, j]
            # max(x, 0) and t x first: for a confident and right output they are equal, and the rest is tiny.
            linear = (logit if logit > zero else zero) - targets[i, j] * logit
            dx[i, j] = linear + log1p_ratio(exp(-abs(logit)))
            y[i, j] = logistic(logit)
        values[i] = sum_up(dx[i], outputs) * share
        for j in range(outputs):
            dx[i, j] = (y[i, j] - targets[i, j]) * factor


@jit
def sigmoid_binary_cross_entropy(values, dx, y, targets, scale, outputs):
    """loss = mean of log(1 + exp(x)) - t x over a row; dx = scale (y - t) / C."""
    real = y.dtype.type
    _binary_from_logits(values, dx, y, targets, scale, outputs, real(1) / real(outputs))


@jit
def sigmoid_binary_log(values, dx, y, targets, scale, outputs):
    """loss = sum of log(1 + exp(x)) - t x over a row; dx = scale (y - t): scikit-learn's loss of several labels."""
    _binary_from_logits(values, dx, y, targets, scale, outputs, y.dtype.type(1))


@jit
def softmax_focal_cross_entropy(values, dx, y, targets, scale, alpha, gamma, classes):
    """loss = -sum alpha (1 - p)^gamma t log p with p = softmax(x), to which y is set.

    With h = dloss/dp p, dx = scale (h - p sum h). A class with t = 0 is in neither sum.
    """
    real = y.dtype.type
    zero, one, weight, power = real(0), real(1), real(alpha), real(gamma)
    for i in range(scale.size):
        for j in range(classes):
            dx[i, j] = y[i, j]
        largest, total = softmax_row(y[i], classes)
        log_total = log(total)
        loss, slopes = zero, zero
        for j in range(classes):
            slope = zero
            if targets[i, j] != zero:
                p, log_p = y[i, j], (dx[i, j] - largest) - log_total
                rest = one - p
                ratio = -one if rest == zero else log_p / rest  # its limit for p = 1
                # For gamma = 0 the focus is 0^0 = 1.
                focus = exp(power * log(rest)) if rest > zero or power > zero else one
                focus = targets[i, j] * weight * focus
                loss -= focus * log_p
                slope = focus * (power * p * ratio - one)
            slopes += slope
            dx[i, j] = slope
        values[i] = loss
        for j in range(classes):
            dx[i, j] = (dx[i, j] - y[i, j] * slopes) * scale[i]


# ---------------------------------------------------------------------------------------------------------------------
# From probabilities y, clipped to [1e-7, 1 - 1e-7] as Keras does: for networks that do not end with softmax or sigmoid,
# so that there are no logits.


@jit
def cross_entropy(values, dy, y, targets, scale, classes):
    """loss = -sum t log(y / sum y)."""
    real = y.dtype.type
    smallest, largest, one = real(_EPSILON), real(1 - _EPSILON), real(1)
    for i in range(scale.size):
        total = real(0)
        for j in range(classes):
            total += y[i, j]
        total = one if total == real(0) else total  # dropout may leave nothing but zeros
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
    smallest, largest, one = real(_EPSILON), real(1 - _EPSILON), real(1)
    for i in range(labels.size):
        total = real(0)
        for j in range(classes):
            total += y[i, j]
        total = one if total == real(0) else total
        p = y[i, labels[i]] / total
        clipped = smallest if p < smallest else largest if p > largest else p
        values[i] = -log(clipped)
        factor = scale[i] * (one / total) if clipped == p else real(0)
        for j in range(classes):
            dy[i, j] = factor
        dy[i, labels[i]] -= factor / clipped


@jit_part
def _binary(values, dy, y, targets, scale, outputs, share):
    """loss = share times the sum of -(t log y + (1 - t) log(1 - y)) over a row."""
    real = y.dtype.type
    smallest, largest, one = real(_EPSILON), real(1 - _EPSILON), real(1)
    for i in range(scale.size):
        loss = real(0)
        for j in range(outputs):
            p, target = y[i, j], targets[i, j]
            clipped = smallest if p < smallest else largest if p > largest else p
            loss -= target * log(clipped) + (one - target) * log(one - clipped)
            gradient = (clipped - target) / (clipped * (one - clipped)) * (scale[i] * share)
            dy[i, j] = gradient if clipped == p else real(0)
        values[i] = loss * share


@jit
def binary_cross_entropy(values, dy, y, targets, scale, outputs):
    """loss = mean of -(t log y + (1 - t) log(1 - y)) over a row."""
    real = y.dtype.type
    _binary(values, dy, y, targets, scale, outputs, real(1) / real(outputs))


@jit
def binary_log(values, dy, y, targets, scale, outputs):
    """loss = sum of -(t log y + (1 - t) log(1 - y)) over a row."""
    _binary(values, dy, y, targets, scale, outputs, y.dtype.type(1))


@jit
def focal_cross_entropy(values, dy, y, targets, scale, alpha, gamma, classes):
    """loss = -sum alpha (1 - p)^gamma t log p with p = y / sum y."""
    real = y.dtype.type
    smallest, largest, zero, one = real(_EPSILON), real(1 - _EPSILON), real(0), real(1)
    weight, power = real(alpha), real(gamma)
    for i in range(scale.size):
        total = zero
        for j in range(classes):
            total += y[i, j]
        total = one if total == zero else total
        loss, share = zero, zero
        for j in range(classes):
            p, slope = y[i, j] / total, zero
            if targets[i, j] != zero:
                clipped = smallest if p < smallest else largest if p > largest else p
                rest, log_p = one - clipped, log(clipped)
                focus = targets[i, j] * weight * exp(power * log(rest))
                loss -= focus * log_p
                slope = focus * (power * log_p / rest - one / clipped) if clipped == p else zero
            share += slope * p
            dy[i, j] = slope
        values[i] = loss
        for j in range(classes):
            dy[i, j] = (dy[i, j] - share) * (scale[i] * (one / total))


@jit
def kl_divergence(values, dy, y, targets, scale, outputs):
    """loss = sum t log(t / y), with t and y clipped to [1e-7, 1]; dy = -scale t / y."""
    real = y.dtype.type
    smallest, zero, one = real(_EPSILON), real(0), real(1)
    for i in range(scale.size):
        for j in range(outputs):
            p, t = y[i, j], targets[i, j]
            p = smallest if p < smallest else one if p > one else p
            t = smallest if t < smallest else one if t > one else t
            dy[i, j] = t * log(t / p)
        values[i] = sum_up(dy[i], outputs)
        for j in range(outputs):
            p, t = y[i, j], targets[i, j]
            t = smallest if t < smallest else one if t > one else t
            slope = -t / p if smallest <= p <= one else zero
            dy[i, j] = slope * scale[i]


# ---------------------------------------------------------------------------------------------------------------------
# Operations.


@operation
def label_smoothing(task, ins, weights, batch, data, span):
    """`smooth_targets`, from the batch's targets to where the loss reads them."""
    if task == FORWARD:
        rows = span.stop - span.start
        targets = matrix(batch.targets, span.start * ins.y_stride, rows, ins.y_stride)
        smooth_targets(target_rows(ins, batch, span), targets, ins.alpha, ins.channels, ins.outputs)


sparse_softmax_cross_entropy_loss = sparse_loss(sparse_softmax_cross_entropy)
softmax_cross_entropy_loss = loss(softmax_cross_entropy)
sigmoid_binary_cross_entropy_loss = loss(sigmoid_binary_cross_entropy)
cross_entropy_loss = loss(cross_entropy)
sparse_cross_entropy_loss = sparse_loss(sparse_cross_entropy)
binary_cross_entropy_loss = loss(binary_cross_entropy)
sigmoid_binary_log_loss = loss(sigmoid_binary_log)
binary_log_loss = loss(binary_log)
softmax_focal_cross_entropy_loss = loss(softmax_focal_cross_entropy, numbers=2)
focal_cross_entropy_loss = loss(focal_cross_entropy, numbers=2)
kl_divergence_loss = loss(kl_divergence)
