"""Activation functions and their gradients.

x, y, dy and dx all have one shape. Each backward function computes dx from the
output y, not from the input x: that is the array a network has at hand.
"""

import numpy as np


def relu_forward(x: np.ndarray) -> np.ndarray:
    """y = max(x, 0)."""
    return np.maximum(x, 0)


def relu_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = dy where y > 0, else 0; so the slope at x = 0 is 0, as in Keras."""
    return dy * (y > 0)


def leaky_relu_forward(x: np.ndarray, negative_slope: float = 0.2) -> np.ndarray:
    """y = max(x, 0) + negative_slope min(x, 0).

    Keras's slope is 0.2 for activation="leaky_relu", 0.3 for the layer LeakyReLU.
    Source: Maas, Hannun, Ng: Rectifier Nonlinearities Improve Neural Network
    Acoustic Models (2013).
    """
    return np.maximum(x, 0) + negative_slope * np.minimum(x, 0)


def leaky_relu_backward(dy: np.ndarray, y: np.ndarray, negative_slope: float = 0.2) -> np.ndarray:
    """dx = dy where y > 0, else negative_slope dy.

    negative_slope must not be negative: then y > 0 exactly where x > 0.
    """
    return np.where(y > 0, dy, negative_slope * dy)


def sigmoid_forward(x: np.ndarray) -> np.ndarray:
    """y = 1 / (1 + e^-x), which for x < 0 is e^x / (1 + e^x).

    Only e^-|x| is ever computed, so nothing overflows.
    """
    e = np.exp(-np.abs(x))
    # 1 where x >= 0, e elsewhere: e <= 1, and maximum is twice as fast as where.
    numerator = np.maximum(e, x >= 0)
    return numerator / (1 + e)


def sigmoid_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = dy y (1 - y)."""
    return dy * y * (1 - y)


def tanh_forward(x: np.ndarray) -> np.ndarray:
    """y = tanh(x)."""
    return np.tanh(x)


def tanh_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = dy (1 - y^2)."""
    return dy * (1 - y * y)


def softmax_forward(x: np.ndarray) -> np.ndarray:
    """y_i = e^(x_i - m) / sum_j e^(x_j - m) in each row, m its maximum.

    Subtracting m changes nothing but keeps the exponentials from overflowing.
    Source: Goodfellow, Bengio, Courville: Deep Learning (2016), section 4.1.
    """
    y = np.exp(x - x.max(axis=-1, keepdims=True))
    y /= y.sum(axis=-1, keepdims=True)
    return y


def softmax_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx_i = y_i (dy_i - sum_j dy_j y_j) in each row.

    From dy_j/dx_i = y_j ([i = j] - y_i).
    """
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))
