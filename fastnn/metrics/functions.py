"""A function as a metric, as in Keras."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import checks
from ..configured import encode_function, function_name
from ..settings import Fixed
from .base import Metric


class FunctionMetric(Metric, abstract=True):
    """The mean of what a function of (y_true, y_pred) returns.

    The function takes the targets, (n, outputs) or integer labels (n,) as the loss does, and the outputs (n, outputs),
    and returns one value per sample, (n,) or (n, ...). It may also return one number for the whole batch; then the
    metric is the mean over the batches, each with the weight of its number of samples, and depends on the batch size
    (256 in `evaluate`).

    Args:
        function: a function of (y_true, y_pred), in NumPy.
    """

    sparse = None
    better = None  # nobody knows

    function = Fixed[Callable[..., Any]]()

    def __init__(self, function: Callable[..., Any]):
        super().__init__(function_name(function))
        self.function = function

    def evaluate(self, targets: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The function's values, one per sample."""
        what = f"the values of the metric {self.name}"
        returned = self.function(checks.read_only(targets), checks.read_only(y))
        values = checks.numeric_array(returned, what).astype(np.float64)
        if values.ndim == 0:
            return np.full(len(y), values)
        if len(values) != len(y):
            raise ValueError(f"{what} must have shape ({len(y)},), one per sample, or (), received {values.shape}")
        means: np.ndarray = values.reshape(len(values), -1).mean(axis=1)
        return means

    def as_argument(self) -> Any:
        """The function, by its name."""
        return encode_function(self.function, f"the metric {self.name}")

    def __repr__(self) -> str:
        return f"<metric of the function {self.name}>"
