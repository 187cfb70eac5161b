"""Layers that are written once, as instructions: what they do one layer at a time is what a compiled program does."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from .base import Layer

if TYPE_CHECKING:
    from ..engine.single_layer import Alone


_KEPT = 4  # whole batches and the last one, of training and of validation


class KernelLayer(Layer):
    """A layer whose `forward` and `backward` run the instructions that it lowers to (`Layer.lower`).

    Attributes:
        step: the training step whose random numbers are used, where the layer has some; `fit` counts it on.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.step = 0
        self._alone: Alone | None = None  # the one that `forward` has used last
        self._all_alone: dict[tuple[int, bool], Alone] = {}  # for each number of samples, training or not

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """The output for x, as the layer's docstring defines it."""
        from ..engine.single_layer import Alone

        x = self.as_input(x)
        self.build_once(x.shape)
        key = len(x), training
        self._alone = self._all_alone.pop(key, None)
        if self._alone is None or not self._alone.fits(self):
            self._alone = Alone(self, *key)
        self._all_alone[key] = self._alone
        if len(self._all_alone) > _KEPT:
            del self._all_alone[next(iter(self._all_alone))]  # the one that has not been used for longest
        self.step += training
        return self._alone.forward(x, self.step)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx from dy, and the gradients of the weights."""
        y = None if self._alone is None else self._alone.y
        dy = checks.gradient_of(dy, y, f"layer {self.name}")
        assert self._alone is not None
        return self._alone.backward(dy)

    def __getstate__(self) -> dict[str, object]:
        """For copies and pickles: all but the buffers, which are made anew."""
        return vars(self) | {"_alone": None, "_all_alone": {}}
