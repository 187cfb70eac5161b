"""Dropout and Gaussian noise, in training; in inference both pass x on.

x, y, dy, dx and keep_mask (True where a unit is kept) all have one shape. `keep_mask` and
`noise` give the numbers that the kernels draw.
"""

import numpy as np

from .random import normal, unit_bits


def dropout_forward(x: np.ndarray, keep_mask: np.ndarray, rate: float) -> np.ndarray:
    """y = x / (1 - rate) where kept, else 0; 0 <= rate < 1.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout (2014), with
    the division in training ("inverted dropout"), as Keras does.
    """
    return x * keep_mask / (1 - rate)


def dropout_backward(dy: np.ndarray, keep_mask: np.ndarray, rate: float) -> np.ndarray:
    """dx = dy / (1 - rate) where kept, else 0."""
    return dy * keep_mask / (1 - rate)


def drop_channels(x: np.ndarray, keep_mask: np.ndarray, rate: float) -> np.ndarray:
    """Dropout for whole channels of x (B, ..., C): keep_mask (B, C). Its gradient is the same function of dy.

    Source: Tompson, Goroshin, Jain, LeCun, Bregler: Efficient Object Localization Using
    Convolutional Networks (2015).
    """
    return x * keep_mask.reshape(len(x), *(1,) * (x.ndim - 2), -1) / (1 - rate)


def gaussian_noise_forward(x: np.ndarray, noise: np.ndarray, stddev: float) -> np.ndarray:
    """y = x + stddev noise, noise standard normal of x's shape. The gradient passes unchanged."""
    return x + stddev * noise


def keep_mask(rate: float, seed: int, step: int, first: int, rows: int, features: int) -> np.ndarray:
    """Which units are kept, (rows, features), in the samples from `first` on: where 24 bits reach rate 2^24."""
    bits = unit_bits(seed, step, first + np.arange(rows), np.arange(features)) >> np.uint32(8)
    return bits >= int(rate * 2**24)


def noise(seed: int, step: int, first: int, rows: int, features: int) -> np.ndarray:
    """Standard normal numbers, (rows, features), from 23 random bits each: 2^23 values of u, symmetric in (-1, 1)."""
    bits = unit_bits(seed, step, first + np.arange(rows), np.arange(features)) >> np.uint32(9)
    return normal((2.0 * bits + 1) / 2**23 - 1)
