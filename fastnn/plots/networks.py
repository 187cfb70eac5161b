"""A network: neuron by neuron with its weights, or layer by layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..models import Sequential
from ..models.outline import Block, Column, blocks, ends, extent, neurons, shape_text
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

_FEW = 8  # units of a column up to which the biases are written into the neurons
_MOST_WEIGHTS = 10_000  # that are drawn one by one; a millisecond each
_MOST_BLOCKS = 41  # seven rows, with the cell for those that are left out
_IN_A_ROW = 6
_COLOURS = {
    "input": "white",
    "dense": style.SKY,
    "convolution": style.ORANGE,
    "pooling": style.GREEN,
    "other": "#C8C8C8",
}
_LETTERS = 8.0  # points


def network(
    model: Sequential, max_units: int = 16, axes: style.AxesLike | None = None, title: str | None = None
) -> Figure:
    """Draw a network: a small one neuron by neuron, another one with a block for each layer.

    Neurons are circles in the colour of their bias, and lines between them are the weights: orange and solid above 0,
    blue and dashed below, the thicker the larger. So are networks drawn that take vectors and whose layers are `Dense`
    and such as keep the shape (activations, dropout, normalization), which are named below.

    Blocks grow with the logarithm of a layer's output shape: of images with height, width and channels. Layers without
    weights that keep the shape are named with the layer before them.

    Args:
        model: A built model; it need not be compiled or trained.
        max_units: The most inputs and units of a layer that are drawn one by one; 0 draws blocks in any case. So do
            more than 10,000 weights, which nobody could tell apart.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        title: The title of the panel; `None`: the model's name and its number of parameters.

    Returns:
        The figure with the panel.

    Raises:
        TypeError: `model` is not a `Sequential`, `max_units` not an integer, or `axes` not a matplotlib Axes.
        ValueError: The model is not built yet, `max_units` is negative, or there is more than one Axes.

    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3, "relu"), fastnn.layers.Dense(1)])
    >>> figure = fastnn.plots.network(model)
    >>> len(figure.axes[0].collections[0].get_segments())  # the weights
    9
    """
    if not isinstance(model, Sequential):
        raise TypeError(f"model must be a fastnn.Sequential, received {type(model).__name__}")
    if not model.built:
        raise ValueError(
            f"model {model.name} must be built, so that its shapes are known: put fastnn.Input(shape) first, call "
            "build, or fit it"
        )
    max_units = checks.integer(max_units, "max_units", 0)
    columns = neurons(model, max_units)
    if columns is not None and sum(c.kernel.size for c in columns if c.kernel is not None) > _MOST_WEIGHTS:
        columns = None
    heading = f"{model.name}: {model.count_params():,} parameters" if title is None else title
    if columns is not None:
        return _draw_neurons(columns, axes, heading)
    return _draw_blocks(blocks(model), axes, heading)


def _letters(panel: Axes, words: list[str], across: int) -> float:
    """The size of letters with which so many texts have room beside each other."""
    widest = max(style.text_width(text, 1.0) for text in words)
    return min(_LETTERS, 0.96 * style.size_in_points(panel)[0] / across / max(widest, 1e-6))


# ---------------------------------------------------------------------------------------------------------------------
# Neurons. Columns are at x = 0, 1, 2, ..., and neurons of a column at distances of 1.


def _draw_neurons(columns: list[Column], axes: style.AxesLike | None, heading: str) -> Figure:
    most = max(column.units for column in columns)
    captions = ["\n".join([c.name, _counted(c), *c.details[1:]]) for c in columns]
    lines = max(caption.count("\n") + 1 for caption in captions)
    size = 1.6 * len(columns) + 1.2, (0.5 if most <= _FEW else 0.36) * max(most, 2) + 0.16 * lines + 1.0
    panel = style.one_panel(axes, size)
    colours = _scale(columns)
    biased = any(column.bias is not None for column in columns)
    style.colour_bar(panel, colours, "weight; in circles bias" if biased else "weight")  # which takes room
    centres = [(most - 1) / 2 - np.arange(c.units) + (c.units - 1) / 2 - (most - 1) / 2 for c in columns]
    handles = _draw_weights(panel, columns, centres, colours)
    room = style.size_in_points(panel)[1] / (most + 1 + 0.5 * lines)
    letters = _letters(panel, captions, len(columns))
    diameter = min(22.0, 0.8 * room)
    for x, (column, up) in enumerate(zip(columns, centres, strict=True)):
        faces = colours.to_rgba(column.bias) if column.bias is not None else "white"
        panel.scatter(
            np.full(column.units, x), up, s=diameter**2, c=faces, edgecolors=style.BLACK, linewidths=1, zorder=3
        )
        if column.bias is not None and most <= _FEW:
            for y, bias, face in zip(up, column.bias, faces, strict=True):
                ink = style.readable_on(face)
                panel.text(x, y, f"{bias:.1f}", color=ink, fontsize=7, ha="center", va="center", zorder=4)
        panel.annotate(
            captions[x], (x, -(most - 1) / 2), (0, -0.5 * diameter - 6), textcoords="offset points",
            ha="center", va="top", fontsize=letters, parse_math=False, annotation_clip=False,
        )  # fmt: skip
    _name_ends(panel, centres, diameter)
    panel.set_xlim(-0.45, len(columns) - 0.55)
    panel.set_ylim(-(most - 1) / 2 - 0.5 * lines - 0.6, (most - 1) / 2 + 0.6)
    panel.set_axis_off()
    style.legend_above([panel], [handles], [heading])
    return style.whole_figure(panel)


def _counted(column: Column) -> str:
    what = f"{column.units} {'input' if column.kernel is None else 'unit'}{'s' * (column.units != 1)}"
    return ", ".join([what, *column.details[:1]])


def _scale(columns: list[Column]) -> ScalarMappable:
    """The colours of weights and biases: grey for 0."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    numbers = np.concatenate([np.ravel(a) for c in columns for a in (c.kernel, c.bias) if a is not None])
    largest = float(np.abs(numbers[np.isfinite(numbers)]).max(initial=0)) or 1.0
    return ScalarMappable(Normalize(-largest, largest), style.signed_on_white())


