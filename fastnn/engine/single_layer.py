"""Runs the instructions of a single layer: the layer-by-layer path of layers that are instructions only."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import instructions as op
from ..kernels.calls import bound
from ..kernels.interpreter import run_stages
from .entries import NO_NUMBERS, NO_OPTIMIZER, interpreter_of
from .lowering import Lowering
from .parameters import shared_storage
from .program import Buffers, empty_data

if TYPE_CHECKING:
    from ..layers.base import Layer


class Alone:
    """A program of one layer, forward and backward apart.

    Args:
        layer: a built layer with kernels.
        rows: the samples that it takes.
        training: whether to do what the layer does only while training.
    """

    def __init__(self, layer: "Layer", rows: int, training: bool):
        assert layer.input_shape is not None
        shape = tuple(n for n in layer.input_shape[1:] if n is not None)
        self._storage = shared_storage(layer.parameters, layer.dtype)
        self._rows, self._shape = rows, shape
        self._settings = _settings(layer)
        lowered = Lowering(layer.dtype, rows, shape, training=training, alone=True)
        layer.lower(lowered)
        self._plan = lowered.plan()
        self._buffers = Buffers(lowered)
        self._output = slice(lowered.y, lowered.y + rows * lowered.y_stride), lowered.y_stride
        self._output_shape = layer.sample_output_shape
        self._idle = len(self._plan.code) == 1  # the layer has nothing to do
        forward = np.array([_is_forward(stage) for stage in self._plan.stages])
        self._forward, self._backward = np.flatnonzero(forward), np.flatnonzero(~forward)
        # All of it writable, as the driver passes it on: other types would be compiled once more.
        data = op.Data(*(a.copy() for a in empty_data(layer.dtype)))
        self._data = data._replace(order=np.arange(rows))
        self._step = 0
        self._run_stages: Any = None
        self.y: np.ndarray | None = None

    def fits(self, layer: "Layer") -> bool:
        """Whether the weights are still where they were, trained as they were, and the layer has the seed it had."""
        return _settings(layer) == self._settings and self._storage.current

    def forward(self, x: np.ndarray, step: int) -> np.ndarray:
        """y for x, while training in step `step`."""
        if self._idle:
            self.y = x.reshape(self._rows, *self._output_shape)
            return self.y
        self._step = step
        x = np.require(x.reshape(self._rows, math.prod(self._shape)), requirements=["C", "W"])
        self._data = self._data._replace(features=x)
        self._run(self._forward)
        self.y = self._read(self._buffers.batch.activations, *self._output, self._output_shape)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx for dy; the gradients of the weights are left in the storage."""
        if self._idle:
            return dy.reshape(self._rows, *self._shape).astype(self._storage.values.dtype)
        where, width = self._output
        gradients = self._buffers.batch.gradients
        columns = dy[0].size
        gradients[where].reshape(self._rows, width)[:, :columns] = dy.reshape(self._rows, columns)
        self._run(self._backward)
        first = self._plan.code[0]
        x = slice(int(first["y"]), int(first["y"] + self._rows * first["y_stride"]))
        return self._read(gradients, x, int(first["y_stride"]), self._shape)

    def _run(self, stages: np.ndarray) -> None:
        dtype = self._storage.values.dtype
        no_slots = np.zeros(0, dtype)
        weights = op.Weights(self._storage.values, self._storage.gradients, no_slots, self._buffers.transposed)
        arguments = (
            interpreter_of(dtype), stages, self._plan, weights, self._buffers.for_threads(1), self._data, self._rows,
            self._step, NO_OPTIMIZER, NO_NUMBERS,
        )  # fmt: skip
        if self._run_stages is None:
            self._run_stages = bound(run_stages, *arguments)
        self._run_stages(*arguments)

    def _read(self, flat: np.ndarray, where: slice, width: int, shape: tuple[int, ...]) -> np.ndarray:
        columns = math.prod(shape)
        return flat[where].reshape(self._rows, width)[:, :columns].reshape(self._rows, *shape).copy()


def _is_forward(stage: np.void) -> bool:
    if stage["kind"] == op.SAMPLES:
        return bool(stage["stop"] > stage["start"])
    return bool(stage["kind"] == op.TOTAL and stage["stop"] == op.TOTAL_FORWARD)


def _settings(layer: "Layer") -> tuple[Any, ...]:
    return (getattr(layer, "seed", None), layer.trainable, *(p.trainable for p in layer.parameters))
