"""The generator from which fastnn draws whatever has no seed of its own: initial weights, shuffling, dropout."""

import contextlib
import threading
from collections.abc import Iterator

import numpy as np

_shared = np.random.default_rng()
_own = threading.local()  # .generator: what this thread draws from while it works with a generator of its own


def generator() -> np.random.Generator:
    """The generator in use: the thread's own, else the one that all share."""
    return getattr(_own, "generator", _shared)


def seed_generator(seed: int) -> None:
    """Start the generator in use anew, so that everything drawn from here on repeats."""
    global _shared
    if hasattr(_own, "generator"):
        _own.generator = np.random.default_rng(seed)
    else:
        _shared = np.random.default_rng(seed)


@contextlib.contextmanager
def drawing_from(own: np.random.Generator) -> Iterator[None]:
    """Within the block this thread draws from `own`, so that other threads change nothing of what it draws."""
    before = vars(_own).copy()
    _own.generator = own
    try:
        yield
    finally:
        vars(_own).clear()
        vars(_own).update(before)


def draw_seed() -> int:
    """A seed for the kernels' counter-based random numbers."""
    return int(generator().integers(2**62))
