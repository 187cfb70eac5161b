"""Pooling layers: the numbers of a window, or of a whole image, become one, channel by channel.

Channels last, as everywhere: images (B, H, W, C), sequences (B, L, C).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import checks
from ..kernels import pooling as kernels
from .base import Shape, image_of
from .kernel_layer import KernelLayer
from .windows import Axis, geometry

if TYPE_CHECKING:
    from ..engine.lowering import Lowering

Sizes = int | Sequence[int]


class _Pooling(KernelLayer):
    """A number for each window of an image or a sequence."""

    _axes: int
    _operation: Any
    _needs_output = False  # to find the largest numbers again

    def __init__(self, pool_size: Sizes = 2, strides: Sizes | None = None, padding: str = "valid", **kwargs: Any):
        super().__init__(**kwargs)
        self.pool_size = checks.sizes(pool_size, "pool_size", self._axes)
        self.strides = self.pool_size if strides is None else checks.sizes(strides, "strides", self._axes)
        self.padding = checks.nearest(padding, ("valid", "same"), "padding")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The number of windows along each axis, and the channels."""
        *image, channels = image_of(self, input_shape, self._axes)
        if self.padding == "valid" and any(n < size for n, size in zip(image, self.pool_size, strict=True)):
            raise ValueError(
                f"layer {self.name} ({type(self).__name__}) expects inputs of at least its pool_size, "
                f'{self.pool_size}, received {input_shape}; padding="same" takes smaller ones'
            )
        axes = self._geometry(image)[-self._axes :]
        return (input_shape[0], *(axis.outputs for axis in axes), channels)

    def _geometry(self, image: Sequence[int]) -> tuple[Axis, Axis]:
        return geometry(image, self.pool_size, self.strides, (1,) * self._axes, self.padding)

    def lower(self, lowering: "Lowering") -> None:
        """One instruction."""
        height, width = self._geometry(lowering.shape[:-1])
        windows = kernels.Windows(
            height=height.inputs,
            width=width.inputs,
            rows=height.outputs,
            columns=width.outputs,
            window_height=height.taps,
            window_width=width.taps,
            row_step=height.stride,
            column_step=width.stride,
            above=height.before,
            before=width.before,
        )
        lowering.emit(self._operation, self.sample_output_shape, self._needs_output, integers=windows)


class MaxPooling2D(_Pooling):
    """The largest number of each window, channel by channel: (B, H, W, C) to (B, rows, columns, C).

    The gradient of a window goes to the first of its largest numbers, row by row. NaN counts as larger than all.

    Args:
        pool_size: height and width of a window, or one number for both.
        strides: from one window to the next, down and across; None: `pool_size`.
        padding: "valid" for the windows inside x, (H - height) // stride + 1 of them below each other; "same" for a
            window for each stride, ceil(H / stride), of which those at the border are cut off.

    Raises:
        TypeError, ValueError: for sizes that are no positive integers, or an unknown padding.
    """

    _axes, _operation, _needs_output = 2, staticmethod(kernels.max_pooling), True


class MaxPooling1D(_Pooling):
    """The largest number of each window, channel by channel: (B, L, C) to (B, windows, C).

    Args:
        pool_size: the length of a window.
        strides: from one window to the next; None: `pool_size`.
        padding: "valid" or "same", as for `MaxPooling2D`.
    """

    _axes, _operation, _needs_output = 1, staticmethod(kernels.max_pooling), True


class AveragePooling2D(_Pooling):
    """The mean of each window, channel by channel: (B, H, W, C) to (B, rows, columns, C).

    Of a window that is cut off at the border, what is left of it counts.

    Args:
        pool_size, strides, padding: as for `MaxPooling2D`.
    """

    _axes, _operation = 2, staticmethod(kernels.average_pooling)


class AveragePooling1D(_Pooling):
    """The mean of each window, channel by channel: (B, L, C) to (B, windows, C).

    Args:
        pool_size: the length of a window.
        strides: from one window to the next; None: `pool_size`.
        padding: "valid" or "same", as for `MaxPooling2D`.
    """

    _axes, _operation = 1, staticmethod(kernels.average_pooling)


class _GlobalPooling(KernelLayer):
    """One number for each channel."""

    _axes: int
    _operation: Any
    _needs_output = False

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, C)."""
        return (input_shape[0], image_of(self, input_shape, self._axes)[-1])

    def lower(self, lowering: "Lowering") -> None:
        """One instruction."""
        lowering.emit(self._operation, self.sample_output_shape, self._needs_output)


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest number of each channel: (B, H, W, C) to (B, C).

    Its gradient is shared equally by all numbers that are as large, as in Keras. NaN counts as larger than all.
    """

    _axes, _operation, _needs_output = 2, staticmethod(kernels.global_max_pooling), True


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest number of each channel: (B, L, C) to (B, C). See `GlobalMaxPooling2D`."""

    _axes, _operation, _needs_output = 1, staticmethod(kernels.global_max_pooling), True


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel: (B, H, W, C) to (B, C)."""

    _axes, _operation = 2, staticmethod(kernels.global_average_pooling)


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel: (B, L, C) to (B, C)."""

    _axes, _operation = 1, staticmethod(kernels.global_average_pooling)
