"""Learning rates: the result of a range test, and the rates of a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import checks
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..models.rate_finder import RangeTest
    from ..schedules import LearningRateSchedule

_SIZE = (6.0, 3.6)


def learning_rate_finder(result: RangeTest, axes: style.AxesLike | None = None, title: str | None = None) -> Figure:
    """Draw the loss over the learning rate, from the result of `fastnn.learning_rate_finder`.

    The raw losses are drawn behind the smoothed ones; values far above these are cut off.

    Args:
        result: What `fastnn.learning_rate_finder` returned.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        title: The title of the panel; `None`: "learning-rate range test".

    Returns:
        The figure with the panel.

    Raises:
        TypeError: `result` is of another type, or `axes` is not a matplotlib Axes.
        ValueError: The very first loss was not finite, or there is more than one Axes.

    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> found = fastnn.learning_rate_finder(model, np.ones((64, 1)), np.ones(64), steps=30)
    >>> fastnn.plots.learning_rate_finder(found).axes[0].get_xlabel()
    'learning rate'
    """
    from ..models.rate_finder import RangeTest

    if not isinstance(result, RangeTest):
        raise TypeError(f"result must be what fastnn.learning_rate_finder returned, received {type(result).__name__}")
    if not len(result.rates):
        raise ValueError("result must hold at least one loss, but the test stopped at its first step")
    panel = style.one_panel(axes, _SIZE)
    panel.plot(result.rates, result.losses, color=style.GREY, linewidth=1, alpha=0.6, label="loss of a batch")
    panel.plot(result.rates, result.smoothed, color=style.BLUE, linewidth=2, label="smoothed")
    if result.suggestion is not None:
        there = int(np.abs(result.rates - result.suggestion).argmin())
        at = result.rates[there], result.smoothed[there]
        label = f"suggestion: {result.suggestion:.2g}"
        panel.axvline(result.suggestion, color=style.VERMILION, linewidth=1, linestyle=":")
        panel.plot(*at, color=style.VERMILION, linestyle=":", marker="o", markersize=7, label=label)
    if result.diverged is not None:
        label = f"diverged: {result.diverged:.2g}"
        panel.axvline(result.diverged, color=style.BLACK, linewidth=1, linestyle="--", label=label)
    panel.set_xscale("log")
    low, high = min(result.losses.min(), result.smoothed.min()), result.smoothed.max()
    panel.set_ylim(low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1))
    return _finished(panel, "learning rate", "loss", "learning-rate range test" if title is None else title)


def schedule(
    schedule: LearningRateSchedule, steps: int, axes: style.AxesLike | None = None, title: str | None = None
) -> Figure:
    """Draw the learning rates of a schedule over its first steps.

    Args:
        schedule: A schedule, as from `fastnn.schedules`.
        steps: The number of steps to draw.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        title: The title of the panel; `None`: "learning-rate schedule".

    Returns:
        The figure with the panel.

    Raises:
        TypeError: `schedule` is not a schedule, `steps` not an integer, or `axes` not a matplotlib Axes.
        ValueError: `steps` is not positive, or there is more than one Axes.

    >>> figure = fastnn.plots.schedule(fastnn.schedules.OneCycle(0.1, total_steps=100), steps=100)
    >>> figure.axes[0].get_ylabel()
    'learning rate'
    """
    from ..schedules import LearningRateSchedule

    if not isinstance(schedule, LearningRateSchedule):
        raise TypeError(f"schedule must be a LearningRateSchedule, received {type(schedule).__name__}")
    steps = checks.integer(steps, "steps")
    panel = style.one_panel(axes, _SIZE)
    look = style.run_style(len(panel.lines)) | {"marker": None}
    panel.plot(np.arange(steps), schedule.rates(0, steps), label=type(schedule).__name__, **look)
    return _finished(panel, "step", "learning rate", "learning-rate schedule" if title is None else title)


def _finished(panel: Axes, xlabel: str, ylabel: str, title: str) -> Figure:
    panel.set_xlabel(xlabel)
    panel.set_ylabel(ylabel)
    panel.grid(alpha=0.3)
    style.legend_above([panel], [panel.get_legend_handles_labels()[0]], [title])
    return style.whole_figure(panel)
