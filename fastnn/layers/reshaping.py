"""Layers that change only the shape."""

import math
from typing import TYPE_CHECKING, cast

import numpy as np

from .base import Layer, Shape

if TYPE_CHECKING:
    from ..lowering import Lowering


class Flatten(Layer):
    """(B, H, W, ...) to (B, H W ...), in C order."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, product of the other axes)."""
        return (input_shape[0], math.prod(cast("tuple[int, ...]", input_shape[1:])))

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """x, one row a sample."""
        self._shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dy in the shape of x."""
        return dy.reshape(self._shape)

    def lower(self, lowering: "Lowering") -> None:
        """No instruction: in memory a sample is a row already."""
        lowering.reshape(self.sample_output_shape)
