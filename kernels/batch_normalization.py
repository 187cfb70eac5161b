"""Batch normalization: each channel is shifted and scaled to mean 0 and variance 1 over the batch.

Channels last: a row of x[B, columns] is a sample, columns / C pixels of C channels each (one pixel after a dense
layer). A batch's statistics are computed and used for `lanes` columns at once, those of several adjacent pixels
(`lanes_of`): loops over few channels would be too short for vectors. Lane j belongs to channel j % C.

Every group of rows has sums of its own (`operations.group_rows`), which one thread merges in order.
"""

import numpy as np

from .arrays import copy, matrix, vector
from .instructions import BACKWARD, FORWARD, GRADIENT, TOTAL_BACKWARD, TOTAL_FORWARD
from .jit import fma, jit, jit_part
from .operations import GROUPS, dx_rows, dy_rows, group_rows, operation, x_rows, y_rows
from .weights import dw_vector, w_or_none

# The most lanes, unless there are more channels. More than about 64 are hardly faster, but the higher the limit, the
# more often some number of pixels within it divides all pixels.
MOST_LANES = 512

# The rows of a layer's partial sums, `lanes` numbers each: SUM + g is group g's sum. The same rows of all groups
# lie together, because LLVM checks only once, before the loop over the groups, whether what is written there overlaps
# what is read.
SHIFT, SUM, SQUARES, SUM_DY, SUM_DY_X = range(0, 5 * GROUPS, GROUPS)
PARTS = 5
# After merging, group 0's rows hold what the next stage needs of the whole batch, lane by lane,
MEAN, SCALE, OFFSET, SHARE_DY, SHARE_DY_X = SHIFT, SUM, SQUARES, SUM_DY, SUM_DY_X
# and group 1's rows one number for each channel.
INVERSE, BATCH_MEAN, BATCH_VARIANCE, DBETA, DGAMMA = SHIFT + 1, SUM + 1, SQUARES + 1, SUM_DY + 1, SUM_DY_X + 1


def lanes_of(columns, channels):
    """How many of a row's columns are taken at once: whole pixels, as many times as they fit into the row."""
    pixels = columns // channels
    together = [n for n in range(1, pixels + 1) if pixels % n == 0 and n * channels <= MOST_LANES]
    return channels * max(together, default=1)


@jit
def tile_channels(lanes, channels):
    """lanes[j] = lanes[j % C]: repeat the first pixel's numbers for the other pixels."""
    for j in range(channels, lanes.size):
        lanes[j] = lanes[j - channels]


@jit
def add_up(parts, which, groups, channels):
    """Add up rows which + g over all groups g, and all lanes of a channel, into the first C numbers of group 0's."""
    total = parts[which]
    for g in range(1, groups):
        other = parts[which + g]
        for j in range(total.size):
            total[j] += other[j]
    for first in range(channels, total.size, channels):
        other = vector(total, first, channels)
        for c in range(channels):
            total[c] += other[c]


# ---------------------------------------------------------------------------------------------------------------------
# Statistics of a batch.


@jit
def group_statistics(parts, x, start, group, columns):
    """Each group's sums of x - shift and of its square, lane by lane, for rows [start, start + B) of the batch.

    The shift is the group's first number in that lane: it is only a few standard deviations from the mean, so that
    subtracting the squares afterwards loses no more digits than adding them up. (Chan, Golub & LeVeque 1983,
    "Algorithms for computing the sample variance", section 3)
    """
    for i in range(x.shape[0]):
        g = (start + i) // group
        shift, total, squares = parts[SHIFT + g], parts[SUM + g], parts[SQUARES + g]
        if (start + i) % group == 0:
            for j in range(shift.size):
                shift[j] = x[i, j]
                total[j] = 0
                squares[j] = 0
        for first in range(0, columns, shift.size):
            row = vector(x[i], first, shift.size)
            for j in range(shift.size):
                d = row[j] - shift[j]
                total[j] += d
                squares[j] = fma(d, d, squares[j])


