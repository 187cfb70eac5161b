"""PReLU: y = x where x >= 0, else alpha x, with slopes alpha that are learned.

B batch. A sample is a row of pixels with `channels` numbers each; a sample with a single axis is one pixel. The
slopes are a matrix alpha[rows, width]: pixel p takes row `row_of[p]`, which has one slope for each channel or, if
`width` is 1, one for all of them. So slopes can be shared along any axes. Rows of alpha are padded like all weights.
"""

from .arrays import flattened, matrix, vector
from .instructions import BACKWARD, FORWARD, GRADIENT
from .jit import jit, jit_inline, jit_part
from .operations import dx_rows, dy_rows, group_rows, operation, x_rows, y_rows
from .weights import dw_matrix, w_matrix


@jit_inline
def _slope(dy, x, slope):
    """dy where x > 0, else slope dy."""
    return dy * slope if x <= 0 else dy


# Separate loops over flat arrays, because only these are vectorised, and only if both branches of a condition are
# values that were loaded before it.


@jit_part
def _forward(y, x, slopes):
    for i in range(y.size):
        v, slope = x[i], slopes[i]
        y[i] = v * slope if v < 0 else v


@jit_part
def _forward_shared(y, x, slope):
    for i in range(y.size):
        v = x[i]
        y[i] = v * slope if v < 0 else v


@jit_part
def _backward(dx, dy, x, slopes):
    for i in range(dx.size):
        dx[i] = _slope(dy[i], x[i], slopes[i])


@jit_part
def _backward_shared(dx, dy, x, slope):
    for i in range(dx.size):
        dx[i] = _slope(dy[i], x[i], slope)


@jit_part
def _add(sums, dy, x):
    zero = sums.dtype.type(0)
    for i in range(sums.size):
        term = dy[i] * x[i]
        sums[i] += term if x[i] < zero else zero


@jit_part
def _added(total, dy, x):
    zero = x.dtype.type(0)
    for i in range(x.size):
        term = dy[i] * x[i]
        total += term if x[i] < zero else zero
    return total


@jit_part
def _part(rows, i, start, size):
    """rows[i, start : start + size]; a slice costs more, to compile and to run."""
    return vector(flattened(rows), i * rows.shape[1] + start, size)


@jit
def prelu_forward(y, x, alpha, row_of, width, channels):
    """y[B, pixels channels] = x where x >= 0, else alpha x."""
    for i in range(y.shape[0]):
        for p in range(row_of.size):
            row, j = row_of[p], p * channels
            y_part, x_part = _part(y, i, j, channels), _part(x, i, j, channels)
            if width == 1:
                _forward_shared(y_part, x_part, alpha[row, 0])
            else:
                _forward(y_part, x_part, _part(alpha, row, 0, width))


@jit
def prelu_backward(dx, dy, x, alpha, row_of, width, channels):
    """dx[B, pixels channels] = dy where x > 0, else alpha dy, also at 0 as in PyTorch and LeakyReLU."""
    for i in range(dx.shape[0]):
        for p in range(row_of.size):
            row, j = row_of[p], p * channels
            dx_part, dy_part, x_part = _part(dx, i, j, channels), _part(dy, i, j, channels), _part(x, i, j, channels)
            if width == 1:
                _backward_shared(dx_part, dy_part, x_part, alpha[row, 0])
            else:
                _backward(dx_part, dy_part, x_part, _part(alpha, row, 0, width))


@jit
def prelu_add_slopes(sums, dy, x, row_of, start, stop, width, channels):
    """sums[rows, width] += the sum of dy x where x < 0, over the rows of x and the pixels [start, stop)."""
    for i in range(dy.shape[0]):
        for p in range(start, stop):
            row, j = row_of[p], p * channels
            dy_part, x_part = _part(dy, i, j, channels), _part(x, i, j, channels)
            if width == 1:
                sums[row, 0] = _added(sums[row, 0], dy_part, x_part)
            else:
                _add(_part(sums, row, 0, width), dy_part, x_part)


# The operation's integers: rows, width and stride of alpha, whether each number of a sample has a slope of its own, and
# then the row of each pixel.
ROWS, WIDTH, STRIDE, OWN, ROW_OF = range(5)


@operation
def prelu(task, ins, weights, batch, data, span):
    """The layer PReLU."""
    rows, width = batch.tables[ins.table + ROWS], batch.tables[ins.table + WIDTH]
    stride, own = batch.tables[ins.table + STRIDE], batch.tables[ins.table + OWN]
    pixels = ins.inputs // ins.channels
    row_of = vector(batch.tables, ins.table + ROW_OF, pixels)
    if task == FORWARD:
        alpha = w_matrix(weights, ins.kernel, 0, rows, stride)
        prelu_forward(y_rows(ins, batch, span), x_rows(ins, batch, span), alpha, row_of, width, ins.channels)
    elif task == BACKWARD:
        x, dy = x_rows(ins, batch, span), dy_rows(ins, batch, span)
        if ins.trainable and not own:
            size, i = group_rows(span.rows), span.start
            while i < span.stop:
                group, end = i // size, min(span.stop, (i // size + 1) * size)
                sums = matrix(batch.partials, ins.partial + group * rows * stride, rows, stride)
                if i == group * size:
                    sums[:] = 0
                first, last = i - span.start, end - span.start
                prelu_add_slopes(sums, dy[first:last], x[first:last], row_of, 0, pixels, width, ins.channels)
                i = end
        if ins.gradient:
            alpha = w_matrix(weights, ins.kernel, 0, rows, stride)
            prelu_backward(dx_rows(ins, batch, span), dy, x, alpha, row_of, width, ins.channels)
    elif task == GRADIENT:
        dalpha = dw_matrix(weights, ins.kernel, 0, rows, stride)
        dalpha[span.start : span.stop] = 0
        if own:
            x = matrix(batch.activations, ins.x, span.rows, ins.x_stride)
            dy = matrix(batch.gradients, ins.y, span.rows, ins.y_stride)
            prelu_add_slopes(dalpha, dy, x, row_of, span.start, span.stop, width, ins.channels)
        else:
            size = group_rows(span.rows)
            for group in range((span.rows + size - 1) // size):
                sums = matrix(batch.partials, ins.partial + group * rows * stride, rows, stride)
                for row in range(span.start, span.stop):
                    for k in range(width):
                        dalpha[row, k] += sums[row, k]
