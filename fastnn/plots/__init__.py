"""Pictures of what happened in training. matplotlib is imported when one is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import checks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_VALIDATION = "val_"
# Blue and vermilion of Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which colour-blind readers
# tell apart; line style and marker say the same in grey.
_STYLES: dict[str, dict[str, Any]] = {
    "train": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "validation": {"color": "#D55E00", "linestyle": "--", "marker": "s", "markerfacecolor": "white"},
}
_MARKERS = 20  # at most this many on a line, so that long runs stay lines
_COLUMNS = 3  # panels side by side


class SupportsHistory(Protocol):
    """What `fit` returns: logged values by name, and the epochs they belong to, counted from 0."""

    history: Any
    epoch: Any


def learning_curves(
    history: SupportsHistory | Mapping[str, Sequence[float]],
    metrics: str | Sequence[str] | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[np.object_] | None = None,
) -> Figure:
    """Draw how loss and metrics went from epoch to epoch, one panel a quantity.

    Values of the training and of the validation data (`"loss"` and `"val_loss"`) share a panel. Epochs
    count from 1. No window opens and no display is needed: save the figure with
    `figure.savefig("curves.png", dpi=150)`; a notebook shows it after `%matplotlib inline`.

    Args:
        history: What `fit` returned, or a dict from names to one number per epoch.
        metrics: The quantities to draw, as named in the history without `val_`; `None` draws all.
        axes: matplotlib axes to draw on, one for each quantity; `None` makes a new figure.

    Returns:
        The figure that holds the panels.

    Raises:
        ValueError: The history is empty, its lists differ in length or hold something else than numbers,
            a metric is unknown, or there are more or fewer axes than quantities.
    """
    epochs, series = _read(history)
    quantities = _choose(series, metrics)

    if axes is None:
        panels = _new_panels(len(quantities))
    else:
        panels = list(np.atleast_1d(np.asarray(axes, dtype=object)).flat)
        if len(panels) != len(quantities):
            raise ValueError(
                f"axes must be one for each of the {len(quantities)} quantities ({', '.join(quantities)}), "
                f"received {len(panels)}"
            )
    for panel, quantity in zip(panels, quantities, strict=True):
        _draw(panel, quantity, epochs, series)
    return panels[0].figure.figure  # of a subfigure, the whole figure


def _read(history: Any) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[np.float64]]]:
    """Return the epochs, counted from 1, and the values by name, all of one length."""
    logged = getattr(history, "history", history)
    if not isinstance(logged, Mapping):
        raise ValueError(f"history must be what fit returns or a dict, received {type(history).__name__}")
    series = {str(name): _numbers(values, f"history[{name!r}]") for name, values in logged.items()}
    if not series or not any(values.size for values in series.values()):
        raise ValueError("history must hold at least one epoch, received an empty one")

    epoch = getattr(history, "epoch", None)
    if epoch is None:
        epochs = np.arange(next(iter(series.values())).size, dtype=np.float64)
    else:
        epochs = _numbers(epoch, "history.epoch")
    lengths = {name: values.size for name, values in series.items()}
    if set(lengths.values()) != {epochs.size}:
        raise ValueError(
            f"history must have one value per epoch under each name, received {epochs.size} epochs and {lengths} values"
        )
    return epochs + 1, series


def _numbers(values: Any, name: str) -> npt.NDArray[np.float64]:
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


def _new_panels(count: int) -> list[Axes]:
    from matplotlib.figure import Figure

    rows, columns = math.ceil(count / _COLUMNS), min(count, _COLUMNS)
    figure = Figure(figsize=(4.5 * columns, 3.4 * rows), layout="constrained")
    return [figure.add_subplot(rows, columns, 1 + i) for i in range(count)]


def _draw(panel: Axes, quantity: str, epochs: npt.NDArray[np.float64], series: Mapping[str, Any]) -> None:
    from matplotlib.ticker import MaxNLocator

    for part, name in (("train", quantity), ("validation", _VALIDATION + quantity)):
        if name in series:
            every = math.ceil(epochs.size / _MARKERS)
            panel.plot(epochs, series[name], label=part, markersize=4, markevery=every, **_STYLES[part])

    # What was drawn on these axes before stays in view; there is no epoch 0, so no tick for it.
    first, last = min(epochs[0], panel.dataLim.x0), max(epochs[-1], panel.dataLim.x1)
    ticks = MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1).tick_values(first, last)
    panel.set_xticks(ticks[(first <= ticks) & (ticks <= last)])
    pad = max(0.5, 0.03 * (last - first))
    panel.set_xlim(first - pad, last + pad)
    panel.set_xlabel("epoch")
    panel.set_ylabel(_with_unit(quantity))
    panel.grid(alpha=0.3)
    # Above the panel, where no curve can be.
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderaxespad=0.2)


def _with_unit(quantity: str) -> str:
    words = quantity.replace("_", " ")
    return f"{words} (fraction)" if words == "acc" or words.endswith("accuracy") else words
