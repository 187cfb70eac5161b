"""Dropout and Gaussian noise, in training; in inference both pass x on.

x, y, dy, dx and keep_mask (True where a unit is kept) all have one shape. The random
numbers are the caller's.
"""

import numpy as np


def dropout_forward(x: np.ndarray, keep_mask: np.ndarray, rate: float) -> np.ndarray:
    """y = x / (1 - rate) where kept, else 0; 0 <= rate < 1.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout (2014), with
    the division in training ("inverted dropout"), as Keras does.
    """
    return x * keep_mask / (1 - rate)


def dropout_backward(dy: np.ndarray, keep_mask: np.ndarray, rate: float) -> np.ndarray:
    """dx = dy / (1 - rate) where kept, else 0."""
    return dy * keep_mask / (1 - rate)


def gaussian_noise_forward(x: np.ndarray, noise: np.ndarray, stddev: float) -> np.ndarray:
    """y = x + stddev noise, noise standard normal of x's shape. The gradient passes unchanged."""
    return x + stddev * noise
