"""Cross-validation, with the folds trained in parallel on the cores of the machine."""

import copy
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import checks, frames
from ..callbacks import Callback, Logs
from ..engine import threads
from ..engine.crew import crew
from ..engine.parameters import trained_weights
from ..kernels.interrupts import compiling_unless
from ..models.progress import line
from ..models.sequential import Sequential
from ..randomness import drawing_from, generator
from ..sparse_rows import checked_csr
from .splits import KFold, StratifiedKFold


def cross_validate(
    build_model: Callable[[], Sequential],
    x: Any,
    y: Any,
    *,
    cv: Any = 5,
    n_jobs: int | None = None,
    return_train_score: bool = False,
    verbose: int = 0,
    sample_weight: Any = None,
    callbacks: Any = None,
    **fit_arguments: Any,
) -> dict[str, Any]:
    """Train a new model on each split of the data, and evaluate it on the part that was left out.

    The folds run in parallel, one thread each; the last one uses all cores that are free. The results are bit-identical
    for any number of workers, provided that `build_model` and the callbacks are deterministic.

    Args:
        build_model: makes a compiled model; called once for each fold, before the first is trained.
        x: samples, as `fit` takes them.
        y: labels or targets, as `fit` takes them.
        cv: a number of folds, a splitter such as `KFold(5, shuffle=True)`, or pairs of (training, test) indices. A
            number means `StratifiedKFold` if y holds integer labels, otherwise `KFold`, without shuffling.
        n_jobs: the number of folds to run in parallel; None or -1: `fastnn.get_num_threads()`.
        return_train_score: whether to evaluate each model on its training part, too.
        verbose: 1 prints one line per fold.
        sample_weight: (n,) weights of the samples' losses in training.
        callbacks: for `fit`; each fold gets its own copies.
        **fit_arguments: for `fit`, such as `batch_size` and `epochs`. Each fold is validated on its test part, unless
            `validation_split` sets aside a part of its training part.

    Returns:
        A dict with arrays (k,) under "test_loss", "test_<metric>" and, with `return_train_score`, "train_...";
        "fit_time": seconds (k,); "histories": what each `fit` returned; "models": the trained models; "callbacks": the
        callbacks of each fold.

    Raises:
        TypeError, ValueError: for wrong arguments, fewer than two folds, or folds without samples; raised before
            anything is trained. An error in one fold stops all of them.

    >>> def build():
    ...     model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1, activation="sigmoid")])
    ...     model.compile(fastnn.optimizers.SGD(1.0), "binary_crossentropy", metrics=["accuracy"])
    ...     return model
    >>> x, y = fastnn.datasets.points.generate_linear(100, seed=1)
    >>> scores = fastnn.model_selection.cross_validate(build, x, y, cv=4, epochs=20)
    >>> scores["test_accuracy"].shape, bool(scores["test_accuracy"].mean() > 0.8)
    ((4,), True)
    """
    samples = checked_csr(x, "x") if frames.is_sparse(x) else checks.numeric_array(x, "x")
    columns = samples, checks.numeric_array(y, "y", checks.LABELS_HINT)
    for array, name in zip(columns, ("x", "y"), strict=True):
        if array.ndim == 0 or 0 in array.shape:
            raise ValueError(f"{name} must hold one entry per sample, received shape {array.shape}")
    checks.same_length(columns[0], "x", columns[1], "y")
    weights = None if sample_weight is None else checks.numeric_array(sample_weight, "sample_weight")
    if weights is not None:
        checks.same_length(columns[0], "x", weights, "sample_weight")
    if "validation_data" in fit_arguments:
        raise ValueError("cross_validate validates each fold with its own test part; leave validation_data out")
    splits = _splits(cv, *columns)
    jobs = threads.get_num_threads() if n_jobs in (None, -1) else checks.integer(n_jobs, "n_jobs")
    folds = [_Fold(_new_model(build_model), *columns, weights, *split, callbacks) for split in splits]
    _share_nothing(folds)
    shown = _InOrder(folds) if verbose else None

    def work(i: int) -> None:
        folds[i].run({"verbose": 0} | fit_arguments, return_train_score, _Stopping(team))
        if shown is not None and not team.ended:
            shown.finished(i)

    team = _Team(work, [fold.model for fold in folds])
    team.run(min(jobs, len(folds)))
    results: dict[str, Any] = {name: np.array([fold.scores[name] for fold in folds]) for name in folds[0].scores}
    results["fit_time"] = np.array([fold.seconds for fold in folds])
    results["histories"] = [fold.model.history for fold in folds]
    return results | {"models": [fold.model for fold in folds], "callbacks": [fold.callbacks for fold in folds]}


