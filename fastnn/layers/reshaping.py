"""Layers that change only the shape."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import checks
from ..settings import Fixed
from .base import Layer, Shape

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class _Reshaping(Layer):
    """The same numbers in another shape."""

    shape_only = True
    keeps_bounds = True

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """x in the shape of the output."""
        x = self.as_input(x)
        self._shape = x.shape
        return x.reshape(len(x), *cast("tuple[int, ...]", self.build_once(x.shape)[1:]))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dy in the shape of x."""
        return dy.reshape(self._shape)

    def check_sparse(self, argument: str) -> bool:
        """True: in memory nothing changes."""
        return True

    def lower(self, lowering: "Lowering") -> None:
        """No instruction: in memory a sample is already a row."""
        lowering.reshape(self.sample_output_shape)


class Flatten(_Reshaping):
    """(B, H, W, ...) to (B, H W ...), in C order.

    >>> fastnn.layers.Flatten().forward(np.zeros((10, 28, 28))).shape
    (10, 784)
    """

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, product of the other axes)."""
        return (input_shape[0], math.prod(cast("tuple[int, ...]", input_shape[1:])))


class Reshape(_Reshaping):
    """Reshapes each sample, in C order: `Reshape((28, 28, 1))` turns rows of 784 pixels into images.

    Args:
        target_shape: the new shape of a sample; one of its sizes may be -1, which is then computed from the others.

    Raises:
        TypeError, ValueError: for sizes that are neither positive integers nor a single -1.

    >>> fastnn.layers.Reshape((28, 28, -1)).forward(np.zeros((10, 784))).shape
    (10, 28, 28, 1)
    """

    target_shape = Fixed[tuple[int, ...]]()

    def __init__(self, target_shape: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(target_shape, (tuple, list)) or len(target_shape) == 0:
            raise TypeError(f"target_shape must be a tuple such as (28, 28, 1), received {target_shape!r}")
        sizes = [-1 if n == -1 else checks.size(n, "target_shape") for n in target_shape]
        if sizes.count(-1) > 1:
            raise ValueError(f"target_shape must have at most one -1, received {target_shape!r}")
        self.target_shape = tuple(sizes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, *target_shape), with its -1 resolved."""
        numbers = math.prod(cast("tuple[int, ...]", input_shape[1:]))
        known = math.prod(n for n in self.target_shape if n != -1)
        if numbers % known or (-1 not in self.target_shape and numbers != known):
            raise ValueError(
                f"layer {self.name} (Reshape) makes samples of shape {self.target_shape}, received inputs of shape "
                f"{input_shape}, whose samples have {numbers} numbers"
            )
        return (input_shape[0], *(numbers // known if n == -1 else n for n in self.target_shape))
