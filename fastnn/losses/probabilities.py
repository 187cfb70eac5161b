"""Losses for outputs that are probabilities: cross-entropies and the Kullback-Leibler divergence."""

from typing import Any

import numpy as np

from .. import checks
from ..kernels import probabilities as kernels
from ..settings import within
from .base import BY_SAMPLES, KernelLoss, Loss

# The activations that turn each output into a probability independently of the others.
_EACH = ("sigmoid", "hard_sigmoid")


class BinaryCrossentropy(KernelLoss):
    """The mean over the outputs of -(t log y + (1 - t) log(1 - y)): each output is a binary decision.

    Args:
        from_logits: whether the outputs are logits x, y = sigmoid(x). Leave it False after a sigmoid layer:
            fastnn then computes the loss from the logits automatically. With True a model that ends with sigmoid or
            softmax is refused, where Keras only warns.
        label_smoothing: s in [0, 1), which moves targets towards 1/2: t (1 - s) + s / 2.

    >>> loss = fastnn.losses.BinaryCrossentropy()
    >>> round(loss.forward([[1], [0]], [[0.8], [0.4]]), 4)  # -(log 0.8 + log 0.6) / 2
    0.367
    >>> loss.backward().round(3).tolist()
    [[-0.625], [0.833]]
    """

    name = "binary_crossentropy"
    activation = "sigmoid"
    operation = staticmethod(kernels.binary_cross_entropy_loss)
    fused_operation = staticmethod(kernels.sigmoid_binary_cross_entropy_loss)
    _kernel = kernels.binary_cross_entropy
    _fused_kernel = kernels.sigmoid_binary_cross_entropy

    label_smoothing = within(0, 1, open_high=True)

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, *, reduction: str = BY_SAMPLES):
        super().__init__(from_logits, reduction=reduction)
        self.label_smoothing = label_smoothing

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError after a softmax, or unless there is either a sigmoid or `from_logits`."""
        _check_activation(self, activation, _EACH)

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets in [0, 1]; those that lie outside by at most 1e-5, by rounding, become 0 or 1."""
        return checks.probabilities(super().prepare(y, outputs, dtype, argument), argument, "a cross-entropy")


class BinaryLogLoss(BinaryCrossentropy):
    """The sum over the outputs of -(t log y + (1 - t) log(1 - y)), with the gradient y - t (not in Keras).

    `BinaryCrossentropy` times the number of outputs: what scikit-learn's MLPClassifier trains for several labels.

    Args:
        from_logits: whether the outputs are logits x, y = sigmoid(x). Leave it False after a sigmoid layer:
            fastnn then computes the loss from the logits automatically. With True a model that ends with sigmoid or
            softmax is refused, where Keras only warns.

    >>> loss = fastnn.losses.BinaryLogLoss()
    >>> round(loss([[1, 0]], [[0.8, 0.4]]), 4)  # -(log 0.8 + log 0.6)
    0.734
    """

    name = "binary_log_loss"
    operation = staticmethod(kernels.binary_log_loss)
    fused_operation = staticmethod(kernels.sigmoid_binary_log_loss)
    _kernel = kernels.binary_log
    _fused_kernel = kernels.sigmoid_binary_log

    def __init__(self, from_logits: bool = False, *, reduction: str = BY_SAMPLES):
        super().__init__(from_logits, reduction=reduction)


class CategoricalCrossentropy(KernelLoss):
    """-sum t log y over the classes, for targets that are one-hot rows or probabilities.

    Args:
        from_logits: whether the outputs are logits x, y = softmax(x). Leave it False after a softmax layer:
            fastnn then computes the loss from the logits automatically. With True a model that ends with sigmoid or
            softmax is refused, where Keras only warns.
        label_smoothing: s in [0, 1), the part of the targets that is spread evenly over all classes: t (1 - s) + s / C.

    >>> round(fastnn.losses.CategoricalCrossentropy()([[0, 1, 0]], [[0.2, 0.5, 0.3]]), 4)  # -log 0.5
    0.6931
    """

    name = "categorical_crossentropy"
    activation = "softmax"
    operation = staticmethod(kernels.cross_entropy_loss)
    fused_operation = staticmethod(kernels.softmax_cross_entropy_loss)
    _kernel = kernels.cross_entropy
    _fused_kernel = kernels.softmax_cross_entropy

    label_smoothing = within(0, 1, open_high=True)

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, *, reduction: str = BY_SAMPLES):
        super().__init__(from_logits, reduction=reduction)
        self.label_smoothing = label_smoothing

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError for a single output, or unless there is either a softmax or `from_logits`."""
        if outputs < 2:
            raise ValueError(
                f"the loss {self.name} needs at least 2 outputs, one per class, received {outputs}; "
                "for a single output use binary_crossentropy"
            )
        _check_activation(self, activation, ("softmax",))

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets in [0, 1] whose rows sum to 1, within 1e-3; those outside by at most 1e-5 become 0 or 1."""
        targets = checks.probabilities(super().prepare(y, outputs, dtype, argument), argument, "a cross-entropy")
        sums = targets.sum(axis=1)
        if (wrong := np.abs(sums - 1) > 1e-3).any():
            at = int(np.argmax(wrong))
            raise ValueError(f"{argument} must have rows that sum to 1, received a sum of {sums[at]:g} at index {at}")
        return targets


