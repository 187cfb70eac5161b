"""The instruction table: what a network is lowered to, and what the interpreter executes.

A program is an array of `INSTRUCTION` records over flat buffers. `x` and `y` are where an instruction reads and writes
in the batch's activations: the offset of row 0, with `x_stride` and `y_stride` elements from one row to the next.
Gradients lie at the same places of a second buffer of the same size. All layers but DENSE and COPY work in place: their
`x` is their `y`.
"""

from typing import NamedTuple

import numpy as np

INSTRUCTION = np.dtype(
    [
        ("op", np.int64),
        ("x", np.int64),
        ("x_stride", np.int64),
        ("y", np.int64),
        ("y_stride", np.int64),
        ("inputs", np.int64),  # columns of x that count
        ("outputs", np.int64),  # columns of y that count
        ("kernel", np.int64),  # where the weights start in Weights.values
        ("bias", np.int64),  # the same for the bias; -1: none
        ("transposed", np.int64),  # where the kernel's transposed copy starts in Weights.transposed; -1: none
        ("trainable", np.int64),  # 1: the parameter phase updates its weights
        ("gradient", np.int64),  # 1: something before it is trained, so backward gives its input gradient
        ("value", np.int64),  # losses and metrics: the row of Batch.values they write
        ("seed", np.int64),  # dropout and noise: the layer's own
        ("alpha", np.float64),  # the layer's first number: scale, negative slope, rate, stddev, threshold
        ("beta", np.float64),  # and its second: offset
    ],
    align=True,
)

# Data into the batch.
GATHER_PIXELS, GATHER_FEATURES, GATHER_LABELS, GATHER_TARGETS = range(1, 5)
# Layers.
DENSE, COPY, RELU, LEAKY_RELU, SIGMOID, TANH, SOFTMAX, RESCALING, DROPOUT, GAUSSIAN_NOISE = range(10, 20)
# Losses: y is what the loss starts from (the fused ones leave the activation there); the gradient goes to y's place.
SPARSE_SOFTMAX_CROSS_ENTROPY, SOFTMAX_CROSS_ENTROPY, SIGMOID_BINARY_CROSS_ENTROPY, MEAN_SQUARED_ERROR = range(30, 34)
SPARSE_CROSS_ENTROPY, CROSS_ENTROPY, BINARY_CROSS_ENTROPY, HALF_MEAN_SQUARED_ERROR = range(34, 38)
# Metrics: y is the network's output.
SPARSE_CATEGORICAL_ACCURACY, CATEGORICAL_ACCURACY, BINARY_ACCURACY, SQUARED_ERROR, ABSOLUTE_ERROR = range(50, 55)
# Out of the batch: y to the rows of Data.predictions.
PREDICT = 70

# Optimizers, and the places of their numbers in the vector `hyper`. RATE is set anew in every step.
SGD, MOMENTUM, NESTEROV, ADAGRAD, RMSPROP, RMSPROP_MOMENTUM, RMSPROP_CENTERED, ADAM, AMSGRAD = range(9)
RATE, LEARNING_RATE, INERTIA, RHO, BETA_1, BETA_2, EPSILON, WEIGHT_DECAY = range(8)

# The places of `cursor`, by which a run goes on where the last one stopped.
EPOCH, ROW, STEP, NOT_FINITE = range(4)  # NOT_FINITE: the steps so far whose loss was NaN or infinite


class Weights(NamedTuple):
    """A model's parameters and all that has their shape; flat, one place for each parameter in all of them."""

    values: np.ndarray
    gradients: np.ndarray
    slots: np.ndarray  # the optimizer's: one stretch of values.size after the other
    transposed: np.ndarray  # transposed copies of the kernels that pass a gradient on, laid out by themselves


class Data(NamedTuple):
    """What a program reads, N samples, and where it puts predictions; empty where it needs nothing."""

    pixels: np.ndarray  # (N, F) uint8
    features: np.ndarray  # (N, F) float
    labels: np.ndarray  # (N,) int64
    targets: np.ndarray  # (N, C) float
    sample_weight: np.ndarray  # (N,) float; empty: all one
    predictions: np.ndarray  # (N, C) float


class Batch(NamedTuple):
    """The buffers of one batch of B rows, padded to whole tiles."""

    activations: np.ndarray
    gradients: np.ndarray
    labels: np.ndarray  # (B,)
    targets: np.ndarray
    weight: np.ndarray  # (B,): sample weights
    scale: np.ndarray  # (B,): the same divided by the rows of the batch
    values: np.ndarray  # (1 + metrics, B): each row's loss and metrics
    zeros: np.ndarray  # as long as the longest row
    one: np.ndarray  # (1,): the number 1
