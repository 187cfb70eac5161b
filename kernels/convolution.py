"""The operation behind the convolution layers."""

import numpy as np

from . import instructions as op
from .arrays import flattened, matrix, vector
from .conv import (
    conv_backward_bias,
    conv_backward_kernel,
    conv_backward_kernel_strips,
    conv_forward,
    conv_forward_strips,
    pad_image,
    turn,
)
from .jit import jit_part
from .operations import group_rows, operation

# ---------------------------------------------------------------------------------------------------------------------
# The operation. Its integers, by their places; tables of offsets follow, `..._AT` is where they begin.

(
    HEIGHT, WIDTH, TAPS, OUTPUT_HEIGHT, OUTPUT_WIDTH, FILTERS, FILTERS_STRIDE, CHANNELS_STRIDE, ROW_STEP, COLUMN_STEP,
    TOP, LEFT, IMAGE_WIDTH, IMAGE_SIZE, RUNS, TERMS, STRIPS, PIXELS_AT, RUNS_AT, STRIPS_AT, OUTS_AT, TAP_STRIPS,
    TAPS_AT, LINES_AT, TAP_STRIPS_AT, TAP_OUTS_AT, BACK_TOP, BACK_LEFT, BACK_WIDTH, BACK_RUNS, BACK_TERMS, BACK_STRIPS,
    BACK_PIXELS_AT, BACK_RUNS_AT, BACK_STRIPS_AT, BACK_OUTS_AT, INTEGERS,
) = range(37)  # fmt: skip
# IMAGE_SIZE is 0 where x needs no border and is read where it is; a number of strips is 0 where pixels or taps are
# taken one by one. BACK_...: of the convolution that gives dx.


@jit_part
def convolution_forward(ins, g, weights, batch, i, image, image_at):
    """y of row i of the batch, from its image."""
    row, pixels = g[FILTERS_STRIDE], g[OUTPUT_HEIGHT] * g[OUTPUT_WIDTH]
    w = matrix(weights.values, ins.kernel, g[TAPS], row)
    b = batch.zeros if ins.bias < 0 else vector(weights.values, ins.bias, row)
    y, y_at, runs_at = batch.activations, ins.y + i * ins.y_stride, ins.table + g[RUNS_AT]
    if g[STRIPS]:
        conv_forward_strips(
            y, y_at, image, image_at, w, b, batch.tables, ins.table + g[STRIPS_AT], ins.table + g[OUTS_AT], g[STRIPS],
            runs_at, g[RUNS], ins.channels, g[FILTERS]
        )  # fmt: skip
    else:
        conv_forward(
            y, y_at, image, image_at, w, b, batch.tables, ins.table + g[PIXELS_AT], pixels, runs_at, g[RUNS], g[TERMS],
            g[FILTERS]
        )  # fmt: skip


@jit_part
def convolution_backward(ins, g, weights, batch, i, image, image_at, partial):
    """Row i's part of the gradients of kernel and bias is added to the partial sums from `partial` on."""
    row, pixels = g[FILTERS_STRIDE], g[OUTPUT_HEIGHT] * g[OUTPUT_WIDTH]
    dy_at = ins.y + i * ins.y_stride
    taps_at, lines_at = ins.table + g[TAPS_AT], ins.table + g[LINES_AT]
    if g[TAP_STRIPS]:
        conv_backward_kernel_strips(
            batch.partials, partial, row, image, image_at, batch.gradients, dy_at, batch.tables,
            ins.table + g[TAP_STRIPS_AT], ins.table + g[TAP_OUTS_AT], g[TAP_STRIPS], taps_at, g[TAPS], lines_at,
            g[OUTPUT_HEIGHT], g[OUTPUT_WIDTH], ins.channels, g[FILTERS]
        )  # fmt: skip
    else:
        conv_backward_kernel(
            batch.partials, partial, row, image, image_at, batch.gradients, dy_at, batch.tables, taps_at, g[TAPS],
            lines_at, g[OUTPUT_HEIGHT], g[OUTPUT_WIDTH], g[COLUMN_STEP] * ins.channels, g[FILTERS]
        )  # fmt: skip
    db = vector(batch.partials, partial + g[TAPS] * row, row)
    conv_backward_bias(db, batch.gradients, dy_at, pixels, g[FILTERS])


