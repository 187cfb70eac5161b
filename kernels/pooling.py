"""Pooling: one number for each window, or for the whole image, channel by channel.

Channels last: a sample's image is height times width pixels of C numbers each; in one dimension the height is 1.
B batch. Windows are cut off at the borders: pixels outside do not count.
"""

from typing import NamedTuple

import numpy as np

from .arrays import flattened, numbers_at, vector
from .instructions import BACKWARD, FORWARD
from .jit import jit, jit_apart, jit_inline
from .operations import dx_rows, dy_rows, operation, x_rows, y_rows
from .vectors import add, divide, larger, load, spread, store, where_reached, width


class Windows(NamedTuple):
    """The sizes and places of the windows: an operation's integers."""

    height: int  # of x
    width: int
    rows: int  # of y: windows below each other ...
    columns: int  # ... and side by side
    window_height: int
    window_width: int
    row_step: int
    column_step: int
    above: int  # rows of the first window above x ...
    before: int  # ... and its columns before x


@jit_inline
def inside(number, step, before, window, size):
    """Along one axis, the first pixel of a window that is inside the image, and how many are."""
    start = number * step - before
    first = max(np.int64(0), start)
    return first, min(size, start + window) - first


@jit_inline
def clear(array, at, size):
    """Set `size` numbers from `at` on to 0."""
    part = vector(flattened(array), at, size)
    for i in range(part.size):
        part[i] = 0


# ---------------------------------------------------------------------------------------------------------------------
# The pixels of one window, whose rows are `line` numbers apart: of each a vector of `count` channels, from `at` on.
# These functions are inlined into the loops over all windows, twice: for 2 x 2 pixels, the most common size, LLVM
# unrolls their loops.


@jit_inline
def largest(x, at, line, channels, count, rows, columns):
    """The largest number."""
    best = spread(x, x.dtype.type(-np.inf))
    for r in range(rows):
        for q in range(columns):
            best = larger(load(x, at + r * line + q * channels, count), best)
    return best


@jit_inline
def give_first(dx, rest, best, x, apart, at, line, channels, count, rows, columns):
    """Give `rest` to the first pixel that reaches `best`: stored if windows lie `apart`, added if they overlap."""
    none = spread(dx, dx.dtype.type(0))
    for r in range(rows):
        for q in range(columns):
            p = at + r * line + q * channels
            pixel = load(x, p, count)
            part = where_reached(pixel, best, rest, none)
            store(dx, p, count, part if apart else add(load(dx, p, count), part))
            rest = where_reached(pixel, best, none, rest)


@jit_inline
def total(x, at, line, channels, count, rows, columns):
    """The sum."""
    result = spread(x, x.dtype.type(0))
    for r in range(rows):
        for q in range(columns):
            result = add(result, load(x, at + r * line + q * channels, count))
    return result


@jit_inline
def give_all(dx, share, apart, at, line, channels, count, rows, columns):
    """Give `share` to every pixel: stored if windows lie `apart`, added if they overlap."""
    for r in range(rows):
        for q in range(columns):
            p = at + r * line + q * channels
            store(dx, p, count, share if apart else add(load(dx, p, count), share))


# ---------------------------------------------------------------------------------------------------------------------
# All windows.


@jit_apart
def max_pooling_forward(y, x, w, channels):
    """y[B, rows columns C] = the largest number in each of the windows w of x[B, height width C], or NaN."""
    line = w.width * channels
    for i in range(y.shape[0]):
        for row in range(w.rows):
            top, rows = inside(row, w.row_step, w.above, w.window_height, w.height)
            for c in range(0, channels, width(y)):
                count, to = channels - c, i * y.shape[1] + row * w.columns * channels + c
                for column in range(w.columns):
                    left, columns = inside(column, w.column_step, w.before, w.window_width, w.width)
                    at = i * x.shape[1] + top * line + left * channels + c
                    if rows == 2 and columns == 2:
                        best = largest(x, at, line, channels, count, 2, 2)
                    else:
                        best = largest(x, at, line, channels, count, rows, columns)
                    store(y, to, count, best)
                    to += channels


