"""The generator for everything random without a seed of its own: initial weights, shuffling, dropout."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import numpy as np

_shared = np.random.default_rng()
# The generator of a thread inside `drawing_from`.
_own: ContextVar[np.random.Generator | None] = ContextVar("_own", default=None)


def generator() -> np.random.Generator:
    """The generator in use: the thread's own, or else the shared one."""
    return _own.get() or _shared


def seed_generator(seed: int) -> None:
    """Seed the generator in use, so that everything drawn from here on is reproducible."""
    global _shared
    if _own.get() is None:
        _shared = np.random.default_rng(seed)
    else:
        _own.set(np.random.default_rng(seed))


@contextlib.contextmanager
def drawing_from(own: np.random.Generator) -> Iterator[None]:
    """Within the block this thread draws from `own`, so that other threads do not affect what it draws."""
    token = _own.set(own)
    try:
        yield
    finally:
        _own.reset(token)


def draw_seed() -> int:
    """A seed for the kernels' counter-based random numbers."""
    return int(generator().integers(2**62))
