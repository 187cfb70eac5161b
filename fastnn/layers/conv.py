"""Convolution layers."""

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..kernels import conv as kernels
from ..kernels.arrays import stride
from ..settings import Fixed
from .activations import Activation
from .base import AXES, Shape, image_of
from .kernel_and_bias import KernelAndBias
from .windows import Axis, geometry

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class _Conv(KernelAndBias):
    """A convolution over one or two axes; a sequence is treated as an image with a single row."""

    _axes: int
    filters = Fixed[int]()
    kernel_size = Fixed[tuple[int, ...]]()
    strides = Fixed[tuple[int, ...]]()
    padding = Fixed[str]()
    dilation_rate = Fixed[tuple[int, ...]]()

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        dilation_rate: int | Sequence[int] = 1,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: object = "glorot_uniform",
        bias_initializer: object = "zeros",
        kernel_regularizer: object = None,
        bias_regularizer: object = None,
        kernel_constraint: object = None,
        bias_constraint: object = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = checks.size(filters, "filters")
        self.kernel_size = checks.sizes(kernel_size, "kernel_size", self._axes)
        self.strides = checks.sizes(strides, "strides", self._axes)
        self.padding = checks.nearest(padding, ("valid", "same"), "padding")
        self.dilation_rate = checks.sizes(dilation_rate, "dilation_rate", self._axes)
        self._take_options(
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def _geometry(self, image: tuple[int, ...]) -> tuple[Axis, Axis]:
        return geometry(image[:-1], self.kernel_size, self.strides, self.dilation_rate, self.padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, ..., filters): along each axis as many outputs as windows fit, or with padding "same" one per stride."""
        image = image_of(self, input_shape, self._axes)
        axes = self._geometry(image)[-self._axes :]
        if math.prod(axis.padded for axis in axes) * image[-1] > checks.LARGEST_SIZE:
            raise ValueError(
                f"layer {self.name} ({type(self).__name__}) has windows of {' x '.join(str(a.extent) for a in axes)}, "
                f"received inputs of shape {input_shape}: with zeros around them they would be too large for memory"
            )
        for name, axis in zip(AXES[self._axes], axes, strict=True):
            if axis.outputs < 1:
                raise ValueError(
                    f"layer {self.name} ({type(self).__name__}) has windows of {axis.extent} along the {name}, "
                    f'received inputs of shape {input_shape}; use a smaller kernel_size, or padding="same"'
                )
        return (input_shape[0], *(axis.outputs for axis in axes), self.filters)

    def build(self, input_shape: Shape) -> None:
        """Make the kernel (..., C, filters) and the bias (filters,)."""
        channels = checks.integer(input_shape[-1], "input_shape")
        self.add_kernel_and_bias((*self.kernel_size, channels, self.filters))

    def lower_logits(self, lowering: "Lowering") -> None:
        """The convolution with its bias."""
        height, width = self._geometry(lowering.shape)
        channels = self.kernel.shape[-2]
        taps, pixels = self.kernel.rows, height.outputs * width.outputs
        line, image = width.padded * channels, height.padded * width.padded * channels
        if (height.padded, width.padded) == (height.inputs, width.inputs):
            image = 0  # no zeros to add: x itself is the image
        back_line = width.back_padded * self.filters
        runs, terms = _runs(height, width, line, channels)
        back_runs, back_terms = _runs(height, width, back_line, self.filters)
        strips = np.zeros(0, np.int64), np.zeros(0, np.int64)
        back_strips = tap_strips = strips
        if kernels.in_strips(width.taps, width.stride, width.dilation, width.outputs, self.filters):
            strips = _strips(height.outputs, height.stride * line, width.outputs, channels, self.filters)
            tap_strips = (
                _grid(height.taps, height.dilation * line, channels, 1),
                _grid(height.taps, width.taps * channels, channels, 1) * self.kernel.stride,
            )
        if kernels.in_strips(width.taps, 1, width.dilation, width.inputs, channels):
            back_strips = _strips(height.inputs, back_line, width.inputs, self.filters, channels)
        tables = {
            "pixels_at": _grid(height.outputs, height.stride * line, width.outputs, width.stride * channels),
            "runs_at": runs,
            "taps_at": np.add.outer(_taps(height, width, line, channels), np.arange(channels)),
            "lines_at": np.arange(height.outputs) * height.stride * line,
            "strips_at": strips[0],
            "outs_at": strips[1],
            "tap_strips_at": tap_strips[0],
            "tap_outs_at": tap_strips[1],
            "back_pixels_at": _grid(height.inputs, back_line, width.inputs, self.filters),
            "back_runs_at": back_runs,
            "back_strips_at": back_strips[0],
            "back_outs_at": back_strips[1],
        }
        sizes = (table.size for table in tables.values())
        starts = itertools.accumulate(sizes, initial=len(kernels.Convolution._fields))
        numbers = kernels.Convolution(
            height=height.inputs,
            width=width.inputs,
            output_height=height.outputs,
            output_width=width.outputs,
            row_step=height.stride,
            column_step=width.stride,
            taps=taps,
            filters=self.filters,
            filters_stride=self.kernel.stride,
            channels_stride=stride(channels, self.dtype),
            top=height.before,
            left=width.before,
            image_width=width.padded,
            image_size=image,
            runs=len(runs),
            terms=terms,
            strips=strips[0].size,
            tap_strips=tap_strips[0].size,
            back_top=height.back_before,
            back_left=width.back_before,
            back_width=width.back_padded,
            back_runs=len(back_runs),
            back_terms=back_terms,
            back_strips=back_strips[0].size,
            **dict(zip(tables, starts, strict=False)),
        )
        lowering.emit(
            kernels.convolution,
            outputs=self.sample_output_shape,
            parameters=(self.kernel, self.bias),
            trainable=self.trainable,
            flops=2.0 * pixels * taps * self.filters,
            copies=taps // channels * self.filters * stride(channels, self.dtype),
            scratch_size=image + height.back_padded * back_line,
            partial_size=(taps + 1) * self.kernel.stride if lowering.backward else 0,
            integers=np.concatenate([numbers, *(table.reshape(-1) for table in tables.values())]).tolist(),
        )


def _grid(rows: int, row_step: int, columns: int, column_step: int) -> np.ndarray:
    return np.add.outer(np.arange(rows) * row_step, np.arange(columns) * column_step)


def _strips(rows: int, row_step: int, width: int, step: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the strips of each row begin in the image, and in the output with `columns` numbers per pixel."""
    starts = np.array(kernels.strips_of(width))
    image = np.add.outer(np.arange(rows) * row_step, starts * step)
    return image, np.add.outer(np.arange(rows) * width, starts) * columns


def _taps(height: Axis, width: Axis, line: int, channels: int) -> np.ndarray:
    """The offsets of the pixels of a window in an image with `line` numbers per row."""
    return _grid(height.taps, height.dilation * line, width.taps, width.dilation * channels)


def _runs(height: Axis, width: Axis, line: int, channels: int) -> tuple[np.ndarray, int]:
    """The offsets and the length of the contiguous runs of numbers in a window: its rows, or its single pixels."""
    taps = _taps(height, width, line, channels)
    return (taps[:, 0], width.taps * channels) if width.dilation == 1 else (taps.reshape(-1), channels)


class Conv2D(_Conv):
    """y = activation(x * kernel + bias), x (B, H, W, C), kernel (KH, KW, C, F), bias (F,), y (B, H', W', F).

    y[b, h, w, f] = bias[f] + sum_{i, j, c} x[b, h s + i d, w s + j d, c] kernel[i, j, c, f] with stride s and dilation
    d: a cross-correlation, as usual for convolution layers.

    Args:
        filters: F, the number of output channels.
        kernel_size: (KH, KW), or one number for both.
        strides: the steps between windows, (rows, columns) or one number for both.
        padding: "valid" for windows inside x only; "same" pads x with zeros, so that a stride of 1 keeps the size.
        dilation_rate: the distance between neighbouring pixels of a window.
        activation: the name of an activation function, or None for none.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: names, `fastnn.initializers` objects or arrays.
        kernel_regularizer, bias_regularizer: names or `fastnn.regularizers` objects, or None.
        kernel_constraint, bias_constraint: names or `fastnn.constraints` objects, or None.

    Raises:
        TypeError, ValueError: for sizes that are not positive integers, or an unknown name.

    >>> layer = fastnn.layers.Conv2D(1, 2, kernel_initializer="ones")
    >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> layer.forward(image)[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]], dtype=float32)
    >>> fastnn.layers.Conv2D(8, 3, padding="same").compute_output_shape((None, 28, 28, 1))
    (None, 28, 28, 8)
    """

    _axes = 2


class Conv1D(_Conv):
    """y = activation(x * kernel + bias), x (B, L, C), kernel (K, C, F), bias (F,), y (B, L', F).

    Args:
        filters: F, the number of output channels.
        kernel_size: K.
        strides: the step between windows.
        padding: "valid" for windows inside x only; "same" pads x with zeros, so that a stride of 1 keeps the length.
        dilation_rate: the distance between neighbouring positions of a window.
        activation, use_bias: as in `Conv2D`.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer: as in `Conv2D`.
        kernel_constraint, bias_constraint: as in `Conv2D`.

    Raises:
        TypeError, ValueError: as in `Conv2D`.

    >>> layer = fastnn.layers.Conv1D(1, 2, kernel_initializer=np.array([[[-1.0]], [[1.0]]]))
    >>> layer.forward(np.array([[[1.0], [3.0], [6.0]]])).tolist()  # differences
    [[[2.0], [3.0]]]
    """

    _axes = 1
