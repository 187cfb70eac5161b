"""What all optimizers share: the learning rate, clipping, weight decay, averages, and the slots of the weights."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Never, Self

import numpy as np

from .. import checks, habits, schedules
from ..configured import arguments
from ..engine import update
from ..engine.parameters import Parameter, trained_weights
from ..kernels import optimizers as kernels
from ..kernels.instructions import (
    AVERAGED,
    BETA_1,
    BETA_2,
    CLIP_NORM,
    CLIP_VALUE,
    EMA_FREQUENCY,
    EMA_MOMENTUM,
    GLOBAL_CLIP_NORM,
    HYPER_NUMBERS,
    ITERATION,
    LEARNING_RATE,
    RATE,
    SEPARATE_DECAY,
    WEIGHT_DECAY,
)
from ..settings import Guarded, Setting, optional, switch, within
from .slots import Slots

if TYPE_CHECKING:
    from ..layers.base import Layer
    from ..models.sequential import Sequential

LearningRate = float | schedules.LearningRateSchedule


class _Clip(Setting[float | None]):
    """One of the three kinds of clipping, of which only one may be set."""

    def __init__(self) -> None:
        super().__init__(optional(checks.positive).check)

    def __set__(self, owner: Any, value: Any) -> None:
        if value is not None:
            others = {name: vars(owner).get(name) for name in ("clipnorm", "clipvalue", "global_clipnorm")}
            given = {name: other for name, other in (others | {self.name: value}).items() if other is not None}
            if len(given) > 1:
                received = ", ".join(f"{name}={limit!r}" for name, limit in given.items())
                raise ValueError(f"only one of clipnorm, clipvalue and global_clipnorm can be set, received {received}")
        super().__set__(owner, value)


class Optimizer(Guarded, module="fastnn.optimizers", abstract=True):
    """Base class: a learning rate, the number of steps so far, and slots, which are arrays of the weights' shapes.

    Args:
        learning_rate: the step size, at least 0, which may be set at any time; or a schedule.
        weight_decay: each step begins with w -= learning_rate weight_decay w, separately from the gradient (Loshchilov
            & Hutter 2019); None: no decay. `exclude_from_weight_decay` excludes some weights.
        clipnorm: the largest norm of each weight's gradient; larger gradients are scaled down to it. None: no limit.
        clipvalue: gradients are clipped to [-clipvalue, clipvalue], element by element; None: no limit.
        global_clipnorm: the largest norm of all gradients together (Pascanu, Mikolov & Bengio 2013). Only one of the
            three kinds of clipping may be set.
        use_ema: keep moving averages of the weights, average = ema_momentum average + (1 - ema_momentum) w after each
            step (Polyak & Juditsky 1992). At the end of `fit` they replace the weights.
        ema_momentum: how much of the averages is kept in each step, in [0, 1].
        ema_overwrite_frequency: the averages also replace the weights every so many steps; None: only at the end.

    >>> optimizer = fastnn.optimizers.Adam(0.01, clipnorm=1.0)
    >>> optimizer.learning_rate, optimizer.iterations
    (0.01, 0)
    """

    _settable = ("iterations",)

    weight_decay = optional(checks.number, 0)
    clipnorm, clipvalue, global_clipnorm = _Clip(), _Clip(), _Clip()
    use_ema, ema_momentum = switch(), within(0, 1)
    ema_overwrite_frequency = optional(checks.integer)
    _learning_rate: LearningRate = 0.0

    def __init__(
        self,
        learning_rate: LearningRate,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        **unknown: Never,
    ):
        habits.refuse_arguments(f"{type(self).__name__}()", unknown, lambda: arguments(type(self)))
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self._excluded: set[Parameter] = set()  # excluded from weight decay: weights, and parts of weights' names
        self._excluded_names: tuple[str, ...] = ()
        self.iterations = 0
        self._slots = Slots()
        self._has_a_model = False

    @property
    def learning_rate(self) -> float:
        """The step size of the next step. Setting it to a number raises a TypeError if there is a schedule."""
        return float(self.rates(self.iterations, 1)[0])

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        if isinstance(value, schedules.LearningRateSchedule):
            self._learning_rate = value
            return
        number = checks.number(value, "learning_rate", 0)
        if self.learning_rate_schedule is not None:
            raise TypeError(
                f"learning_rate cannot be set to {number:g}: it follows the schedule {self.learning_rate_schedule!r}; "
                "create the optimizer with a number instead"
            )
        self._learning_rate = number

    @property
    def learning_rate_schedule(self) -> schedules.LearningRateSchedule | None:
        """The schedule that the learning rate follows; None if it is a number."""
        rate = self._learning_rate
        return rate if isinstance(rate, schedules.LearningRateSchedule) else None

    def rates(self, first_step: int, count: int) -> np.ndarray:
        """The learning rates of `count` steps from step `first_step` on, counted from 0.

        Returns:
            float64 (count,) from a schedule; (1,), the rate of all steps, if it is a number.

        Raises:
            ValueError: if a schedule does not return finite rates >= 0.
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
        """This optimizer's own numbers by their indices in `hyper`."""
        return {}

    def hyper(self) -> np.ndarray:
        """The vector of numbers for the kernels (`kernels/instructions.py`)."""
        vector = np.zeros(HYPER_NUMBERS)
        vector[LEARNING_RATE] = vector[RATE] = self.learning_rate
        vector[SEPARATE_DECAY if self._excludes else WEIGHT_DECAY] = self.weight_decay or 0
        vector[CLIP_NORM], vector[CLIP_VALUE] = self.clipnorm or 0, self.clipvalue or 0
        vector[GLOBAL_CLIP_NORM] = self.global_clipnorm or 0
        if self.use_ema and self._slots.averaged:
            vector[AVERAGED], vector[EMA_MOMENTUM] = 1, self.ema_momentum
            vector[EMA_FREQUENCY] = self.ema_overwrite_frequency or 0
        for place, value in self._numbers().items():
            vector[place] = value
        return vector

    @property
    def slot_count(self) -> int:
        """The number of slots of the equation."""
        return 0

    @property
    def slot_start(self) -> float:
        """The initial value of these slots."""
        return 0.0

    @property
    def all_slots(self) -> int:
        """The number of slots: those of the equation, and one after them for averages."""
        return self.slot_count + self.use_ema

    @property
    def norms(self) -> bool:
        """Whether a step needs norms of whole gradients."""
        return self.clipnorm is not None or self.global_clipnorm is not None

    @property
    def separate(self) -> bool:
        """Whether a step does more than decay and equation, in stages after that of the gradients."""
        return self.norms or self.clipvalue is not None or self.use_ema or self._excludes

    @property
    def idle_without_gradient(self) -> bool:
        """Whether a step leaves a weight and its slots as they are where the gradient is 0.

        Then only the rows of a kernel that a batch of sparse samples touches need a step.
        """
        return False

    @property
    def update_key(self) -> tuple[object, ...]:
        """The settings that a training program depends on."""
        return self.norms, self.separate, self._excluded, self._excluded_names, self.idle_without_gradient

    @property
    def _excludes(self) -> bool:
        return bool(self.weight_decay and (self._excluded or self._excluded_names))

    def exclude_from_weight_decay(
        self, var_list: Iterable[Parameter] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Exclude some weights from weight decay; must be called before training. The last call counts.

        Args:
            var_list: weights from `layer.parameters`. These cannot be saved in a model file.
            var_names: parts of weights' names, such as `["bias"]` for all biases.

        Raises:
            RuntimeError: if the optimizer has trained already.
        """
        if self._has_a_model:
            raise RuntimeError("exclude_from_weight_decay must be called before training")
        weights, names = list(var_list or ()), [var_names] if isinstance(var_names, str) else list(var_names or ())
        if not all(isinstance(p, Parameter) for p in weights):
            raise TypeError(f"var_list must hold weights such as those in layer.parameters, received {weights!r}")
        if not all(isinstance(name, str) and name for name in names):
            raise TypeError(f'var_names must hold strings such as "bias", received {names!r}')
        self._excluded, self._excluded_names = set(weights), tuple(names)

    def decays(self, parameter: Parameter) -> bool:
        """Whether weight decay applies to a weight."""
        return parameter not in self._excluded and not any(name in parameter.name for name in self._excluded_names)

    def _beyond_arguments(self) -> dict[str, Any]:
        """The names that are excluded from weight decay, if there are any."""
        if self._excluded:
            raise ValueError("a model file can hold exclude_from_weight_decay(var_names=...) only, received var_list")
        return {"excluded_from_weight_decay": list(self._excluded_names)} if self._excluded_names else {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new optimizer, which has taken no step.

        Args:
            config: what `get_config` returned.
        """
        given = dict(config)
        excluded = given.pop("excluded_from_weight_decay", None)
        optimizer = super().from_config(given)
        if excluded is not None:
            optimizer.exclude_from_weight_decay(var_names=excluded)
        return optimizer

    def build(self, var_list: Sequence[Parameter]) -> None:
        """Make the slots for those of a model's weights that do not have them yet; `fit` and `step` do it themselves.

        Args:
            var_list: weights, as `Layer.add_weight` returns them.

        Raises:
            ValueError: if the optimizer has trained another model, none of whose weights are among these.
        """
        slots, now = self._slots, (self.slot_count, self.use_ema)
        missing = [p for p in var_list if p not in slots]
        if not missing and now == (slots.count, slots.averaged):
            return
        if missing and self._has_a_model and sum(now) and len(slots) and len(missing) == len(var_list):
            raise ValueError(
                f"{self!r} can only continue with the model that it has trained; use a new optimizer for another model"
            )
        slots.make(missing, *now, self.slot_start)
        self._has_a_model = True

    def slot_arrays(self, var_list: Iterable[Parameter]) -> list[np.ndarray]:
        """The slots (slots, size) of each weight, after `build`; an empty list if the optimizer has no slots."""
        return self._slots.arrays(var_list) if self.all_slots else []

    def slots_of(self, parameter: Parameter) -> list[np.ndarray]:
        """The slots of one weight, after `build`, as live views of the weight's shape.

        Args:
            parameter: the weight, as `Layer.add_weight` returns it: `layer.kernel`.
        """
        return self._slots.views(parameter)

    @property
    def slots_made(self) -> int:
        """How often slots were allocated: programs hold their addresses."""
        return self._slots.made

    @property
    def has_slots(self) -> bool:
        """Whether slots have been made for a model."""
        return self._has_a_model and self.all_slots > 0

    def finalize_variable_values(self, var_list: Iterable[Parameter]) -> None:
        """Replace the weights by their averages, as `fit` does at its end; without `use_ema`, do nothing.

        Args:
            var_list: the weights.
        """
        if self.use_ema and self._slots.averaged and self.iterations:  # else there are none for the averages yet
            for p in var_list:
                if p in self._slots:
                    p.value[...] = self.slots_of(p)[-1]

    @property
    def _slots_now(self) -> int:
        """The slots of the equation that there are; `slot_count` may have changed since `build`."""
        return self._slots.count if self._slots.made else self.slot_count

    @property
    def step_kernel(self) -> Any:
        """The function that the interpreter calls for a step, from the end of `kernels/optimizers.py`.

        Chosen by `_slots_now`: it reads and writes as many slots.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step_kernel; derive it from an optimizer that has one")

    def step(self, model: "Sequential", samples: float | None = None) -> None:
        """One step on all trainable weights of the model, with the gradients of the last `backward`.

        The gradients of penalties are added here; `gradients` does not change.

        Args:
            model: the model.
            samples: what the loss was divided by, the number of samples or the sum of their weights: needed only for
                penalties with `per_sample=True`.

        Raises:
            ValueError: if a penalty needs `samples`, or if they are negative.
            TypeError: for anything but a model, such as a single layer, for which there is `step_on`.
        """
        layers = getattr(model, "layers", None)
        if not isinstance(layers, (list, tuple)):
            raise TypeError(
                f"model must be a fastnn.Sequential, received {type(model).__name__}; "
                "for layers without a model call step_on([layer, ...])"
            )
        self.step_on(layers, samples)

    def step_on(self, layers: "Sequence[Layer]", samples: float | None = None) -> None:
        """`step` on the trainable weights of some layers.

        Raises:
            TypeError: for anything but a list of layers.
            ValueError: if a penalty needs `samples`, or if they are negative.
        """
        if not isinstance(layers, (list, tuple)) or not all(hasattr(layer, "parameters") for layer in layers):
            raise TypeError(f"layers must be a list of layers, received {layers!r}")
        trained = trained_weights(layers)
        if samples is not None:
            checks.number(samples, "samples", 0)
        elif any(p.regularizer is not None and p.regularizer.per_sample for p in trained):
            raise ValueError(
                "samples must be what the loss was divided by, such as the number of samples of the batch, because a "
                "regularizer has per_sample=True; received None"
            )
        self.build([p for layer in layers for p in layer.parameters])
        hyper = self.hyper()  # before the step is counted: a schedule begins with step 0
        self.iterations += 1
        if hyper[BETA_1] > 0 or hyper[BETA_2] > 0:
            hyper[RATE] = kernels.corrected_rate(
                hyper[LEARNING_RATE],
                hyper[BETA_1],
                hyper[BETA_2],
                self.iterations,
            )
        hyper[ITERATION] = self.iterations
        update.step(trained, self, hyper, samples)

    def __repr__(self) -> str:
        rate = f"{self.learning_rate:g}" if self.learning_rate_schedule is None else repr(self.learning_rate_schedule)
        return f"{type(self).__name__}(learning_rate={rate})"


habits.explain_attributes(Optimizer, habits.OPTIMIZER)
