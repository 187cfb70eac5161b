"""Layer normalization: each sample, or each pixel of an image, is shifted and scaled to mean 0 and variance 1.

Channels last: a row of x[B, columns] is a sample, columns / C pixels of C numbers each. Backward computes mean and
variance again instead of keeping two numbers per pixel.
"""

import numpy as np

from .arrays import copy, matrix, vector
from .batch_normalization import add_up, own_space
from .instructions import BACKWARD, FORWARD, GRADIENT
from .jit import fma, jit, jit_inline
from .operations import GROUPS, dx_rows, dy_rows, group_rows, operation, x_rows, y_rows
from .weights import dw_vector, w_or_none


@jit_inline
def sum_of_products(a, b, from_a, from_b):
    """The sum of (a - from_a) (b - from_b): eight sums in turn, so that no step waits for the one before."""
    t0 = t1 = t2 = t3 = t4 = t5 = t6 = t7 = a.dtype.type(0)
    whole = a.size // 8 * 8
    for j in range(0, whole, 8):
        t0 = fma(a[j] - from_a, b[j] - from_b, t0)
        t1 = fma(a[j + 1] - from_a, b[j + 1] - from_b, t1)
        t2 = fma(a[j + 2] - from_a, b[j + 2] - from_b, t2)
        t3 = fma(a[j + 3] - from_a, b[j + 3] - from_b, t3)
        t4 = fma(a[j + 4] - from_a, b[j + 4] - from_b, t4)
        t5 = fma(a[j + 5] - from_a, b[j + 5] - from_b, t5)
        t6 = fma(a[j + 6] - from_a, b[j + 6] - from_b, t6)
        t7 = fma(a[j + 7] - from_a, b[j + 7] - from_b, t7)
    for j in range(whole, a.size):
        t0 = fma(a[j] - from_a, b[j] - from_b, t0)
    return ((t0 + t4) + (t2 + t6)) + ((t1 + t5) + (t3 + t7))


@jit_inline
def moments(x, ones, epsilon):
    """The mean of x[C] and 1 / sqrt(variance + epsilon)."""
    real = x.dtype.type
    share, zero = real(1.0 / x.size), real(0)
    mean = x[0] + sum_of_products(x, ones, x[0], zero) * share  # relative to x[0]: a large mean would lose digits
    variance = sum_of_products(x, x, mean, mean) * share
    return mean, real(1) / np.sqrt(variance + real(epsilon))


@jit
def layer_normalization_forward(y, x, gamma, beta, ones, epsilon, columns):
    """y[B, columns] = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance of C columns each."""
    channels = gamma.size
    for i in range(x.shape[0]):
        for first in range(0, columns, channels):
            result, row = vector(y[i], first, channels), vector(x[i], first, channels)
            mean, inverse = moments(row, ones, epsilon)
            for c in range(channels):
                result[c] = fma((row[c] - mean) * inverse, gamma[c], beta[c])


@jit
def layer_normalization_backward(dx, parts, dy, x, gamma, ones, epsilon, start, group, columns):
    """dx[B, columns] = (d - mean of d - x' mean of d x') / sqrt(variance + epsilon), d = gamma dy, x' the normalized x.

    Each group's sums of dy and dy x', channel by channel, become rows g and GROUPS + g of parts.
    (Ba, Kiros & Hinton 2016, arxiv.org/abs/1607.06450)
    """
    channels = gamma.size
    share, zero = dx.dtype.type(1.0 / channels), dx.dtype.type(0)
    for i in range(x.shape[0]):
        g = (start + i) // group
        total, with_x = parts[g], parts[GROUPS + g]
        if (start + i) % group == 0:
            for c in range(channels):
                total[c] = 0
                with_x[c] = 0
        for first in range(0, columns, channels):
            d, slope = vector(dx[i], first, channels), vector(dy[i], first, channels)
            row = vector(x[i], first, channels)
            mean, inverse = moments(row, ones, epsilon)
            for c in range(channels):
                total[c] += slope[c]
                with_x[c] = fma(slope[c], (row[c] - mean) * inverse, with_x[c])
            for c in range(channels):
                d[c] = gamma[c] * slope[c]
            average = sum_of_products(d, ones, zero, zero) * share
            factor = sum_of_products(d, row, zero, mean) * share * inverse * inverse
            for c in range(channels):
                d[c] = inverse * (d[c] - average - (row[c] - mean) * factor)


@operation
def layer_normalization(task, ins, weights, batch, data, span):
    """The layer LayerNormalization; its partial sums are there whether or not it is trained."""
    group, size, ones = group_rows(span.rows), ins.channels, own_space(ins, batch, span, 0, ins.channels)
    for c in range(size):
        ones[c] = 1
    gamma, beta = w_or_none(weights, ins.kernel, size), w_or_none(weights, ins.bias, size)
    if ins.kernel < 0:
        gamma = ones
    if ins.bias < 0:
        beta = vector(batch.zeros, 0, size)
    if task == FORWARD:
        y, x = y_rows(ins, batch, span), x_rows(ins, batch, span)
        layer_normalization_forward(y, x, gamma, beta, ones, ins.alpha, ins.inputs)
    elif task == BACKWARD:
        parts = matrix(batch.partials, ins.partial, 2 * GROUPS, size)
        layer_normalization_backward(
            dx_rows(ins, batch, span), parts, dy_rows(ins, batch, span), x_rows(ins, batch, span), gamma, ones,
            ins.alpha, span.start, group, ins.inputs,
        )  # fmt: skip
    elif task == GRADIENT:
        parts, part = matrix(batch.partials, ins.partial, 2 * GROUPS, size), (1 - span.which) * GROUPS
        add_up(parts, part, (span.rows + group - 1) // group, size)
        number = ins.kernel if span.which == 0 else ins.bias
        copy(dw_vector(weights, number, 0, size), parts[part])
