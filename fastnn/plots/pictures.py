"""Images, reconstructions, filters and feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import checks
from . import mosaics, reading, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "gray_r"  # 0 is white, 1 is black


def columns_for(columns: int | None, count: int) -> int:
    """The number of images per row: `columns` if given, otherwise about the number of rows."""
    return mosaics.default_columns(count) if columns is None else checks.integer(columns, "columns")


def images(
    images: npt.ArrayLike,
    labels: Sequence[Any] | npt.NDArray[Any] | None = None,
    columns: int | None = None,
    axes: style.AxesLike | None = None,
    cmap: str = INK,
) -> Figure:
    """Draw greyscale images in a grid, dark on white; `cmap="gray"` draws them light on black.

    All share one scale: 0 to 255 for uint8, otherwise 0 to 1, or the range of the values if they exceed [0, 1].

    Args:
        images: Images (n, height, width) or (n, height, width, 1), or rows of square ones, (n, pixels).
        labels: One caption per image, n numbers or strings; `None` draws none.
        columns: The number of images per row; `None` makes about as many rows as columns.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        cmap: The name of a matplotlib colour map.

    Returns:
        The figure with the grid.

    Raises:
        TypeError: An argument is not numeric, `labels` is not a list, or `axes` is not a matplotlib Axes.
        ValueError: Shapes or lengths do not match, or there is more than one Axes.

    >>> figure = fastnn.plots.images(np.zeros((4, 8, 8)), labels=[7, 2, 1, 0])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['7', '2', '1', '0']
    """
    tiles = reading.grey(reading.pictures(images))
    captions = [] if labels is None else reading.texts(labels, "labels", len(tiles), "image")
    columns = columns_for(columns, len(tiles))
    look = mosaics.Look(_colour_map(cmap), *mosaics.limits(tiles))
    return style.whole_figure(mosaics.draw(tiles, columns, axes, look, captions))


def filters(
    weights: npt.ArrayLike,
    shape: tuple[int, int] | None = None,
    columns: int | None = None,
    axes: style.AxesLike | None = None,
    count: int = 16,
    channel: int = 0,
    limit: float | None = None,
) -> Figure:
    """Draw the weights of the first units or filters as images: 0 is grey, positive orange, negative blue.

    All share one colour scale, symmetric about 0, with a colour bar. Larger weights are lighter, so the sign is visible
    in greyscale print, too. Above each is the number of the unit or filter, counted from 0 as in `feature_maps`.

    Args:
        weights: The kernel of a dense layer, (inputs, units), each column of which is drawn as an image, or of a
            convolution, (height, width, channels, filters).
        shape: Height and width of a dense layer's images; `None` makes them square.
        columns: The number of images per row; `None` makes about as many rows as columns.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        count: The largest number of units or filters to draw.
        channel: The input channel of a convolution to draw.
        limit: The absolute weight at the ends of the colour scale, to compare figures; `None`: the largest one drawn.

    Returns:
        The figure with the grid.

    Raises:
        TypeError: An argument is not numeric or not an integer, or `axes` is not a matplotlib Axes.
        ValueError: Shapes do not match, there is no such channel, or there is more than one Axes.

    >>> layer = fastnn.layers.Dense(4)
    >>> layer.build((None, 64))
    >>> figure = fastnn.plots.filters(layer.weights[0])  # four images of 8 x 8 weights
    >>> [text.get_text() for text in figure.axes[0].texts], figure.axes[1].get_ylabel()  # of the colour bar
    (['0', '1', '2', '3'], 'weight')
    """
    count = checks.integer(count, "count")
    channel = checks.integer(channel, "channel", 0)
    tiles = _filter_tiles(weights, shape, channel)[:count]
    columns = columns_for(columns, len(tiles))
    # If all weights are 0, draw grey with a scale of 1.
    largest = float(np.abs(tiles).max()) or 1.0 if limit is None else checks.number(limit, "limit", 1e-30)
    look = mosaics.Look(style.signed(), -largest, largest, bar="weight")
    return style.whole_figure(mosaics.draw(tiles, columns, axes, look, _numbers(tiles)))


def reconstructions(
    originals: npt.ArrayLike,
    reconstructed: npt.ArrayLike,
    noisy: npt.ArrayLike | None = None,
    axes: style.AxesLike | None = None,
    count: int = 10,
) -> Figure:
    """Draw a row of images, below it an autoencoder's noisy inputs, if given, and below that its reconstructions.

    All rows have the scale of the originals, as in `images`; values outside are drawn white or black.

    Args:
        originals: Images (n, height, width) or (n, height, width, 1), or rows of square ones, (n, pixels).
        reconstructed: The autoencoder's output, as many images of the same size.
        noisy: The autoencoder's inputs, if they differ from the originals, as many images of the same size.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        count: The largest number of images to draw.

    Returns:
        The figure with the rows.

    Raises:
        TypeError: An argument is not numeric, or `axes` is not a matplotlib Axes.
        ValueError: Shapes or lengths do not match, or there is more than one Axes.

    >>> originals, reconstructed = np.zeros((2, 5, 8, 8))
    >>> figure = fastnn.plots.reconstructions(originals, reconstructed)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['original', 'reconstruction']
    """
    count = checks.integer(count, "count")
    rows = {"originals": reading.pictures(originals, "originals")}
    size = rows["originals"].shape[1:]
    for name, value in (("noisy", noisy), ("reconstructed", reconstructed)):
        if value is not None:
            rows[name] = reading.pictures(value, name, size)
    for name, tiles in rows.items():
        if tiles.shape != rows["originals"].shape:
            raise ValueError(
                f"{name} must have the shape of the originals, {rows['originals'].shape}, received {tiles.shape}"
            )
    shown = [reading.grey(tiles[:count]) for tiles in rows.values()]
    names = {"originals": "original", "noisy": "noisy input", "reconstructed": "reconstruction"}
    look = mosaics.Look(INK, *mosaics.limits(shown[0]))
    tiles = np.concatenate(shown)
    columns = len(shown[0])
    panel = mosaics.draw(tiles, columns, axes, look, row_names=[names[name] for name in rows])
    return style.whole_figure(panel)


def feature_maps(
    maps: npt.ArrayLike, columns: int | None = None, axes: style.AxesLike | None = None, cmap: str = "viridis"
) -> Figure:
    """Draw the output of a convolution for one image, one tile per channel, on one colour scale with a colour bar.

    Above each is the number of the channel, counted from 0: number i is what filter i of `filters` gives.

    Args:
        maps: The layer's output for one image, (height, width, channels) or (1, height, width, channels).
        columns: The number of tiles per row; `None` makes about as many rows as columns.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        cmap: The name of a matplotlib colour map.

    Returns:
        The figure with the grid.

    Raises:
        TypeError: `maps` is not numeric, or `axes` is not a matplotlib Axes.
        ValueError: `maps` has another shape, or there is more than one Axes.

    >>> layer = fastnn.layers.Conv2D(6, 3)
    >>> figure = fastnn.plots.feature_maps(layer.forward(np.ones((1, 8, 8, 1))))
    >>> figure.axes[1].get_ylabel()  # of the colour bar
    'activation'
    """
    array = checks.finite(checks.numeric_array(maps, "maps"), "maps")
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim != 3 or array.size == 0:
        raise ValueError(f"maps must have the shape (height, width, channels) of one image, received {array.shape}")
    tiles = np.moveaxis(array, 2, 0).astype(np.float64)
    columns = columns_for(columns, len(tiles))
    look = mosaics.Look(_colour_map(cmap), float(tiles.min()), float(tiles.max()), bar="activation")
    return style.whole_figure(mosaics.draw(tiles, columns, axes, look, _numbers(tiles)))


def _numbers(tiles: np.ndarray) -> list[str]:
    return [str(i) for i in range(len(tiles))]


def _filter_tiles(weights: npt.ArrayLike, shape: tuple[int, int] | None, channel: int) -> np.ndarray:
    array = checks.finite(checks.numeric_array(weights, "weights"), "weights")
    if array.ndim not in (2, 4) or array.size == 0:
        raise ValueError(
            "weights must be a kernel of shape (inputs, units) or (height, width, channels, filters), "
            f"received shape {array.shape}"
        )
    if array.ndim == 2:
        if channel:
            raise ValueError(f"channel must be 0 for a dense layer's weights, received {channel}")
        height, width = reading.picture_shape(len(array), shape, "weights", array.shape)
        return array.T.reshape(-1, height, width).astype(np.float64)
    if shape is not None:
        raise ValueError(f"shape must be None for a convolution's weights of shape {array.shape}, received {shape}")
    if channel >= array.shape[2]:
        raise ValueError(f"channel must be in [0, {array.shape[2]}), received {channel}")
    return np.moveaxis(array[:, :, channel], 2, 0).astype(np.float64)


def _colour_map(name: str) -> str:
    from matplotlib import colormaps

    return checks.nearest(name, colormaps, "cmap")
