"""The convolution of one sample, its gradients, and the copies that they read: y = x * w + b, channels last.

A sample is copied into an image with a border of zeros (`pad_image`), so that every window lies inside it. Then an
output pixel is a row of a matrix product whose terms come in runs: the lines of its window, each contiguous. The input
gradient is the same product with the kernel rotated by 180 degrees (`turn`), over an image of dy; in the kernel's
gradient its taps are the rows and the lines of dy the runs. Tables say where rows and runs begin.

C channels, F filters, P output pixels, K = kernel height x kernel width x C taps. Activations are compact; kernels are
matrices w[K, F] whose rows are padded to whole vectors (`arrays.stride`) with zeros. An argument `<name>_at` says
where in the flat array `name`, or in the table, the part of this sample or layer begins. dy is read in whole vectors:
one more must be readable after it.
Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning" (arxiv.org/abs/1603.07285), has the shapes.
"""

from typing import NamedTuple

import numpy as np

from .arrays import copy_part, flattened, lanes, matrix, numbers_at, vector
from .conv_tile import (
    ROWS_NARROW,
    ROWS_STRIP,
    STRIP,
    STRIP_COLUMNS,
    STRIP_TAPS,
    conv_product,
    half_lanes,
    pixel_strips,
    pixel_strips_half,
    tap_strips,
    tap_strips_half,
    tile_narrow,
)
from .instructions import BACKWARD, COPIES, FORWARD, GRADIENT
from .jit import jit, jit_apart, jit_part
from .operations import group_rows, operation
from .vectors import add, load, spread, store, width
from .weights import dw_vector, w_matrix, w_vector

# Bytes of B that stay in the L1 cache while all rows are computed.
BLOCK_BYTES = 24 * 1024


def in_strips(kernel_width, column_stride, column_dilation, output_width, columns):
    """Whether the `_strips` kernels can compute a convolution with `columns` columns, and do so faster."""
    fits = kernel_width == STRIP_TAPS and output_width >= STRIP
    return fits and column_stride == column_dilation == 1 and columns <= STRIP_COLUMNS


def strips_of(width):
    """The columns where the strips of a line of `width` pixels begin; the last one may overlap the one before."""
    return [*range(0, width - STRIP + 1, STRIP), *([width - STRIP] if width % STRIP else [])]


