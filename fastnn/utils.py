"""Small helpers, under Keras's names."""

import random

import numpy as np

from . import checks
from .randomness import seed_generator


def set_random_seed(seed: int) -> None:
    """Seed fastnn, NumPy's global generator and Python's `random`, so that a run can be repeated.

    Args:
        seed: an integer in [0, 2**32).

    Raises:
        TypeError: if `seed` is not an integer.
        ValueError: if `seed` is negative or at least 2**32.

    >>> fastnn.utils.set_random_seed(1)
    >>> first = fastnn.initializers.GlorotUniform()((2, 2))
    >>> fastnn.utils.set_random_seed(1)
    >>> bool((fastnn.initializers.GlorotUniform()((2, 2)) == first).all())
    True
    """
    seed = checks.integer(seed, "seed", 0, 2**32 - 1)  # the largest that NumPy's global generator takes
    random.seed(seed)
    np.random.seed(seed)
    seed_generator(seed)


def to_categorical(x: object, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows from integer labels: row i is 1 at position x[i] and 0 elsewhere.

    Args:
        x: labels in [0, num_classes), of any shape; a last axis of length 1 is dropped.
        num_classes: the length of each row; None: the largest label + 1.

    Returns:
        A float64 array of x's shape with a last axis of length `num_classes` added.

    Raises:
        ValueError: for labels that are fractional or out of range.

    >>> fastnn.utils.to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    array = checks.numeric_array(x, "x", checks.LABELS_HINT)
    if array.size == 0:
        raise ValueError(f"x must hold at least one label, received shape {array.shape}")
    shape = array.shape[:-1] if array.ndim > 1 and array.shape[-1] == 1 else array.shape
    flat = checks.finite(array.reshape(-1), "x")
    classes = checks.integer(num_classes, "num_classes") if num_classes else max(int(flat.max()) + 1, 1)
    labels = checks.class_labels(flat, "x", classes)
    rows = np.zeros((labels.size, classes))
    rows[np.arange(labels.size), labels] = 1
    return rows.reshape(*shape, classes)
