"""Dropout and Gaussian noise. What is dropped or added is a function of (seed, step, sample, unit) and is not stored.

In place: y holds x before and y after. B batch, F features; `first` is the place of row 0 in the batch, so that any
part of a batch can be computed alone.
Srivastava et al. 2014, "Dropout", in its inverted form: scaled while training, the identity otherwise.
"""

import numpy as np

from .jit import jit
from .random import normal, row_key, unit_bits

_UNIT = 2.0**-24  # the step between the 24-bit numbers that are compared with the rate
# The step between the 23-bit numbers in (-1, 1) that become normal ones. With one bit more, half a step below 1 would
# be rounded to 1 in float32, whose normal number is infinite.
_STEP = 2.0**-22


@jit
def dropout(y, rate, seed, step, first, features):
    """y[B, F] = x / (1 - rate) with probability 1 - rate, else 0. Its gradient is the same function of dy."""
    real = y.dtype.type
    zero, factor = real(0), real(1.0 / (1.0 - rate))
    threshold = np.uint32(np.int64(rate / _UNIT))
    for i in range(y.shape[0]):
        key = row_key(seed, step, first + i)
        for j in range(features):
            kept = (unit_bits(key, j) >> np.uint32(8)) >= threshold
            y[i, j] = y[i, j] * factor if kept else zero


@jit
def gaussian_noise(y, stddev, seed, step, first, features):
    """y[B, F] = x + stddev times a standard normal number. Its gradient is dy."""
    real = y.dtype.type
    deviation, step_size, half, one = real(stddev), real(_STEP), real(0.5), real(1)
    for i in range(y.shape[0]):
        key = row_key(seed, step, first + i)
        for j in range(features):
            bits = np.int32(unit_bits(key, j) >> np.uint32(9))
            y[i, j] += deviation * normal((real(bits) + half) * step_size - one)
