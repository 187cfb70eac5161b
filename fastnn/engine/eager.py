"""The layer-by-layer path: the same interface as `Program`, for models with layers or losses written in Python.

Built-in layers call the same kernels here as in a compiled program, and give the same bits.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..kernels import instructions as op
from ..kernels.batches import shuffle
from ..layers.kernel_layer import KernelLayer
from ..layers.stack import backward
from ..losses import KernelLoss, Loss, total_loss
from ..metrics import Metric
from . import update as updating
from .entries import NO_NUMBERS
from .parameters import Storage
from .program import Samples

if TYPE_CHECKING:
    from ..models.sequential import Sequential
    from ..optimizers import Optimizer


class EagerProgram:
    """Runs a model one layer at a time. Arguments as in `Program`."""

    def __init__(
        self,
        model: "Sequential",
        storage: Storage,
        training: bool = False,
        loss: Loss | None = None,
        metrics: Sequence[Metric] = (),
    ):
        self.model, self.storage, self.training, self.loss, self.metrics = model, storage, training, loss, metrics
        self.output_shape = model.layers[-1].sample_output_shape
        sizes = [metric.state_size(model.output_columns) for metric in metrics]
        self.values = 0 if loss is None else 1 + sum(sizes)
        self._states = [slice(1 + sum(sizes[:i]), 1 + sum(sizes[: i + 1])) for i in range(len(sizes))]

    def data(self, samples: Samples, predictions: np.ndarray | None = None) -> tuple[Samples, np.ndarray | None]:
        """What `run` takes."""
        return samples, predictions

    def run(
        self,
        data: tuple[Samples, np.ndarray | None],
        order: np.ndarray,
        cursor: np.ndarray,
        log: np.ndarray,
        batch_size: int,
        steps: int | None = None,
        optimizer: "Optimizer | None" = None,
        seed: int = 0,
        shuffled: bool = False,
    ) -> None:
        """Run until `log` is full or `steps` are done; `cursor` tells which."""
        samples, predictions = data
        epochs, done = len(log), 0
        while cursor[op.EPOCH] < epochs and (steps is None or done < steps):
            first = int(cursor[op.ROW])
            if first == 0 and shuffled:
                shuffle(order, seed, int(cursor[op.STEP]))
            rows = order[first : first + batch_size]
            x = samples.x[rows].astype(self.model.dtype).reshape(-1, *self.model.sample_shape)
            loss = 0.0
            if self.loss is None:
                assert predictions is not None
                predictions[rows] = self.model.forward(x).reshape(len(rows), -1)
            else:
                weights = None if samples.sample_weight is None else samples.sample_weight[rows]
                assert samples.y is not None
                loss = self._step(log[cursor[op.EPOCH]], x, samples.y[rows], weights, int(cursor[op.STEP]), optimizer)
            done += 1
            cursor[op.ROW] = first + len(rows)
            if first + len(rows) == len(order):
                cursor[op.ROW] = 0
                cursor[op.EPOCH] += 1
            cursor[op.STEP] += self.training
            if not np.isfinite(loss):
                cursor[op.NOT_FINITE] += 1
                if cursor[op.NOT_FINITE] == 1:
                    return

    def _step(
        self,
        log: np.ndarray,
        x: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray | None,
        step: int,
        optimizer: "Optimizer | None",
    ) -> float:
        """Forward, loss and metrics; while training also backward and update. Adds to `log`, returns the loss."""
        model = self.model
        for layer in model.layers if self.training else ():
            if isinstance(layer, KernelLayer):
                layer.step = step
        y = model.forward(x, self.training)
        last = model.layers[-1]
        loss = self.loss
        assert loss is not None
        activation = last.output_activation if loss.fuses(model.layers) else None
        fused = activation is not None
        if isinstance(loss, KernelLoss) and loss.compiled:
            start = y if activation is None else activation.x
            values, gradient = loss.evaluate(targets, np.ascontiguousarray(start), weights, fused or loss.from_logits)
            total = total_loss(values, weights)
        else:
            total = float(loss.forward(targets, y, weights)) * len(x)
            gradient = loss.backward()
        total += updating.penalty(model.layers, len(x), NO_NUMBERS)
        log[0] += total
        for place, metric in zip(self._states, self.metrics, strict=True):
            metric.add(log[place], targets, np.ascontiguousarray(y))
        if self.training and optimizer is not None:
            if fused:
                gradient = last.backward_from_logits(gradient)
            backward(model.layers[:-1] if fused else model.layers, gradient)
            optimizer.step(model)
        return total
