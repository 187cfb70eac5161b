"""Checks and converts the arguments of the drawing functions, without changing them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import checks


def points(x: Any, argument: str = "x") -> np.ndarray:
    """Points of the plane as float64 (n, 2)."""
    rows = checks.rows_of(x, argument, (2,), np.dtype(np.float64))
    return rows.astype(np.float64, copy=False)


def pictures(images: Any, argument: str = "images", shape: tuple[int, int] | None = None) -> np.ndarray:
    """Images as (n, height, width), with their own type.

    From (n, height, width), (n, height, width, 1) or rows (n, pixels) of images that have `shape` or are square.
    """
    array = checks.finite(checks.numeric_array(images, argument), argument)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim == 2 and array.size:
        array = array.reshape(len(array), *picture_shape(array.shape[1], shape, argument, array.shape))
    if array.ndim != 3 or array.size == 0:
        raise ValueError(
            f"{argument} must be images of shape (n, height, width) or rows of shape (n, pixels), "
            f"received shape {array.shape}"
        )
    return array


def grey(pictures: np.ndarray) -> np.ndarray:
    """Images as float64; uint8 is scaled from [0, 255] to [0, 1]."""
    return pictures / 255.0 if pictures.dtype == np.uint8 else pictures.astype(np.float64)


def picture_shape(pixels: int, shape: Any, argument: str, received: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of an image with this number of pixels: `shape` if given, otherwise square."""
    if shape is not None:
        height, width = pair(shape, "shape")
        if height * width != pixels:
            raise ValueError(
                f"{argument} must hold images of {height} x {width} pixels, "
                f"received {pixels} pixels per image, shape {received}"
            )
        return height, width
    side = math.isqrt(pixels)
    if side * side != pixels:
        raise ValueError(f"{argument} must hold square images, received {pixels} pixels per image, shape {received}")
    return side, side


def pair(value: Any, argument: str) -> tuple[int, int]:
    """Two positive integers."""
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ValueError(f"{argument} must be (height, width), received {value!r}")
    return checks.integer(value[0], argument), checks.integer(value[1], argument)


def texts(values: Any, argument: str, count: int, what: str) -> list[str]:
    """One string for each of `count` things, from any sequence or vector."""
    if isinstance(values, str) or not hasattr(values, "__len__") or np.ndim(values) != 1:
        raise TypeError(f"{argument} must be a list with one string for each {what}, received {values!r}")
    if len(values) != count:
        raise ValueError(f"{argument} must have one entry for each {what}, {count} in all, received {len(values)}")
    return [str(value) for value in values]


def class_names(labels: Any, classes: int) -> list[str]:
    """The names of the classes: the given ones, otherwise their numbers."""
    if labels is None:
        return [str(label) for label in range(classes)]
    if hasattr(labels, "__len__") and len(labels) > classes:  # the last classes may be absent from the data
        classes = len(labels)
    return texts(labels, "labels", classes, "class")
