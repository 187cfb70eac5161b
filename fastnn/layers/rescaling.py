"""Rescaling."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..kernels import rescaling as kernels
from .base import Layer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class Rescaling(Layer):
    """y = scale x + offset: `Rescaling(1 / 255)` brings bytes into [0, 1].

    As a model's first layer it costs nothing: the samples are scaled while they are gathered into the batch.
    """

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = checks.number(scale, "scale"), checks.number(offset, "offset")

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """y = scale x + offset."""
        y = np.array(x, self.dtype, order="C")
        kernels.rescaling_forward(y.reshape(-1), self.scale, self.offset)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = scale dy."""
        dx = np.array(dy, self.dtype, order="C")
        kernels.rescaling_backward(dx.reshape(-1), self.scale)
        return dx

    def lower(self, lowering: "Lowering") -> None:
        """Part of the gathering where nothing comes before, else an instruction of its own."""
        if not lowering.rescale_gather(self.scale, self.offset):
            lowering.emit(kernels.rescaling, alpha=self.scale, beta=self.offset)
