"""The tables that a network is lowered to, and that the interpreter executes.

A program is an array of `INSTRUCTION` records over flat buffers. `x` and `y` are where an instruction reads and writes
in the batch's activations: the offset of row 0, with `x_stride` and `y_stride` elements from one row to the next.
Gradients lie at the same places of a second buffer of the same size. Many layers work in place: their `x` is their `y`.

What an instruction does is its operation: a function of one signature (`operations.py`), compiled when the first model
uses it and called by its address.
"""

from typing import NamedTuple

import numpy as np

INSTRUCTION = np.dtype(
    [
        ("entry", np.int64),  # the address of the operation
        ("x", np.int64),
        ("x_stride", np.int64),
        ("y", np.int64),
        ("y_stride", np.int64),
        ("inputs", np.int64),  # columns of x that count
        ("outputs", np.int64),  # columns of y that count
        ("channels", np.int64),  # the last axis of a sample of x
        ("kernel", np.int64),  # the number of its first weight
        ("bias", np.int64),  # the number of its second one; -1: none
        ("transposed", np.int64),  # where the kernel's transposed copy starts in Weights.transposed; -1: none
        ("trainable", np.int64),  # 1: the parameter stage updates its weights
        ("gradient", np.int64),  # 1: something before it is trained, so backward gives its input gradient
        ("value", np.int64),  # losses and metrics: the row of Batch.values they write, or where they add to Batch.sums
        ("targets", np.int64),  # losses and metrics: where their targets start in Batch.targets
        ("table", np.int64),  # where integers of their own start in Batch.tables
        ("partial", np.int64),  # where their partial sums start in Batch.partials
        ("scratch", np.int64),  # where their part of a thread's scratch space starts
        ("seed", np.int64),  # dropout and noise: the layer's own
        ("alpha", np.float64),  # the layer's first number: scale, negative slope, rate, stddev, threshold
        ("beta", np.float64),  # and its second: offset
    ],
    align=True,
)

# A weight, as a matrix (a vector has one row); in the order of the instructions.
PARAMETER = np.dtype(
    [
        ("instruction", np.int64),  # whose gradient it is
        ("which", np.int64),  # its number among that instruction's weights
        ("number", np.int64),  # its place in the tables of Weights
        ("rows", np.int64),
        ("stride", np.int64),  # elements from one row to the next
        ("trained", np.int64),  # 1: the parameter stage computes its gradient and updates it
        # What only the stages after the gradients read (`updating.py`).
        ("sums", np.int64),  # where its sums start in Batch.sums
        ("l1", np.float64),  # the factors of its penalty, l1 sum |w| + l2 sum w^2
        ("l2", np.float64),
        ("decayed", np.int64),  # 1: a weight decay of hyper[SEPARATE_DECAY] is for it
        ("constraint", np.int64),  # one of the constraints below
        ("together", np.int64),  # the norms that are constrained: of rows i, i + together, ... each column; 0: of all
        ("low", np.float64),  # the least norm ...
        ("high", np.float64),  # ... and the largest
        ("rate", np.float64),  # how far a step goes there, 1: all the way
    ],
    align=True,
)

# The stages of a step, one after another; within a stage, threads share the work.
STAGE = np.dtype(
    [
        ("kind", np.int64),
        ("start", np.int64),  # SAMPLES: instructions [start, stop) forward ...
        ("stop", np.int64),
        ("back_start", np.int64),  # ... and then from back_start - 1 down to back_stop backward
        ("back_stop", np.int64),
    ],
    align=True,
)
# SAMPLES: rows of the batch, all the way through some instructions. TOTAL: what one instruction has to know of the
# whole batch before the next stage, by one thread: instruction `start`, task `stop`. PARAMETERS: gradients of weights,
# and their update unless stages of its own follow. UPDATE, UPDATE_TOGETHER: task `start` of the update, shared or by
# one thread. REFRESH: the copies of the weights that are made of them.
SAMPLES, TOTAL, PARAMETERS, UPDATE, UPDATE_TOGETHER, REFRESH = range(6)

