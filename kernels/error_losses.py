"""Losses of how far an output lies from its target, or on the wrong side of it. Arguments as in `losses.py`.

Each is the mean over a row of something that each output has alone.
"""

import math

from .elementary import exp, log, log1p_ratio, tanh
from .factories import loss
from .jit import jit
from .losses import sum_up

_EPSILON = 1e-7  # keras.config.epsilon()
_LN_2 = math.log(2)


@jit
def mean_absolute_error(values, dx, y, targets, scale, outputs):
    """loss = mean of |y - t| over a row; dx = scale sign(y - t) / C."""
    real = y.dtype.type
    zero, one = real(0), real(1)
    share = one / real(outputs)
    for i in range(scale.size):
        factor = scale[i] * share
        for j in range(outputs):
            dx[i, j] = abs(y[i, j] - targets[i, j])
        values[i] = sum_up(dx[i], outputs) * share
        for j in range(outputs):
            difference = y[i, j] - targets[i, j]
            sign = one if difference > zero else -one if difference < zero else difference  # 0 or NaN
            dx[i, j] = sign * factor


@jit
def huber(values, dx, y, targets, scale, delta, outputs):
    """loss = mean of (y - t)^2 / 2 up to |y - t| = delta and of delta (|y - t| - delta / 2) beyond it, over a row."""
    real = y.dtype.type
    half, limit = real(0.5), real(delta)
    share = real(1) / real(outputs)
    for i in range(scale.size):
        factor = scale[i] * share
        for j in range(outputs):
            difference = y[i, j] - targets[i, j]
            size = abs(difference)
            dx[i, j] = half * difference * difference if size <= limit else limit * (size - half * limit)
        values[i] = sum_up(dx[i], outputs) * share
        for j in range(outputs):
            slope = y[i, j] - targets[i, j]
            slope = -limit if slope < -limit else slope  # comparisons that a NaN passes through
            slope = limit if slope > limit else slope
            dx[i, j] = slope * factor


@jit
def log_cosh(values, dx, y, targets, scale, outputs):
    """loss = mean of log cosh(y - t) = |y - t| + log(1 + exp(-2 |y - t|)) - log 2; dx = scale tanh(y - t) / C."""
    real = y.dtype.type
    two, ln_2 = real(2), real(_LN_2)
    share = real(1) / real(outputs)
    for i in range(scale.size):
        factor = scale[i] * share
        for j in range(outputs):
            size = abs(y[i, j] - targets[i, j])
            dx[i, j] = log1p_ratio(exp(-two * size)) - ln_2 + size
        values[i] = sum_up(dx[i], outputs) * share
        for j in range(outputs):
            dx[i, j] = tanh(y[i, j] - targets[i, j]) * factor


@jit
def poisson(values, dx, y, targets, scale, outputs):
    """loss = mean of y - t log(y + 1e-7) over a row; dx = scale (1 - t / (y + 1e-7)) / C."""
    real = y.dtype.type
    one, epsilon = real(1), real(_EPSILON)
    share = one / real(outputs)
    for i in range(scale.size):
        factor = scale[i] * share
        for j in range(outputs):
            dx[i, j] = y[i, j] - targets[i, j] * log(y[i, j] + epsilon)
        values[i] = sum_up(dx[i], outputs) * share
        for j in range(outputs):
            dx[i, j] = (one - targets[i, j] / (y[i, j] + epsilon)) * factor


@jit
def hinge(values, dx, y, targets, scale, outputs):
    """loss = mean of max(0, 1 - t y) over a row, where a target of 0 counts as -1; dx = -scale t / C, or 0 with it."""
    real = y.dtype.type
    zero, one = real(0), real(1)
    share = one / real(outputs)
    for i in range(scale.size):
        factor = scale[i] * share
        for j in range(outputs):
            side = -one if targets[i, j] == zero else targets[i, j]
            margin = one - side * y[i, j]
            dx[i, j] = zero if margin < zero else margin
        values[i] = sum_up(dx[i], outputs) * share
        for j in range(outputs):
            side = -one if targets[i, j] == zero else targets[i, j]
            slope = zero if one - side * y[i, j] <= zero else -side
            dx[i, j] = slope * factor


@jit
def squared_hinge(values, dx, y, targets, scale, outputs):
    """loss = mean of max(0, 1 - t y)^2 over a row, where a target of 0 counts as -1."""
    real = y.dtype.type
    zero, one, two = real(0), real(1), real(2)
    share = one / real(outputs)
    for i in range(scale.size):
        factor = scale[i] * share
        for j in range(outputs):
            side = -one if targets[i, j] == zero else targets[i, j]
            margin = one - side * y[i, j]
            dx[i, j] = zero if margin < zero else margin * margin
        values[i] = sum_up(dx[i], outputs) * share
        for j in range(outputs):
            side = -one if targets[i, j] == zero else targets[i, j]
            margin = one - side * y[i, j]
            slope = zero if margin < zero else -two * side * margin
            dx[i, j] = slope * factor


# ---------------------------------------------------------------------------------------------------------------------
# Operations.


mean_absolute_error_loss = loss(mean_absolute_error)
huber_loss = loss(huber, numbers=1)
log_cosh_loss = loss(log_cosh)
poisson_loss = loss(poisson)
hinge_loss = loss(hinge)
squared_hinge_loss = loss(squared_hinge)
