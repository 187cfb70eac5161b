"""Learning-rate schedules, with Keras 3's names, defaults and formulas; `OneCycle` is not in Keras.

Pass a schedule as an optimizer's learning rate: `SGD(ExponentialDecay(0.1, 1000, 0.5))`. Steps are counted from 0
over the whole training, as in `Optimizer.iterations`.
"""

import math
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from . import checks
from .configured import arguments
from .settings import Guarded

Rates = npt.NDArray[np.float64]


class LearningRateSchedule(Guarded, module="fastnn.schedules", abstract=True):
    """Base class. A schedule of your own overrides `__call__`.

    If the constructor stores its arguments as attributes of the same names, the schedule is saved with its model.

    >>> class Inverse(fastnn.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 / (1 + step)
    >>> Inverse().rates(0, 2).tolist()
    [0.1, 0.05]
    """

    def __call__(self, step: int) -> float:
        """The learning rate at one step.

        Args:
            step: the number of steps before it, over all epochs.
        """
        raise NotImplementedError(f"{type(self).__name__} has no __call__(step)")

    def rates(self, first: int, count: int) -> Rates:
        """The learning rates (count,) at the steps `first`, `first` + 1, ..."""
        return np.array([self(step) for step in range(first, first + count)], np.float64)

    def __repr__(self) -> str:
        given = (f"{name}={getattr(self, name, '?')!r}" for name in arguments(type(self)) if name != "name")
        return f"{type(self).__name__}({', '.join(given)})"


class _Formula(LearningRateSchedule):
    """A schedule whose formula takes an array of steps; a single step is an array of one, with the same bits."""

    def __call__(self, step: int) -> float:
        """The learning rate at one step."""
        return float(self.rates(step, 1)[0])

    def rates(self, first: int, count: int) -> Rates:
        """The learning rates (count,) at the steps `first`, `first` + 1, ..."""
        with np.errstate(over="ignore"):  # the optimizer rejects a rate that has become infinite
            return self._at(np.arange(first, first + count, dtype=np.float64))

    def _at(self, steps: Rates) -> Rates:
        raise NotImplementedError


class ExponentialDecay(_Formula):
    """initial_learning_rate decay_rate^(step / decay_steps).

    With `staircase=True` the rate is multiplied by `decay_rate` once every `decay_steps` steps ("step decay").

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: the number of steps over which the rate is multiplied by `decay_rate`.
        decay_rate: at least 0.
        staircase: round the exponent down to a whole number.
        name: stored only for compatibility with Keras.

    >>> fastnn.schedules.ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5).rates(0, 301)[::100].round(4).tolist()
    [0.1, 0.05, 0.025, 0.0125]
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
        initial_learning_rate: the rate at step 0.
        decay_steps: one step adds 1 / decay_steps to the time.
        decay_rate: at least 0.
        staircase: round step / decay_steps down to a whole number.
        name: stored only for compatibility with Keras.

    >>> fastnn.schedules.InverseTimeDecay(0.1, decay_steps=100, decay_rate=1.0).rates(0, 301)[::100].round(4).tolist()
    [0.1, 0.05, 0.0333, 0.025]
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
        values: the rates, one more than there are boundaries.
        name: stored only for compatibility with Keras.

    >>> rate = fastnn.schedules.PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> rate(100), rate(101), rate(201)
    (0.1, 0.01, 0.001)
    """

    def __init__(self, boundaries: Any, values: Any, name: str = "PiecewiseConstant"):
        self.boundaries = _numbers(boundaries, "boundaries", -math.inf)
        self.values = _numbers(values, "values", 0)
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values must hold one rate more than boundaries, {len(self.boundaries) + 1}, "
                f"received {len(self.values)}"
            )
        if any(a >= b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"boundaries must increase, received {boundaries!r}")
        self.name = name

    def _at(self, steps: Rates) -> Rates:
        return np.array(self.values, np.float64)[np.searchsorted(self.boundaries, steps, side="left")]


