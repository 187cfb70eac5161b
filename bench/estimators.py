"""fastnn.sklearn next to scikit-learn's own multi-layer perceptrons, with the same parameters, measured in turns.

    python -m bench.estimators [--rounds 5] [--threads 2] [workload ...]

Each in its own process, on the same cores, as in `bench.compare`, whose table this is: the time of scikit-learn's
estimator divided by that of fastnn's. Everything is warm, but for "first fit": that is a new process, from `python`
to the end of its first fit, with compiled kernels on the disk. Early stopping is off and n_iter_no_change so large that
both train the same number of epochs. Before anything is timed, both compute the same: the loss after a few epochs
without shuffling, or probabilities.

What it should show, on two cores: MNIST >= 5, 20-64-64-2 >= 8, 200 rows >= 10, cross-validation >= 5, predict_proba of
10,000 rows >= 2 and of one row at most 60 us; a first fit of 1,000 rows in less than 1.5 s.
"""

import argparse
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score

import fastnn

from .compare import at_least_one, print_table, start
from .workloads import Array, scaled_mnist, twenty_features
from .workloads import mnist as mnist_data

PEERS = ("fastnn_estimators", "sklearn_estimators")
ALL_EPOCHS = {"n_iter_no_change": 10**6, "tol": 0.0, "random_state": 0}


def mnist() -> tuple[Array, Array]:
    return scaled_mnist(), mnist_data()[1]


def mnist_float64() -> tuple[Array, Array]:
    return scaled_mnist().astype(np.float64), mnist_data()[1]


def thousand_images() -> tuple[Array, Array]:
    return scaled_mnist()[:1000], mnist_data()[1][:1000]


def twenty_features_float64() -> tuple[Array, Array]:
    x, y = twenty_features()
    return x.astype(np.float64), y


def two_hundred_rows() -> tuple[Array, Array]:
    x = np.random.default_rng(1).standard_normal((200, 10))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def digits() -> tuple[Array, Array]:
    x, y = load_digits(return_X_y=True)
    return x / 16, y


@dataclass(frozen=True)
class Fit:
    """Fits of a classifier, from the call to its end.

    Attributes:
        name: the name of the workload.
        data: returns samples and labels.
        parameters: of the classifier.
        epochs: of a fit.
    """

    name: str
    data: Callable[[], tuple[Array, Array]]
    parameters: Mapping[str, Any]
    epochs: int
    unit = "fit"
    tolerance = 0.01

    def make(self, classifier: Any) -> "Fitting":
        return Fitting(self, classifier)


class Fitting:
    def __init__(self, workload: Fit, classifier: Any):
        self.x, self.y = workload.data()
        self.estimator = classifier(max_iter=workload.epochs, **workload.parameters, **ALL_EPOCHS)

    def check(self) -> list[float]:
        few = clone(self.estimator).set_params(max_iter=min(3, self.estimator.max_iter), shuffle=False)
        return [float(few.fit(self.x, self.y).loss_)]

    def run(self, fits: int) -> None:
        for _ in range(fits):
            clone(self.estimator).fit(self.x, self.y)


@dataclass(frozen=True)
class CrossValidation(Fit):
    """Five folds in two processes of joblib's, which are there already."""

    unit = "call"

    def make(self, classifier: Any) -> "Validating":
        return Validating(self, classifier)


class Validating(Fitting):
    def run(self, calls: int) -> None:
        for _ in range(calls):
            cross_val_score(self.estimator, self.x, self.y, cv=5, n_jobs=2)


@dataclass(frozen=True)
class Probabilities:
    """predict_proba of some rows, by a classifier with the weights of scikit-learn's."""

    name: str
    rows: int
    unit = "call"
    tolerance = 1e-4

    def make(self, classifier: Any) -> "Predicting":
        return Predicting(self, classifier)


