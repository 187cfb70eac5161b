"""The one table: a row for every layer, loss, metric and optimizer. The tests and bench/ both read it.

A row says how to make the fastnn object, which kernels it stands on, which functions of `tests/reference` they have to
agree with, and what numbers to try them on. Tests that hold for every row then cover a new one by themselves: agreement
with the reference, central differences, odd inputs, NaN, nothing written outside the arrays.

B batch (rows), C columns. Kernels are called here with C-contiguous matrices [B, C] without padding; a dense layer's
matrices are padded (`padded_matrix`) and it has no kernels in its rows: `tests/test_kernels_dense.py` calls them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from fastnn import layers, losses, metrics, optimizers
from fastnn.kernels import activations, dropout, rescaling
from fastnn.kernels import losses as loss_kernels
from fastnn.kernels import metrics as metric_kernels
from fastnn.kernels import optimizers as optimizer_kernels
from fastnn.kernels.tile import padded, stride

from .reference import activations as activations_reference
from .reference import dense as dense_reference
from .reference import dropout as dropout_reference
from .reference import losses as losses_reference
from .reference import metrics as metrics_reference
from .reference import optimizers as optimizers_reference

Array = np.ndarray

# ---------------------------------------------------------------------------------------------------------------------
# Numbers to try them on: of a generator, rows, columns and a float type.


def normal(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    return rng.normal(size=(rows, columns)).astype(dtype)


def logits(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    return rng.normal(scale=3, size=(rows, columns)).astype(dtype)


def fractions(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    """What a sigmoid gives, none of it near 0 or 1."""
    return rng.uniform(0.05, 0.95, (rows, columns)).astype(dtype)


def probabilities(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    """Rows that sum to 1, as soft targets do and what a softmax gives."""
    parts = rng.uniform(0.1, 1, (rows, columns))
    return (parts / parts.sum(axis=1, keepdims=True)).astype(dtype)


def labels(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    return rng.integers(columns, size=rows)


def one_hot(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    return np.eye(columns, dtype=dtype)[labels(rng, rows, columns, dtype)]


def yes_or_no(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    return rng.integers(2, size=(rows, columns)).astype(dtype)


def padded_matrix(array: Array, fill: float = 0.0) -> Array:
    """The matrix as a dense kernel takes it: whole tiles of rows, and columns up to the stride."""
    result = np.full((padded(array.shape[0]), stride(array.shape[1], array.dtype)), fill, array.dtype)
    result[: array.shape[0], : array.shape[1]] = array
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Layers.


@dataclass(frozen=True)
class LayerCase:
    """A layer.

    Attributes:
        name: as its kernels are called.
        make: the layer; takes `dtype`.
        forward: the reference, y from (x, *weights).
        backward: the reference, (dx, *gradients of the weights) from (dy, x, y, *weights).
        forward_kernel: (y), in place: y holds x before and y after.
        backward_kernel: (dx, y), in place: dx holds dy before and dx after.
        elementwise: whether every number is computed alone, so that its place in the array does not matter.
        tolerance: of the relative error, where it is not that of `comparing.TOLERANCE`.
        shape: the shape of a sample for `columns` columns.
    """

    name: str
    make: Callable[..., layers.Layer]
    forward: Callable[..., Array]
    backward: Callable[..., tuple[Array, ...]]
    forward_kernel: Callable[[Array], None] | None = None
    backward_kernel: Callable[[Array, Array], None] | None = None
    elementwise: bool = False
    tolerance: float | None = None
    shape: Callable[[int], tuple[int, ...]] = field(default=lambda columns: (columns,))


def _flat(kernel: Callable[..., None], *numbers: float) -> Callable[..., None]:
    return lambda *arrays: kernel(*(a.reshape(-1) for a in arrays), *numbers)


def _by_rows(kernel: Callable[..., None]) -> Callable[..., None]:
    return lambda *arrays: kernel(*arrays, arrays[0].shape[1])


def _activation(name: str, make: Callable[..., layers.Layer], kernel: str, *numbers: float) -> LayerCase:
    forward = getattr(activations_reference, f"{kernel}_forward")
    backward = getattr(activations_reference, f"{kernel}_backward")
    called = _by_rows if kernel == "softmax" else _flat
    return LayerCase(
        name,
        make,
        forward=lambda x: forward(x, *numbers),
        backward=lambda dy, x, y: (backward(dy, y, *numbers),),
        forward_kernel=called(getattr(activations, f"{kernel}_forward"), *numbers),
        backward_kernel=called(getattr(activations, f"{kernel}_backward"), *numbers),
        elementwise=kernel != "softmax",
    )


def _dense(name: str, activation: str | None = None, use_bias: bool = True) -> LayerCase:
    act = getattr(activations_reference, f"{activation}_forward", lambda z: z)
    act_backward = getattr(activations_reference, f"{activation}_backward", lambda dy, y: dy)

    def forward(x: Array, w: Array, b: Array | float = 0.0) -> Array:
        return act(dense_reference.dense_forward(x, w, b))

    def backward(dy: Array, x: Array, y: Array, w: Array, b: Array | None = None) -> tuple[Array, ...]:
        dx, dw, db = dense_reference.dense_backward(act_backward(dy, y), x, w)
        return (dx, dw, db) if use_bias else (dx, dw)

    make = partial(layers.Dense, 5, activation=activation, use_bias=use_bias, bias_initializer=np.arange(-2.0, 3.0) / 4)
    return LayerCase(name, make, forward, backward)


_SCALE, _OFFSET = 1 / 255, -0.25
_RATE, _STDDEV, _SEED, _FIRST_STEP = 0.4, 0.5, 7, 1


def _mask(x: Array) -> Array:
    return dropout_reference.keep_mask(_RATE, _SEED, _FIRST_STEP, 0, *x.shape)


LAYERS = (
    _dense("dense"),
    _dense("dense_no_bias", use_bias=False),
    _dense("dense_tanh", "tanh"),
    _dense("dense_softmax", "softmax"),
    _activation("relu", layers.ReLU, "relu"),
    _activation("leaky_relu", layers.LeakyReLU, "leaky_relu", 0.3),
    _activation("relu_with_slope", partial(layers.ReLU, 0.01), "leaky_relu", 0.01),
    _activation("leaky_relu_by_name", partial(layers.Activation, "leaky_relu"), "leaky_relu", 0.2),
    _activation("sigmoid", layers.Sigmoid, "sigmoid"),
    _activation("tanh", layers.Tanh, "tanh"),
    _activation("softmax", layers.Softmax, "softmax"),
    LayerCase("linear", partial(layers.Activation, "linear"), lambda x: x, lambda dy, x, y: (dy,)),
    LayerCase(
        "flatten",
        layers.Flatten,
        forward=lambda x: x.reshape(len(x), -1),
        backward=lambda dy, x, y: (dy.reshape(x.shape),),
        shape=lambda columns: (2, columns, 3),
    ),
    LayerCase(
        "rescaling",
        partial(layers.Rescaling, _SCALE, _OFFSET),
        forward=lambda x: x * _SCALE + _OFFSET,
        backward=lambda dy, x, y: (dy * _SCALE,),
        forward_kernel=_flat(rescaling.rescaling_forward, _SCALE, _OFFSET),
        backward_kernel=lambda dx, y: rescaling.rescaling_backward(dx.reshape(-1), _SCALE),
        elementwise=True,
    ),
    LayerCase(
        "dropout",
        partial(layers.Dropout, _RATE, seed=_SEED),
        forward=lambda x: dropout_reference.dropout_forward(x, _mask(x), _RATE),
        backward=lambda dy, x, y: (dropout_reference.dropout_backward(dy, _mask(dy), _RATE),),
        forward_kernel=lambda y: dropout.dropout(y, _RATE, _SEED, _FIRST_STEP, 0, y.shape[1]),
        backward_kernel=lambda dx, y: dropout.dropout(dx, _RATE, _SEED, _FIRST_STEP, 0, dx.shape[1]),
    ),
    LayerCase(
        "gaussian_noise",
        partial(layers.GaussianNoise, _STDDEV, seed=_SEED),
        forward=lambda x: dropout_reference.gaussian_noise_forward(
            x, dropout_reference.noise(_SEED, _FIRST_STEP, 0, *x.shape), _STDDEV
        ),
        backward=lambda dy, x, y: (dy,),
        forward_kernel=lambda y: dropout.gaussian_noise(y, _STDDEV, _SEED, _FIRST_STEP, 0, y.shape[1]),
        tolerance=1e-5,  # the normal numbers' own, in either float type
    ),
)


# ---------------------------------------------------------------------------------------------------------------------
# Losses and metrics.


@dataclass(frozen=True)
class LossCase:
    """A loss.

    Attributes:
        name: as its kernel and its reference are called.
        make: the loss object that uses this kernel.
        outputs: what the loss is computed from: logits for the fused losses, else outputs.
        targets: labels (B,) or targets (B, C).
        activation: for the fused losses, the reference of the activation that the kernel leaves in y; else None.
        fewest_columns: how many outputs the loss needs.
    """

    name: str
    make: Callable[[], losses.Loss]
    outputs: Callable[..., Array]
    targets: Callable[..., Array]
    activation: Callable[[Array], Array] | None = None
    fewest_columns: int = 1

    @property
    def kernel(self) -> Callable[..., None]:
        """(values[B], dx[B, C], y[B, C], targets, scale[B], columns)."""
        return getattr(loss_kernels, self.name)

    @property
    def reference(self) -> Callable[..., tuple[Array, Array]]:
        """(values, dx) from (y, targets, scale)."""
        return getattr(losses_reference, self.name)


_softmax, _sigmoid = activations_reference.softmax_forward, activations_reference.sigmoid_forward

LOSSES = (
    LossCase(
        "sparse_softmax_cross_entropy",
        partial(losses.SparseCategoricalCrossentropy, from_logits=True),
        *(logits, labels, _softmax, 2),
    ),
    LossCase(
        "softmax_cross_entropy",
        partial(losses.CategoricalCrossentropy, from_logits=True),
        *(logits, probabilities, _softmax, 2),
    ),
    LossCase(
        "sigmoid_binary_cross_entropy",
        partial(losses.BinaryCrossentropy, from_logits=True),
        *(logits, fractions, _sigmoid),
    ),
    LossCase("mean_squared_error", losses.MeanSquaredError, normal, normal),
    LossCase("half_mean_squared_error", losses.HalfMeanSquaredError, normal, normal),
    LossCase("sparse_cross_entropy", losses.SparseCategoricalCrossentropy, fractions, labels, fewest_columns=2),
    LossCase("cross_entropy", losses.CategoricalCrossentropy, fractions, probabilities, fewest_columns=2),
    LossCase("binary_cross_entropy", losses.BinaryCrossentropy, fractions, yes_or_no),
)


@dataclass(frozen=True)
class MetricCase:
    """A metric. Attributes as of a `LossCase`; `numbers` are what kernel and reference take besides the arrays."""

    name: str
    make: Callable[[], metrics.Metric]
    outputs: Callable[..., Array]
    targets: Callable[..., Array]
    numbers: tuple[float, ...] = ()

    @property
    def kernel(self) -> Callable[..., None]:
        """(values[B], y[B, C], targets, *numbers, columns)."""
        return getattr(metric_kernels, self.name)

    @property
    def reference(self) -> Callable[..., Array]:
        """Values from (y, targets, *numbers)."""
        return getattr(metrics_reference, self.name)


METRICS = (
    MetricCase("sparse_categorical_accuracy", metrics.SparseCategoricalAccuracy, probabilities, labels),
    MetricCase("categorical_accuracy", metrics.CategoricalAccuracy, probabilities, one_hot),
    MetricCase("binary_accuracy", partial(metrics.BinaryAccuracy, threshold=0.4), fractions, yes_or_no, (0.4,)),
    MetricCase("mean_squared_error", metrics.MeanSquaredError, normal, normal),
    MetricCase("mean_absolute_error", metrics.MeanAbsoluteError, normal, normal),
)


# ---------------------------------------------------------------------------------------------------------------------
# Optimizers.


@dataclass(frozen=True)
class OptimizerCase:
    """An optimizer.

    Attributes:
        name: as its kernel is called.
        make: the optimizer.
        slots: how many arrays it keeps, and `slot_start` what they start with.
        kernel, reference: (p, g, *slots, step) with p, g and the slots flat; p and the slots are changed in place.
    """

    name: str
    make: Callable[[], optimizers.Optimizer]
    slots: int
    kernel: Callable[..., None]
    reference: Callable[..., None]
    slot_start: float = 0.0


def _stepless(
    name: str, make: Callable[..., Any], numbers: dict[str, float], slots: int, slot_start: float = 0.0, **options: Any
) -> OptimizerCase:
    kernel, reference = getattr(optimizer_kernels, name), getattr(optimizers_reference, name)
    return OptimizerCase(
        name,
        partial(make, **numbers, **options),
        slots,
        kernel=lambda *arrays, step: kernel(*arrays, *numbers.values()),
        reference=lambda *arrays, step: reference(*arrays, **numbers),
        slot_start=slot_start,
    )


def _centered(name: str, momentum: float) -> OptimizerCase:
    """RMSprop's variance needs a third array, and the reference has a function of its own without momentum."""
    rate, rho, epsilon = 0.01, 0.8, 1e-3

    def reference(p: Array, g: Array, v: Array, m: Array, a: Array, step: int) -> None:
        if momentum > 0:
            optimizers_reference.rmsprop_centered_momentum(p, g, v, m, a, rate, rho, momentum, epsilon)
            return
        before = p.copy()
        optimizers_reference.rmsprop_centered(p, g, v, a, rate, rho, epsilon)
        m[:] = before - p

    return OptimizerCase(
        name,
        partial(optimizers.RMSprop, rate, rho, momentum, epsilon, centered=True),
        slots=3,
        kernel=lambda *arrays, step: optimizer_kernels.rmsprop_centered(*arrays, rate, rho, momentum, epsilon),
        reference=reference,
    )


