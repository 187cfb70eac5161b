"""The one generator from which fastnn draws whatever has no seed of its own: initial weights, shuffling, dropout."""

import numpy as np

_generator = np.random.default_rng()


def generator() -> np.random.Generator:
    """The generator in use."""
    return _generator


def seed_generator(seed: int) -> None:
    """Start the generator anew, so that everything drawn from here on repeats."""
    global _generator
    _generator = np.random.default_rng(seed)


def draw_seed() -> int:
    """A seed for the kernels' counter-based random numbers."""
    return int(_generator.integers(2**62))
