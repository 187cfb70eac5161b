"""Dropout and Gaussian noise. What is dropped or added is a function of (seed, step, sample, unit) and is not stored.

In place: y holds x before and y after. B batch, F features; `first` is the place of row 0 in the batch, so that any
part of a batch can be computed separately.
Srivastava et al. 2014, "Dropout", in its inverted form: scaled while training, the identity otherwise.
"""

import numpy as np

from .arrays import vector
from .instructions import BACKWARD, FORWARD
from .jit import jit
from .operations import dy_rows, operation, y_rows
from .random import normal, row_key, unit_bits
from .vectors import load, multiply, spread, store, where_reached, width

_UNIT = 2.0**-24  # the step between the 24-bit numbers that are compared with the rate
# The step between the 23-bit numbers in (-1, 1) that are mapped to normal ones. With one more bit, the largest would be
# rounded to 1 in float32 and mapped to infinity.
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


@jit
def drop_channels(y, factors, rate, seed, step, first, pixels, channels):
    """y[B, pixels C] = x / (1 - rate) with probability 1 - rate, else 0, the same for all pixels of a channel.

    Its gradient is the same function of dy. `factors` [C] is scratch space.
    """
    real = y.dtype.type
    factor, threshold = real(1.0 / (1.0 - rate)), np.uint32(np.int64(rate / _UNIT))
    dropped, kept = spread(y, real(0)), spread(y, real(1))
    for i in range(y.shape[0]):
        key = row_key(seed, step, first + i)
        for c in range(channels):
            factors[c] = factor if (unit_bits(key, c) >> np.uint32(8)) >= threshold else real(0)
        for c in range(0, channels, width(y)):
            count, at = channels - c, i * y.shape[1] + c
            of_channels = load(factors, c, count)
            for p in range(pixels):
                scaled = multiply(load(y, at + p * channels, count), of_channels)
                store(y, at + p * channels, count, where_reached(of_channels, kept, scaled, dropped))


@operation
def dropout_layer(task, ins, weights, batch, data, span):
    """The layer Dropout."""
    if task == FORWARD:
        dropout(y_rows(ins, batch, span), ins.alpha, ins.seed, span.step + ins.clock, span.start, ins.outputs)
    elif task == BACKWARD:
        dropout(dy_rows(ins, batch, span), ins.alpha, ins.seed, span.step + ins.clock, span.start, ins.outputs)


@operation
def gaussian_noise_layer(task, ins, weights, batch, data, span):
    """The layer GaussianNoise."""
    if task == FORWARD:
        gaussian_noise(y_rows(ins, batch, span), ins.alpha, ins.seed, span.step + ins.clock, span.start, ins.outputs)


@operation
def spatial_dropout(task, ins, weights, batch, data, span):
    """The layers SpatialDropout1D and 2D."""
    factors = vector(batch.scratch[span.thread], ins.scratch, ins.channels)
    pixels = ins.inputs // ins.channels
    if task == FORWARD:
        y = y_rows(ins, batch, span)
        drop_channels(y, factors, ins.alpha, ins.seed, span.step + ins.clock, span.start, pixels, ins.channels)
    elif task == BACKWARD and ins.gradient:
        dy = dy_rows(ins, batch, span)
        drop_channels(dy, factors, ins.alpha, ins.seed, span.step + ins.clock, span.start, pixels, ins.channels)
