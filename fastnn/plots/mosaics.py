"""Many small images as one: a grid of tiles on a single Axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = 9.0  # font size in points
_LINE = 1.35  # line height of captions, in multiples of the font size
_SHARE = 0.35  # the largest part of a tile's height for one line of its caption
_FINEST = 24  # smaller tiles, such as 3x3 filters, are enlarged to about this many pixels, for narrow gaps


@dataclass(frozen=True)
class Look:
    """How numbers become colours: a colour map, and the values of its two ends."""

    cmap: Any
    low: float
    high: float
    bar: str | None = None  # the label of the colour bar; None: no bar


def limits(tiles: np.ndarray) -> tuple[float, float]:
    """[0, 1] for images inside it, otherwise the lowest and the highest value."""
    low, high = float(tiles.min()), float(tiles.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def default_columns(count: int) -> int:
    """About as many columns as rows, or a few more if that fills the last row."""
    least = math.isqrt(count - 1) + 1
    return next((columns for columns in range(least, 2 * least) if count % columns == 0), least)


def draw(
    tiles: np.ndarray,
    columns: int,
    axes: style.AxesLike | None,
    look: Look,
    captions: Sequence[str] = (),
    row_names: Sequence[str] = (),
    heading: str = "",
) -> Axes:
    """Draw tiles (n, height, width) row by row, and return the panel."""
    grid = _Grid.of(tiles, min(columns, len(tiles)), captions, row_names)
    if axes is None:
        scale = grid.own_scale()
        grid = grid.with_room(scale)
        width = grid.width * scale / 72 + 0.1 + (1.0 if look.bar else 0)
        above = 0.1 + 0.2 * (heading.count("\n") + 1) if heading else 0
        panel = style.one_panel(None, (width, grid.height * scale / 72 + 0.1 + above))
    else:
        panel = style.one_panel(axes, (1, 1))
        grid = grid.with_room(grid.scale_on(panel))
    _paint(panel, grid, tiles, look)
    _write(panel, grid, captions, row_names, grid.scale_on(panel))
    if heading:
        panel.set_title(heading, fontsize=style.TITLE_SIZE)
    return panel


@dataclass(frozen=True)
class _Grid:
    """The positions of the tiles, in pixels of the mosaic, with room for the texts so that nothing is cut off."""

    count: int
    columns: int
    enlarged: int  # each pixel of a tile is drawn as this many pixels of the mosaic
    tile: tuple[int, int]  # height and width, enlarged
    lines: int  # of the tallest caption
    widest: float  # the width of the widest caption, in multiples of the font size
    widest_name: float  # the same for the names of the rows
    strip: int = 0  # the height above each tile, for its caption
    left: int = 0  # the width at the left, for the names of the rows

    @classmethod
    def of(cls, tiles: np.ndarray, columns: int, captions: Sequence[str], row_names: Sequence[str]) -> _Grid:
        count, height, width = tiles.shape
        enlarged = math.ceil(_FINEST / max(height, width))
        lines = max((caption.count("\n") + 1 for caption in captions), default=0)
        widest = max((style.text_width(caption, 1.0) for caption in set(captions)), default=0.0)
        widest_name = max((style.text_width(name, 1.0) for name in row_names), default=0.0)
        return cls(count, columns, enlarged, (enlarged * height, enlarged * width), lines, widest, widest_name)

    @property
    def rows(self) -> int:
        return math.ceil(self.count / self.columns)

    @property
    def gap(self) -> int:
        return max(1, round(0.07 * max(self.tile)))

    @property
    def pitch(self) -> tuple[int, int]:
        return self.strip + self.tile[0] + self.gap, self.tile[1] + self.gap

    @property
    def height(self) -> int:
        return self.rows * self.pitch[0] + self.gap

    @property
    def width(self) -> int:
        return self.left + self.columns * self.pitch[1] + self.gap

    def place(self, index: int) -> tuple[int, int]:
        """The top left pixel of a tile."""
        row, column = divmod(index, self.columns)
        return self.gap + row * self.pitch[0] + self.strip, self.left + self.gap + column * self.pitch[1]

    def own_scale(self) -> float:
        """Points per pixel in a new figure: tiles are large if there are few of them or if captions are long."""
        inches = min(max(6.5 / self.columns, 0.5), 2.0)
        inches = max(inches, min(self.widest * _SIZE / 72, 2.0))
        return 72 * inches / max(self.tile)

    def scale_on(self, panel: Axes) -> float:
        """Points per pixel on a panel of its current size."""
        width, height = style.size_in_points(panel)
        return min(width / self.width, height / self.height)

    def letters(self, scale: float) -> float:
        """The font size in points: small if the tiles are small."""
        return min(_SIZE, _SHARE * self.tile[0] * scale / _LINE)

    def with_room(self, scale: float) -> _Grid:
        """The grid with room for the captions above the tiles and for the names of the rows."""
        size = self.letters(scale)
        strip = math.ceil(self.lines * size * _LINE / scale)
        return replace(self, strip=strip, left=math.ceil(self.widest_name * size / scale))


def _paint(panel: Axes, grid: _Grid, tiles: np.ndarray, look: Look) -> None:
    from matplotlib.collections import PolyCollection

    mosaic = np.full((grid.height, grid.width), np.nan)
    height, width = grid.tile
    frames = []
    for index, tile in enumerate(tiles):
        top, left = grid.place(index)
        mosaic[top : top + height, left : left + width] = tile.repeat(grid.enlarged, 0).repeat(grid.enlarged, 1)
        x0, x1, y0, y1 = left - 0.5, left + width - 0.5, top - 0.5, top + height - 0.5
        frames.append([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    image = panel.imshow(mosaic, cmap=look.cmap, vmin=look.low, vmax=look.high, interpolation="nearest")
    panel.add_collection(PolyCollection(frames, facecolors="none", edgecolors="0.7", linewidths=0.6), autolim=False)
    panel.set_axis_off()
    if look.bar:
        room, high = style.size_in_points(panel)
        shrink = min(1.0, 0.87 * room * grid.height / grid.width / high) * (1 - 2 * grid.gap / grid.height)
        style.colour_bar(panel, image, look.bar, shrink)


def _write(panel: Axes, grid: _Grid, captions: Sequence[str], row_names: Sequence[str], scale: float) -> None:
    size = min(grid.letters(scale), grid.strip * scale / grid.lines / _LINE) if grid.lines else grid.letters(scale)
    if row_names:
        size = min(size, grid.left * scale / grid.widest_name)
    if grid.widest:
        size = min(size, 0.97 * grid.pitch[1] * scale / grid.widest)
    for index, caption in enumerate(captions):
        top, left = grid.place(index)
        x, y = left + grid.tile[1] / 2 - 0.5, top - 0.5 - 0.1 * size / scale
        panel.text(x, y, caption, fontsize=size, ha="center", va="bottom", parse_math=False)
    for row, name in enumerate(row_names):
        y = grid.place(row * grid.columns)[0] + grid.tile[0] / 2 - 0.5
        panel.text(grid.left - 0.5, y, name, fontsize=size, ha="right", va="center", parse_math=False)
