"""Checks of arguments: errors that name the argument, what was expected and what was received."""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence, Set, Sized
from numbers import Integral, Real
from typing import Any

import numpy as np

from . import frames
from .kernels import metrics
from .kernels.arrays import all_finite


def nearest(name: object, known: Iterable[str], what: str) -> str:
    """`name` if it is one of `known`; else a ValueError that suggests the nearest one."""
    known = sorted(known)
    if isinstance(name, str) and name in known:
        return name
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise ValueError(f"unknown {what} {name!r}{hint} Known: {', '.join(known)}")


LABELS_HINT = "; number labels that are text first: classes, y = numpy.unique(y, return_inverse=True)"
LARGEST = 2**63 - 1  # the largest integer that the kernels count with
LARGEST_SIZE = 2**31 - 1  # of an axis, and of a sample: products of two of them are still integers for the kernels


def text(value: Any, argument: str) -> str:
    """`value`, which must be a string."""
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a string, received {value!r}")
    return value


def one_of(value: Any, argument: str, known: Sequence[str]) -> str:
    """`value`, which must be one of a few words."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{argument} must be {' or '.join(map(repr, known))}, received {value!r}")
    return value


def integer(value: Any, argument: str, minimum: int = 1, maximum: int = LARGEST) -> int:
    """`value` as an int in [minimum, maximum]; booleans and fractions are refused."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{argument} must be an integer of at least {minimum}, received {value!r}")
    whole = int(value)
    if whole < minimum:
        raise ValueError(f"{argument} must be at least {minimum}, received {_told(whole)}")
    if whole > maximum:
        raise ValueError(f"{argument} must be at most {maximum}, received {_told(whole)}")
    return whole


def _told(value: int) -> str:
    """An integer for an error message: Python refuses to print the digits of a very large one."""
    bits = value.bit_length()
    return str(value) if bits < 128 else f"a number of about {int(bits * math.log10(2)) + 1} digits"


def size(value: Any, argument: str, minimum: int = 1) -> int:
    """`value` as the length of an axis, a step along one or the like."""
    return integer(value, argument, minimum, LARGEST_SIZE)


def sizes(value: Any, argument: str, axes: int, minimum: int = 1) -> tuple[int, ...]:
    """One integer for all axes, or one for each of them, as a tuple."""
    given = value if isinstance(value, (tuple, list)) else (value,) * axes
    if len(given) != axes:
        raise ValueError(f"{argument} must be one integer or {axes} of them, received {value!r}")
    return tuple(size(n, argument, minimum) for n in given)


def number(value: Any, argument: str, low: float = -math.inf, high: float = math.inf, open_high: bool = False) -> float:
    """`value` as a finite float in [low, high], or in [low, high) with `open_high`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{argument} must be a number, received {value!r}")
    try:
        converted = float(value)
    except OverflowError:  # an integer beyond all floats
        converted = -math.inf if value < 0 else math.inf
    inside = low <= converted < high if open_high else low <= converted <= high
    if not (math.isfinite(converted) and inside):
        interval = f" in [{low:g}, {high:g}{')' if open_high else ']'}" if math.isfinite(high) else f" >= {low:g}"
        received = _told(int(value)) if isinstance(value, Integral) else repr(value)
        raise ValueError(
            f"{argument} must be a finite number{interval if low > -math.inf else ''}, received {received}"
        )
    return converted


def positive(value: Any, argument: str) -> float:
    """`value` as a finite float above 0."""
    converted = number(value, argument)
    if converted <= 0:
        raise ValueError(f"{argument} must be a finite number > 0, received {value!r}")
    return converted


def numeric_array(value: Any, argument: str, hint: str = "") -> np.ndarray:
    """`value` as an array of integers, booleans or floats; `hint` ends the error message for text."""
    if type(value) is not np.ndarray:
        if np.ma.is_masked(value):
            raise TypeError(f"{argument} must be an array of numbers, received one with masked values")
        value = frames.as_numbers(value, argument, hint)
        refuse_batches(value, argument)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{argument} must be an array of numbers, received rows of different lengths") from error
    if array.dtype.kind not in "biuf":
        first = array.flat[0] if array.size else None
        if isinstance(value, np.ndarray) and isinstance(first, (Real, np.bool_)):
            hint = "; its astype(float) has numbers"
        elif not isinstance(first, (str, np.str_, np.bytes_)):
            hint = ""
        received = "None" if value is None else f"an array of type {array.dtype}"
        raise TypeError(f"{argument} must be an array of numbers, received {received}{hint}")
    return array


def refuse_batches(value: Any, argument: str) -> None:
    """A TypeError for what hands out batches, such as a generator or a Keras Sequence, and for sparse matrices.

    NumPy would make an array of one object of a generator or a matrix, and would ask a Sequence for items for ever.
    """
    if frames.is_sparse(value):
        raise TypeError(
            f"{argument} must be an array of numbers, received the sparse {type(value).__name__}; its toarray() is one"
        )
    items, inside = [value], value
    while isinstance(inside, (list, tuple)) and inside and len(items) < 64:  # a list may hold itself
        items += {type(item): item for item in inside}.values()
        inside = inside[0]
    for item in items:
        if _gives_items(item):
            within = "" if item is value else f"a {type(value).__name__} of "
            raise TypeError(
                f"{argument} must be an array of numbers, received {within}{type(item)}, which gives out items one "
                "after another; put all samples into one array, or call train_on_batch for each batch"
            )


_ITEMS = ("__getitem__", "__iter__")
_ARRAYS = ("__array__", "__array_interface__", "__array_struct__")


def _gives_items(value: Any) -> bool:
    """Whether an object gives out items, but neither as an array nor as a sequence like a list."""
    if isinstance(value, (np.ndarray, np.generic, Sequence, Mapping, Set)):
        return False
    if not any(hasattr(value, name) for name in _ITEMS) or any(hasattr(value, name) for name in _ARRAYS):
        return False
    try:
        memoryview(value)
    except TypeError:
        return True
    return False


def finite(array: np.ndarray, argument: str) -> np.ndarray:
    """`array`; a ValueError if it holds NaN or infinity."""
    if array.dtype.kind == "f":
        known = array.flags.c_contiguous and array.dtype.char in "fd" and array.dtype.isnative
        if not (all_finite(read_only(array.reshape(-1))) if known else np.isfinite(array).all()):
            _raise_not_finite(array, argument)
    return array


def _raise_not_finite(array: np.ndarray, argument: str) -> None:
    where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    raise ValueError(f"{argument} must be finite, received {array[where]} at index {where}")


def rows_of(x: Any, argument: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """`x` as a C-contiguous matrix of uint8 or `dtype`, one sample per row; not copied if it is one already.

    `shape` is the shape of one sample. The result is read-only, because it may be the caller's own memory.
    """
    array = numeric_array(x, argument)
    if array.shape[1:] != shape or array.ndim == 0:
        expected = ", ".join(["n", *map(str, shape)])
        raise ValueError(f"{argument} must have shape ({expected}), received {array.shape}")
    samples = len(array)
    if samples == 0:
        raise ValueError(f"{argument} must hold at least one sample, received shape {array.shape}")
    if array.dtype != dtype and array.dtype != np.uint8:
        array = as_type(finite(array, argument), dtype)
    rows = read_only(np.ascontiguousarray(array).reshape(samples, -1))
    if rows.dtype == dtype and not all_finite(rows.reshape(-1)):
        _raise_not_finite(array, argument)
    return rows


def as_type(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`array` in another float type; float64 values too large for float32 become infinite without a warning."""
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def read_only(array: np.ndarray) -> np.ndarray:
    """A read-only view. Kernels always get one: Numba would compile them again for writable arrays."""
    view = array.view()
    view.flags.writeable = False
    return view


