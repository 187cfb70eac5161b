"""What the drawing functions are given, checked and brought into one form. Nothing is written to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import checks

_MOST_CLASSES = 1000  # a label above is a mistake, and would make a huge picture


def points(x: Any, argument: str = "x") -> np.ndarray:
    """Points of the plane as float64 (n, 2)."""
    rows = checks.rows_of(x, argument, (2,), np.dtype(np.float64))
    return rows.astype(np.float64, copy=False)


def true_labels(y: Any, argument: str = "y_true") -> tuple[np.ndarray, int]:
    """Labels (n,), and how many classes there must be, from labels (n,) or (n, 1) or one-hot rows (n, C)."""
    array = checks.finite(checks.numeric_array(y, argument), argument)
    if array.ndim == 2 and array.shape[1] > 1 and len(array):
        if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            raise ValueError(f"{argument} must be labels (n,) or one-hot rows (n, C), received other rows")
        return np.argmax(array, axis=1), array.shape[1]
    labels = checks.class_labels(array, argument, _MOST_CLASSES)
    return labels, int(labels.max()) + 1


def truth_and_prediction(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """True labels (n,), predicted labels (n,) and the number of classes, at least 2.

    `y_pred` may be labels (n,) or (n, 1), scores (n, C), or the probability of class 1, (n,) or (n, 1): floats that
    are not all whole numbers, class 1 above 0.5.
    """
    truth, classes = true_labels(y_true)
    array = checks.finite(checks.numeric_array(y_pred, "y_pred"), "y_pred")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"y_pred must be labels (n,) or scores (n, C), received shape {array.shape}")
    if array.ndim == 2:
        if array.shape[1] < classes:
            raise ValueError(f"y_pred must have a column for each of {classes} classes, received shape {array.shape}")
        predicted, classes = np.argmax(array, axis=1), array.shape[1]
    elif (array != np.round(array)).any():
        if classes > 2:
            raise ValueError(f"y_pred must be labels (n,) or scores (n, {classes}), received fractions of shape (n,)")
        predicted = (array > 0.5).astype(np.int64)
    else:
        predicted = checks.class_labels(array, "y_pred", _MOST_CLASSES)
    checks.same_length(truth, "y_true", predicted, "y_pred")
    return truth, predicted, max(classes, int(predicted.max()) + 1, 2)


def pictures(images: Any, argument: str = "images", shape: tuple[int, int] | None = None) -> np.ndarray:
    """Pictures as (n, height, width), of the type they have.

    From (n, height, width), (n, height, width, 1) or rows (n, pixels), which are of `shape` or else square.
    """
    array = checks.finite(checks.numeric_array(images, argument), argument)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim == 2 and array.size:
        array = array.reshape(len(array), *picture_shape(array.shape[1], shape, argument, array.shape))
    if array.ndim != 3 or array.size == 0:
        raise ValueError(
            f"{argument} must be pictures of shape (n, height, width) or rows of shape (n, pixels), "
            f"received shape {array.shape}"
        )
    return array


def grey(pictures: np.ndarray) -> np.ndarray:
    """Pictures as float64; bytes are brought from [0, 255] to [0, 1]."""
    return pictures / 255.0 if pictures.dtype == np.uint8 else pictures.astype(np.float64)


def picture_shape(pixels: int, shape: Any, argument: str, received: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a picture of so many pixels: `shape` if given, else square."""
    if shape is not None:
        height, width = pair(shape, "shape")
        if height * width != pixels:
            raise ValueError(
                f"{argument} must hold pictures of {height} x {width} pixels, "
                f"received {pixels} pixels a picture, shape {received}"
            )
        return height, width
    side = math.isqrt(pixels)
    if side * side != pixels:
        raise ValueError(f"{argument} must hold square pictures, received {pixels} pixels a picture, shape {received}")
    return side, side


def pair(value: Any, argument: str) -> tuple[int, int]:
    """Two positive integers."""
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ValueError(f"{argument} must be (height, width), received {value!r}")
    return checks.positive_integer(value[0], argument), checks.positive_integer(value[1], argument)


def texts(values: Any, argument: str, count: int, what: str) -> list[str]:
    """One text for each of `count` things, from any sequence or vector."""
    if isinstance(values, str) or not hasattr(values, "__len__") or np.ndim(values) != 1:
        raise TypeError(f"{argument} must be a list with one text for each {what}, received {values!r}")
    if len(values) != count:
        raise ValueError(f"{argument} must be one for each {what}, {count} in all, received {len(values)}")
    return [str(value) for value in values]


def class_names(labels: Any, classes: int) -> list[str]:
    """The classes' names: those given, else their numbers."""
    if labels is None:
        return [str(label) for label in range(classes)]
    if hasattr(labels, "__len__") and len(labels) > classes:  # the last classes may be absent from the data
        classes = len(labels)
    return texts(labels, "labels", classes, "class")
