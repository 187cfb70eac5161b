"""The letters A to J as small greyscale images: notMNIST, or a similar set that fastnn draws.

notMNIST (Yaroslav Bulatov, 2011, http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html) is like MNIST, with
letters from fonts found on the web instead of handwritten digits; it is harder, because fonts vary more. Courses hand
out 18,724 of its images as `notMNIST.npz`; `load_data("notMNIST.npz")` reads that file. Without a file, `load_data()`
returns the same number of letters in the same form, drawn from the fonts of this machine, each randomly rotated,
sheared, stretched, scaled, shifted, made bolder or lighter, and blurred.

Courses use 10,000 shuffled images for training, 6,000 for validation, and the rest for the test. The drawn letters are
already shuffled, and every part of them is balanced:

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

# fonts and glyphs import matplotlib, which takes longer than the rest of fastnn, so they are imported on first use.

Pair: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]

_COUNT = 18_724
_RENDERING_VERSION = 1  # increase it whenever a change of fonts.py or glyphs.py changes pixels
_SECONDS = 1.5e-4  # to draw an image, about
_SECONDS_OF_A_FONT = 1e-2  # to read a font


def load_data(path: str | os.PathLike[str] | None = None, seed: int = 0) -> Pair:
    """Load notMNIST from a file, or similar letters that fastnn draws, which takes some seconds the first time.

    Drawn letters are kept in the user's cache folder (`FASTNN_CACHE_DIR` moves it). The same seed gives the same
    images on the same machine; they change with the installed fonts and the version of matplotlib.

    Args:
        path: An npz file with the arrays `images` or `Images`, `(n, 28, 28)`, and `labels` or `Labels`, `(n,)`. Images
            may be integers from 0 to 255, or floats from 0 to 1 or from 0 to 255; labels are integers from 0 to 9.
            `None` draws 18,724 letters.
        seed: The seed of the drawn letters; not used for a file.

    Returns:
        `(images, labels)`, both uint8: images `(n, 28, 28)`, 0 is background and 255 ink; labels `(n,)`, 0 is A and
        9 is J.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or holds something else. Pickled objects are never loaded.

    >>> rng = np.random.default_rng(0)
    >>> np.savez("letters.npz", images=rng.integers(256, size=(20, 28, 28)), labels=np.arange(20) % 10)
    >>> images, labels = fastnn.datasets.letters.load_data("letters.npz")
    >>> images.shape, images.dtype, labels[:4].tolist()
    ((20, 28, 28), dtype('uint8'), [0, 1, 2, 3])
    """
    seed = checks.integer(seed, "seed", minimum=0)
    return _drawn(_COUNT, seed) if path is None else read_notmnist(path)


def render(n: int = _COUNT, seed: int = 0, fonts: Sequence[str | os.PathLike[str]] | None = None) -> Pair:
    """Draw letters, without caching them.

    Image i depends only on the seed, on i and on the fonts, so a smaller n gives the first images of a larger one. Each
    group of ten images, counted from the first, holds each letter once.

    Args:
        n: The number of images.
        seed: The seed of the random numbers.
        fonts: Font files, each of which must have the letters A to J. `None` takes all fonts with these letters that
            matplotlib finds, without symbol fonts and duplicates.

    Returns:
        `(images, labels)`, uint8, `(n, 28, 28)` and `(n,)`, as `load_data` gives them.

    Raises:
        FileNotFoundError: One of `fonts` does not exist.
        ValueError: One of `fonts` has no letters, or `fonts` is empty.

    >>> import matplotlib
    >>> font = matplotlib.get_data_path() + "/fonts/ttf/DejaVuSans.ttf"
    >>> images, labels = fastnn.datasets.letters.render(20, fonts=[font])
    >>> images.shape, sorted(labels[:10].tolist())
    ((20, 28, 28), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    n, seed = checks.integer(n, "n"), checks.integer(seed, "seed", minimum=0)
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
    """The result of `render`, from the cache if it is there."""
    from .fonts import found_fonts

    fonts = found_fonts()
    key = _key(n, seed, fonts)
    folder = cache_folder("letters")
    if folder is not None:
        kept = _read_kept(folder / f"{key}.npz", n, key)
        if kept is not None:
            return kept
    seconds = max(1, round(n * _SECONDS + len(fonts) * _SECONDS_OF_A_FONT))
    how_often = "once on this machine" if folder is not None else "each time, because no cache folder is writable"
    print(f"fastnn renders {n:,} letters, {how_often}: about {seconds} seconds", file=sys.stderr, flush=True)
    images, labels = render(n, seed)
    if folder is not None:
        # A full disk, or a folder in the place of the file, is no reason to fail: the letters are in memory.
        with contextlib.suppress(OSError, ValueError), written_whole(folder / f"{key}.npz") as unfinished:
            np.savez(unfinished, images=images, labels=labels, key=np.array(key))
    return images, labels


def _read_kept(file: Path, n: int, key: str) -> Pair | None:
    """Images and labels from a file in the cache, or None if it is missing, damaged, or not the right one."""
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
    """A hash of everything that determines the pixels."""
    import matplotlib
    from matplotlib.ft2font import __freetype_version__

    parts = [_RENDERING_VERSION, n, seed, np.__version__, matplotlib.__version__, __freetype_version__]
    parts += [(font.name, font.stat().st_size) for font in fonts]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
