"""Executes a program: whole epochs of any network. A step has two kinds of stages.

1. Samples, shared among threads by rows of the batch: gather the rows, all layers forward, the loss, all input
   gradients backward. A thread takes its own rows through the whole network while they are in its cache. A layer that
   needs the whole batch (batch normalization) splits this stage.
2. Parameters, shared among threads by rows of the weights: the gradient of a few rows over the whole batch and, while
   it is in the cache, the optimizer's step on them. If a step depends on all gradients (clipping by their norm), it
   follows in separate stages.

No thread adds to a result of another one, so results are bit-identical for any number of threads. A stage has as many
shares as a run has threads, but they are claimed by whoever is there (`shares.py`): the thread that leads the run, and
helpers, which Python sends into the same function `run` (`engine/crew.py`).
"""

import numpy as np

from .arrays import ROWS
from .batches import shuffle
from .calls import call_entry, reference
from .instructions import (
    BACKWARD,
    BETA_1,
    BETA_2,
    COPIES,
    EPOCH,
    FORWARD,
    GRADIENT,
    GRADIENT_OF_TOUCHED,
    ITERATION,
    LEARNING_RATE,
    NOT_FINITE,
    PARAMETERS,
    PREPARE,
    RATE,
    REFRESH,
    ROW,
    SAMPLES,
    STEP,
    TOTAL,
    UPDATE,
    UPDATE_TOGETHER,
    WEIGHT_DECAY,
    Span,
)
from .jit import jit, jit_part
from .operations import call_operation, group_rows
from .optimizers import corrected_rate, decay
from .penalties import penalize, portion, space_for_sums
from .shares import GENERATION, STOP, changed, claim, finished, load, publish, published, wait_for_all
from .tile import DEPTH
from .weights import w_vector

# The most rows of the batch that a thread takes through the network at once.
SAMPLE_ROWS = 16 * ROWS
# Rows of weights whose gradient is computed before the optimizer updates them: few enough to stay in the L1 cache.
GRADIENT_ROWS = 8 * ROWS
# The same for a batch of more samples than a product adds at once: each part of the rows reads all their gradients.
DEEP_GRADIENT_ROWS = 4 * GRADIENT_ROWS


@jit
def divisor(plan, data, first, rows):
    """What the losses' sum is divided by for `rows` samples from number `first` on: their number or their weight."""
    if not plan.weighted or data.sample_weight.size == 0:
        return np.float64(rows)
    total = 0.0
    for i in range(first, first + rows):
        total += data.sample_weight[data.order[i]]
    return total


@jit_part
def sample_stage(plan, stage, weights, batch, data, span):
    """The stage's instructions forward and backward, for rows [start, stop) of the batch."""
    if stage.start == 0:
        one, share = batch.scale.dtype.type(1), batch.scale.dtype.type(portion(1.0, batch.divisor[0]))
        for i in range(span.start, span.stop):
            weight = data.sample_weight[data.order[span.first + i]] if data.sample_weight.size else one
            batch.weight[i] = weight
            batch.scale[i] = weight * share
    for i in range(stage.start, stage.stop):
        call_operation(FORWARD, plan.code[i], weights, batch, data, span)
    for i in range(stage.back_start - 1, stage.back_stop - 1, -1):
        ins = plan.code[i]
        if ins.gradient or ins.trainable:
            call_operation(BACKWARD, ins, weights, batch, data, span)


@jit
def optimize(weights, number, start, size, gradient, optimizer, hyper):
    """One optimizer step on elements [start, start + size) of a weight, whose gradient begins at `gradient`."""
    if hyper[WEIGHT_DECAY] > 0:
        decay(w_vector(weights, number, start, size), hyper[WEIGHT_DECAY] * hyper[LEARNING_RATE])
    call_entry(
        optimizer, (reference(weights), number, start, size, gradient, hyper)
    )  # a call from Python passes the tuple itself


@jit_part
def part(rows, unit, thread, threads):
    """The rows [first, last) of one thread: whole units, shared as evenly as possible."""
    if threads == 1:
        return 0, rows
    units = (rows + unit - 1) // unit
    return thread * units // threads * unit, min(rows, (thread + 1) * units // threads * unit)


@jit_part
def has_copies(ins, p):
    """Whether an operation keeps something that depends on this weight: a transposed copy, or whether it is finite."""
    return p.which == 0 and (ins.transposed >= 0 or ins.marks >= 0)


@jit_part
def update_touched(p, ins, weights, batch, data, row, last, rows, thread, optimizer, hyper):
    """Gradients of, and the optimizer's step on, those of a weight's rows [row, last) that PREPARE has put down.

    So the cost of a step does not grow with the rows that nothing has touched. All gradients are written to the same
    few rows, which stay in the L1 cache.
    """
    place = row
    while place < last and batch.lists[place] >= 0:
        stop = place + 1
        while stop < min(last, place + GRADIENT_ROWS) and batch.lists[stop] >= 0:
            stop += 1
        span = Span(place, stop, rows, 0, 0, thread, p.which, row)
        call_operation(GRADIENT_OF_TOUCHED, ins, weights, batch, data, span)
        for i in range(place, stop):
            at, gradient = np.int64(batch.lists[i]) * p.stride, (row + i - place) * p.stride
            optimize(weights, p.number, at, p.stride, gradient, optimizer, hyper)
        place = stop


