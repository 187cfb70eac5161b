"""Layers defined by their instructions, which run in compiled programs and in `forward` and `backward` alike."""

import threading
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
        step: the number of training steps so far, on which random numbers depend. It is never set back.
    """

    any_shape = False  # whether samples of any shape are taken, also where the layer was built for another one

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.step = 0
        self._states = _States()
        self._latest: _State | None = None  # that of the thread which called `forward` last

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """The output for x, as the layer's docstring defines it."""
        x, last = self._prepare(x, training)
        y = last.program.forward(x, self.step)
        last.y = y if last.samples else y[0]
        return last.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx from dy, and the gradients of the weights."""
        dy, last = self._gradient_of_output(dy)
        dx = last.program.backward(dy)
        return dx if last.samples else dx[0]

    def _prepare(self, x: np.ndarray, training: bool) -> "tuple[np.ndarray, _State]":
        """x as samples of the layer's type; and this thread's state, with the program for x."""
        x, last = self.as_input(x), self._states.own
        last.samples = x.ndim > 1 or not self.any_shape
        if not last.samples:
            x = x.reshape(1, -1)
        if not self.any_shape:
            self.build_once(x.shape)
        key = x.shape, training
        program = last.programs.pop(key, None)
        if program is None or not program.fits(self):
            program = SingleLayer(self, *key)
            last.make_room(program.nbytes)
        last.program = last.programs[key] = program
        self._latest = last
        self.step += training
        return x, last

    def _gradient_of_output(self, dy: np.ndarray) -> "tuple[np.ndarray, _State]":
        """dy as an array of the shape of the last output, and the state with it: this thread's if it has one."""
        last = self._states.own
        if last.y is None and self._latest is not None:
            last = self._latest
        dy = checks.gradient_of(dy, last.y, f"layer {self.name}")
        return dy if last.samples else dy.reshape(1, -1), last

    def __getstate__(self) -> dict[str, object]:
        """For copies and pickles: without what `forward` left for `backward`."""
        return {name: value for name, value in vars(self).items() if name not in ("_states", "_latest")}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._states, self._latest = _States(), None


class _State:
    """What a layer's last `forward` left for `backward`.

    Attributes:
        program: the one that it used.
        programs: those for other x as well, by the shape of x, and training.
        y: what it returned.
        samples: whether x had an axis of samples, and was not a single one.
    """

    def __init__(self) -> None:
        self.program: SingleLayer
        self.programs: dict[tuple[tuple[int, ...], bool], SingleLayer] = {}
        self.y: np.ndarray | None = None
        self.samples = True

    def make_room(self, nbytes: int) -> None:
        """Drop the least recently used programs until one of this size may be added."""
        while self.programs and (len(self.programs) >= _KEPT or self._bytes_kept() + nbytes > _KEPT_BYTES):
            del self.programs[next(iter(self.programs))]

    def _bytes_kept(self) -> int:
        return sum(program.nbytes for program in self.programs.values())


class _States(threading.local):
    """A state for each thread, so that threads may use one layer at a time."""

    def __init__(self) -> None:
        self.own = _State()
