"""The loss around the weights of a network."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import checks
from ..engine.parameters import trained_weights
from ..models import Sequential, programs
from ..models.data import prepare_samples
from . import directions, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    from ..engine.run import Samples

_LEVELS = 16
_LOGARITHMIC_FROM = 20.0  # the ratio of largest and smallest loss from which on the levels are logarithmic
_ROOM = 0.15  # around a path, as a share of its extent
_COLOURS = "cividis"  # of rising lightness, the same for colour-blind readers
_FLOOR = -0.3  # where a surface's contour lines lie, whose heights are from 0 to 1


def loss_landscape(
    model: Sequential,
    x: Any,
    y: Any,
    span: float | None = None,
    resolution: int = 25,
    seed: int = 0,
    path: Sequence[Sequence[npt.ArrayLike]] | None = None,
    surface: bool = False,
    log: bool | None = None,
    axes: style.AxesLike | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the loss around the weights of a trained network, L(θ + a d1 + b d2), over a and b.

    The weights have too many dimensions for a picture, so this is a plane through the weights θ, as of Li et al. (2018,
    https://arxiv.org/abs/1712.09913). The directions d1 and d2 are random normal numbers, normalised filter by
    filter: each slice of d along the last axis of a kernel (the weights of one unit, or of one output channel of a
    convolution) has the Euclidean norm of the same slice of θ. So a = 1 is a change as large as the weights
    themselves, and pictures of different networks can be compared. Biases and other vectors, and layers that are not
    trainable, stay as they are.

    With a `path`, d1 and d2 are instead the path's principal directions, of length 1, in all trainable weights: the
    plane through θ to which the path's weights are nearest. A per cent number at each axis says what share of their
    squared distances from θ lies along it.

    The loss is that of `evaluate`: of all samples, with penalties, and without dropout. The model does not change.

    Args:
        model: A compiled and built model.
        x: Samples (n, ...), as for `evaluate`; a few thousand show as much as all.
        y: Labels (n,) or targets (n, outputs), as for `evaluate`.
        span: a and b go from -span to span; `None`: 1, or with a path as far as it goes.
        resolution: The loss is computed at resolution x resolution points; with an odd number, θ is one of them.
        seed: Chooses the random directions.
        path: Weights from the training, each as `model.get_weights()` returned them, in their order.
        surface: Whether to draw a surface in three dimensions in place of a map with contour lines.
        log: Whether levels of loss are logarithmic, for losses above 0; `None`: if the largest is more than 20 times
            the smallest.
        axes: A matplotlib Axes to draw on, with `projection="3d"` for a surface; `None` makes a new figure.
        title: The title of the panel; `None` says the loss at θ.

    Returns:
        The figure with the panel.

    Raises:
        TypeError: `model` is not a `Sequential`, an argument has a wrong type, or `axes` is not a matplotlib Axes.
        RuntimeError: The model is not compiled.
        ValueError: The model is not built, has no trainable kernels, or its loss is not finite; x and
            y do not fit it; the path does not fit, or goes in one direction only; `log` with a loss of 0 or below.

    >>> x, y = fastnn.datasets.points.generate_xor_easy()
    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(4, "tanh"), fastnn.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> path = [model.get_weights()]
    >>> for _ in range(3):
    ...     history = model.fit(x, y, epochs=20, verbose=0)
    ...     path.append(model.get_weights())
    >>> figure = fastnn.plots.loss_landscape(model, x, y, resolution=11)
    >>> figure.axes[0].get_xlabel()
    'first random direction'
    >>> fastnn.plots.loss_landscape(model, x, y, path=path, resolution=11).axes[0].get_xlabel()[:27]
    'first direction of the path'
    """
    twin, samples = _copied(model, x, y)
    span = None if span is None else checks.positive(span, "span")
    resolution, seed = checks.integer(resolution, "resolution", 3), checks.integer(seed, "seed", 0)
    own = trained_weights(twin.layers)
    if path is None:
        plane = directions.random_plane(own, seed)
    else:
        moved = [k for k, p in enumerate(twin.parameters) if any(p is q for q in own)]
        plane = directions.plane_of_path(own, directions.checked_path(path, twin.weights, moved))
    panel = _panel(axes, surface)

    centre = _loss_at(twin, samples, plane, 0, 0)
    if not math.isfinite(centre):
        raise ValueError(f"model must have a finite loss for x and y, received {centre}")
    across, up = (_places(plane, span, resolution, axis) for axis in (0, 1))
    losses = np.array([[_loss_at(twin, samples, plane, a, b) for a in across] for b in up])
    scale = _scale(losses, log)
    (_draw_surface if surface else _draw_map)(panel, across, up, losses, scale)
    _draw_path(panel, plane.path, (_FLOOR,) if surface else ())
    _draw_star(panel, (float(scale(centre)),) if surface else ())
    panel.set_xlim(across[0], across[-1])
    panel.set_ylim(up[0], up[-1])
    panel.locator_params(nbins=5)
    panel.set_xlabel(plane.names[0])
    panel.set_ylabel(plane.names[1])
    heading = f"loss around the weights θ, L(θ) = {centre:.3g}" if title is None else title
    style.legend_above([panel], [panel.get_legend_handles_labels()[0]], [heading])
    return style.whole_figure(panel)


