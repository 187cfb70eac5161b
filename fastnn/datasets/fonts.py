"""Reads the outlines of the letters A to J from font files, and distinguishes fonts of letters from symbol fonts.

matplotlib finds the files, includes the library that reads them (FreeType), and draws; pyplot is not used.
"""

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.path import Path as Curve
from matplotlib.transforms import Affine2D

Reals: TypeAlias = npt.NDArray[np.float64]

LETTERS = "ABCDEFGHIJ"

_UNITS = 1000  # pixels per em when outlines are read: enough to make hinting invisible
# A symbol font may have symbols in place of letters, under any name. So fonts are judged by what they draw: at least
# this many of the ten glyphs must look more like their own letter in plain fonts than like any other letter.
_ALIKE = 6
_PLAIN = ("DejaVuSans.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSerif.ttf")  # shipped with matplotlib
_LOOK = 20  # pixels, the side of the images that are compared


class Outline(NamedTuple):
    """One letter of one font, at 1000 units per em."""

    curve: Curve
    points: Reals  # end points and control points of the curve, which lies within their convex hull
    stroke: float  # mean width of its strokes


Alphabet: TypeAlias = tuple[Outline, ...]  # one outline for each of LETTERS


def found_fonts() -> list[Path]:
    """The font files that matplotlib finds, each once, ordered by name and size; their folders do not matter."""
    files: dict[tuple[str, int], Path] = {}
    for path in sorted({Path(entry.fname) for entry in fontManager.ttflist}):
        if path.is_file():  # matplotlib's list may be older than the folder
            files.setdefault((path.name, path.stat().st_size), path)
    return [files[key] for key in sorted(files)]


def distinct_alphabets(paths: Iterable[Path]) -> dict[Path, Alphabet]:
    """The letters of all fonts that have them; only the first of several fonts with the same ten outlines.

    System and matplotlib often have two versions of the same font, and families for other scripts share Latin letters.
    """
    alphabets: dict[bytes, tuple[Path, Alphabet]] = {}
    for path in paths:
        try:
            alphabet = read_alphabet(path)
        except (OSError, ValueError):
            continue
        alphabets.setdefault(b"".join(outline.points.tobytes() for outline in alphabet), (path, alphabet))
    return dict(alphabets.values())


def read_alphabet(path: str | os.PathLike[str]) -> Alphabet:
    """The letters of one font file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a font, lacks one of the letters, or has something else in their place.
    """
    alphabet = _read(path)
    likeness = np.max([_looks(alphabet) @ known.T for known in _plain_looks()], axis=0)
    alike = np.count_nonzero(likeness.argmax(axis=1) == np.arange(len(LETTERS)))
    if alike < _ALIKE:
        raise ValueError(f"{path}: expected a font with the letters A to J, received one with other symbols there")
    return alphabet


def _read(path: str | os.PathLike[str]) -> Alphabet:
    try:
        font = FT2Font(os.fspath(path))
        font.set_size(_UNITS, 72)  # at 72 dots per inch a point is a pixel
        return tuple(_read_outline(font, letter) for letter in LETTERS)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: expected a font with the letters A to J, there is no such file") from None
    except (OSError, RuntimeError, ValueError) as error:  # FreeType's errors are RuntimeErrors
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: expected a font with the letters A to J, received none: {reason}") from None


def _read_outline(font: FT2Font, letter: str) -> Outline:
    if not font.get_char_index(ord(letter)):
        raise ValueError(f"it has no {letter}")
    font.load_char(ord(letter))
    points, codes = font.get_path()
    closing = np.flatnonzero(codes == Curve.CLOSEPOLY)  # it means the start of the line; its coordinates are arbitrary
    points[closing] = points[closing - 1]
    if len(points) == 0 or np.ptp(points, axis=0).min() <= 0:
        raise ValueError(f"its {letter} is empty")
    curve = Curve(points, codes)
    return Outline(curve, points, _stroke(curve))


def _stroke(curve: Curve) -> float:
    """The mean stroke width: about 2 area / perimeter. Holes are oriented the other way, so their area is negative."""
    area = perimeter = 0.0
    for polygon in curve.to_polygons():
        x, y = np.asarray(polygon).T
        area += float(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2
        perimeter += float(np.hypot(np.diff(x), np.diff(y)).sum())
    return 2 * abs(area) / perimeter


def new_canvas(side: int) -> tuple[Any, Any]:
    """A square canvas, one unit per pixel, and a pen for it that fills shapes without an outline."""
    renderer: Any = RendererAgg
    canvas = renderer(side, side, 72)
    pen = canvas.new_gc()
    pen.set_linewidth(0)
    pen.set_snap(False)
    return canvas, pen


@functools.cache
def _plain_looks() -> tuple[Reals, ...]:
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return tuple(_looks(_read(folder / name)) for name in _PLAIN)


def _looks(alphabet: Alphabet) -> Reals:
    """One row per letter: its image, filling the frame, with mean 0 and norm 1, so that products are correlations."""
    canvas, pen = new_canvas(_LOOK)
    looks = np.empty((len(LETTERS), _LOOK, _LOOK))
    for look, (curve, points, _) in zip(looks, alphabet, strict=True):
        low, high = points.min(axis=0), points.max(axis=0)
        canvas.clear()
        canvas.draw_path(pen, curve, Affine2D().translate(*-low).scale(*_LOOK / (high - low)), (0, 0, 0, 1))
        look[:] = np.asarray(canvas.buffer_rgba())[..., 3]  # the opacity
    rows = looks.reshape(len(LETTERS), -1)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths: Reals = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    return rows / np.maximum(lengths, 1)
