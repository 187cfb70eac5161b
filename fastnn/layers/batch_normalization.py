"""Batch normalization."""

from typing import TYPE_CHECKING, Any

from .. import initializers
from ..engine.parameters import Parameter
from ..kernels import batch_normalization as kernels
from ..settings import Fixed, within
from .base import Shape
from .gamma_and_beta import GammaAndBeta

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class BatchNormalization(GammaAndBeta):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, for each of the C channels of x's last axis.

    During training, mean and variance are computed over the samples and pixels of the batch, and the moving statistics
    are updated: moving = momentum moving + (1 - momentum) batch. Otherwise, and if `trainable` is False, the moving
    statistics are used. The variance is the biased one in both cases. Weights, in this order: gamma, beta, moving_mean,
    moving_variance, each (C,). Source: Ioffe & Szegedy 2015, arxiv.org/abs/1502.03167.

    Args:
        axis: must be -1, the last axis.
        momentum: how much of the moving statistics is kept in each step, in [0, 1].
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

    momentum = within(0, 1)
    moving_mean_initializer = Fixed[initializers.Initializer]()
    moving_variance_initializer = Fixed[initializers.Initializer]()

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
        self.momentum = momentum
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
        """Two instructions in training, with sums over the whole batch between them; otherwise one."""
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
