"""Whether fastnn.sklearn and scikit-learn's own multi-layer perceptrons are equally good, on its own data sets.

    python -m bench.agreement [data set ...]

Five-fold cross-validated scores, accuracy or R^2, with the same parameters, folds and ten seeds. Both draw the same
initial weights for a seed and train by the same steps, but in another order of samples. So scores of a seed differ,
and the two means over the seeds must agree within the spread over the seeds: the standard deviation of scikit-learn's
scores. The table takes about twenty seconds, most of them scikit-learn's.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastnn.sklearn

SEEDS = 10
FOLDS = 5


@dataclass(frozen=True)
class Task:
    """A data set and the parameters of both estimators.

    Attributes:
        name: of the data set.
        load: one of scikit-learn's functions.
        estimator: the name of the class.
        parameters: of the estimator.
        scaled_targets: whether the targets are divided by their standard deviation first.
    """

    name: str
    load: Callable[..., Any]
    estimator: str = "MLPClassifier"
    parameters: dict[str, Any] = field(default_factory=dict)
    scaled_targets: bool = False

    def scores(self, module: Any, seed: int) -> float:
        """The mean score over the folds, for the class of `fastnn.sklearn` or `sklearn.neural_network`."""
        x, y = self.load(return_X_y=True)
        if self.scaled_targets:
            y = (y - y.mean(axis=0)) / y.std(axis=0)
        estimator = getattr(module, self.estimator)(random_state=seed, **self.parameters)
        splits = KFold if self.estimator == "MLPRegressor" else StratifiedKFold
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            folds = splits(FOLDS, shuffle=True, random_state=0)
            return float(cross_val_score(make_pipeline(StandardScaler(), estimator), x, y, cv=folds).mean())


_all = [
    Task("digits", datasets.load_digits, parameters={"max_iter": 30}),
    Task("breast_cancer", datasets.load_breast_cancer, parameters={"hidden_layer_sizes": (30,), "max_iter": 60}),
    Task(
        "wine",
        datasets.load_wine,
        parameters={"hidden_layer_sizes": (20,), "alpha": 0.1, "batch_size": 32, "max_iter": 60},
    ),
    Task(
        "iris",
        datasets.load_iris,
        parameters={"solver": "sgd", "learning_rate_init": 0.05, "batch_size": 16, "max_iter": 60},
    ),
    Task(
        "diabetes",
        datasets.load_diabetes,
        "MLPRegressor",
        {"hidden_layer_sizes": (50,), "alpha": 1.0, "learning_rate_init": 0.01, "max_iter": 60},
        scaled_targets=True,
    ),
    Task(
        "linnerud",
        datasets.load_linnerud,
        "MLPRegressor",
        {"hidden_layer_sizes": (20,), "alpha": 10.0, "batch_size": 4, "max_iter": 100},
        scaled_targets=True,
    ),
]
TASKS = {task.name: task for task in _all}


@dataclass(frozen=True)
class Comparison:
    """The scores of both libraries, one for each seed."""

    own: np.ndarray
    theirs: np.ndarray

    @property
    def spread(self) -> float:
        return float(self.theirs.std(ddof=1))

    @property
    def difference(self) -> float:
        return float(self.own.mean() - self.theirs.mean())

    @property
    def agree(self) -> bool:
        return abs(self.difference) <= self.spread


def compare(task: Task, seeds: int = SEEDS) -> Comparison:
    """Both libraries' scores for the same seeds."""
    found = ([task.scores(m, seed) for seed in range(seeds)] for m in (fastnn.sklearn, neural_network))
    return Comparison(*map(np.array, found))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.agreement", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", nargs="*", metavar="data set", help=f"some of {list(TASKS)}")
    wanted = parser.parse_args().task or list(TASKS)
    if unknown := set(wanted) - set(TASKS):
        parser.error(f"unknown data sets {', '.join(sorted(unknown))}; known: {', '.join(TASKS)}")
    print(f"mean and standard deviation over {SEEDS} seeds of the {FOLDS}-fold cross-validated score\n")
    print("| data | fastnn.sklearn | scikit-learn | difference | within the spread |")
    print("|---|---|---|---|---|", flush=True)
    agreements = []
    for name in wanted:
        found = compare(TASKS[name])
        agreements.append(found.agree)
        own, theirs = (f"{scores.mean():.4f} ± {scores.std(ddof=1):.4f}" for scores in (found.own, found.theirs))
        print(f"| {name} | {own} | {theirs} | {found.difference:+.4f} | {'yes' if found.agree else 'NO'} |", flush=True)
    return 0 if all(agreements) else 1


if __name__ == "__main__":
    sys.exit(main())
