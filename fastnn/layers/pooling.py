"""Pooling layers."""

from typing import TYPE_CHECKING

from ..kernels import pooling as kernels
from .base import Shape
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..lowering import Lowering


class _GlobalAveragePooling(KernelLayer):
    _axes = 1

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, C)."""
        return (input_shape[0], input_shape[-1])

    def lower(self, lowering: "Lowering") -> None:
        """One instruction."""
        lowering.emit(kernels.global_average_pooling, outputs=self.sample_output_shape)


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """(B, H, W, C) to (B, C)."""

    _axes = 2
