"""The tables that a network is lowered to, and that the interpreter executes.

A program is an array of `INSTRUCTION` records. An instruction reads its input from offset `x` of a flat buffer, the
batch's activations, and writes its output from offset `y` on: row 0 begins there, and rows are `x_stride` and
`y_stride` elements apart. Gradients lie at the same offsets of a second buffer. Many layers work in place: their `x` is
their `y`. Weights are named by their numbers (`weights.py`).

What an instruction does is its operation: a function (`operations.py`) that is compiled when the first model uses it
and called by its address.
"""

from typing import NamedTuple

import numpy as np

INSTRUCTION = np.dtype(
    [
        ("entry", np.int64),  # the address of the operation
        ("place", np.int64),  # the index of this record, by which a profile knows it
        ("x", np.int64),
        ("x_stride", np.int64),
        ("y", np.int64),
        ("y_stride", np.int64),
        ("inputs", np.int64),  # columns of x without padding
        ("outputs", np.int64),  # columns of y without padding
        ("channels", np.int64),  # the length of the last axis of a sample of x
        ("kernel", np.int64),  # the number of its first weight; -1: none
        ("bias", np.int64),  # the number of its second weight; -1: none
        ("transposed", np.int64),  # where the kernel's transposed copy starts in Weights.transposed; -1: none
        ("trainable", np.int64),  # 1: the parameter stage updates its weights
        ("gradient", np.int64),  # 1: something before it is trained, so backward computes dx
        ("value", np.int64),  # losses and metrics: the row of Batch.values they write, or where they add to Batch.sums
        ("targets", np.int64),  # losses and metrics: where their targets start in Batch.targets
        ("table", np.int64),  # where its own integers start in Batch.tables
        ("marks", np.int64),  # where its marks of what is not zero start in Batch.marks (`skipping.py`); -1: none
        ("partial", np.int64),  # where its partial sums start in Batch.partials
        ("scratch", np.int64),  # where its part of a thread's scratch space starts
        ("seed", np.int64),  # dropout and noise: the layer's seed
        ("clock", np.int64),  # and what is added to the step of the training: the layer counts its own steps
        ("alpha", np.float64),  # the layer's first number: scale, negative slope, rate, stddev, threshold
        ("beta", np.float64),  # and its second: offset
    ],
    align=True,
)

