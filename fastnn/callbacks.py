"""Callbacks: what happens during `fit`. Hooks, arguments and behaviour are Keras 3's."""

import inspect
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import checks

if TYPE_CHECKING:
    from .models.sequential import Sequential

Logs = dict[str, float]


class Callback:
    """Base class: override the hooks you need.

    `fit` returns to Python only as often as the callbacks need: after every batch if an `on_train_batch_...` hook is
    overridden, after every epoch if any other hook is. A callback reads and changes the model through `self.model`;
    `self.model.stop_training = True` ends training after the current epoch.

    >>> class PrintLoss(fastnn.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, round(logs["loss"], 3))
    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(fastnn.optimizers.SGD(0.1), "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=2, verbose=0, callbacks=PrintLoss())
    0 1.0
    1 0.36
    """

    def __init__(self) -> None:
        self.model: Sequential
        self.params: dict[str, Any] = {}

    def set_model(self, model: "Sequential") -> None:
        """Called before anything else."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """`params` has "epochs", "steps" (batches per epoch) and "verbose"."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called once, before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called once, after the last epoch, with its logs."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before every epoch; `epoch` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after every epoch, with "loss", the metrics and their "val_..." values."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before every batch; `batch` counts from 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after every batch, with the means over the epoch so far."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before the validation data are evaluated."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after the validation data were evaluated, with the results."""

    def on_loss_not_finite(self, epoch: int, batch: int) -> None:
        """Called once, after the first batch whose loss is NaN or infinite (fastnn's own hook)."""


class History(Callback):
    """What `fit` returns.

    Attributes:
        history: a dict with one list for "loss", for each metric and for their "val_..." values, one number per epoch;
            keys are sorted.
        epoch: the indices of the epochs, counted from 0.
        params: as in `Callback.set_params`.

    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(fastnn.optimizers.SGD(0.1), "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=3, verbose=0)
    >>> [round(loss, 3) for loss in history.history["loss"]]
    [1.0, 0.36, 0.13]
    """

    _model: "weakref.ref[Sequential] | None" = None

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    @property
    def model(self) -> "Sequential":
        """The model; None after it has been freed.

        Only a weak reference is kept: the model has the history, and a cycle would wait for the garbage collector.
        """
        model = None if self._model is None else self._model()
        return cast("Sequential", model)

    @model.setter
    def model(self, model: "Sequential") -> None:
        self._model = weakref.ref(model)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: without the model, which gives itself to the history that it has."""
        return vars(self) | {"_model": None}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's numbers."""
        # A metric may have one number per class: an array, as in Keras.
        self.extend(range(epoch, epoch + 1), {k: [v if np.ndim(v) else float(v)] for k, v in (logs or {}).items()})

    def extend(self, epochs: Iterable[int], columns: dict[str, list[float]]) -> None:
        """Append the numbers of several epochs at once."""
        self.epoch.extend(epochs)
        for name in sorted(columns):
            self.history.setdefault(name, []).extend(columns[name])

    def __repr__(self) -> str:
        return f"<History of {len(self.epoch)} epochs: {', '.join(self.history)}>"


class LambdaCallback(Callback):
    """A callback from functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs["loss"]))`.

    >>> show = fastnn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(round(logs["loss"], 3)))
    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(fastnn.optimizers.SGD(0.1), "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=2, verbose=0, callbacks=show)
    1.0
    0.36
    """

    def __init__(self, **hooks: Callable[..., None]):
        super().__init__()
        for name, function in hooks.items():
            setattr(self, checks.nearest(name, HOOKS, "hook"), function)


