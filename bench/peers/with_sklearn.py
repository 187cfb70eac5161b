"""scikit-learn's MLPClassifier, one epoch at a time; with no squared error after a sigmoid and no autoencoder."""

import warnings

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

from bench.workloads import Prediction, Training, Workload


def version() -> str:
    return f"scikit-learn {sklearn.__version__}"


def make(workload: Workload):
    if isinstance(workload, Training) and workload.loss == "sparse_cross_entropy":
        return Trainer(workload)
    return Predictor(workload) if isinstance(workload, Prediction) else None


def classifier(weights, x, classes, **settings) -> MLPClassifier:
    """A classifier with these weights, before its first step."""
    hidden = [len(b) for _, b in weights[:-1]]
    result = MLPClassifier(hidden, "relu", alpha=0.0, **settings)
    rows = np.resize(np.arange(classes), 2 * classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the batch is larger than these few rows
        result.partial_fit(x[: len(rows)], rows, classes=np.arange(classes))
    for i, (w, b) in enumerate(weights):
        outputs = result.coefs_[i].shape[1]  # 1 for two classes
        result.coefs_[i][...], result.intercepts_[i][...] = w[:, -outputs:], b[-outputs:]
    del result._optimizer  # with its state from that step
    return result


class Trainer:
    def __init__(self, workload: Training):
        self.workload = workload
        self.x, self.y = workload.float_data()
        name, numbers = workload.optimizer
        settings = {"solver": "sgd", "nesterovs_momentum": False, "momentum": numbers.get("momentum", 0.0)}
        if name == "adam":
            settings = {"solver": "adam", **{k: numbers[k] for k in ("beta_1", "beta_2", "epsilon")}}
        settings |= {"learning_rate_init": numbers["learning_rate"], "shuffle": False, "random_state": 0}
        rows = workload.batch_size or len(self.x)
        weights, classes = workload.initial_weights(), workload.sizes[-1]
        self.classifier = classifier(weights, self.x, classes, batch_size=rows, **settings)

    def check(self) -> list[float]:
        for _ in range(self.workload.check_epochs):
            self.classifier.partial_fit(self.x, self.y)
        self.classifier.shuffle = self.workload.shuffled
        # Two classes are one output here: a little less work than for the others, and different numbers.
        return [] if self.workload.sizes[-1] == 2 else [float(self.classifier.loss_)]

    def run(self, epochs: int) -> None:
        for _ in range(epochs):
            self.classifier.partial_fit(self.x, self.y)


class Predictor:
    def __init__(self, workload: Prediction):
        self.x = workload.x()
        self.classifier = classifier(workload.weights(), np.resize(self.x, (20, 784)), 10)

    def check(self) -> list[float]:
        return self.classifier.predict_proba(self.x)[-1].tolist()

    def run(self, calls: int) -> None:
        for _ in range(calls):
            self.classifier.predict_proba(self.x)
