"""Losses of outputs that are probabilities, and their gradients.

B batch, O outputs, C classes. Each function takes the output of the network first
and returns (losses, d): the loss of each sample, shape (B,), and the gradient of
sum_i scale_i losses_i with respect to the first argument, in its shape. scale is
(B,): 1/B everywhere makes the mean over the batch, w_i/B weights the samples.

labels are integers (B,); targets have the shape and the dtype of the first argument.

The functions of x take logits, what goes into the softmax or the sigmoid; their
gradients are the fused ones. The functions of p take what came out of it, and follow
Keras's formulas to the letter: keras/src/backend/jax/nn.py, version 3.15,
https://github.com/keras-team/keras/blob/master/keras/src/backend/jax/nn.py.
"""

import numpy as np

from .activations import sigmoid_forward

EPSILON = 1e-7
"""Keras's backend.epsilon(): probabilities are clipped to [EPSILON, 1 - EPSILON]."""


def sparse_softmax_cross_entropy(x: np.ndarray, labels: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = log(sum_j e^x_j) - x_label; dx = scale (softmax(x) - onehot(label)).

    Source: Bishop: Pattern Recognition and Machine Learning (2006), eq. 4.108, 4.109.
    """
    rows = np.arange(len(x))
    x = x - x.max(axis=1, keepdims=True)
    dx = np.exp(x)
    total = dx.sum(axis=1, keepdims=True)
    losses = np.log(total[:, 0]) - x[rows, labels]
    dx /= total
    dx[rows, labels] -= 1
    dx *= scale[:, np.newaxis]
    return losses, dx


def softmax_cross_entropy(x: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = -sum_j t_j log softmax(x)_j; dx = scale (softmax(x) sum_j t_j - t).

    For targets that sum to 1, one-hot or soft, dx is the familiar scale (y - t).
    """
    x = x - x.max(axis=1, keepdims=True)
    dx = np.exp(x)
    total = dx.sum(axis=1, keepdims=True)
    losses = (targets * (np.log(total) - x)).sum(axis=1)
    dx *= targets.sum(axis=1, keepdims=True) / total
    dx -= targets
    dx *= scale[:, np.newaxis]
    return losses, dx


def sigmoid_binary_cross_entropy(
    x: np.ndarray, targets: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j(max(x, 0) - x t + log(1 + e^-|x|)); dx = scale (sigmoid(x) - t) / O.

    The mean over the outputs of -t log y - (1 - t) log(1 - y), y = sigmoid(x), in a form
    that cannot overflow.
    Source: https://www.tensorflow.org/api_docs/python/tf/nn/sigmoid_cross_entropy_with_logits
    """
    elements = np.maximum(x, 0) - x * targets + np.log1p(np.exp(-np.abs(x)))
    dx = sigmoid_forward(x)
    dx -= targets
    dx *= scale[:, np.newaxis] / x.shape[1]
    return elements.mean(axis=1), dx


def sigmoid_binary_log(x: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sigmoid_binary_cross_entropy summed over the outputs: loss = sum_j, dx = scale (sigmoid(x) - t)."""
    elements = np.maximum(x, 0) - x * targets + np.log1p(np.exp(-np.abs(x)))
    return elements.sum(axis=1), scale[:, np.newaxis] * (sigmoid_forward(x) - targets)


def binary_log(p: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """binary_cross_entropy summed over the outputs instead of their mean."""
    losses, dp = binary_cross_entropy(p, targets, scale)
    return losses * p.shape[1], dp * p.shape[1]


def sparse_cross_entropy(p: np.ndarray, labels: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """cross_entropy with the one-hot rows of labels."""
    targets = np.zeros_like(p)
    targets[np.arange(len(p)), labels] = 1
    return cross_entropy(p, targets, scale)


def cross_entropy(p: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = -sum_j t_j log c_j, c = clip(q), q = p / sum_j p_j, or q = 0 if all p are.

    dq = -t / q where q was not clipped, else 0;
    dp = scale (dq - sum_j dq_j q_j) / sum_j p_j, the second term from the division.
    """
    total = p.sum(axis=1, keepdims=True)
    total[total == 0] = 1
    q = p / total
    clipped = np.clip(q, EPSILON, 1 - EPSILON)
    losses = -(targets * np.log(clipped)).sum(axis=1)
    dq = np.where(clipped == q, -targets / clipped, 0)
    dp = (dq - (dq * q).sum(axis=1, keepdims=True)) / total
    dp *= scale[:, np.newaxis]
    return losses, dp


def binary_cross_entropy(p: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = -mean_j(t log c + (1 - t) log(1 - c)), c = clip(p).

    dp = scale ((1 - t) / (1 - p) - t / p) / O where p was not clipped, else 0.
    """
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    log_likelihood = targets * np.log(clipped) + (1 - targets) * np.log(1 - clipped)
    dp = (1 - targets) / (1 - clipped) - targets / clipped
    dp *= clipped == p
    dp *= scale[:, np.newaxis] / p.shape[1]
    return -log_likelihood.mean(axis=1), dp


def smooth_targets(targets: np.ndarray, smoothing: float, classes: int) -> np.ndarray:
    """t (1 - s) + s / classes."""
    return targets * (1 - smoothing) + smoothing / classes


# From here on: keras/src/losses/losses.py, version 3.15.1.


def kl_divergence(p: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = sum_j t log(t / c), t and c = clip(p) clipped to [EPSILON, 1]; dp = -scale t / p where p was not."""
    t, clipped = np.clip(targets, EPSILON, 1), np.clip(p, EPSILON, 1)
    dp = np.where(clipped == p, -t / clipped, 0) * scale[:, np.newaxis]
    return (t * np.log(t / clipped)).sum(axis=1), dp


def focal_cross_entropy(
    p: np.ndarray, targets: np.ndarray, scale: np.ndarray, alpha: float, gamma: float
) -> tuple[np.ndarray, np.ndarray]:
    """loss = -sum_j alpha (1 - c_j)^gamma t_j log c_j, c = clip(q), q = p / sum_j p_j, or q = 0 if all p are.

    dq by the product rule where q was not clipped, else 0; dp as in cross_entropy.
    Source: Lin et al.: Focal loss for dense object detection (2017), https://arxiv.org/abs/1708.02002
    """
    total = p.sum(axis=1, keepdims=True)
    total[total == 0] = 1
    q = p / total
    c = np.clip(q, EPSILON, 1 - EPSILON)
    losses = -(alpha * (1 - c) ** gamma * targets * np.log(c)).sum(axis=1)
    slopes = gamma * (1 - c) ** (gamma - 1) * np.log(c) - (1 - c) ** gamma / c
    dq = np.where(c == q, alpha * targets * slopes, 0)
    return losses, (dq - (dq * q).sum(axis=1, keepdims=True)) / total * scale[:, np.newaxis]


def softmax_focal_cross_entropy(
    x: np.ndarray, targets: np.ndarray, scale: np.ndarray, alpha: float, gamma: float
) -> tuple[np.ndarray, np.ndarray]:
    """focal_cross_entropy of p = softmax(x), with no clipping: log p = x - log sum_j e^x_j is always finite.

    1 - p is the sum of the others, so that it keeps its digits where p is nearly 1.
    """
    x = x - x.max(axis=1, keepdims=True)
    e = np.exp(x)
    total = e.sum(axis=1, keepdims=True)
    p, log_p = e / total, x - np.log(total)
    others = e @ (1 - np.eye(x.shape[1], dtype=x.dtype)) / total
    losses = -(alpha * others**gamma * targets * log_p).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # (1 - p)^(gamma - 1) log p tends to -(1 - p)^gamma where p tends to 1.
        first = np.where(others > 0, gamma * others ** (gamma - 1) * log_p, -gamma * others**gamma)
    dp_times_p = alpha * targets * (first * p - others**gamma)
    return losses, (dp_times_p - p * dp_times_p.sum(axis=1, keepdims=True)) * scale[:, np.newaxis]
