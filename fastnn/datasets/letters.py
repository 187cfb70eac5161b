"""The letters A to J as small grey images: notMNIST, or a set like it that fastnn draws itself.

notMNIST (Yaroslav Bulatov, 2011, http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html) is what MNIST is, with
letters cut out of fonts from the web instead of handwritten digits: harder, because type varies more. Courses hand out
18,724 of its images as `notMNIST.npz`; `load_data("notMNIST.npz")` reads that file. Without a file, `load_data()` gives
as many letters in the same form, drawn from the fonts of this machine, each turned, sheared, stretched, scaled, moved,
made bolder or lighter, and blurred at random.

The course splits them, after shuffling, into the first 10,000 for training, the next 6,000 for validation, and the rest
for the test. The drawn ones come shuffled, every part of them balanced:

    images, labels = fastnn.datasets.letters.load_data()
    x, y = images[:10_000], labels[:10_000]
    x_validation, y_validation = images[10_000:16_000], labels[10_000:16_000]
    x_test, y_test = images[16_000:], labels[16_000:]
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .. import checks
from ..files import cache_folder, written_whole
from .notmnist import read_notmnist
from .npz import read_arrays

# fonts and glyphs import matplotlib, which takes longer than the rest of fastnn: here only where they are needed.

Pair: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]

_COUNT = 18_724
_RENDERING_VERSION = 1  # to be raised whenever fonts.py or glyphs.py comes to draw other pixels
_SECONDS = 1.5e-4  # of drawing an image, about, and
_SECONDS_OF_A_FONT = 1e-2  # of reading a font


def load_data(path: str | os.PathLike[str] | None = None, seed: int = 0) -> Pair:
    """Load notMNIST from a file, or letters of the same kind that fastnn draws, which takes some seconds once.

    The drawn ones are kept in the user's cache folder (`FASTNN_CACHE_DIR` moves it). The same seed gives the same
    images on the same machine; other fonts, or another release of matplotlib, give others.

    Args:
        path: An npz file with the arrays `images` or `Images`, `(n, 28, 28)`, and `labels` or `Labels`, `(n,)`. Images
            may be integers from 0 to 255, or floats from 0 to 1 or from 0 to 255; labels are integers from 0 to 9.
            `None` draws 18,724 letters.
        seed: Which letters are drawn; without meaning for a file.

    Returns:
        `(images, labels)`, both uint8: images `(n, 28, 28)`, 0 is background and 255 ink; labels `(n,)`, 0 is A and
        9 is J.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or holds something else. Pickled objects are never loaded.
    """
    seed = checks.positive_integer(seed, "seed", minimum=0)
    return _drawn(_COUNT, seed) if path is None else read_notmnist(path)


def render(n: int = _COUNT, seed: int = 0, fonts: Sequence[str | os.PathLike[str]] | None = None) -> Pair:
    """Draw letters, without keeping them anywhere.

    Image i depends on the seed, i and the fonts only: fewer images are the first of more. Every ten images from the
    first on hold each letter once.

    Args:
        n: How many.
        seed: Which.
        fonts: Font files, each of which must have the letters A to J. `None` takes all that matplotlib finds and that
            have them; fonts of symbols are left out, and of fonts with the same letters all but one.

    Returns:
        `(images, labels)`, uint8, `(n, 28, 28)` and `(n,)`, as `load_data` gives them.

    Raises:
        FileNotFoundError: One of `fonts` does not exist.
        ValueError: One of `fonts` has no letters, or `fonts` is empty.
    """
    n, seed = checks.positive_integer(n, "n"), checks.positive_integer(seed, "seed", minimum=0)
    from .fonts import distinct_alphabets, found_fonts, read_alphabet
    from .glyphs import draw_letters

    if isinstance(fonts, str | bytes | os.PathLike):
        raise TypeError(f"fonts must be a sequence of font files, received the single one {fonts!r}")
    if fonts is None:
        return draw_letters(list(distinct_alphabets(found_fonts()).values()), n, seed)
    if len(fonts) == 0:
        raise ValueError("fonts must hold at least one font file, received none")
    return draw_letters([read_alphabet(font) for font in fonts], n, seed)


def _drawn(n: int, seed: int) -> Pair:
    """What `render` gives, from the cache where it is there already."""
    from .fonts import found_fonts

    fonts = found_fonts()
    key = _key(n, seed, fonts)
    folder = cache_folder("letters")
    if folder is not None:
        kept = _read_kept(folder / f"{key}.npz", n, key)
        if kept is not None:
            return kept
    seconds = max(1, round(n * _SECONDS + len(fonts) * _SECONDS_OF_A_FONT))
    how_often = "once on this machine" if folder is not None else "each time, for no folder can keep them"
    print(f"fastnn renders {n:,} letters, {how_often}: about {seconds} seconds", file=sys.stderr, flush=True)
    images, labels = render(n, seed)
    if folder is not None:
        # A full disk is no reason to fail: the letters are there.
        with contextlib.suppress(OSError), written_whole(folder / f"{key}.npz") as unfinished:
            np.savez(unfinished, images=images, labels=labels, key=np.array(key))
    return images, labels


def _read_kept(file: Path, n: int, key: str) -> Pair | None:
    """Images and labels from a file in the cache, or None if it is missing, damaged, or not what belongs there."""
    try:
        images, labels, written_key = read_arrays(file, ("images",), ("labels",), ("key",))
    except (OSError, ValueError):
        return None
    if written_key.shape != () or written_key.item() != key:
        return None
    if (images.shape, labels.shape) != ((n, 28, 28), (n,)) or {images.dtype, labels.dtype} != {np.dtype(np.uint8)}:
        return None
    return images, labels


def _key(n: int, seed: int, fonts: Sequence[Path]) -> str:
    """Names all that decides about the pixels."""
    import matplotlib
    from matplotlib.ft2font import __freetype_version__

    parts = [_RENDERING_VERSION, n, seed, np.__version__, matplotlib.__version__, __freetype_version__]
    parts += [(font.name, font.stat().st_size) for font in fonts]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
