"""Hinge losses: the sign of an output is the predicted class, and outputs inside the margin are penalised."""

from typing import Any

import numpy as np

from .. import checks
from ..kernels import margins as kernels
from .base import BY_SAMPLES, KernelLoss, first


class Hinge(KernelLoss):
    """The mean over the outputs of max(0, 1 - t y), for targets of -1 and 1, or of 0 and 1, where 0 means -1.

    >>> fastnn.losses.Hinge()([[1], [-1]], [[0.5], [-3.0]])  # (0.5 + 0) / 2
    0.25
    """

    name = "hinge"
    operation = staticmethod(kernels.hinge_loss)
    _kernel = kernels.hinge

    def __init__(self, *, reduction: str = BY_SAMPLES):
        super().__init__(reduction=reduction)

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets of -1 and 1, or of 0 and 1; others within 1e-5 of them, off by rounding, become these.

        0 stays 0, for the metrics: the kernel takes it as -1.
        """
        given = super().prepare(y, outputs, dtype, argument)
        targets: np.ndarray = np.rint(given)
        expected = f"{argument} must be -1 and 1, or 0 and 1, for the loss {self.name}"
        zeros, negative = targets == 0, targets == -1
        wrong = ~(zeros | negative | (targets == 1)) | (np.abs(given - targets) > checks.ROUNDING)
        if wrong.any():
            value, where = first(given, wrong)
            raise ValueError(f"{expected}, received {value:.9g} at index {where}")
        if zeros.any() and negative.any():
            raise ValueError(f"{expected}, received both 0 and -1")
        return targets

    def labels(self, outputs: int, present: list[int]) -> set[int] | None:
        """-1 and 1, or 0 and 1."""
        if outputs > 1:
            return super().labels(outputs, present)
        return {-1, 1} if -1 in present else {0, 1} if 0 in present else {-1, 0, 1}


class SquaredHinge(Hinge):
    """The mean over the outputs of max(0, 1 - t y)^2, for targets of -1 and 1, or of 0 and 1, where 0 means -1.

    >>> fastnn.losses.SquaredHinge()([[1], [-1]], [[0.5], [-3.0]])
    0.125
    """

    name = "squared_hinge"
    operation = staticmethod(kernels.squared_hinge_loss)
    _kernel = kernels.squared_hinge