# A weight that an instruction uses, as a matrix (a vector has one row).
PARAMETER = np.dtype(
    [
        ("instruction", np.int64),  # whose gradient it is
        ("which", np.int64),  # its place among that instruction's weights
        ("number", np.int64),  # its index in the tables of Weights
        ("rows", np.int64),
        ("stride", np.int64),  # elements from one row to the next
        ("trained", np.int64),  # 1: the parameter stage computes its gradient and updates it
        ("prepared", np.int64),  # 1: PREPARE comes before its gradient, which is written where `Span.into` says
        ("touched_only", np.int64),  # 1: only the rows that PREPARE has put down have a gradient and are updated
        # Only the stages after the gradients read the rest (`updating.py`).
        ("sums", np.int64),  # where its sums start in Batch.sums
        ("l1", np.float64),  # the factors of its penalty, l1 sum |w| + l2 sum w^2
        ("l2", np.float64),
        ("per_sample", np.int64),  # 1: both are divided by Batch.divisor
        ("decayed", np.int64),  # 1: the weight decay hyper[SEPARATE_DECAY] applies to it
        ("constraint", np.int64),  # one of the constraints below
        ("together", np.int64),  # a norm is that of rows i, i + together, ... of a column; 0: of the whole weight
        ("low", np.float64),  # the smallest norm ...
        ("high", np.float64),  # ... and the largest
        ("rate", np.float64),  # how far each step moves a norm there; 1: all the way
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
# SAMPLES: some instructions, for rows of the batch. TOTAL: what one instruction needs of the whole batch before the
# next stage, computed by one thread: task `stop` of instruction `start`. PARAMETERS: gradients of the weights, and
# their update unless separate stages follow for it. UPDATE, UPDATE_TOGETHER: task `start` of the update, shared by
# threads or done by one. REFRESH: transposed copies of the weights.
SAMPLES, TOTAL, PARAMETERS, UPDATE, UPDATE_TOGETHER, REFRESH = range(6)

# The tasks of the update, and the constraints on a weight.
MEASURE, SUM_UP, DESCEND, CONSTRAIN = range(4)
NO_CONSTRAINT, NON_NEGATIVE, NORM = range(3)

# The tasks of an operation (`operations.py`).
FORWARD, BACKWARD, TOTAL_FORWARD, TOTAL_BACKWARD, GRADIENT, COPIES, PREPARE, GRADIENT_OF_TOUCHED = range(8)

# The indices of an optimizer's numbers in the vector `hyper`. RATE, LEARNING_RATE and ITERATION are set in every step.
# 0 switches a feature off; averages have the switch AVERAGED, because their momentum may be 0.
RATE, LEARNING_RATE, MOMENTUM, RHO, BETA_1, BETA_2, EPSILON, WEIGHT_DECAY = range(8)
SEPARATE_DECAY, CLIP_NORM, GLOBAL_CLIP_NORM, CLIP_VALUE, AVERAGED, EMA_MOMENTUM, EMA_FREQUENCY, ITERATION = range(8, 16)
HYPER_NUMBERS = 16

# The indices of `cursor`: where a run stopped and the next call continues.
EPOCH, ROW, STEP, NOT_FINITE = range(4)  # NOT_FINITE: the steps so far whose loss was NaN or infinite


class Weights(NamedTuple):
    """A program's W weights: the address of each (`weights.py`), and transposed copies; and the clocks of a profile."""

    values: np.ndarray  # (W,) addresses; in plain Python the arrays themselves
    gradients: np.ndarray  # (W,) the same for their gradients
    slots: np.ndarray  # (slots, W) the same for the optimizer's slots
    transposed: np.ndarray  # transposed copies of kernels, for input gradients; of the weights' type
    clock: np.ndarray  # int64: where a profile counts (`clock.py`); empty without one
    timed: np.ndarray  # the addresses of the functions that a profile times; in plain Python the functions


class Data(NamedTuple):
    """What a program reads, N samples, and where it writes predictions; arrays that it does not need are empty."""

    pixels: np.ndarray  # (N, F) uint8
    features: np.ndarray  # (N, F) float
    indptr: np.ndarray  # (N + 1,) int64: sparse samples (`sparse.py`) ...
    indices: np.ndarray  # (entries,) int32: ... their columns ...
    values: np.ndarray  # (entries,) float: ... and values
    labels: np.ndarray  # (N,) int64
    targets: np.ndarray  # (N, C) float
    sample_weight: np.ndarray  # (N,) float; empty: all 1
    predictions: np.ndarray  # (N, C) float
    order: np.ndarray  # (M,) int64: which samples to take, first to last


class Batch(NamedTuple):
    """The buffers of one batch of B rows, padded to whole tiles."""

    activations: np.ndarray
    gradients: np.ndarray
    labels: np.ndarray  # (B,)
    targets: np.ndarray
    weight: np.ndarray  # (B,): sample weights
    scale: np.ndarray  # (B,): the same divided by `divisor`
    divisor: np.ndarray  # (1,) float64: what sums over the samples are divided by, their number or their weight
    values: np.ndarray  # (1 + metrics that are means, B): each row's loss and metrics
    sums: np.ndarray  # (columns of the log,) float64: what whole batches add to the log
    partials: np.ndarray  # sums over groups of rows (`group_rows`), which a TOTAL or GRADIENT task adds up in order
    scratch: np.ndarray  # (threads, scratch): each thread's space for one sample
    tables: np.ndarray  # int64: the instructions' own integers
    marks: np.ndarray  # int64: what is not zero in the inputs of some instructions, and whether that pays
    terms: np.ndarray  # (threads, terms) int16: each thread's lists of what is not zero
    lists: np.ndarray  # int32: the entries of a batch of sparse rows by column (`sparse.py`); first, the rows touched
    entries: np.ndarray  # the values of these entries
    zeros: np.ndarray  # as long as the longest row
    one: np.ndarray  # (1,): the number 1


class Plan(NamedTuple):
    """A lowered network."""

    code: np.ndarray  # INSTRUCTION
    parameters: np.ndarray  # PARAMETER
    stages: np.ndarray  # STAGE
    means: np.ndarray  # the column of the log for each row of Batch.values
    block: int  # rows that a thread takes through a stage at once
    grouped: int  # 1: threads share the batch by whole groups of rows, because an instruction keeps partial sums
    update: int  # the address of the update's function; 0: no stage calls it
    steps_at_once: int  # 1: the parameter stage also takes the optimizer's step
    weighted: int  # 1: the loss is divided by the sum of the sample weights instead of the number of samples


class Span(NamedTuple):
    """What part of the work an operation does."""

    start: int  # rows [start, stop): of the batch, or for tasks on a weight its rows
    stop: int
    rows: int  # of the whole batch
    first: int  # the index of the batch's row 0 in `Data.order`
    step: int  # of the training, from 1
    thread: int  # whose scratch space to use
    which: int  # for tasks on a weight: which of the instruction's weights
    into: int  # GRADIENT: if the weight is `prepared`, where to write, as a row of the gradient
