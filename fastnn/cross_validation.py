"""Cross-validation, fold beside fold on the cores of the machine."""

import copy
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import checks, threads
from .progress import line
from .randomness import drawing_from, generator

if TYPE_CHECKING:
    from .model import Sequential


def cross_validate(
    build_model: "Callable[[], Sequential]",
    x: Any,
    y: Any,
    *,
    cv: Any = 5,
    n_jobs: int | None = None,
    return_train_score: bool = False,
    verbose: int = 0,
    **fit_arguments: Any,
) -> dict[str, Any]:
    """Train a new model on each split of the data, and evaluate it on the part that was left out.

    The folds run side by side, one thread each; the last one on whatever cores are free. The results have the same bits
    for any number of workers, as long as what `build_model` and callbacks do in Python depends on nothing else.

    Args:
        build_model: makes a compiled model; called once for each fold, before the first is trained.
        x: samples, as `fit` takes them.
        y: their labels or targets.
        cv: a number of folds, a splitter such as `KFold(5, shuffle=True)`, or pairs of (training, test) indices. A
            number stands for `StratifiedKFold` where y is integer labels, else for `KFold`, unshuffled.
        n_jobs: folds at the same time; None or -1: `fastnn.get_num_threads()`.
        return_train_score: whether each model is evaluated on its training part, too.
        verbose: 1 prints a line a fold.
        **fit_arguments: for `fit`, such as `batch_size` and `epochs`. Each fold is validated with its test part, unless
            there is a `validation_split`, which sets aside a part of the training part. Each fold gets copies of the
            callbacks.

    Returns:
        A dict: "test_loss" and "test_" with each metric's name, and with `return_train_score` "train_...": arrays (k,);
        "fit_time": seconds (k,); "histories": what each `fit` returned; "models": the trained models.

    Raises:
        ValueError: for data that do not fit, fewer than two folds, or folds without samples.
    """
    columns = np.asarray(x), np.asarray(y)
    checks.same_length(columns[0], "x", columns[1], "y")
    for name in ("x", "y", "validation_data", "sample_weight"):
        if name in fit_arguments:
            raise ValueError(f"cross_validate chooses {name} for each fold itself; leave it out")
    splits = _splits(cv, *columns)
    jobs = threads.get_num_threads() if n_jobs in (None, -1) else checks.positive_integer(n_jobs, "n_jobs")
    folds = [_Fold(build_model, *columns, train, test) for train, test in splits]
    for part in ("model", "optimizer"):
        if len({id(getattr(fold, part)) for fold in folds}) < len(folds):
            raise ValueError(f"build_model must make a new {part} each time, received the same one again")
    shown = _InOrder(len(folds) if verbose else 0)

    def work(i: int) -> None:
        folds[i].run({"verbose": 0} | fit_arguments, return_train_score)
        shown.finished(i, folds[i])

    _Crew(len(folds), work, lambda i: folds[i].stop()).run(min(jobs, len(folds)))
    results: dict[str, Any] = {name: np.array([fold.scores[name] for fold in folds]) for name in folds[0].scores}
    results["fit_time"] = np.array([fold.seconds for fold in folds])
    return results | {"histories": [fold.model.history for fold in folds], "models": [fold.model for fold in folds]}