@jit_apart
def max_pooling_backward(dx, dy, x, y, w, channels):
    """dx[B, height width C] = the sum of dy[B, rows columns C] over the windows w whose (first) largest number is x."""
    line, apart = w.width * channels, w.row_step >= w.window_height and w.column_step >= w.window_width
    for i in range(y.shape[0]):
        ready = np.int64(0)  # rows of dx that have been set to 0: each just before it is needed
        for row in range(w.rows):
            top, rows = inside(row, w.row_step, w.above, w.window_height, w.height)
            clear(dx, i * dx.shape[1] + ready * line, (top + rows - ready) * line)
            ready = top + rows
            for c in range(0, channels, width(y)):
                count, to = channels - c, i * y.shape[1] + row * w.columns * channels + c
                for column in range(w.columns):
                    left, columns = inside(column, w.column_step, w.before, w.window_width, w.width)
                    at = i * x.shape[1] + top * line + left * channels + c
                    rest, best = load(dy, to, count), load(y, to, count)
                    if rows == 2 and columns == 2:
                        give_first(dx, rest, best, x, apart, at, line, channels, count, 2, 2)
                    else:
                        give_first(dx, rest, best, x, apart, at, line, channels, count, rows, columns)
                    to += channels
        clear(dx, i * dx.shape[1] + ready * line, (w.height - ready) * line)


@jit_apart
def average_pooling_forward(y, x, w, channels):
    """y[B, rows columns C] = the mean of each of the windows w of x[B, height width C]."""
    line = w.width * channels
    for i in range(y.shape[0]):
        for row in range(w.rows):
            top, rows = inside(row, w.row_step, w.above, w.window_height, w.height)
            for c in range(0, channels, width(y)):
                count, to = channels - c, i * y.shape[1] + row * w.columns * channels + c
                for column in range(w.columns):
                    left, columns = inside(column, w.column_step, w.before, w.window_width, w.width)
                    at = i * x.shape[1] + top * line + left * channels + c
                    if rows == 2 and columns == 2:
                        result = total(x, at, line, channels, count, 2, 2)
                    else:
                        result = total(x, at, line, channels, count, rows, columns)
                    store(y, to, count, divide(result, spread(y, y.dtype.type(rows * columns))))
                    to += channels


@jit_apart
def average_pooling_backward(dx, dy, w, channels):
    """dx[B, height width C] = the sum of dy[B, rows columns C] / pixels of the window, over the windows w around x."""
    line, apart = w.width * channels, w.row_step >= w.window_height and w.column_step >= w.window_width
    for i in range(dy.shape[0]):
        ready = np.int64(0)
        for row in range(w.rows):
            top, rows = inside(row, w.row_step, w.above, w.window_height, w.height)
            clear(dx, i * dx.shape[1] + ready * line, (top + rows - ready) * line)
            ready = top + rows
            for c in range(0, channels, width(dy)):
                count, to = channels - c, i * dy.shape[1] + row * w.columns * channels + c
                for column in range(w.columns):
                    left, columns = inside(column, w.column_step, w.before, w.window_width, w.width)
                    at = i * dx.shape[1] + top * line + left * channels + c
                    share = divide(load(dy, to, count), spread(dy, dy.dtype.type(rows * columns)))
                    if rows == 2 and columns == 2:
                        give_all(dx, share, apart, at, line, channels, count, 2, 2)
                    else:
                        give_all(dx, share, apart, at, line, channels, count, rows, columns)
                    to += channels
        clear(dx, i * dx.shape[1] + ready * line, (w.height - ready) * line)


# ---------------------------------------------------------------------------------------------------------------------
# The whole image.


@jit
def global_max_forward(y, x, pixels, channels):
    """y[B, C] = the largest number of x[B, pixels C] over the pixels; NaN if one of them is."""
    for i in range(y.shape[0]):
        for c in range(0, channels, width(y)):
            count, at = channels - c, i * x.shape[1] + c
            store(y, i * y.shape[1] + c, count, largest(x, at, 0, channels, count, 1, pixels))


