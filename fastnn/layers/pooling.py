"""Pooling layers: each window, or a whole image, is reduced to one number per channel.

Channels are last, as everywhere: images (B, H, W, C), sequences (B, L, C).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import checks
from ..kernels import pooling as kernels
from ..settings import Fixed
from .base import Shape, image_of
from .kernel_layer import KernelLayer
from .windows import Axis, geometry

if TYPE_CHECKING:
    from ..engine.lowering import Lowering

Sizes = int | Sequence[int]


class _Pooling(KernelLayer):
    """One number per channel for each window of an image or a sequence."""

    keeps_bounds = True
    _axes: int
    _operation: Any
    _needs_output = False  # in backward, to find the maxima again
    pool_size, strides = Fixed[tuple[int, ...]](), Fixed[tuple[int, ...]]()
    padding = Fixed[str]()

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
    """The maximum of each window, per channel: (B, H, W, C) to (B, rows, columns, C).

    If a window has several maxima, the gradient goes to the first one in row order. NaN counts as larger than all.

    Args:
        pool_size: height and width of a window, or one number for both.
        strides: the steps between windows, (rows, columns) or one number for both; None: `pool_size`.
        padding: "valid" for windows inside x only, (H - height) // stride + 1 rows of them; "same" for ceil(H / stride)
            rows, where the windows at the border are cut off.

    Raises:
        TypeError, ValueError: for sizes that are not positive integers, or an unknown padding.

    >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> fastnn.layers.MaxPooling2D(2).forward(image)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    """

    _axes, _operation, _needs_output = 2, staticmethod(kernels.max_pooling), True


class MaxPooling1D(_Pooling):
    """The maximum of each window, per channel: (B, L, C) to (B, windows, C).

    Args:
        pool_size: the length of a window.
        strides: the step between windows; None: `pool_size`.
        padding: "valid" or "same", as for `MaxPooling2D`.

    >>> x = np.array([1.0, 5.0, 2.0, 3.0]).reshape(1, 4, 1)
    >>> fastnn.layers.MaxPooling1D(2).forward(x).ravel()
    array([5., 3.], dtype=float32)
    """

    _axes, _operation, _needs_output = 1, staticmethod(kernels.max_pooling), True


class AveragePooling2D(_Pooling):
    """The mean of each window, per channel: (B, H, W, C) to (B, rows, columns, C).

    For windows cut off at the border it is the mean over the remaining pixels.

    Args:
        pool_size, strides, padding: as for `MaxPooling2D`.

    >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> fastnn.layers.AveragePooling2D(2).forward(image)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """

    _axes, _operation = 2, staticmethod(kernels.average_pooling)


class AveragePooling1D(_Pooling):
    """The mean of each window, per channel: (B, L, C) to (B, windows, C).

    Args:
        pool_size: the length of a window.
        strides: the step between windows; None: `pool_size`.
        padding: "valid" or "same", as for `MaxPooling2D`.

    >>> x = np.array([1.0, 5.0, 2.0, 3.0]).reshape(1, 4, 1)
    >>> fastnn.layers.AveragePooling1D(2).forward(x).ravel()
    array([3. , 2.5], dtype=float32)
    """

    _axes, _operation = 1, staticmethod(kernels.average_pooling)


class _GlobalPooling(KernelLayer):
    """One number per channel."""

    keeps_bounds = True
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
    """The maximum of each channel: (B, H, W, C) to (B, C).

    If there are several maxima, they share the gradient equally, as in Keras. NaN counts as larger than all.

    >>> image = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> fastnn.layers.GlobalMaxPooling2D().forward(image)
    array([[6., 7.]], dtype=float32)
    """

    _axes, _operation, _needs_output = 2, staticmethod(kernels.global_max_pooling), True


class GlobalMaxPooling1D(_GlobalPooling):
    """The maximum of each channel: (B, L, C) to (B, C). See `GlobalMaxPooling2D`.

    >>> fastnn.layers.GlobalMaxPooling1D().forward(np.arange(8.0).reshape(1, 4, 2))
    array([[6., 7.]], dtype=float32)
    """

    _axes, _operation, _needs_output = 1, staticmethod(kernels.global_max_pooling), True


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel: (B, H, W, C) to (B, C).

    >>> image = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> fastnn.layers.GlobalAveragePooling2D().forward(image)
    array([[3., 4.]], dtype=float32)
    """

    _axes, _operation = 2, staticmethod(kernels.global_average_pooling)


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel: (B, L, C) to (B, C).

    >>> fastnn.layers.GlobalAveragePooling1D().forward(np.arange(8.0).reshape(1, 4, 2))
    array([[3., 4.]], dtype=float32)
    """

    _axes, _operation = 1, staticmethod(kernels.global_average_pooling)
