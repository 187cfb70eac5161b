"""Batch normalization and layer normalization, channels last.

x, y, dy and dx have one shape (B, ..., C); gamma, beta, the moving statistics and all that a channel has are (C,).
Variances are the mean squared difference from the mean, as Keras's: divided by the numbers, not by one less.
"""

import numpy as np


def batch_statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each channel."""
    axes = tuple(range(x.ndim - 1))
    return x.mean(axis=axes), x.var(axis=axes)


def moving_statistic(moving: np.ndarray, value: np.ndarray, momentum: float) -> np.ndarray:
    """A moving statistic after a batch whose own is `value`."""
    return momentum * moving + (1 - momentum) * value


def normalize(
    x: np.ndarray, mean: np.ndarray, variance: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float
) -> np.ndarray:
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta: with the moving statistics, what inference does."""
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def normalize_backward(
    dy: np.ndarray, x: np.ndarray, mean: np.ndarray, variance: np.ndarray, gamma: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx, dgamma, dbeta where mean and variance are given numbers."""
    axes = tuple(range(x.ndim - 1))
    inverse = 1 / np.sqrt(variance + epsilon)
    return dy * gamma * inverse, (dy * (x - mean) * inverse).sum(axis=axes), dy.sum(axis=axes)


def batch_normalization_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float) -> np.ndarray:
    """y with the statistics of x itself.

    Source: Ioffe & Szegedy 2015, arxiv.org/abs/1502.03167, algorithm 1.
    """
    return normalize(x, *batch_statistics(x), gamma, beta, epsilon)


def batch_normalization_backward(
    dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx, dgamma, dbeta, step by step as section 3 of the paper has them."""
    axes, numbers = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    mean, variance = batch_statistics(x)
    deviation = np.sqrt(variance + epsilon)
    dhat = dy * gamma
    dvariance = (dhat * (x - mean)).sum(axis=axes) * -0.5 / deviation**3
    dmean = -dhat.sum(axis=axes) / deviation
    dx = dhat / deviation + dvariance * 2 * (x - mean) / numbers + dmean / numbers
    return dx, (dy * (x - mean) / deviation).sum(axis=axes), dy.sum(axis=axes)


def layer_normalization_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float) -> np.ndarray:
    """y with mean and variance of the last axis, for every sample and pixel.

    Source: Ba, Kiros & Hinton 2016, arxiv.org/abs/1607.06450.
    """
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def layer_normalization_backward(
    dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx, dgamma, dbeta."""
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    deviation = np.sqrt(variance + epsilon)
    dhat = dy * gamma
    dvariance = (dhat * (x - mean)).sum(axis=-1, keepdims=True) * -0.5 / deviation**3
    dmean = -dhat.sum(axis=-1, keepdims=True) / deviation
    dx = dhat / deviation + (dvariance * 2 * (x - mean) + dmean) / x.shape[-1]
    return dx, (dy * (x - mean) / deviation).sum(axis=axes), dy.sum(axis=axes)
