"""Learning-rate schedules, with Keras 3's names, defaults and formulas; `OneCycle` is fastnn's own.

A schedule takes the place of an optimizer's learning rate: `SGD(ExponentialDecay(0.1, 1000, 0.5))`. Steps count from 0
over the whole training, as `Optimizer.iterations` does.
"""

import math
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from . import checks
from .configured import Configured, arguments

Rates = npt.NDArray[np.float64]


class LearningRateSchedule(Configured, module="fastnn.schedules", abstract=True):
    """Base class, also of schedules of your own, which override `__call__`.

    Where the constructor keeps its arguments as attributes of the same names, a schedule is saved with its model.

    >>> class Halves(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 / (1 + step)
    >>> Halves().rates(0, 2).tolist()
    [0.1, 0.05]
    """

    def __call__(self, step: int) -> float:
        """The learning rate of one step."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__(step)")

    def rates(self, first: int, count: int) -> Rates:
        """The learning rates (count,) of the steps `first`, `first` + 1, ..."""
        return np.array([self(step) for step in range(first, first + count)], np.float64)

    def __repr__(self) -> str:
        given = (f"{name}={getattr(self, name, '?')!r}" for name in arguments(type(self)) if name != "name")
        return f"{type(self).__name__}({', '.join(given)})"


class _Formula(LearningRateSchedule):
    """A schedule whose formula takes all steps at once. A single one goes the same way, and so has the same bits."""

    def __call__(self, step: int) -> float:
        """The learning rate of one step."""
        return float(self.rates(step, 1)[0])

    def rates(self, first: int, count: int) -> Rates:
        """The learning rates (count,) of the steps `first`, `first` + 1, ..."""
        with np.errstate(over="ignore"):  # a rate that has become infinite is refused by the optimizer
            return self._at(np.arange(first, first + count, dtype=np.float64))

    def _at(self, steps: Rates) -> Rates:
        raise NotImplementedError


class ExponentialDecay(_Formula):
    """initial_learning_rate decay_rate^(step / decay_steps).

    With `staircase=True` the rate is multiplied by `decay_rate` once every `decay_steps` steps ("step decay").

    Args:
        initial_learning_rate: the rate of step 0.
        decay_steps: the steps in which the rate is multiplied by `decay_rate`.
        decay_rate: at least 0.
        staircase: let the exponent be whole numbers only.
        name: kept, for Keras's sake.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        self.initial_learning_rate = checks.number(initial_learning_rate, "initial_learning_rate", 0)
        self.decay_steps = _positive(decay_steps, "decay_steps")
        self.decay_rate = checks.number(decay_rate, "decay_rate", 0)
        self.staircase, self.name = bool(staircase), name

    def _at(self, steps: Rates) -> Rates:
        exponent = steps / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (np.floor(exponent) if self.staircase else exponent)