def _adaptive(name: str, make: Callable[..., Any], slots: int, weight_decay: float = 0.0) -> OptimizerCase:
    """The Adam family: its rate depends on the step. Weight decay is a kernel of its own, called first."""
    rate, beta_1, beta_2, epsilon = 0.01, 0.8, 0.95, 1e-3
    kernel = getattr(optimizer_kernels, name.removesuffix("w"))
    own = {"weight_decay": weight_decay} if weight_decay else {}
    numbers = {"learning_rate": rate, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon} | own

    def run(p: Array, *arrays: Array, step: int) -> None:
        if weight_decay:
            optimizer_kernels.decay(p, weight_decay * rate)
        kernel(p, *arrays, optimizer_kernels.corrected_rate(rate, beta_1, beta_2, step), beta_1, beta_2, epsilon)

    reference = getattr(optimizers_reference, name)
    return OptimizerCase(
        name,
        partial(make, **numbers),
        slots,
        kernel=run,
        reference=lambda *arrays, step: reference(*arrays, step=step, **numbers),
    )


# Epsilons are larger than the defaults, so that it shows where they stand.
OPTIMIZERS = (
    _stepless("sgd", optimizers.SGD, {"learning_rate": 0.1}, slots=0),
    _stepless("momentum", optimizers.SGD, {"learning_rate": 0.1, "momentum": 0.9}, slots=1),
    _stepless("nesterov", optimizers.SGD, {"learning_rate": 0.1, "momentum": 0.9}, slots=1, nesterov=True),
    _stepless("adagrad", optimizers.Adagrad, {"learning_rate": 0.01, "epsilon": 1e-3}, slots=1, slot_start=0.1),
    _stepless("rmsprop", optimizers.RMSprop, {"learning_rate": 0.01, "rho": 0.8, "epsilon": 1e-3}, slots=1),
    _stepless(
        "rmsprop_momentum",
        optimizers.RMSprop,
        {"learning_rate": 0.01, "rho": 0.8, "momentum": 0.7, "epsilon": 1e-3},
        slots=2,
    ),
    _centered("rmsprop_centered", momentum=0.0),
    _centered("rmsprop_centered_momentum", momentum=0.7),
    _adaptive("adam", optimizers.Adam, slots=2),
    _adaptive("amsgrad", partial(optimizers.Adam, amsgrad=True), slots=3),
    _adaptive("adamw", optimizers.AdamW, slots=2, weight_decay=0.5),
)
