"""Executes a program: whole epochs of any network, in two kinds of stages a step.

1. Samples, shared among threads by rows of the batch: gather the rows, all layers forward, the loss, all input
   gradients backward. A thread walks the whole network over its own rows while they are in its cache. A layer that has
   to know the whole batch (batch normalization) divides this stage in two.
2. Parameters, shared among threads by rows of the weights: the gradient of a few rows over the whole batch, and at
   once, while it is in cache, the optimizer's step on them. Where a step depends on all gradients (clipping by their
   norm), it follows in stages of its own.

No thread adds to what another one computed, so the result has the same bits for any number of threads.
"""

import numpy as np
from numba import prange

from . import instructions as op
from .activations import (
    leaky_relu_backward,
    leaky_relu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_forward,
    tanh_backward,
    tanh_forward,
)
from .batches import copy, gather, gather_labels, scatter, shuffle
from .dense import dense_backward_bias, dense_backward_input, dense_backward_kernel, dense_forward, transpose
from .dropout import dropout, gaussian_noise
from .instructions import Data, Span
from .jit import call_entry, jit, jit_parallel, jit_part
from .losses import (
    binary_cross_entropy,
    cross_entropy,
    half_mean_squared_error,
    mean_squared_error,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
    sparse_cross_entropy,
    sparse_softmax_cross_entropy,
)
from .metrics import binary_accuracy, categorical_accuracy, mean_absolute_error, sparse_categorical_accuracy
from .metrics import mean_squared_error as squared_error
from .operations import call_operation, group_rows
from .optimizers import (
    adagrad,
    adam,
    amsgrad,
    corrected_rate,
    decay,
    momentum,
    nesterov,
    rmsprop,
    rmsprop_centered,
    rmsprop_momentum,
    sgd,
)
from .rescaling import rescaling_backward, rescaling_forward
from .tile import ROWS, matrix, vector, writable

# Rows of the batch that a thread takes through the whole network at once, at most.
SAMPLE_ROWS = 16 * ROWS
# Rows of weights whose gradient is computed before the optimizer updates them: few enough to stay in the L1 cache.
GRADIENT_ROWS = 8 * ROWS


@jit_part
def forward(ins, weights, batch, data, order, first, start, stop, step):
    """Gather data, compute a layer or hand out the output, for rows [start, stop) of the batch from order[first] on."""
    rows = stop - start
    x_at, y_at = ins.x + start * ins.x_stride, ins.y + start * ins.y_stride
    y_flat = vector(batch.activations, y_at, rows * ins.y_stride)
    y = matrix(batch.activations, y_at, rows, ins.y_stride)

    if ins.op == op.DENSE:
        x = matrix(batch.activations, x_at, rows, ins.x_stride)
        w = matrix(weights.values, ins.kernel, ins.inputs, ins.y_stride)
        b = batch.zeros if ins.bias < 0 else vector(weights.values, ins.bias, ins.y_stride)
        dense_forward(y, x, w, b, rows, ins.inputs, ins.outputs)
    elif ins.op == op.COPY:
        copy(y_flat, vector(batch.activations, x_at, rows * ins.x_stride))
    elif ins.op == op.RELU:
        relu_forward(y_flat)
    elif ins.op == op.LEAKY_RELU:
        leaky_relu_forward(y_flat, ins.alpha)
    elif ins.op == op.SIGMOID:
        sigmoid_forward(y_flat)
    elif ins.op == op.TANH:
        tanh_forward(y_flat)
    elif ins.op == op.SOFTMAX:
        softmax_forward(y, ins.outputs)
    elif ins.op == op.RESCALING:
        rescaling_forward(y_flat, ins.alpha, ins.beta)
    elif ins.op == op.DROPOUT:
        dropout(y, ins.alpha, ins.seed, step, start, ins.outputs)
    elif ins.op == op.GAUSSIAN_NOISE:
        gaussian_noise(y, ins.alpha, ins.seed, step, start, ins.outputs)
    elif ins.op == op.GATHER_PIXELS:
        gather(y, data.pixels, order, first + start, ins.alpha, ins.beta)
    elif ins.op == op.GATHER_FEATURES:
        gather(y, data.features, order, first + start, ins.alpha, ins.beta)
    elif ins.op == op.GATHER_LABELS:
        gather_labels(vector(batch.labels, start, rows), data.labels, order, first + start)
    elif ins.op == op.GATHER_TARGETS:
        targets = matrix(batch.targets, start * ins.y_stride, rows, ins.y_stride)
        gather(targets, data.targets, order, first + start, 1.0, 0.0)
    elif ins.op == op.PREDICT:
        scatter(data.predictions, y, order, first + start)


