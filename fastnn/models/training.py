"""The training loop: epochs, validation, callbacks and logs around the program that takes the steps."""

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks import Callback, History, Logs
from ..callbacks.base import CallbackList
from ..engine.parameters import trained_weights
from ..engine.run import Run, Runner, Samples
from ..kernels.interrupts import held_back
from ..randomness import draw_seed
from . import programs
from .logs import named_columns, named_logs
from .progress import Progress

if TYPE_CHECKING:
    from .sequential import Sequential

_MOST_EPOCHS_AT_ONCE = 10_000  # the logs of all of them are one array


@dataclass(frozen=True)
class Epochs:
    """Which epochs `fit` does, and how.

    Attributes:
        first: the number of the first epoch, counted from 0.
        stop: the number of the last epoch + 1.
        batch_size: samples per step.
        shuffle: whether to shuffle the samples in every epoch.
        validation_freq: the number of epochs from one validation to the next.
    """

    first: int
    stop: int
    batch_size: int
    shuffle: bool
    validation_freq: int


def _number(value: Any) -> Any:
    """A float; a metric may have one number per class: an array, as in Keras."""
    return value if type(value) is float or np.ndim(value) else float(value)


class Training:
    """One call of `fit`.

    Args:
        model: a compiled model.
        samples: the training data.
        validation: the validation data, or None.
        epochs: which epochs to do, and how.
        callbacks: the user's callbacks; the history is called after them.
        progress: fastnn's own display, called last, or None.
        verbose: the user's argument, for the callbacks.
    """

    def __init__(
        self,
        model: "Sequential",
        samples: Samples,
        validation: Samples | None,
        epochs: Epochs,
        callbacks: list[Callback],
        progress: Progress | None,
        verbose: Any,
    ):
        self.model, self.validation, self.epochs = model, validation, epochs
        self.optimizer = model.optimizer
        self.samples = samples
        self.runner = self._program()
        self.unfinished_since = self.started_at = self.optimizer.iterations
        self.unwritten: int | None = None  # the first epoch of those that the history does not have
        self.logs: list[Logs] | None = None  # what callbacks have made of the logs of these epochs
        self.history, self.progress = History(), progress
        steps = math.ceil(len(samples) / epochs.batch_size)
        params = {"verbose": verbose, "epochs": epochs.stop, "steps": steps}
        self.history.set_model(model)
        self.history.set_params(params)
        self.user = CallbackList(callbacks, model, params)
        self.all = CallbackList([*self.user.callbacks, *([self.progress] if self.progress else [])], model, params)
        seed = draw_seed() if epochs.shuffle else None
        no_log = np.zeros((0, self.runner.values))
        self.state = Run(samples, epochs.batch_size, no_log, self.optimizer, self.optimizer.iterations, seed)

    def _program(self) -> Runner:
        return programs.trainer(self.model, self.epochs.batch_size, self.samples, self.optimizer)

    def run(self) -> History:
        """Train; returns the history, which is also in `model.history`, even after an interruption."""
        self.model.stop_training = False
        self.model.history = self.history
        self.all.call("on_train_begin", {})
        try:
            self._all_epochs()
        finally:
            self._write_down()
            self._finalize()
            if self.progress is not None:
                self.progress.close()
        return self.history

    def _all_epochs(self) -> None:
        state, epoch, logs = self.state, self.epochs.first, dict[str, float]()
        while epoch < self.epochs.stop and not self.model.stop_training:
            most = min(_MOST_EPOCHS_AT_ONCE, self.epochs.stop - epoch)
            span = 1 if self.validation is not None else self.all.epochs_at_once(most)
            logs = self._some_epochs(epoch, span) or logs
            epoch += span
        trained = state.step > self.started_at
        if trained and state.not_finite == 0 and not all(np.isfinite(w).all() for w in self.model.weights):
            self._report_not_finite(self.epochs.stop - 1, state.last_batch)  # since the very last step
        self._finalize()
        self.all.call("on_train_end", logs)

    def _some_epochs(self, epoch: int, span: int) -> Logs:
        """Train for `span` epochs from number `epoch` on, and call the callbacks for them; returns the last one's logs.

        `on_epoch_begin` comes in time for a single epoch, and late for several.
        """
        self.state.begin(np.zeros((span, self.runner.values)))
        self.unwritten, self.logs = epoch, None
        if span == 1:
            self.all.call("on_epoch_begin", epoch, {})
        while not self.state.finished:
            self._advance(epoch)
            if self.model.stop_training:
                break
        done = self.state.epoch if self.state.row == 0 else self.state.epoch + 1
        if self.all.of_epochs or self.validation is not None:
            columns = self._columns(done)
            logs: list[Logs] = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            if (validation := self._validation_of(epoch)) is not None:
                logs[0] |= {f"val_{k}": v for k, v in self._validate(validation).items()}
            self.logs = logs
            self._epochs_end(epoch, logs, late=span > 1)
        return self._write_down(done)

    def _epochs_end(self, first: int, logs: list[Logs], late: bool) -> None:
        """Call the callbacks, which may change the logs; `late`: even `on_epoch_begin` was not called."""
        for number, own in enumerate(logs, first):
            if late:
                self.all.call("on_epoch_begin", number, {})
            self.all.call("on_epoch_end", number, own)

    def _columns(self, epochs: int) -> dict[str, list[float]]:
        """The logs of so many epochs since `Run.begin`; the last may be a part of one, where training stopped in it."""
        state, samples = self.state, len(self.samples)
        log = state.log[:epochs] / samples
        if epochs > state.epoch:
            log[-1] = state.log[epochs - 1] / state.row
        return named_columns(self.model, log.T)

    def _write_down(self, epochs: int | None = None) -> Logs:
        """Add what was trained since the last time to the history; returns the last epoch's logs.

        Args:
            epochs: how many epochs it was; None: whole ones, after an interruption.
        """
        if self.unwritten is None:
            return {}
        with held_back():  # a Ctrl-C waits: all of them are written down, once
            if self.logs is None:
                if epochs is None:  # one whose validation did not end is not whole: each name has a number per epoch
                    epochs = self.state.epoch if self._validation_of(self.unwritten) is None else 0
                columns = self._columns(epochs)
            else:  # as the callbacks have left them
                epochs, names = len(self.logs), dict.fromkeys(name for own in self.logs for name in own)
                columns = {name: [_number(own[name]) for own in self.logs if name in own] for name in names}
            if epochs:
                self.history.extend(range(self.unwritten, self.unwritten + epochs), columns)
            self.unwritten = None
            return {name: column[-1] for name, column in columns.items() if column}

    def _finalize(self) -> None:
        """Replace the weights by their averages (`use_ema`), if there was a step since the last time."""
        if self.optimizer.iterations > self.unfinished_since:
            self.unfinished_since = self.optimizer.iterations
            with self.model._turns.lock:
                self.optimizer.finalize_variable_values(trained_weights(self.model.layers))

    def _advance(self, epoch: int) -> None:
        """Some steps: one if a callback needs each batch, else as many as fit between two returns to Python."""
        state, each_batch = self.state, self.user.each_batch
        if each_batch:
            self.user.call("on_train_batch_begin", state.batch, {})
        fine_so_far = state.not_finite == 0
        with self.model._turns.lock:
            if self.user.callbacks:  # which may have frozen layers, or changed what a step consists of
                self.runner = self._program()
            self.runner.run(state, 1 if each_batch else None)
        if self.progress is not None:
            self.progress.on_progress(epoch, state)
        if each_batch:
            rows = state.row or len(state.order)
            self.all.call("on_train_batch_end", state.last_batch, named_logs(self.model, state.log[0] / rows))
        if fine_so_far and state.not_finite:
            # The run stopped right after that batch, which may have been the last of its epoch.
            ended = state.row == 0
            self._report_not_finite(epoch + state.epoch - int(ended), state.last_batch)

    def _report_not_finite(self, epoch: int, batch: int) -> None:
        warnings.warn(
            f"the loss is no longer a finite number since epoch {epoch + 1}, batch {batch + 1}. The likely cause is a "
            f"learning rate that is too large for this network and data ({self.optimizer!r}); inputs far from [-1, 1] "
            "have the same effect. Training continues; the callback fastnn.callbacks.TerminateOnNaN would end it here.",
            RuntimeWarning,
            stacklevel=7,  # the caller of fit
        )
        self.all.call("on_loss_not_finite", epoch, batch)

    def _validation_of(self, epoch: int) -> Samples | None:
        """The data that an epoch ends with; None if it ends without a validation."""
        return self.validation if (epoch + 1) % self.epochs.validation_freq == 0 else None

    def _validate(self, validation: Samples) -> Logs:
        self.all.call("on_test_begin", {})
        with self.model._turns.lock:
            logs = programs.evaluate(self.model, validation)
        self.all.call("on_test_end", logs)
        return logs
