"""Optimizers, with Keras 3's names, defaults and equations; the equations stand in `kernels/optimizers.py`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import checks, schedules
from .kernels import instructions as op
from .kernels.interpreter import optimize
from .kernels.optimizers import corrected_rate
from .serialization import Configured
from .storage import Parameter, Storage, aligned_zeros

if TYPE_CHECKING:
    from .model import Sequential

LearningRate = float | schedules.LearningRateSchedule


class Optimizer(Configured):
    """Base class: a learning rate, the number of steps so far, and slots, which are arrays as large as the weights.

    Args:
        learning_rate: the size of a step, positive or 0, which may be set at any time; or a schedule.
    """

    opcode = op.SGD
    slot_count = 0
    slot_start = 0.0
    _learning_rate: LearningRate = 0.0

    def __init__(self, learning_rate: LearningRate):
        self.learning_rate = learning_rate
        self.iterations = 0
        self.slots = np.zeros(0, np.float32)
        self._storage: Storage | None = None
        self._places: dict[object, tuple[int, int]] = {}

    @property
    def learning_rate(self) -> float:
        """The size of the next step. Setting it to a number raises a TypeError where a schedule decides."""
        return float(self.rates(self.iterations, 1)[0])

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        if isinstance(value, schedules.LearningRateSchedule):
            self._learning_rate = value
            return
        number = checks.number(value, "learning_rate", 0)
        if self.learning_rate_schedule is not None:
            raise TypeError(
                f"learning_rate cannot be set to {number:g} where a schedule decides: {self.learning_rate_schedule!r}; "
                "give the optimizer a number when making it"
            )
        self._learning_rate = number

    @property
    def learning_rate_schedule(self) -> schedules.LearningRateSchedule | None:
        """What decides about the learning rate step by step; None where it is a number."""
        rate = self._learning_rate
        return rate if isinstance(rate, schedules.LearningRateSchedule) else None

    def rates(self, first_step: int, count: int) -> np.ndarray:
        """The learning rates of `count` steps, of which the first one is `first_step`, counted from 0.

        Returns:
            float64 (count,) from a schedule; (1,), which holds for all of them, where the rate is a number.

        Raises:
            ValueError: if a schedule gives something that is no rate.
        """
        schedule = self.learning_rate_schedule
        if schedule is None:
            return np.array([self._learning_rate], np.float64)
        rates = np.asarray(schedule.rates(first_step, count), np.float64)
        if rates.shape != (count,):
            raise ValueError(f"{schedule!r} must give {count} rates, received an array of shape {rates.shape}")
        fine = np.isfinite(rates) & (rates >= 0)
        if not fine.all():
            bad = int(fine.argmin())
            raise ValueError(
                f"{schedule!r} must give finite rates >= 0, received {rates[bad]} for step {first_step + bad}"
            )
        return rates

    def _argument(self, name: str) -> Any:
        return self._learning_rate if name == "learning_rate" else super()._argument(name)

    def _numbers(self) -> dict[int, float]:
        """The places of `hyper` that this optimizer reads, and what stands there."""
        return {}

    def hyper(self) -> np.ndarray:
        """The vector of numbers that the kernels take."""
        vector = np.zeros(op.WEIGHT_DECAY + 1)
        vector[op.LEARNING_RATE] = vector[op.RATE] = self.learning_rate
        for place, value in self._numbers().items():
            vector[place] = value
        return vector

    def build(self, storage: Storage) -> None:
        """Make the slots for a model's weights. Slots that exist already follow their weights to a new storage.

        Raises:
            ValueError: if the slots belong to the weights of another model.
        """
        if self._storage is storage:
            return
        if self.slot_count and self._places and not any(p in self._places for p in storage.parameters):
            raise ValueError(f"{self!r} goes on with the model that it has trained; use a new optimizer for a new one")
        old_slots, old_places = self.slots, self._places
        size, old_size = storage.values.size, 0 if self._storage is None else self._storage.values.size
        self.slots = aligned_zeros(self.slot_count * size, storage.values.dtype)
        self.slots[:] = self.slot_start
        for p in storage.parameters:
            if p in old_places:
                start, length = old_places[p]
                for s in range(self.slot_count):
                    old = old_slots[s * old_size + start : s * old_size + start + length]
                    self.slots[s * size + p.offset : s * size + p.offset + length] = old
        self._storage = storage
        self._places = {p: (p.offset, p.size) for p in storage.parameters}

    def slots_of(self, parameter: Parameter) -> list[np.ndarray]:
        """The slots of one weight of the model that `build` was called for, as live views of the weight's shape."""
        return [parameter.view_in(slot) for slot in self.slots.reshape(self.slot_count, -1)] if self.slot_count else []

    def step(self, model: "Sequential") -> None:
        """One step on all trainable weights of the model, from the gradients that `backward` left."""
        weights = model.flat_weights(self)
        hyper = self.hyper()  # before the step is counted: a schedule begins with step 0
        self.iterations += 1
        if self.opcode in (op.ADAM, op.AMSGRAD):
            hyper[op.RATE] = corrected_rate(
                hyper[op.LEARNING_RATE], hyper[op.BETA_1], hyper[op.BETA_2], self.iterations
            )
        for layer in model.layers:
            for p in layer.parameters if layer.trainable else ():
                if p.trainable:
                    optimize(weights, p.offset, p.offset, p.rows * p.stride, self.opcode, hyper)

    def __repr__(self) -> str:
        rate = f"{self.learning_rate:g}" if self.learning_rate_schedule is None else repr(self.learning_rate_schedule)
        return f"{type(self).__name__}(learning_rate={rate})"


