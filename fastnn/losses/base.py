"""What all losses share."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..engine.lowering import uses_kernels
from ..engine.update import portion
from ..kernels import probabilities as kernels
from ..settings import Guarded, Setting, switch

if TYPE_CHECKING:
    from ..layers.base import Layer

BY_SAMPLES, BY_WEIGHT = REDUCTIONS = "sum_over_batch_size", "mean_with_sample_weight"


class Loss(Guarded, module="fastnn.losses", abstract=True):
    """Base class. A loss of your own overrides `forward` and `backward`; `fit` then runs layer by layer.

    A plain function of (y_true, y_pred) will do as well, without `backward` but slower (`fastnn.losses.get`).

    `activation` names the output activation that is fused with the loss: the loss is then computed from the logits
    instead of the probabilities, which is exact even if those round to 0 or 1, and its gradient is y - t.

    Args:
        from_logits: whether the outputs are logits instead of probabilities.
        reduction: what the sum of the weighted losses is divided by: the number of samples, "sum_over_batch_size", or
            the sum of their weights, "mean_with_sample_weight". Samples whose weights are all 0 then have the loss 0
            and no gradient. `fit` logs the mean of its batches' losses, each counted as often as it has samples;
            `evaluate` gives the mean of all samples. A loss of your own divides in its `forward`.

    >>> weights = [1.0, 3.0]
    >>> mean = fastnn.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    >>> mean([[0.0], [0.0]], [[1.0], [2.0]], weights), fastnn.losses.MeanSquaredError()([[0], [0]], [[1], [2]], weights)
    (3.25, 6.5)
    >>> class Cubed(fastnn.losses.Loss):
    ...     def forward(self, y_true, y_pred, sample_weight=None):
    ...         error = np.abs(y_pred - y_true)
    ...         self.dy = 3 * error**2 * np.sign(y_pred - y_true) / error.size
    ...         return float((error**3).mean())
    >>> loss = Cubed()
    >>> loss.forward(np.zeros((2, 1)), np.array([[1.0], [-2.0]])), loss.backward().tolist()
    (4.5, [[1.5], [-6.0]])
    """

    _never_called = {  # noqa: RUF012 (annotated in the base class)
        "call": (
            "forward",
            "name it forward(self, y_true, y_pred, sample_weight=None), which returns the mean and keeps the gradient, "
            "or pass it to compile as a function",
        )
    }

    name = "loss"
    sparse = False  # whether targets are integer labels
    activation: str | None = None
    operation: Any = None  # computes the loss from the output; None: no kernels
    fused_operation: Any = None  # computes it from the logits
    label_smoothing = 0.0
    from_logits = switch()
    reduction = Setting(partial(checks.one_of, known=REDUCTIONS))
    smoothing: Any = staticmethod(kernels.label_smoothing)  # the operation that smooths the targets

    def __init__(self, from_logits: bool = False, *, reduction: str = BY_SAMPLES):
        self.from_logits, self.reduction = from_logits, reduction
        self.dy: np.ndarray | None = None

    @property
    def numbers(self) -> tuple[float, ...]:
        """Further arguments of the kernels."""
        return ()

    @property
    def weighted(self) -> bool:
        """Whether the sum of the losses is divided by that of the sample weights."""
        return self.reduction == BY_WEIGHT

    def divisor(self, samples: int, sample_weight: np.ndarray | None) -> float:
        """What the sum of the losses of so many samples is divided by."""
        return float(samples) if sample_weight is None or not self.weighted else in_order(sample_weight)

    @property
    def compiled(self) -> bool:
        """Whether the interpreter can compute this loss: its class has kernels, and uses them."""
        return bool(self.operation) and uses_kernels(type(self), "operation", ("forward", "backward", "evaluate"))

    def classes(self, outputs: int) -> int:
        """The number of classes that smoothed targets are spread over: all outputs, or 2 if each output is binary."""
        return 2 if self.activation == "sigmoid" else outputs

    def labels(self, outputs: int, present: list[int]) -> set[int] | None:
        """The classes that there are, of which some data may lack some; None if targets may be any numbers.

        Args:
            outputs: the number of outputs.
            present: the classes in the data at hand.
        """
        if outputs > 1:
            return set(range(outputs))
        return None if self.activation is None else {0, 1}

    def fuses(self, layers: "Sequence[Layer]") -> bool:
        """Whether the loss is computed from the input of these layers' last activation."""
        last = layers[-1]
        if self.from_logits or not (self.fused_operation and self.compiled and last.compiled):
            return False
        return last.output_activation is not None and last.output_activation.activation == self.activation

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError if the number of outputs or the last activation does not fit the loss."""

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Checked targets: int64 labels (n,) for a sparse loss, else rows (n, outputs) of `dtype`."""
        return checks.target_rows(y, argument, outputs, dtype)

    def forward(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """The mean loss of the batch; `backward` returns its gradient.

        Args:
            y_true: labels (B,) for a sparse loss, else targets (B, C).
            y_pred: outputs (B, C): probabilities, or logits with `from_logits`.
            sample_weight: (B,) or None.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self) -> np.ndarray:
        """The gradient of the last `forward`'s loss with respect to y_pred."""
        if self.dy is None:
            raise RuntimeError(f"the loss {self.name}: call forward before backward")
        return self.dy

    def evaluate_batch(
        self, targets: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None, fused: bool, training: bool
    ) -> tuple[float, np.ndarray | None]:
        """The sum of the batch's weighted losses and the gradient of their mean, for checked arrays of one type.

        `fused`: y holds the input of the last activation (`fuses`). `training`: whether the gradient is needed.
        """
        total = float(self.forward(targets, y, sample_weight)) * self.divisor(len(y), sample_weight)
        return total, self.backward() if training else None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """`forward`.

        Args:
            y_true: labels or targets, as for `forward`.
            y_pred: outputs, as for `forward`.
            sample_weight: as for `forward`.
        """
        return self.forward(y_true, y_pred, sample_weight)

    def __repr__(self) -> str:
        told = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            value = repr(getattr(self, name, parameter.default))
            if value != repr(parameter.default):
                told.append(f"{name}={value}")
        return f"{type(self).__name__}({', '.join(told)})"


class KernelLoss(Loss, abstract=True):
    """A loss with kernels: `_kernel` computes it from the output, `_fused_kernel` from the logits."""

    _kernel: Callable[..., None]
    _fused_kernel: Callable[..., None] | None = None

    def forward(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """The mean loss of the batch, by the kernels."""
        y = checks.finite(checks.numeric_array(y_pred, "y_pred"), "y_pred")
        y = np.ascontiguousarray(y, y.dtype if y.dtype in (np.float32, np.float64) else np.float32)
        y = y[:, np.newaxis] if y.ndim == 1 else y
        if y.ndim != 2 or y.size == 0:
            raise ValueError(f"y_pred must have shape (n, outputs), received {y.shape}")
        targets = self.prepare(y_true, y.shape[1], y.dtype, "y_true")
        checks.same_length(targets, "y_true", y, "y_pred")
        sample_weight = None if sample_weight is None else checks.sample_weights(sample_weight, len(y), y.dtype)
        values, self.dy = self.evaluate(targets, y, sample_weight, self.from_logits)
        return portion(total_loss(values, sample_weight), self.divisor(len(y), sample_weight))

    def evaluate_batch(
        self, targets: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None, fused: bool, training: bool
    ) -> tuple[float, np.ndarray | None]:
        """By the kernels, unless a class of the user's overrides `forward` or `backward` in Python."""
        if not self.compiled:
            return super().evaluate_batch(targets, y, sample_weight, fused, training)
        values, gradient = self.evaluate(targets, y, sample_weight, fused or self.from_logits)
        return total_loss(values, sample_weight), gradient

    def evaluate(
        self, targets: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None, fused: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """The loss of each sample and the gradient of their weighted mean, from checked arrays of the same type."""
        real = y.dtype.type
        share = real(portion(1.0, self.divisor(len(y), sample_weight)))
        scale = np.full(len(y), share) if sample_weight is None else sample_weight * share
        values, dy = np.empty(len(y), y.dtype), np.empty_like(y)
        if self.label_smoothing:
            smoothed = np.empty_like(y)
            kernels.smooth_targets(smoothed, targets, self.label_smoothing, self.classes(y.shape[1]), y.shape[1])
            targets = smoothed
        if fused and self._fused_kernel is not None:
            type(self)._fused_kernel(values, dy, y.copy(), targets, scale, *self.numbers, y.shape[1])  # type: ignore[misc]
        else:
            type(self)._kernel(values, dy, y, targets, scale, *self.numbers, y.shape[1])
        return values, dy


def total_loss(values: np.ndarray, sample_weight: np.ndarray | None) -> float:
    """sum(weight * loss), added up in the order of the samples, as in the interpreter."""
    return in_order(values if sample_weight is None else values * sample_weight)


def in_order(values: np.ndarray) -> float:
    """The sum in float64, added up one by one."""
    return float(np.add.accumulate(values, dtype=np.float64)[-1])


def first(targets: np.ndarray, wrong: np.ndarray) -> tuple[float, tuple[int, ...]]:
    """The value and the index of the first wrong target, for an error message."""
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    return float(targets[where]), where
