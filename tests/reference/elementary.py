"""Elementary functions, as exact as NumPy has them.

Each is evaluated in float64 and rounded once to the dtype of x, so that a float32
result is the correctly rounded one in all but a few cases in a billion. Overflow,
log(0) and log(-1) give inf, -inf and nan without a warning, as a kernel does.
"""

from collections.abc import Callable

import numpy as np

from .activations import sigmoid_forward


def _in_float64(function: Callable, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return function(x.astype(np.float64)).astype(x.dtype)


def exp(x: np.ndarray) -> np.ndarray:
    """e^x."""
    return _in_float64(np.exp, x)


def expm1(x: np.ndarray) -> np.ndarray:
    """e^x - 1, exact near 0."""
    return _in_float64(np.expm1, x)


def log(x: np.ndarray) -> np.ndarray:
    """The natural logarithm of x."""
    return _in_float64(np.log, x)


def log1p(x: np.ndarray) -> np.ndarray:
    """The natural logarithm of 1 + x, exact near 0."""
    return _in_float64(np.log1p, x)


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + e^x), which for large x is x."""
    return _in_float64(lambda x: np.logaddexp(0, x), x)


def tanh(x: np.ndarray) -> np.ndarray:
    """(e^x - e^-x) / (e^x + e^-x)."""
    return _in_float64(np.tanh, x)


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x)."""
    return _in_float64(sigmoid_forward, x)
