"""Executes a program: whole epochs of any network, in two phases a step.

1. Sample phase, shared among threads by rows of the batch: gather the rows, all layers forward, the loss, all input
   gradients backward. A thread walks the whole network over its own rows while they are in its cache.
2. Parameter phase, shared among threads by rows of the weights: the gradient of a few rows over the whole batch, and
   at once, while it is in cache, the optimizer's step on them.

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
from .instructions import Data
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

# Rows of the batch that a thread takes through the whole network at once: their activations stay in the L2 cache.
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
    targets = matrix(batch.targets, start * ins.y_stride, rows, ins.y_stride)
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
def sample_phase(code, weights, batch, data, order, first, rows, start, stop, step, training):
    """All instructions forward, and while training backward, for rows [start, stop) of a batch of `rows` rows."""
    one, share = batch.scale.dtype.type(1), batch.scale.dtype.type(1.0 / rows)
    for i in range(start, stop):
        weight = data.sample_weight[order[first + i]] if data.sample_weight.size else one
        batch.weight[i] = weight
        batch.scale[i] = weight * share
    for i in range(code.size):
        if op.SPARSE_SOFTMAX_CROSS_ENTROPY <= code[i].op <= op.ABSOLUTE_ERROR:
            evaluate(code[i], batch, start, stop)
        else:
            forward(code[i], weights, batch, data, order, first, start, stop, step)
    if training:
        for i in range(code.size - 1, -1, -1):
            if code[i].gradient:
                backward(code[i], weights, batch, start, stop, step)


@jit
def optimize(weights, start, gradient, size, optimizer, hyper):
    """One optimizer step on parameters [start, start + size), whose gradients begin at gradients[gradient]."""
    p, g = vector(weights.values, start, size), vector(weights.gradients, gradient, size)
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
def parameter_phase(code, weights, batch, rows, thread, threads, optimizer, hyper):
    """Gradients and the optimizer's step for thread `thread`'s share of every layer's weights."""
    for i in range(code.size):
        ins = code[i]
        if ins.op != op.DENSE or not ins.trainable:
            continue
        x = matrix(batch.activations, ins.x, rows, ins.x_stride)
        dy = matrix(batch.gradients, ins.y, rows, ins.y_stride)
        tiles = (ins.inputs + ROWS - 1) // ROWS
        row, last = thread * tiles // threads * ROWS, min(ins.inputs, (thread + 1) * tiles // threads * ROWS)
        while row < last:
            count = min(GRADIENT_ROWS, last - row)
            at = ins.kernel + row * ins.y_stride
            dw = matrix(weights.gradients, at, count, ins.y_stride)
            dense_backward_kernel(dw, x, dy, batch.zeros, row, count, rows, ins.outputs)
            optimize(weights, at, at, count * ins.y_stride, optimizer, hyper)
            if ins.transposed >= 0:
                w = matrix(weights.values, ins.kernel, ins.inputs, ins.y_stride)
                w_transposed = matrix(weights.transposed, ins.transposed, ins.outputs, ins.x_stride)
                transpose(w_transposed, w, row, count, ins.outputs)
            row += count
        if ins.bias >= 0 and thread == threads - 1:
            db = matrix(weights.gradients, ins.bias, 1, ins.y_stride)
            dense_backward_bias(db, dy, batch.one, batch.zeros, rows, ins.outputs)
            optimize(weights, ins.bias, ins.bias, ins.y_stride, optimizer, hyper)


@jit
def share(phase, thread, threads, code, weights, batch, data, order, first, rows, step, optimizer, hyper, training):
    """One thread's share of the sample phase (0), in whole tiles of rows, or of the parameter phase (1)."""
    if phase == 1:
        parameter_phase(code, weights, batch, rows, thread, threads, optimizer, hyper)
        return
    tiles = (rows + ROWS - 1) // ROWS
    start, stop = thread * tiles // threads * ROWS, min(rows, (thread + 1) * tiles // threads * ROWS)
    while start < stop:
        end = min(stop, start + SAMPLE_ROWS)
        sample_phase(code, weights, batch, data, order, first, rows, start, end, step, training)
        start = end


@jit
def refresh_transposed(code, weights):
    """Make the transposed copies anew: whoever holds a weight may have changed it between two runs."""
    for i in range(code.size):
        ins = code[i]
        if ins.op == op.DENSE and ins.transposed >= 0:
            w = matrix(weights.values, ins.kernel, ins.inputs, ins.y_stride)
            w_transposed = matrix(weights.transposed, ins.transposed, ins.outputs, ins.x_stride)
            transpose(w_transposed, w, 0, ins.inputs, ins.outputs)


@jit
def add_to_log(log, batch, rows):
    """Add the batch's weighted losses and its metrics to log[1 + metrics], row by row; returns the loss."""
    loss = 0.0
    for i in range(rows):
        loss += batch.values[i] * batch.weight[i]
    if log.size:
        log[0] += loss
    for value in range(1, log.size):
        total = 0.0
        for i in range(rows):
            total += batch.values[value * batch.scale.size + i]
        log[value] += total
    return loss


@jit_parallel
def run(entry, code, weights, batch, data, order, cursor, log, optimizer, hyper, batch_size, steps, threads,
        seed, shuffled, training):  # fmt: skip
    """Execute at most `steps` batches of the epochs that `log` has rows for, on `threads` threads.

    `log[epoch]` receives the sums over the samples of loss and metrics, `cursor` where the run stopped: after the first
    step whose loss is not finite it stops early, so that Python can say so. Without `training`, a batch is computed
    forward only and no weight changes. `entry` is the `entry_point` of `share` for these arguments' types.
    """
    data = Data(
        writable(data.pixels),
        writable(data.features),
        writable(data.labels),
        writable(data.targets),
        writable(data.sample_weight),
        data.predictions,
    )
    samples, zero = order.size, np.int64(0)  # a plain 0 would be a type of its own, compiled once more
    if training:
        refresh_transposed(code, weights)
    for _ in range(steps):
        epoch, first = cursor[op.EPOCH], cursor[op.ROW]
        if epoch == log.shape[0]:
            break
        if first == 0 and shuffled:
            shuffle(order, seed, cursor[op.STEP])
        rows = min(batch_size, samples - first)
        step = cursor[op.STEP] + 1
        hyper[op.RATE] = hyper[op.LEARNING_RATE]
        if optimizer == op.ADAM or optimizer == op.AMSGRAD:
            hyper[op.RATE] = corrected_rate(hyper[op.LEARNING_RATE], hyper[op.BETA_1], hyper[op.BETA_2], step)
        for phase in range(1 + training):
            if threads == 1:
                call_entry(entry, (phase, zero, threads, code, weights, batch, data, order, first, rows, step,
                                   optimizer, hyper, training))  # fmt: skip
            else:
                for thread in prange(threads):
                    t = np.int64(thread)  # prange counts unsigned
                    call_entry(entry, (phase, t, threads, code, weights, batch, data, order, first, rows, step,
                                       optimizer, hyper, training))  # fmt: skip
        loss = add_to_log(log[epoch], batch, rows)
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