def _copied(model: Any, x: Any, y: Any) -> tuple[Sequential, Samples]:
    """A copy of the model whose weights can be moved, which has no metrics, and checked samples."""
    if not isinstance(model, Sequential):
        raise TypeError(f"model must be a fastnn.Sequential, received {type(model).__name__}")
    model._require_compiled()
    if not model.built:
        raise ValueError(
            f"model {model.name} must be built, so that it has weights: put fastnn.Input(shape) first, or call fit"
        )
    with model._turns.lock:  # a copy of the weights between two steps of another thread
        shared = {id(part): part for part in (model.optimizer, model.history)}  # not needed, and perhaps large
        twin = copy.deepcopy(model, shared)
    twin.compile(twin.optimizer, twin.loss)
    return twin, prepare_samples(twin, x, y)


def _loss_at(twin: Sequential, samples: Samples, plane: directions.Plane, a: float, b: float) -> float:
    with np.errstate(all="ignore"):
        plane.move(a, b)
        return float(programs.evaluate(twin, samples)["loss"])


def _places(plane: directions.Plane, span: float | None, resolution: int, axis: int) -> np.ndarray:
    """The coordinates along an axis."""
    low, high = -(span or 1.0), span or 1.0
    if plane.path is not None and span is None:
        low, high = min(0.0, plane.path[:, axis].min()), max(0.0, plane.path[:, axis].max())
        room = _ROOM * max(high - low, 0.5 * float(np.ptp(plane.path, axis=0).max()))
        low, high = low - room, high + room
    return np.linspace(low, high, resolution)


def _panel(axes: style.AxesLike | None, surface: bool) -> Axes:

    if axes is None and surface:
        from .figure import Figure

        panel: Axes = Figure(figsize=(6.0, 5.0), layout="constrained").add_subplot(projection="3d")
        return panel
    panel = style.one_panel(axes, (5.6, 4.6))
    if (panel.name == "3d") != surface:
        needed = 'made with projection="3d"' if surface else "of two dimensions"
        raise ValueError(f"axes must be a matplotlib Axes {needed} for surface={surface}, received {panel.name!r}")
    return panel


def _scale(losses: np.ndarray, log: bool | None) -> Normalize:
    """How losses become colours: evenly, or by their logarithms."""
    from matplotlib.colors import LogNorm, Normalize

    known = losses[np.isfinite(losses)]
    low, high = float(known.min()), float(known.max())
    if log and low <= 0:
        raise ValueError(f"log=True needs losses above 0, received {low:.3g}; log=False draws them")
    if not high > low:
        return Normalize(low - 0.5, high + 0.5)
    if log is None:
        log = low > 0 and high > _LOGARITHMIC_FROM * low
    return LogNorm(low, high) if log else Normalize(low, high)