Split = tuple[np.ndarray, np.ndarray]


def _splits(cv: Any, x: Any, y: np.ndarray) -> list[Split]:
    """The pairs of training and test indices, checked."""
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        labels = y.dtype.kind in "biu" and y.size == len(y)
        cv = (StratifiedKFold if labels else KFold)(int(cv))
    if not hasattr(cv, "split") and (isinstance(cv, str) or not isinstance(cv, Iterable)):
        raise TypeError(f"cv must be a number of folds, a splitter or pairs of indices, received {cv!r}")
    splits = []
    for i, split in enumerate(cv.split(x, y) if hasattr(cv, "split") else cv, 1):
        if len(split) != 2:
            raise ValueError(f"fold {i} of cv must be a pair of training and test indices, received {len(split)} parts")
        train, test = (_indices(part, len(y), f"fold {i} of cv") for part in split)
        splits.append((train, test))
    if len(splits) < 2:
        raise ValueError(f"cv must give at least 2 folds, received {len(splits)}")
    return splits


def _indices(part: Any, samples: int, owner: str) -> np.ndarray:
    indices = np.asarray(part)
    if indices.dtype == bool and indices.shape == (samples,):
        indices = np.flatnonzero(indices)
    if indices.ndim != 1 or indices.size == 0 or indices.dtype.kind not in "iu":
        raise ValueError(f"{owner} must be non-empty lists of sample indices, received {part!r}")
    if indices.min() < 0 or indices.max() >= samples:
        raise ValueError(f"{owner} must be indices in [0, {samples}), received {indices.min()} to {indices.max()}")
    return indices


def _new_model(build_model: Callable[[], Sequential]) -> Sequential:
    if isinstance(build_model, Sequential) or not callable(build_model):
        raise TypeError(f"build_model must be a function that makes a compiled model, received {build_model!r}")
    model = build_model()
    if not isinstance(model, Sequential):
        raise TypeError(f"build_model must return a compiled Sequential, received {model!r}")
    model._require_compiled()
    return model


class _Fold:
    """One fold: its model, its data, and finally its scores."""

    def __init__(
        self,
        model: Sequential,
        x: Any,
        y: np.ndarray,
        weights: np.ndarray | None,
        train: np.ndarray,
        test: np.ndarray,
        callbacks: Any,
    ):
        self.model, self.x, self.y, self.weights, self.train, self.test = model, x, y, weights, train, test
        # Callbacks have state, and folds run in parallel.
        self.callbacks = copy.deepcopy(callbacks)
        # A separate stream, so that the fold's random numbers do not depend on which folds run at the same time.
        self.generator = generator().spawn(1)[0]
        self.scores: dict[str, float] = {}
        self.seconds = 0.0

    def run(self, fit_arguments: dict[str, Any], train_score: bool, stopping: Callback) -> None:
        train, test = ((self.x[part], self.y[part]) for part in (self.train, self.test))
        if not fit_arguments.get("validation_split"):
            fit_arguments = fit_arguments | {"validation_data": test}
        if self.weights is not None:
            fit_arguments = fit_arguments | {"sample_weight": self.weights[self.train]}
        callbacks = [stopping] if self.callbacks is None else [self.callbacks, stopping]
        began = time.perf_counter()
        with drawing_from(self.generator):
            self.model.fit(*train, callbacks=callbacks, **fit_arguments)
        self.seconds = time.perf_counter() - began
        for part, samples in (("test", test), *([("train", train)] if train_score else [])):
            logs = self.model.evaluate(*samples, verbose=0, return_dict=True)
            self.scores |= {f"{part}_{name}": value for name, value in logs.items()}
        self.model._programs = {}  # frees the buffers of the training: all models are kept until the end


