"""Sequential: layers in a row, with Keras 3's names, arguments and results."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import checks, losses, metrics, optimizers
from ..callbacks import History, Logs, flat
from ..engine.eager import EagerProgram
from ..engine.program import FEW, Program, Samples
from ..engine.threads import get_num_threads
from ..engine.update import penalized
from ..kernels import instructions as op
from ..layers.base import InputLayer, Layer
from ..layers.stack import Stack
from .data import prepare_fit, prepare_samples
from .progress import Progress, line
from .training import Training, evaluate, new_cursor

# Rows that one thread takes through the whole network at once when nothing is trained: their activations stay in cache.
_ROWS_A_THREAD = 128
_MOST_SHARES = 64  # of one batch of predictions, however many threads are asked for
# The same for an evaluation, whatever the threads: its sums are added up batch by batch, and must have the same bits.
_ROWS_EVALUATED = 256


class Sequential(Stack):
    """A network of layers in a row.

    Args:
        layers: `fastnn.Input(shape)` first, where the shape is to be known before the first data, then `Layer`s.
        name: how `summary` calls it.

    Raises:
        TypeError: for something that is no layer.
        ValueError: for two layers of the same name or of different float types, or shapes that do not fit.
    """

    def __init__(self, layers: Sequence[Layer | InputLayer] | None = None, name: str | None = None):
        self.stop_training = False
        self.history: History | None = None
        self.optimizer: optimizers.Optimizer
        self.loss: losses.Loss | None = None
        self.metrics: list[metrics.Metric] = []
        self.metrics_asked: list[object] = []
        self._in_fit = False
        self.structure_changes()
        super().__init__(layers, name)

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Sequence[Any] | None = None) -> None:
        """Choose how to train.

        Args:
            optimizer: a name, or a `fastnn.optimizers` object, whose slots and step count go on if it was used before.
            loss: a name, or a `fastnn.losses` object.
            metrics: names or `fastnn.metrics` objects; "accuracy" is the one that fits loss and output.

        Raises:
            ValueError: for an unknown name (suggests the nearest), or a loss or metric that does not fit the output.
        """
        if loss is None:
            raise ValueError('compile needs a loss, for example loss="sparse_categorical_crossentropy"')
        if isinstance(metrics, str) or not isinstance(metrics, (list, tuple, type(None))):
            raise TypeError(f'metrics must be a list such as ["accuracy"], received {metrics!r}')
        self.structure_changes()
        new_optimizer, new_loss = optimizers.get(optimizer), losses.get(loss)
        new_metrics = self._fitting_metrics(new_loss, list(metrics or []))
        self.optimizer, self.loss, self.metrics = new_optimizer, new_loss, new_metrics
        self.metrics_asked = list(metrics or [])

    def finish_compile(self) -> None:
        """Resolve the metrics that `compile` could not yet, because the output was not known."""
        self.metrics = self._fitting_metrics(self.require_compiled(), self.metrics_asked)

    def _fitting_metrics(self, loss: losses.Loss, names: list[object]) -> list[metrics.Metric]:
        """The metrics by name, once the output is known; checks that the loss fits it."""
        if not self.built or self.output_shape is None:
            for name in names:
                metrics.get(name, 2, getattr(name, "sparse", loss.sparse))  # at least the name
            return []
        outputs = self.output_shape[-1]
        if len(self.output_shape) != 2 or outputs is None:
            raise ValueError(f"for a loss the last layer must give shape (n, outputs), received {self.output_shape}")
        last = self.layers[-1]
        activation = "linear" if last.compiled else None  # a layer written in Python may give anything
        if last.output_activation is not None:
            activation = last.output_activation.activation
        loss.check_outputs(outputs, activation)
        found = [metrics.get(name, outputs, loss.sparse) for name in names]
        keys = [m.name for m in found]
        if len(set(keys)) < len(keys) or "loss" in keys:
            raise ValueError(f'metric names must differ from each other and from "loss", received {keys}')
        return found

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: tuple[Any, ...] | None = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_freq: int = 1,
        validation_batch_size: int | None = None,
    ) -> History:
        """Train for `epochs` epochs.

        Args:
            x: samples (n, ...); uint8 and the model's float type are used where they are, without a copy.
            y: labels (n,), or targets (n, outputs), as the loss wants them.
            batch_size: samples a step; None: 32.
            epochs: the number of the last epoch.
            verbose: 0 silent; 2 a line an epoch; 1 or "auto" the same with a progress bar on a terminal.
            callbacks: `fastnn.callbacks.Callback` objects.
            validation_split: the share of the samples, the last ones, that are set aside for validation.
            validation_data: (x, y) or (x, y, sample_weight) to validate with, instead of `validation_split`.
            shuffle: whether each epoch goes through the samples in an order of its own.
            class_weight: {label: weight}; labels that are not named weigh 1.
            sample_weight: (n,) weights of the samples' losses.
            initial_epoch: the number of the first epoch, to go on with earlier training.
            validation_freq: validate after every so many epochs.
            validation_batch_size: accepted for Keras's sake; the results do not depend on it.

        Returns:
            A `History`.

        Raises:
            TypeError, ValueError: for arguments and data that do not fit; the model is as it was before.
        """
        epochs = checks.positive_integer(epochs, "epochs")
        initial_epoch = checks.positive_integer(initial_epoch, "initial_epoch", 0)
        frequency = checks.positive_integer(validation_freq, "validation_freq")
        if not isinstance(shuffle, (bool, np.bool_)):
            raise TypeError(f"shuffle must be True or False, received {shuffle!r}")
        callbacks, progress = flat(callbacks), _progress(verbose)
        with self._fitting:
            if self._in_fit:
                raise RuntimeError("a callback cannot call fit on the model that it is called from")
            with self.lock, self.unchanged_on_error():
                samples, validation, rows = prepare_fit(
                    self, x, y, batch_size, validation_split, validation_data, class_weight, sample_weight
                )
            runner = self.trainer(rows, samples)
            training = Training(
                self, runner, samples, validation, rows, epochs, initial_epoch, bool(shuffle), frequency, callbacks,
                progress, verbose,
            )  # fmt: skip
            self._in_fit = True
            try:
                return training.run()
            finally:
                self._in_fit = False

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics of samples x with targets y.

        Returns:
            [loss, metric, ...], or the loss alone where there are no metrics; a dict with `return_dict`.
        """
        if batch_size is not None:
            checks.positive_integer(batch_size, "batch_size")
        with self.lock:
            with self.unchanged_on_error():
                samples = prepare_samples(self, x, y, sample_weight)
            logs = self.evaluate_samples(samples)
        if verbose:
            print(line("Test", logs))
        return self._results(logs, return_dict)

    def predict(self, x: Any, batch_size: int | None = None, verbose: int | str = "auto") -> np.ndarray:
        """The outputs (n, outputs) for samples x (n, ...). They do not depend on `batch_size`."""
        if batch_size is not None:
            checks.positive_integer(batch_size, "batch_size")
        return self._predict(x)

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on x and y as a single batch; returns its loss and metrics from before the step."""
        with self.lock:
            with self.unchanged_on_error():
                samples = prepare_samples(self, x, y, sample_weight, class_weight)
            runner = self.trainer(len(samples), samples)
            cursor, log = new_cursor(self.optimizer.iterations), np.zeros((1, runner.values))
            runner.run(
                runner.data(samples), np.arange(len(samples)), cursor, log, len(samples), 1, self.optimizer
            )  # fmt: skip
            self.optimizer.iterations = int(cursor[op.STEP])
        return self._results(self.named_logs(log[0] / len(samples)), return_dict)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """`evaluate`, silently."""
        return self.evaluate(x, y, verbose=0, sample_weight=sample_weight, return_dict=return_dict)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """`predict`."""
        return self._predict(x)

    def __call__(self, x: Any, training: bool = False) -> np.ndarray:
        """The outputs (n, outputs) for samples x (n, ...): the quick way for a few samples."""
        return self.forward(x, training=True) if training else self._predict(x)

    @property
    def output_columns(self) -> int:
        """The number of outputs, once the model is built."""
        return int((self.output_shape or (1,))[-1] or 1)

    def named_logs(self, values: np.ndarray) -> Logs:
        """{"loss": ..., metric: ...} from the means over the samples."""
        return {name: column[0] for name, column in self.named_columns(values[:, np.newaxis]).items()}

    def named_columns(self, columns: np.ndarray) -> dict[str, list[float]]:
        """The same for several epochs: row 0 of `columns` has the losses, then come the metrics' states."""
        named = {"loss": columns[0].tolist()}
        outputs, at = self.output_columns, 1
        for metric in self.metrics:
            size = metric.state_size(outputs)
            named[metric.name] = [metric.result(state) for state in columns[at : at + size].T]
            at += size
        return named

    def evaluate_samples(self, samples: Samples) -> Logs:
        """Loss and metrics of checked samples."""
        with self.lock:
            runner = self._runner("evaluate", _ROWS_EVALUATED, samples.pixels)
            return evaluate(self, runner, samples, _ROWS_EVALUATED)

    def flat_weights(self, optimizer: optimizers.Optimizer) -> op.Weights:
        """All weights, gradients and optimizer slots as the flat arrays that `kernels/optimizers.py` works on."""
        storage = self.joined_storage()
        optimizer.build(storage)
        return op.Weights(storage.values, storage.gradients, optimizer.slots, np.zeros(0, storage.values.dtype))

    def require_compiled(self) -> losses.Loss:
        """The loss; a RuntimeError if `compile` was not called."""
        if self.loss is None:
            raise RuntimeError('call compile(optimizer, loss) first, for example model.compile("adam", "mse")')
        return self.loss

    def _results(self, logs: Logs, return_dict: bool) -> Any:
        if return_dict:
            return dict(sorted(logs.items()))
        return list(logs.values()) if self.metrics else logs["loss"]

    def prepare_x(self, x: Any, argument: str = "x") -> np.ndarray:
        """Checked samples as rows; builds the model for them where it is not built yet."""
        if not self.built:
            with self.lock, self.unchanged_on_error():
                self.build_for(checks.finite(checks.numeric_array(x, argument), argument))
                return self._rows(x, argument)
        return self._rows(x, argument)

    def _rows(self, x: Any, argument: str) -> np.ndarray:
        rows = checks.rows_of(x, argument, self.sample_shape, self.layers[0].dtype)
        for layer in self.layers:
            if not layer.shape_only:
                layer.check_samples(rows, argument)
                break
        return rows

    def _predict(self, x: Any) -> np.ndarray:
        samples = Samples(self.prepare_x(x))
        with self.lock:
            rows = _ROWS_A_THREAD * min(get_num_threads(), _MOST_SHARES)
            runner = self._runner("predict", rows, samples.pixels)
            if len(samples) <= FEW and isinstance(runner, Program):
                return runner.predict_few(samples)
            predictions = np.empty((len(samples), *runner.output_shape), self.dtype)
            cursor, log, order = new_cursor(), np.zeros((1, 0)), np.arange(len(samples))
            data = runner.data(samples, predictions.reshape(len(samples), -1))
            while cursor[op.EPOCH] == 0:
                runner.run(data, order, cursor, log, rows)
        return predictions

    def trainer(self, rows: int, samples: Samples) -> Any:
        """The program that trains, with the optimizer's slots."""
        with self.lock:
            self.optimizer.build(self.joined_storage())
            return self._runner("train", rows, samples.pixels)

    def _runner(self, kind: str, rows: int, pixels: bool) -> Any:
        """The program of this kind, made anew if the last one does not fit any more."""
        trained: list[Any] | None = None
        if kind == "train":
            limits = [(p.regularizer, p.constraint) for p in self.parameters]
            trained = [(layer.trainable, *(p.trainable for p in layer.parameters)) for layer in self.layers]
            trained += [limits, self.optimizer.update_key]
        elif kind == "evaluate":
            trained = [(p, p.regularizer) for p in penalized(self.layers)]
        key = (rows, pixels, trained)
        if kind in self._programs:
            made_for, program = self._programs[kind]
            if made_for == key and program.storage.current:
                return program
        loss, chosen = (None, []) if kind == "predict" else (self.require_compiled(), self.metrics)
        training, storage = kind == "train", self.joined_storage()
        if all(layer.compiled for layer in self.layers) and (
            loss is None or (loss.compiled and all(metric.compiled for metric in chosen))
        ):
            optimizer = self.optimizer if training else None
            program = Program(self.layers, storage, rows, self.sample_shape, pixels, training, loss, chosen, optimizer)
        else:
            program = EagerProgram(self, storage, training, loss, chosen)
        self._programs[kind] = (key, program)
        return program

    def structure_changes(self) -> None:
        """Forget the programs, which were made for what the model was before.

        Raises:
            RuntimeError: in the middle of `fit`, for a callback.
        """
        if self._in_fit:
            raise RuntimeError("compile, add and pop have to wait until fit has ended")
        self._programs: dict[str, tuple[Any, Any]] = {}
        # Held by whoever runs a program, and so only for moments of a training: others may predict meanwhile.
        self.lock = threading.RLock()
        self._fitting = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: all but the buffers and the lock, which are made anew."""
        return {k: v for k, v in vars(self).items() if k not in ("_programs", "lock", "_fitting", "_in_fit")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._in_fit = False
        self.structure_changes()


def _progress(verbose: int | str) -> Progress | None:
    if verbose == 0:
        return None
    if verbose not in (1, 2, "auto"):
        raise ValueError(f'verbose must be 0, 1, 2 or "auto", received {verbose!r}')
    return Progress(bar=verbose != 2)
