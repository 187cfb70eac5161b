"""The one table: a row for every layer, loss, metric and optimizer. The tests and bench/ both read it.

A row says how to make the fastnn object, which kernels it stands on, which functions of `tests/reference` they have to
agree with, and what numbers to try them on. Tests that hold for every row then cover a new one by themselves: agreement
with the reference, central differences, odd inputs, NaN, nothing written outside the arrays.

B batch (rows), C columns. Kernels are called here with C-contiguous matrices [B, C] without padding; a dense layer's
matrices are padded (`padded_matrix`) and it has no kernels in its rows: `tests/test_kernels_dense.py` calls them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from fastnn import initializers, layers, losses, metrics, optimizers
from fastnn.kernels import activations, dropout, rescaling
from fastnn.kernels import margins as margin_kernels
from fastnn.kernels import metrics as metric_kernels
from fastnn.kernels import optimizers as optimizer_kernels
from fastnn.kernels import probabilities as probability_kernels
from fastnn.kernels import regression as regression_kernels
from fastnn.kernels.arrays import padded, stride

from .reference import activations as activations_reference
from .reference import conv as conv_reference
from .reference import dense as dense_reference
from .reference import dropout as dropout_reference
from .reference import embedding as embedding_reference
from .reference import margins as margins_reference
from .reference import metrics as metrics_reference
from .reference import normalization as normalization_reference
from .reference import optimizers as optimizers_reference
from .reference import padding as padding_reference
from .reference import pooling as pooling_reference
from .reference import probabilities as probabilities_reference
from .reference import regression as regression_reference

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


def signs(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    return (2 * rng.integers(2, size=(rows, columns)) - 1).astype(dtype)


def counts(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    return rng.poisson(1.5, (rows, columns)).astype(dtype)


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
        from_input: whether the backward kernel takes x in the place of y.
        elementwise: whether every number is computed alone, so that its place in the array does not matter.
        tolerance: of the relative error, where it is not that of `comparing.TOLERANCE`.
        shape: the shape of a sample for `columns` columns.
        linear: of a layer that adds up products, the reference of the sums, before any activation.
        indices: of a layer that takes integers, (columns of x, how many integers) for each group of columns; x has
            other numbers elsewhere.
    """

    name: str
    make: Callable[..., layers.Layer]
    forward: Callable[..., Array]
    backward: Callable[..., tuple[Array, ...]]
    forward_kernel: Callable[[Array], None] | None = None
    backward_kernel: Callable[[Array, Array], None] | None = None
    from_input: bool = False
    elementwise: bool = False
    tolerance: float | None = None
    shape: Callable[[int], tuple[int, ...]] = field(default=lambda columns: (columns,))
    linear: Callable[..., Array] | None = None
    indices: tuple[tuple[slice, int], ...] = ()

    def samples(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
        """x for the layer."""
        return self.with_indices(rng, rng.normal(size=shape).astype(dtype))

    def with_indices(self, rng: np.random.Generator, x: Array) -> Array:
        """x with indices where the layer takes them."""
        for columns, most in self.indices:
            x[:, columns] = rng.integers(most, size=x[:, columns].shape)
        return x

    def with_whole_indices(self, x: Array) -> Array:
        """x with its indices rounded, for whoever changes x a little."""
        for columns, _ in self.indices:
            x[:, columns] = np.round(x[:, columns])
        return x


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


def _activation_of_input(name: str, make: Callable[..., layers.Layer]) -> LayerCase:
    """An activation whose kernels read x, and write elsewhere: (y, x) and (dx, dy, x)."""
    forward_kernel, backward_kernel = (getattr(activations, f"{name}_{way}") for way in ("forward", "backward"))
    forward, backward = (getattr(activations_reference, f"{name}_{way}") for way in ("forward", "backward"))
    return LayerCase(
        name,
        make,
        forward,
        backward=lambda dy, x, y: (backward(dy, x),),
        forward_kernel=lambda y: forward_kernel(y.reshape(-1), y.flatten()),
        backward_kernel=lambda dx, x: backward_kernel(dx.reshape(-1), dx.flatten(), x.reshape(-1)),
        from_input=True,
        elementwise=True,
    )


def _prelu(name: str, shared_axes: list[int] | None, shape: Callable[[int], tuple[int, ...]]) -> LayerCase:
    return LayerCase(
        name,
        partial(layers.PReLU, initializers.Constant(0.25), shared_axes=shared_axes),
        activations_reference.prelu_forward,
        backward=lambda dy, x, y, alpha: activations_reference.prelu_backward(dy, x, alpha),
        shape=shape,
    )


def _dense(name: str, activation: str | None = None, use_bias: bool = True, from_input: bool = False) -> LayerCase:
    act = getattr(activations_reference, f"{activation}_forward", lambda z: z)
    act_backward = getattr(activations_reference, f"{activation}_backward", lambda dy, y: dy)

    def forward(x: Array, w: Array, b: Array | float = 0.0) -> Array:
        return act(dense_reference.dense_forward(x, w, b))

    def backward(dy: Array, x: Array, y: Array, w: Array, b: Array | None = None) -> tuple[Array, ...]:
        kept = dense_reference.dense_forward(x, w, b) if from_input else y
        dx, dw, db = dense_reference.dense_backward(act_backward(dy, kept), x, w)
        return (dx, dw, db) if use_bias else (dx, dw)

    make = partial(layers.Dense, 5, activation=activation, use_bias=use_bias, bias_initializer=np.arange(-2.0, 3.0) / 4)
    return LayerCase(name, make, forward, backward, linear=lambda x, w, b=0.0: dense_reference.dense_forward(x, w, b))


def _conv(name: str, make: Callable[..., layers.Layer], shape: Callable[[int], tuple[int, ...]]) -> LayerCase:
    """A convolution; the geometry is computed here anew, from the layer's arguments."""
    layer = make(dtype="float64")
    one = (1,) * (2 - len(layer.kernel_size))
    strides, dilation = (*one, *layer.strides), (*one, *layer.dilation_rate)

    def image(x: Array) -> Array:
        return x if x.ndim == 4 else x[:, np.newaxis]

    def borders(x: Array, w: Array) -> Any:
        if layer.padding == "valid":
            return (0, 0), (0, 0)
        windows = [d * (n - 1) + 1 for n, d in zip(w.shape, dilation, strict=False)]
        sizes = zip(image(x).shape[1:3], windows, strides, strict=True)
        zeros = [max(0, (math.ceil(n / s) - 1) * s + window - n) for n, window, s in sizes]
        return tuple((z // 2, z - z // 2) for z in zeros)

    def kernel(w: Array) -> Array:
        return w if w.ndim == 4 else w[np.newaxis]

    def forward(x: Array, w: Array, b: Array | float = 0.0) -> Array:
        y = conv_reference.conv_forward(image(x), kernel(w), b, strides, dilation, borders(x, kernel(w)))
        return y if x.ndim == 4 else y[:, 0]

    def backward(dy: Array, x: Array, y: Array, w: Array, b: Array | None = None) -> tuple[Array, ...]:
        dx, dw, db = conv_reference.conv_backward(
            image(dy), image(x), kernel(w), strides, dilation, borders(x, kernel(w))
        )
        dx, dw = dx.reshape(x.shape), dw.reshape(w.shape)
        return (dx, dw) if b is None else (dx, dw, db)

    return LayerCase(name, make, forward, backward, shape=shape, linear=forward)


def _categorical(name: str, others: int) -> LayerCase:
    """Tables for two columns, in the order that they do not stand in, and `others` more columns."""

    def tables(weights: tuple[Array, ...]) -> list[tuple[int, Array]]:
        return list(zip((others + 1, 0), weights, strict=True))

    return LayerCase(
        name,
        partial(layers.CategoricalEmbedding, [(others + 1, 7, 3), (0, 9)]),
        forward=lambda x, *weights: embedding_reference.categorical_forward(x, tables(weights)),
        backward=lambda dy, x, y, *weights: embedding_reference.categorical_backward(dy, x, tables(weights)),
        shape=lambda columns: (others + 2,),
        indices=((slice(others + 1, others + 2), 7), (slice(0, 1), 9)),
    )


def _of_images(function: Callable[..., Array], *arrays: Array, **numbers: Any) -> Array:
    """A reference of images for sequences too, which are images with a single line; also where y has neither."""
    result = function(*(a[:, np.newaxis] if a.ndim == 3 else a for a in arrays), **numbers)
    return result[:, 0] if arrays[-1].ndim == 3 and result.ndim == 4 else result


def _pooling(name: str, make: Callable[..., layers.Layer], shape: Callable[[int], tuple[int, ...]]) -> LayerCase:
    """A pooling layer; the reference is found by its class."""
    layer = make(dtype="float64")
    kind = type(layer).__name__
    reference = ("global_" if "Global" in kind else "") + ("max" if "Max" in kind else "average")
    numbers = {}
    if "Global" not in kind:
        reference += "_pooling"
        one = (1,) * (2 - len(layer.pool_size))
        numbers = {"size": (*one, *layer.pool_size), "strides": (*one, *layer.strides), "padding": layer.padding}
    forward = partial(_of_images, getattr(pooling_reference, f"{reference}_forward"), **numbers)
    backward = partial(_of_images, getattr(pooling_reference, f"{reference}_backward"), **numbers)
    return LayerCase(
        name, make, forward, lambda dy, x, y: (backward(dy, x),), shape=shape, linear=None if "max" in name else forward
    )


def _zero_padding(
    name: str, make: Callable[..., layers.Layer], borders: Any, shape: Callable[[int], tuple[int, ...]]
) -> LayerCase:
    forward = partial(_of_images, padding_reference.zero_padding_forward, borders=borders)
    backward = partial(_of_images, padding_reference.zero_padding_backward, borders=borders)
    return LayerCase(name, make, forward, lambda dy, x, y: (backward(dy, x),), shape=shape)


def _spatial_dropout(
    name: str, make: Callable[..., layers.Layer], shape: Callable[[int], tuple[int, ...]]
) -> LayerCase:
    def drop(x: Array) -> Array:
        mask = dropout_reference.keep_mask(_RATE, _SEED, _FIRST_STEP, 0, len(x), x.shape[-1])
        return dropout_reference.drop_channels(x, mask, _RATE)

    return LayerCase(name, partial(make, _RATE, seed=_SEED), drop, lambda dy, x, y: (drop(dy),), shape=shape)


_EPSILON = 0.1  # large enough that a place where it is missing shows


def _batch_normalization(name: str, shape: Callable[[int], tuple[int, ...]], *plain: str) -> LayerCase:
    """While training: of the weights gamma, beta, moving mean and moving variance the last two have no gradient."""
    return _normalization(name, "batch_normalization", layers.BatchNormalization, shape, plain, moving=2)


def _layer_normalization(name: str, shape: Callable[[int], tuple[int, ...]], *plain: str) -> LayerCase:
    return _normalization(name, "layer_normalization", layers.LayerNormalization, shape, plain)


def _normalization(
    name: str,
    kernel: str,
    make: Callable[..., layers.Layer],
    shape: Callable[[int], tuple[int, ...]],
    plain: tuple[str, ...],
    moving: int = 0,
) -> LayerCase:
    """Without gamma and beta if `plain` has "scale" and "center"."""
    reference_forward = getattr(normalization_reference, f"{kernel}_forward")
    reference_backward = getattr(normalization_reference, f"{kernel}_backward")
    has = [word not in plain for word in ("scale", "center")]

    def both(weights: tuple[Array, ...]) -> list[Any]:
        own = iter(weights)
        return [next(own) if there else default for there, default in zip(has, (1.0, 0.0), strict=True)]

    def backward(dy: Array, x: Array, y: Array, *weights: Array) -> tuple[Array, ...]:
        dx, *gradients = reference_backward(dy, x, both(weights)[0], _EPSILON)
        own = [gradient for gradient, there in zip(gradients, has, strict=True) if there]
        return (dx, *own, *[np.zeros(x.shape[-1])] * moving)

    return LayerCase(
        name,
        partial(make, epsilon=_EPSILON, **dict.fromkeys(plain, False)),
        lambda x, *weights: reference_forward(x, *both(weights), _EPSILON),
        backward,
        shape=shape,
    )


_SCALE, _OFFSET = 1 / 255, -0.25
_RATE, _STDDEV, _SEED, _FIRST_STEP = 0.4, 0.5, 7, 1


def _mask(x: Array) -> Array:
    return dropout_reference.keep_mask(_RATE, _SEED, _FIRST_STEP, 0, *x.shape)


LAYERS = (
    _dense("dense"),
    _dense("dense_no_bias", use_bias=False),
    _dense("dense_tanh", "tanh"),
    _dense("dense_softmax", "softmax"),
    _dense("dense_elu", "elu"),
    _dense("dense_gelu", "gelu", from_input=True),
    _conv("conv2d", partial(layers.Conv2D, 3, 2), lambda columns: (4, 5, columns % 9 + 1)),
    _conv("conv2d_same", partial(layers.Conv2D, 5, (3, 2), padding="same"), lambda columns: (3, columns % 5 + 1, 2)),
    _conv("conv2d_strides", partial(layers.Conv2D, 2, 3, (2, 3), "same", use_bias=False), lambda columns: (5, 7, 3)),
    _conv(
        "conv2d_dilated", partial(layers.Conv2D, 9, 2, dilation_rate=(2, 1)), lambda columns: (4, 3, columns % 3 + 1)
    ),
    _conv("conv1d", partial(layers.Conv1D, 4, 3, 2, "same"), lambda columns: (columns % 7 + 1, 3)),
    _pooling("max_pooling2d", layers.MaxPooling2D, lambda columns: (5, 4, columns % 19 + 1)),
    _pooling("max_pooling2d_same", partial(layers.MaxPooling2D, (3, 2), 2, "same"), lambda columns: (3, columns, 2)),
    _pooling("max_pooling2d_far", partial(layers.MaxPooling2D, 2, (3, 4), "same"), lambda columns: (7, columns, 3)),
    _pooling("max_pooling1d", partial(layers.MaxPooling1D, 3, 1), lambda columns: (columns + 2, 3)),
    _pooling("average_pooling2d", layers.AveragePooling2D, lambda columns: (5, 4, columns % 19 + 1)),
    _pooling(
        "average_pooling2d_same", partial(layers.AveragePooling2D, (3, 4), 2, "same"), lambda columns: (3, columns, 9)
    ),
    _pooling("average_pooling1d", partial(layers.AveragePooling1D, 2, 3), lambda columns: (columns + 1, 2)),
    _pooling("global_max_pooling2d", layers.GlobalMaxPooling2D, lambda columns: (3, 2, columns)),
    _pooling("global_max_pooling1d", layers.GlobalMaxPooling1D, lambda columns: (columns, 9)),
    _pooling("global_average_pooling2d", layers.GlobalAveragePooling2D, lambda columns: (3, 2, columns)),
    _pooling("global_average_pooling1d", layers.GlobalAveragePooling1D, lambda columns: (columns, 9)),
    _zero_padding("zero_padding2d", layers.ZeroPadding2D, ((1, 1), (1, 1)), lambda columns: (2, 3, columns)),
    _zero_padding(
        "zero_padding2d_sides",
        partial(layers.ZeroPadding2D, ((0, 2), (3, 1))),
        ((0, 2), (3, 1)),
        lambda columns: (3, columns, 2),
    ),
    _zero_padding(
        "zero_padding1d", partial(layers.ZeroPadding1D, (2, 0)), ((0, 0), (2, 0)), lambda columns: (columns, 3)
    ),
    _activation("relu", layers.ReLU, "relu"),
    _activation("leaky_relu", layers.LeakyReLU, "leaky_relu", 0.3),
    _activation("relu_with_slope", partial(layers.ReLU, 0.01), "leaky_relu", 0.01),
    _activation("leaky_relu_by_name", partial(layers.Activation, "leaky_relu"), "leaky_relu", 0.2),
    _activation("sigmoid", layers.Sigmoid, "sigmoid"),
    _activation("tanh", layers.Tanh, "tanh"),
    _activation("softmax", layers.Softmax, "softmax"),
    _activation("elu", partial(layers.ELU, 0.7), "elu", 0.7),
    _activation("elu_by_name", partial(layers.Activation, "elu"), "elu", 1.0),
    _activation("selu", partial(layers.Activation, "selu"), "selu"),
    _activation("softplus", partial(layers.Activation, "softplus"), "softplus"),
    _activation("exponential", partial(layers.Activation, "exponential"), "exponential"),
    _activation("hard_sigmoid", partial(layers.Activation, "hard_sigmoid"), "hard_sigmoid"),
    _activation_of_input("gelu", partial(layers.Activation, "gelu")),
    _activation_of_input("silu", partial(layers.Activation, "silu")),
    _prelu("prelu", None, lambda columns: (columns,)),
    _prelu("prelu_of_images", None, lambda columns: (2, 3, columns)),
    _prelu("prelu_one_slope", [1], lambda columns: (columns,)),
    _prelu("prelu_by_channel", [1, 2], lambda columns: (2, 3, columns)),
    _prelu("prelu_by_pixel", [3], lambda columns: (2, 3, columns)),
    LayerCase("linear", partial(layers.Activation, "linear"), lambda x: x, lambda dy, x, y: (dy,)),
    LayerCase(
        "flatten",
        layers.Flatten,
        forward=lambda x: x.reshape(len(x), -1),
        backward=lambda dy, x, y: (dy.reshape(x.shape),),
        shape=lambda columns: (2, columns, 3),
    ),
    LayerCase(
        "embedding",
        partial(layers.Embedding, 7, 5),
        embedding_reference.embedding_forward,
        backward=lambda dy, x, y, w: embedding_reference.embedding_backward(dy, x, w),
        indices=((slice(None), 7),),
    ),
    LayerCase(
        "embedding_images",
        partial(layers.Embedding, 129, 17),
        embedding_reference.embedding_forward,
        backward=lambda dy, x, y, w: embedding_reference.embedding_backward(dy, x, w),
        shape=lambda columns: (2, columns % 40 + 1),
        indices=((slice(None), 129),),
    ),
    _categorical("categorical_embedding", others=4),
    _categorical("categorical_embedding_alone", others=0),
    LayerCase(
        "reshape",
        partial(layers.Reshape, (3, -1)),
        forward=lambda x: x.reshape(len(x), 3, -1),
        backward=lambda dy, x, y: (dy.reshape(x.shape),),
        shape=lambda columns: (columns, 6),
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
    _spatial_dropout("spatial_dropout2d", layers.SpatialDropout2D, lambda columns: (3, 2, columns)),
    _spatial_dropout("spatial_dropout1d", layers.SpatialDropout1D, lambda columns: (columns, 9)),
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
    _batch_normalization("batch_normalization", lambda columns: (columns,)),
    _batch_normalization("batch_normalization_of_images", lambda columns: (columns, 2, 3)),
    _batch_normalization("batch_normalization_unscaled", lambda columns: (columns,), "scale"),
    _batch_normalization("batch_normalization_plain", lambda columns: (3, columns), "scale", "center"),
    _layer_normalization("layer_normalization", lambda columns: (columns,)),
    _layer_normalization("layer_normalization_of_images", lambda columns: (3, 2, columns)),
    _layer_normalization("layer_normalization_unscaled", lambda columns: (columns,), "scale"),
    _layer_normalization("layer_normalization_uncentered", lambda columns: (columns,), "center"),
)


# ---------------------------------------------------------------------------------------------------------------------
# Losses and metrics.


LOSS_KERNELS = probability_kernels, regression_kernels, margin_kernels
LOSS_REFERENCES = probabilities_reference, regression_reference, margins_reference


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
        numbers: what kernel and reference take besides the arrays.
    """

    name: str
    make: Callable[[], losses.Loss]
    outputs: Callable[..., Array]
    targets: Callable[..., Array]
    activation: Callable[[Array], Array] | None = None
    fewest_columns: int = 1
    numbers: tuple[float, ...] = ()

    @property
    def kernel(self) -> Callable[..., None]:
        """(values[B], dx[B, C], y[B, C], targets, scale[B], *numbers, columns)."""
        return next(getattr(module, self.name) for module in LOSS_KERNELS if hasattr(module, self.name))

    @property
    def reference(self) -> Callable[..., tuple[Array, Array]]:
        """(values, dx) from (y, targets, scale, *numbers)."""
        return next(getattr(module, self.name) for module in LOSS_REFERENCES if hasattr(module, self.name))


_softmax, _sigmoid = activations_reference.softmax_forward, activations_reference.sigmoid_forward
_exponential = activations_reference.exponential_forward
_FOCUS = (0.3, 1.5)  # alpha and gamma

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
    LossCase("half_squared_error", losses.HalfSquaredError, normal, normal),
    LossCase("binary_log", losses.BinaryLogLoss, fractions, yes_or_no),
    LossCase("sigmoid_binary_log", partial(losses.BinaryLogLoss, from_logits=True), *(logits, fractions, _sigmoid)),
    LossCase("half_poisson_deviance", losses.HalfPoissonDeviance, fractions, counts),
    LossCase(
        "exponential_half_poisson_deviance",
        partial(losses.HalfPoissonDeviance, from_logits=True),
        *(normal, counts, _exponential),
    ),
    LossCase("mean_absolute_error", losses.MeanAbsoluteError, normal, normal),
    LossCase("huber", partial(losses.Huber, 0.7), normal, normal, numbers=(0.7,)),
    LossCase("log_cosh", losses.LogCosh, normal, normal),
    LossCase("poisson", losses.Poisson, fractions, counts),
    LossCase("hinge", losses.Hinge, normal, signs),
    LossCase("squared_hinge", losses.SquaredHinge, normal, yes_or_no),
    LossCase("kl_divergence", losses.KLDivergence, fractions, probabilities),
    LossCase(
        "focal_cross_entropy",
        partial(losses.CategoricalFocalCrossentropy, *_FOCUS),
        *(fractions, probabilities, None, 2, _FOCUS),
    ),
    LossCase(
        "softmax_focal_cross_entropy",
        partial(losses.CategoricalFocalCrossentropy, *_FOCUS, from_logits=True),
        *(logits, probabilities, _softmax, 2, _FOCUS),
    ),
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
    MetricCase(
        "sparse_top_k_categorical_accuracy",
        partial(metrics.SparseTopKCategoricalAccuracy, 2),
        *(probabilities, labels, (2,)),
    ),
    MetricCase("top_k_categorical_accuracy", partial(metrics.TopKCategoricalAccuracy, 2), probabilities, one_hot, (2,)),
)


@dataclass(frozen=True)
class SumsCase:
    """A metric that is computed from sums over the samples. Attributes as of a `LossCase`, and besides:

    Attributes:
        kernel: what adds to the sums: (state, y[B, C], targets, *arguments, rows, columns).
        sums: the reference of the kernel, the sums of (y, targets, *arguments).
        reference: the metric, of (y, targets).
    """

    name: str
    make: Callable[[], metrics.Metric]
    kernel_name: str
    reference: Callable[..., Any]
    outputs: Callable[..., Array]
    targets: Callable[..., Array]
    numbers: tuple[float, ...] = ()

    @property
    def kernel(self) -> Callable[..., None]:
        return getattr(metric_kernels, self.kernel_name)

    @property
    def sums(self) -> Callable[..., Array]:
        return getattr(metrics_reference, self.kernel_name)

    def arguments(self, columns: int, dtype: np.dtype) -> tuple[Any, ...]:
        """The numbers, or what stands in their place: where the targets are counted from."""
        return (np.linspace(-1, 2, columns, dtype=dtype),) if self.kernel_name == "squared_sums" else self.numbers


def _f1(name: str, kernel: str, outputs: Any, targets: Any, *numbers: float, **options: Any) -> SumsCase:
    reference = partial(metrics_reference.f1_score, **options)
    return SumsCase(name, partial(metrics.F1Score, **options), kernel, reference, outputs, targets, numbers)


def _auc(name: str, outputs: Any = fractions, from_logits: bool = False, **options: Any) -> SumsCase:
    make = partial(metrics.AUC, from_logits=from_logits, **options)
    reference = partial(metrics_reference.auc, from_logits=from_logits, **options)
    return SumsCase(name, make, "score_histogram", reference, outputs, yes_or_no, (float(from_logits), 200))


def _r2(name: str, **options: Any) -> SumsCase:
    reference = partial(metrics_reference.r2_score, **options)
    return SumsCase(name, partial(metrics.R2Score, **options), "squared_sums", reference, normal, normal)


SUMS = (
    *(
        SumsCase(
            name,
            partial(make, 0.4),
            "binary_confusion",
            partial(getattr(metrics_reference, name), threshold=0.4),
            *(fractions, yes_or_no, (0.4,)),
        )
        for name, make in (("precision", metrics.Precision), ("recall", metrics.Recall))
    ),
    _f1("f1_score", "class_confusion", probabilities, one_hot),
    _f1("f1_score_micro", "class_confusion", probabilities, one_hot, average="micro"),
    _f1("f1_score_macro", "class_confusion", probabilities, one_hot, average="macro"),
    _f1("f1_score_weighted", "class_confusion", probabilities, one_hot, average="weighted"),
    _f1("f1_score_of_labels", "sparse_class_confusion", probabilities, labels, average="macro"),
    _f1("f1_score_above", "class_confusion_above", fractions, yes_or_no, 0.4, average="macro", threshold=0.4),
    _auc("auc"),
    _auc("auc_minoring", summation_method="minoring"),
    _auc("auc_majoring", summation_method="majoring"),
    _auc("auc_precision_recall", curve="PR"),
    _auc("auc_precision_recall_minoring", curve="PR", summation_method="minoring"),
    _auc("auc_of_logits", logits, True),
    _r2("r2_score"),
    _r2("r2_score_of_each", class_aggregation=None),
    _r2("r2_score_weighted", class_aggregation="variance_weighted_average"),
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