def _splits(cv: Any, x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    from .model_selection import KFold, StratifiedKFold

    if isinstance(cv, (int, np.integer)):
        labels = y.dtype.kind in "biu" and y.size == len(y)
        cv = (StratifiedKFold if labels else KFold)(int(cv))
    splits = list(cv.split(x, y) if hasattr(cv, "split") else cv)
    if len(splits) < 2:
        raise ValueError(f"cv must give at least 2 folds, received {len(splits)}")
    for i, (train, test) in enumerate(splits):
        if len(train) == 0 or len(test) == 0:
            raise ValueError(f"fold {i + 1} of cv has {len(train)} training and {len(test)} test samples")
    return splits


class _Fold:
    """One fold: its model, its data, and in the end its scores."""

    def __init__(
        self, build_model: "Callable[[], Sequential]", x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray
    ):
        # A stream of its own: what the fold draws does not depend on which of them are trained at the same time.
        self.generator = generator().spawn(1)[0]
        with drawing_from(self.generator):
            self.model = build_model()
        self.x, self.y, self.train, self.test = x, y, train, test
        self.scores: dict[str, float] = {}
        self.seconds = 0.0

    def run(self, fit_arguments: dict[str, Any], train_score: bool) -> None:
        train, test = ((self.x[part], self.y[part]) for part in (self.train, self.test))
        if "callbacks" in fit_arguments:  # they remember things, and the folds run at the same time
            fit_arguments = fit_arguments | {"callbacks": copy.deepcopy(fit_arguments["callbacks"])}
        if not fit_arguments.get("validation_split"):
            fit_arguments = fit_arguments | {"validation_data": test}
        began = time.perf_counter()
        with drawing_from(self.generator):
            self.model.fit(*train, **fit_arguments)
        self.seconds = time.perf_counter() - began
        for part, samples in (("test", test), *([("train", train)] if train_score else [])):
            logs = self.model.evaluate(*samples, verbose=0, return_dict=True)
            self.scores |= {f"{part}_{name}": value for name, value in logs.items()}

    @property
    def optimizer(self) -> Any:
        return self.model.optimizer

    def stop(self) -> None:
        self.model.stop_training = True


class _InOrder:
    """Prints the folds' lines in their order, each as soon as all before it are finished."""

    def __init__(self, folds: int):
        self.folds, self.next = folds, 0
        self.lines: dict[int, str] = {}
        self.lock = threading.Lock()

    def finished(self, i: int, fold: _Fold) -> None:
        with self.lock:
            logs = {name.removeprefix("test_"): v for name, v in fold.scores.items() if name.startswith("test_")}
            logs = {"loss": logs.pop("loss"), **logs}
            self.lines[i] = line("Fold", logs, i + 1, self.folds)
            while self.folds and self.next in self.lines:
                print(self.lines[self.next], flush=True)
                self.next += 1


class _Crew:
    """The calling thread and some helpers, who work off numbered pieces of work.

    The last piece is left to the calling thread: the main thread can share its steps among all cores that are free.
    """

    def __init__(self, pieces: int, work: Callable[[int], None], stop: Callable[[int], None]):
        self.work, self.stop = work, stop
        self.pieces = pieces
        self.next = 0
        self.running: set[int] = set()
        self.errors: dict[int, BaseException] = {}
        self.ended = False  # whether nothing new is begun
        self.lock = threading.Lock()

    def run(self, workers: int) -> None:
        helpers = [threading.Thread(target=self._help, daemon=True) for _ in range(workers - 1)]
        for helper in helpers:
            helper.start()
        try:
            self._work_off(self.pieces)
            while any(helper.is_alive() for helper in helpers):
                _join(helpers)
        except BaseException:  # Ctrl-C: nobody goes on in the background
            while any(helper.is_alive() for helper in helpers):
                self._end()
                _join(helpers)
            raise
        if self.errors:
            raise self.errors[min(self.errors)]

    def _help(self) -> None:
        with threads.occupying_a_core():
            self._work_off(self.pieces - 1)

    def _work_off(self, end: int) -> None:
        while (piece := self._take(end)) is not None:
            try:
                self.work(piece)
            except Exception as error:
                self.errors[piece] = error
                self._end()
            finally:
                self.running.discard(piece)

    def _take(self, end: int) -> int | None:
        with self.lock:
            if self.ended or self.next >= end:
                return None
            piece, self.next = self.next, self.next + 1
            self.running.add(piece)
            return piece

    def _end(self) -> None:
        self.ended = True
        for piece in tuple(self.running):
            self.stop(piece)


def _join(helpers: list[threading.Thread]) -> None:
    for helper in helpers:
        helper.join(0.05)
