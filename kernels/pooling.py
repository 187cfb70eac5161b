"""Pooling: an image's numbers, or those of a window, become one, channel by channel.

Channels last: a sample's image is height times width pixels of C numbers each.
"""

from . import instructions as op
from .jit import jit
from .operations import dx_rows, dy_rows, operation, x_rows, y_rows


@jit
def global_average_forward(y, x, pixels, channels):
    """y[B, C] = the mean of x[B, pixels C] over the pixels."""
    share = y.dtype.type(1.0 / pixels)
    for i in range(y.shape[0]):
        for c in range(channels):
            y[i, c] = 0
        for p in range(pixels):
            for c in range(channels):
                y[i, c] += x[i, p * channels + c]
        for c in range(channels):
            y[i, c] *= share


@jit
def global_average_backward(dx, dy, pixels, channels):
    """dx[B, pixels C] = dy[B, C] / pixels, the same for all pixels."""
    share = dx.dtype.type(1.0 / pixels)
    for i in range(dx.shape[0]):
        for p in range(pixels):
            for c in range(channels):
                dx[i, p * channels + c] = dy[i, c] * share


@operation
def global_average_pooling(task, ins, weights, batch, data, order, span):
    """The layers GlobalAveragePooling1D and 2D."""
    pixels = ins.inputs // ins.channels
    if task == op.FORWARD:
        global_average_forward(y_rows(ins, batch, span), x_rows(ins, batch, span), pixels, ins.channels)
    elif task == op.BACKWARD and ins.gradient:
        global_average_backward(dx_rows(ins, batch, span), dy_rows(ins, batch, span), pixels, ins.channels)