def _draw_weights(panel: Axes, columns: list[Column], centres: list[np.ndarray], colours: ScalarMappable) -> list[Any]:
    """Lines, the strongest above the others; returns what the legend shows."""
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    largest = max(colours.get_clim())
    ends_of, weights = [], []
    for x, column in enumerate(columns[1:]):
        assert column.kernel is not None
        for (before, unit), weight in np.ndenumerate(column.kernel):
            ends_of.append([(x, centres[x][before]), (x + 1, centres[x + 1][unit])])
            weights.append(float(weight))
    numbers = np.array(weights)
    order = np.argsort(np.where(np.isfinite(numbers), np.abs(numbers), np.inf), kind="stable")
    numbers = numbers[order]
    known = np.isfinite(numbers)
    looks = [("-" if w > 0 else (0, (3, 1.5))) if ok else ":" for w, ok in zip(numbers, known, strict=True)]
    inks = np.where(known[:, np.newaxis], colours.to_rgba(np.where(known, numbers, 0)), (0, 0, 0, 1))
    widths = np.where(known, 0.5 + 2.5 * np.abs(np.where(known, numbers, 0)) / largest, 1.0)
    lines = LineCollection([ends_of[i] for i in order], colors=inks, linewidths=widths, linestyles=looks, zorder=1)
    panel.add_collection(lines)
    handles = [
        Line2D([], [], color=style.VERMILION, linewidth=2, label="weight > 0"),
        Line2D([], [], color=style.BLUE, linewidth=2, linestyle=(0, (3, 1.5)), label="weight < 0"),
    ]
    if not known.all():
        handles.append(Line2D([], [], color=style.BLACK, linestyle=":", label="weight not finite"))
    return handles


def _name_ends(panel: Axes, centres: list[np.ndarray], diameter: float) -> None:
    """The inputs x and the outputs y, with their numbers."""
    for x, letter, side, align in ((0, "x", -1, "right"), (len(centres) - 1, "y", 1, "left")):
        for number, y in enumerate(centres[x], 1):
            panel.annotate(
                f"${letter}_{{{number}}}$", (x, y), (side * (0.5 * diameter + 4), 0), textcoords="offset points",
                ha=align, va="center", fontsize=_LETTERS + 1, annotation_clip=False,
            )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Blocks. Each has a cell of 1 x 1, with the words in its lower part.

_HIGH, _WIDE = 0.048, 0.05  # of a block, for each doubling of its shape
_MIDDLE = 0.66  # of the blocks, above the bottom of their cells


def _draw_blocks(found: list[Block], axes: style.AxesLike | None, heading: str) -> Figure:
    first, hidden, last = ends(found, _MOST_BLOCKS)
    cells: list[Block | None] = [*first, *([None] if hidden else []), *last]
    across = min(_IN_A_ROW, len(cells))
    rows = math.ceil(len(cells) / across)
    panel = style.one_panel(axes, (1.5 * across + 0.2, 1.75 * rows + 0.4))
    words = [_words(block, hidden) for block in cells]
    letters = _letters(panel, words, across)
    for number, (block, text) in enumerate(zip(cells, words, strict=True)):
        x, y = number % across + 0.5, rows - 1 - number // across
        if block is None:
            panel.text(x, y + _MIDDLE, "…", ha="center", va="center", fontsize=_LETTERS + 6)
        else:
            _draw_block(panel, block, x, y + _MIDDLE)
        panel.text(x, y + 0.34, text, ha="center", va="top", fontsize=letters, linespacing=1.15, parse_math=False)
        if number + 1 < len(cells) and (number + 1) % across:
            arrow = {"arrowstyle": "-|>", "color": style.BLACK, "linewidth": 0.8}
            panel.annotate("", (x + 0.6, y + _MIDDLE), (x + 0.4, y + _MIDDLE), arrowprops=arrow)
    panel.set_xlim(0, across)
    panel.set_ylim(-0.12, rows)
    panel.set_axis_off()
    panel.set_title(heading, fontsize=style.TITLE_SIZE, parse_math=False)
    return style.whole_figure(panel)


def _words(block: Block | None, hidden: list[Block]) -> str:
    if block is None:
        return f"{len(hidden)} more\n{sum(b.parameters for b in hidden):,} parameters"
    counted = f"{block.parameters:,} parameter{'s' * (block.parameters != 1)}" if block.parameters else ""
    return "\n".join(text for text in (block.name, shape_text(block.shape), counted, *block.details) if text)


def _draw_block(panel: Axes, block: Block, x: float, y: float) -> None:
    from matplotlib.patches import Polygon

    size = extent(block)
    height, depth = min(_HIGH * size[0], 0.52), min(0.3 * _HIGH * size[1], 0.1)
    width = min(max(_WIDE * size[2], 0.07), 0.45)
    left, low = x - (width + depth) / 2, y - (height + depth) / 2
    front = [(left, low), (left + width, low), (left + width, low + height), (left, low + height)]
    top = [front[3], front[2], (front[2][0] + depth, front[2][1] + depth), (front[3][0] + depth, front[3][1] + depth)]
    side = [front[1], front[2], top[2], (front[1][0] + depth, front[1][1] + depth)]
    for corners in (front, top, side) if depth else (front,):
        panel.add_patch(Polygon(corners, facecolor=_COLOURS[block.kind], edgecolor=style.BLACK, linewidth=0.8))