@jit_part
def evaluate(ins, batch, start, stop):
    """Compute a loss with its gradient, or a metric, for rows [start, stop) of the batch."""
    rows = stop - start
    y_at = ins.y + start * ins.y_stride
    y = matrix(batch.activations, y_at, rows, ins.y_stride)
    dy = matrix(batch.gradients, y_at, rows, ins.y_stride)
    labels = vector(batch.labels, start, rows)
    targets = matrix(batch.targets, ins.targets + start * ins.y_stride, rows, ins.y_stride)
    scale = vector(batch.scale, start, rows)
    values = vector(batch.values, ins.value * batch.scale.size + start, rows)

    if ins.op == op.SPARSE_SOFTMAX_CROSS_ENTROPY:
        sparse_softmax_cross_entropy(values, dy, y, labels, scale, ins.outputs)
    elif ins.op == op.SOFTMAX_CROSS_ENTROPY:
        softmax_cross_entropy(values, dy, y, targets, scale, ins.outputs)
    elif ins.op == op.SIGMOID_BINARY_CROSS_ENTROPY:
        sigmoid_binary_cross_entropy(values, dy, y, targets, scale, ins.outputs)
    elif ins.op == op.MEAN_SQUARED_ERROR:
        mean_squared_error(values, dy, y, targets, scale, ins.outputs)
    elif ins.op == op.HALF_MEAN_SQUARED_ERROR:
        half_mean_squared_error(values, dy, y, targets, scale, ins.outputs)
    elif ins.op == op.SPARSE_CROSS_ENTROPY:
        sparse_cross_entropy(values, dy, y, labels, scale, ins.outputs)
    elif ins.op == op.CROSS_ENTROPY:
        cross_entropy(values, dy, y, targets, scale, ins.outputs)
    elif ins.op == op.BINARY_CROSS_ENTROPY:
        binary_cross_entropy(values, dy, y, targets, scale, ins.outputs)
    elif ins.op == op.SPARSE_CATEGORICAL_ACCURACY:
        sparse_categorical_accuracy(values, y, labels, ins.outputs)
    elif ins.op == op.CATEGORICAL_ACCURACY:
        categorical_accuracy(values, y, targets, ins.outputs)
    elif ins.op == op.BINARY_ACCURACY:
        binary_accuracy(values, y, targets, ins.alpha, ins.outputs)
    elif ins.op == op.SQUARED_ERROR:
        squared_error(values, y, targets, ins.outputs)
    elif ins.op == op.ABSOLUTE_ERROR:
        mean_absolute_error(values, y, targets, ins.outputs)