@jit_part
def parameter_stage(plan, kind, weights, batch, data, first, rows, thread, threads, optimizer, hyper):
    """A thread's share of every weight: gradients and the optimizer's step, or (REFRESH) only transposed copies.

    Each thread has as many pieces of the rows, dealt in turn: the rows of some cost more than those of others, because
    less of their gradient is left out, and neighbours cost about the same.
    """
    for i in range(plan.parameters.size):
        p = plan.parameters[i]
        if not p.trained:
            continue
        ins = plan.code[p.instruction]
        most = DEEP_GRADIENT_ROWS if rows > DEPTH and not p.prepared else GRADIENT_ROWS
        pieces = (p.rows + most * threads - 1) // (most * threads)
        begin, piece, step = 0, thread, threads
        if p.prepared:  # for rows that lie together
            piece, step = thread * pieces, 1
            begin, last = part(p.rows, ROWS, thread, threads)
            if kind == PARAMETERS and begin < last:
                span = Span(begin, last, rows, first, 0, thread, p.which, 0)
                call_operation(PREPARE, ins, weights, batch, data, span)
                if p.touched_only:
                    update_touched(p, ins, weights, batch, data, begin, last, rows, thread, optimizer, hyper)
                    continue
        for _ in range(pieces):
            row, stop = part(p.rows, ROWS, piece, pieces * threads)
            piece += step
            if row >= stop:
                continue
            # As in `update_touched`: rows of zeros, which are most of them, need not go through memory.
            into = begin if p.prepared and plan.steps_at_once else row
            span = Span(row, stop, rows, 0, 0, thread, p.which, into)
            if kind == PARAMETERS:
                call_operation(GRADIENT, ins, weights, batch, data, span)
                if plan.steps_at_once:
                    if p.l1 > 0 or p.l2 > 0:
                        penalize(p, weights, batch, row, stop, into, space_for_sums(batch, thread))
                    size = (stop - row) * p.stride
                    optimize(weights, p.number, row * p.stride, size, into * p.stride, optimizer, hyper)
            if has_copies(ins, p) and (kind == REFRESH or plan.steps_at_once):
                call_operation(COPIES, ins, weights, batch, data, span)


@jit
def share(stage, thread, threads, plan, weights, batch, data, first, rows, step, optimizer, hyper):
    """One thread's share of a stage: whole tiles or groups of rows of the batch, or whole tiles of rows of weights."""
    now = plan.stages[stage]
    if now.kind == SAMPLES:
        start, stop = part(rows, group_rows(rows) if plan.grouped else ROWS, thread, threads)
        while start < stop:
            end = min(stop, start + plan.block)
            sample_stage(plan, now, weights, batch, data, Span(start, end, rows, first, step, thread, 0, 0))
            start = end
    elif now.kind == TOTAL:
        call_operation(now.stop, plan.code[now.start], weights, batch, data, Span(0, rows, rows, first, step, 0, 0, 0))
    elif now.kind == UPDATE or now.kind == UPDATE_TOGETHER:
        call_entry(plan.update, (now.start, plan, weights, batch, rows, thread, threads, optimizer, hyper))
    else:
        parameter_stage(plan, now.kind, weights, batch, data, first, rows, thread, threads, optimizer, hyper)


@jit
def refresh_all(plan, weights, batch, data):
    """Refresh what depends on weights: users may have changed them between two runs."""
    for i in range(plan.parameters.size):
        p = plan.parameters[i]
        ins = plan.code[p.instruction]
        if has_copies(ins, p):
            # A batch of 0 rows: the run begins.
            call_operation(COPIES, ins, weights, batch, data, Span(0, p.rows, 0, 0, 0, 0, 0, 0))


@jit
def run_stages(entry, stages, plan, weights, batch, data, rows, step, optimizer, hyper):
    """Only some stages, for the first `rows` samples, on one thread; the other arguments are those of `run`."""
    zero, one = np.int64(0), np.int64(1)
    all_plan, all_weights, all_batch, all_data = reference(plan), reference(weights), reference(batch), reference(data)
    refresh_all(all_plan, all_weights, all_batch, all_data)
    for stage in stages:
        call_entry(entry, (stage, zero, one, all_plan, all_weights, all_batch, all_data, zero, rows, step, optimizer,
                           hyper))  # fmt: skip


