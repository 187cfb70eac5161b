"""Zero padding, channels last: x and dx (B, H, W, C), y and dy (B, above + H + below, before + W + behind, C)."""

import numpy as np

Borders = tuple[tuple[int, int], tuple[int, int]]  # (above, below), (before, behind)


def zero_padding_forward(x: np.ndarray, borders: Borders) -> np.ndarray:
    """y = x with zeros around it."""
    return np.pad(x, ((0, 0), *borders, (0, 0)))


def zero_padding_backward(dy: np.ndarray, x: np.ndarray, borders: Borders) -> np.ndarray:
    """dx = dy without what lies on the zeros."""
    (above, _), (before, _) = borders
    return dy[:, above : above + x.shape[1], before : before + x.shape[2]]
