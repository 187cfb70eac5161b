"""Layer normalization."""

from typing import TYPE_CHECKING, Any

from ..kernels import layer_normalization as kernels
from .gamma_and_beta import GammaAndBeta

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class LayerNormalization(GammaAndBeta):
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
            kernels.layer_normalization,
            outputs=lowering.shape,
            parameters=(self.gamma, self.beta),
            trainable=self.trainable,
            alpha=self.epsilon,
            partial_size=2 * channels if lowering.backward else 0,
            scratch_size=channels,
            flops=8.0 * lowering.columns,
        )
