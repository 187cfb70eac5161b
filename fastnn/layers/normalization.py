"""Batch normalization and layer normalization."""

from typing import TYPE_CHECKING, Any

from .. import checks, constraints, initializers, regularizers
from ..engine.parameters import Parameter
from ..kernels import batch_normalization as kernels
from ..kernels import layer_normalization as layer_kernels
from .base import Shape
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class _Normalization(KernelLayer):
    """Base class of both: gamma and beta, one number for each of the C channels of the last axis."""

    def __init__(
        self,
        axis: int,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: object,
        gamma_initializer: object,
        beta_regularizer: object,
        gamma_regularizer: object,
        beta_constraint: object,
        gamma_constraint: object,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if isinstance(axis, bool) or axis != -1:
            raise ValueError(f"{self._called('axis')} must be -1 (the last axis), received {axis!r}")
        self.axis = -1
        self.epsilon = checks.number(epsilon, self._called("epsilon"), 0)
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Parameter | None = None
        self.beta: Parameter | None = None

    def _called(self, argument: str) -> str:
        return f"layer {self.name} ({type(self).__name__}): {argument}"

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the input."""
        if len(input_shape) < 2:
            raise ValueError(
                f"layer {self.name} ({type(self).__name__}) expects inputs of shape (batch, ..., channels), "
                f"received {input_shape}"
            )
        return input_shape

    def build(self, input_shape: Shape) -> None:
        """Make gamma (C,) and beta (C,)."""
        shape = (checks.integer(input_shape[-1], "input_shape"),)
        self.gamma = self.beta = None
        if self.scale:
            penalty, limit = self.gamma_regularizer, self.gamma_constraint
            self.gamma = self.add_weight(shape, self.gamma_initializer, "gamma", True, penalty, limit)
        if self.center:
            penalty, limit = self.beta_regularizer, self.beta_constraint
            self.beta = self.add_weight(shape, self.beta_initializer, "beta", True, penalty, limit)


class BatchNormalization(_Normalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, for each of the C channels of x's last axis.

    During training, mean and variance are computed over the samples and pixels of the batch, and the moving statistics
    are updated: moving = momentum moving + (1 - momentum) batch. Otherwise, and if `trainable` is False, the moving
    statistics are used. The variance is the biased one in both cases. Weights, in this order: gamma, beta, moving_mean,
    moving_variance, each (C,). Source: Ioffe & Szegedy 2015, arxiv.org/abs/1502.03167.

    Args:
        axis: must be -1, the last axis.
        momentum: of the moving statistics, in [0, 1].
        epsilon: added to the variance, at least 0; avoids a division by 0 for constant channels.
        center: whether to add beta.
        scale: whether to multiply by gamma.
        beta_initializer, gamma_initializer: names, `fastnn.initializers` objects or arrays.
        moving_mean_initializer, moving_variance_initializer: the same for the moving statistics.
        beta_regularizer, gamma_regularizer: names or `fastnn.regularizers` objects, or None.
        beta_constraint, gamma_constraint: names or `fastnn.constraints` objects, or None.

    Input and output shape: (B, C), (B, H, W, C), or any other with the channels last.

    Raises:
        TypeError, ValueError: for an argument that is not as described.

    >>> layer = fastnn.layers.BatchNormalization(epsilon=0)
    >>> layer.forward(np.array([[1.0, 10.0], [3.0, 30.0]]), training=True)
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    >>> print(*(w.round(2) for w in layer.weights[2:]))  # moving mean and variance
    [0.02 0.2 ] [1.   1.99]
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: object = "zeros",
        gamma_initializer: object = "ones",
        moving_mean_initializer: object = "zeros",
        moving_variance_initializer: object = "ones",
        beta_regularizer: object = None,
        gamma_regularizer: object = None,
        beta_constraint: object = None,
        gamma_constraint: object = None,
        **kwargs: Any,
    ):
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint, **kwargs
        )  # fmt: skip
        self.momentum = checks.number(momentum, self._called("momentum"), 0, 1)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.moving_mean: Parameter
        self.moving_variance: Parameter

    def build(self, input_shape: Shape) -> None:
        """Make gamma, beta and the moving statistics, which are not trained by gradients."""
        super().build(input_shape)
        shape = (int(input_shape[-1] or 0),)
        self.moving_mean = self.add_weight(shape, self.moving_mean_initializer, "moving_mean", trainable=False)
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, "moving_variance", trainable=False
        )

    def lower(self, lowering: "Lowering") -> None:
        """During training two instructions, between which the whole batch is summed; otherwise one."""
        shape, columns, channels = lowering.shape, lowering.columns, lowering.shape[-1]
        lanes = kernels.lanes_of(columns, channels)
        common: dict[str, Any] = {
            "parameters": (self.gamma, self.beta),
            "trainable": self.trainable,
            "integers": (lanes, lowering.number(self.moving_mean), lowering.number(self.moving_variance)),
            "alpha": self.epsilon,
            "beta": self.momentum,
            "flops": 4.0 * columns,
        }
        if lowering.training and self.trainable:
            first = lowering.emit(kernels.batch_statistics, outputs=shape, partial_size=kernels.PARTS * lanes, **common)
            lowering.end_stage()
            shared = {name: first[name] for name in ("x", "x_stride", "partial", "table")}
            lowering.emit(kernels.batch_normalization, flops=4.0 * columns, **shared)
        else:
            sums = kernels.PARTS * lanes if lowering.backward and self.trainable else 0
            lowering.emit(
                kernels.moving_normalization, outputs=shape, partial_size=sums, scratch_size=4 * lanes, **common
            )


class LayerNormalization(_Normalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over the C numbers of x's last axis.

    Every sample is normalized separately; in an image, every pixel is. Weights: gamma, beta, each (C,).
    Source: Ba, Kiros & Hinton 2016, arxiv.org/abs/1607.06450.

    Args:
        axis: must be -1, the last axis.
        epsilon: added to the variance, at least 0.
        center: whether to add beta.
        scale: whether to multiply by gamma.
        beta_initializer, gamma_initializer: names, `fastnn.initializers` objects or arrays.
        beta_regularizer, gamma_regularizer: names or `fastnn.regularizers` objects, or None.
        beta_constraint, gamma_constraint: names or `fastnn.constraints` objects, or None.

    Input and output shape: (B, ..., C).

    Raises:
        TypeError, ValueError: for an argument that is not as described.

    >>> fastnn.layers.LayerNormalization(epsilon=0).forward(np.array([[1.0, 3.0], [10.0, 30.0]]))
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: object = "zeros",
        gamma_initializer: object = "ones",
        beta_regularizer: object = None,
        gamma_regularizer: object = None,
        beta_constraint: object = None,
        gamma_constraint: object = None,
        **kwargs: Any,
    ):
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint, **kwargs
        )  # fmt: skip

    def lower(self, lowering: "Lowering") -> None:
        """One instruction."""
        channels = lowering.shape[-1]
        lowering.emit(
            layer_kernels.layer_normalization,
            outputs=lowering.shape,
            parameters=(self.gamma, self.beta),
            trainable=self.trainable,
            alpha=self.epsilon,
            partial_size=2 * channels if lowering.backward else 0,
            scratch_size=channels,
            flops=8.0 * lowering.columns,
        )
