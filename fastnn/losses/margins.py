"""Losses of outputs whose sign is the answer, and which are to keep a margin from 0."""

from typing import Any

import numpy as np

from ..kernels import margins as kernels
from .base import KernelLoss, first


class Hinge(KernelLoss):
    """The mean over the outputs of max(0, 1 - t y), for targets of -1 and 1, or of 0 and 1, where 0 counts as -1."""

    name = "hinge"
    operation = staticmethod(kernels.hinge_loss)
    _kernel = kernels.hinge

    def __init__(self) -> None:
        super().__init__()

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets of -1 and 1, or of 0 and 1. They stay as they are, for the metrics: the kernel takes 0 as -1."""
        targets = super().prepare(y, outputs, dtype, argument)
        expected = f"{argument} must be -1 and 1, or 0 and 1, for the loss {self.name}"
        zeros, negative = targets == 0, targets == -1
        if (wrong := ~(zeros | negative | (targets == 1))).any():
            value, where = first(targets, wrong)
            raise ValueError(f"{expected}, received {value:g} at index {where}")
        if zeros.any() and negative.any():
            raise ValueError(f"{expected}, received both 0 and -1")
        return targets


class SquaredHinge(Hinge):
    """The mean over the outputs of max(0, 1 - t y)^2, for targets of -1 and 1, or of 0 and 1, where 0 counts as -1."""

    name = "squared_hinge"
    operation = staticmethod(kernels.squared_hinge_loss)
    _kernel = kernels.squared_hinge
