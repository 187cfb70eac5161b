"""What a network makes of each point of a square, as small pictures."""

import functools

import numpy as np

HALF = 1.2  # the pictures show [-1.2, 1.2] in both directions
SURFACE, THUMBNAIL = 50, 20  # pixels along a side
_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


@functools.cache
def grid(side: int) -> np.ndarray:
    """The centres of the pixels, float32 (side * side, 2), row by row from the top left."""
    at = (2 * (np.arange(side) + 0.5) / side - 1) * HALF
    x1, x2 = np.meshgrid(at, -at)
    points = np.stack([x1.ravel(), x2.ravel()], axis=1).astype(np.float32)
    points.flags.writeable = False
    return points


def picture(outputs: np.ndarray, activation: str, side: int) -> np.ndarray:
    """One picture of each unit: uint8 (units, side, side) from its outputs (side * side, units) over a `grid`.

    0 is the lowest output that the activation has, 255 the highest. Where it has no bounds, 128 is the output 0, and
    the largest output of a unit is 255 or 1. What is no finite number is in the middle.
    """
    finite = np.isfinite(outputs.T)
    outputs = np.where(finite, outputs.T, 0)
    if activation in _RANGES:
        low, high = _RANGES[activation]
        scaled = (outputs - low) / (high - low)
    else:
        largest = np.abs(outputs).max(axis=1, keepdims=True)
        scaled = 0.5 + 0.5 * outputs / np.where(largest > 0, largest, 1)
    return np.rint(255 * np.where(finite, scaled, 0.5)).astype(np.uint8).reshape(-1, side, side)
