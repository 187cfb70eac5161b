"""The training loop: epochs, validation, callbacks and logs around whatever runs the steps."""

import math
import warnings
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..callbacks import CallbackList, History, Logs
from ..engine.parameters import Storage
from ..engine.program import Samples
from ..kernels import instructions as op
from ..randomness import draw_seed
from .progress import Progress

if TYPE_CHECKING:
    from ..optimizers import Optimizer
    from .sequential import Sequential


_MOST_EPOCHS_AT_ONCE = 10_000  # whose logs are kept in one array


class Runner(Protocol):
    """What `Program` and `EagerProgram` have in common."""

    values: int
    storage: Storage

    def data(self, samples: Samples, predictions: np.ndarray | None = None) -> Any:
        """What `run` takes."""

    def run(
        self,
        data: Any,
        order: np.ndarray,
        cursor: np.ndarray,
        log: np.ndarray,
        batch_size: int,
        steps: int | None = None,
        optimizer: "Optimizer | None" = None,
        seed: int = 0,
        shuffled: bool = False,
    ) -> None:
        """Run until `log` is full, `steps` are done, or it is time to return to Python; `cursor` tells which."""


def new_cursor(step: int = 0) -> np.ndarray:
    """The cursor of a run that begins after `step` training steps."""
    cursor = np.zeros(4, np.int64)
    cursor[op.STEP] = step
    return cursor


def evaluate(model: "Sequential", runner: Runner, samples: Samples, rows: int) -> Logs:
    """Loss and metrics of all samples, `rows` at a time."""
    log = np.zeros((1, runner.values))
    cursor, data, order = new_cursor(), runner.data(samples), np.arange(len(samples))
    cursor[op.NOT_FINITE] = 1  # a loss that is not finite is a result here, not a reason to stop
    while cursor[op.EPOCH] == 0:
        runner.run(data, order, cursor, log, rows)
    return model.named_logs(log[0] / len(samples))


