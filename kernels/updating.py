"""What a step does to the weights beyond the optimizer's equation: penalties, clipping, averages, constraints.

A model that uses none of these never gets here: its gradients and steps are one stage. Penalties alone are part of it
(`penalties.py`), and only SUM_UP follows. Otherwise `update` is called for the following tasks, in this order. Each is
a separate stage, because it needs the results of all threads:

- MEASURE: the gradient of the penalty, added to that of the loss; sums over groups of rows for penalties and norms.
- SUM_UP, by one thread: the sums of all groups, in order; the penalty is added to the batch's loss, each weight gets
  the factor that clips its gradient.
- DESCEND: clip, decay, the optimizer's step, the moving average of the weights.
- CONSTRAIN: the constraints. Threads share the columns here, because norms are taken over columns.

Equations and their order are Keras 3's (keras/src/optimizers/base_optimizer.py, version 3.15). Each sum is a fixed
chain of additions, however many threads there are.
"""

import numpy as np

from .arrays import ROWS, copy, flattened, matrix, vector
from .calls import call_entry, reference
from .instructions import (
    AVERAGED,
    CLIP_NORM,
    CLIP_VALUE,
    DESCEND,
    EMA_FREQUENCY,
    EMA_MOMENTUM,
    GLOBAL_CLIP_NORM,
    ITERATION,
    LEARNING_RATE,
    MEASURE,
    NON_NEGATIVE,
    NORM,
    SEPARATE_DECAY,
    SUM_UP,
)
from .interpreter import GRADIENT_ROWS, optimize, part
from .jit import jit, jit_inline, jit_part
from .optimizers import decay
from .penalties import LANES, penalize, portion, space_for_sums, sum_of_squares, units
from .weights import dw_vector, slot_vector, w_vector

SMALL = 1e-7  # keras.config.epsilon(): avoids a division by a norm of 0


# ---------------------------------------------------------------------------------------------------------------------
# Clipping.


@jit
def clip_factor(norm, largest):
    """The factor that brings a gradient of this norm down to at most `largest`; NaN stays NaN."""
    return 1.0 if norm <= largest else largest / norm


@jit
def scale(g, factor):
    """g = factor g."""
    by = g.dtype.type(factor)
    for i in range(g.size):
        g[i] *= by


@jit
def clip_values(g, largest):
    """g = g clipped to [-largest, largest]; NaN stays NaN."""
    high = g.dtype.type(largest)
    low = -high
    for i in range(g.size):
        at_least = low if g[i] < low else g[i]
        g[i] = high if at_least > high else at_least


# ---------------------------------------------------------------------------------------------------------------------
# Averages.


@jit
def average(a, w, momentum):
    """a = momentum a + (1 - momentum) w (Polyak & Juditsky 1992)."""
    keep = a.dtype.type(momentum)
    take = a.dtype.type(1) - keep
    for i in range(a.size):
        a[i] = keep * a[i] + take * w[i]


# ---------------------------------------------------------------------------------------------------------------------
# Constraints.


@jit
def non_negative(w):
    """w = max(w, 0)."""
    zero = w.dtype.type(0)
    for i in range(w.size):
        w[i] = zero if w[i] < zero else w[i]


@jit_inline
def _norm_factor(squares, low, high, rate, rest, small):
    """(rate clip(norm, low, high) + rest norm) / (norm + small): with a rate below 1 it moves only part of the way."""
    norm = np.sqrt(squares)
    at_least = low if norm < low else norm
    clipped = high if at_least > high else at_least
    return (rate * clipped + rest * norm) / (small + norm)


@jit
def norm_of_columns(w, first, columns, together, low, high, rate, factors):
    """Constrain the norms of rows i, i + together, ... of columns [first, first + columns) of w, at most LANES."""
    real = w.dtype.type
    low, high, rate, rest, small = real(low), real(high), real(rate), real(1) - real(rate), real(SMALL)
    flat, width = flattened(w), w.shape[1]
    for i in range(together):
        factors[:columns] = 0
        for r in range(i, w.shape[0], together):
            row = vector(flat, r * width + first, columns)
            for j in range(columns):
                factors[j] += row[j] * row[j]
        for j in range(columns):
            factors[j] = _norm_factor(factors[j], low, high, rate, rest, small)
        for r in range(i, w.shape[0], together):
            row = vector(flat, r * width + first, columns)
            for j in range(columns):
                row[j] *= factors[j]


@jit
def norm_of_all(w, low, high, rate, lanes):
    """Constrain the norm of the whole w."""
    real = w.dtype.type
    squares = real(sum_of_squares(w, lanes))
    scale(w, _norm_factor(squares, real(low), real(high), real(rate), real(1) - real(rate), real(SMALL)))


# ---------------------------------------------------------------------------------------------------------------------
# The stages.


