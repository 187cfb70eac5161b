"""Losses, with Keras 3's names and numbers. All are averaged over the batch: sum(weight loss) / B.

A loss is used in `compile` by name or as an object. By hand: `loss.forward(y_true, y_pred)` gives the number and
`loss.backward()` its gradient with respect to y_pred.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import checks
from .kernels import instructions as op
from .kernels import losses as kernels
from .layers.base import Layer, uses_kernels
from .serialization import Configured


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
    opcode: Any = 0  # or an operation: from the output itself; 0: no kernels
    fused_opcode: Any = 0  # from the logits
    numbers: tuple[float, ...] = ()  # what the kernels take besides the arrays
    label_smoothing = 0.0
    smoothing: Any = None  # the operation that smooths the targets

    def __init__(self, from_logits: bool = False):
        self.from_logits = bool(from_logits)
        self.dy: np.ndarray | None = None

    @property
    def compiled(self) -> bool:
        """Whether the interpreter can compute this loss: its class has kernels, and uses them."""
        return bool(self.opcode) and uses_kernels(type(self), "opcode", ("forward", "backward", "evaluate"))

    def fuses(self, layers: Sequence[Layer]) -> bool:
        """Whether the loss starts from the input of these layers' last activation."""
        last = layers[-1]
        if self.from_logits or not (self.fused_opcode and self.compiled and last.compiled):
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
        return f"{type(self).__name__}({'from_logits=True' if self.from_logits else ''})"


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
        if fused and self._fused_kernel is not None:
            type(self)._fused_kernel(values, dy, y.copy(), targets, scale, y.shape[1])  # type: ignore[misc]
        else:
            type(self)._kernel(values, dy, y, targets, scale, y.shape[1])
        return values, dy


def total_loss(values: np.ndarray, weights: np.ndarray | None) -> float:
    """sum(weight loss), added up in the samples' order as the interpreter does."""
    weighted = values if weights is None else values * weights
    return float(np.add.accumulate(weighted.astype(np.float64))[-1])


class MeanSquaredError(KernelLoss):
    """The mean over the outputs of (y - t)^2."""

    name = "mean_squared_error"
    opcode = op.MEAN_SQUARED_ERROR
    _kernel = kernels.mean_squared_error

    def __init__(self) -> None:
        super().__init__()


class HalfMeanSquaredError(MeanSquaredError):
    """Half the mean over the outputs of (y - t)^2, whose gradient is (y - t) / outputs (fastnn's own)."""

    name = "half_mean_squared_error"
    opcode = op.HALF_MEAN_SQUARED_ERROR
    _kernel = kernels.half_mean_squared_error


class BinaryCrossentropy(KernelLoss):
    """The mean over the outputs of -(t log y + (1 - t) log(1 - y)): each output is a yes or no of its own.

    Args:
        from_logits: whether the outputs are logits x, y = sigmoid(x). After a sigmoid layer fastnn starts from the
            logits by itself.
    """

    name = "binary_crossentropy"
    activation = "sigmoid"
    opcode = op.BINARY_CROSS_ENTROPY
    fused_opcode = op.SIGMOID_BINARY_CROSS_ENTROPY
    _kernel = kernels.binary_cross_entropy
    _fused_kernel = kernels.sigmoid_binary_cross_entropy

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError after a softmax, or without sigmoid or `from_logits`."""
        _check_activation(self, activation, others=("relu", "tanh", "leaky_relu", "linear", "softmax"))

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets in [0, 1]."""
        return checks.probabilities(super().prepare(y, outputs, dtype, argument), argument)


class CategoricalCrossentropy(KernelLoss):
    """-sum t log y over the classes, for targets that are one-hot rows or probabilities.

    Args:
        from_logits: whether the outputs are logits x, y = softmax(x). After a softmax layer fastnn starts from the
            logits by itself.
    """

    name = "categorical_crossentropy"
    activation = "softmax"
    opcode = op.CROSS_ENTROPY
    fused_opcode = op.SOFTMAX_CROSS_ENTROPY
    _kernel = kernels.cross_entropy
    _fused_kernel = kernels.softmax_cross_entropy

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError for a single output, or without softmax or `from_logits`."""
        if outputs < 2:
            raise ValueError(
                f"the loss {self.name} needs at least 2 outputs, one a class, received {outputs}; "
                "for a single output use binary_crossentropy"
            )
        _check_activation(self, activation, others=("relu", "tanh", "leaky_relu", "linear", "sigmoid"))

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets in [0, 1] whose rows sum to 1."""
        targets = checks.probabilities(super().prepare(y, outputs, dtype, argument), argument)
        sums = targets.sum(axis=1)
        if (wrong := np.abs(sums - 1) > 1e-3).any():
            at = int(np.argmax(wrong))
            raise ValueError(f"{argument} must have rows that sum to 1, received a sum of {sums[at]:g} at index {at}")
        return targets


class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """-log y[label], for targets that are integer labels in [0, classes).

    Args:
        from_logits: whether the outputs are logits x, y = softmax(x). After a softmax layer fastnn starts from the
            logits by itself.
    """

    name = "sparse_categorical_crossentropy"
    sparse = True
    opcode = op.SPARSE_CROSS_ENTROPY
    fused_opcode = op.SPARSE_SOFTMAX_CROSS_ENTROPY
    _kernel = kernels.sparse_cross_entropy
    _fused_kernel = kernels.sparse_softmax_cross_entropy

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """int64 labels."""
        return checks.class_labels(y, argument, outputs)


def _check_activation(loss: Loss, activation: str | None, others: tuple[str, ...]) -> None:
    """`activation` is None where a layer written in Python comes last: it may give anything."""
    if activation is None:
        return
    if loss.from_logits and activation == loss.activation:
        raise ValueError(f"{loss!r} expects logits, but the last activation is {activation}; drop one of the two")
    if not loss.from_logits and activation in others:
        raise ValueError(
            f"the loss {loss.name} expects probabilities, but the last activation is {activation}; "
            f"use {loss.activation} there, or the loss with from_logits=True"
        )


_BY_NAME: dict[str, type[Loss]] = {
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "half_mean_squared_error": HalfMeanSquaredError,
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}


def get(identifier: object) -> Loss:
    """A loss from its name, or as it is.

    Raises:
        ValueError: for an unknown name; suggests the nearest known one.
    """
    if isinstance(identifier, Loss):
        return identifier
    return _BY_NAME[checks.nearest(identifier, _BY_NAME, "loss")]()