class Training:
    """One call of `fit`.

    Args:
        model: a compiled model.
        runner: its training program.
        samples: the training data.
        validation: the validation data, or None.
        batch_size: samples a step.
        epochs: the number of the last epoch + 1.
        initial_epoch: the number of the first.
        shuffle: whether every epoch has an order of its own.
        validation_freq: validate after every so many epochs.
        callbacks: the user's; the history is added behind them.
        progress: fastnn's own display, called after the history, or None.
        verbose: as the user gave it.
    """

    def __init__(
        self,
        model: "Sequential",
        runner: Runner,
        samples: Samples,
        validation: Samples | None,
        batch_size: int,
        epochs: int,
        initial_epoch: int,
        shuffle: bool,
        validation_freq: int,
        callbacks: Any,
        progress: Progress | None,
        verbose: Any,
    ):
        self.model, self.runner, self.samples, self.validation = model, runner, samples, validation
        self.optimizer = model.optimizer
        self.unfinished_since = self.optimizer.iterations
        self.batch_size, self.epochs, self.initial_epoch = batch_size, epochs, initial_epoch
        self.shuffle, self.validation_freq = shuffle, validation_freq
        self.history = History()
        steps = math.ceil(len(samples) / batch_size)
        params = {"verbose": verbose, "epochs": epochs, "steps": steps}
        self.history.set_model(model)
        self.history.set_params(params)
        self.user = CallbackList(callbacks, model, params)
        self.progress = progress
        self.all = CallbackList([*self.user.callbacks, *([progress] if progress else [])], model, params)

    def run(self) -> History:
        """Train; returns the history, which `model.history` holds also if something interrupts."""
        model = self.model
        model.stop_training = False
        model.history = self.history
        data = self.runner.data(self.samples)
        order, seed = np.arange(len(self.samples)), draw_seed() if self.shuffle else 0
        cursor = new_cursor(self.optimizer.iterations)
        self.all.call("on_train_begin", {})
        try:
            self._epochs(data, order, cursor, seed)
        finally:
            self._finalize()
            if self.progress is not None:
                self.progress.close()
        return self.history

    def _epochs(self, data: Any, order: np.ndarray, cursor: np.ndarray, seed: int) -> None:
        model = self.model
        each_epoch = self.all.each_epoch or self.validation is not None
        epoch, logs = self.initial_epoch, {}
        while epoch < self.epochs and not model.stop_training:
            span = 1 if each_epoch else min(_MOST_EPOCHS_AT_ONCE, self.epochs - epoch)
            log = np.zeros((span, self.runner.values))
            cursor[op.EPOCH] = 0
            if each_epoch:
                self.all.call("on_epoch_begin", epoch, {})
            try:
                while cursor[op.EPOCH] < span:
                    self._advance(data, order, cursor, log, seed, epoch)
                    if model.stop_training:
                        break
            finally:
                done = int(cursor[op.EPOCH])
                columns = (log[:done] / len(self.samples)).T
                if done and not each_epoch:
                    self.history.extend(range(epoch, epoch + done), model.named_columns(columns))
            if cursor[op.ROW]:  # stopped in the middle of an epoch, which is logged as far as it came
                logs = model.named_logs(log[done] / cursor[op.ROW])
                cursor[op.ROW] = 0
                if not each_epoch:
                    self.history.on_epoch_end(epoch + done, logs)
            elif done:
                logs = model.named_logs(columns[:, -1])
            if each_epoch:
                if self.validation is not None and (epoch + 1) % self.validation_freq == 0:
                    logs |= {f"val_{k}": v for k, v in self._validate(self.validation).items()}
                self.user.call("on_epoch_end", epoch, logs)
                self.history.on_epoch_end(epoch, logs)
                if self.progress is not None:
                    self.progress.on_epoch_end(epoch, logs)
            epoch += span
        if cursor[op.NOT_FINITE] == 0 and not all(np.isfinite(w).all() for w in model.weights):
            self._report_not_finite(self.epochs - 1, -(-len(order) // self.batch_size) - 1)  # by the very last step
        self._finalize()
        self.all.call("on_train_end", logs)

    def _finalize(self) -> None:
        """Let averages of the weights become the weights, once and if there was a step."""
        if self.optimizer.iterations > self.unfinished_since:
            self.unfinished_since = self.optimizer.iterations
            with self.model.lock:
                weights = [p for layer in self.model.layers if layer.trainable for p in layer.parameters if p.trainable]
                self.optimizer.finalize_variable_values(weights)

    def _advance(
        self, data: Any, order: np.ndarray, cursor: np.ndarray, log: np.ndarray, seed: int, epoch: int
    ) -> None:
        """Some steps: one where a callback waits for batches, else as many as fit between two returns to Python."""
        batch = int(cursor[op.ROW]) // self.batch_size
        if self.user.each_batch:
            self.user.call("on_train_batch_begin", batch, {})
        fine_so_far = cursor[op.NOT_FINITE] == 0
        with self.model.lock:
            if not self.runner.storage.current:  # a callback has put layers of this model into another one
                self.runner = self.model.trainer(self.batch_size, self.samples)
            self.runner.run(
                data, order, cursor, log, self.batch_size, 1 if self.user.each_batch else None, self.optimizer,
                seed, self.shuffle,
            )  # fmt: skip
        self.optimizer.iterations = int(cursor[op.STEP])
        if self.progress is not None:
            self.progress.on_progress(epoch, int(cursor[op.ROW]) // self.batch_size)
        if self.user.each_batch:
            rows = int(cursor[op.ROW]) or len(order)
            last = -(-rows // self.batch_size) - 1
            self.all.call("on_train_batch_end", last, self.model.named_logs(log[0] / rows))
        if fine_so_far and cursor[op.NOT_FINITE]:
            # The run stopped right after the batch in question, which may have been the last of its epoch.
            ended = cursor[op.ROW] == 0
            where = epoch + int(cursor[op.EPOCH]) - int(ended)
            rows = len(order) if ended else int(cursor[op.ROW])
            self._report_not_finite(where, -(-rows // self.batch_size) - 1)

    def _report_not_finite(self, epoch: int, batch: int) -> None:
        warnings.warn(
            f"the loss is no longer a finite number since epoch {epoch + 1}, batch {batch + 1}. The likely cause is a "
            f"learning rate that is too large for this network and data ({self.optimizer!r}); inputs far from [-1, 1] "
            "do the same. Training goes on with what is left; fastnn.callbacks.TerminateOnNaN ends it here.",
            RuntimeWarning,
            stacklevel=6,  # whoever called fit
        )
        self.all.call("on_loss_not_finite", epoch, batch)

    def _validate(self, validation: Samples) -> Logs:
        self.all.call("on_test_begin", {})
        logs = self.model.evaluate_samples(validation)
        self.all.call("on_test_end", logs)
        return logs
