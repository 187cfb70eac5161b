"""The position of the windows of a convolution or a pooling in an image."""

from collections.abc import Sequence


class Axis:
    """The geometry of a convolution or a pooling along one axis.

    Attributes:
        inputs, outputs: the number of pixels of x and of y.
        taps, stride, dilation: the size, step and dilation of the windows, in pixels; a window spans `extent` pixels.
        before, padded: the zeros before the first pixel, and the number of pixels with all zeros.
        back_before, back_padded: the same for the padded dy, from whose windows dx is computed.
    """

    def __init__(self, inputs: int, taps: int, stride: int, dilation: int, padding: str):
        self.inputs, self.taps, self.stride, self.dilation = inputs, taps, stride, dilation
        self.extent = (taps - 1) * dilation + 1
        self.outputs = -(-inputs // stride) if padding == "same" else (inputs - self.extent) // stride + 1
        zeros = max(0, (self.outputs - 1) * stride + self.extent - inputs) if padding == "same" else 0
        self.before, self.padded = zeros // 2, inputs + zeros
        self.back_before, self.back_padded = self.extent - 1 - self.before, inputs + self.extent - 1


def geometry(
    image: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilation: Sequence[int], padding: str
) -> tuple[Axis, Axis]:
    """The geometry along height and width; a sequence is an image of height 1."""
    axes = [Axis(*numbers, padding) for numbers in zip(image, sizes, strides, dilation, strict=True)]
    return (axes[0] if len(axes) == 2 else Axis(1, 1, 1, 1, padding)), axes[-1]