def same_length(a: Sized, a_name: str, b: Sized, b_name: str) -> None:
    """A ValueError unless both have one entry per sample."""
    if len(a) != len(b):
        raise ValueError(f"{a_name} and {b_name} must have the same length, received {len(a)} and {len(b)}")


def class_labels(y: Any, argument: str, classes: int) -> np.ndarray:
    """`y`, of shape (n,) or (n, 1), as int64 labels in [0, classes).

    Always a copy: labels index memory, and the caller may change its own array later.
    """
    array = numeric_array(y, argument, LABELS_HINT)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        hint = "; for one-hot rows use the loss categorical_crossentropy" if array.shape[1:] == (classes,) else ""
        raise ValueError(f"{argument} must be integer labels of shape (n,), received shape {array.shape}{hint}")
    if len(array) == 0:
        raise ValueError(f"{argument} must hold at least one label, received none")
    finite(array, argument)
    with np.errstate(invalid="ignore"):
        labels = np.array(array, np.int64)
    wrong = (labels != array) | (labels < 0) | (labels >= classes)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(f"{argument} must be integers in [0, {classes}), received {array[at]} at index {at}")
    return labels


def target_rows(y: Any, argument: str, outputs: int, dtype: np.dtype) -> np.ndarray:
    """`y`, of shape (n, outputs), or (n,) for a single output, as a matrix of `dtype`."""
    array = numeric_array(y, argument, LABELS_HINT)
    if array.ndim == 1 and outputs == 1:
        array = array[:, np.newaxis]
    if array.ndim == 1:
        raise ValueError(
            f"{argument} must have shape (n, {outputs}), received {array.shape}; for integer labels use the loss "
            "sparse_categorical_crossentropy or fastnn.utils.to_categorical"
        )
    rows = rows_of(array, argument, (outputs,), dtype)
    return read_only(rows.astype(dtype, copy=False))


ROUNDING = metrics.ROUNDING  # how far targets may lie off the allowed ones


def probabilities(targets: np.ndarray, argument: str, loss: str) -> np.ndarray:
    """`targets` in [0, 1], where they are moved if they lie outside by at most `ROUNDING`; else a ValueError."""
    low, high = targets.min(), targets.max()
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ValueError(f"{argument} must be in [0, 1] for {loss}, received values from {low:.9g} to {high:.9g}")
    return targets if low >= 0 and high <= 1 else targets.clip(0, 1)


def sample_weights(value: Any, samples: int, dtype: np.dtype, argument: str = "sample_weight") -> np.ndarray:
    """`value`, one non-negative weight per sample, as a vector of `dtype`; (n, 1) is taken as (n,)."""
    array = numeric_array(value, argument)
    if array.shape == (samples, 1):
        array = array[:, 0]
    if array.shape != (samples,):
        raise ValueError(f"{argument} must have shape ({samples},), received {array.shape}")
    weights = finite(as_type(finite(array, argument), dtype), argument)
    if weights.min() < 0:
        raise ValueError(f"{argument} must not be negative, received {weights.min():g}")
    return read_only(np.ascontiguousarray(weights))


def gradient_of(dy: Any, y: Any, owner: str) -> np.ndarray:
    """`dy` as an array, which must have the shape of `y`, the output of the last `forward` (None: there was none)."""
    if y is None:
        raise RuntimeError(f"{owner}: call forward before backward")
    array = numeric_array(dy, "dy")
    if array.shape != y.shape:
        raise ValueError(f"{owner}: dy must have the shape of forward's output, {y.shape}, received {array.shape}")
    return array
