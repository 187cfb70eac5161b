"""A function as a loss, as in Keras: its gradient is computed by central differences."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import checks
from ..configured import encode_function, function_name
from ..settings import Fixed
from .base import Loss

# Relative to the outputs' scale: balances the error of the difference (its square) and that of rounding in float64.
_STEP = math.cbrt(float(np.finfo(np.float64).eps))


class FunctionLoss(Loss, abstract=True):
    """The loss that a function of (y_true, y_pred) computes.

    The function takes read-only float64 arrays, both (n, outputs), and returns one value per sample, (n,) or (n, ...),
    whose mean is the loss; a sample's values must depend on that sample only. It may also return one number for the
    whole batch.

    With c = 6e-6 and for output j of all samples at once, gradient = (f(y + c s) - f(y - c s)) / (2 c s): two calls per
    output and batch. The relative error of the gradient is about 1e-10. The scale s is max(1, |y|); after a sigmoid or
    softmax it is min(y, 1 - y), so that y stays inside (0, 1), where a logarithm of it is defined. A function that
    returns one number is called twice for each output of each sample, which is slower by the number of samples.

    Args:
        function: a function of (y_true, y_pred), in NumPy.
    """

    function = Fixed[Callable[..., Any]]()

    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function = function
        self.name = function_name(function)
        self._probabilities = False
        self._last: tuple[np.ndarray, np.ndarray, np.ndarray | None, bool] | None = None

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """Any will do; probabilities are differentiated in smaller steps."""
        self._probabilities = activation in ("sigmoid", "softmax")

    def forward(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """The mean loss of the batch.

        Args:
            y_true: targets (B, C).
            y_pred: outputs (B, C).
            sample_weight: (B,) or None; refused if the function returns one number for the batch.
        """
        y = checks.numeric_array(y_pred, "y_pred").astype(np.float64)
        targets = checks.numeric_array(y_true, "y_true").astype(np.float64)
        checks.same_length(targets, "y_true", y, "y_pred")
        weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        values = self._values(targets, y)
        self._last = targets, y, weights, values.ndim == 0
        if values.ndim == 0 and weights is not None:
            raise ValueError(
                f"the loss {self.name} returned one number for the whole batch, so it cannot weight its samples: "
                "return one value per sample, as np.mean(..., axis=-1) gives, or do not pass weights"
            )
        return float(values if values.ndim == 0 else np.mean(values if weights is None else values * weights))

    def backward(self) -> np.ndarray:
        """The gradient of the last `forward`'s loss with respect to y_pred, in float64."""
        if self._last is None:
            raise RuntimeError(f"the loss {self.name}: call forward before backward")
        targets, y, weights, together = self._last
        columns, gradient = y.reshape(len(y), -1), np.empty((len(y), y[0].size))
        shares = (1.0 if weights is None else weights) / len(y)
        step = _STEP * self._scales(columns)
        for place in np.ndindex(columns.shape if together else columns.shape[1:]):
            at = (..., *place)
            above, below = columns.copy(), columns.copy()
            above[at] += step[at]
            below[at] -= step[at]
            difference = self._values(targets, above.reshape(y.shape)) - self._values(targets, below.reshape(y.shape))
            gradient[at] = difference / (above[at] - below[at]) * (1.0 if together else shares)
        return gradient.reshape(y.shape)

    def evaluate_batch(
        self, targets: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None, fused: bool, training: bool
    ) -> tuple[float, np.ndarray | None]:
        """The gradient in the type of y."""
        total, gradient = super().evaluate_batch(targets, y, sample_weight, fused, training)
        return total, None if gradient is None else gradient.astype(y.dtype)

    def _scales(self, y: np.ndarray) -> np.ndarray:
        """By what the step is multiplied for each output."""
        scales: np.ndarray = np.maximum(1, np.abs(y))
        if self._probabilities:
            inside = np.minimum(y, 1 - y)
            scales = np.where(inside > 0, inside, 1e-7)  # where it was rounded to 0 or 1
        return scales

    def _values(self, targets: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The function's values, one per sample, or one for all."""
        what = f"the values of the loss {self.name}"
        returned = self.function(checks.read_only(targets), checks.read_only(y))
        values = checks.numeric_array(returned, what).astype(np.float64)
        if values.ndim and len(values) != len(y):
            raise ValueError(f"{what} must have shape ({len(y)},), one per sample, or (), received {values.shape}")
        means: np.ndarray = values if values.ndim < 2 else values.reshape(len(values), -1).mean(axis=1)
        return means

    def as_argument(self) -> Any:
        """The function, by its name."""
        return encode_function(self.function, f"the loss {self.name}")

    def __repr__(self) -> str:
        return f"<loss of the function {self.name}>"
