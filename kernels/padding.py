"""Zero padding: zeros around an image, channels last. In one dimension the height is 1. B batch.

A line is a row of an image with all its channels: `above` counts lines, `before` the numbers of a line.
"""

from .arrays import flattened, vector
from .instructions import BACKWARD, FORWARD
from .jit import jit
from .operations import dx_rows, dy_rows, operation, x_rows, y_rows


@jit
def zero_padding_forward(y, x, height, line, above, before, padded_height, padded_line):
    """y[B, padded_height padded_line] = x[B, height line], with zeros around it."""
    for i in range(y.shape[0]):
        image = vector(flattened(y), i * y.shape[1], padded_height * padded_line)
        for j in range(image.size):
            image[j] = 0
        for row in range(height):
            to = vector(image, (above + row) * padded_line + before, line)
            part = vector(flattened(x), i * x.shape[1] + row * line, line)
            for j in range(line):
                to[j] = part[j]


@jit
def zero_padding_backward(dx, dy, height, line, above, before, padded_line):
    """dx[B, height line] = dy[B, padded_height padded_line] inside the zeros."""
    for i in range(dx.shape[0]):
        for row in range(height):
            to = vector(flattened(dx), i * dx.shape[1] + row * line, line)
            part = vector(flattened(dy), i * dy.shape[1] + (above + row) * padded_line + before, line)
            for j in range(line):
                to[j] = part[j]


@operation
def zero_padding(task, ins, weights, batch, data, span):
    """The layers ZeroPadding1D and 2D; its integers are those of `zero_padding_forward`, in their order."""
    height, line = batch.tables[ins.table], batch.tables[ins.table + 1]
    above, before = batch.tables[ins.table + 2], batch.tables[ins.table + 3]
    padded_height, padded_line = batch.tables[ins.table + 4], batch.tables[ins.table + 5]
    if task == FORWARD:
        x, y = x_rows(ins, batch, span), y_rows(ins, batch, span)
        zero_padding_forward(y, x, height, line, above, before, padded_height, padded_line)
    elif task == BACKWARD and ins.gradient:
        dx, dy = dx_rows(ins, batch, span), dy_rows(ins, batch, span)
        zero_padding_backward(dx, dy, height, line, above, before, padded_line)
