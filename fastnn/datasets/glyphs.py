"""Draws the letters of fonts as small greyscale images, each randomly distorted.

An image is the outline of a letter under a random linear map, placed inside the frame, drawn with antialiasing, made
bolder or lighter, and blurred. All random numbers come from one table that is drawn first, with one row per image.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from matplotlib.transforms import Affine2D

from .fonts import LETTERS, Alphabet, Outline, Reals, new_canvas

Images: TypeAlias = npt.NDArray[np.uint8]

SIDE = 28  # pixels, as in MNIST

# The distortions: the bounds of uniform distributions.
_RANGES = {
    "angle": (-25.0, 25.0),  # degrees
    "shear": (-0.35, 0.35),  # pixels to the right per pixel upwards
    "width": (0.7, 1.4),  # times the font's own
    "size": (16.0, 24.0),  # pixels, the longer side
    "x": (-2.0, 2.0),  # pixels from the centre, as far as there is room in the frame
    "y": (-2.0, 2.0),
    "boldness": (0.6, 1.6),  # times the font's own stroke
    "blur": (0.0, 0.3),  # the fraction of a pixel that goes to each neighbour
}
_STROKE = (1.4, 4.5)  # pixels: the bounds of the stroke width. They add at most 1.7 to the size, so that
_MARGIN = 1.0  # pixels always remain between letter and frame
_BLOCK = 1000  # images drawn at a time, so that the intermediate arrays need little memory

_INK, _PAPER = (0.0, 0.0, 0.0, 1.0), (1.0, 1.0, 1.0, 1.0)


def draw_letters(alphabets: Sequence[Alphabet], n: int, seed: int) -> tuple[Images, npt.NDArray[np.uint8]]:
    """The first n images and labels of the infinite sequence that belongs to these fonts and this seed."""
    rounds = -(-n // len(LETTERS))
    table = np.random.default_rng(seed).random((rounds * len(LETTERS), 2 + len(_RANGES)))
    # Each letter once in every ten images, in random order, so that every part of the sequence is balanced.
    labels = table[:, 0].reshape(rounds, len(LETTERS)).argsort(axis=1).reshape(-1)[:n].astype(np.uint8)
    fonts = (table[:n, 1] * len(alphabets)).astype(np.intp)
    images = np.empty((n, SIDE, SIDE), np.uint8)
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        outlines = [alphabets[font][label] for font, label in zip(fonts[block], labels[block], strict=True)]
        images[block] = _draw(outlines, table[block, 2:])
    return images, labels


def _draw(outlines: Sequence[Outline], table: Reals) -> Images:
    """One image per outline, distorted by its row of the table: a number in [0, 1) for each of _RANGES."""
    low, high = np.array(list(_RANGES.values())).T
    angle, shear, width, size, x, y, boldness, blur = (low + (high - low) * table).T
    maps = _linear_maps(np.radians(angle), shear, width)
    offsets = np.stack([x, y], axis=1)

    canvas, pen = new_canvas(SIDE)
    coloured = np.empty((len(outlines), SIDE, SIDE, 4), np.uint8)
    for i, (curve, points, stroke) in enumerate(outlines):
        place, growth = _place(points, stroke, maps[i], size[i], boldness[i], offsets[i])
        canvas.clear()
        pen.set_linewidth(0)
        canvas.draw_path(pen, curve, place, _INK)
        pen.set_linewidth(abs(growth))  # half of it outside the outline and half inside
        pen.set_foreground(_INK if growth > 0 else _PAPER, isRGBA=True)
        canvas.draw_path(pen, curve, place)
        coloured[i] = canvas.buffer_rgba()
    return _blurred(_light_on_dark(coloured), blur)


def _linear_maps(angle: Reals, shear: Reals, width: Reals) -> Reals:
    """One 2 x 2 matrix per image, for points in rows: stretch, shear, then rotate."""
    distorted: Reals = np.zeros((len(angle), 2, 2))
    distorted[:, 0, 0], distorted[:, 1, 0], distorted[:, 1, 1] = width, shear, 1
    turned: Reals = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    product: Reals = distorted @ turned
    return product


def _place(
    points: Reals, stroke: float, linear_map: Reals, size: float, boldness: float, offset: Reals
) -> tuple[Affine2D, float]:
    """The transform that places an outline in the frame, and the number of pixels by which its strokes must grow."""
    mapped = points @ linear_map
    low, high = mapped.min(axis=0), mapped.max(axis=0)
    scale = size / (high - low).max()
    growth = min(max(boldness * stroke * scale, _STROKE[0]), _STROKE[1]) - stroke * scale
    room = (SIDE - max(growth, 0) - scale * (high - low)) / 2 - _MARGIN
    matrix = np.eye(3)
    matrix[:2, :2] = scale * linear_map.T
    matrix[:2, 2] = SIDE / 2 + np.clip(offset, -room, room) - scale * (low + high) / 2
    return Affine2D(matrix), growth


def _light_on_dark(coloured: Images) -> Images:
    """Turn images of black and white on a transparent background into greyscale images, white on black."""
    opacity = coloured[..., 3].astype(np.uint16)
    return ((opacity * (255 - coloured[..., 0]) + 127) // 255).astype(np.uint8)


def _blurred(images: Images, strength: Reals) -> Images:
    """Move a fraction of every pixel to both neighbours in its row, then to both neighbours in its column."""
    given = strength.astype(np.float32)[:, np.newaxis, np.newaxis]
    sharp = images.astype(np.float32)
    for _ in range(2):
        blurred = (1 - 2 * given) * sharp
        blurred[:, :, 1:] += given * sharp[:, :, :-1]
        blurred[:, :, :-1] += given * sharp[:, :, 1:]
        sharp = blurred.swapaxes(1, 2)  # the second pass swaps them back
    return np.rint(sharp).astype(np.uint8)
