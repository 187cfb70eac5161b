"""Losses and their gradients.

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


def mean_squared_error(y: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j (y - t)^2; dy = 2 scale (y - t) / O."""
    dy = y - targets
    losses = np.square(dy).mean(axis=1)
    dy *= 2 * scale[:, np.newaxis] / y.shape[1]
    return losses, dy


def half_mean_squared_error(y: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j (y - t)^2 / 2; dy = scale (y - t) / O."""
    dy = y - targets
    losses = np.square(dy).mean(axis=1) / 2
    dy *= scale[:, np.newaxis] / y.shape[1]
    return losses, dy


def sparse_cross_entropy(p: np.ndarray, labels: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """cross_entropy with the one-hot rows of labels."""
    targets = np.zeros_like(p)
    targets[np.arange(len(p)), labels] = 1
    return cross_entropy(p, targets, scale)


def cross_entropy(p: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = -sum_j t_j log c_j, c = clip(q), q = p / sum_j p_j.

    dq = -t / q where q was not clipped, else 0;
    dp = scale (dq - sum_j dq_j q_j) / sum_j p_j, the second term from the division.
    """
    total = p.sum(axis=1, keepdims=True)
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
