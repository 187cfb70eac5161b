"""Layers defined by their instructions, which run in compiled programs and in `forward` and `backward` alike."""

from typing import Any

import numpy as np

from .. import checks
from ..engine.single_layer import SingleLayer
from .base import Layer

_KEPT = 4  # programs at most: for whole and last batches, in training and in validation
_KEPT_BYTES = 1 << 20  # of buffers: if there are more, only the last program is kept


class KernelLayer(Layer, abstract=True):
    """A layer whose `forward` and `backward` run the instructions that it lowers to (`Layer.lower`).

    Attributes:
        step: the training step, on which random numbers depend; `fit` counts it.
    """

    any_shape = False  # whether samples of any shape are taken, also where the layer was built for another one

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.step = 0
        self._program: SingleLayer | None = None  # the one that the last `forward` used
        self._programs: dict[tuple[tuple[int, ...], bool], SingleLayer] = {}  # by the shape of x, and training
        self._y: np.ndarray | None = None  # what the last `forward` returned

    def at_step(self, step: int) -> None:
        """Use the random numbers of this step."""
        self.step = step

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """The output for x, as the layer's docstring defines it."""
        x, program = self._prepare(x, training)
        y = program.forward(x, self.step)
        self._y = y if self._samples else y[0]
        return self._y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx from dy, and the gradients of the weights."""
        dy = self._gradient_of_output(dy)
        assert self._program is not None
        dx = self._program.backward(dy)
        return dx if self._samples else dx[0]

    def _prepare(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, SingleLayer]:
        """x as samples of the layer's type, and the program for it, which `backward` will use."""
        x = self.as_input(x)
        self._samples = x.ndim > 1 or not self.any_shape  # else x is a single sample
        if not self._samples:
            x = x.reshape(1, -1)
        if not self.any_shape:
            self.build_once(x.shape)
        key = x.shape, training
        program = self._programs.pop(key, None)
        if program is None or not program.fits(self):
            program = SingleLayer(self, *key)
            self._make_room(program.nbytes)
        self._program = self._programs[key] = program
        self.step += training
        return x, program

    def _make_room(self, nbytes: int) -> None:
        """Drop the least recently used programs until one of this size may be added."""
        while self._programs and (len(self._programs) >= _KEPT or self._bytes_kept() + nbytes > _KEPT_BYTES):
            del self._programs[next(iter(self._programs))]

    def _bytes_kept(self) -> int:
        return sum(program.nbytes for program in self._programs.values())

    def _gradient_of_output(self, dy: np.ndarray) -> np.ndarray:
        """dy as an array of the shape of the last output."""
        dy = checks.gradient_of(dy, self._y, f"layer {self.name}")
        return dy if self._samples else dy.reshape(1, -1)

    def __getstate__(self) -> dict[str, object]:
        """For copies and pickles: without the programs, which are made again when needed, and the last output."""
        return vars(self) | {"_program": None, "_programs": {}, "_y": None}
