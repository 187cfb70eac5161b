"""Images, and what the layers make of them: reconstructions, filters, feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import checks
from . import mosaics, reading, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "gray_r"  # 0 is white paper, 1 is ink


def columns_for(columns: int | None, count: int) -> int:
    """How many pictures stand in a row: `columns` if given, else about as many as there are rows."""
    return mosaics.default_columns(count) if columns is None else checks.positive_integer(columns, "columns")


def images(
    images: npt.ArrayLike,
    labels: Sequence[Any] | npt.NDArray[Any] | None = None,
    columns: int | None = None,
    axes: style.AxesLike | None = None,
    cmap: str = INK,
) -> Figure:
    """Draw grey images in a grid, dark ink on white; `cmap="gray"` for light on black, as on a screen.

    All share one scale: 0 to 255 for bytes, else 0 to 1, or from the lowest to the highest value where they leave
    [0, 1].

    Args:
        images: Images (n, height, width) or (n, height, width, 1), or rows of square ones, (n, pixels).
        labels: A caption for each image, n numbers or texts; `None` writes none.
        columns: How many images stand in a row; `None` makes about as many rows as columns.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        cmap: The name of a matplotlib colour map.

    Returns:
        The figure that holds the grid.

    Raises:
        TypeError: Something is not numeric, `labels` is no list, or `axes` is no matplotlib Axes.
        ValueError: Shapes or lengths do not fit, or there is more than one Axes.
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
    """Draw the weights of the first units or filters as pictures: 0 is grey, positive orange, negative blue.

    One colour scale, symmetric about 0, serves all, and a colour bar explains it; it is lighter the larger the weight,
    so that print in grey keeps the sign.

    Args:
        weights: The kernel of a dense layer, (inputs, units), whose columns become pictures, or of a convolution,
            (height, width, channels, filters).
        shape: Height and width of a dense layer's pictures; `None` makes them square.
        columns: How many pictures stand in a row; `None` makes about as many rows as columns.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        count: How many units or filters are drawn, at most.
        channel: Which input channel of a convolution is drawn.
        limit: The weight at the ends of the colour scale, for pictures to be compared; `None`: the largest drawn.

    Returns:
        The figure that holds the grid.

    Raises:
        TypeError: Something is not numeric or no integer, or `axes` is no matplotlib Axes.
        ValueError: Shapes do not fit, there is no such channel, or there is more than one Axes.
    """
    count = checks.positive_integer(count, "count")
    channel = checks.positive_integer(channel, "channel", 0)
    tiles = _filter_tiles(weights, shape, channel)[:count]
    columns = columns_for(columns, len(tiles))
    # All 0: grey, with a bar that has a scale.
    largest = float(np.abs(tiles).max()) or 1.0 if limit is None else checks.number(limit, "limit", 1e-30)
    look = mosaics.Look(style.signed(), -largest, largest, bar="weight")
    return style.whole_figure(mosaics.draw(tiles, columns, axes, look))


def reconstructions(
    originals: npt.ArrayLike,
    reconstructed: npt.ArrayLike,
    noisy: npt.ArrayLike | None = None,
    axes: style.AxesLike | None = None,
    count: int = 10,
) -> Figure:
    """Draw images in a row, below them what an autoencoder saw of them, if that was noisy, and what it made of them.

    All rows have the scale of the originals, as in `images`; what lies outside is drawn white or black.

    Args:
        originals: Images (n, height, width) or (n, height, width, 1), or rows of square ones, (n, pixels).
        reconstructed: The autoencoder's output, as many images of the same size.
        noisy: The autoencoder's input where that differs, as many images of the same size.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        count: How many images are drawn, at most.

    Returns:
        The figure that holds the rows.

    Raises:
        TypeError: Something is not numeric, or `axes` is no matplotlib Axes.
        ValueError: Shapes or lengths do not fit, or there is more than one Axes.
    """
    count = checks.positive_integer(count, "count")
    rows = {"originals": reading.pictures(originals, "originals")}
    size = rows["originals"].shape[1:]
    for name, value in (("noisy", noisy), ("reconstructed", reconstructed)):
        if value is not None:
            rows[name] = reading.pictures(value, name, size)
    for name, tiles in rows.items():
        if tiles.shape != rows["originals"].shape:
            raise ValueError(
                f"{name} must be images of the originals' number and size, {rows['originals'].shape}, "
                f"received {tiles.shape}"
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
    """Draw what each filter of a convolution found in one image, a picture a channel, on one colour scale with its bar.

    Args:
        maps: The layer's output for one image, (height, width, channels) or (1, height, width, channels).
        columns: How many pictures stand in a row; `None` makes about as many rows as columns.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        cmap: The name of a matplotlib colour map.

    Returns:
        The figure that holds the grid.

    Raises:
        TypeError: `maps` is not numeric, or `axes` is no matplotlib Axes.
        ValueError: `maps` has another shape, or there is more than one Axes.
    """
    array = checks.finite(checks.numeric_array(maps, "maps"), "maps")
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim != 3 or array.size == 0:
        raise ValueError(f"maps must have shape (height, width, channels), of one image, received {array.shape}")
    tiles = np.moveaxis(array, 2, 0).astype(np.float64)
    columns = columns_for(columns, len(tiles))
    look = mosaics.Look(_colour_map(cmap), float(tiles.min()), float(tiles.max()), bar="activation")
    return style.whole_figure(mosaics.draw(tiles, columns, axes, look))


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