@jit
def global_max_backward(dx, dy, x, y, pixels, channels):
    """dx[B, pixels C] = dy[B, C] shared equally by all pixels that equal the largest, else 0."""
    none, one = spread(dx, dx.dtype.type(0)), spread(dx, dx.dtype.type(1))
    for i in range(dx.shape[0]):
        for c in range(0, channels, width(dx)):
            count, at, to = channels - c, i * dx.shape[1] + c, i * dy.shape[1] + c
            best, sharing = load(y, to, count), none
            for p in range(pixels):
                sharing = add(sharing, where_reached(load(x, at + p * channels, count), best, one, none))
            share = divide(load(dy, to, count), sharing)
            for p in range(pixels):
                pixel = load(x, at + p * channels, count)
                store(dx, at + p * channels, count, where_reached(pixel, best, share, none))


@jit
def global_average_forward(y, x, pixels, channels):
    """y[B, C] = the mean of x[B, pixels C] over the pixels."""
    number = spread(y, y.dtype.type(pixels))
    for i in range(y.shape[0]):
        for c in range(0, channels, width(y)):
            count, at = channels - c, i * x.shape[1] + c
            store(y, i * y.shape[1] + c, count, divide(total(x, at, 0, channels, count, 1, pixels), number))


@jit
def global_average_backward(dx, dy, pixels, channels):
    """dx[B, pixels C] = dy[B, C] / pixels, the same for all pixels."""
    number = spread(dx, dx.dtype.type(pixels))
    for i in range(dx.shape[0]):
        for c in range(0, channels, width(dx)):
            count, at = channels - c, i * dx.shape[1] + c
            share = divide(load(dy, i * dy.shape[1] + c, count), number)
            give_all(dx, share, True, at, 0, channels, count, 1, pixels)


# ---------------------------------------------------------------------------------------------------------------------
# The operations.


@operation
def max_pooling(task, ins, weights, batch, data, span):
    """The layers MaxPooling1D and 2D."""
    w, x, y = numbers_at(Windows, batch.tables, ins.table), x_rows(ins, batch, span), y_rows(ins, batch, span)
    if task == FORWARD:
        max_pooling_forward(y, x, w, ins.channels)
    elif task == BACKWARD and ins.gradient:
        max_pooling_backward(dx_rows(ins, batch, span), dy_rows(ins, batch, span), x, y, w, ins.channels)


@operation
def average_pooling(task, ins, weights, batch, data, span):
    """The layers AveragePooling1D and 2D."""
    w = numbers_at(Windows, batch.tables, ins.table)
    if task == FORWARD:
        average_pooling_forward(y_rows(ins, batch, span), x_rows(ins, batch, span), w, ins.channels)
    elif task == BACKWARD and ins.gradient:
        average_pooling_backward(dx_rows(ins, batch, span), dy_rows(ins, batch, span), w, ins.channels)


@operation
def global_max_pooling(task, ins, weights, batch, data, span):
    """The layers GlobalMaxPooling1D and 2D."""
    pixels, x, y = ins.inputs // ins.channels, x_rows(ins, batch, span), y_rows(ins, batch, span)
    if task == FORWARD:
        global_max_forward(y, x, pixels, ins.channels)
    elif task == BACKWARD and ins.gradient:
        global_max_backward(dx_rows(ins, batch, span), dy_rows(ins, batch, span), x, y, pixels, ins.channels)


@operation
def global_average_pooling(task, ins, weights, batch, data, span):
    """The layers GlobalAveragePooling1D and 2D."""
    pixels = ins.inputs // ins.channels
    if task == FORWARD:
        global_average_forward(y_rows(ins, batch, span), x_rows(ins, batch, span), pixels, ins.channels)
    elif task == BACKWARD and ins.gradient:
        global_average_backward(dx_rows(ins, batch, span), dy_rows(ins, batch, span), pixels, ins.channels)