class InverseTimeDecay(_Formula):
    """initial_learning_rate / (1 + decay_rate step / decay_steps).

    Args:
        initial_learning_rate: the rate of step 0.
        decay_steps: what a step counts as: 1 / decay_steps.
        decay_rate: at least 0.
        staircase: let step / decay_steps be whole numbers only.
        name: kept, for Keras's sake.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        self.initial_learning_rate = checks.number(initial_learning_rate, "initial_learning_rate", 0)
        self.decay_steps = _positive(decay_steps, "decay_steps")
        self.decay_rate = checks.number(decay_rate, "decay_rate", 0)
        self.staircase, self.name = bool(staircase), name

    def _at(self, steps: Rates) -> Rates:
        time = steps / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (np.floor(time) if self.staircase else time))


class PiecewiseConstantDecay(_Formula):
    """values[0] up to and including step boundaries[0], then values[1] up to boundaries[1], ...

    Args:
        boundaries: steps, each larger than the one before.
        values: rates, one more than there are boundaries.
        name: kept, for Keras's sake.
    """

    def __init__(self, boundaries: Any, values: Any, name: str = "PiecewiseConstant"):
        self.boundaries = _numbers(boundaries, "boundaries", -math.inf)
        self.values = _numbers(values, "values", 0)
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values must be one more than the {len(self.boundaries)} boundaries, received {len(self.values)}"
            )
        if any(a >= b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"boundaries must rise, received {boundaries!r}")
        self.name = name

    def _at(self, steps: Rates) -> Rates:
        return np.array(self.values, np.float64)[np.searchsorted(self.boundaries, steps, side="left")]


class PolynomialDecay(_Formula):
    """(initial_learning_rate - end_learning_rate) (1 - step / decay_steps)^power + end_learning_rate.

    Args:
        initial_learning_rate: the rate of step 0.
        decay_steps: when the end is reached; the rate stays there.
        end_learning_rate: the rate at the end.
        power: at least 0; 1 is a straight line.
        cycle: instead of staying, begin again with decay_steps twice, three times, ... as long.
        name: kept, for Keras's sake.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate = checks.number(initial_learning_rate, "initial_learning_rate", 0)
        self.decay_steps = _positive(decay_steps, "decay_steps")
        self.end_learning_rate = checks.number(end_learning_rate, "end_learning_rate", 0)
        self.power = checks.number(power, "power", 0)
        self.cycle, self.name = bool(cycle), name

    def _at(self, steps: Rates) -> Rates:
        if self.cycle:
            done = steps / (self.decay_steps * np.maximum(1, np.ceil(steps / self.decay_steps)))
        else:
            done = np.minimum(steps, self.decay_steps) / self.decay_steps
        return (self.initial_learning_rate - self.end_learning_rate) * (1 - done) ** self.power + self.end_learning_rate


