"""What all callbacks share, how `fit` calls them, and its history."""

import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import checks, habits
from .curves import history_html

if TYPE_CHECKING:
    from ..models.sequential import Sequential

Logs = dict[str, float]


class Callback:
    """Base class: override the hooks you need.

    `fit` returns to Python only as often as the callbacks need: after every batch if an `on_train_batch_...` hook is
    overridden, after every epoch if any other hook is, or after several (`epochs_at_once`). A callback reads and
    changes the model through `self.model`; `self.model.stop_training = True` ends training after the current epoch.

    >>> class PrintLoss(fastnn.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, round(logs["loss"], 3))
    >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(fastnn.optimizers.SGD(0.1), "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=2, verbose=0, callbacks=PrintLoss())
    0 1.0
    1 0.36
    """

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        habits.refuse_methods(cls, habits.HOOKS)

    def __init__(self) -> None:
        self.model: Sequential
        self.params: dict[str, Any] = {}

    def set_model(self, model: "Sequential") -> None:
        """Called before anything else.

        Args:
            model: the model that is trained.
        """
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called next.

        Args:
            params: a dict with "epochs", "steps" (batches per epoch) and "verbose".
        """
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called once, before the first epoch.

        Args:
            logs: nothing yet, an empty dict.
        """

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called once, after the last epoch.

        Args:
            logs: that epoch's numbers, as for `on_epoch_end`.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before every epoch.

        Args:
            epoch: its index, from 0.
            logs: nothing yet, an empty dict.
        """

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after every epoch.

        Args:
            epoch: its index, from 0.
            logs: "loss", the metrics and their "val_..." values by name, numbers.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before every batch.

        Args:
            batch: its index, from 0 in each epoch.
            logs: nothing yet, an empty dict.
        """

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after every batch.

        Args:
            batch: its index, from 0 in each epoch.
            logs: "loss" and the metrics by name, means over the epoch so far.
        """

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before the validation data are evaluated.

        Args:
            logs: nothing yet, an empty dict.
        """

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after the validation data were evaluated.

        Args:
            logs: "loss" and the metrics of these data by name.
        """

    def epochs_at_once(self) -> int:
        """How many epochs may be trained before this callback's hooks of epochs are called for all of them (fastnn's).

        They are then called in order, late: `on_epoch_begin` and `on_epoch_end` of the first, of the second, ... with
        the model as it is after the last, and `stop_training` counts after the last, too. Returning to Python costs
        more than an epoch of a small network. `fit` asks before each such span and takes the smallest answer of the
        callbacks that have hooks of epochs; with validation data or hooks of batches it trains one at a time.

        >>> class Losses(fastnn.callbacks.Callback):
        ...     def epochs_at_once(self):
        ...         return 100
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, self.model.optimizer.iterations)
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=2, verbose=0, callbacks=Losses())
        0 2
        1 2
        """
        return 1

    def on_loss_not_finite(self, epoch: int, batch: int) -> None:
        """Called once, after the first batch whose loss is NaN or infinite (fastnn's own hook).

        Args:
            epoch: index of the epoch, from 0.
            batch: index of the batch, from 0 in each epoch.
        """


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
        self._logged: dict[str, list[int]] = {}  # in which epochs: with `validation_freq` not in all of them

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
        """Append the numbers of several epochs at once.

        Args:
            epochs: their indices, from 0.
            columns: for each name in `history` a list with a number for each of them.
        """
        epochs = list(epochs)
        self.epoch.extend(epochs)
        for name in sorted(columns):
            self.history.setdefault(name, []).extend(columns[name])
            self._logged.setdefault(name, []).extend(epochs)

    def __repr__(self) -> str:
        return f"<History of {len(self.epoch)} epochs: {', '.join(self.history)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: curves of loss and metrics, and a few numbers."""
        return history_html(self.epoch, self.history, self._logged)


class LambdaCallback(Callback):
    """A callback from functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs["loss"]))`.

    Args:
        hooks: functions by the names of the hooks of `Callback`.

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
            if not callable(function):
                raise TypeError(f"{name} must be a function, received {function!r}")
            setattr(self, checks.nearest(name, HOOKS, "hook"), function)


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end")
_EPOCH_HOOKS = ("on_epoch_begin", "on_epoch_end")


class CallbackList:
    """Calls the hooks of several callbacks in order.

    Attributes:
        each_batch: whether a callback has to be called for every batch.
        of_epochs: the callbacks that have to be called for every epoch.
    """

    def __init__(self, callbacks: Any, model: "Sequential", params: dict[str, Any]):
        self.callbacks = flat(callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self.each_batch = any(_overrides(c, name) for c in self.callbacks for name in _BATCH_HOOKS)
        self.of_epochs = [c for c in self.callbacks if any(_overrides(c, name) for name in _EPOCH_HOOKS)]

    def epochs_at_once(self, most: int) -> int:
        """How many epochs, at most so many, may be trained before the callbacks are called for them."""
        if self.each_batch:
            return 1
        return min([most, *(checks.integer(c.epochs_at_once(), "epochs_at_once") for c in self.of_epochs)])

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
