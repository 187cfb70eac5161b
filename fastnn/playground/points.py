"""Points of the plane in two classes, to train with: four problems, from a straight line to a spiral."""

from collections.abc import Callable

import numpy as np

from ..datasets import points as exact

Made = tuple[np.ndarray, np.ndarray]  # x (n, 2) in about [-1, 1], labels (n,)


def linear(n: int, rng: np.random.Generator) -> Made:
    """Uniform over the square; the diagonal is the border."""
    x, y = exact.generate_linear(n, int(rng.integers(2**32)))
    return 2 * x - 1, y[:, 0]


def xor(n: int, rng: np.random.Generator) -> Made:
    """Uniform over the square; the class is 1 where x1 and x2 have different signs."""
    x = rng.uniform(-1, 1, (n, 2))
    x += 0.06 * np.sign(x)  # a gap between the quadrants
    return x / 1.06, (x[:, 0] * x[:, 1] < 0).astype(np.int64)


def circles(n: int, rng: np.random.Generator) -> Made:
    """A disc of class 1 in a ring of class 0."""
    y = np.arange(n) % 2
    radius = np.where(y == 1, rng.uniform(0, 0.45, n), rng.uniform(0.65, 1, n))
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), y


def spiral(n: int, rng: np.random.Generator) -> Made:
    """Two arms that wind one and three quarter times around each other."""
    y = np.arange(n) % 2
    along = np.arange(n) // 2 / max((n + 1) // 2 - 1, 1)
    angle = 1.75 * 2 * np.pi * along + np.pi * y
    radius = 0.05 + 0.95 * along
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1), y


PROBLEMS: dict[str, Callable[[int, np.random.Generator], Made]] = {
    "linear": linear,
    "xor": xor,
    "circles": circles,
    "spiral": spiral,
}


def generate(problem: str, n: int, noise: float, seed: int) -> Made:
    """The points of a problem, each moved by normal noise, in a random order.

    Args:
        problem: a key of `PROBLEMS`.
        n: how many points.
        noise: the standard deviation of the noise, where the points fill [-1, 1].
        seed: the same seed gives the same points.

    Returns:
        float32 (n, 2) and int64 labels (n,).
    """
    rng = np.random.default_rng(seed)
    x, y = PROBLEMS[problem](n, rng)
    x = x + noise * rng.standard_normal(x.shape)
    order = rng.permutation(n)
    return x[order].astype(np.float32), y[order].astype(np.int64)
