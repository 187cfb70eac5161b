"""Settings for the whole library: the float type."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

__all__ = ["floatx", "set_floatx", "using_floatx"]

_floatx = "float32"
# The float type of a thread inside `using_floatx`.
_own: ContextVar[str | None] = ContextVar("_own", default=None)


def floatx() -> str:
    """The float type of new layers: `"float32"` unless `set_floatx` changed it.

    >>> fastnn.config.floatx()
    'float32'
    """
    return _own.get() or _floatx


def set_floatx(value: str) -> None:
    """Set the float type of layers created from now on.

    Args:
        value: `"float32"` or `"float64"`.

    Raises:
        ValueError: for any other type.

    >>> fastnn.config.set_floatx("float64")
    >>> fastnn.layers.Dense(1).dtype
    dtype('float64')
    >>> fastnn.config.set_floatx("float32")
    """
    global _floatx
    _floatx = standard_dtype(value).name


@contextlib.contextmanager
def using_floatx(value: str) -> Iterator[None]:
    """Within the block, new layers of this thread have this float type.

    Args:
        value: `"float32"` or `"float64"`.

    Raises:
        ValueError: for any other type.

    >>> with fastnn.config.using_floatx("float64"):
    ...     layer = fastnn.layers.Dense(1)
    >>> layer.dtype, fastnn.layers.Dense(1).dtype
    (dtype('float64'), dtype('float32'))
    """
    token = _own.set(standard_dtype(value).name)
    try:
        yield
    finally:
        _own.reset(token)


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
