"""What all metrics share."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import checks, markup
from ..configured import arguments
from ..engine.lowering import uses_kernels
from ..settings import Guarded


class Metric(Guarded, module="fastnn.metrics", abstract=True):
    """Base class. A metric of your own overrides `evaluate`; `fit` then runs layer by layer.

    A plain function of (y_true, y_pred) will do as well (`fastnn.metrics.get`).

    Args:
        name: the key in logs and history; None: the metric's default name.

    >>> class LargestError(fastnn.metrics.Metric):
    ...     default_name = "largest_error"
    ...     def evaluate(self, targets, y):
    ...         return np.abs(y - targets).max(axis=1)
    >>> LargestError()([[0, 0], [0, 0]], [[1.0, -2.0], [3.0, 1.0]])  # the mean of 2 and 3
    2.5
    """

    _never_called = {  # noqa: RUF012 (annotated in the base class)
        "update_state": ("evaluate", "name it evaluate(self, targets, y), which returns one value per sample")
    }

    default_name = "metric"
    sparse: bool | None = False  # whether targets are integer labels; None: labels or rows
    operation: Any = None  # None: no kernels
    per_sample = True  # whether the metric is the mean of one value per sample
    better: str | None = "min"  # or "max"; used by EarlyStopping with mode="auto"; None: not known
    _kernel: Callable[..., None]

    def __init__(self, name: str | None = None):
        self.name = self.default_name if name is None else checks.text(name, "name")

    @property
    def numbers(self) -> tuple[float, ...]:
        """Further arguments of the kernels."""
        return ()

    @property
    def compiled(self) -> bool:
        """Whether the interpreter can compute this metric: its class has kernels, and uses them."""
        return bool(self.operation) and uses_kernels(type(self), "operation", ("evaluate", "add"))

    def state_size(self, outputs: int) -> int:
        """The number of sums over the samples from which the metric is computed."""
        return 1

    def result(self, state: np.ndarray) -> Any:
        """The value of the metric, from the sums over the samples divided by the number of samples."""
        return float(state[0])

    def begin(self, targets: np.ndarray) -> None:
        """Called with all targets before samples are added, if layers run one at a time."""

    def add(self, state: np.ndarray, targets: np.ndarray, y: np.ndarray) -> None:
        """Add the samples of a batch to the sums, from checked arrays of the same type."""
        # In the order of the samples, as in the interpreter.
        state[0] += np.add.accumulate(self.evaluate(targets, y), dtype=np.float64)[-1]

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Checked targets: int64 labels (n,) for a sparse metric, else rows (n, outputs) of `dtype`."""
        targets = checks.numeric_array(y, argument, checks.LABELS_HINT)
        if self.sparse or (self.sparse is None and targets.ndim == 1 and outputs > 1):
            return checks.class_labels(targets, argument, outputs)
        return checks.target_rows(targets, argument, outputs, dtype)

    def evaluate(self, targets: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The value of each sample (n,); what a metric of your own overrides.

        Args:
            targets: labels (n,) if the metric is `sparse`, else targets (n, C) of y's type; checked.
            y: outputs (n, C); checked.
        """
        values = np.empty(len(y), y.dtype)
        type(self)._kernel(values, y, targets, *self.numbers, y.shape[1])
        return values

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        """The metric of these samples.

        Args:
            y_true: labels (n,) or targets (n, C).
            y_pred: outputs (n, C), or (n,) for one output.
        """
        y = checks.finite(checks.numeric_array(y_pred, "y_pred"), "y_pred")
        y = np.ascontiguousarray(y, y.dtype if y.dtype in (np.float32, np.float64) else np.float32)
        y = y[:, np.newaxis] if y.ndim == 1 else y
        if y.ndim != 2 or y.size == 0:
            raise ValueError(f"y_pred must have shape (n, outputs), received {y.shape}")
        targets = self.prepare(y_true, y.shape[1], y.dtype, "y_true")
        checks.same_length(targets, "y_true", y, "y_pred")
        state = np.zeros(self.state_size(y.shape[1]))
        self.begin(targets)
        self.add(state, targets, y)
        return self.result(state / len(y))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"

    def _repr_html_(self) -> str:
        """What a notebook shows: name, arguments, and which values are better; a metric keeps no value."""
        better = {"min": "lower is better", "max": "higher is better"}.get(self.better or "", "")
        given = [f"{name} = {getattr(self, name, None)!r}" for name in arguments(type(self)) if name != "name"]
        known = {
            "class": type(self).__name__,
            "arguments": ", ".join(given),
            "is": (inspect.getdoc(type(self)) or "").split("\n")[0],
            "values": better,
        }
        rows = [(markup.text(what), markup.text(value)) for what, value in known.items() if value]
        return markup.table((f"metric {self.name}", ""), rows, left=2, wrap=True)


class SumsMetric(Metric, abstract=True):
    """A metric that is computed from sums over all samples, rather than as the mean of one value per sample."""

    per_sample = False

    def kernel(self, sparse: bool) -> Callable[..., None]:
        """The kernel that adds a batch to the sums, for integer labels or for rows."""
        return type(self)._kernel

    def evaluate(self, targets: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The sums over these samples."""
        state = np.zeros(self.state_size(y.shape[1]))
        self.kernel(targets.ndim == 1)(state, y, targets, *self.numbers, len(y), y.shape[1])
        return state

    def add(self, state: np.ndarray, targets: np.ndarray, y: np.ndarray) -> None:
        """Add the samples of a batch to the sums, from checked arrays of the same type."""
        state += self.evaluate(targets, y)