# The tasks of the update, and the constraints on a weight.
MEASURE, SUM_UP, DESCEND, CONSTRAIN = range(4)
NO_CONSTRAINT, NON_NEGATIVE, NORM = range(3)

# What an operation is called for.
FORWARD, BACKWARD, TOTAL_FORWARD, TOTAL_BACKWARD, GRADIENT, COPIES = range(6)

# The places of an optimizer's numbers in the vector `hyper`. RATE and ITERATION are set anew in every step.
# A number that is 0 switches its part off; averages are switched by AVERAGED, because their momentum may be 0.
RATE, LEARNING_RATE, MOMENTUM, RHO, BETA_1, BETA_2, EPSILON, WEIGHT_DECAY = range(8)
SEPARATE_DECAY, CLIP_NORM, GLOBAL_CLIP_NORM, CLIP_VALUE, AVERAGED, EMA_MOMENTUM, EMA_FREQUENCY, ITERATION = range(8, 16)
HYPER_NUMBERS = 16

# The places of `cursor`, by which a run goes on where the last one stopped.
EPOCH, ROW, STEP, NOT_FINITE = range(4)  # NOT_FINITE: the steps so far whose loss was NaN or infinite


class Weights(NamedTuple):
    """A program's W weights: where each begins in memory (`weights.py`), and what is kept of them."""

    values: np.ndarray  # (W,) addresses; in plain Python the arrays themselves
    gradients: np.ndarray  # (W,) the same of their gradients
    slots: np.ndarray  # (slots, W) the same of what the optimizer keeps
    transposed: np.ndarray  # transposed copies of the kernels that pass a gradient on; its type is the weights'


class Data(NamedTuple):
    """What a program reads, N samples, and where it puts predictions; empty where it needs nothing."""

    pixels: np.ndarray  # (N, F) uint8
    features: np.ndarray  # (N, F) float
    labels: np.ndarray  # (N,) int64
    targets: np.ndarray  # (N, C) float
    sample_weight: np.ndarray  # (N,) float; empty: all one
    predictions: np.ndarray  # (N, C) float
    order: np.ndarray  # (M,) int64: the samples that are taken, first to last


class Batch(NamedTuple):
    """The buffers of one batch of B rows, padded to whole tiles."""

    activations: np.ndarray
    gradients: np.ndarray
    labels: np.ndarray  # (B,)
    targets: np.ndarray
    weight: np.ndarray  # (B,): sample weights
    scale: np.ndarray  # (B,): the same divided by the rows of the batch
    values: np.ndarray  # (1 + metrics that are means, B): each row's loss and metrics
    sums: np.ndarray  # (columns of the log,) float64: what whole batches add to the log
    partials: np.ndarray  # sums over groups of rows (`group_rows`), which a TOTAL or GRADIENT task adds up in order
    scratch: np.ndarray  # (threads, scratch): each thread's space for one sample
    tables: np.ndarray  # int64: integers of the instructions' own
    zeros: np.ndarray  # as long as the longest row
    one: np.ndarray  # (1,): the number 1


class Plan(NamedTuple):
    """A lowered network."""

    code: np.ndarray  # INSTRUCTION
    parameters: np.ndarray  # PARAMETER
    stages: np.ndarray  # STAGE
    means: np.ndarray  # the column of the log for each row of Batch.values
    block: int  # rows that a thread takes through a stage at once
    grouped: int  # 1: threads share the batch by whole groups of rows, because something keeps partial sums
    update: int  # the address of the update's function; 0: no stage calls it
    steps_at_once: int  # 1: the parameter stage takes the optimizer's step, too


class Span(NamedTuple):
    """What an operation is to work on."""

    start: int  # rows [start, stop): of the batch, or for GRADIENT and COPIES of the weight
    stop: int
    rows: int  # of the whole batch
    first: int  # the place of the batch's row 0 in `Data.order`
    step: int  # of the training, from 1
    thread: int  # whose scratch space to use
    which: int  # GRADIENT and COPIES: the weight