@jit_part
def backward(ins, weights, batch, start, stop, step):
    """The input gradient of one instruction for rows [start, stop) of the batch."""
    rows = stop - start
    x_at, y_at = ins.x + start * ins.x_stride, ins.y + start * ins.y_stride
    y_flat = vector(batch.activations, y_at, rows * ins.y_stride)
    dy_flat = vector(batch.gradients, y_at, rows * ins.y_stride)
    y = matrix(batch.activations, y_at, rows, ins.y_stride)
    dy = matrix(batch.gradients, y_at, rows, ins.y_stride)

    if ins.op == op.DENSE:
        dx = matrix(batch.gradients, x_at, rows, ins.x_stride)
        w_transposed = matrix(weights.transposed, ins.transposed, ins.outputs, ins.x_stride)
        dense_backward_input(dx, dy, w_transposed, batch.zeros, rows, ins.inputs, ins.outputs)
    elif ins.op == op.COPY:
        copy(vector(batch.gradients, x_at, rows * ins.x_stride), dy_flat)
    elif ins.op == op.RELU:
        relu_backward(dy_flat, y_flat)
    elif ins.op == op.LEAKY_RELU:
        leaky_relu_backward(dy_flat, y_flat, ins.alpha)
    elif ins.op == op.SIGMOID:
        sigmoid_backward(dy_flat, y_flat)
    elif ins.op == op.TANH:
        tanh_backward(dy_flat, y_flat)
    elif ins.op == op.SOFTMAX:
        softmax_backward(dy, y, ins.outputs)
    elif ins.op == op.RESCALING:
        rescaling_backward(dy_flat, ins.alpha)
    elif ins.op == op.DROPOUT:
        dropout(dy, ins.alpha, ins.seed, step, start, ins.outputs)


@jit_part
def sample_stage(plan, stage, weights, batch, data, order, span):
    """The stage's instructions forward and backward, for rows [start, stop) of the batch."""
    if stage.start == 0:
        one, share = batch.scale.dtype.type(1), batch.scale.dtype.type(1.0 / span.rows)
        for i in range(span.start, span.stop):
            weight = data.sample_weight[order[span.first + i]] if data.sample_weight.size else one
            batch.weight[i] = weight
            batch.scale[i] = weight * share
    for i in range(stage.start, stage.stop):
        ins = plan.code[i]
        if ins.op == op.OPERATION:
            call_operation(op.FORWARD, ins, weights, batch, data, order, span)
        elif op.SPARSE_SOFTMAX_CROSS_ENTROPY <= ins.op <= op.ABSOLUTE_ERROR:
            evaluate(ins, batch, span.start, span.stop)
        else:
            forward(ins, weights, batch, data, order, span.first, span.start, span.stop, span.step)
    for i in range(stage.back_start - 1, stage.back_stop - 1, -1):
        ins = plan.code[i]
        if ins.op == op.OPERATION:
            if ins.gradient or ins.trainable:
                call_operation(op.BACKWARD, ins, weights, batch, data, order, span)
        elif ins.gradient:
            backward(ins, weights, batch, span.start, span.stop, span.step)


@jit
def optimize(weights, start, size, optimizer, hyper):
    """One optimizer step on parameters [start, start + size)."""
    p, g = vector(weights.values, start, size), vector(weights.gradients, start, size)
    all_slots = weights.values.size
    slot_1 = vector(weights.slots, start, size)
    slot_2 = vector(weights.slots, all_slots + start, size)
    slot_3 = vector(weights.slots, 2 * all_slots + start, size)
    rate = hyper[op.RATE]
    if hyper[op.WEIGHT_DECAY] > 0:
        decay(p, hyper[op.WEIGHT_DECAY] * hyper[op.LEARNING_RATE])
    if optimizer == op.SGD:
        sgd(p, g, rate)
    elif optimizer == op.MOMENTUM:
        momentum(p, g, slot_1, rate, hyper[op.INERTIA])
    elif optimizer == op.NESTEROV:
        nesterov(p, g, slot_1, rate, hyper[op.INERTIA])
    elif optimizer == op.ADAGRAD:
        adagrad(p, g, slot_1, rate, hyper[op.EPSILON])
    elif optimizer == op.RMSPROP:
        rmsprop(p, g, slot_1, rate, hyper[op.RHO], hyper[op.EPSILON])
    elif optimizer == op.RMSPROP_MOMENTUM:
        rmsprop_momentum(p, g, slot_1, slot_2, rate, hyper[op.RHO], hyper[op.INERTIA], hyper[op.EPSILON])
    elif optimizer == op.RMSPROP_CENTERED:
        rmsprop_centered(p, g, slot_1, slot_2, slot_3, rate, hyper[op.RHO], hyper[op.INERTIA], hyper[op.EPSILON])
    elif optimizer == op.ADAM:
        adam(p, g, slot_1, slot_2, rate, hyper[op.BETA_1], hyper[op.BETA_2], hyper[op.EPSILON])
    elif optimizer == op.AMSGRAD:
        amsgrad(p, g, slot_1, slot_2, slot_3, rate, hyper[op.BETA_1], hyper[op.BETA_2], hyper[op.EPSILON])