class CosineDecay(_Formula):
    """A straight line up to `warmup_target`, then half a cosine down to `alpha` times that.

    With p = (step - warmup_steps) / decay_steps, from 0 to 1, the decay is
    warmup_target ((1 - alpha) (1 + cos(pi p)) / 2 + alpha) (Loshchilov & Hutter 2017; the warm-up: Goyal et al. 2017).

    Args:
        initial_learning_rate: the rate of step 0.
        decay_steps: the steps of the decay; the rate stays where it has come then.
        alpha: where the decay ends, as a share of where it began.
        name: kept, for Keras's sake.
        warmup_target: the rate after the warm-up; None: no warm-up, the decay begins with `initial_learning_rate`.
        warmup_steps: the steps of the warm-up.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ):
        self.initial_learning_rate = checks.number(initial_learning_rate, "initial_learning_rate", 0)
        self.decay_steps = _positive(decay_steps, "decay_steps")
        self.alpha = checks.number(alpha, "alpha", 0)
        self.name = name
        self.warmup_target = None if warmup_target is None else checks.number(warmup_target, "warmup_target", 0)
        self.warmup_steps = _whole(warmup_steps, checks.number(warmup_steps, "warmup_steps", 0))

    def _at(self, steps: Rates) -> Rates:
        start, target = self.initial_learning_rate, self.warmup_target
        warmup = 0 if target is None else self.warmup_steps
        top = start if target is None else target
        done = np.clip(steps - warmup, 0, self.decay_steps) / self.decay_steps
        decayed = top * ((1 - self.alpha) * (0.5 * (1 + np.cos(math.pi * done))) + self.alpha)
        return np.where(steps < warmup, (top - start) * (steps / (warmup or 1)) + start, decayed)


class CosineDecayRestarts(_Formula):
    """Half a cosine from `initial_learning_rate` down, again and again (Loshchilov & Hutter 2017).

    In period i, with p from 0 to 1, the rate is
    initial_learning_rate ((1 - alpha) m_mul^i (1 + cos(pi p)) / 2 + alpha).

    Args:
        initial_learning_rate: the rate of step 0.
        first_decay_steps: the steps of the first period.
        t_mul: how many times as long as the one before each further period is, at least 1.
        m_mul: how many times as high as the one before it begins.
        alpha: where each period ends, as a share of `initial_learning_rate`.
        name: kept, for Keras's sake.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate = checks.number(initial_learning_rate, "initial_learning_rate", 0)
        self.first_decay_steps = _positive(first_decay_steps, "first_decay_steps")
        self.t_mul, self.m_mul = checks.number(t_mul, "t_mul", 1), checks.number(m_mul, "m_mul", 0)
        self.alpha = checks.number(alpha, "alpha", 0)
        self.name = name

    def _at(self, steps: Rates) -> Rates:
        time = steps / self.first_decay_steps  # in first periods
        period = np.floor(time)
        if self.t_mul > 1:
            period = np.floor(np.log1p(time * (self.t_mul - 1)) / math.log(self.t_mul))
            # A quotient of logarithms may round to the other side of a whole number, and a restart would come late.
            period += time >= self._begin(period + 1)
            period -= time < self._begin(period)
        done = np.clip((time - self._begin(period)) / self.t_mul**period, 0, 1)
        cosine: Rates = 0.5 * self.m_mul**period * (1 + np.cos(math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)

    def _begin(self, period: Rates) -> Rates:
        """When a period begins: 1 + t_mul + t_mul^2 + ... of the first."""
        begin: Rates = period if self.t_mul == 1 else (self.t_mul**period - 1) / (self.t_mul - 1)
        return begin


class OneCycle(_Formula):
    """Up to `max_learning_rate` and down again, each along half a cosine (Smith & Topin 2018).

    The numbers are those of PyTorch's `OneCycleLR`: from max_learning_rate / div_factor at step 0 up to
    max_learning_rate at step pct_start total_steps - 1, and down to 1 / final_div_factor of the beginning at the last
    step; the rate stays there. Only the rate moves, not the momentum.

    Args:
        max_learning_rate: the highest rate.
        total_steps: the steps of the training: epochs times batches an epoch.
        pct_start: the share of the steps in which the rate rises, in [0, 1].
        div_factor: how many times lower the rate begins.
        final_div_factor: how many times lower than it began it ends.
        name: kept.
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        name: str = "OneCycle",
    ):
        self.max_learning_rate = checks.number(max_learning_rate, "max_learning_rate", 0)
        self.total_steps = checks.positive_integer(total_steps, "total_steps")
        self.pct_start = checks.number(pct_start, "pct_start", 0, 1)
        self.div_factor = float(_positive(div_factor, "div_factor"))
        self.final_div_factor = float(_positive(final_div_factor, "final_div_factor"))
        self.name = name

    def _at(self, steps: Rates) -> Rates:
        top, last = self.max_learning_rate, self.total_steps - 1
        low = top / self.div_factor
        turn = max(0.0, self.pct_start * self.total_steps - 1)
        rise = np.minimum(steps, turn) / (turn or 1)
        fall = np.clip(steps - turn, 0, last - turn) / ((last - turn) or 1)
        return np.where(steps < turn, _cosine(low, top, rise), _cosine(top, low / self.final_div_factor, fall))


def _cosine(start: float, end: float, done: Rates) -> Rates:
    """From start to end along half a cosine."""
    return end + (start - end) / 2 * (1 + np.cos(math.pi * done))


def _whole(given: Any, number: float) -> float:
    """An integer that was given stays one."""
    return int(given) if isinstance(given, Integral) else number


def _positive(value: Any, argument: str) -> float:
    number = checks.number(value, argument, 0)
    if number == 0:
        raise ValueError(f"{argument} must be a finite number > 0, received {value!r}")
    return _whole(value, number)


def _numbers(values: Any, argument: str, low: float) -> list[float]:
    if not isinstance(values, (list, tuple, np.ndarray)):
        raise TypeError(f"{argument} must be a list of numbers, received {values!r}")
    return [_whole(v, checks.number(v, f"{argument}[{i}]", low)) for i, v in enumerate(values)]
