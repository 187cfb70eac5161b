"""Rescaling and its gradient, in place: y holds x before and y after, dx dy before and dx after; both are flat."""

from .instructions import BACKWARD, FORWARD
from .jit import jit
from .operations import dy_flat, operation, y_flat


@jit
def rescaling_forward(y, scale, offset):
    """y = scale x + offset."""
    real = y.dtype.type
    factor, shift = real(scale), real(offset)
    for i in range(y.size):
        y[i] = y[i] * factor + shift


@jit
def rescaling_backward(dx, scale):
    """dx = scale dy."""
    factor = dx.dtype.type(scale)
    for i in range(dx.size):
        dx[i] = dx[i] * factor


@operation
def rescaling(task, ins, weights, batch, data, span):
    """The layer Rescaling."""
    if task == FORWARD:
        rescaling_forward(y_flat(ins, batch, span), ins.alpha, ins.beta)
    elif task == BACKWARD:
        rescaling_backward(dy_flat(ins, batch, span), ins.alpha)
