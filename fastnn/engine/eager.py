"""The layer-by-layer path: the same interface as `Program`, for models with layers or losses written in Python.

Built-in layers call the same kernels here as in a compiled program, with bit-identical results.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.batches import shuffle
from . import update
from .entries import NO_NUMBERS
from .run import Run

if TYPE_CHECKING:
    from ..layers.base import Layer
    from ..losses import Loss
    from ..metrics import Metric
    from ..optimizers import Optimizer


def forward(layers: "Sequence[Layer]", x: np.ndarray, training: bool = False) -> np.ndarray:
    """x through all layers, first to last.

    Raises:
        ValueError: for a layer whose output does not have the shape that it announced when it was built.
    """
    samples, y = len(x), x
    for layer in layers:
        y = layer.forward(np.ascontiguousarray(y, layer.dtype), training)
        y = np.ascontiguousarray(y, layer.dtype)
        if y.shape != (samples, *layer.sample_output_shape):
            expected = ", ".join(["n", *map(str, layer.sample_output_shape)])
            raise ValueError(f"layer {layer.name} must return shape ({expected}), its forward returned {y.shape}")
    return y


def backward(layers: "Sequence[Layer]", dy: np.ndarray) -> np.ndarray:
    """dy through all layers, last to first."""
    for layer in reversed(layers):
        dy = layer.backward(dy)
    return dy


class EagerProgram:
    """Runs layers one at a time. The arguments are those of `Program`."""

    def __init__(
        self,
        layers: "Sequence[Layer]",
        sample_shape: tuple[int, ...],
        training: bool = False,
        loss: "Loss | None" = None,
        metrics: "Sequence[Metric]" = (),
    ):
        self.layers, self.sample_shape, self.training = list(layers), sample_shape, training
        self.loss, self.metrics = loss, metrics
        self.output_shape = layers[-1].sample_output_shape
        sizes = [metric.state_size(self.output_shape[-1]) for metric in metrics]
        self.values = 0 if loss is None else 1 + sum(sizes)
        self._states = [slice(1 + sum(sizes[:i]), 1 + sum(sizes[: i + 1])) for i in range(len(sizes))]

    def run(self, run: Run, steps: int | None = None) -> None:
        """Continue until the run is finished or `steps` are done."""
        run.follow_optimizer()
        done = 0
        if run.samples.y is not None:
            for metric in self.metrics:
                metric.begin(run.samples.y)
        while not run.finished and (steps is None or done < steps):
            if run.row == 0 and run.shuffled:
                shuffle(run.order, run.seed, run.step)
            rows = run.order[run.row : run.row + run.batch_size]
            assert isinstance(run.samples.x, np.ndarray)  # sparse samples are refused before (`models/data.py`)
            x = run.samples.x[rows].astype(self.layers[0].dtype).reshape(-1, *self.sample_shape)
            loss = 0.0
            if self.loss is None:
                assert run.predictions is not None
                run.predictions[rows] = forward(self.layers, x).reshape(len(rows), -1)
            else:
                loss = self._step(run, rows, x)
            done += 1
            run.row += len(rows)
            if run.row == len(run.order):
                run.row, run.epoch = 0, run.epoch + 1
            run.step += self.training
            if not np.isfinite(loss):
                run.not_finite += 1
                if run.not_finite == 1:
                    return

    def _step(self, run: Run, rows: np.ndarray, x: np.ndarray) -> float:
        """Forward, loss and metrics, and in training backward and update. Adds to the log and returns the loss."""
        loss, last, log = self.loss, self.layers[-1], run.log[run.epoch]
        assert loss is not None
        assert run.samples.y is not None
        targets, sample_weight = run.samples.y[rows], run.samples.sample_weight
        sample_weight = None if sample_weight is None else sample_weight[rows]
        fused = loss.fuses(self.layers)
        if fused:
            start = last.logits(forward(self.layers[:-1], x, self.training), self.training)
            assert last.output_activation is not None
            y = last.output_activation.forward(start, self.training)
        else:
            start = y = forward(self.layers, x, self.training)
        outputs = np.ascontiguousarray(start)
        total, gradient = loss.evaluate_batch(targets, outputs, sample_weight, fused, self.training)
        # As in the interpreter: divided by the batch's weight, or by that of all samples if their mean is wanted.
        part = rows if self.training else run.order
        all_weights = run.samples.sample_weight
        divisor = loss.divisor(len(part), None if all_weights is None else all_weights[part])
        total *= update.portion(len(part), divisor)
        total += update.penalty(self.layers, len(x), divisor, NO_NUMBERS)
        log[0] += total
        for place, metric in zip(self._states, self.metrics, strict=True):
            metric.add(log[place], targets, np.ascontiguousarray(y))
        if gradient is not None and run.optimizer is not None:
            self._update(run.optimizer, gradient, last if fused else None, divisor)
        return total

    def _update(self, optimizer: "Optimizer", gradient: np.ndarray, fused: "Layer | None", samples: float) -> None:
        """Backward, without the last activation if the loss includes it, and the optimizer's step."""
        if fused is None:
            backward(self.layers, gradient)
        else:
            backward(self.layers[:-1], fused.backward_from_logits(gradient))
        optimizer.step_on(self.layers, samples)
