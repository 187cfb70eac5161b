"""Losses of outputs whose sign is the answer, and their gradients.

Arguments and results as in `probabilities.py`. They follow
keras/src/losses/losses.py, version 3.15.1.
"""

import numpy as np

from .regression import mean_over_outputs


def hinge(y: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j max(0, 1 - t y), t = -1 for targets 0; dy = -scale t / O where t y < 1, else 0."""
    t = np.where(targets == 0, -1, targets)
    return mean_over_outputs(np.maximum(0, 1 - t * y), np.where(t * y < 1, -t, 0), scale)


def squared_hinge(y: np.ndarray, targets: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """loss = mean_j max(0, 1 - t y)^2, t = -1 for targets 0; dy = -2 scale t max(0, 1 - t y) / O."""
    t = np.where(targets == 0, -1, targets)
    margins = np.maximum(0, 1 - t * y)
    return mean_over_outputs(margins**2, -2 * t * margins, scale)
