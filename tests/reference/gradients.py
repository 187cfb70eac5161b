"""Numerical gradients, to check the analytical ones."""

from collections.abc import Callable

import numpy as np


def central_difference(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, dy: np.ndarray, h: float) -> np.ndarray:
    """The gradient of sum(dy f(x)) with respect to x, in float64.

    dx_i = sum(dy (f(x + h e_i) - f(x - h e_i))) / 2h, with an error of order h^2 from the
    formula and of order 1e-16 f / h from rounding; h near 1e-5 balances the two.
    f takes an array in the shape of x and returns one in the shape of dy.
    """
    x = np.array(x, np.float64)
    dy = np.asarray(dy, np.float64)
    dx = np.empty_like(x)
    for i in np.ndindex(x.shape):
        centre = x[i]
        x[i] = centre + h
        above = f(x.copy())
        x[i] = centre - h
        below = f(x.copy())
        x[i] = centre
        dx[i] = np.sum(dy * (above - below)) / (2 * h)
    return dx
