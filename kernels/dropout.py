"""Dropout and Gaussian noise. What is dropped or added is a function of (seed, step, sample, unit) and is not stored.

B batch, F features; `first` is the place of row 0 in the batch, so that any part of a batch can be computed alone.
Srivastava et al. 2014, "Dropout", in its inverted form: scaled while training, the identity otherwise.
"""

import numpy as np

from .jit import jit
from .random import normal, row_key, unit_bits

_UNIT = 2.0**-24  # the step between the 24-bit numbers that are compared with the rate


@jit
def dropout(y, x, rate, seed, step, first, features):
    """y[B, F] = x / (1 - rate) with probability 1 - rate, else 0. Its gradient is the same function of dy."""
    real = x.dtype.type
    zero, factor = real(0), real(1.0 / (1.0 - rate))
    threshold = np.uint32(np.int64(rate / _UNIT))
    for i in range(x.shape[0]):
        key = row_key(seed, step, first + i)
        for j in range(features):
            kept = (unit_bits(key, j) >> np.uint32(8)) >= threshold
            y[i, j] = x[i, j] * factor if kept else zero


@jit
def gaussian_noise(y, x, stddev, seed, step, first, features):
    """y[B, F] = x + stddev times a standard normal number. Its gradient is dy."""
    real = x.dtype.type
    deviation, unit, half, one = real(stddev), real(_UNIT), real(0.5), real(1)
    for i in range(x.shape[0]):
        key = row_key(seed, step, first + i)
        for j in range(features):
            bits = np.int32(unit_bits(key, j) >> np.uint32(8))
            uniform = (real(bits) + half) * unit  # strictly between 0 and 1
            y[i, j] = x[i, j] + deviation * normal(uniform + uniform - one)
