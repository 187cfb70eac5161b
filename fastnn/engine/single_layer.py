"""Runs the instructions of one layer: `forward` and `backward` of built-in layers."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import read_only
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
        layer: a layer with kernels; where it has weights, it is built.
        shape: the shape of x, its samples first.
        training: whether the layer behaves as in training.
    """

    def __init__(self, layer: "KernelLayer", shape: tuple[int, ...], training: bool):
        rows, self._shape = shape[0], shape[1:]
        self._dtype, self._rows = layer.dtype, rows
        self._parameters = list(layer.parameters)  # the table names their memory
        self._settings = _settings(layer)
        lowered = Lowering(layer.dtype, rows, self._shape, self._parameters, training=training, alone=True)
        layer.lower(lowered)
        self._plan = lowered.plan()
        self._buffers = Buffers(lowered)
        self._table = weight_table(self._parameters, layer.dtype, transposed=self._buffers.transposed)
        self._input = int(self._plan.code[0]["y"]), int(self._plan.code[0]["y_stride"])
        self._output, self._output_shape = (lowered.y, lowered.y_stride), lowered.shape
        self._idle = len(self._plan.code) == 1 or rows == 0  # there is nothing to do
        stages = list(range(len(self._plan.stages)))
        if lowered.logits is not None:
            *stages, to_logits, from_logits = stages
        forward = np.array([_is_forward(self._plan.stages[stage]) for stage in stages])
        self._forward, self._backward = np.flatnonzero(forward), np.flatnonzero(~forward)
        if lowered.logits is not None:
            _, *self._logits = lowered.logits
            self._to_logits, self._from_logits = np.array([to_logits]), np.append(from_logits, self._backward[1:])
        self._data = empty_data(layer.dtype)._replace(order=np.arange(rows))
        self._entry, self._batch = interpreter_of(layer.dtype), self._buffers.for_threads(1)
        self._step = 0
        self._run_stages: Any = None

    @property
    def nbytes(self) -> int:
        """The memory of the buffers."""
        return int(self._batch.activations.nbytes + self._batch.gradients.nbytes)

    def fits(self, layer: "KernelLayer") -> bool:
        """Whether the layer still has the weights and the settings that the program was made for."""
        return _settings(layer) == self._settings and all(
            p is known for p, known in zip(layer.parameters, self._parameters, strict=True)
        )

    def forward(self, x: np.ndarray, step: int) -> np.ndarray:
        """y for x; in training, with the random numbers of step `step`."""
        if self._idle:
            return x.reshape(self._rows, *self._output_shape)
        self._gather(x, step)
        self._run(self._forward)
        return self._read(self._batch.activations, self._output, self._output_shape)

    def logits(self, x: np.ndarray, step: int) -> np.ndarray:
        """The input of the layer's own activation, for x."""
        if self._idle:
            return x.reshape(self._rows, *self._output_shape)
        self._gather(x, step)
        self._run(self._to_logits)
        return self._read(self._batch.activations, self._logits, self._output_shape)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx for dy; also sets the gradients of the weights."""
        return self._back(dy, self._output, self._backward)

    def backward_from_logits(self, dz: np.ndarray) -> np.ndarray:
        """The same from the gradient with respect to the input of the layer's own activation."""
        return self._back(dz, self._logits, self._from_logits)

    def _gather(self, x: np.ndarray, step: int) -> None:
        self._step = step
        x = x.reshape(self._rows, math.prod(self._shape))
        self._data = self._data._replace(features=read_only(x))

    def _back(self, dy: np.ndarray, place: Sequence[int], stages: np.ndarray) -> np.ndarray:
        if self._idle:
            if self._rows == 0:
                for p in self._parameters:
                    p.gradient[...] = 0
            return dy.reshape(self._rows, *self._shape).astype(self._dtype)
        columns = math.prod(self._output_shape)
        self._rows_at(self._batch.gradients, place)[:, :columns] = dy.reshape(self._rows, columns)
        self._run(stages)
        return self._read(self._batch.gradients, self._input, self._shape)

    def _run(self, stages: np.ndarray) -> None:
        arguments = (
            self._entry, stages, self._plan, self._table, self._batch, self._data, self._rows, self._step, NO_OPTIMIZER,
            NO_NUMBERS,
        )  # fmt: skip
        if self._run_stages is None:
            self._run_stages = bound(run_stages, *arguments)
        self._run_stages(*arguments)

    def _rows_at(self, flat: np.ndarray, place: Sequence[int]) -> np.ndarray:
        start, width = place
        return flat[start : start + self._rows * width].reshape(self._rows, width)

    def _read(self, flat: np.ndarray, place: Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
        return self._rows_at(flat, place)[:, : math.prod(shape)].reshape(self._rows, *shape).copy()


def _is_forward(stage: np.void) -> bool:
    if stage["kind"] == instructions.SAMPLES:
        return bool(stage["stop"] > stage["start"])
    return bool(stage["kind"] == instructions.TOTAL and stage["stop"] == instructions.TOTAL_FORWARD)


def _settings(layer: "KernelLayer") -> list[object]:
    """What users may change of a layer: its settings, and what is trained."""
    return [*layer.settings(), layer.trainable, *(p.trainable for p in layer.parameters)]