class SGD(Optimizer):
    """Stochastic gradient descent, w -= learning_rate g, or with momentum v = momentum v - learning_rate g; w += v.

    Args:
        learning_rate: 0.01 unless given.
        momentum: in [0, 1].
        nesterov: look ahead: w += momentum v - learning_rate g (Sutskever et al. 2013).
    """

    def __init__(self, learning_rate: LearningRate = 0.01, momentum: float = 0.0, nesterov: bool = False):
        super().__init__(learning_rate)
        self.momentum = checks.number(momentum, "momentum", 0, 1)
        self.nesterov = bool(nesterov)
        self.opcode = (op.NESTEROV if self.nesterov else op.MOMENTUM) if self.momentum > 0 else op.SGD
        self.slot_count = 0 if self.opcode == op.SGD else 1

    def _numbers(self) -> dict[int, float]:
        return {op.INERTIA: self.momentum}


class Adagrad(Optimizer):
    """a += g^2; w -= learning_rate g / sqrt(a + epsilon) (Duchi, Hazan & Singer 2011).

    Args:
        learning_rate: 0.001 unless given.
        initial_accumulator_value: where every a starts.
        epsilon: keeps the root away from 0.
    """

    opcode = op.ADAGRAD
    slot_count = 1

    def __init__(
        self, learning_rate: LearningRate = 0.001, initial_accumulator_value: float = 0.1, epsilon: float = 1e-7
    ):
        super().__init__(learning_rate)
        self.slot_start = self.initial_accumulator_value = checks.number(
            initial_accumulator_value, "initial_accumulator_value", 0
        )
        self.epsilon = checks.number(epsilon, "epsilon", 0)

    def _numbers(self) -> dict[int, float]:
        return {op.EPSILON: self.epsilon}


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g^2; w -= learning_rate g / sqrt(v + epsilon) (Hinton, Coursera lecture 6e).

    Args:
        learning_rate: 0.001 unless given.
        rho: how much of v is kept, in [0, 1].
        momentum: of the step, in [0, 1].
        epsilon: stands inside the root.
        centered: divide by the variance v - mean(g)^2 instead of v (Graves 2013).
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
    ):
        super().__init__(learning_rate)
        self.rho, self.momentum = checks.number(rho, "rho", 0, 1), checks.number(momentum, "momentum", 0, 1)
        self.epsilon = checks.number(epsilon, "epsilon", 0)
        self.centered = bool(centered)
        self.opcode = op.RMSPROP_CENTERED if self.centered else op.RMSPROP_MOMENTUM if self.momentum > 0 else op.RMSPROP
        self.slot_count = {op.RMSPROP: 1, op.RMSPROP_MOMENTUM: 2, op.RMSPROP_CENTERED: 3}[self.opcode]

    def _numbers(self) -> dict[int, float]:
        return {op.RHO: self.rho, op.INERTIA: self.momentum, op.EPSILON: self.epsilon}


class Adam(Optimizer):
    """m and v are running means of g and g^2; w -= rate m / (sqrt(v) + epsilon) (Kingma & Ba 2015).

    rate = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) at step t: epsilon is the paper's "epsilon hat".

    Args:
        learning_rate: 0.001 unless given.
        beta_1, beta_2: how much of m and v is kept, in [0, 1).
        epsilon: stands outside the root.
        amsgrad: use the largest v so far (Reddi, Kale & Kumar 2018).
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
    ):
        super().__init__(learning_rate)
        self.beta_1 = checks.number(beta_1, "beta_1", 0, 1, open_high=True)
        self.beta_2 = checks.number(beta_2, "beta_2", 0, 1, open_high=True)
        self.epsilon = checks.number(epsilon, "epsilon", 0)
        self.amsgrad = bool(amsgrad)
        self.opcode, self.slot_count = (op.AMSGRAD, 3) if self.amsgrad else (op.ADAM, 2)

    def _numbers(self) -> dict[int, float]:
        return {op.BETA_1: self.beta_1, op.BETA_2: self.beta_2, op.EPSILON: self.epsilon}


class AdamW(Adam):
    """Adam after w -= learning_rate weight_decay w, on all weights (Loshchilov & Hutter 2019).

    Args:
        learning_rate: 0.001 unless given.
        weight_decay: 0.004 unless given.
        beta_1, beta_2, epsilon, amsgrad: as in Adam.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad)
        self.weight_decay = checks.number(weight_decay, "weight_decay", 0)

    def _numbers(self) -> dict[int, float]:
        return super()._numbers() | {op.WEIGHT_DECAY: self.weight_decay}


_BY_NAME: dict[str, Callable[[], Optimizer]] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


def get(identifier: object) -> Optimizer:
    """An optimizer from its name (any case), or as it is.

    Raises:
        ValueError: for an unknown name; suggests the nearest known one.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    name = identifier.lower() if isinstance(identifier, str) else identifier
    return _BY_NAME[checks.nearest(name, _BY_NAME, "optimizer")]()
