"""The generator from which fastnn draws whatever has no seed of its own: initial weights, shuffling, dropout."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import numpy as np

_shared = np.random.default_rng()
# What a thread draws from while it works with a generator of its own.
_own: ContextVar[np.random.Generator | None] = ContextVar("_own", default=None)


def generator() -> np.random.Generator:
    """The generator in use: the thread's own, else the one that all share."""
    return _own.get() or _shared


def seed_generator(seed: int) -> None:
    """Start the generator in use anew, so that everything drawn from here on repeats."""
    global _shared
    if _own.get() is None:
        _shared = np.random.default_rng(seed)
    else:
        _own.set(np.random.default_rng(seed))


@contextlib.contextmanager
def drawing_from(own: np.random.Generator) -> Iterator[None]:
    """Within the block this thread draws from `own`, so that other threads change nothing of what it draws."""
    token = _own.set(own)
    try:
        yield
    finally:
        _own.reset(token)


def draw_seed() -> int:
    """A seed for the kernels' counter-based random numbers."""
    return int(generator().integers(2**62))
