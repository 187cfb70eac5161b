"""The style of the plots: the palette, and the making of figures, legends and colour bars.

Nothing is told by colour alone: line style, marker, a number or the lightness repeats it, for greyscale print.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from .. import checks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

AxesLike: TypeAlias = Union["Axes", Sequence["Axes"], "npt.NDArray[np.object_]"]

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which colour-blind readers can tell apart.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
BROWN, GREY = "#6B3A1E", "#999999"  # two more, for ten classes

PARTS: dict[str, dict[str, Any]] = {
    "train": {"color": BLUE, "linestyle": "-", "marker": "o"},
    "validation": {"color": VERMILION, "linestyle": "--", "marker": "s", "markerfacecolor": "white"},
}
# Curves of different runs do not use the colours of train and validation.
_RUN_COLOURS = (BLACK, ORANGE, GREEN, PURPLE, SKY)
_RUN_LINES = ("-", "--", "-.", ":")
_RUN_MARKERS = ("o", "s", "^", "D", "v", "X", "P")
_CLASS_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK, BROWN, GREY, YELLOW)
_CLASS_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

LEGEND_SIZE = 9.0  # points
TITLE_SIZE = 11.0
_LEGEND_HANDLE = 3.7 * LEGEND_SIZE  # the width of a legend's column besides the text
_LEGEND_LINE = 1.65 * LEGEND_SIZE


def run_style(index: int) -> dict[str, Any]:
    """Colour, line style and marker of curve `index`; no two of the first 5 * 4 * 7 have all three in common."""
    colour = _RUN_COLOURS[index % len(_RUN_COLOURS)]
    return {
        "color": colour,
        "linestyle": _RUN_LINES[index % len(_RUN_LINES)],
        "marker": _RUN_MARKERS[index % len(_RUN_MARKERS)],
        "markerfacecolor": colour if index % 2 else "white",
    }


def class_colour(label: int) -> str:
    """The colour of a class."""
    return _CLASS_COLOURS[label % len(_CLASS_COLOURS)]


def class_marker(label: int) -> str:
    """The marker of a class; together with the colour it is unique among 90."""
    return _CLASS_MARKERS[label % len(_CLASS_MARKERS)]


def two_classes() -> Colormap:
    """A colour map from class 0's colour to class 1's, pale enough for points on top, of rising lightness."""
    return _colour_map("class 0 to class 1", ("#8FBBDA", "#C3D9EA", "#EDEAE4", "#FBE6D4", "#FFF1E4"))


def signed() -> Colormap:
    """A colour map for numbers around 0: from blue over grey to orange, of rising lightness."""
    return _colour_map("negative to positive", ("#08275C", "#2B62A8", "#949494", "#F0B766", "#FFF3D0"))


def signed_on_white() -> Colormap:
    """A colour map for lines on white, for numbers around 0: from blue over pale grey to vermilion."""
    return _colour_map("negative to positive on white", (BLUE, "#D9D9D9", VERMILION))


def _colour_map(name: str, colours: Sequence[str]) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(name, colours)


def pale_class_colour(label: int) -> tuple[float, float, float]:
    """A background for points: the colour of a class mixed with white, in different amounts for neighbours."""
    from matplotlib.colors import to_rgb

    amount = (0.45, 0.15, 0.3)[label % 3]
    red, green, blue = (1 - amount * (1 - part) for part in to_rgb(class_colour(label)))
    return red, green, blue


def readable_on(colour: Any) -> str:
    """Black or white, whichever has more contrast to a colour with red, green and blue in [0, 1].

    By relative luminance, https://www.w3.org/TR/WCAG21/#dfn-relative-luminance.
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.179 else "white"


def panels(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (4.5, 3.6)
) -> tuple[Figure, npt.NDArray[np.object_]]:
    """Make a figure with several panels, to be passed as `axes` to the other functions.

    Args:
        rows: The number of rows of panels.
        columns: The number of panels per row.
        size: Width and height of one panel, in inches.

    Returns:
        The figure, and its axes as an array (rows, columns).

    Raises:
        TypeError: An argument is not a number.
        ValueError: An argument is not positive.

    >>> figure, axes = fastnn.plots.panels(columns=2)
    >>> for panel, metric in zip(axes[0], ("loss", "accuracy")):
    ...     _ = fastnn.plots.learning_curves({"loss": [1.0, 0.5], "accuracy": [0.6, 0.8]}, metric, axes=panel)
    >>> [panel.get_ylabel() for panel in axes[0]]
    ['loss', 'accuracy (fraction)']
    """
    rows, columns = checks.integer(rows, "rows"), checks.integer(columns, "columns")
    width, height = (checks.number(side, "size", 0.1) for side in size)
    from .figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def given_axes(axes: AxesLike, count: int, expected: str) -> list[Axes]:
    """The axes as a list, checked to be `count` of them.

    Raises:
        TypeError: something is not a matplotlib Axes.
        ValueError: there are more or fewer than `count`; the message says what was `expected`.
    """
    from matplotlib.axes import Axes

    given = list(np.atleast_1d(np.asarray(axes, dtype=object)).flat)
    for panel in given:
        if not isinstance(panel, Axes):
            raise TypeError(f"axes must be matplotlib Axes, received {type(panel).__name__}")
    if len(given) != count:
        raise ValueError(f"axes must be {expected}, received {len(given)}")
    return given


