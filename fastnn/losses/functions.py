"""A function as a loss, as in Keras: its gradient is computed by central differences."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import checks
from ..configured import encode_function, function_name
from ..engine.update import portion
from ..settings import Fixed
from .base import Loss

# Relative to the outputs' scale: balances the error of the difference (its square) and that of rounding in float64.
_STEP = math.cbrt(float(np.finfo(np.float64).eps))
_FINER = (1e-2, 1e-4, 1e-6, 1e-8)  # times these, where the function bends too much within a step
_BENT = 1e-3  # how much of the difference over a step may be bend: the error is about a third of its square
_SAME = 1e-6  # relative
_ROUNDING = 8 * float(np.finfo(np.float64).eps)


class FunctionLoss(Loss, abstract=True):
    """The loss that a function of (y_true, y_pred) computes.

    The function takes read-only float64 arrays, y_pred (n, outputs) and y_true as it was given, (n, ...), where (n,)
    becomes (n, 1). It returns one value per sample, (n,) or (n, ...), whose mean is the loss; a sample's values must
    depend on that sample only. It may also return one number for the whole batch.

    The gradient is (f(y + h) - f(y - h)) / 2h for each output of all samples at once: two calls per output and batch,
    with h = 6e-6 max(1, |y|) or, after a sigmoid or softmax, 6e-6 min(y, 1 - y), so that y stays inside (0, 1), where a
    logarithm of it is defined. Where f is not finite there, or bends within the step, smaller ones are tried, down to
    6e-14. Its relative error is about 1e-10 where one step does, and below 1e-2 where the smallest is needed. A
    function that returns one number is called for each output of each sample, which is slower by the number of samples.

    Args:
        function: a function of (y_true, y_pred), in NumPy.
    """

    function = Fixed[Callable[..., Any]]()

    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function = function
        self.name = function_name(function)
        self._probabilities = False
        self._last: tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray] | None = None

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """Any will do; probabilities are differentiated in smaller steps."""
        self._probabilities = activation in ("sigmoid", "softmax")

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets of any shape (n, ...) as `dtype`; (n,) becomes (n, 1)."""
        array = checks.numeric_array(y, argument, checks.LABELS_HINT)
        if array.ndim == 0 or len(array) == 0:
            raise ValueError(f"{argument} must have shape (n, ...) and hold samples, received shape {array.shape}")
        targets = checks.finite(checks.as_type(checks.finite(array, argument), dtype), argument)
        return targets[:, np.newaxis] if targets.ndim == 1 else targets

    def forward(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """The mean loss of the batch.

        Args:
            y_true: targets (B, ...).
            y_pred: outputs (B, C).
            sample_weight: (B,) or None; refused if the function returns one number for the batch.

        Raises:
            ValueError: if the function's values are neither one per sample nor one for the batch.
        """
        y = checks.numeric_array(y_pred, "y_pred").astype(np.float64)
        y = y[:, np.newaxis] if y.ndim == 1 else y
        targets = self.prepare(y_true, y.shape[-1], y.dtype, "y_true")
        checks.same_length(targets, "y_true", y, "y_pred")
        weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        values = self._values(targets, y)
        self._last = targets, y, weights, values
        if values.ndim == 0 and weights is not None:
            raise ValueError(
                f"the loss {self.name} returned one number for the whole batch, so it cannot weight its samples: "
                "return one value per sample, as np.mean(..., axis=-1) gives, or do not pass weights"
            )
        if values.ndim == 0:
            return float(values)
        return portion(float(np.sum(values if weights is None else values * weights)), self.divisor(len(y), weights))

    def backward(self) -> np.ndarray:
        """The gradient of the last `forward`'s loss with respect to y_pred, in float64.

        Raises:
            ValueError: where the loss is finite, but not on both sides of an output, however near.
        """
        if self._last is None:
            raise RuntimeError(f"the loss {self.name}: call forward before backward")
        targets, y, weights, values = self._last
        columns, gradient = y.reshape(len(y), -1), np.empty((len(y), y[0].size))
        share, together = portion(1.0, self.divisor(len(y), weights)), values.ndim == 0
        shares = share if weights is None else weights * share
        step = _STEP * self._scales(columns)
        for place in np.ndindex(columns.shape if together else columns.shape[1:]):
            at = (..., *place)
            slope = np.reshape(self._slope(targets, y, at, step[at], values), np.shape(step[at]))
            gradient[at] = slope * (1.0 if together else shares)
        return gradient.reshape(y.shape)

    def _slope(
        self, targets: np.ndarray, y: np.ndarray, at: tuple[Any, ...], step: np.ndarray, values: np.ndarray
    ) -> np.ndarray:
        """The derivatives of the values with respect to the outputs at one place, of each sample or of one."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # outside of where f is defined
            slope, doubtful, _ = self._difference(targets, y, at, step, values)
            for factor in _FINER:
                if not doubtful.any():
                    break
                finer, still, rounding = self._difference(targets, y, at, step * factor, values)
                other = doubtful & np.isfinite(finer) & ~(np.abs(finer - slope) <= _SAME * np.abs(finer) + rounding)
                slope = np.where(other, finer, slope)
                doubtful = doubtful & (other & still | ~np.isfinite(slope))
        if (lost := np.isfinite(values) & ~np.isfinite(slope)).any():
            near = np.broadcast_to(y.reshape(len(y), -1)[at], lost.shape)[lost].flat[0]
            raise ValueError(
                f"the loss {self.name} has no gradient at the output {near:.9g}: its values next to it are not finite; "
                "keep its logarithms and roots away from 0, as np.log(y_pred + 1e-7) does"
            )
        return slope

    def _difference(
        self, targets: np.ndarray, y: np.ndarray, at: tuple[Any, ...], step: np.ndarray, values: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The difference quotients over a step to both sides, where they are not to be trusted, and their rounding."""
        above, below = y.reshape(len(y), -1).copy(), y.reshape(len(y), -1).copy()
        size = np.abs(above[at])
        above[at] += step
        below[at] -= step
        up, down = (self._values(targets, columns.reshape(y.shape)) for columns in (above, below))
        slope = (up - down) / (above[at] - below[at])
        doubtful = ~(np.abs(up - 2 * values + down) <= _BENT * np.abs(up - down))  # also where it is NaN
        return slope, doubtful, _ROUNDING * (np.abs(values) + size * np.abs(up - values) / step) / step

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