@jit_part
def part(rows, unit, thread, threads):
    """Thread `thread`'s rows [first, last): whole units, as many as the other threads have or one more or less."""
    if threads == 1:
        return 0, rows
    units = (rows + unit - 1) // unit
    return thread * units // threads * unit, min(rows, (thread + 1) * units // threads * unit)


@jit_part
def gradient(ins, weights, batch, data, order, at, span):
    """The gradient of rows [span.start, span.stop) of a weight, which start at weights.gradients[at]."""
    if ins.op == op.OPERATION:
        call_operation(op.GRADIENT, ins, weights, batch, data, order, span)
        return
    count = span.stop - span.start
    dy = matrix(batch.gradients, ins.y, span.rows, ins.y_stride)
    dw = matrix(weights.gradients, at, count, ins.y_stride)
    if span.which == 0:
        x = matrix(batch.activations, ins.x, span.rows, ins.x_stride)
        dense_backward_kernel(dw, x, dy, batch.zeros, span.start, count, span.rows, ins.outputs)
    else:
        dense_backward_bias(dw, dy, batch.one, batch.zeros, span.rows, ins.outputs)


@jit_part
def refresh(ins, weights, batch, data, order, span):
    """The copies that are made of rows [span.start, span.stop) of an instruction's weight."""
    if ins.op == op.OPERATION:
        call_operation(op.COPIES, ins, weights, batch, data, order, span)
    else:
        w = matrix(weights.values, ins.kernel, ins.inputs, ins.y_stride)
        w_transposed = matrix(weights.transposed, ins.transposed, ins.outputs, ins.x_stride)
        transpose(w_transposed, w, span.start, span.stop - span.start, ins.outputs)


@jit_part
def parameter_stage(plan, kind, weights, batch, data, order, rows, thread, threads, optimizer, hyper):
    """Gradients and the optimizer's step for thread `thread`'s share of every weight, or only the weights' copies."""
    for i in range(plan.parameters.size):
        p = plan.parameters[i]
        if not p.trained:
            continue
        ins = plan.code[p.instruction]
        row, last = part(p.rows, ROWS, thread, threads)
        while row < last:
            count = min(GRADIENT_ROWS, last - row)
            at = p.offset + row * p.stride
            span = Span(row, row + count, rows, 0, 0, thread, p.which)
            if kind == op.PARAMETERS:
                gradient(ins, weights, batch, data, order, at, span)
                if plan.update == 0:
                    optimize(weights, at, count * p.stride, optimizer, hyper)
            if ins.transposed >= 0 and p.which == 0 and (kind == op.REFRESH or plan.update == 0):
                refresh(ins, weights, batch, data, order, span)
            row += count


@jit
def share(stage, thread, threads, plan, weights, batch, data, order, first, rows, step, optimizer, hyper):
    """One thread's share of a stage: whole tiles or groups of rows of the batch, or whole tiles of rows of weights."""
    now = plan.stages[stage]
    if now.kind == op.SAMPLES:
        start, stop = part(rows, group_rows(rows) if plan.grouped else ROWS, thread, threads)
        while start < stop:
            end = min(stop, start + plan.block)
            sample_stage(plan, now, weights, batch, data, order, Span(start, end, rows, first, step, thread, 0))
            start = end
    elif now.kind == op.TOTAL:
        span = Span(0, rows, rows, first, step, 0, 0)
        call_operation(now.stop, plan.code[now.start], weights, batch, data, order, span)
    elif now.kind == op.UPDATE or now.kind == op.UPDATE_TOGETHER:
        call_entry(plan.update, (now.start, plan, weights, batch, rows, thread, threads, optimizer, hyper))
    else:
        parameter_stage(plan, now.kind, weights, batch, data, order, rows, thread, threads, optimizer, hyper)


