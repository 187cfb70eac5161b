"""Penalties, clipping, averages and constraints: the tables for `kernels/updating.py`."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import instructions
from ..kernels.interpreter import optimize
from ..kernels.penalties import LANES, units
from ..kernels.updating import update_alone
from .entries import NO_OPTIMIZER, optimizer_entry, update_entry
from .parameters import Parameter, trained_weights
from .tables import empty_batch, plan_of, weight_table

if TYPE_CHECKING:
    from ..layers.base import Layer
    from ..optimizers import Optimizer


def portion(part: float, whole: float) -> float:
    """As `kernels.penalties.portion`, for calls from Python."""
    return part / whole if whole else 0.0


def weight_fields(parameter: Parameter, trained: bool, optimizer: "Optimizer | None") -> dict[str, Any]:
    """A weight's fields of `instructions.PARAMETER`, without number, instruction and penalty."""
    fields = {"rows": parameter.rows, "stride": parameter.stride, "trained": int(trained)}
    if optimizer is not None:
        fields["decayed"] = int(optimizer.decays(parameter))
        if parameter.constraint is not None:
            fields |= parameter.constraint.fields(parameter.shape)
    return fields


def penalized(layers: "Iterable[Layer]") -> list[Parameter]:
    """The trained weights with a regularizer, whose penalties are added to the loss."""
    return [p for p in trained_weights(layers) if p.regularizer is not None]


def penalty_fields(parameter: Parameter) -> dict[str, Any]:
    """The fields of `instructions.PARAMETER` for a weight's penalty."""
    regularizer = parameter.regularizer
    return {} if regularizer is None else {name: getattr(regularizer, name) for name in ("l1", "l2", "per_sample")}


class Update:
    """The stages of a step after that of the gradients or, without training, after that of the loss.

    Args:
        records: the fields of the weights' records.
        first_sum: how many elements of `Batch.sums` are in use already.
        optimizer: the optimizer that trains the weights; None: they are not trained.
        with_gradients: whether the stage of the gradients may do all that a step needs from one weight alone.

    Attributes:
        records: the same, completed and in the order of the weights' numbers.
        steps_at_once: whether that stage takes the optimizer's step, and adds the penalties' gradients before.
        stages: the fields of the stages' records.
        sums_elements: the size that `Batch.sums` needs.
    """

    def __init__(
        self, records: list[dict[str, Any]], first_sum: int, optimizer: "Optimizer | None", with_gradients: bool = False
    ):
        self.records, self.stages, self.sums_elements = records, list[dict[str, int]](), first_sum
        penalties = any(r.get("l1") or r.get("l2") for r in records)
        trained = optimizer is not None
        constraints = trained and any(r["trained"] and r.get("constraint") for r in records)
        separate = constraints or (optimizer is not None and optimizer.separate)
        self.steps_at_once = with_gradients and not separate
        if not (penalties or separate):
            return
        if penalties or (optimizer is not None and optimizer.norms):
            if not (trained and self.steps_at_once):
                self.stages.append({"kind": instructions.UPDATE, "start": instructions.MEASURE})
            self.stages.append({"kind": instructions.UPDATE_TOGETHER, "start": instructions.SUM_UP})
        if trained and not self.steps_at_once:
            self.stages.append({"kind": instructions.UPDATE, "start": instructions.DESCEND})
        if constraints:
            self.stages.append({"kind": instructions.UPDATE, "start": instructions.CONSTRAIN})
        # Sums go through the weights in this order, whatever the order of the instructions.
        self.records = sorted(records, key=lambda r: r["number"])
        for record in self.records:
            record["sums"] = self.sums_elements
            self.sums_elements += 1 + 2 * units(record["rows"])

    def by_hand(
        self, weights: instructions.Weights, rows: int, divisor: float, optimizer: Any, hyper: np.ndarray
    ) -> float:
        """Run only these stages, for a batch of `rows` rows; returns the penalty times the rows."""
        dtype = weights.transposed.dtype
        sums, scratch = np.zeros(self.sums_elements), np.zeros((1, LANES), dtype)
        plan, batch = plan_of(parameters=self.records), empty_batch(dtype, sums=sums, scratch=scratch)
        batch.divisor[0] = divisor
        entry = update_entry(dtype)
        for stage in self.stages:
            update_alone(entry, stage["start"], plan, weights, batch, rows, optimizer, hyper)
        return float(sums[0])


def penalty(layers: "Iterable[Layer]", rows: int, divisor: float, numbers: np.ndarray) -> float:
    """The sum of the layers' penalties, times the rows of the batch; `divisor` is for those that are per sample."""
    parameters = penalized(layers)
    if not parameters:
        return 0.0
    records = [{"number": i} | weight_fields(p, False, None) | penalty_fields(p) for i, p in enumerate(parameters)]
    weights = weight_table(parameters, parameters[0].dtype)
    return Update(records, 1, None).by_hand(weights, rows, divisor, NO_OPTIMIZER, numbers)


def step(
    parameters: Sequence[Parameter], optimizer: "Optimizer", hyper: np.ndarray, samples: float | None = None
) -> None:
    """An optimizer's step on weights for which it has slots, from the gradients that `backward` left.

    `samples`, the number or weight of the batch's samples, is for penalties that are divided by it.
    """
    if not parameters:
        return
    dtype, slots = parameters[0].dtype, optimizer.slot_arrays(parameters)
    entry = optimizer_entry(optimizer.step_kernel, dtype)
    stages = None
    if optimizer.separate or any(p.regularizer or p.constraint for p in parameters):
        fields = [weight_fields(p, True, optimizer) | penalty_fields(p) for p in parameters]
        stages = Update([{"number": i} | own for i, own in enumerate(fields)], 1, optimizer)
    if stages is not None and stages.stages:
        gradients = [p.flat_gradient.copy() for p in parameters]  # the gradients that `backward` left must not change
        stages.by_hand(weight_table(parameters, dtype, gradients, slots), 0, samples or 0.0, entry, hyper)
    else:
        weights = weight_table(parameters, dtype, None, slots)
        for number, p in enumerate(parameters):
            optimize(weights, number, 0, p.rows * p.stride, 0, entry, hyper)
