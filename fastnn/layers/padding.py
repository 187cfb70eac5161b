"""Zero padding of images and sequences."""

from typing import TYPE_CHECKING, Any

from .. import checks
from ..kernels import padding as kernels
from ..settings import Fixed
from .base import Shape, image_of
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class _ZeroPadding(KernelLayer):
    """Zeros before and after the pixels along each axis."""

    keeps_bounds = True
    padding = Fixed[tuple[Any, ...]]()
    _axes: int

    def _borders(self) -> tuple[tuple[int, int], ...]:
        """The number of zeros before and after, for height and width; a sequence is an image of height 1."""
        return self.padding if self._axes == 2 else ((0, 0), self.padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The size of the images with their borders."""
        *image, channels = image_of(self, input_shape, self._axes)
        borders = self._borders()[-self._axes :]
        return (input_shape[0], *(n + sum(border) for n, border in zip(image, borders, strict=True)), channels)

    def lower(self, lowering: "Lowering") -> None:
        """One instruction."""
        height, width, channels = (1, *lowering.shape)[-3:]
        (above, below), (before, behind) = self._borders()
        lowering.emit(
            kernels.zero_padding,
            outputs=self.sample_output_shape,
            integers=[
                *(height, width * channels, above, before * channels),
                *(above + height + below, (before + width + behind) * channels),
            ],
        )


class ZeroPadding2D(_ZeroPadding):
    """Pads images with zeros: (B, H, W, C) to (B, top + H + bottom, left + W + right, C).

    Args:
        padding: one number for all sides, (top and bottom, left and right), or ((top, bottom), (left, right)).

    Raises:
        TypeError, ValueError: for sizes that are not integers >= 0.

    >>> fastnn.layers.ZeroPadding2D(((1, 0), (0, 2))).forward(np.ones((1, 2, 2, 1)))[0, :, :, 0]
    array([[0., 0., 0., 0.],
           [1., 1., 0., 0.],
           [1., 1., 0., 0.]], dtype=float32)
    """

    _axes = 2

    def __init__(self, padding: Any = (1, 1), **kwargs: Any):
        super().__init__(**kwargs)
        sides = padding if isinstance(padding, (tuple, list)) else (padding, padding)
        if len(sides) != 2:
            raise ValueError(
                f"padding must be an integer, (height, width) or ((top, bottom), (left, right)), received {padding!r}"
            )
        self.padding = tuple(checks.sizes(side, "padding", 2, minimum=0) for side in sides)


class ZeroPadding1D(_ZeroPadding):
    """Pads sequences with zeros: (B, L, C) to (B, left + L + right, C).

    Args:
        padding: one number for both ends, or (left, right).

    Raises:
        TypeError, ValueError: for sizes that are not integers >= 0.

    >>> fastnn.layers.ZeroPadding1D((1, 2)).forward(np.ones((1, 2, 1))).ravel()
    array([0., 1., 1., 0., 0.], dtype=float32)
    """

    _axes = 1

    def __init__(self, padding: Any = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.padding = checks.sizes(padding, "padding", 2, minimum=0)