class Predicting:
    def __init__(self, workload: Probabilities, classifier: Any):
        x, y = thousand_images()
        self.classifier = classifier((256,), max_iter=5, shuffle=False, **ALL_EPOCHS).fit(x, y)
        self.x = np.ascontiguousarray(scaled_mnist()[: workload.rows])

    def check(self) -> list[float]:
        return self.classifier.predict_proba(self.x)[-1].tolist()

    def run(self, calls: int) -> None:
        for _ in range(calls):
            self.classifier.predict_proba(self.x)


FIRST_FIT = """
import os
import numpy as np
from {module} import MLPClassifier
rng = np.random.default_rng(0)
x = rng.standard_normal((1000, 20))
MLPClassifier(max_iter=10, n_iter_no_change=100, random_state=0).fit(x, x[:, 0] > 0)
os._exit(0)
"""


@dataclass(frozen=True)
class FirstFit:
    """A new process, until its first fit of 1,000 rows is done."""

    name: str
    unit = "process"
    tolerance = 0.0

    def make(self, classifier: Any) -> "Starting":
        return Starting(classifier)


@dataclass
class Starting:
    classifier: Any
    environment: dict[str, str] = field(default_factory=lambda: {**os.environ, "PYTHONDONTWRITEBYTECODE": ""})

    def check(self) -> list[float]:
        self.run(2)  # writes kernels and bytecode, which an installed package has
        return [0.0]

    def run(self, processes: int) -> None:
        module = "fastnn.sklearn" if self.classifier.__module__.startswith("fastnn") else "sklearn.neural_network"
        for _ in range(processes):
            code = [sys.executable, "-W", "ignore", "-c", FIRST_FIT.format(module=module)]
            subprocess.run(code, env=self.environment, check=True)


_mnist = {"hidden_layer_sizes": (256,), "batch_size": 200}
_small = {"hidden_layer_sizes": (64, 64)}
_all = [
    Fit("MNIST 784-256-10, float32, 2 epochs", mnist, _mnist, 2),
    Fit("MNIST 784-256-10, float64, 2 epochs", mnist_float64, _mnist, 2),
    Fit("20-64-64-2, 10,000 rows, float32, 10 epochs", twenty_features, _small, 10),
    Fit("20-64-64-2, 10,000 rows, float64, 10 epochs", twenty_features_float64, _small, 10),
    Fit("10-100-1, 200 rows, 1,000 epochs", two_hundred_rows, {}, 1000),
    CrossValidation("cross_val_score(n_jobs=2), digits, 64-100-10, 100 epochs", digits, {}, 100),
    CrossValidation("cross_val_score(n_jobs=2), 20-64-64-2, float32, 10 epochs", twenty_features, _small, 10),
    CrossValidation("cross_val_score(n_jobs=2), 20-64-64-2, float64, 10 epochs", twenty_features_float64, _small, 10),
    Probabilities("predict_proba, 784-256-10, 1 row", 1),
    Probabilities("predict_proba, 784-256-10, 10,000 rows", 10_000),
    FirstFit("first fit, 1,000 rows, of a new process"),
]
WORKLOADS = {workload.name: workload for workload in _all}


def make(workload: Any, classifier: Any) -> Any:
    """The job of a workload for one of the two classes."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are counted, not what they have reached
    os.environ["PYTHONWARNINGS"] = "ignore"  # the same in the processes of joblib
    return workload.make(classifier)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.estimators", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=at_least_one, default=5)
    parser.add_argument("--threads", type=at_least_one, default=fastnn.get_num_threads())
    parser.add_argument("workload", nargs="*", help=f"names or parts of {list(WORKLOADS)}")
    arguments = parser.parse_args()
    wanted = arguments.workload
    chosen = {name: w for name, w in WORKLOADS.items() if not wanted or any(part in name for part in wanted)}
    if not chosen:
        parser.error(f"unknown workload {wanted}; known: {list(WORKLOADS)}")
    workers = start(PEERS, arguments.threads, limits=())  # joblib tells its processes how many cores each has
    return 0 if print_table(workers, chosen, arguments.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