@jit
def merge(mean, squares, other_mean, other_squares, count, others):
    """Merge mean and squared differences of `others` other numbers into those of `count` numbers.

    Chan, Golub & LeVeque 1983, formula 2.1.
    """
    real = mean.dtype.type
    share, weight = real(others / (count + others)), real(count * (others / (count + others)))
    for j in range(mean.size):
        d = other_mean[j] - mean[j]
        mean[j] += d * share
        squares[j] += other_squares[j] + d * d * weight


@jit
def merge_statistics(mean, variance, parts, rows, group, columns):
    """mean[C] and variance[C] of a whole batch of `rows` rows, from its groups' sums."""
    channels, lanes = mean.size, parts.shape[1]
    steps = columns // lanes  # numbers of a row in one lane
    # Means relative to one number: otherwise a large mean would lose digits with each group.
    base = parts[SUM_DY]  # not in use before backward
    for c in range(channels):
        base[c] = parts[SHIFT, c]
    tile_channels(base, channels)
    first_mean, first_squares = parts[SHIFT], parts[SQUARES]
    for g in range((rows + group - 1) // group):
        own, total, squares = parts[SHIFT + g], parts[SUM + g], parts[SQUARES + g]
        numbers = min(group, rows - g * group) * steps
        share, zero = mean.dtype.type(1.0 / numbers), mean.dtype.type(0)
        for j in range(lanes):
            average = total[j] * share
            rest = squares[j] - total[j] * average
            squares[j] = zero if rest < zero else rest  # a NaN stays one
            own[j] = own[j] - base[j] + average
        if g > 0:
            merge(first_mean, first_squares, own, squares, g * group * steps, numbers)
    numbers = rows * steps
    for at in range(channels, lanes, channels):
        merge(
            vector(first_mean, 0, channels), vector(first_squares, 0, channels), vector(first_mean, at, channels),
            vector(first_squares, at, channels), at // channels * numbers, numbers,
        )  # fmt: skip
    share = mean.dtype.type(1.0 / (rows * (columns // channels)))
    for c in range(channels):
        m, v = base[c] + first_mean[c], first_squares[c] * share
        mean[c], variance[c] = m, v


@jit
def update_moving(moving, value, momentum):
    """moving[C] = momentum moving + (1 - momentum) value."""
    keep, take = moving.dtype.type(momentum), moving.dtype.type(1.0 - momentum)
    for c in range(moving.size):
        moving[c] = moving[c] * keep + value[c] * take


# ---------------------------------------------------------------------------------------------------------------------
# Normalizing with given statistics, and its gradients.


@jit
def inverse_deviation(inverse, variance, epsilon):
    """inverse[C] = 1 / sqrt(variance + epsilon)."""
    real = inverse.dtype.type
    one, least = real(1), real(epsilon)
    for c in range(inverse.size):
        inverse[c] = one / np.sqrt(variance[c] + least)


@jit
def set_coefficients(mean, scale, offset, average, inverse, gamma, beta):
    """Each lane's mean, scale = gamma inverse and offset = beta from its channel's; no gamma is 1, no beta is 0."""
    for c in range(average.size):
        mean[c] = average[c]
        scale[c] = inverse[c] * gamma[c] if gamma.size else inverse[c]
        offset[c] = beta[c] if beta.size else beta.dtype.type(0)
    for lanes in (mean, scale, offset):
        tile_channels(lanes, average.size)


@jit
def batch_normalization_forward(y, x, mean, scale, offset, columns):
    """y[B, columns] = (x - mean) scale + offset, these three lane by lane."""
    for i in range(x.shape[0]):
        for first in range(0, columns, mean.size):
            result, row = vector(y[i], first, mean.size), vector(x[i], first, mean.size)
            for j in range(mean.size):
                result[j] = fma(row[j] - mean[j], scale[j], offset[j])


@jit
def batch_normalization_backward(parts, dy, x, mean, start, group, columns):
    """Each group's sums of dy and of dy (x - mean), lane by lane."""
    for i in range(x.shape[0]):
        g = (start + i) // group
        total, with_x = parts[SUM_DY + g], parts[SUM_DY_X + g]
        if (start + i) % group == 0:
            for j in range(mean.size):
                total[j] = 0
                with_x[j] = 0
        for first in range(0, columns, mean.size):
            slope, row = vector(dy[i], first, mean.size), vector(x[i], first, mean.size)
            for j in range(mean.size):
                total[j] += slope[j]
                with_x[j] = fma(slope[j], row[j] - mean[j], with_x[j])


@jit
def share_gradients(parts, inverse, groups, numbers):
    """Merge the groups' sums of dy and dy (x - mean): the gradients of beta and gamma, and what dx needs of them."""
    channels = inverse.size
    share, share_x = parts[SHARE_DY], parts[SHARE_DY_X]
    for part in (SUM_DY, SUM_DY_X):
        add_up(parts, part, groups, channels)
    each = inverse.dtype.type(1.0 / numbers)
    for c in range(channels):
        dbeta, dgamma = share[c], share_x[c] * inverse[c]
        parts[DBETA, c] = dbeta
        parts[DGAMMA, c] = dgamma
        share[c] = dbeta * each
        share_x[c] = dgamma * each * inverse[c]
    tile_channels(share, channels)
    tile_channels(share_x, channels)


@jit
def batch_statistics_backward(dx, dy, x, mean, scale, share_dy, share_dy_x, columns):
    """dx[B, columns] = scale (dy - share_dy - (x - mean) share_dy_x).

    That is gamma / sqrt(variance + epsilon) (dy - mean of dy - x' mean of dy x'), x' the normalized x: mean and
    variance depend on every x. (Ioffe & Szegedy 2015, arxiv.org/abs/1502.03167, section 3)
    """
    for i in range(x.shape[0]):
        for first in range(0, columns, mean.size):
            result, slope = vector(dx[i], first, mean.size), vector(dy[i], first, mean.size)
            row = vector(x[i], first, mean.size)
            for j in range(mean.size):
                result[j] = scale[j] * (slope[j] - share_dy[j] - (row[j] - mean[j]) * share_dy_x[j])


@jit
def multiply(y, x, factor):
    """y = x factor, flat."""
    for c in range(y.size):
        y[c] = x[c] * factor[c]


@jit
def moving_normalization_backward(dx, dy, scale, columns):
    """dx[B, columns] = scale dy: fixed statistics do not depend on x."""
    for i in range(dx.shape[0]):
        for first in range(0, columns, scale.size):
            result, slope = vector(dx[i], first, scale.size), vector(dy[i], first, scale.size)
            for j in range(scale.size):
                result[j] = scale[j] * slope[j]


# ---------------------------------------------------------------------------------------------------------------------
# The layer: two instructions while training, the second after the first is done for the whole batch; otherwise one.


@jit_part
def own_space(ins, batch, span, which, size):
    """The thread's `which`-th scratch vector of `size` elements."""
    return vector(batch.scratch[span.thread], ins.scratch + which * size, size)


@operation
def batch_statistics(task, ins, weights, batch, data, span):
    """BatchNormalization while training, its first instruction: x's statistics forward, dx backward."""
    lanes, group = batch.tables[ins.table], group_rows(span.rows)
    parts = matrix(batch.partials, ins.partial, PARTS * GROUPS, lanes)
    if task == FORWARD:
        group_statistics(parts, x_rows(ins, batch, span), span.start, group, ins.inputs)
    elif task == TOTAL_FORWARD:
        mean, variance = vector(parts[BATCH_MEAN], 0, ins.channels), vector(parts[BATCH_VARIANCE], 0, ins.channels)
        merge_statistics(mean, variance, parts, span.rows, group, ins.inputs)
        update_moving(w_or_none(weights, batch.tables[ins.table + 1], ins.channels), mean, ins.beta)
        update_moving(w_or_none(weights, batch.tables[ins.table + 2], ins.channels), variance, ins.beta)
        inverse = vector(parts[INVERSE], 0, ins.channels)
        inverse_deviation(inverse, variance, ins.alpha)
        set_coefficients(
            parts[MEAN], parts[SCALE], parts[OFFSET], mean, inverse,
            w_or_none(weights, ins.kernel, ins.channels), w_or_none(weights, ins.bias, ins.channels),
        )  # fmt: skip
    elif task == BACKWARD and ins.gradient:
        batch_statistics_backward(
            dx_rows(ins, batch, span), dy_rows(ins, batch, span), x_rows(ins, batch, span), parts[MEAN], parts[SCALE],
            parts[SHARE_DY], parts[SHARE_DY_X], ins.inputs,
        )  # fmt: skip
    elif task == GRADIENT:
        number, part = (ins.kernel, DGAMMA) if span.which == 0 else (ins.bias, DBETA)
        copy(dw_vector(weights, number, 0, ins.channels), vector(parts[part], 0, ins.channels))


@operation
def batch_normalization(task, ins, weights, batch, data, span):
    """BatchNormalization while training, its second instruction: y forward, backward the sums that dx needs."""
    lanes, group = batch.tables[ins.table], group_rows(span.rows)
    parts = matrix(batch.partials, ins.partial, PARTS * GROUPS, lanes)
    if task == FORWARD:
        batch_normalization_forward(
            y_rows(ins, batch, span), x_rows(ins, batch, span), parts[MEAN], parts[SCALE], parts[OFFSET], ins.inputs
        )
    elif task == BACKWARD:
        batch_normalization_backward(
            parts, dy_rows(ins, batch, span), x_rows(ins, batch, span), parts[MEAN], span.start, group, ins.inputs
        )
    elif task == TOTAL_BACKWARD:
        numbers = span.rows * (ins.inputs // ins.channels)
        inverse = vector(parts[INVERSE], 0, ins.channels)
        share_gradients(parts, inverse, (span.rows + group - 1) // group, numbers)


@operation
def moving_normalization(task, ins, weights, batch, data, span):
    """BatchNormalization with the moving statistics: at inference, and if the layer is not trained."""
    lanes, group = batch.tables[ins.table], group_rows(span.rows)
    parts = matrix(batch.partials, ins.partial, PARTS * GROUPS if ins.trainable else 0, lanes)
    mean, scale = own_space(ins, batch, span, 0, lanes), own_space(ins, batch, span, 1, lanes)
    offset = own_space(ins, batch, span, 2, lanes)
    inverse = vector(own_space(ins, batch, span, 3, lanes), 0, ins.channels)
    inverse_deviation(inverse, w_or_none(weights, batch.tables[ins.table + 2], ins.channels), ins.alpha)
    set_coefficients(
        mean, scale, offset, w_or_none(weights, batch.tables[ins.table + 1], ins.channels), inverse,
        w_or_none(weights, ins.kernel, ins.channels), w_or_none(weights, ins.bias, ins.channels),
    )  # fmt: skip
    if task == FORWARD:
        y, x = y_rows(ins, batch, span), x_rows(ins, batch, span)
        batch_normalization_forward(y, x, mean, scale, offset, ins.inputs)
    elif task == BACKWARD:
        dy = dy_rows(ins, batch, span)
        if ins.trainable:
            batch_normalization_backward(parts, dy, x_rows(ins, batch, span), mean, span.start, group, ins.inputs)
        if ins.gradient:
            moving_normalization_backward(dx_rows(ins, batch, span), dy, scale, ins.inputs)
    elif task == GRADIENT:
        part = SUM_DY_X if span.which == 0 else SUM_DY
        add_up(parts, part, (span.rows + group - 1) // group, ins.channels)
        if span.which == 0:
            multiply(dw_vector(weights, ins.kernel, 0, ins.channels), parts[part], inverse)
        else:
            copy(dw_vector(weights, ins.bias, 0, ins.channels), vector(parts[part], 0, ins.channels))