@jit
def refresh_all(plan, weights, batch, data, order):
    """Make all copies of weights anew: whoever holds a weight may have changed it between two runs."""
    for i in range(plan.parameters.size):
        p = plan.parameters[i]
        ins = plan.code[p.instruction]
        if ins.transposed >= 0 and p.which == 0:
            refresh(ins, weights, batch, data, order, Span(0, p.rows, 0, 0, 0, 0, 0))


@jit
def add_to_log(log, batch, rows, means):
    """Add the batch's weighted losses, its metrics and `Batch.sums` to the columns of the log; returns the loss."""
    if log.size == 0:
        return 0.0
    loss, sums = 0.0, batch.sums
    for i in range(rows):
        loss += batch.values[i] * batch.weight[i]
    sums[0] += loss
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


@jit_parallel
def run(entry, plan, weights, batch, data, order, cursor, log, optimizer, hyper, rates, batch_size, steps, threads,
        seed, shuffled, training):  # fmt: skip
    """Execute at most `steps` batches of the epochs that `log` has rows for, on `threads` threads.

    `log[epoch]` receives the sums over the samples of loss and metrics, `cursor` where the run stopped: after the first
    step whose loss is not finite it stops early, so that Python can say so. `rates` are the learning rates of the next
    steps, the last of which stays. Without `training` no weight changes. `entry` is the `entry_point` of `share` for
    these arguments' types.
    """
    data = Data(
        writable(data.pixels),
        writable(data.features),
        writable(data.labels),
        writable(data.targets),
        writable(data.sample_weight),
        data.predictions,
    )
    samples = order.size
    zero, one = np.int64(0), np.int64(1)  # a plain 0 would be a type of its own, compiled once more
    if training:
        refresh_all(plan, weights, batch, data, order)
    for done in range(steps):
        epoch, first = cursor[op.EPOCH], cursor[op.ROW]
        if epoch == log.shape[0]:
            break
        if first == 0 and shuffled:
            shuffle(order, seed, cursor[op.STEP])
        rows = min(batch_size, samples - first)
        step = cursor[op.STEP] + 1
        if training:
            hyper[op.ITERATION] = step
            hyper[op.LEARNING_RATE] = rates[min(done, rates.size - 1)]
            hyper[op.RATE] = hyper[op.LEARNING_RATE]
            if optimizer == op.ADAM or optimizer == op.AMSGRAD:
                hyper[op.RATE] = corrected_rate(hyper[op.LEARNING_RATE], hyper[op.BETA_1], hyper[op.BETA_2], step)
        for stage in range(plan.stages.size):
            kind = plan.stages[stage].kind
            if threads == 1 or kind == op.TOTAL or kind == op.UPDATE_TOGETHER:
                call_entry(entry, (stage, zero, one, plan, weights, batch, data, order, first, rows, step,
                                   optimizer, hyper))  # fmt: skip
            else:
                for thread in prange(threads):
                    t = np.int64(thread)  # prange counts unsigned
                    call_entry(entry, (stage, t, threads, plan, weights, batch, data, order, first, rows, step,
                                       optimizer, hyper))  # fmt: skip
        loss = add_to_log(log[epoch], batch, rows, plan.means)
        cursor[op.ROW] = first + rows
        if first + rows == samples:
            cursor[op.ROW] = 0
            cursor[op.EPOCH] = epoch + 1
        if training:
            cursor[op.STEP] = step
        if not np.isfinite(loss):
            cursor[op.NOT_FINITE] += 1
            if cursor[op.NOT_FINITE] == 1:
                break