def _draw_map(panel: Axes, across: np.ndarray, up: np.ndarray, losses: np.ndarray, scale: Normalize) -> None:
    levels: np.ndarray = np.asarray(scale.inverse(np.linspace(0, 1, _LEVELS + 1)))
    levels[[0, -1]] = scale.vmin, scale.vmax  # not rounded, so that nothing lies outside
    finite = np.ma.masked_invalid(losses)
    filled = panel.contourf(across, up, finite, levels=levels, cmap=_COLOURS, norm=scale, zorder=0)
    if np.ptp(finite.compressed()) > 0:  # matplotlib warns about a contour without points
        inks = [style.readable_on(filled.cmap(scale(level))) for level in levels[1:-1]]
        lines = panel.contour(across, up, finite, levels=levels[1:-1], colors=inks, linewidths=0.6, zorder=1)
        panel.clabel(lines, levels[1:-1:2], fontsize=7, fmt=_short)
    if finite.mask.any():
        panel.set_facecolor("0.85")
        panel.plot([], [], "s", color="0.85", markeredgecolor=style.GREY, label="loss not finite")
    bar = style.colour_bar(panel, filled, "loss")
    bar.set_ticks(levels[::4].tolist(), labels=[_short(level) for level in levels[::4]], minor=False)
    bar.minorticks_off()


def _draw_surface(panel: Any, across: np.ndarray, up: np.ndarray, losses: np.ndarray, scale: Normalize) -> None:
    heights = np.asarray(scale(np.ma.masked_invalid(losses)).filled(np.nan))  # in [0, 1], also for logarithms
    a, b = np.meshgrid(across, up)
    look = {"rstride": 1, "cstride": 1, "cmap": _COLOURS, "vmin": 0, "vmax": 1}
    panel.computed_zorder = False  # matplotlib's own order hides what lies on the surface
    panel.plot_surface(a, b, heights, linewidth=0.2, edgecolor=(0, 0, 0, 0.25), zorder=2, **look)
    panel.contour(a, b, heights, levels=_LEVELS, cmap=_COLOURS, offset=_FLOOR, linewidths=0.8, zorder=0)
    panel.set_zlim(_FLOOR, 1)
    ticks = np.linspace(0, 1, 5)
    panel.set_zticks(ticks, [_short(level) for level in np.asarray(scale.inverse(ticks))])
    panel.set_zlabel("loss", labelpad=14)
    panel.set_box_aspect(None, zoom=0.85)  # layouts do not see the labels of the axes in the picture


def _draw_path(panel: Any, path: np.ndarray | None, height: tuple[float, ...]) -> None:
    """The path; in three dimensions at a height."""
    if path is not None:
        columns = *path.T, *(np.full(len(path), h) for h in height)
        look = {"color": style.VERMILION, "linewidth": 1.5, "marker": "o", "markersize": 4, "zorder": 1.5}
        panel.plot(*columns, markeredgecolor="white", markeredgewidth=0.6, label="path of the training", **look)


def _draw_star(panel: Any, height: tuple[float, ...]) -> None:
    """The weights themselves at (0, 0); in three dimensions at a height, and in front of the surface."""
    star = {"linestyle": "none", "marker": "*", "markersize": 13, "color": "white", "zorder": 5}
    panel.plot([0], [0], *([h] for h in height), markeredgecolor=style.BLACK, label="the weights θ", **star)


def _short(loss: float, position: int | None = None) -> str:
    """A loss as text, for a label."""
    if loss == 0 or 1e-3 <= abs(loss) < 100:
        return f"{loss:.2g}"
    return f"{loss:.0f}" if 100 <= abs(loss) < 10_000 else f"{loss:.0e}"