def _share_nothing(folds: list[_Fold]) -> None:
    """A ValueError if folds that run in parallel would modify the same objects."""
    for name, shared in (("model", [f.model for f in folds]), ("optimizer", [f.model.optimizer for f in folds])):
        if len({id(thing) for thing in shared}) < len(folds):
            raise ValueError(f"build_model must make a new {name} each time, received the same one again")
    changed = [p for fold in folds for p in trained_weights(fold.model.layers)]
    if len({id(p) for p in changed}) < len(changed):
        raise ValueError("build_model must make new layers each time, received trainable ones again")


class _InOrder:
    """Prints one line per fold in order, each as soon as all folds before it are finished."""

    def __init__(self, folds: list[_Fold]):
        self.folds, self.next = folds, 0
        self.ready: set[int] = set()
        self.lock = threading.Lock()

    def finished(self, i: int) -> None:
        with self.lock:
            self.ready.add(i)
            while self.next in self.ready:
                scores = self.folds[self.next].scores
                logs = {name.removeprefix("test_"): v for name, v in scores.items() if name.startswith("test_")}
                logs = {"loss": logs.pop("loss"), **logs}
                print(line("Fold", logs, self.next + 1, len(self.folds)), flush=True)
                self.next += 1


class _Team:
    """The calling thread and some helper threads, each of which takes one fold after the other.

    The last fold is left to the calling thread, because the main thread can share its steps among all free cores.
    """

    def __init__(self, work: Callable[[int], None], models: list[Sequential]):
        self.work, self.models = work, models
        self.next = 0
        self.errors: list[BaseException] = []
        self.ended = False  # by an error or Ctrl-C: no further fold is started
        self.lock = threading.Lock()

    def run(self, workers: int) -> None:
        helpers: list[threading.Thread] = []
        try:
            for _ in range(workers - 1):
                helpers.append(threading.Thread(target=self._help, daemon=True))
                helpers[-1].start()
            self._work_off(len(self.models))
            _join(helpers)
        except BaseException:  # Ctrl-C between two folds, or a thread could not be started
            self._end()
            _join(helpers)
            raise
        if self.errors:
            raise self.errors[0]

    def _help(self) -> None:
        with crew.at_work(), compiling_unless(lambda: self.ended):
            self._work_off(len(self.models) - 1)

    def _work_off(self, end: int) -> None:
        while (fold := self._take(end)) is not None:
            try:
                self.work(fold)
            except BaseException as error:
                error.add_note(f"in fold {fold + 1} of cross_validate")
                self.errors.append(error)
                self._end()

    def _take(self, end: int) -> int | None:
        with self.lock:
            if self.ended or self.next >= end:
                return None
            self.next += 1
            return self.next - 1

    def _end(self) -> None:
        self.ended = True
        for model in self.models:
            model.stop_training = True


class _Stopping(Callback):
    """Stops a fold that was about to start when its team ended, and therefore missed `stop_training`."""

    def __init__(self, team: _Team):
        super().__init__()
        self.team = team

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.model.stop_training |= self.team.ended


def _join(helpers: list[threading.Thread]) -> None:
    """Wait for the threads that run. Ctrl-C may have come while one was being started: it gets a second to appear."""
    appears = time.monotonic() + 1
    for helper in helpers:
        while helper.ident is None and time.monotonic() < appears:
            time.sleep(0.01)
        while helper.is_alive():
            helper.join(0.05)  # a wait without a timeout cannot be interrupted on every platform
