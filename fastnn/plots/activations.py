"""Activation functions with their derivatives."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from .. import checks
from ..layers import Activation, Layer
from . import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS = 601  # with 0 among them, where most functions have their kink


def activation(
    function: str | Layer, span: float = 5.0, axes: style.AxesLike | None = None, title: str | None = None
) -> Figure:
    """Draw an activation function y = f(x) and its derivative dy/dx, by which `backward` multiplies.

    Args:
        function: A name, as for `Activation`, or an activation layer, such as `LeakyReLU(0.1)`.
        span: x goes from -span to span.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        title: The title of the panel; `None`: the name of the function.

    Returns:
        The figure with the panel.

    Raises:
        TypeError: `function` is neither a name nor a layer, `span` not a number, or `axes` not a matplotlib Axes.
        ValueError: The name is unknown, the function does not work on each number by itself (as softmax, which
            depends on a whole row), `span` is not positive, or there is more than one Axes.

    >>> figure = fastnn.plots.activation("sigmoid")
    >>> value, derivative, *_ = figure.axes[0].lines
    >>> round(float(value.get_ydata().max()), 3), float(derivative.get_ydata().max())
    (0.993, 0.25)
    """
    if not isinstance(function, (str, Layer)):
        raise TypeError(f"function must be a name or an activation layer, received {type(function).__name__}")
    span = checks.number(span, "span", 1e-6)
    layer = Activation(function) if isinstance(function, str) else copy.deepcopy(function)  # forward changes a layer
    known = getattr(layer, "activation", None)
    name = known if type(layer) is Activation else type(layer).__name__
    x = np.linspace(-span, span, _POINTS)[:, np.newaxis]
    y = layer.forward(x)
    mixes = known == "softmax" or any(len(p.shape) > 1 for p in layer.parameters)  # as a dense layer's kernel does
    if y.shape != x.shape or mixes:
        raise ValueError(f"function must work on each number by itself, as 'relu' does, received {name!r}")
    derivative = layer.backward(np.ones_like(y))

    panel = style.one_panel(axes, (4.5, 3.6))
    panel.plot(x[:, 0], y[:, 0], color=style.BLUE, linewidth=2, label="y = f(x)")
    panel.plot(x[:, 0], derivative[:, 0], color=style.VERMILION, linewidth=2, linestyle="--", label="dy/dx")
    panel.axhline(0, color=style.BLACK, linewidth=0.8, zorder=1)
    panel.axvline(0, color=style.BLACK, linewidth=0.8, zorder=1)
    panel.set_xlabel("x")
    panel.grid(alpha=0.3)
    style.legend_above([panel], [panel.get_legend_handles_labels()[0]], [name if title is None else title])
    return style.whole_figure(panel)
