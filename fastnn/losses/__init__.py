"""Losses, with Keras 3's names and defaults. All are averaged over the batch: sum(sample weight * loss) / B.

With `reduction="mean_with_sample_weight"` they are divided by the sum of the sample weights instead.
Pass a loss to `compile` by name, as an object or as a function of (y_true, y_pred). In a loop of your own,
`loss.forward(y_true, y_pred)` returns the loss and `loss.backward()` its gradient with respect to y_pred.
"""

from ..configured import from_identifier, is_function
from .base import Loss
from .functions import FunctionLoss
from .margins import Hinge, SquaredHinge
from .probabilities import (
    BinaryCrossentropy,
    BinaryLogLoss,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from .regression import (
    HalfMeanSquaredError,
    HalfPoissonDeviance,
    HalfSquaredError,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
)

__all__ = [
    "BinaryCrossentropy",
    "BinaryLogLoss",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "HalfMeanSquaredError",
    "HalfPoissonDeviance",
    "HalfSquaredError",
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
    "half_squared_error": HalfSquaredError,
    "half_poisson_deviance": HalfPoissonDeviance,
    "binary_log_loss": BinaryLogLoss,
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
    """A loss from its name or from a function; a `Loss` is returned unchanged.

    A function takes the outputs y_pred (n, outputs) and the targets y_true, which may have any shape (n, ...) here, and
    returns one value per sample, as in Keras, or one number for the batch. `fit` then runs layer by layer, and gets the
    gradient from central differences of float64 numbers, usually to ten digits, for two calls of the function per
    output and batch (if it returns one number: per output and sample), and more where it bends sharply. For many
    outputs, derive a class from `Loss` instead, with the gradient in `backward`.

    Args:
        identifier: a name, a `Loss`, or a function of (y_true, y_pred) in NumPy.

    Raises:
        ValueError: for an unknown name; suggests the nearest known one.

    >>> fastnn.losses.get("mse")
    MeanSquaredError()
    >>> def fourth_power(y_true, y_pred):
    ...     return np.mean((y_true - y_pred) ** 4, axis=-1)
    >>> loss = fastnn.losses.get(fourth_power)
    >>> loss(np.zeros((2, 1)), np.array([[1.0], [2.0]])), loss.backward().round(6).tolist()  # 4 y^3 / 2
    (8.5, [[2.0], [16.0]])
    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(fastnn.optimizers.SGD(0.1), loss=fourth_power)
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=9, verbose=0)
    >>> history.history["loss"][0], round(history.history["loss"][-1], 3)
    (1.0, 0.001)
    """
    if is_function(identifier):
        return FunctionLoss(identifier)
    return from_identifier(identifier, Loss, _BY_NAME, "loss")
