"""Learning curves: the history of training, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import checks
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_VALIDATION = "val_"
_MARKERS = 20  # at most this many per line, so that the lines of long runs remain visible

Numbers = npt.NDArray[np.float64]


class SupportsHistory(Protocol):
    """What `fit` returns: logged values by name, and their epochs, counted from 0."""

    history: Any
    epoch: Any


def learning_curves(
    history: SupportsHistory | Mapping[str, Sequence[float]],
    metrics: str | Sequence[str] | None = None,
    axes: style.AxesLike | None = None,
    unit: str = "epoch",
    validation: str = "validation",
    title: str | None = None,
) -> Figure:
    """Draw loss and metrics over the epochs, one panel per quantity.

    Values for training and validation data (`"loss"` and `"val_loss"`) share a panel. Epochs are
    counted from 1.

    Args:
        history: What `fit` returned, or a dict from names to one number per epoch.
        metrics: The quantities to draw, as named in the history without `val_`; `None` draws all.
        axes: matplotlib axes to draw on, one for each quantity; `None` makes a new figure.
        unit: What the history counts, if not epochs.
        validation: The name of the data behind `"val_..."`.
        title: Prefix of the panels' titles, which name the quantities.

    Returns:
        The figure with the panels.

    Raises:
        TypeError: `axes` are not matplotlib Axes.
        ValueError: The history is empty, its lists differ in length or hold something other than numbers,
            a metric is unknown, or there are more or fewer axes than quantities.

    >>> history = {"loss": [1.0, 0.5, 0.3], "val_loss": [1.1, 0.7, 0.6]}
    >>> figure = fastnn.plots.learning_curves(history)
    >>> figure.axes[0].get_title(), [line.get_label() for line in figure.axes[0].lines]
    ('loss', ['train', 'validation'])
    """
    epochs, series = _read(history, "history")
    quantities = _choose(series, metrics)
    expected = f"one for each of the {len(quantities)} quantities ({', '.join(quantities)})"
    panels = style.row_of_panels(axes, len(quantities), expected, (4.5, 3.4))
    for panel, quantity in zip(panels, quantities, strict=True):
        for part, name in (("train", quantity), ("validation", _VALIDATION + quantity)):
            if name in series:
                label = validation if part == "validation" else part
                _plot(panel, epochs, series[name], label, style.PARTS[part], epochs.size)
        heading = _words(quantity, validation)
        heading = heading if title is None else f"{title}: {heading}"
        _finish(panel, (epochs[0], epochs[-1]), unit, _with_unit(quantity, validation), heading)
    return style.whole_figure(panels[0])


def compare(
    histories: Mapping[str, SupportsHistory | Mapping[str, Sequence[float]]],
    quantity: str = "loss",
    axes: style.AxesLike | None = None,
    log: bool = False,
    unit: str = "epoch",
    validation: str = "validation",
    title: str | None = None,
) -> Figure:
    """Draw one quantity of several runs in one panel, one curve per run.

    Runs differ in colour, line style and marker, and may differ in length. Epochs are counted from 1.

    Args:
        histories: A dict from the names of the runs to what `fit` returned, or to dicts with one number per epoch.
        quantity: The quantity to draw, as named in every history: `"loss"`, `"val_accuracy"`, ...
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        log: Whether the y axis is logarithmic; values <= 0 are then left out.
        unit: What the histories count, if not epochs.
        validation: The name of the data behind `"val_..."`.
        title: The title of the panel; `None`: the quantity.

    Returns:
        The figure with the panel.

    Raises:
        TypeError: `histories` is not a mapping, or `axes` is not a matplotlib Axes.
        ValueError: There is no history, one of them is empty, not as `learning_curves` expects it or without the
            quantity, no value is above 0 with `log`, or there is more than one Axes.

    >>> figure = fastnn.plots.compare({"sgd": {"loss": [1.0, 0.8]}, "adam": {"loss": [0.9, 0.4]}}, log=True)
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['sgd', 'adam']
    """
    if not isinstance(histories, Mapping):
        raise TypeError(f"histories must be a dict from names to histories, received {type(histories).__name__}")
    if not histories:
        raise ValueError("histories must hold at least one history, received none")
    runs: dict[str, tuple[Numbers, Numbers]] = {}
    for name, history in histories.items():
        epochs, series = _read(history, f"histories[{name!r}]")
        values = series[checks.nearest(quantity, series, f"quantity of histories[{name!r}]")]
        if log:
            values = np.where(values > 0, values, np.nan)
        runs[str(name)] = epochs, values
    if log and not any(np.isfinite(values).any() for _, values in runs.values()):
        raise ValueError(f"log=True needs a {quantity} above 0 in at least one history, received none")

    width, height = 6.0 if len(runs) <= 6 else 8.0, 3.6
    rows, _ = style.legend_rows(list(runs), 0.8 * 72 * width)
    panel = style.one_panel(axes, (width, height + 0.2 * rows))
    longest = max(epochs.size for epochs, _ in runs.values())
    for index, (name, (epochs, values)) in enumerate(runs.items()):
        _plot(panel, epochs, values, name, style.run_style(index), longest)
    if log:
        panel.set_yscale("log")
    span = min(run[0][0] for run in runs.values()), max(run[0][-1] for run in runs.values())
    heading = _words(quantity, validation) if title is None else title
    _finish(panel, span, unit, _with_unit(quantity, validation), heading)
    return style.whole_figure(panel)


def _read(history: Any, argument: str) -> tuple[Numbers, dict[str, Numbers]]:
    """Return the epochs, counted from 1, and the values by name, all of one length."""
    logged = getattr(history, "history", history)
    if not isinstance(logged, Mapping):
        raise ValueError(f"{argument} must be what fit returns or a dict, received {type(history).__name__}")
    series = {str(name): _numbers(values, f"{argument}[{name!r}]") for name, values in logged.items()}
    if not series or not any(values.size for values in series.values()):
        raise ValueError(f"{argument} must hold at least one epoch, received an empty one")

    epoch = getattr(history, "epoch", None)
    if epoch is None:
        epochs = np.arange(next(iter(series.values())).size, dtype=np.float64)
    else:
        epochs = _numbers(epoch, f"{argument}.epoch")
    lengths = {name: values.size for name, values in series.items()}
    if set(lengths.values()) != {epochs.size}:
        raise ValueError(
            f"{argument} must have one value per epoch under each name, "
            f"received {epochs.size} epochs and {lengths} values"
        )
    return epochs + 1, series


def _numbers(values: Any, name: str) -> Numbers:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a list of numbers, received {values!r}") from None
    if numbers.ndim != 1:
        raise ValueError(f"{name} must be a list of numbers, received an array of shape {numbers.shape}")
    return numbers


def _choose(series: Mapping[str, Any], metrics: str | Sequence[str] | None) -> list[str]:
    known = list(dict.fromkeys(name.removeprefix(_VALIDATION) for name in series))
    if metrics is None:
        return known
    chosen = [metrics] if isinstance(metrics, str) else list(metrics)
    if not chosen:
        raise ValueError(f"metrics must name at least one of {known}, received none")
    return [checks.nearest(name, known, "metric") for name in chosen]


def _plot(panel: Axes, epochs: Numbers, values: Numbers, label: str, look: Mapping[str, Any], longest: int) -> None:
    every = math.ceil(longest / _MARKERS)
    panel.plot(epochs, values, label=label, markersize=4, markevery=every, **look)


def _finish(panel: Axes, span: tuple[float, float], xlabel: str, ylabel: str, title: str) -> None:
    """Add ticks at whole epochs, axis labels and the legend."""
    from matplotlib.ticker import MaxNLocator

    # Keep what was drawn on these axes before in view. There is no epoch 0, so it gets no tick.
    first, last = min(span[0], panel.dataLim.x0), max(span[1], panel.dataLim.x1)
    locator = MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    ticks = np.asarray(locator.tick_values(first, last))
    panel.set_xticks(ticks[(first <= ticks) & (ticks <= last)])
    pad = max(0.5, 0.03 * (last - first))
    panel.set_xlim(first - pad, last + pad)
    panel.set_xlabel(xlabel)
    panel.set_ylabel(ylabel)
    panel.grid(alpha=0.3)
    style.legend_above([panel], [panel.get_legend_handles_labels()[0]], [title])


def _words(quantity: str, validation: str) -> str:
    words = quantity.removeprefix(_VALIDATION).replace("_", " ")
    return f"{validation} {words}" if quantity.startswith(_VALIDATION) else words


def _with_unit(quantity: str, validation: str) -> str:
    words = _words(quantity, validation)
    return f"{words} (fraction)" if words.split()[-1:] == ["acc"] or words.endswith("accuracy") else words
