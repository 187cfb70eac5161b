"""Layers defined by their instructions, which run in compiled programs and in `forward` and `backward` alike."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..engine.single_layer import SingleLayer
from .base import Layer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering

_KEPT = 4  # full and last batches, in training and in validation


class KernelLayer(Layer, abstract=True):
    """A layer whose `forward` and `backward` run the instructions that it lowers to (`Layer.lower`).

    Attributes:
        step: the training step, on which random numbers depend; `fit` counts it.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.step = 0
        self._program: SingleLayer | None = None  # the one that the last `forward` used
        self._programs: dict[tuple[tuple[int, ...], bool], SingleLayer] = {}  # by the shape of x, and training

    def lower_alone(self, lowering: "Lowering") -> None:
        """Append the instructions that `forward` and `backward` run: by default all."""
        self.lower(lowering)

    def at_step(self, step: int) -> None:
        """Use the random numbers of this step."""
        self.step = step

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """The output for x, as the layer's docstring defines it."""
        x = self.as_input(x)
        self.build_once(x.shape)
        return self._run(x, training)

    def _run(self, x: np.ndarray, training: bool) -> np.ndarray:
        """The output for x, an array of the layer's type; keeps what `backward` needs."""
        key = x.shape, training
        self._program = self._programs.pop(key, None)
        if self._program is None or not self._program.fits(self):
            self._program = SingleLayer(self, *key)
        self._programs[key] = self._program
        if len(self._programs) > _KEPT:
            del self._programs[next(iter(self._programs))]  # the least recently used
        self.step += training
        return self._program.forward(x, self.step)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx from dy, and the gradients of the weights."""
        y = None if self._program is None else self._program.y
        dy = checks.gradient_of(dy, y, f"layer {self.name}")
        assert self._program is not None
        return self._program.backward(dy)

    def __getstate__(self) -> dict[str, object]:
        """For copies and pickles: without the programs, which are made again when needed."""
        return vars(self) | {"_program": None, "_programs": {}}
