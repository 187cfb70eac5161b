"""What all losses share."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import checks
from ..configured import Configured
from ..kernels import probabilities as kernels
from ..layers.base import Layer, uses_kernels


class Loss(Configured):
    """Base class. A loss of your own overrides `forward` and `backward`; `fit` then runs one layer at a time.

    `activation` names the output activation after which the loss starts from the logits instead of the probabilities:
    exact where those round to 0 or 1, with the gradient y - t.

    Args:
        from_logits: whether the outputs are logits instead of probabilities.
    """

    name = "loss"
    sparse = False  # whether targets are integer labels
    activation: str | None = None
    operation: Any = None  # from the output itself; None: no kernels
    fused_operation: Any = None  # from the logits
    numbers: tuple[float, ...] = ()  # what the kernels take besides the arrays
    label_smoothing = 0.0
    smoothing: Any = staticmethod(kernels.label_smoothing)  # the operation that smooths the targets

    def __init__(self, from_logits: bool = False):
        self.from_logits = bool(from_logits)
        self.dy: np.ndarray | None = None

    @property
    def compiled(self) -> bool:
        """Whether the interpreter can compute this loss: its class has kernels, and uses them."""
        return bool(self.operation) and uses_kernels(type(self), "operation", ("forward", "backward", "evaluate"))

    def classes(self, outputs: int) -> int:
        """What smoothed targets are spread over: all outputs, or, where each is by itself, a yes and a no."""
        return 2 if self.activation == "sigmoid" else outputs

    def fuses(self, layers: Sequence[Layer]) -> bool:
        """Whether the loss starts from the input of these layers' last activation."""
        last = layers[-1]
        if self.from_logits or not (self.fused_operation and self.compiled and last.compiled):
            return False
        return last.output_activation is not None and last.output_activation.activation == self.activation

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError if an output of so many columns after this activation does not fit the loss."""

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Checked targets: int64 labels (n,) for a sparse loss, else rows (n, outputs) of `dtype`."""
        return checks.target_rows(y, argument, outputs, dtype)

    def forward(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """The mean loss of the batch; `backward` gives its gradient."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self) -> np.ndarray:
        """The gradient of the last `forward` with respect to y_pred."""
        if self.dy is None:
            raise RuntimeError(f"the loss {self.name}: call forward before backward")
        return self.dy

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """`forward`."""
        return self.forward(y_true, y_pred, sample_weight)

    def __repr__(self) -> str:
        told = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            value = repr(getattr(self, name, parameter.default))
            if value != repr(parameter.default):
                told.append(f"{name}={value}")
        return f"{type(self).__name__}({', '.join(told)})"


class KernelLoss(Loss):
    """A loss with kernels: `_kernel` from the output, `_fused_kernel` from the logits."""

    _kernel: Callable[..., None]
    _fused_kernel: Callable[..., None] | None = None

    def forward(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """The mean loss of the batch.

        Args:
            y_true: labels (B,) for a sparse loss, else targets (B, C).
            y_pred: outputs (B, C): probabilities, or logits with `from_logits`.
            sample_weight: (B,) or None.
        """
        y = checks.finite(checks.numeric_array(y_pred, "y_pred"), "y_pred")
        y = np.ascontiguousarray(y, y.dtype if y.dtype in (np.float32, np.float64) else np.float32)
        y = y[:, np.newaxis] if y.ndim == 1 else y
        if y.ndim != 2 or y.size == 0:
            raise ValueError(f"y_pred must have shape (n, outputs), received {y.shape}")
        targets = self.prepare(y_true, y.shape[1], y.dtype, "y_true")
        checks.same_length(targets, "y_true", y, "y_pred")
        weights = None if sample_weight is None else checks.sample_weights(sample_weight, len(y), y.dtype)
        values, self.dy = self.evaluate(targets, y, weights, self.from_logits)
        return total_loss(values, weights) / len(y)

    def evaluate(
        self, targets: np.ndarray, y: np.ndarray, weights: np.ndarray | None, fused: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Each sample's loss and the gradient of their weighted mean, from checked arrays of one type."""
        real = y.dtype.type
        share = real(1.0 / len(y))
        scale = np.full(len(y), share) if weights is None else weights * share
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


def total_loss(values: np.ndarray, weights: np.ndarray | None) -> float:
    """sum(weight loss), added up in the samples' order as the interpreter does."""
    weighted = values if weights is None else values * weights
    return float(np.add.accumulate(weighted.astype(np.float64))[-1])


def first(targets: np.ndarray, wrong: np.ndarray) -> tuple[float, tuple[int, ...]]:
    """The first of the targets that are wrong, and where it stands, for an error."""
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    return float(targets[where]), where
