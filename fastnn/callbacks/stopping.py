"""Callbacks that end training."""

import numpy as np

from .. import checks
from .base import Callback, Logs
from .monitors import Monitor


class EarlyStopping(Monitor):
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
        TypeError: if `monitor` is not a string.
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

    def epochs_at_once(self) -> int:
        """As many as must pass before it could stop, if it does not need the weights of each.

        The first is trained alone, so that a wrong `monitor` shows at once. A class of the user's may need the weights.
        """
        if self.restore_best_weights or self.best is None or type(self) is not EarlyStopping:
            return 1
        return max(1, self.patience - self.wait)

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
            # As they were: set_weights would refuse the infinities of a training that diverged.
            for weight, best in zip(self.model.weights, self.best_weights, strict=True):
                weight[...] = best


class LossThreshold(Monitor):
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
