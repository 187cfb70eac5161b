"""Points of the plane in two classes: one linearly separable problem, and XOR."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .. import checks, randomness

Pair: TypeAlias = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]


def generate_linear(n: int = 100, seed: int | None = None) -> Pair:
    """Points distributed uniformly over the unit square, with the diagonal between the two classes.

    A point (x1, x2) has label 0 where x1 > x2, else 1.

    Args:
        n: The number of points.
        seed: Makes the points reproducible. `None` draws them from the generator that
            `fastnn.utils.set_random_seed` seeds.

    Returns:
        `(x, y)`: float64 `(n, 2)` and int64 `(n, 1)`.

    >>> x, y = fastnn.datasets.points.generate_linear(3, seed=1)
    >>> x.round(2).tolist(), y.ravel().tolist()
    ([[0.51, 0.95], [0.14, 0.95], [0.31, 0.42]], [1, 1, 1])
    """
    n = checks.integer(n, "n")
    if seed is None:
        generator = randomness.generator()
    else:
        generator = np.random.default_rng(checks.integer(seed, "seed", minimum=0))
    x = generator.random((n, 2))
    return x, (x[:, :1] <= x[:, 1:]).astype(np.int64)


def generate_xor_easy(n: int = 11) -> Pair:
    """Points along the two diagonals of the unit square, one class per diagonal: XOR with intermediate points.

    With t = i / (n - 1), i = 0 ... n - 1, the points are (t, t) with label 0 and (t, 1 - t) with label 1, in this order
    for each i. Where the diagonals cross there is only one point, with label 0.

    Args:
        n: The number of points per diagonal, at least 2. If it is odd, the two in the middle coincide.

    Returns:
        `(x, y)`: float64 `(2n - 1, 2)` for odd n, `(2n, 2)` for even n, and int64 labels with one column.

    >>> x, y = fastnn.datasets.points.generate_xor_easy(3)
    >>> x.tolist(), y.ravel().tolist()
    ([[0.0, 0.0], [0.0, 1.0], [0.5, 0.5], [1.0, 1.0], [1.0, 0.0]], [0, 1, 0, 0, 1])
    """
    n = checks.integer(n, "n", minimum=2)
    t = np.arange(n) / (n - 1)
    x = np.stack([t, t, t, t[::-1]], axis=1).reshape(2 * n, 2)  # t[::-1] is 1 - t without its rounding errors
    y = np.tile(np.array([[0], [1]], np.int64), (n, 1))
    if n % 2 == 1:
        x, y = np.delete(x, n, axis=0), np.delete(y, n, axis=0)  # i = (n - 1) / 2, the second of its pair
    return x, y
