"""Drawings as MNIST has its digits: 20 pixels long, with the centre of mass in the middle of 28 x 28 pixels."""

import numpy as np

SIDE = 28  # pixels of MNIST's images
_BOX = 20
_MIDDLE = 14  # where MNIST has the centre of mass, counted in pixels from 0
_FAINT = 8 / 255  # ink below this fraction of full black is no part of the bounding box


def centred(pixels: np.ndarray) -> np.ndarray | None:
    """A drawing as MNIST would have it, or None if there is no ink.

    The bounding box of the ink is fitted into 20 x 20 pixels with its proportions kept, each new pixel being the mean
    of the area it covers. Whole pixels then move its centre of mass to the middle of 28 x 28 (LeCun, Cortes & Burges,
    http://yann.lecun.com/exdb/mnist/).

    Args:
        pixels: uint8 (height, width), 0 is paper and 255 ink.

    Returns:
        uint8 (28, 28), or None.

    >>> drawing = np.zeros((100, 100), np.uint8)
    >>> drawing[10:60, 70:75] = 255  # a vertical stroke, far from the middle
    >>> seen = fastnn.playground.centring.centred(drawing)
    >>> [int(line) for line in np.flatnonzero(seen.any(axis=1))[[0, -1]]], np.flatnonzero(seen.any(axis=0)).tolist()
    ([4, 23], [13, 14])
    """
    ink = pixels > 255 * _FAINT
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return None
    digit = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255
    scale = _BOX / max(digit.shape)
    height, width = (max(1, round(length * scale)) for length in digit.shape)
    small = _areas(height, digit.shape[0]) @ digit @ _areas(width, digit.shape[1]).T
    top, left = (_MIDDLE - _nearest(_mean(small.sum(axis=axis))) for axis in (1, 0))
    field = np.zeros((3 * SIDE, 3 * SIDE))  # with room all around for digits whose mass is at one end
    field[SIDE + top : SIDE + top + height, SIDE + left : SIDE + left + width] = small
    return np.rint(255 * field[SIDE : 2 * SIDE, SIDE : 2 * SIDE]).astype(np.uint8)


def _mean(mass: np.ndarray) -> float:
    """Where the centre of mass lies, in pixels from 0."""
    return float(mass @ np.arange(len(mass)) / mass.sum())


def _nearest(place: float) -> int:
    """The nearest pixel; halfway the next one, also where rounding errors have made it a little less."""
    return int(np.floor(place + 0.5 + 1e-6))


def _areas(out: int, length: int) -> np.ndarray:
    """(out, length): how much of each of `out` equal parts of a line lies in each of its `length` pixels."""
    edges = np.arange(out + 1) * length / out
    starts, stops = edges[:-1, np.newaxis], edges[1:, np.newaxis]
    at = np.arange(length)
    covered = np.minimum(stops, at + 1) - np.maximum(starts, at)
    return np.maximum(covered, 0) * (out / length)
