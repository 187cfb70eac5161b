"""Activation functions and their gradients.

x, y, dy and dx all have one shape. Most backward functions compute dx from the
output y, not from the input x: that is the array a network has at hand. GELU, SiLU
and PReLU need x: two x have the same y, or the slope may be negative.
"""

import math

import numpy as np

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


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


def elu_forward(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """y = x where x > 0, else alpha (e^x - 1).

    Source: Clevert, Unterthiner, Hochreiter: Fast and Accurate Deep Network
    Learning by Exponential Linear Units (2016).
    """
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_backward(dy: np.ndarray, y: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """dx = dy where y > 0, else dy alpha e^x = dy (y + alpha)."""
    return dy * np.where(y > 0, 1, y + alpha)


def selu_forward(x: np.ndarray) -> np.ndarray:
    """y = scale elu(x, alpha), scale and alpha such that N(0, 1) stays N(0, 1).

    Source: Klambauer et al.: Self-Normalizing Neural Networks (2017).
    """
    with np.errstate(over="ignore"):  # the largest number times 1.05
        return SELU_SCALE * elu_forward(x, SELU_ALPHA)


def selu_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = scale elu_backward(dy, y / scale, alpha)."""
    return SELU_SCALE * elu_backward(dy, y / SELU_SCALE, SELU_ALPHA)


def softplus_forward(x: np.ndarray) -> np.ndarray:
    """y = log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), where nothing overflows."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softplus_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = dy / (1 + e^-x) = dy (1 - e^-y)."""
    return dy * -np.expm1(-y)


def exponential_forward(x: np.ndarray) -> np.ndarray:
    """y = e^x."""
    with np.errstate(over="ignore"):
        return np.exp(x)


def exponential_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = dy e^x = dy y."""
    return dy * y


def hard_sigmoid_forward(x: np.ndarray) -> np.ndarray:
    """y = x / 6 + 1/2 between 0 and 1, as Keras 3 has it (Keras 2: x / 5 + 1/2)."""
    return np.clip((x + 3) / 6, 0, 1)


def hard_sigmoid_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx = dy / 6 where 0 < y < 1, else 0."""
    return np.where((y > 0) & (y < 1), dy / 6, 0)


def gelu_forward(x: np.ndarray) -> np.ndarray:
    """y = x P(X < x), X ~ N(0, 1).

    Source: Hendrycks, Gimpel: Gaussian Error Linear Units (2016).
    """
    with np.errstate(invalid="ignore"):  # -inf times 0
        return x * _below(x)


def gelu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx = dy (P(X < x) + x p(x)), p(x) = e^(-x^2 / 2) / sqrt(2 pi)."""
    return dy * (_below(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


def _below(x: np.ndarray) -> np.ndarray:
    """P(X < x) = erfc(-x / sqrt(2)) / 2."""
    return np.vectorize(math.erfc, otypes=[np.float64])(-x / math.sqrt(2)) / 2


def silu_forward(x: np.ndarray) -> np.ndarray:
    """y = x / (1 + e^-x), also called swish.

    Source: Elfwing, Uchibe, Doya: Sigmoid-Weighted Linear Units for Neural Network
    Function Approximation in Reinforcement Learning (2018).
    """
    with np.errstate(invalid="ignore"):  # -inf times 0
        return x * sigmoid_forward(x)


def silu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx = dy s (1 + x (1 - s)), s = sigmoid(x) and 1 - s = sigmoid(-x)."""
    return dy * sigmoid_forward(x) * (1 + x * sigmoid_forward(-x))


def prelu_forward(x: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """y = x where x >= 0, else alpha x; alpha has the shape of a sample, or ones where it is shared.

    Source: He, Zhang, Ren, Sun: Delving Deep into Rectifiers (2015).
    """
    return np.maximum(x, 0) + alpha * np.minimum(x, 0)


def prelu_backward(dy: np.ndarray, x: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dx = dy where x > 0, else alpha dy, also at 0 as in PyTorch; dalpha = sum dy min(x, 0)."""
    dx = dy * (x > 0) + alpha * dy * (x <= 0)
    terms = dy * np.minimum(x, 0)
    shared = tuple(axis + 1 for axis, size in enumerate(alpha.shape) if size == 1)
    return dx, terms.sum(axis=(0, *shared)).reshape(alpha.shape)


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