class _Monitor(Callback):
    """Base class of callbacks that follow one value of the logs and know when it has improved."""

    def __init__(self, monitor: str, mode: str = "min", min_delta: float = 0):
        super().__init__()
        self.monitor = monitor
        self.mode = checks.nearest(mode, ("auto", "min", "max"), "mode")
        self.min_delta = abs(checks.number(min_delta, "min_delta"))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Decide whether lower or higher is better."""
        self._sign = 1 if self._minimizes() else -1

    def _minimizes(self) -> bool:
        if self.mode != "auto":
            return self.mode == "min"
        name = self.monitor.removeprefix("val_")
        better = {"loss": "min"} | {m.name: m.better for m in self.model.metrics}
        if name not in better:
            raise ValueError(
                f'cannot tell whether monitor="{self.monitor}" should fall or rise; pass mode="min" or "max". '
                f"Known: {', '.join(better)}"
            )
        return better[name] == "min"

    def _improves(self, value: float, reference: float) -> bool:
        return self._sign * value < self._sign * reference - self.min_delta

    def _monitored(self, logs: Logs | None) -> float:
        value = (logs or {}).get(self.monitor)
        if value is None:
            raise ValueError(
                f'{type(self).__name__} monitors "{self.monitor}", but fit logs only {", ".join(logs or {})}; '
                "pass validation data or another monitor"
            )
        if np.ndim(value):
            raise ValueError(
                f'{type(self).__name__} monitors "{self.monitor}", which has {np.size(value)} values per epoch; '
                'use a metric with a single value, such as fastnn.metrics.F1Score("macro")'
            )
        return value


class EarlyStopping(_Monitor):
    """Stop when a monitored value has not improved for `patience` epochs.

    Args:
        monitor: a key of the logs.
        min_delta: a change must be larger than this to count as an improvement.
        patience: epochs without improvement after which training stops.
        verbose: 1 prints when training stops.
        mode: "min", "max", or "auto", which takes the direction from the metric.
        baseline: a value that must be beaten for the count of epochs without improvement to start again.
        restore_best_weights: restore the weights of the best epoch at the end, even if training was not stopped early.
        start_from_epoch: ignore the epochs before this one.

    Raises:
        ValueError: for an unknown mode, or if "auto" does not know the direction of the monitored key.

    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(fastnn.optimizers.SGD(0.1), "mse")
    >>> stop = fastnn.callbacks.EarlyStopping("loss", min_delta=0.01, patience=2)
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=100, verbose=0, callbacks=stop)
    >>> len(history.epoch), stop.best_epoch
    (8, 5)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience = checks.integer(patience, "patience", 0)
        self.verbose = verbose
        self.baseline = None if baseline is None else checks.number(baseline, "baseline")
        self.restore_best_weights = bool(restore_best_weights)
        self.start_from_epoch = checks.integer(start_from_epoch, "start_from_epoch", 0)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget earlier training runs."""
        super().on_train_begin(logs)
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the monitored value with the best one."""
        value = self._monitored(logs)
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.best is None or self._improves(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Report, and restore the best weights."""
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class LossThreshold(_Monitor):
    """Stop after the first epoch whose loss is below a threshold (not in Keras).

    Args:
        threshold: training stops when the loss is below this.
        monitor: a key of the logs.

    Attributes:
        reached: the epoch in which that happened, counted from 0, or None.

    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(fastnn.optimizers.SGD(0.1), "mse")
    >>> stop = fastnn.callbacks.LossThreshold(0.1)
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=100, verbose=0, callbacks=stop)
    >>> stop.reached, round(history.history["loss"][-1], 3)
    (3, 0.047)
    """

    def __init__(self, threshold: float, monitor: str = "loss"):
        super().__init__(monitor)
        self.threshold = checks.number(threshold, "threshold")
        self.reached: int | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the loss with the threshold."""
        if self._monitored(logs) < self.threshold:
            self.reached = epoch
            self.model.stop_training = True


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


class ReduceLROnPlateau(_Monitor):
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


class TerminateOnNaN(Callback):
    """Stop after the first batch whose loss is NaN or infinite.

    Args:
        raise_error: raise a RuntimeError instead of ending quietly.

    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
    >>> model.compile(fastnn.optimizers.SGD(1e20), "mse")
    >>> stop = fastnn.callbacks.TerminateOnNaN()
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):  # fit warns, too
    ...     history = model.fit(np.ones((4, 1)), np.ones(4), epochs=9, verbose=0, callbacks=stop)
    Batch 0: Invalid loss, terminating training
    """

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = bool(raise_error)

    def on_loss_not_finite(self, epoch: int, batch: int) -> None:
        """Stop."""
        if self.raise_error:
            raise RuntimeError(f"NaN or infinite loss in epoch {epoch + 1}, batch {batch + 1}: training ended")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end")


class CallbackList:
    """Calls the hooks of several callbacks in order.

    Attributes:
        each_batch: whether a callback has to be called for every batch.
        each_epoch: whether a callback has to be called for every epoch.
    """

    def __init__(self, callbacks: Any, model: "Sequential", params: dict[str, Any]):
        self.callbacks = flat(callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        waited_for = {name for c in self.callbacks for name in HOOKS if _overrides(c, name)}
        self.each_batch = any(name in waited_for for name in _BATCH_HOOKS)
        self.each_epoch = self.each_batch or bool(waited_for - {"on_train_begin", "on_train_end", "on_loss_not_finite"})

    def call(self, hook: str, *args: Any) -> None:
        """Call one hook of all callbacks."""
        for callback in self.callbacks:
            getattr(callback, hook)(*args)


def _overrides(callback: Callback, hook: str) -> bool:
    return getattr(type(callback), hook) is not getattr(Callback, hook) or hook in vars(callback)


def flat(callbacks: Any) -> list[Callback]:
    """One callback, or a nested list of them, as a list; a TypeError for anything else."""
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback):
        return [callbacks]
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"callbacks must be Callback objects, received {callbacks!r}")
    return [c for item in callbacks for c in flat(item)]
