"""Points of the plane: their classes, the predictions of a network, and its decision surface."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import checks
from ..metrics.confusion import true_labels, truth_and_prediction
from . import reading, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEVELS = np.linspace(0, 1, 21)


def scatter(x: npt.ArrayLike, y: npt.ArrayLike, axes: style.AxesLike | None = None, title: str | None = None) -> Figure:
    """Draw points of the plane by class: data as they are, before any training.

    Args:
        x: The points, (n, 2).
        y: Their labels, (n,) or (n, 1), or one-hot rows (n, C).
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        title: The title of the panel.

    Returns:
        The figure with the panel.

    Raises:
        TypeError: An argument is not numeric, or `axes` is not a matplotlib Axes.
        ValueError: Shapes or lengths do not match, labels are not integers >= 0, or there is more than one Axes.

    >>> figure = fastnn.plots.scatter(*fastnn.datasets.points.generate_xor_easy(), title="XOR")
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['class 0', 'class 1']
    """
    plane, (labels, _) = reading.points(x), true_labels(y, "y")
    checks.same_length(plane, "x", labels, "y")
    panel = style.one_panel(axes, (4.0, 4.3))
    handles = _scatter(panel, plane, labels, np.unique(labels))
    _frame(panel, _limits(plane))
    style.legend_above([panel], [handles], [title])
    return style.whole_figure(panel)


def predictions(
    x: npt.ArrayLike,
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    axes: style.AxesLike | None = None,
    title: str | None = None,
) -> Figure:
    """Draw points of the plane by class, the ground truth beside the prediction; wrong predictions are ringed.

    Args:
        x: The points, (n, 2).
        y_true: Labels (n,) or (n, 1), or one-hot rows (n, C).
        y_pred: Labels (n,) or (n, 1), scores (n, C), or probabilities of class 1, (n,) or (n, 1), class 1 above 0.5.
        axes: Two matplotlib Axes, for truth and prediction; `None` makes a new figure.
        title: Prefix of the titles "ground truth" and "prediction".

    Returns:
        The figure with both panels.

    Raises:
        TypeError: An argument is not numeric, or `axes` are not matplotlib Axes.
        ValueError: Shapes or lengths do not match, labels are not integers >= 0, or there are not two Axes.

    >>> x, y = fastnn.datasets.points.generate_xor_easy()
    >>> figure = fastnn.plots.predictions(x, y, np.zeros(len(x)), title="XOR")
    >>> [panel.get_title() for panel in figure.axes]
    ['XOR: ground truth', 'XOR: prediction']
    """
    plane = reading.points(x)
    truth, predicted, _ = truth_and_prediction(y_true, y_pred)
    checks.same_length(plane, "x", truth, "y_true")
    wrong = truth != predicted
    known = np.union1d(truth, predicted)
    limits = _limits(plane)

    panels = style.row_of_panels(axes, 2, "two, for the ground truth and the prediction", (4.0, 4.3))
    left = _scatter(panels[0], plane, truth, known)
    right = [*_scatter(panels[1], plane, predicted, known), _ring(panels[1], plane, wrong)]
    for panel in panels:
        _frame(panel, limits)
    before = "" if title is None else f"{title}: "
    style.legend_above(panels, (left, right), [f"{before}{what}" for what in ("ground truth", "prediction")])
    return style.whole_figure(panels[0])


def decision_surface(
    predict: Callable[[np.ndarray], Any] | Any,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    axes: style.AxesLike | None = None,
    resolution: int = 200,
    title: str | None = None,
) -> Figure:
    """Draw the predictions of a network over the plane around some points, such as those that it was trained with.

    With one or two outputs: the probability of class 1 in steps of 0.05, with the decision boundary at 0.5. With more
    outputs: the regions in which each class has the highest score.

    Args:
        predict: A model or a function that returns probabilities of class 1, (m, 1) or (m,), or scores (m, C), for
            float64 points (m, 2). Values below 0 or above 1 are drawn as 0 or 1.
        x: The points, (n, 2).
        y: Their labels, (n,) or (n, 1), or one-hot rows (n, C).
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        resolution: The prediction is computed at resolution x resolution points.
        title: The title of the panel, where it can be said which points these are.

    Returns:
        The figure with the panel.

    Raises:
        TypeError: `predict` cannot be called, something is not numeric, or `axes` is not a matplotlib Axes.
        ValueError: Shapes or lengths do not match, labels are not integers >= 0, or there is more than one Axes.

    >>> x, y = fastnn.datasets.points.generate_linear(50, seed=1)
    >>> figure = fastnn.plots.decision_surface(lambda points: points[:, 1] > points[:, 0], x, y, resolution=20)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['class 0', 'class 1', 'decision']
    """
    call = getattr(predict, "predict", predict)
    if not callable(call):
        raise TypeError(f"predict must be a model or a function, received {type(predict).__name__}")
    plane, (labels, classes) = reading.points(x), true_labels(y, "y")
    checks.same_length(plane, "x", labels, "y")
    resolution = checks.integer(resolution, "resolution", 2)
    (left, right), (bottom, top) = _limits(plane)
    across, up = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    scores = _scores(call, np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2), classes)
    surface = scores.reshape(resolution, resolution, -1)

    panel = style.one_panel(axes, (5.4, 4.6))
    if surface.shape[2] == 1:
        _draw_probability(panel, across, up, surface[..., 0])
    else:
        _draw_regions(panel, across, up, surface)
    handles = _scatter(panel, plane, labels, np.unique(labels))
    _frame(panel, ((left, right), (bottom, top)))
    style.legend_above([panel], [[*handles, _decision_line()]], [title])
    return style.whole_figure(panel)


def _scores(call: Callable[[np.ndarray], Any], places: np.ndarray, classes: int) -> np.ndarray:
    """The probability of class 1, (m, 1), or the scores of three or more classes, (m, C)."""
    scores = checks.finite(checks.numeric_array(call(places), "predict(x)"), "predict(x)").astype(np.float64)
    if scores.ndim == 1:
        scores = scores[:, np.newaxis]
    if scores.ndim != 2 or len(scores) != len(places) or scores.shape[1] == 0:
        m = len(places)
        raise ValueError(f"predict(x) must have shape ({m}, 1) or ({m}, C) for {m} points, received {scores.shape}")
    if classes > max(2, scores.shape[1]):
        raise ValueError(f"y must be labels of the {max(2, scores.shape[1])} classes of predict(x), received {classes}")
    if scores.shape[1] == 2:  # for a softmax this is the second column, and for any pair it is 0.5 where both are equal
        return 0.5 + 0.5 * (scores[:, 1:] - scores[:, :1])
    return scores


def _draw_probability(panel: Axes, across: np.ndarray, up: np.ndarray, surface: np.ndarray) -> None:
    filled = panel.contourf(across, up, surface.clip(0, 1), levels=_LEVELS, cmap=style.two_classes(), zorder=0)
    bar = style.colour_bar(panel, filled, "probability of class 1")
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1])
    bar.ax.axhline(0.5, color=style.BLACK, linewidth=1.5)
    if surface.min() < 0.5 < surface.max():  # matplotlib warns about a contour without points
        panel.contour(across, up, surface, levels=[0.5], colors=style.BLACK, linewidths=1.5, zorder=1)


def _draw_regions(panel: Axes, across: np.ndarray, up: np.ndarray, surface: np.ndarray) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    classes = surface.shape[2]
    colours = ListedColormap([style.pale_class_colour(label) for label in range(classes)])
    norm = BoundaryNorm(np.arange(classes + 1) - 0.5, classes)
    winner = surface.argmax(axis=2)
    panel.pcolormesh(across, up, winner, cmap=colours, norm=norm, shading="nearest", zorder=0)
    for label in np.unique(winner):  # the line on which this class and the best other one have equal scores
        lead = surface[..., label] - np.delete(surface, label, axis=2).max(axis=2)
        if lead.min() < 0 < lead.max():
            panel.contour(across, up, lead, levels=[0], colors=style.BLACK, linewidths=1.5, zorder=1)
    bar = style.colour_bar(panel, ScalarMappable(norm, colours), "predicted class")
    bar.set_ticks(range(classes), labels=[str(label) for label in range(classes)], minor=False)
    bar.minorticks_off()


def _decision_line() -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=style.BLACK, linewidth=1.5, label="decision")


def _point_size(count: int) -> float:
    return float(np.clip(4000 / count, 6, 42))


def _scatter(panel: Axes, plane: np.ndarray, labels: np.ndarray, known: np.ndarray) -> list[Any]:
    """One collection of points for each class in `known`, even if it has no points."""
    return [
        panel.scatter(
            plane[labels == label, 0],
            plane[labels == label, 1],
            s=_point_size(len(plane)),
            facecolors=style.class_colour(int(label)),
            edgecolors="white",
            linewidths=0.6 if len(plane) <= 400 else 0.2,
            marker=style.class_marker(int(label)),
            label=f"class {label}",
            zorder=3,
        )
        for label in known
    ]


def _ring(panel: Axes, plane: np.ndarray, wrong: np.ndarray) -> Any:
    """Rings around the points that are wrong."""
    return panel.scatter(
        plane[wrong, 0],
        plane[wrong, 1],
        s=3 * _point_size(len(plane)) + 15,
        facecolors="none",
        edgecolors=style.BLACK,
        linewidths=1.3 if len(plane) <= 400 else 0.7,
        label=f"wrong ({int(wrong.sum())})",
        zorder=4,
    )


def _limits(plane: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Left and right, bottom and top, with room around the points."""
    low, high = plane.min(axis=0), plane.max(axis=0)
    pad = np.where(high > low, 0.08 * (high - low), 0.5)
    low, high = low - pad, high + pad
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))


def _frame(panel: Axes, limits: tuple[tuple[float, float], tuple[float, float]]) -> None:
    panel.set_xlim(*limits[0])
    panel.set_ylim(*limits[1])
    panel.set_xlabel("$x_1$")
    panel.set_ylabel("$x_2$")
