"""Runs the instructions of a single layer: the layer-by-layer path of layers that are instructions only."""

from typing import TYPE_CHECKING

import numpy as np

from .compilation import NO_NUMBERS, NO_OPTIMIZER, interpreter_of
from .kernels import instructions as op
from .kernels.interpreter import refresh_all, run_stage
from .lowering import Lowering
from .program import Buffers, empty_data
from .storage import shared_storage

if TYPE_CHECKING:
    from .layers.base import Layer


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
        self._rows, self._training, self._shape = rows, training, shape
        self._trained = _trained(layer)
        lowered = Lowering(layer.dtype, rows, shape, training=training, alone=True)
        layer.lower(lowered)
        self._plan = lowered.plan()
        self._buffers = Buffers(lowered)
        self._output = slice(lowered.y, lowered.y + rows * lowered.y_stride), lowered.y_stride
        self._output_shape = layer.sample_output_shape
        self._step = 0
        self.y: np.ndarray | None = None

    def fits(self, layer: "Layer", rows: int, training: bool) -> bool:
        """Whether it is for so many samples, and the weights are still where they were and trained as they were."""
        same = (rows, training, _trained(layer)) == (self._rows, self._training, self._trained)
        return same and self._storage.current

    def forward(self, x: np.ndarray, step: int) -> np.ndarray:
        """y for x, while training in step `step`."""
        self._step = step
        self._x = np.require(x.reshape(self._rows, -1), requirements=["C", "W"])
        self._run([s for s in range(len(self._plan.stages)) if self._forward(s)])
        self.y = self._read(self._buffers.batch.activations, *self._output, self._output_shape)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx for dy; the gradients of the weights are left in the storage."""
        where, width = self._output
        gradients = self._buffers.batch.gradients
        columns = dy[0].size
        gradients[where].reshape(self._rows, width)[:, :columns] = dy.reshape(self._rows, columns)
        self._run([s for s in range(len(self._plan.stages)) if not self._forward(s)])
        first = self._plan.code[0]
        x = slice(int(first["y"]), int(first["y"] + self._rows * first["y_stride"]))
        return self._read(gradients, x, int(first["y_stride"]), self._shape)

    def _forward(self, stage: int) -> bool:
        """Whether a stage belongs to the way forward."""
        record = self._plan.stages[stage]
        if record["kind"] == op.SAMPLES:
            return bool(record["stop"] > record["start"])
        return bool(record["kind"] == op.TOTAL and record["stop"] == op.TOTAL_FORWARD)

    def _run(self, stages: list[int]) -> None:
        no_slots = np.zeros(0, self._x.dtype)
        weights = op.Weights(self._storage.values, self._storage.gradients, no_slots, self._buffers.transposed)
        batch = self._buffers.for_threads(1)
        # All of it writable, as the driver passes it on: other types would be compiled once more.
        data = op.Data(*(a.copy() for a in empty_data(self._x.dtype)))
        data = data._replace(features=self._x, order=np.arange(self._rows))
        refresh_all(self._plan, weights, batch, data)
        entry = interpreter_of(self._x.dtype)
        for stage in stages:
            run_stage(entry, stage, self._plan, weights, batch, data, self._rows, self._step, NO_OPTIMIZER, NO_NUMBERS)

    def _read(self, flat: np.ndarray, where: slice, width: int, shape: tuple[int, ...]) -> np.ndarray:
        columns = int(np.prod(shape))
        return flat[where].reshape(self._rows, width)[:, :columns].reshape(self._rows, *shape).copy()


def _trained(layer: "Layer") -> tuple[bool, ...]:
    return (layer.trainable, *(p.trainable for p in layer.parameters))