class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """-log y[label], for targets that are integer labels in [0, classes).

    Args:
        from_logits: whether the outputs are logits x, y = softmax(x). Leave it False after a softmax layer:
            fastnn then computes the loss from the logits automatically. With True a model that ends with sigmoid or
            softmax is refused, where Keras only warns.

    >>> loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> round(loss.forward([0], [[0.0, 0.0]]), 4)  # -log 0.5
    0.6931
    >>> loss.backward().tolist()  # y - t
    [[-0.5, 0.5]]
    """

    name = "sparse_categorical_crossentropy"
    sparse = True
    operation = staticmethod(kernels.sparse_cross_entropy_loss)
    fused_operation = staticmethod(kernels.sparse_softmax_cross_entropy_loss)
    _kernel = kernels.sparse_cross_entropy
    _fused_kernel = kernels.sparse_softmax_cross_entropy

    def __init__(self, from_logits: bool = False, *, reduction: str = BY_SAMPLES):
        super().__init__(from_logits, reduction=reduction)

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """int64 labels."""
        return checks.class_labels(y, argument, outputs)


class CategoricalFocalCrossentropy(CategoricalCrossentropy):
    """-sum alpha (1 - y)^gamma t log y over the classes: samples that are nearly right already count less.

    Args:
        alpha: a factor of the whole loss, at least 0.
        gamma: how strongly easy samples are down-weighted, at least 0; 0 gives alpha times `CategoricalCrossentropy`.
        from_logits: whether the outputs are logits x, y = softmax(x). Leave it False after a softmax layer:
            fastnn then computes the loss from the logits automatically. With True a model that ends with sigmoid or
            softmax is refused, where Keras only warns.
        label_smoothing: s in [0, 1), the part of the targets that is spread evenly over all classes: t (1 - s) + s / C.

    Source: Lin et al., "Focal loss for dense object detection" (2017), https://arxiv.org/abs/1708.02002

    >>> loss = fastnn.losses.CategoricalFocalCrossentropy(alpha=1)
    >>> [round(loss([[0, 1]], [[1 - p, p]]), 3) for p in (0.5, 0.9)]
    [0.173, 0.001]
    """

    name = "categorical_focal_crossentropy"
    operation = staticmethod(kernels.focal_cross_entropy_loss)
    fused_operation = staticmethod(kernels.softmax_focal_cross_entropy_loss)
    _kernel = kernels.focal_cross_entropy
    _fused_kernel = kernels.softmax_focal_cross_entropy

    alpha, gamma = within(0), within(0)

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        *,
        reduction: str = BY_SAMPLES,
    ):
        super().__init__(from_logits, label_smoothing, reduction=reduction)
        self.alpha, self.gamma = alpha, gamma

    @property
    def numbers(self) -> tuple[float, ...]:
        """alpha and gamma."""
        return self.alpha, self.gamma


class KLDivergence(KernelLoss):
    """sum t log(t / y) over the outputs, with t and y clipped to [1e-7, 1]: how far y is from the distribution t.

    >>> round(fastnn.losses.KLDivergence()([[0.5, 0.5]], [[0.9, 0.1]]), 4)
    0.5108
    """

    name = "kl_divergence"
    operation = staticmethod(kernels.kl_divergence_loss)
    _kernel = kernels.kl_divergence

    def __init__(self, *, reduction: str = BY_SAMPLES):
        super().__init__(reduction=reduction)

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError after an activation whose outputs are not probabilities."""
        if activation not in (None, "softmax", *_EACH):
            raise ValueError(
                f"the loss kl_divergence expects probabilities, but the last activation is {activation}; "
                "use softmax or sigmoid there"
            )

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets in [0, 1]; those that lie outside by at most 1e-5, by rounding, become 0 or 1."""
        return checks.probabilities(super().prepare(y, outputs, dtype, argument), argument, "the loss kl_divergence")


def _check_activation(loss: Loss, activation: str | None, fitting: tuple[str, ...]) -> None:
    """`activation` is None if the last layer is written in Python, whose outputs may be anything."""
    if activation is None:
        return
    if loss.from_logits and activation in ("softmax", *_EACH):
        raise ValueError(f"{loss!r} expects logits, but the last activation is {activation}; drop one of the two")
    if not loss.from_logits and activation not in fitting:
        raise ValueError(
            f"the loss {loss.name} expects probabilities, but the last activation is {activation}; "
            f"use {loss.activation} there, or the loss with from_logits=True"
        )
