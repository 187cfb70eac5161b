"""Losses, with Keras 3's names and defaults. All are averaged over the batch: sum(sample weight * loss) / B.

Pass a loss to `compile` by name or as an object. In a loop of your own, `loss.forward(y_true, y_pred)` returns the
loss and `loss.backward()` its gradient with respect to y_pred.
"""

from ..configured import from_identifier
from .base import Loss
from .margins import Hinge, SquaredHinge
from .probabilities import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from .regression import HalfMeanSquaredError, Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, Poisson

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "HalfMeanSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "get",
]

_BY_NAME: dict[str, type[Loss]] = {
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "half_mean_squared_error": HalfMeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "huber": Huber,
    "log_cosh": LogCosh,
    "poisson": Poisson,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "kl_divergence": KLDivergence,
    "kld": KLDivergence,
    "KLD": KLDivergence,
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}


def get(identifier: object) -> Loss:
    """A loss from its name; a `Loss` is returned unchanged.

    Raises:
        ValueError: for an unknown name; suggests the nearest known one.

    >>> fastnn.losses.get("mse")
    MeanSquaredError()
    """
    return from_identifier(identifier, Loss, _BY_NAME, "loss")
