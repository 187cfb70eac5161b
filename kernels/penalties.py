"""Penalties on weights, l1 sum |w| + l2 sum w^2, and their gradients.

A step's loss includes them, computed from the weights before the step. Their sums over whole weights are added up from
those over units of ROWS rows, which no thread shares with another one, so they are the same for any number of threads.
"""

import numpy as np

from .arrays import ROWS, vector
from .jit import jit, jit_part
from .weights import dw_vector, w_vector

# The number of partial sums that a sum is computed in, and of columns whose norms are computed at once.
LANES = 64


@jit
def sum_of_squares(x, lanes):
    """The sum of x^2."""
    lanes[:] = 0
    for start in range(0, x.size, LANES):
        block = vector(x, start, min(LANES, x.size - start))
        for i in range(block.size):
            lanes[i] += block[i] * block[i]
    return sum_of_lanes(lanes)


@jit
def sum_of_absolutes(x, lanes):
    """The sum of |x|."""
    lanes[:] = 0
    for start in range(0, x.size, LANES):
        block = vector(x, start, min(LANES, x.size - start))
        for i in range(block.size):
            lanes[i] += abs(block[i])
    return sum_of_lanes(lanes)


@jit
def sum_of_lanes(lanes):
    """The sum of the lanes, half of them added to the other half until one is left."""
    count = LANES // 2
    while count > 0:
        for i in range(count):
            lanes[i] += lanes[count + i]
        count //= 2
    return np.float64(lanes[0])


@jit
def penalty(w, l1, l2, lanes):
    """l1 sum |w| + l2 sum w^2."""
    total = 0.0
    if l1 > 0:
        total += l1 * sum_of_absolutes(w, lanes)
    if l2 > 0:
        total += l2 * sum_of_squares(w, lanes)
    return total


@jit
def penalty_backward(dw, w, l1, l2):
    """dw += l1 sign(w) + 2 l2 w: added to the loss's gradient."""
    real = dw.dtype.type
    zero, one, two = real(0), real(l1), real(2 * l2)
    for i in range(dw.size):
        up = one if w[i] > zero else zero
        down = one if w[i] < zero else zero
        dw[i] += (up - down) + two * w[i]


@jit_part
def portion(part, whole):
    """part / whole; 0 of nothing, because samples without any weight have neither a loss nor a gradient."""
    return part / whole if whole != 0 else 0.0


@jit_part
def space_for_sums(batch, thread):
    """A thread's space for partial sums: the last LANES elements of its scratch; those before belong to the layers."""
    row = batch.scratch[thread]
    return row[row.size - LANES :]


@jit_part
def units(rows):
    """How many sums a weight of so many rows has."""
    return (rows + ROWS - 1) // ROWS


@jit_part
def penalize(p, weights, batch, row, stop, into, lanes):
    """For rows [row, stop) of a weight, put the penalties down, and add their gradient to that from row `into` on.

    sums[p.sums] is the weight's factor of clipping; after it each unit has its penalty, and its gradient's sum of
    squares.
    """
    share = portion(1.0, batch.divisor[0]) if p.per_sample else 1.0
    while row < stop:
        count = min(ROWS, stop - row)
        w = w_vector(weights, p.number, row * p.stride, count * p.stride)
        batch.sums[p.sums + 1 + 2 * (row // ROWS)] = penalty(w, p.l1, p.l2, lanes)
        if p.trained:
            g = dw_vector(weights, p.number, into * p.stride, count * p.stride)
            penalty_backward(g, w, p.l1 * share, p.l2 * share)
        row += count
        into += count
