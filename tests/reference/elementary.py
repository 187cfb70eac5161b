"""Elementary functions, as exact as NumPy has them.

Each is evaluated in float64 and rounded once to the dtype of x, so that a float32
result is the correctly rounded one in all but a few cases in a billion. Overflow,
log(0) and log(-1) give inf, -inf and nan without a warning, as a kernel does.
"""

import math
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


def normal_distribution(x: np.ndarray) -> np.ndarray:
    """P(X < x), X ~ N(0, 1), which is erfc(-x / sqrt(2)) / 2."""
    return _in_float64(_below, x)


def _below(x: np.ndarray) -> np.ndarray:
    """erfc(z + e) / 2, e being what z = -x / sqrt(2) lost by rounding: at x = -37 it is 700 units of the result."""
    inside = np.clip(x, -40, 40)
    factor, factor_rest = -math.sqrt(0.5), 4.833646656726457e-17  # of -1 / sqrt(2)
    z = inside * factor
    (x_high, x_low), (f_high, f_low) = _halves(inside), _halves(np.float64(factor))
    e = x_high * f_high - z + x_high * f_low + x_low * f_high + x_low * f_low + inside * factor_rest
    return np.vectorize(math.erfc, otypes=[np.float64])(z) / 2 - e * np.exp(-z * z) / math.sqrt(math.pi)


def _halves(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a as the sum of two numbers of half as many bits, whose products are exact (T. J. Dekker, 1971)."""
    high = a * 134217729.0 - (a * 134217729.0 - a)
    return high, a - high
