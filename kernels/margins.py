"""Hinge losses: the sign of an output is the prediction, and it should keep a margin from 0.

Arguments as in `probabilities.py`. Each loss is the mean over a row of a function of one output and its target.
"""

from .arrays import sum_up
from .factories import loss
from .jit import jit


@jit
def hinge(values, dx, y, targets, scale, outputs):
    """loss = mean of max(0, 1 - t y) over a row, a target of 0 is -1; dx = -scale t / C where t y < 1, else 0."""
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


hinge_loss = loss(hinge)
squared_hinge_loss = loss(squared_hinge)