def row_of_panels(axes: AxesLike | None, count: int, expected: str, size: tuple[float, float]) -> list[Axes]:
    """The given `count` axes, or those of a new figure with up to three panels of `size` inches per row."""
    if axes is not None:
        return given_axes(axes, count, expected)
    from .figure import Figure

    rows, columns = math.ceil(count / 3), min(count, 3)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    return [figure.add_subplot(rows, columns, 1 + i) for i in range(count)]


def one_panel(axes: AxesLike | None, size: tuple[float, float], square: bool = False) -> Axes:
    """The one given Axes, or that of a new figure of `size` inches; `square` if its pixels will be square."""
    if axes is not None:
        return given_axes(axes, 1, "one matplotlib Axes")[0]
    from .figure import Figure

    return Figure(figsize=size, layout="compressed" if square else "constrained").add_subplot()


def whole_figure(panel: Axes) -> Figure:
    """The figure around a panel, even if the panel is in a subfigure."""
    figure: Figure = panel.figure.figure
    return figure


def size_in_points(panel: Axes) -> tuple[float, float]:
    """The current width and height of a panel in points; a layout engine may still change them."""
    box = panel.get_window_extent()
    points = 72 / whole_figure(panel).dpi
    return max(box.width * points, 1.0), max(box.height * points, 1.0)


def text_width(text: str, size: float) -> float:
    """The width in points of the widest line of `text`."""
    from matplotlib.textpath import TextPath

    # A dollar sign does not start mathematics here, and an empty line has no extent.
    lines = [line.replace("$", r"\$") for line in str(text).split("\n") if line.strip()]
    return max((float(TextPath((0, 0), line, size=size).get_extents().width) for line in lines), default=0.0)


def legend_rows(labels: Sequence[str], width: float) -> tuple[int, int]:
    """The rows and columns of a legend of at most `width` points, or with one column."""
    widths = [text_width(label, LEGEND_SIZE) + _LEGEND_HANDLE for label in labels]
    for columns in range(len(widths), 1, -1):
        # matplotlib fills column by column
        if sum(max(column) for column in np.array_split(widths, columns)) <= width:
            return math.ceil(len(widths) / columns), columns
    return len(widths), 1


def legend_above(panels: Sequence[Axes], handles: Sequence[Sequence[Any]], titles: Sequence[str | None]) -> None:
    """Add a legend above each panel, outside the data, and above that the titles, all at the same height."""
    from matplotlib.collections import PathCollection

    most = 0
    for panel, shown in zip(panels, handles, strict=True):
        # It may extend to the left over the tick labels.
        room = size_in_points(panel)[0] + 30
        rows, columns = legend_rows([str(handle.get_label()) for handle in shown], room)
        most = max(most, rows)
        look = {"frameon": False, "fontsize": LEGEND_SIZE, "borderaxespad": 0.2}
        gaps = {"handletextpad": 0.5, "columnspacing": 1.2}
        legend = panel.legend(handles=shown, loc="lower right", bbox_to_anchor=(1, 1), ncols=columns, **look, **gaps)
        for handle in legend.legend_handles:  # large enough, however small the points are
            if isinstance(handle, PathCollection):
                handle.set_sizes([max(36.0, min(float(handle.get_sizes()[0]), 80.0))])
    for panel, title in zip(panels, titles, strict=True):
        if title is not None:
            panel.set_title(title, fontsize=TITLE_SIZE, pad=8 + most * _LEGEND_LINE)


def one_legend(axes: AxesLike) -> Figure:
    """Replace the legends of several panels by one above all of them, for panels that show the same things.

    Args:
        axes: The panels of one figure, as from `panels`, with their legends.

    Returns:
        The figure.

    Raises:
        TypeError: `axes` are not matplotlib Axes.
        ValueError: No panel has a legend.

    >>> figure, axes = fastnn.plots.panels(columns=2)
    >>> for panel, name in zip(axes[0], ("wide", "deep")):
    ...     _ = fastnn.plots.learning_curves({"loss": [1.0, 0.5], "val_loss": [1.2, 0.7]}, title=name, axes=panel)
    >>> figure = fastnn.plots.one_legend(axes)
    >>> [text.get_text() for text in figure.legends[0].get_texts()], axes[0, 0].get_legend()
    (['train', 'validation'], None)
    """
    panels = given_axes(axes, np.size(np.asarray(axes, dtype=object)), "panels")
    handles: dict[str, Any] = {}
    for panel in panels:
        legend = panel.get_legend()
        if legend is None:
            continue
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            handles.setdefault(text.get_text(), handle)
        legend.remove()
        panel.set_title(panel.get_title(), fontsize=TITLE_SIZE, pad=6)
    if not handles:
        raise ValueError(f"axes must be panels with a legend, received {len(panels)} without one")
    figure = whole_figure(panels[0])
    _, columns = legend_rows(list(handles), 72 * float(figure.get_size_inches()[0]))
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=columns, frameon=False)
    return figure


def colour_bar(panel: Axes, drawn: ScalarMappable, label: str, shrink: float = 1.0) -> Colorbar:
    """Add a colour bar to the right of the panel, `shrink` times as tall as the space there."""
    width = min(0.035 * min(size_in_points(panel)), 14)
    aspect = shrink * size_in_points(panel)[1] / width
    figure = panel.figure
    return figure.colorbar(drawn, ax=panel, label=label, shrink=shrink, fraction=0.1, pad=0.03, aspect=aspect)