@jit
def add_to_log(log, batch, rows, means, samples):
    """Add the batch's weighted losses, its metrics and `Batch.sums` to the columns of the log; returns the loss.

    The log's sums are divided by a number of samples in the end. So losses are multiplied by that number, of those
    `samples` to which `Batch.divisor` belongs, where they are to be divided by weights.
    """
    if log.size == 0:
        return 0.0
    loss, sums = 0.0, batch.sums
    for i in range(rows):
        loss += batch.values[i] * batch.weight[i]
    sums[0] += loss * portion(np.float64(samples), batch.divisor[0])
    for value in range(1, means.size):
        total = 0.0
        for i in range(rows):
            total += batch.values[value * batch.scale.size + i]
        sums[means[value]] += total
    loss = sums[0]
    for column in range(log.size):
        log[column] += sums[column]
        sums[column] = 0
    return loss


@jit
def take_shares(entry, board, generation, me, threads, plan, weights, batch, data, optimizer, hyper):
    """Claim and do shares of the stage that is on the board, the own one first, until all are claimed."""
    for i in range(threads):
        number = (me + i) % threads
        if claim(board, number, generation):
            stage, first, rows, step = published(board)
            call_entry(entry, (stage, number, threads, plan, weights, batch, data, first, rows, step, optimizer, hyper))
            finished(board)


@jit
def help_out(entry, board, me, threads, plan, weights, batch, data, optimizer, hyper):
    """Take shares of one stage after the other, until the run is over or there is nothing new for long."""
    generation, known = load(board, GENERATION), np.int64(-2)
    while generation != STOP and generation != known:
        take_shares(entry, board, generation, me, threads, plan, weights, batch, data, optimizer, hyper)
        known = generation
        generation = changed(board, GENERATION, known)


@jit
def run(entry, plan, weights, batch, data, cursor, log, optimizer, hyper, rates, batch_size, steps, threads, seed,
        shuffled, training, board, me):  # fmt: skip
    """Execute at most `steps` batches in `threads` shares, until each row of `log` has its epoch.

    The sums of loss and metrics over the samples are added to `log[epoch]`. `cursor` says where to begin and, in the
    end, where the run stopped: after the first step with a loss that is not finite it stops early, so that Python can
    warn. `rates` are the learning rates of the next steps; if there are fewer, the last one stays. Without `training`
    no weight changes. `entry` is the `entry_point` of `share` for references to these arguments, `optimizer` that of
    the optimizer's step. `board` connects the leader of the run, who is `me` 0, with its helpers, who are 1, 2, ...
    """
    zero, one = np.int64(0), np.int64(1)  # a literal 0 has a type of its own, for which all would be compiled again
    all_plan, all_weights, all_batch, all_data = reference(plan), reference(weights), reference(batch), reference(data)
    if me > 0:
        help_out(entry, board, me, threads, all_plan, all_weights, all_batch, all_data, optimizer, hyper)
        return
    order, samples, generation = data.order, data.order.size, zero
    if training or plan.means.size > 0:  # predictions do not look whether weights are finite
        refresh_all(all_plan, all_weights, all_batch, all_data)
    if not training:  # the mean of all samples is wanted
        batch.divisor[0] = divisor(plan, data, zero, samples)
    for done in range(steps):
        epoch, first = cursor[EPOCH], cursor[ROW]
        if epoch == log.shape[0]:
            break
        if first == 0 and shuffled:
            shuffle(order, seed, cursor[STEP])
        rows = min(batch_size, samples - first)
        step = cursor[STEP] + 1
        if training:
            batch.divisor[0] = divisor(plan, data, first, rows)
            hyper[ITERATION] = step
            hyper[LEARNING_RATE] = rates[min(done, rates.size - 1)]
            hyper[RATE] = hyper[LEARNING_RATE]
            if hyper[BETA_1] > 0 or hyper[BETA_2] > 0:  # other optimizers take the rate as it is
                hyper[RATE] = corrected_rate(hyper[LEARNING_RATE], hyper[BETA_1], hyper[BETA_2], step)
        for stage in range(plan.stages.size):
            kind = plan.stages[stage].kind
            if threads == 1 or kind == TOTAL or kind == UPDATE_TOGETHER:
                call_entry(entry, (stage, zero, one, all_plan, all_weights, all_batch, all_data, first, rows, step,
                                   optimizer, hyper))  # fmt: skip
            else:
                generation += 1
                publish(board, generation, stage, first, rows, step)
                take_shares(entry, board, generation, zero, threads, all_plan, all_weights, all_batch, all_data,
                            optimizer, hyper)  # fmt: skip
                wait_for_all(board, generation * threads)
        loss = add_to_log(log[epoch], batch, rows, plan.means, rows if training else samples)
        cursor[ROW] = first + rows
        if first + rows == samples:
            cursor[ROW] = 0
            cursor[EPOCH] = epoch + 1
        if training:
            cursor[STEP] = step
        if not np.isfinite(loss):
            cursor[NOT_FINITE] += 1
            if cursor[NOT_FINITE] == 1:
                break