class PolynomialDecay(_Formula):
    """(initial_learning_rate - end_learning_rate) (1 - step / decay_steps)^power + end_learning_rate.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: the number of steps until `end_learning_rate` is reached; the rate stays there.
        end_learning_rate: the rate at the end.
        power: at least 0; 1 makes the decay linear.
        cycle: instead of staying there, start again, with decay_steps twice, three times, ... as long.
        name: stored only for compatibility with Keras.

    >>> rate = fastnn.schedules.PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0)
    >>> [round(rate(step), 4) for step in (0, 50, 100, 1000)]
    [0.1, 0.05, 0.0, 0.0]
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
    """Linear warm-up to `warmup_target`, then half a cosine down to `alpha` times that.

    With p = (step - warmup_steps) / decay_steps, from 0 to 1, the decay is
    warmup_target ((1 - alpha) (1 + cos(pi p)) / 2 + alpha) (Loshchilov & Hutter 2017; the warm-up: Goyal et al. 2017).

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: the number of steps of the decay; the rate stays constant afterwards.
        alpha: the final rate, as a fraction of the rate at which the decay began.
        name: stored only for compatibility with Keras.
        warmup_target: the rate after the warm-up; None: no warm-up, the decay begins at `initial_learning_rate`.
        warmup_steps: the number of steps of the warm-up.

    >>> rate = fastnn.schedules.CosineDecay(0.0, decay_steps=100, warmup_target=0.1, warmup_steps=10)
    >>> [round(rate(step), 4) for step in (0, 5, 10, 60, 110)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
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
    """Cosine decay with warm restarts (SGDR; Loshchilov & Hutter 2017).

    In period i, with p from 0 to 1, the rate is
    initial_learning_rate ((1 - alpha) m_mul^i (1 + cos(pi p)) / 2 + alpha).

    Args:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: the length of the first period, in steps.
        t_mul: each period is this many times as long as the one before, at least 1.
        m_mul: each period starts at this many times the rate at which the one before started.
        alpha: the rate at the end of each period, as a fraction of `initial_learning_rate`.
        name: stored only for compatibility with Keras.

    >>> rate = fastnn.schedules.CosineDecayRestarts(0.1, first_decay_steps=100)
    >>> [round(rate(step), 4) for step in (0, 50, 99, 100, 200)]
    [0.1, 0.05, 0.0, 0.1, 0.05]
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
        time = steps / self.first_decay_steps  # in units of the first period
        period = np.floor(time)
        if self.t_mul > 1:
            period = np.floor(np.log1p(time * (self.t_mul - 1)) / math.log(self.t_mul))
            # The quotient of logarithms may round to the wrong side of a whole number: a restart would come too late.
            period += time >= self._begin(period + 1)
            period -= time < self._begin(period)
        done = np.clip((time - self._begin(period)) / self.t_mul**period, 0, 1)
        cosine: Rates = 0.5 * self.m_mul**period * (1 + np.cos(math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)

    def _begin(self, period: Rates) -> Rates:
        """When a period begins: 1 + t_mul + t_mul^2 + ..., in units of the first period."""
        begin: Rates = period if self.t_mul == 1 else (self.t_mul**period - 1) / (self.t_mul - 1)
        return begin


class OneCycle(_Formula):
    """Up to `max_learning_rate` and down again, each along half a cosine (Smith & Topin 2018).

    The rates are those of PyTorch's `OneCycleLR`: from max_learning_rate / div_factor at step 0 up to
    max_learning_rate at step pct_start total_steps - 1, and down to the initial rate / final_div_factor at the last
    step; the rate stays there. Only the learning rate is scheduled, not the momentum.

    Args:
        max_learning_rate: the highest rate.
        total_steps: the number of training steps: epochs times batches per epoch.
        pct_start: the fraction of the steps during which the rate rises, in [0, 1].
        div_factor: the initial rate is max_learning_rate / div_factor.
        final_div_factor: the final rate is the initial rate / final_div_factor.
        name: stored, as for the other schedules.

    >>> rate = fastnn.schedules.OneCycle(0.1, total_steps=100)
    >>> [round(rate(step), 6) for step in (0, 29, 99)]
    [0.004, 0.1, 0.0]
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
        self.total_steps = checks.integer(total_steps, "total_steps")
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
    """Keep an integer an integer."""
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
