"""Runs the instructions of one layer: `forward` and `backward` of built-in layers."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import instructions
from ..kernels.calls import bound
from ..kernels.interpreter import run_stages
from .entries import NO_NUMBERS, NO_OPTIMIZER, interpreter_of
from .lowering import Lowering
from .program import Buffers
from .tables import empty_data, weight_table

if TYPE_CHECKING:
    from ..layers.kernel_layer import KernelLayer


class SingleLayer:
    """A program of one layer, whose forward and backward are called separately.

    Args:
        layer: a built layer with kernels.
        shape: the shape of x, its samples first.
        training: whether the layer behaves as in training.
    """

    def __init__(self, layer: "KernelLayer", shape: tuple[int, ...], training: bool):
        rows, self._shape = shape[0], shape[1:]
        self._dtype, self._rows = layer.dtype, rows
        self._parameters = list(layer.parameters)  # the table names their memory
        self._settings = _settings(layer)
        lowered = Lowering(layer.dtype, rows, self._shape, self._parameters, training=training, alone=True)
        layer.lower_alone(lowered)
        self._plan = lowered.plan()
        self._buffers = Buffers(lowered)
        self._table = weight_table(self._parameters, layer.dtype, transposed=self._buffers.transposed)
        self._output = slice(lowered.y, lowered.y + rows * lowered.y_stride), lowered.y_stride
        self._output_shape = lowered.shape
        self._idle = len(self._plan.code) == 1  # the layer has nothing to do
        forward = np.array([_is_forward(stage) for stage in self._plan.stages])
        self._forward, self._backward = np.flatnonzero(forward), np.flatnonzero(~forward)
        # All arrays writable, as the driver passes them on: other types would be compiled again.
        data = instructions.Data(*(a.copy() for a in empty_data(layer.dtype)))
        self._data = data._replace(order=np.arange(rows))
        self._step = 0
        self._run_stages: Any = None
        self.y: np.ndarray | None = None

    def fits(self, layer: "KernelLayer") -> bool:
        """Whether the layer still has the weights and the settings that the program was made for."""
        return _settings(layer) == self._settings and all(
            p is known for p, known in zip(layer.parameters, self._parameters, strict=True)
        )

    def forward(self, x: np.ndarray, step: int) -> np.ndarray:
        """y for x; in training, with the random numbers of step `step`."""
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
        """dx for dy; also sets the gradients of the weights."""
        if self._idle:
            return dy.reshape(self._rows, *self._shape).astype(self._dtype)
        where, width = self._output
        gradients = self._buffers.batch.gradients
        columns = dy[0].size
        gradients[where].reshape(self._rows, width)[:, :columns] = dy.reshape(self._rows, columns)
        self._run(self._backward)
        first = self._plan.code[0]
        x = slice(int(first["y"]), int(first["y"] + self._rows * first["y_stride"]))
        return self._read(gradients, x, int(first["y_stride"]), self._shape)

    def _run(self, stages: np.ndarray) -> None:
        arguments = (
            interpreter_of(self._dtype), stages, self._plan, self._table, self._buffers.for_threads(1), self._data,
            self._rows, self._step, NO_OPTIMIZER, NO_NUMBERS,
        )  # fmt: skip
        if self._run_stages is None:
            self._run_stages = bound(run_stages, *arguments)
        self._run_stages(*arguments)

    def _read(self, flat: np.ndarray, where: slice, width: int, shape: tuple[int, ...]) -> np.ndarray:
        columns = math.prod(shape)
        return flat[where].reshape(self._rows, width)[:, :columns].reshape(self._rows, *shape).copy()


def _is_forward(stage: np.void) -> bool:
    if stage["kind"] == instructions.SAMPLES:
        return bool(stage["stop"] > stage["start"])
    return bool(stage["kind"] == instructions.TOTAL and stage["stop"] == instructions.TOTAL_FORWARD)


def _settings(layer: "KernelLayer") -> tuple[Any, ...]:
    """The settings of the layer that are lowered into the program and that users may change."""
    return (getattr(layer, "seed", None), layer.trainable, *(p.trainable for p in layer.parameters))
