"""Losses of numbers that are to be hit, and their gradients.

Arguments and results as in `probabilities.py`. But for the squared error, which is the textbook's, they follow
keras/src/losses/losses.py, version 3.15.1.
"""

import numpy as np

from .probabilities import EPSILON


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


def half_squared_error(y: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j (y - t)^2 / 2; dy = scale (y - t), not divided by O, as in scikit-learn's MLPRegressor."""
    dy = y - targets
    return np.square(dy).mean(axis=1) / 2, dy * scale[:, np.newaxis]


def half_poisson_deviance(y: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = sum_j(t log(t / y) - t + y), 0 log 0 = 0; dy = scale (1 - t / y)."""
    elements = np.where(targets == 0, 0, targets * np.log(np.where(targets == 0, 1, targets) / y))
    return (elements - targets + y).sum(axis=1), scale[:, np.newaxis] * (1 - targets / y)


def exponential_half_poisson_deviance(
    x: np.ndarray, targets: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """half_poisson_deviance of y = e^x; dx = scale (y - t)."""
    losses, _ = half_poisson_deviance(np.exp(x), targets, scale)
    return losses, scale[:, np.newaxis] * (np.exp(x) - targets)


def mean_over_outputs(elements: np.ndarray, slopes: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j elements_j and d = scale slopes / O."""
    return elements.mean(axis=1), slopes * (scale[:, np.newaxis] / elements.shape[1])


def mean_absolute_error(y: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j |y - t|; dy = scale sign(y - t) / O."""
    return mean_over_outputs(np.abs(y - targets), np.sign(y - targets), scale)


def huber(y: np.ndarray, targets: np.ndarray, scale: np.ndarray, delta: float) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2, e = y - t.

    Source: Huber: Robust estimation of a location parameter (1964).
    """
    e = y - targets
    elements = np.where(np.abs(e) <= delta, e**2 / 2, delta * np.abs(e) - delta**2 / 2)
    return mean_over_outputs(elements, np.clip(e, -delta, delta), scale)


def log_cosh(y: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j log cosh(y - t) = mean_j log((e^d + e^-d) / 2); dy = scale tanh(y - t) / O."""
    d = y - targets
    return mean_over_outputs(np.logaddexp(d, -d) - np.log(2), np.tanh(d), scale)


def poisson(y: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j(y - t log(y + EPSILON)); dy = scale (1 - t / (y + EPSILON)) / O."""
    return mean_over_outputs(y - targets * np.log(y + EPSILON), 1 - targets / (y + EPSILON), scale)
