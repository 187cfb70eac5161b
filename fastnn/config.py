"""Settings for the whole library: the float type."""

from typing import Any

import numpy as np

_floatx = "float32"


def floatx() -> str:
    """The float type of new layers: `"float32"` unless `set_floatx` changed it.

    >>> fastnn.config.floatx()
    'float32'
    """
    return _floatx


def set_floatx(value: str) -> None:
    """Set the float type of layers created from now on: `"float32"` or `"float64"`.

    Raises:
        ValueError: for any other type.

    >>> fastnn.config.set_floatx("float64")
    >>> fastnn.layers.Dense(1).dtype
    dtype('float64')
    >>> fastnn.config.set_floatx("float32")
    """
    global _floatx
    _floatx = standard_dtype(value).name


def standard_dtype(dtype: object) -> np.dtype:
    """`dtype` (None: `floatx()`) as a NumPy type; a ValueError unless it is float32 or float64."""
    wanted: Any = floatx() if dtype is None else dtype
    for known in (np.dtype("float32"), np.dtype("float64")):
        try:
            if np.dtype(wanted) == known:
                return known
        except TypeError:
            break
    raise ValueError(f'dtype must be "float32" or "float64", received {dtype!r}')
