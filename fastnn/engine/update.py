"""What a step does besides gradients and the optimizer's equation: tables for the kernels (`kernels/updating.py`)."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import instructions as op
from ..kernels.interpreter import GRADIENT_ROWS
from ..kernels.jit import JIT_ENABLED
from ..kernels.updating import LANES, update_alone
from .entries import NO_OPTIMIZER, optimizer_entry, update_entry

if TYPE_CHECKING:
    from ..layers.base import Layer
    from ..optimizers import Optimizer
    from .parameters import Parameter


def records(rows: Sequence[dict[str, Any]], dtype: np.dtype) -> np.ndarray:
    """A table from its rows; what they do not name is 0."""
    table = np.zeros(len(rows), dtype)
    for record, fields in zip(table, rows, strict=True):
        for name, value in fields.items():
            record[name] = value
    # Outside the JIT a record's fields are attributes only in a recarray, which Numba is slower to recognise.
    return table if JIT_ENABLED else table.view(np.recarray)


def weight_fields(parameter: "Parameter", trained: bool, optimizer: "Optimizer | None") -> dict[str, Any]:
    """A weight's fields of `instructions.PARAMETER`, all but the instruction that it belongs to and its penalty."""
    fields = {"offset": parameter.offset, "rows": parameter.rows}
    fields |= {"stride": parameter.stride, "trained": int(trained)}
    if optimizer is not None:
        fields["decayed"] = int(optimizer.decays(parameter))
        if parameter.constraint is not None:
            fields |= parameter.constraint.fields(parameter.shape)
    return fields


def penalized(layers: "Iterable[Layer]") -> "list[Parameter]":
    """The weights whose penalties join the loss: those that are trained."""
    weights = [p for layer in layers if layer.trainable for p in layer.parameters if p.trainable]
    return [p for p in weights if p.regularizer is not None]


def penalty_fields(parameter: "Parameter") -> dict[str, Any]:
    """The fields that tell the kernels about a weight's penalty."""
    regularizer = parameter.regularizer
    return {} if regularizer is None else {"l1": regularizer.l1, "l2": regularizer.l2}


class Update:
    """The stages of a step that follow on the gradients' or, where nothing is trained, on the losses'.

    Args:
        weights: the fields of the weights' records.
        first_sum: how much of `Batch.sums` is taken already.
        optimizer: what the weights are trained with; None: they are not.

    Attributes:
        weights: the weights' fields, complete, in the order of their places.
        stages: the fields of the stages' records; none where the gradients' stage can update the weights, too.
        sums_elements: how long `Batch.sums` has to be.
    """

    def __init__(self, weights: list[dict[str, Any]], first_sum: int, optimizer: "Optimizer | None"):
        self.weights, self.stages, self.sums_elements = weights, list[dict[str, int]](), first_sum
        penalties = any(w.get("l1") or w.get("l2") for w in weights)
        trained = optimizer is not None
        constraints = trained and any(w["trained"] and w.get("constraint") for w in weights)
        if not (penalties or constraints or (optimizer is not None and optimizer.separate)):
            return
        if penalties or (optimizer is not None and optimizer.norms):
            self.stages += [
                {"kind": op.UPDATE, "start": op.MEASURE},
                {"kind": op.UPDATE_TOGETHER, "start": op.SUM_UP},
            ]
        if trained:
            self.stages.append({"kind": op.UPDATE, "start": op.DESCEND})
        if constraints:
            self.stages.append({"kind": op.UPDATE, "start": op.CONSTRAIN})
        # Sums go through the weights in this order, in whatever order layers name them.
        self.weights = sorted(weights, key=lambda w: w["offset"])
        for w in self.weights:
            w["sums"] = self.sums_elements
            self.sums_elements += 1 + 2 * -(-w["rows"] // GRADIENT_ROWS)

    def by_hand(self, weights: op.Weights, rows: int, optimizer: Any, hyper: np.ndarray) -> float:
        """Run the stages by themselves, for a batch of `rows` rows; returns the penalty times the rows."""
        table = records(self.weights, op.PARAMETER)
        none = np.zeros(0, np.int64)
        plan = op.Plan(records([], op.INSTRUCTION), table, records([], op.STAGE), none, 0, 0, 0)
        flat = np.zeros(0, weights.values.dtype)
        batch = op.Batch(
            activations=flat, gradients=flat, labels=none, targets=flat, weight=flat, scale=flat, values=flat,
            sums=np.zeros(self.sums_elements), partials=flat, scratch=np.zeros((1, LANES), flat.dtype), tables=none,
            zeros=flat, one=flat,
        )  # fmt: skip
        entry = update_entry(flat.dtype)
        for stage in self.stages:
            update_alone(entry, stage["start"], plan, weights, batch, rows, optimizer, hyper)
        return float(batch.sums[0])


def penalty(layers: "Sequence[Layer]", rows: int, numbers: np.ndarray) -> float:
    """The layers' penalties, times the rows of the batch whose loss they join."""
    weights = penalized(layers)
    if not weights:
        return 0.0
    storage = weights[0].storage
    stages = Update([weight_fields(p, False, None) | penalty_fields(p) for p in weights], 1, None)
    flat = np.zeros(0, storage.values.dtype)
    return stages.by_hand(op.Weights(storage.values, storage.gradients, flat, flat), rows, NO_OPTIMIZER, numbers)


def step(trained: "Sequence[Parameter]", weights: op.Weights, optimizer: "Optimizer", hyper: np.ndarray) -> bool:
    """A step on the trained weights from the gradients of the loss, if it takes stages of its own."""
    stages = Update([weight_fields(p, True, optimizer) | penalty_fields(p) for p in trained], 1, optimizer)
    if stages.stages:
        gradients = weights.gradients.copy()  # what `backward` left stays as it is
        stages.by_hand(
            weights._replace(gradients=gradients), 0, optimizer_entry(optimizer.step_kernel, gradients.dtype), hyper
        )
    return bool(stages.stages)
