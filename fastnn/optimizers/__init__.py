"""Optimizers, with Keras 3's names, defaults and equations; these are implemented in `kernels/optimizers.py`."""

import sys as _sys
from collections.abc import Callable

from .. import schedules as schedules  # where Keras has them
from ..configured import from_identifier
from .adaptive import Adagrad, Adam, AdamW, RMSprop
from .base import LearningRate as LearningRate
from .base import Optimizer
from .gradient_descent import SGD

_sys.modules[f"{__name__}.schedules"] = schedules  # for `from fastnn.optimizers.schedules import ...`

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "get"]

_BY_NAME: dict[str, Callable[[], Optimizer]] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


def get(identifier: object) -> Optimizer:
    """An optimizer from its name (any case); an object is returned as it is.

    Args:
        identifier: a name or an `Optimizer`.

    Raises:
        ValueError: for an unknown name; suggests the nearest known one.

    >>> fastnn.optimizers.get("sgd").learning_rate
    0.01
    """
    return from_identifier(identifier, Optimizer, _BY_NAME, "optimizer")
