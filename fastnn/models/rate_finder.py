"""The learning-rate range test: finds a learning rate that suits a model, its optimizer and its data."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import checks
from ..frames import is_sparse
from ..randomness import generator
from ..schedules import LearningRateSchedule
from .data import prepare_fit
from .restoring import restored
from .sequential import Sequential

Numbers = npt.NDArray[np.float64]

_DIVERGENCE = 4.0  # times the best smoothed loss, as in fastai and Lightning


@dataclass(frozen=True)
class RangeTest:
    """What `learning_rate_finder` found; `fastnn.plots.learning_rate_finder` draws it.

    Attributes:
        rates: the learning rates tried, one per step.
        losses: the loss of each step's batch, before the step.
        smoothed: the smoothed losses.
        suggestion: the rate at the steepest descent of `smoothed`, over the logarithm of the rate, before its minimum;
            None if it never falls.
        diverged: the rate at which the test ended early; None if it did all steps.

    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> found = fastnn.learning_rate_finder(model, np.ones((64, 1)), np.ones(64), start=1e-4, stop=1e-2, steps=3)
    >>> found.rates.round(4).tolist(), found.losses.round(2).tolist(), found.diverged
    ([0.0001, 0.001, 0.01], [1.0, 1.0, 0.99], None)
    >>> found
    RangeTest(3 rates, 0.0001 to 0.01; suggestion=0.01, diverged=None)
    """

    rates: Numbers
    losses: Numbers
    smoothed: Numbers
    suggestion: float | None
    diverged: float | None

    def __repr__(self) -> str:
        """What was found, without the arrays."""
        span = f", {self.rates[0]:.3g} to {self.rates[-1]:.3g}" if len(self.rates) else ""
        found = {"suggestion": self.suggestion, "diverged": self.diverged}
        shown = (f"{name}={rate if rate is None else format(rate, '.3g')}" for name, rate in found.items())
        return f"RangeTest({len(self.rates)} rates{span}; {', '.join(shown)})"


def learning_rate_finder(
    model: Sequential,
    x: Any,
    y: Any,
    start: float = 1e-7,
    stop: float = 10.0,
    steps: int = 100,
    batch_size: int | None = None,
    sample_weight: Any = None,
    class_weight: dict[Any, float] | str | None = None,
    smoothing: float = 0.9,
) -> RangeTest:
    """Train for some steps with a learning rate that rises from `start` to `stop`, and record the loss.

    Step i has the rate start (stop / start)^(i / (steps - 1)). The loss is smoothed by an exponential moving average
    (s = smoothing s + (1 - smoothing) loss, divided by 1 - smoothing^(i + 1)). The test ends early when that exceeds 4
    times its lowest value so far, or if a loss is not finite. Afterwards the model, the optimizer with its learning
    rate or schedule, and the state of the random generator are as before.

    The range test is Smith's (2017, https://arxiv.org/abs/1506.01186). The exponential rise, the smoothing, the
    criterion for stopping and the suggestion at the steepest descent are those of fastai and PyTorch Lightning.

    Args:
        model: a compiled model; if it is not built yet, it is built for x.
        x: samples (n, ...), as for `fit`, which are shuffled into batches as there.
        y: targets, as for `fit`.
        start: the first rate, above 0.
        stop: the last rate.
        steps: how many rates to try, at least 2.
        batch_size: samples per step; None: 32.
        sample_weight: (n,) weights of the samples' losses.
        class_weight: as for `fit`.
        smoothing: how much of the average is kept in each step, in [0, 1).

    Raises:
        TypeError, ValueError: for invalid arguments or data; the model is then unchanged.

    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> found = fastnn.learning_rate_finder(model, np.ones((64, 1)), np.ones(64), start=1e-4, steps=50)
    >>> found.rates.size == found.losses.size, bool(1e-4 < found.suggestion < found.diverged)
    (True, True)
    >>> model.get_weights()[0].tolist()  # as before
    [[0.0]]
    """
    if not isinstance(model, Sequential):
        raise TypeError(f"model must be a fastnn.Sequential, received {model!r}")
    start, stop = checks.number(start, "start", 0), checks.number(stop, "stop", 0)
    if not 0 < start < stop:
        raise ValueError(f"start and stop must be rates with 0 < start < stop, received {start:g} and {stop:g}")
    steps = checks.integer(steps, "steps", 2)
    smoothing = checks.number(smoothing, "smoothing", 0, 1, open_high=True)
    rates = np.geomspace(start, stop, steps)
    with model._turns.lock:  # predictions in other threads wait, and never see diverged weights
        with model._unchanged_on_error():
            samples, _, rows = prepare_fit(model, x, y, batch_size, 0.0, None, class_weight, sample_weight)
        x = x.tocsr() if is_sparse(x) else checks.numeric_array(x, "x")
        y, weights = checks.numeric_array(y, "y"), samples.sample_weight
        batches = _batches(len(samples), rows, steps)
        losses, smoothed, diverged = [], [], None
        with restored(model), np.errstate(all="ignore"):
            model.optimizer.learning_rate = _Given(rates, model.optimizer.iterations)
            for batch, rate in zip(batches, rates.tolist(), strict=True):
                part = None if weights is None else weights[batch]
                loss = model.train_on_batch(x[batch], y[batch], part, return_dict=True)["loss"]
                if not math.isfinite(loss):
                    diverged = rate
                    break
                losses.append(loss)
                smoothed.append(_running_mean(losses, smoothing))
                if smoothed[-1] > _DIVERGENCE * min(smoothed) >= 0:  # for a negative loss, "4 times" is meaningless
                    diverged = rate
                    break
    tried = rates[: len(losses)]
    return RangeTest(tried, np.array(losses), np.array(smoothed), _steepest(tried, np.array(smoothed)), diverged)


class _Given(LearningRateSchedule):
    """Rates from an array, beginning at step `first`."""

    def __init__(self, given: Numbers, first: int):
        self.given, self.first = given, first

    def __call__(self, step: int) -> float:
        return float(self.given[min(step - self.first, len(self.given) - 1)])


def _batches(samples: int, rows: int, steps: int) -> npt.NDArray[np.intp]:
    """The samples' indices (steps, rows) for each step: shuffled epochs, and only whole batches."""
    own = copy.deepcopy(generator())  # a copy, so that later random numbers do not change
    whole = samples // rows
    epochs = [own.permutation(samples)[: whole * rows].reshape(whole, rows) for _ in range(-(-steps // whole))]
    return np.concatenate(epochs)[:steps]


def _running_mean(losses: list[float], smoothing: float) -> float:
    """The weighted mean of the losses; each weighs `smoothing` times as much as the next one."""
    weights = smoothing ** np.arange(len(losses) - 1, -1, -1.0)
    return float(weights @ losses / weights.sum())


def _steepest(rates: Numbers, smoothed: Numbers) -> float | None:
    """The rate at the steepest descent of the curve before its minimum."""
    if not len(rates):
        return None
    first, lowest = len(rates) // 10, int(smoothed.argmin())  # the first averages are over few losses
    if lowest <= first:
        return None
    slope = np.gradient(smoothed)  # the rates are equidistant on a logarithmic axis
    return float(rates[first + int(slope[first : lowest + 1].argmin())])
