"""The errors of a classifier: the confusion matrix, and the misclassified images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import checks, metrics
from ..metrics.confusion import truth_and_prediction
from . import mosaics, pictures, reading, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_CELLS = 100  # classes; with more, the numbers would not fit into the cells


def confusion_matrix(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    labels: Sequence[str] | None = None,
    normalize: bool = False,
    axes: style.AxesLike | None = None,
) -> Figure:
    """Draw how many samples of each true class (row) were predicted as each class (column).

    The colour of a cell shows its fraction of the row: blue on the diagonal, which is right, and orange elsewhere, on a
    scale of its own that ends at the most frequent error, because errors are few where a classifier is good.

    Args:
        y_true: Labels (n,) or (n, 1), or one-hot rows (n, C).
        y_pred: Labels (n,) or (n, 1), scores (n, C), or probabilities of class 1, (n,) or (n, 1), class 1 above 0.5.
        labels: The names of the classes; `None` numbers them from 0.
        normalize: Whether cells show the percentage of their row instead of the count.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.

    Returns:
        The figure with the matrix.

    Raises:
        TypeError: An argument is not numeric, `labels` is not a list, or `axes` is not a matplotlib Axes.
        ValueError: Shapes or lengths do not match, labels are not integers >= 0, there are more than 100 classes or
            fewer names than classes, or there is more than one Axes.

    >>> figure = fastnn.plots.confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], labels=["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '0', '2']
    """
    truth, predicted, classes = truth_and_prediction(y_true, y_pred)
    names = reading.class_names(labels, classes)
    classes = len(names)
    if classes > _MOST_CELLS:
        raise ValueError(f"y_true and y_pred must have at most {_MOST_CELLS} classes, received {classes}")
    counts = metrics.confusion_matrix(truth, predicted, classes)
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    texts = (
        [[f"{share:.1f}" if share else "0" for share in row] for row in percent]
        if normalize
        else counts.astype(str).tolist()
    )

    inches = min(max(5.5 / classes, 0.36), 1.2)
    margin = max(style.text_width(name, 10) for name in names) / 72
    below = 0.7 * margin if margin > 0.9 * inches else 0
    panel = style.one_panel(axes, (classes * inches + 2.5 + margin, classes * inches + 0.6 + below), square=True)
    width, height = style.size_in_points(panel)
    shrink = 1.0 if axes is None else min(1.0, 0.9 * width / height)  # as tall as the square matrix
    right = np.eye(classes, dtype=bool)
    worst = float(percent[~right].max(initial=0)) or 1.0
    kinds = (right, "Blues", 100.0, "right"), (~right, "Oranges", worst, "wrong")
    colours = np.zeros((classes, classes, 4))
    for cells, cmap, highest, kind in kinds:
        share = np.ma.masked_array(percent, ~cells)
        drawn = panel.imshow(share, cmap=cmap, vmin=0, vmax=highest, interpolation="nearest")
        colours[cells] = drawn.cmap(drawn.norm(percent[cells]))
        style.colour_bar(panel, drawn, f"{kind} (% of the true class)", shrink)
    cell = min(style.size_in_points(panel)) / classes
    letters = min(10.0, 0.8 * cell / max(style.text_width(text, 1.0) for text in set().union(*texts)))
    for row, column in np.ndindex(classes, classes):
        # Zeros are drawn in grey.
        ink = style.readable_on(colours[row, column]) if counts[row, column] else "0.6"
        panel.text(column, row, texts[row][column], ha="center", va="center", fontsize=letters, color=ink)
    _name_classes(panel, names, cell)
    return style.whole_figure(panel)


def misclassified(
    images: npt.ArrayLike,
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    count: int = 25,
    axes: style.AxesLike | None = None,
    labels: Sequence[str] | None = None,
    columns: int | None = None,
) -> Figure:
    """Draw the first misclassified images, with truth → prediction above each, as the heading explains.

    Args:
        images: Images (n, height, width) or (n, height, width, 1), or rows of square ones, (n, pixels).
        y_true: Labels (n,) or (n, 1), or one-hot rows (n, C).
        y_pred: Labels (n,) or (n, 1), scores (n, C), or probabilities of class 1, (n,) or (n, 1), class 1 above 0.5.
        count: The largest number of images to draw.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        labels: The names of the classes; `None` numbers them from 0.
        columns: The number of images per row; `None` makes about as many rows as columns.

    Returns:
        The figure with the grid, or with a note that no prediction is wrong.

    Raises:
        TypeError: An argument is not numeric or not an integer, `labels` is not a list, or `axes` is not a matplotlib
            Axes.
        ValueError: Shapes or lengths do not match, labels are not integers >= 0, there are fewer names than classes,
            or there is more than one Axes.

    >>> images = np.zeros((3, 8, 8))
    >>> figure = fastnn.plots.misclassified(images, y_true=[0, 1, 2], y_pred=[0, 2, 2])
    >>> figure.axes[0].get_title(), figure.axes[0].texts[0].get_text()
    ('1 of 3 wrong\\ntruth → prediction', '1 → 2')
    """
    tiles = reading.pictures(images)
    truth, predicted, classes = truth_and_prediction(y_true, y_pred)
    checks.same_length(tiles, "images", truth, "y_true")
    names = reading.class_names(labels, classes)
    wrong = np.flatnonzero(truth != predicted)
    shown = wrong[: checks.integer(count, "count")]
    columns = pictures.columns_for(columns, max(shown.size, 1))

    if shown.size == 0:
        panel = style.one_panel(axes, (4.0, 1.2))
        panel.set_axis_off()
        panel.text(
            0.5, 0.5, f"none of {truth.size} predictions is wrong", ha="center", va="center", fontsize=style.TITLE_SIZE
        )
        return style.whole_figure(panel)
    captions = [f"{names[truth[i]]} → {names[predicted[i]]}" for i in shown]
    heading = f"{wrong.size} of {truth.size} wrong" + (f", the first {shown.size}" if shown.size < wrong.size else "")
    heading += "\ntruth → prediction"
    tiles = reading.grey(tiles[shown])
    look = mosaics.Look(pictures.INK, *mosaics.limits(tiles))
    return style.whole_figure(mosaics.draw(tiles, columns, axes, look, captions, heading=heading))


def _name_classes(panel: Axes, names: Sequence[str], cell: float) -> None:
    """Label rows and columns with class names, rotated if they are wider than a column."""
    places, letters = range(len(names)), min(10.0, 0.9 * cell)
    widest = max(style.text_width(name, letters) for name in names)
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if widest > 0.9 * cell else {}
    panel.set_xticks(places, names, fontsize=letters, parse_math=False, **turned)
    panel.set_yticks(places, names, fontsize=letters, parse_math=False)
    panel.tick_params(length=0)
    panel.set_xlabel("prediction")
    panel.set_ylabel("truth")