@jit_part
def convolution_backward_input(ins, g, weights, batch, i, image, image_at):
    """dx of row i of the batch, in whose image of dy the border is zero."""
    dy_at, taps = ins.y + i * ins.y_stride, g[TAPS] // ins.channels * g[FILTERS]
    pad_image(
        image, image_at, batch.gradients, dy_at, g[OUTPUT_HEIGHT], g[OUTPUT_WIDTH], g[FILTERS], g[BACK_TOP],
        g[BACK_LEFT], g[BACK_WIDTH], g[ROW_STEP], g[COLUMN_STEP]
    )  # fmt: skip
    w_turned = matrix(weights.transposed, ins.transposed, taps, g[CHANNELS_STRIDE])
    dx_at, runs_at = ins.x + i * ins.x_stride, ins.table + g[BACK_RUNS_AT]
    if g[BACK_STRIPS]:
        conv_forward_strips(
            batch.gradients, dx_at, image, image_at, w_turned, batch.zeros, batch.tables,
            ins.table + g[BACK_STRIPS_AT], ins.table + g[BACK_OUTS_AT], g[BACK_STRIPS], runs_at, g[BACK_RUNS],
            g[FILTERS], ins.channels
        )  # fmt: skip
    else:
        conv_forward(
            batch.gradients, dx_at, image, image_at, w_turned, batch.zeros, batch.tables,
            ins.table + g[BACK_PIXELS_AT], g[HEIGHT] * g[WIDTH], runs_at, g[BACK_RUNS], g[BACK_TERMS], ins.channels
        )  # fmt: skip


@operation
def convolution(task, ins, weights, batch, data, span):
    """The layers Conv1D and Conv2D."""
    g = vector(batch.tables, ins.table, np.int64(INTEGERS))
    row = g[FILTERS_STRIDE]
    size, group, one = (g[TAPS] + 1) * row, group_rows(span.rows), np.int64(1)

    if task == op.FORWARD or task == op.BACKWARD:
        scratch = flattened(batch.scratch)
        scratch_at = span.thread * batch.scratch.shape[1] + ins.scratch
        for i in range(span.start, span.stop):
            image, image_at = batch.activations, ins.x + i * ins.x_stride
            if g[IMAGE_SIZE] and (task == op.FORWARD or ins.trainable):
                image, image_at = scratch, scratch_at
                pad_image(
                    image, image_at, batch.activations, ins.x + i * ins.x_stride, g[HEIGHT], g[WIDTH], ins.channels,
                    g[TOP], g[LEFT], g[IMAGE_WIDTH], one, one
                )  # fmt: skip
            if task == op.FORWARD:
                convolution_forward(ins, g, weights, batch, i, image, image_at)
                continue
            if ins.trainable:
                partial = ins.partial + i // group * size
                if i % group == 0:
                    vector(batch.partials, partial, size)[:] = 0
                convolution_backward(ins, g, weights, batch, i, image, image_at, partial)
            if ins.gradient:
                convolution_backward_input(ins, g, weights, batch, i, scratch, scratch_at + g[IMAGE_SIZE])
    elif task == op.GRADIENT:
        first = span.start if span.which == 0 else g[TAPS]
        start = ins.kernel + span.start * row if span.which == 0 else ins.bias
        for j in range(span.stop - span.start):
            dw = vector(weights.gradients, start + j * row, g[FILTERS])
            dw[:] = 0
            for partial in range(0, (span.rows + group - 1) // group):
                sums = vector(batch.partials, ins.partial + partial * size + (first + j) * row, g[FILTERS])
                for f in range(g[FILTERS]):
                    dw[f] += sums[f]
    elif task == op.COPIES:
        taps = g[TAPS] // ins.channels * g[FILTERS]
        w = matrix(weights.values, ins.kernel, g[TAPS], row)
        turned = matrix(weights.transposed, ins.transposed, taps, g[CHANNELS_STRIDE])
        turn(turned, w, span.start, span.stop, ins.channels, g[FILTERS])
