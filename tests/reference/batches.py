"""Shuffling samples and gathering them into a batch."""

import numpy as np
from numpy.typing import DTypeLike


def gather(
    x: np.ndarray,
    order: np.ndarray,
    scale: float = 1.0,
    offset: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> np.ndarray:
    """The rows x[order], converted to dtype: y = scale x + offset.

    x (N, ...), order integers (B,), y (B, ...).
    """
    # Indexing with an array makes a copy: x itself is never changed.
    y = x[order].astype(dtype, copy=False)
    y *= scale
    y += offset
    return y


def shuffle(n: int, rng: np.random.Generator) -> np.ndarray:
    """A random permutation of 0 ... n - 1, all equally likely."""
    return rng.permutation(n)