@jit_part
def _measure(p, weights, batch, lanes, norms, thread, threads):
    """For a thread's share of a weight: add the penalty's gradient, and compute the sums over units of rows."""
    row, last = part(p.rows, GRADIENT_ROWS, thread, threads)
    if p.l1 > 0 or p.l2 > 0:
        penalize(p, weights, batch, row, last, row, lanes)
    while norms and p.trained and row < last:
        count = min(ROWS, last - row)
        g = dw_vector(weights, p.number, row * p.stride, count * p.stride)
        batch.sums[p.sums + 2 + 2 * (row // ROWS)] = sum_of_squares(g, lanes)
        row += count


@jit_part
def _sum_up(parameters, batch, rows, hyper):
    """Add the penalties, times the batch's rows, to the loss's sum, and compute each weight's clipping factor."""
    total, all_squares, sums = 0.0, 0.0, batch.sums
    for i in range(parameters.size):
        p = parameters[i]
        squares, times = 0.0, portion(np.float64(rows), batch.divisor[0]) if p.per_sample else np.float64(rows)
        for unit in range(units(p.rows)):
            total += sums[p.sums + 1 + 2 * unit] * times
            squares += sums[p.sums + 2 + 2 * unit]
        sums[p.sums] = clip_factor(np.sqrt(squares), hyper[CLIP_NORM])
        all_squares += squares
    sums[0] += total
    if hyper[GLOBAL_CLIP_NORM] > 0:
        norm = np.sqrt(all_squares)
        factor = clip_factor(norm, hyper[GLOBAL_CLIP_NORM]) + (norm - norm)  # an infinite norm makes everything NaN
        for i in range(parameters.size):
            sums[parameters[i].sums] = factor


@jit_part
def _descend(p, weights, sums, thread, threads, optimizer, hyper):
    """Clip, decay, step and average a thread's share of a weight."""
    row, last = part(p.rows, GRADIENT_ROWS, thread, threads)
    while row < last:
        count = min(GRADIENT_ROWS, last - row)
        start, size = row * p.stride, count * p.stride
        w, g = w_vector(weights, p.number, start, size), dw_vector(weights, p.number, start, size)
        if hyper[CLIP_NORM] > 0 or hyper[GLOBAL_CLIP_NORM] > 0:
            scale(g, sums[p.sums])
        elif hyper[CLIP_VALUE] > 0:
            clip_values(g, hyper[CLIP_VALUE])
        if p.decayed and hyper[SEPARATE_DECAY] > 0:
            decay(w, hyper[SEPARATE_DECAY] * hyper[LEARNING_RATE])
        optimize(weights, p.number, start, size, start, optimizer, hyper)
        if hyper[AVERAGED] > 0:
            a = slot_vector(weights, weights.slots.shape[0] - 1, p.number, start, size)
            average(a, w, 0.0 if hyper[ITERATION] == 1 else hyper[EMA_MOMENTUM])
            if hyper[EMA_FREQUENCY] > 0 and hyper[ITERATION] % hyper[EMA_FREQUENCY] == 0:
                copy(w, a)
        row += count


@jit
def constrain(p, w, lanes, thread, threads):
    """Constrain a thread's share of the columns of a weight w; if the whole weight has one norm, thread 0 does all."""
    if p.constraint == NORM and p.together == 0:
        if thread == 0:
            norm_of_all(vector(w, 0, p.rows * p.stride), p.low, p.high, p.rate, lanes)
    elif p.constraint == NORM:
        rows = matrix(w, 0, p.rows, p.stride)
        first, last = part(p.stride, LANES, thread, threads)
        while first < last:
            columns = min(LANES, last - first)
            norm_of_columns(rows, first, columns, p.together, p.low, p.high, p.rate, lanes)
            first += columns
    elif p.constraint == NON_NEGATIVE:
        row, last = part(p.rows, GRADIENT_ROWS, thread, threads)
        non_negative(vector(w, row * p.stride, (last - row) * p.stride))


@jit
def update_alone(entry, task, plan, weights, batch, rows, optimizer, hyper):
    """Run a single task, on one thread; `entry` is the `entry_point` of `update`."""
    zero, one = np.int64(0), np.int64(1)
    call_entry(entry, (task, reference(plan), reference(weights), reference(batch), rows, zero, one, optimizer,
                       hyper))  # fmt: skip


@jit
def update(task, plan, weights, batch, rows, thread, threads, optimizer, hyper):
    """One thread's share of a task."""
    if task == SUM_UP:
        _sum_up(plan.parameters, batch, rows, hyper)
        return
    norms = hyper[CLIP_NORM] > 0 or hyper[GLOBAL_CLIP_NORM] > 0
    lanes = space_for_sums(batch, thread)
    for i in range(plan.parameters.size):
        p = plan.parameters[i]
        if task == MEASURE:
            _measure(p, weights, batch, lanes, norms, thread, threads)
        elif p.trained and task == DESCEND:
            _descend(p, weights, batch.sums, thread, threads, optimizer, hyper)
        elif p.trained:
            constrain(p, w_vector(weights, p.number, 0, p.rows * p.stride), lanes, thread, threads)
