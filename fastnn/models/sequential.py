"""Sequential: layers in a row, with Keras 3's names, arguments and results."""

import os
from collections.abc import Sequence
from typing import Any, Never

import numpy as np

from .. import checks, habits, saving
from ..callbacks import History, Logs
from ..callbacks.base import flat
from ..cells import in_cell
from ..engine.run import Run, Samples
from ..frames import is_sparse
from ..layers.base import Layer
from ..layers.input import InputLayer
from ..sparse_rows import SparseRows
from . import programs
from .cell_progress import progress_for
from .compiled import Compiled
from .data import prepare_fit, prepare_samples, prepare_sparse, weigh_classes
from .html import model_html
from .logs import named_logs
from .measuring import profile
from .profile import Profile
from .progress import line
from .summary import summary
from .training import Epochs, Training
from .turns import Turns


class Sequential(Compiled):
    """A network of layers in a row.

    Args:
        layers: `Layer`s; `fastnn.Input(shape)` before them builds the model at once instead of at the first data.
        name: the model's name in `summary`.

    Raises:
        TypeError: for something that is not a layer.
        ValueError: for two layers of the same name or of different float types, or shapes that do not fit.

    >>> x, y = fastnn.datasets.points.generate_linear(200, seed=1)
    >>> fastnn.utils.set_random_seed(1)
    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1, activation="sigmoid")])
    >>> model.compile(fastnn.optimizers.SGD(1.0), "binary_crossentropy", metrics=["accuracy"])
    >>> history = model.fit(x, y, epochs=20, verbose=0)
    >>> bool(model.evaluate(x, y, verbose=0)[1] > 0.9), model.predict(x).shape
    (True, (200, 1))
    """

    _settable = (*Compiled._settable, "stop_training", "history")

    def __init__(self, layers: Sequence[Layer | InputLayer] | None = None, name: str | None = None):
        self.stop_training = False
        self.history: History | None = None
        super().__init__(layers, name)

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: tuple[Any, ...] | None = None,
        shuffle: bool = True,
        class_weight: dict[Any, float] | str | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_freq: int = 1,
        validation_batch_size: int | None = None,
        **unknown: Never,
    ) -> History:
        """Train for `epochs` epochs.

        Args:
            x: samples (n, ...), an array or what NumPy makes one of, or a table of pandas, polars or pyarrow; uint8 and
                the model's float type are used without a copy. Or a sparse matrix of scipy.sparse (n, features), best
                in the CSR format, if a `Dense` layer comes first, or after layers that reshape and a `Rescaling`
                without offset; it is never made dense. Of a kernel it reads the rows of its entries' columns: a weight
                elsewhere that is no longer finite shows at the end of `fit`, not in the loss.
            y: labels (n,), or targets (n, outputs), depending on the loss.
            batch_size: samples per step; None: 32.
            epochs: the number of the last epoch; 0 trains nothing.
            verbose: 0: silent; 2: a line per epoch; 1 or "auto": also a progress bar, on a terminal; in a notebook
                a bar, and in the end the lines of about ten epochs.
            callbacks: `fastnn.callbacks.Callback` objects.
            validation_split: the fraction of the samples, taken from the end, that is set aside for validation.
            validation_data: (x, y) or (x, y, sample_weight) for validation, instead of `validation_split`.
            shuffle: whether to shuffle the samples in each epoch.
            class_weight: {label: weight}, where other labels have weight 1; or "balanced", which gives all classes
                the same weight in sum: n / (classes * samples of the class), as in scikit-learn.
            sample_weight: (n,) or (n, 1) weights of the samples' losses.
            initial_epoch: the number of the first epoch, to continue earlier training.
            validation_freq: the number of epochs from one validation to the next.
            validation_batch_size: only for compatibility with Keras; results do not depend on it.
            unknown: none; arguments of Keras's that have no meaning here raise a TypeError.

        Returns:
            A `History`.

        Raises:
            TypeError, ValueError: for invalid arguments or data; the model is then unchanged.
        """
        self._refuse("fit", unknown)
        for layer in self._layers:
            layer.check_attributes()
        epochs = checks.integer(epochs, "epochs", 0)
        initial_epoch = checks.integer(initial_epoch, "initial_epoch", 0)
        frequency = checks.integer(validation_freq, "validation_freq")
        if not isinstance(shuffle, (bool, np.bool_)):
            raise TypeError(f"shuffle must be True or False, received {shuffle!r}")
        callbacks, progress = flat(callbacks), progress_for(verbose)
        with self._turns.fitting():
            with self._turns.lock, self._unchanged_on_error():
                samples, validation, rows = prepare_fit(
                    self, x, y, batch_size, validation_split, validation_data, class_weight, sample_weight
                )
            asked = Epochs(initial_epoch, epochs, rows, bool(shuffle), frequency)
            return Training(self, samples, validation, asked, callbacks, progress, verbose).run()

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        return_dict: bool = False,
        **unknown: Never,
    ) -> Any:
        """The loss and the metrics for samples x and targets y.

        Args:
            x: samples, as for `fit`.
            y: labels or targets, as for `fit`.
            batch_size: only for compatibility with Keras; results do not depend on it.
            verbose: 0: prints nothing.
            sample_weight: as for `fit`.
            return_dict: whether to return {"loss": ..., ...} instead of a list.
            unknown: none; arguments of Keras's that have no meaning here raise a TypeError.

        Returns:
            [loss, metric, ...], or only the loss if there are no metrics; a dict with `return_dict`.
        """
        self._refuse("evaluate", unknown)
        if batch_size is not None:
            checks.integer(batch_size, "batch_size")
        with self._turns.lock:
            with self._unchanged_on_error():
                samples = prepare_samples(self, x, y, sample_weight)
            logs = programs.evaluate(self, samples)
        if verbose:
            print(line("Test", logs))
        return self._results(logs, return_dict)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: int | str = "auto", **unknown: Never
    ) -> np.ndarray:
        """The outputs (n, outputs) for samples x.

        Args:
            x: samples (n, ...), as for `fit`.
            batch_size: only for compatibility with Keras; results do not depend on it.
            verbose: only for compatibility with Keras; nothing is printed.
            unknown: none; arguments of Keras's that have no meaning here raise a TypeError.
        """
        if unknown:
            self._refuse("predict", unknown)
        if batch_size is not None:
            checks.integer(batch_size, "batch_size")
        return self._predict(x)

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: dict[Any, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step on x and y as a single batch; returns loss and metrics from before the step.

        Args:
            x: samples, as for `fit`.
            y: labels or targets, as for `fit`.
            sample_weight: as for `fit`.
            class_weight: {label: weight}, where other labels have weight 1.
            return_dict: whether to return {"loss": ..., ...} instead of a list.
        """
        if isinstance(class_weight, str):
            raise TypeError(
                f"class_weight must be a dict of {{label: weight}}, received {class_weight!r}: one batch does not tell "
                "how frequent the classes are"
            )
        with self._turns.lock:
            with self._unchanged_on_error():
                samples = prepare_samples(self, x, y, sample_weight)
                if class_weight is not None:
                    weigh_classes(self, samples, class_weight)
            runner = programs.trainer(self, len(samples), samples, self.optimizer)
            log = np.zeros((1, runner.values))
            run = Run(samples, len(samples), log, self.optimizer, self.optimizer.iterations)
            runner.run(run, 1)
        return self._results(named_logs(self, log[0] / len(samples)), return_dict)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """`evaluate` without printing.

        Args:
            x: samples, as for `evaluate`.
            y: labels or targets, as for `evaluate`.
            sample_weight: as for `evaluate`.
            return_dict: as for `evaluate`.
        """
        return self.evaluate(x, y, verbose=0, sample_weight=sample_weight, return_dict=return_dict)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """`predict` under another name.

        Args:
            x: samples, as for `predict`.
        """
        return self._predict(x)

    def __call__(self, x: Any, training: bool = False) -> np.ndarray:
        """The outputs (n, outputs) for samples x, as from `predict`.

        Args:
            x: samples (n, ...).
            training: whether to compute them as in training, by `forward`, which keeps what `backward` needs.
        """
        habits.refuse_symbols(f"model {self.name}", x, (InputLayer, Layer))
        return self.forward(x, training=True) if training else self._predict(x)

    def profile(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        sample_weight: Any = None,
        verbose: int | str = "auto",
    ) -> Profile:
        """Measure where the time of training goes, or without y that of `predict`, and print a table.

        Some steps run as in `fit`, with a clock around every kernel. Afterwards the model, its optimizer and the state
        of the random generator are as before.

        Args:
            x: samples, as for `fit`.
            y: labels or targets, as for `fit`; None: `predict` is measured, as a whole.
            batch_size: samples per step, as for `fit`.
            steps: how many steps (without y: calls of `predict`); None: as many as take about half a second, at
                least five. More than an epoch are whole epochs.
            sample_weight: as for `fit`.
            verbose: 0: prints nothing; "auto": prints the table, but not in a notebook, which shows the `Profile` where
                it is the last line of a cell.

        Returns:
            A `Profile`, whose `rows` add up to the whole.

        Raises:
            TypeError, ValueError: for invalid arguments or data, or a model with parts that are written in Python.

        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2, activation="softmax")])
        >>> found = model.profile(np.ones((100, 4)), verbose=0)  # of predictions: the model need not be compiled
        >>> [(row.phase, row.operation) for row in found.rows][2:5]
        [('forward', 'dense'), ('forward', 'softmax'), ('predictions', 'batch_to_predictions')]
        """
        found = profile(self, x, y, batch_size, steps, sample_weight)
        if verbose and not (verbose == "auto" and in_cell()):
            print(found)
        return found

    def summary(self, print_fn: Any = None) -> None:
        """Print the layers with their output shapes and parameters, and the totals.

        Args:
            print_fn: a function that takes the text, in the place of `print`.
        """
        (print_fn or print)(summary(self))

    def save(self, path: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write architecture, weights and the optimizer's state into a file: `fastnn.saving.save_model`.

        Args:
            path: the file, "NAME.safetensors".
            overwrite: whether a file that is there may be replaced.
        """
        saving.save_model(self, path, overwrite)

    def save_weights(self, path: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights into a file: `fastnn.saving.save_weights`.

        Args:
            path: the file, "NAME.safetensors".
            overwrite: whether a file that is there may be replaced.
        """
        saving.save_weights(self, path, overwrite)

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Read the weights from a file of a model or of weights: `fastnn.saving.load_weights`.

        Args:
            path: the file.
        """
        saving.load_weights(self, path)

    def _results(self, logs: Logs, return_dict: bool) -> Any:
        if return_dict:
            return dict(sorted(logs.items()))
        return list(logs.values()) if self._metrics else logs["loss"]

    def _prepare_x(self, x: Any, argument: str = "x") -> np.ndarray | SparseRows:
        """Checked samples as rows; builds the model for them if it is not built yet."""
        if is_sparse(x):
            with self._turns.lock, self._unchanged_on_error():
                return prepare_sparse(self, x, argument)
        if not self.built:
            with self._turns.lock, self._unchanged_on_error():
                self._build_for(checks.finite(checks.numeric_array(x, argument), argument).shape)
                return self._rows(x, argument)
        return self._rows(x, argument)

    def _rows(self, x: Any, argument: str) -> np.ndarray:
        rows = checks.rows_of(x, argument, self._sample_shape, self._layers[0].dtype)
        for layer in self._layers:
            if not layer.shape_only:
                layer.check_samples(rows, argument)
                break
        return rows

    def _predict(self, x: Any) -> np.ndarray:
        samples = Samples(self._prepare_x(x))
        with self._turns.lock:
            return programs.predict(self, samples)

    def _repr_html_(self) -> str:
        """What a notebook shows: a drawing, and the layers with their output shapes and parameters."""
        return model_html(self)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: without programs and locks, which are made again."""
        return {k: v for k, v in vars(self).items() if k not in ("_programs", "_turns")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._layers, self._names = list(self._layers), set(self._names)
        if self.history is not None and self.history.model is None:  # else this copy shares it with the original
            self.history.model = self
        self._turns, self._programs = Turns(), {}
