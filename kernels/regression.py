"""Regression losses. Arguments as in `probabilities.py`.

Each loss is the mean over a row of a function of one output and its target, if it does not say otherwise. The half
squared error and the half Poisson deviance are scikit-learn's (sklearn/neural_network/_base.py, version 1.9).
"""

import math

from .arrays import sum_up
from .elementary import exp, log, log1p_ratio, tanh
from .factories import loss
from .jit import jit

_EPSILON = 1e-7  # keras.config.epsilon()
_LN_2 = math.log(2)


@jit
def mean_squared_error(values, dx, y, targets, scale, outputs):
    """loss = mean of (y - t)^2 over a row; dx = scale 2 (y - t) / C."""
    real = y.dtype.type
    share = real(1) / real(outputs)
    for i in range(scale.size):
        factor = scale[i] * share * real(2)
        for j in range(outputs):
            difference = y[i, j] - targets[i, j]
            dx[i, j] = difference * difference
        values[i] = sum_up(dx[i], outputs) * share
        for j in range(outputs):
            dx[i, j] = (y[i, j] - targets[i, j]) * factor


@jit
def half_mean_squared_error(values, dx, y, targets, scale, outputs):
    """loss = half the mean of (y - t)^2 over a row; dx = scale (y - t) / C."""
    half = y.dtype.type(0.5)
    mean_squared_error(values, dx, y, targets, scale, outputs)
    for i in range(scale.size):
        values[i] *= half
        for j in range(outputs):
            dx[i, j] *= half


@jit
def half_squared_error(values, dx, y, targets, scale, outputs):
    """loss = half the mean of (y - t)^2 over a row; dx = scale (y - t): scikit-learn does not divide it by C."""
    half_mean_squared_error(values, dx, y, targets, scale, outputs)
    for i in range(scale.size):
        for j in range(outputs):
            dx[i, j] = (y[i, j] - targets[i, j]) * scale[i]


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
def half_poisson_deviance(values, dx, y, targets, scale, outputs):
    """loss = sum of t log(t / y) - t + y over a row, 0 log 0 being 0; dx = scale (1 - t / y)."""
    real = y.dtype.type
    zero, one = real(0), real(1)
    for i in range(scale.size):
        for j in range(outputs):
            t = targets[i, j]
            dx[i, j] = (zero if t == zero else t * log(t / y[i, j]) - t) + y[i, j]
        values[i] = sum_up(dx[i], outputs)
        for j in range(outputs):
            t = targets[i, j]
            dx[i, j] = (one if t == zero else one - t / y[i, j]) * scale[i]


@jit
def exponential_half_poisson_deviance(values, dx, y, targets, scale, outputs):
    """loss = sum of t (log t - x) - t + exp(x) over a row, from logits x; y = exp(x); dx = scale (y - t)."""
    zero = y.dtype.type(0)
    for i in range(scale.size):
        for j in range(outputs):
            x, t = y[i, j], targets[i, j]
            y[i, j] = exp(x)
            dx[i, j] = (zero if t == zero else t * (log(t) - x) - t) + y[i, j]
        values[i] = sum_up(dx[i], outputs)
        for j in range(outputs):
            dx[i, j] = (y[i, j] - targets[i, j]) * scale[i]


# ---------------------------------------------------------------------------------------------------------------------
# Operations.


mean_squared_error_loss = loss(mean_squared_error)
half_mean_squared_error_loss = loss(half_mean_squared_error)
half_squared_error_loss = loss(half_squared_error)
mean_absolute_error_loss = loss(mean_absolute_error)
huber_loss = loss(huber, numbers=1)
log_cosh_loss = loss(log_cosh)
poisson_loss = loss(poisson)
half_poisson_deviance_loss = loss(half_poisson_deviance)
exponential_half_poisson_deviance_loss = loss(exponential_half_poisson_deviance)
