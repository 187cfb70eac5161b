"""Penalties on weights that are added to the loss and keep the weights small. Names and defaults are Keras 3's.

A weight is penalised while it is trainable. The loss that `fit`, `train_on_batch` and `evaluate` report includes the
penalty, computed from the weights before the step. The equations are in `kernels/penalties.py`.

With `per_sample=True` a step divides the penalty by what it divides the losses of its batch by: by the number of
samples, or by the sum of their weights with the loss's `reduction="mean_with_sample_weight"`. So the penalty of a whole
data set counts once, however large it is, and scikit-learn's `alpha` is `L2(alpha / 2, per_sample=True)`. `evaluate`
divides by all its samples.
"""

import numpy as np

from . import checks
from .configured import without_own_call
from .kernels.penalties import LANES, penalty
from .settings import Guarded, switch, within


class Regularizer(Guarded, module="fastnn.regularizers", abstract=True):
    """Base class: the penalty l1 sum |w| + l2 sum w^2. Called with an array, it returns the penalty.

    Attributes:
        l1, l2: the factors.
        per_sample: whether each step divides the penalty by what it divides the losses by.

    >>> fastnn.layers.Dense(4, kernel_regularizer="l2").kernel_regularizer
    L2(l2=0.01)
    """

    l1 = 0.0
    l2 = 0.0
    per_sample = False

    def __call__(self, x: object) -> float:
        """The penalty, a number.

        Args:
            x: an array of weights.
        """
        array = np.asarray(checks.numeric_array(x, "x"))
        flat = np.array(array, array.dtype if array.dtype in (np.float32, np.float64) else np.float64).reshape(-1)
        return float(penalty(flat, self.l1, self.l2, np.zeros(LANES, flat.dtype)))

    def __repr__(self) -> str:
        told = [f"{name}={value:g}" for name, value in vars(self).items() if name != "per_sample"]
        return f"{type(self).__name__}({', '.join([*told, *(['per_sample=True'] if self.per_sample else [])])})"


class L1(Regularizer):
    """l1 sum |w|: makes many weights exactly 0 ("lasso", Tibshirani 1996).

    Args:
        l1: the factor, at least 0.
        per_sample: whether each step divides the penalty by what it divides the losses by.

    >>> fastnn.regularizers.L1(0.5)([1.0, -2.0])
    1.5
    """

    l1, per_sample = within(0), switch()

    def __init__(self, l1: float = 0.01, *, per_sample: bool = False):
        self.l1, self.per_sample = l1, per_sample


class L2(Regularizer):
    """l2 sum w^2: shrinks weights towards 0, large ones more ("ridge", Hoerl & Kennard 1970).

    Args:
        l2: the factor, at least 0.
        per_sample: whether each step divides the penalty by what it divides the losses by.

    >>> fastnn.regularizers.L2(0.5)([1.0, -2.0])
    2.5
    """

    l2, per_sample = within(0), switch()

    def __init__(self, l2: float = 0.01, *, per_sample: bool = False):
        self.l2, self.per_sample = l2, per_sample


class L1L2(Regularizer):
    """l1 sum |w| + l2 sum w^2 (Zou & Hastie 2005, "elastic net").

    Args:
        l1, l2: the factors, at least 0.
        per_sample: whether each step divides the penalty by what it divides the losses by.

    >>> fastnn.regularizers.L1L2(l1=0.5, l2=0.5)([1.0, -2.0])
    4.0
    """

    l1, l2, per_sample = within(0), within(0), switch()

    def __init__(self, l1: float = 0.0, l2: float = 0.0, *, per_sample: bool = False):
        self.l1, self.l2, self.per_sample = l1, l2, per_sample


_BY_NAME: dict[str, type[Regularizer]] = {"l1": L1, "l2": L2, "l1_l2": L1L2}


def get(identifier: object) -> Regularizer | None:
    """A regularizer from its name; a `Regularizer` or None is returned unchanged.

    Args:
        identifier: a name, a `Regularizer` or None.

    Raises:
        TypeError: for a function or a class of your own that overrides `__call__`, which the kernels could not run.
        ValueError: for an unknown name; suggests the nearest known one.

    >>> fastnn.regularizers.get("l1")
    L1(l1=0.01)
    """
    if identifier is None:
        return None
    return without_own_call(identifier, Regularizer, _BY_NAME)
