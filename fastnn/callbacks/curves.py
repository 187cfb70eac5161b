"""A history as HTML, for notebooks: its curves and a few of its numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import markup

_MOST_CHARTS = 6


def history_html(
    epochs: Sequence[int], history: Mapping[str, Sequence[Any]], logged: Mapping[str, Sequence[int]]
) -> str:
    """Curves of the loss and the metrics, with those of the validation data, and their last and extreme values.

    Args:
        epochs: the numbers of the epochs, counted from 0.
        history: a list of numbers under each name; "val_..." are those of the validation data.
        logged: the epochs of these numbers, where they are known: with `validation_freq` not all of them.
    """
    count = f"{len(epochs):,} epoch{'s' * (len(epochs) != 1)}"
    if not epochs or not any(len(values) for values in history.values()):
        return f"<div><b>History</b> of {count}</div>"
    columns = {name: np.asarray(values, np.float64) for name, values in history.items() if _plain(values)}
    names = list(dict.fromkeys(name.removeprefix("val_") for name in ["loss", *history]))
    charts: list[str] = []
    rows: list[tuple[str, ...]] = []
    for name in names:
        parts = [(label, full) for label, full in (("train", name), ("validation", f"val_{name}")) if full in history]
        places = {
            full: _places(epochs, len(columns[full]), logged.get(full, ())) for _, full in parts if full in columns
        }
        curves = [(label, places[full], columns[full]) for label, full in parts if full in columns]
        if curves and len(charts) < _MOST_CHARTS:
            charts.append(markup.chart(name.replace("_", " "), curves))
        for label, full in parts:
            last = history[full][-1:]
            extremes = _extremes(places[full], columns[full]) if full in columns else ("", "")
            rows.append((markup.text(name), label, markup.number(last[0]) if last else "", *extremes))
    table = markup.table(("", "", f"after epoch {epochs[-1] + 1:,}", "lowest (epoch)", "highest (epoch)"), rows, left=2)
    return f"<div><b>History</b> of {count}<div>{' '.join(charts)}</div>{table}</div>"


def _plain(values: Sequence[Any]) -> bool:
    """Whether there is one number per epoch; a metric may have one per class."""
    return len(values) > 0 and all(np.ndim(value) == 0 for value in values)


def _places(epochs: Sequence[int], count: int, logged: Sequence[int]) -> np.ndarray:
    """The epochs, counted from 1, of so many values; evenly spread where they are not known."""
    for known in (logged, epochs):
        if count == len(known):
            return np.asarray(known, np.float64) + 1
    return np.linspace(epochs[0], epochs[-1] + 1, count + 1)[1:]


def _extremes(places: np.ndarray, values: np.ndarray) -> tuple[str, str]:
    """The lowest and the highest of the numbers that are finite, with their epochs."""
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return "none is finite", ""
    ends = known[values[known].argmin()], known[values[known].argmax()]
    low, high = (f"{markup.number(values[at])} ({places[at]:,.0f})" for at in ends)
    return low, high
