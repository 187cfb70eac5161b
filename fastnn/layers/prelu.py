"""PReLU: a leaky ReLU with learned slopes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks, constraints, initializers, regularizers
from ..engine.parameters import Parameter
from ..kernels import prelu as kernels
from ..settings import Fixed
from .base import Shape
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class PReLU(KernelLayer):
    """y = x where x >= 0, else alpha x, with slopes alpha that are learned (He et al. 2015).

    alpha has the shape of a sample, with length 1 along the shared axes. At 0 the slope is alpha, as in PyTorch and for
    `LeakyReLU` (Keras's is 0).

    Args:
        alpha_initializer: a name, a `fastnn.initializers` object or an array.
        alpha_regularizer: a name or a `fastnn.regularizers` object, or None.
        alpha_constraint: a name or a `fastnn.constraints` object, or None.
        shared_axes: the axes along which the slope is shared, counted from 1 (0 is the batch): with [1, 2] after a 2D
            convolution there is one slope per channel. None: every number of a sample has its own slope.

    Raises:
        TypeError: if `shared_axes` are not integers.
        ValueError: if a sample does not have such an axis.

    >>> layer = fastnn.layers.PReLU(alpha_initializer=fastnn.initializers.Constant(0.5))
    >>> layer.forward(np.array([[-2.0, 3.0]]))
    array([[-1.,  3.]], dtype=float32)
    >>> layer.weights[0].tolist()
    [0.5, 0.5]
    """

    alpha_initializer = Fixed[initializers.Initializer]()
    alpha_regularizer = Fixed[regularizers.Regularizer | None]()
    alpha_constraint = Fixed[constraints.Constraint | None]()
    shared_axes = Fixed[list[int] | None]()

    def __init__(
        self,
        alpha_initializer: object = "zeros",
        alpha_regularizer: object = None,
        alpha_constraint: object = None,
        shared_axes: int | list[int] | tuple[int, ...] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = None if shared_axes is None else _axes(shared_axes)
        self.alpha: Parameter

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the input."""
        last = len(input_shape) - 1
        if last < 1:
            raise ValueError(f"layer {self.name} (PReLU) expects inputs of shape (batch, ...), received {input_shape}")
        if any(axis > last for axis in self.shared_axes or ()):
            raise ValueError(
                f"layer {self.name} (PReLU) has the shared_axes {self.shared_axes}, "
                f"received inputs of shape {input_shape}, whose last axis is {last}"
            )
        return input_shape

    def build(self, input_shape: Shape) -> None:
        """Make the slopes."""
        sample = [checks.integer(n, "input_shape") for n in input_shape[1:]]
        shape = tuple(1 if axis in (self.shared_axes or ()) else n for axis, n in enumerate(sample, 1))
        penalty, limit = self.alpha_regularizer, self.alpha_constraint
        self.alpha = self.add_weight(shape, self.alpha_initializer, "alpha", True, penalty, limit)

    def lower(self, lowering: "Lowering") -> None:
        """One instruction, which writes to its own buffer."""
        alpha, shape = self.alpha, lowering.shape
        rows = np.arange(alpha.rows).reshape(alpha.shape[:-1])
        own = alpha.shape == shape
        lowering.emit(
            kernels.prelu,
            outputs=shape,
            parameters=(alpha,),
            trainable=self.trainable,
            partial_size=0 if own or not lowering.backward else alpha.rows * alpha.stride,
            integers=[alpha.rows, alpha.shape[-1], alpha.stride, own, *np.broadcast_to(rows, shape[:-1]).flat],
        )


def _axes(given: object) -> list[int]:
    axes = list(given) if isinstance(given, (list, tuple)) else [given]
    return [checks.integer(axis, "shared_axes") for axis in axes]
