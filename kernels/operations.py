"""The operations: functions that the interpreter calls by address, so that a model compiles only those that it uses.

An operation is one function of (task, ins, weights, batch, data, span) for all tasks; weights, batch and data are
references (`calls.reference`).

- FORWARD: rows [span.start, span.stop) of the batch, from x to y; a loss computes its values and dy.
- BACKWARD: dx from dy for the same rows, and what the rows add to its partial sums. Called if `ins.gradient` (dx is
  wanted) or `ins.trainable` is set.
- TOTAL_FORWARD, TOTAL_BACKWARD: one thread, between two stages, for all rows: [0, span.rows).
- GRADIENT: rows [span.start, span.stop) of the gradient of its weight number `span.which`.
- PREPARE: what GRADIENT needs for a `prepared` weight, once in a step for all rows [span.start, span.stop) of a thread.
  Into `batch.lists` it writes, from span.start on, which of these rows have a gradient; -1 ends them if they are fewer.
- GRADIENT_OF_TOUCHED: the gradient of the rows that `batch.lists` names at [span.start, span.stop), one after the other
  from row `span.into` on.
- COPIES: refresh what it keeps of those rows of its weight: its transposed copy, whether they are finite. span.rows is
  0 where a run begins, for all rows at once.

Partial sums: threads share a batch in whole groups of `group_rows(rows)` rows, which do not depend on the number of
threads, and each group has sums of its own. These are added up in the order of the groups. So no thread adds to a
result of another one, and results are bit-identical for any number of threads.
"""

from typing import Any

from .arrays import matrix, vector
from .calls import call_entry, reference
from .jit import JIT_ENABLED, jit, jit_part

# The most groups of a batch: more could be shared more evenly among many threads, but would cost more memory.
GROUPS = 32
SMALLEST_GROUP = 8

OPERATIONS: list[Any] = []  # in the order of their definition


def operation(function):
    """Make a function an operation, as `Lowering.emit` takes it."""
    compiled = jit(function)
    OPERATIONS.append(compiled)
    return compiled


def _call_operation(task, ins, weights, batch, data, span):
    call_entry(ins.entry, (task, ins, reference(weights), reference(batch), reference(data), span))


def call_operation(task, ins, weights, batch, data, span):
    """Call an instruction's operation. Without the JIT there are no addresses: `entry` is an index in OPERATIONS."""
    OPERATIONS[ins.entry](task, ins, weights, batch, data, span)


if JIT_ENABLED:
    call_operation = jit_part(_call_operation)


@jit
def group_rows(rows):
    """Rows per group of a batch of `rows` rows: 8, 16, 32, ..., so that there are at most GROUPS groups."""
    size = SMALLEST_GROUP
    while size * GROUPS < rows:
        size *= 2
    return size


# ---------------------------------------------------------------------------------------------------------------------
# What an instruction works on, for rows [span.start, span.stop) of the batch.


@jit_part
def x_rows(ins, batch, span):
    """x[rows, x_stride]."""
    return matrix(batch.activations, ins.x + span.start * ins.x_stride, span.stop - span.start, ins.x_stride)


@jit_part
def y_rows(ins, batch, span):
    """y[rows, y_stride]."""
    return matrix(batch.activations, ins.y + span.start * ins.y_stride, span.stop - span.start, ins.y_stride)


@jit_part
def dx_rows(ins, batch, span):
    """dx[rows, x_stride]."""
    return matrix(batch.gradients, ins.x + span.start * ins.x_stride, span.stop - span.start, ins.x_stride)


@jit_part
def dy_rows(ins, batch, span):
    """dy[rows, y_stride]."""
    return matrix(batch.gradients, ins.y + span.start * ins.y_stride, span.stop - span.start, ins.y_stride)


@jit_part
def x_flat(ins, batch, span):
    """x as a flat array, padding included."""
    return vector(batch.activations, ins.x + span.start * ins.x_stride, (span.stop - span.start) * ins.x_stride)


@jit_part
def y_flat(ins, batch, span):
    """y as a flat array, padding included: for element-wise functions."""
    return vector(batch.activations, ins.y + span.start * ins.y_stride, (span.stop - span.start) * ins.y_stride)


@jit_part
def dx_flat(ins, batch, span):
    """dx as a flat array, padding included."""
    return vector(batch.gradients, ins.x + span.start * ins.x_stride, (span.stop - span.start) * ins.x_stride)


@jit_part
def dy_flat(ins, batch, span):
    """dy as a flat array, padding included."""
    return vector(batch.gradients, ins.y + span.start * ins.y_stride, (span.stop - span.start) * ins.y_stride)


@jit_part
def target_rows(ins, batch, span):
    """targets[rows, y_stride]."""
    return matrix(batch.targets, ins.targets + span.start * ins.y_stride, span.stop - span.start, ins.y_stride)


@jit_part
def label_rows(batch, span):
    """labels[rows]."""
    return vector(batch.labels, span.start, span.stop - span.start)


@jit_part
def scale_rows(batch, span):
    """scale[rows]: the factors of the gradients of the samples' losses."""
    return vector(batch.scale, span.start, span.stop - span.start)


@jit_part
def loss_rows(ins, batch, span):
    """The arrays that a loss with rows of targets takes: values, dy, y, targets and scale."""
    y, targets = y_rows(ins, batch, span), target_rows(ins, batch, span)
    return value_rows(ins, batch, span), dy_rows(ins, batch, span), y, targets, scale_rows(batch, span)


@jit_part
def sparse_loss_rows(ins, batch, span):
    """The arrays that a loss with labels takes: values, dy, y, labels and scale."""
    y, labels = y_rows(ins, batch, span), label_rows(batch, span)
    return value_rows(ins, batch, span), dy_rows(ins, batch, span), y, labels, scale_rows(batch, span)


@jit_part
def value_rows(ins, batch, span):
    """values[rows]: where a loss, or a metric that is a mean, writes the samples' values."""
    return vector(batch.values, ins.value * batch.scale.size + span.start, span.stop - span.start)
