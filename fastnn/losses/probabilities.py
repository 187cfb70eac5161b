"""Losses of outputs that are probabilities."""

from typing import Any

import numpy as np

from .. import checks
from ..kernels import probabilities as kernels
from .base import KernelLoss, Loss, first

# The activations that give probabilities, each output one of its own.
_EACH = ("sigmoid", "hard_sigmoid")


class BinaryCrossentropy(KernelLoss):
    """The mean over the outputs of -(t log y + (1 - t) log(1 - y)): each output is a yes or no of its own.

    Args:
        from_logits: whether the outputs are logits x, y = sigmoid(x). After a sigmoid layer fastnn starts from the
            logits by itself.
        label_smoothing: how far targets are moved, from 0 to below 1, towards 1/2: t (1 - s) + s / 2.
    """

    name = "binary_crossentropy"
    activation = "sigmoid"
    operation = staticmethod(kernels.binary_cross_entropy_loss)
    fused_operation = staticmethod(kernels.sigmoid_binary_cross_entropy_loss)
    _kernel = kernels.binary_cross_entropy
    _fused_kernel = kernels.sigmoid_binary_cross_entropy

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0):
        super().__init__(from_logits)
        self.label_smoothing = _smoothing(label_smoothing)

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError after a softmax, or without sigmoid or `from_logits`."""
        _check_activation(self, activation, _EACH)

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets in [0, 1]."""
        return checks.probabilities(super().prepare(y, outputs, dtype, argument), argument)


class CategoricalCrossentropy(KernelLoss):
    """-sum t log y over the classes, for targets that are one-hot rows or probabilities.

    Args:
        from_logits: whether the outputs are logits x, y = softmax(x). After a softmax layer fastnn starts from the
            logits by itself.
        label_smoothing: how much of the targets, from 0 to below 1, is shared evenly by all classes: t (1 - s) + s / C.
    """

    name = "categorical_crossentropy"
    activation = "softmax"
    operation = staticmethod(kernels.cross_entropy_loss)
    fused_operation = staticmethod(kernels.softmax_cross_entropy_loss)
    _kernel = kernels.cross_entropy
    _fused_kernel = kernels.softmax_cross_entropy

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0):
        super().__init__(from_logits)
        self.label_smoothing = _smoothing(label_smoothing)

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError for a single output, or without softmax or `from_logits`."""
        if outputs < 2:
            raise ValueError(
                f"the loss {self.name} needs at least 2 outputs, one a class, received {outputs}; "
                "for a single output use binary_crossentropy"
            )
        _check_activation(self, activation, ("softmax",))

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
    operation = staticmethod(kernels.sparse_cross_entropy_loss)
    fused_operation = staticmethod(kernels.sparse_softmax_cross_entropy_loss)
    _kernel = kernels.sparse_cross_entropy
    _fused_kernel = kernels.sparse_softmax_cross_entropy

    def __init__(self, from_logits: bool = False):
        super().__init__(from_logits)

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """int64 labels."""
        return checks.class_labels(y, argument, outputs)


class CategoricalFocalCrossentropy(CategoricalCrossentropy):
    """-sum alpha (1 - y)^gamma t log y over the classes: what is nearly right already counts less.

    Args:
        alpha: a factor of the whole loss, of at least 0.
        gamma: how much less, of at least 0; with 0 it is alpha times `CategoricalCrossentropy`.
        from_logits: whether the outputs are logits x, y = softmax(x). After a softmax layer fastnn starts from the
            logits by itself.
        label_smoothing: how much of the targets, from 0 to below 1, is shared evenly by all classes: t (1 - s) + s / C.

    Source: Lin et al., "Focal loss for dense object detection" (2017), https://arxiv.org/abs/1708.02002
    """

    name = "categorical_focal_crossentropy"
    operation = staticmethod(kernels.focal_cross_entropy_loss)
    fused_operation = staticmethod(kernels.softmax_focal_cross_entropy_loss)
    _kernel = kernels.focal_cross_entropy
    _fused_kernel = kernels.softmax_focal_cross_entropy

    def __init__(
        self, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False, label_smoothing: float = 0.0
    ):
        super().__init__(from_logits, label_smoothing)
        self.alpha = checks.number(alpha, "alpha", 0)
        self.gamma = checks.number(gamma, "gamma", 0)
        self.numbers = (self.alpha, self.gamma)


class KLDivergence(KernelLoss):
    """sum t log(t / y) over the outputs, with t and y clipped to [1e-7, 1]: how far y is from the distribution t."""

    name = "kl_divergence"
    operation = staticmethod(kernels.kl_divergence_loss)
    _kernel = kernels.kl_divergence

    def __init__(self) -> None:
        super().__init__()

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError after an activation that gives no probabilities."""
        if activation not in (None, "softmax", *_EACH):
            raise ValueError(
                f"the loss kl_divergence expects probabilities, but the last activation is {activation}; "
                "use softmax or sigmoid there"
            )

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets in [0, 1]."""
        targets = super().prepare(y, outputs, dtype, argument)
        if (wrong := (targets < 0) | (targets > 1)).any():
            value, where = first(targets, wrong)
            raise ValueError(
                f"{argument} must be in [0, 1] for the loss kl_divergence, received {value:g} at index {where}"
            )
        return targets


def _check_activation(loss: Loss, activation: str | None, fitting: tuple[str, ...]) -> None:
    """`activation` is None where a layer written in Python comes last: it may give anything."""
    if activation is None:
        return
    if loss.from_logits and activation == loss.activation:
        raise ValueError(f"{loss!r} expects logits, but the last activation is {activation}; drop one of the two")
    if not loss.from_logits and activation not in fitting:
        raise ValueError(
            f"the loss {loss.name} expects probabilities, but the last activation is {activation}; "
            f"use {loss.activation} there, or the loss with from_logits=True"
        )


def _smoothing(label_smoothing: Any) -> float:
    return checks.number(label_smoothing, "label_smoothing", 0, 1, open_high=True)