@jit_part
def lines_in_cache(width, columns, itemsize):
    """Lines of dy[lines, width, columns] that stay in the cache while all taps are computed."""
    return max(1, BLOCK_BYTES // (width * columns * itemsize))


@jit
def pad_image(
    image, image_at, x, x_at, height, width, channels, top, left, padded_width, row_step, column_step
):  # fmt: skip
    """Copy x[height, width, C] into an image whose lines have `padded_width` pixels.

    Pixel (r, c) of x becomes pixel (top + r row_step, left + c column_step) of the image, and no other is written. For
    the image of dy the steps are the strides of the convolution.
    """
    line = width * channels
    pieces, count, step = (1, line, 0) if column_step == 1 else (width, channels, column_step * channels)
    for r in range(height):
        to, at = image_at + ((top + r * row_step) * padded_width + left) * channels, x_at + r * line
        for piece in range(pieces):
            copy_part(image, to + piece * step, x, at + piece * count, count)


@jit_part
def conv_forward(y, y_at, image, image_at, w, b, tables, pixels_at, pixels, runs_at, runs, terms, columns):
    """y[P, F] = b[F] + the sums over the taps: windows of the image times w[K, F].

    The tables say where in the image each pixel's window begins, from `pixels_at` on, and where in a window each of its
    `runs` begins, from `runs_at` on: `terms` contiguous numbers, which meet the rows of w in order. K = runs x terms.
    """
    row = w.shape[1]
    conv_product(
        y, y_at, columns, image, image_at, 1, flattened(w), 0, terms * row, row, tables, pixels_at, pixels, runs_at,
        runs, terms, b, 0, 0, columns, runs
    )  # fmt: skip


@jit_apart
def conv_forward_strips(
    y, y_at, image, image_at, w, b, tables, strips_at, outs_at, strips, runs_at, runs, channels, columns
):  # fmt: skip
    """`conv_forward` for what `in_strips` allows, with the sums in another order: lines, channels, columns of a window.

    The tables say where in the image the window of each strip's first pixel begins, from `strips_at` on, and where in
    this sample's y that pixel lies, from `outs_at` on; the runs are the lines of a window.
    """
    row, flat_w = w.shape[1], flattened(w)
    tap = channels * row
    for j in range(0, columns, lanes(y)):
        left = columns - j
        if left > half_lanes(y):
            for i in range(0, strips, ROWS_STRIP):
                pixel_strips(
                    y, y_at + j, columns, image, image_at, 1, flat_w, j, STRIP_TAPS * tap, row, tables, strips_at + i,
                    runs_at, runs, channels, b, j, 0, strips - i, left, channels, tap, outs_at + i
                )  # fmt: skip
        else:
            for i in range(0, strips, ROWS_STRIP):
                pixel_strips_half(
                    y, y_at + j, columns, image, image_at, 1, flat_w, j, STRIP_TAPS * tap, row, tables, strips_at + i,
                    runs_at, runs, channels, b, j, 0, strips - i, left, channels, tap, outs_at + i
                )  # fmt: skip


@jit_part
def conv_backward_kernel(
    dw, dw_at, dw_row, image, image_at, dy, dy_at, tables, taps_at, taps, lines_at, lines, width, step, columns
):  # fmt: skip
    """dw[K, F] += the gradient from one sample: windows of the image transposed times dy[lines, width, F].

    The tables say where in a window each of the `taps` = K lies, from `taps_at` on, and where in the image the first
    window of each line of dy begins, from `lines_at` on; the next window begins `step` numbers later. The rows of dw
    are `dw_row` apart.
    """
    block = lines_in_cache(width, columns, dy.itemsize)
    conv_product(
        dw, dw_at, dw_row, image, image_at, step, dy, dy_at, width * columns, columns, tables, taps_at, taps, lines_at,
        lines, width, dw, dw_at, dw_row, columns, block
    )  # fmt: skip


@jit_apart
def conv_backward_kernel_strips(
    dw, dw_at, dw_row, image, image_at, dy, dy_at, tables, strips_at, outs_at, strips, taps_at, taps, lines_at, lines,
    width, channels, columns
):  # fmt: skip
    """`conv_backward_kernel` for what `in_strips` allows, with the columns left over by the strips added last.

    A strip is the taps of one line of the kernel and one channel: the tables say where in a window its first tap lies,
    from `strips_at` on, and where in dw its row begins, from `outs_at` on.
    """
    line, whole = width * columns, width // STRIP
    block = lines_in_cache(width, columns, dy.itemsize)
    a_step, b_row, c_row = STRIP * channels, STRIP * columns, channels * dw_row
    for r in range(0, lines, block):
        count = min(block, lines - r)
        for j in range(0, columns, lanes(dw)):
            at, left = dy_at + r * line + j, columns - j
            if left > half_lanes(dw):
                for i in range(0, strips, ROWS_STRIP):
                    tap_strips(
                        dw, dw_at + j, c_row, image, image_at, a_step, dy, at, line, b_row, tables, strips_at + i,
                        lines_at + r, count, whole, dw, dw_at + j, c_row, strips - i, left, channels, columns,
                        outs_at + i
                    )  # fmt: skip
            else:
                for i in range(0, strips, ROWS_STRIP):
                    tap_strips_half(
                        dw, dw_at + j, c_row, image, image_at, a_step, dy, at, line, b_row, tables, strips_at + i,
                        lines_at + r, count, whole, dw, dw_at + j, c_row, strips - i, left, channels, columns,
                        outs_at + i
                    )  # fmt: skip
    done = whole * STRIP
    if done < width:
        image_at, dy_at = image_at + done * channels, dy_at + done * columns
        for j in range(0, columns, lanes(dw)):
            for i in range(0, taps, ROWS_NARROW):
                at = dw_at + i * dw_row + j
                tile_narrow(
                    dw, at, dw_row, image, image_at, channels, dy, dy_at + j, line, columns, tables, taps_at + i,
                    lines_at, lines, width - done, dw, at, dw_row, taps - i, columns - j, 0, 0, 0
                )  # fmt: skip


@jit_part
def conv_backward_bias(db, dy, dy_at, pixels, columns):
    """db[F] += the sums over the pixels of dy[P, F].

    Four sums, each of every fourth pixel, hide the latency of the additions.
    """
    whole = pixels // 4 * 4
    for j in range(0, columns, width(db)):
        count, at = columns - j, dy_at + j
        none = spread(db, db.dtype.type(0))
        first, second, third, fourth = load(db, j, count), none, none, none
        for p in range(0, whole, 4):
            first = add(first, load(dy, at + p * columns, count))
            second = add(second, load(dy, at + (p + 1) * columns, count))
            third = add(third, load(dy, at + (p + 2) * columns, count))
            fourth = add(fourth, load(dy, at + (p + 3) * columns, count))
        for p in range(whole, pixels):
            first = add(first, load(dy, at + p * columns, count))
        store(db, j, count, add(add(add(first, second), third), fourth))


@jit_part
def turn(turned, w, first, last, channels, filters):
    """turned[(KH - 1 - i, KW - 1 - j, f), c] = w[(i, j, c), f] for rows [first, last) of w."""
    taps = turned.shape[0] // filters
    for row in range(first, last):
        tap, c = row // channels, row % channels
        for f in range(filters):
            turned[(taps - 1 - tap) * filters + f, c] = w[row, f]


# ---------------------------------------------------------------------------------------------------------------------
# The operation.


class Convolution(NamedTuple):
    """The integers of the operation. Tables of offsets follow them; a field `..._at` says where one begins.

    The number of strips is 0 if pixels or taps are taken one by one. `back_...`: of the convolution that computes dx.
    """

    height: int  # of x
    width: int
    output_height: int  # of y
    output_width: int
    row_step: int  # from window to window
    column_step: int
    taps: int  # rows of the kernel
    filters: int
    filters_stride: int  # from row to row of the kernel
    channels_stride: int  # the same for its rotated copy
    top: int  # zeros above the image's first pixel ...
    left: int  # ... and before it
    image_width: int  # pixels of a line, with its zeros
    image_size: int  # numbers of an image; 0: x needs no zeros around it and is read in place
    runs: int
    terms: int
    strips: int
    tap_strips: int
    back_top: int
    back_left: int
    back_width: int
    back_runs: int
    back_terms: int
    back_strips: int
    pixels_at: int
    runs_at: int
    taps_at: int
    lines_at: int
    strips_at: int
    outs_at: int
    tap_strips_at: int
    tap_outs_at: int
    back_pixels_at: int
    back_runs_at: int
    back_strips_at: int
    back_outs_at: int


@jit_part
def convolution_forward(ins, g, weights, batch, i, image, image_at):
    """y of row i of the batch, from its image."""
    row, pixels = g.filters_stride, g.output_height * g.output_width
    w = w_matrix(weights, ins.kernel, 0, g.taps, row)
    b = batch.zeros if ins.bias < 0 else w_vector(weights, ins.bias, 0, row)
    y, y_at, runs_at = batch.activations, ins.y + i * ins.y_stride, ins.table + g.runs_at
    if g.strips:
        conv_forward_strips(
            y, y_at, image, image_at, w, b, batch.tables, ins.table + g.strips_at, ins.table + g.outs_at, g.strips,
            runs_at, g.runs, ins.channels, g.filters
        )  # fmt: skip
    else:
        conv_forward(
            y, y_at, image, image_at, w, b, batch.tables, ins.table + g.pixels_at, pixels, runs_at, g.runs, g.terms,
            g.filters
        )  # fmt: skip


@jit_part
def convolution_backward(ins, g, weights, batch, i, image, image_at, partial):
    """Add row i's part of the gradients of kernel and bias to the partial sums from `partial` on."""
    row, pixels = g.filters_stride, g.output_height * g.output_width
    dy_at = ins.y + i * ins.y_stride
    taps_at, lines_at = ins.table + g.taps_at, ins.table + g.lines_at
    if g.tap_strips:
        conv_backward_kernel_strips(
            batch.partials, partial, row, image, image_at, batch.gradients, dy_at, batch.tables,
            ins.table + g.tap_strips_at, ins.table + g.tap_outs_at, g.tap_strips, taps_at, g.taps, lines_at,
            g.output_height, g.output_width, ins.channels, g.filters
        )  # fmt: skip
    else:
        conv_backward_kernel(
            batch.partials, partial, row, image, image_at, batch.gradients, dy_at, batch.tables, taps_at, g.taps,
            lines_at, g.output_height, g.output_width, g.column_step * ins.channels, g.filters
        )  # fmt: skip
    db = vector(batch.partials, partial + g.taps * row, row)
    conv_backward_bias(db, batch.gradients, dy_at, pixels, g.filters)


@jit_part
def convolution_backward_input(ins, g, weights, batch, i, image, image_at):
    """dx of row i of the batch; the border of its image of dy is zero already."""
    dy_at, taps = ins.y + i * ins.y_stride, g.taps // ins.channels * g.filters
    pad_image(
        image, image_at, batch.gradients, dy_at, g.output_height, g.output_width, g.filters, g.back_top,
        g.back_left, g.back_width, g.row_step, g.column_step
    )  # fmt: skip
    w_turned = matrix(weights.transposed, ins.transposed, taps, g.channels_stride)
    dx_at, runs_at = ins.x + i * ins.x_stride, ins.table + g.back_runs_at
    if g.back_strips:
        conv_forward_strips(
            batch.gradients, dx_at, image, image_at, w_turned, batch.zeros, batch.tables,
            ins.table + g.back_strips_at, ins.table + g.back_outs_at, g.back_strips, runs_at, g.back_runs,
            g.filters, ins.channels
        )  # fmt: skip
    else:
        conv_forward(
            batch.gradients, dx_at, image, image_at, w_turned, batch.zeros, batch.tables,
            ins.table + g.back_pixels_at, g.height * g.width, runs_at, g.back_runs, g.back_terms, ins.channels
        )  # fmt: skip


@operation
def convolution(task, ins, weights, batch, data, span):
    """The layers Conv1D and Conv2D."""
    g = numbers_at(Convolution, batch.tables, ins.table)
    row = g.filters_stride
    size, group, one = (g.taps + 1) * row, group_rows(span.rows), np.int64(1)

    if task == FORWARD or task == BACKWARD:
        scratch = flattened(batch.scratch)
        scratch_at = span.thread * batch.scratch.shape[1] + ins.scratch
        for i in range(span.start, span.stop):
            image, image_at = batch.activations, ins.x + i * ins.x_stride
            if g.image_size and (task == FORWARD or ins.trainable):
                image, image_at = scratch, scratch_at
                pad_image(
                    image, image_at, batch.activations, ins.x + i * ins.x_stride, g.height, g.width, ins.channels,
                    g.top, g.left, g.image_width, one, one
                )  # fmt: skip
            if task == FORWARD:
                convolution_forward(ins, g, weights, batch, i, image, image_at)
                continue
            if ins.trainable:
                partial = ins.partial + i // group * size
                if i % group == 0:
                    vector(batch.partials, partial, size)[:] = 0
                convolution_backward(ins, g, weights, batch, i, image, image_at, partial)
            if ins.gradient:
                convolution_backward_input(ins, g, weights, batch, i, scratch, scratch_at + g.image_size)
    elif task == GRADIENT:
        first = span.start if span.which == 0 else g.taps
        number = ins.kernel if span.which == 0 else ins.bias
        for j in range(span.stop - span.start):
            dw = dw_vector(weights, number, (span.start + j) * row, g.filters)
            dw[:] = 0
            for partial in range(0, (span.rows + group - 1) // group):
                sums = vector(batch.partials, ins.partial + partial * size + (first + j) * row, g.filters)
                for f in range(g.filters):
                    dw[f] += sums[f]
    elif task == COPIES:
        taps = g.taps // ins.channels * g.filters
        w = w_matrix(weights, ins.kernel, 0, g.taps, row)
        turned = matrix(weights.transposed, ins.transposed, taps, g.channels_stride)
        turn(turned, w, span.start, span.stop, ins.channels, g.filters)
