"""Rescaling: y = scale x + offset, and its gradient. x, y, dx and dy are flat; y may be x and dx may be dy."""

from .jit import jit


@jit
def rescaling_forward(y, x, scale, offset):
    """y = scale x + offset."""
    real = x.dtype.type
    factor, shift = real(scale), real(offset)
    for i in range(x.size):
        y[i] = x[i] * factor + shift


@jit
def rescaling_backward(dx, dy, scale):
    """dx = scale dy."""
    factor = dy.dtype.type(scale)
    for i in range(dy.size):
        dx[i] = dy[i] * factor
