"""Callbacks that change the learning rate from epoch to epoch."""

import inspect
from collections.abc import Callable
from typing import Any

from .. import checks
from .base import Callback, Logs
from .monitors import Monitor


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of every epoch; it is logged as "learning_rate".

    Args:
        schedule: a function that returns the new learning rate. It gets the epoch, counted from 0, and, if it takes
            two arguments, the current rate. (For rates that change from step to step see `fastnn.schedules`.)
        verbose: 1 prints every rate.

    Raises:
        TypeError: if the optimizer already has a schedule.

    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
    >>> model.compile(fastnn.optimizers.SGD(0.1), "mse")
    >>> halve = fastnn.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=3, verbose=0, callbacks=halve)
    >>> history.history["learning_rate"]
    [0.05, 0.025, 0.0125]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"schedule must be a function of the epoch and the learning rate, received {schedule!r}")
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = _takes_two(schedule)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Reject an optimizer that has a schedule."""
        _require_number(self)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the rate."""
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, optimizer.learning_rate) if self._takes_rate else self.schedule(epoch)
        optimizer.learning_rate = checks.number(rate, f"the schedule's learning rate of epoch {epoch}", 0)
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {optimizer.learning_rate:g}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Log the rate."""
        _log_rate(self, logs)


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by `factor` when a monitored value has not improved for `patience` epochs.

    The rate used in each epoch is logged as "learning_rate".

    Args:
        monitor: a key of the logs.
        factor: in [0, 1).
        patience: epochs without improvement after which the rate is reduced.
        verbose: 1 prints each reduction.
        mode: "min", "max", or "auto", which takes the direction from the metric.
        min_delta: a change must be larger than this to count as an improvement.
        cooldown: epochs after a reduction during which patience is not counted.
        min_lr: the lower bound of the rate.

    Raises:
        TypeError: if the optimizer has a schedule.
        ValueError: for an unknown mode, or if "auto" does not know the direction of the monitored key.

    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(fastnn.optimizers.SGD(0.5), "mae")
    >>> reduce = fastnn.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1)
    >>> history = model.fit(np.ones((4, 1)), np.full(4, 0.5), epochs=4, verbose=0, callbacks=reduce)
    >>> [round(rate, 3) for rate in history.history["learning_rate"]]
    [0.5, 0.5, 0.05, 0.005]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.factor = checks.number(factor, "factor", 0, 1, open_high=True)
        self.patience = checks.integer(patience, "patience", 0)
        self.verbose = verbose
        self.cooldown = checks.integer(cooldown, "cooldown", 0)
        self.min_lr = checks.number(min_lr, "min_lr", 0)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget earlier training runs; reject an optimizer that has a schedule."""
        _require_number(self)
        super().on_train_begin(logs)
        self.best: float | None = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Log the rate, compare the monitored value with the best one, and reduce the rate if patience has run out."""
        _log_rate(self, logs)
        value = self._monitored(logs)
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
        if self.best is None or self._improves(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience and self.model.optimizer.learning_rate > self.min_lr:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {optimizer.learning_rate:g}.")


def _takes_two(function: Callable[..., Any]) -> bool:
    """Whether a function can be called with two arguments; assumed so if its signature cannot be read."""
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # it has no signature
        return True
    return True


def _require_number(callback: Callback) -> None:
    """A TypeError if the optimizer has a schedule, so that the callback could not set the learning rate."""
    schedule = callback.model.optimizer.learning_rate_schedule
    if schedule is not None:
        raise TypeError(
            f"{type(callback).__name__} sets the learning rate, but the optimizer has the schedule {schedule!r}; "
            "give it a number instead"
        )


def _log_rate(callback: Callback, logs: Logs | None) -> None:
    if logs is not None:
        logs["learning_rate"] = callback.model.optimizer.learning_rate
