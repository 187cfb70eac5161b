"""Reads notMNIST.npz, Yaroslav Bulatov's letters in the form that courses hand out."""

import os

import numpy as np
import numpy.typing as npt

from .. import checks
from .npz import Array, read_arrays

_SIDE = 28
_CLASSES = 10


def read_notmnist(path: str | os.PathLike[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Read images and labels from an npz file.

    Args:
        path: The file, with two arrays: `images` or `Images` of shape `(n, 28, 28)`, integers from 0 to 255 or floats
            from 0 to 1 or from 0 to 255 (if none is above 1, they are scaled by 255), which are rounded; and `labels`
            or `Labels` of shape `(n,)`, integers from 0 to 9.

    Returns:
        `(images, labels)`, both uint8, new and C-contiguous.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or holds something else.
    """
    images, labels = read_arrays(path, ("images", "Images"), ("labels", "Labels"))
    try:
        return _as_pixels(images), _as_labels(labels, len(images))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def _as_pixels(images: Array) -> npt.NDArray[np.uint8]:
    if images.ndim != 3 or images.shape[1:] != (_SIDE, _SIDE) or len(images) == 0:
        raise ValueError(f"images must have shape (n, {_SIDE}, {_SIDE}) with n of at least 1, received {images.shape}")
    if images.dtype.kind not in "uif":
        raise ValueError(f"images must be integers or floats, received type {images.dtype}")
    checks.finite(images, "images")
    low, high = images.min(), images.max()
    if low < 0 or high > 255:
        raise ValueError(f"images must be in [0, 255] or, as floats, in [0, 1], received {low:g} to {high:g}")
    if images.dtype.kind == "f":
        images = np.rint(images * 255 if high <= 1 else images)
    return np.ascontiguousarray(images, np.uint8)


def _as_labels(labels: Array, images: int) -> npt.NDArray[np.uint8]:
    if labels.shape != (images,):
        raise ValueError(f"labels must have shape ({images},), one for each image, received {labels.shape}")
    if labels.dtype.kind not in "ui":
        raise ValueError(f"labels must be integers, received type {labels.dtype}")
    return checks.class_labels(labels, "labels", _CLASSES).astype(np.uint8)
