"""NumPy: the network of tests/reference/network.py."""

import numpy as np

from bench.workloads import Prediction, Product, Training, Workload
from tests.reference.network import Network


def version() -> str:
    return f"NumPy {np.__version__}"


def make(workload: Workload):
    maker = {Training: Trainer, Prediction: Predictor, Product: Multiplier}.get(type(workload))
    if maker is None or getattr(workload, "sparse", False):  # no convolutions, no sparse matrices
        return None
    return maker(workload)


def network(sizes, activations, loss, optimizer, weights) -> Network:
    result = Network(sizes, activations, loss, *optimizer)
    for w, b, (w_start, b_start) in zip(result.weights, result.biases, weights, strict=True):
        w[:], b[:] = w_start, b_start
    return result


class Trainer:
    def __init__(self, workload: Training):
        self.workload, self.rng = workload, np.random.default_rng(0)
        self.x, self.y = workload.float_data()
        w = workload
        self.network = network(w.sizes, w.activations, w.loss, w.optimizer, w.initial_weights())
        self.loss = np.nan

    def check(self) -> list[float]:
        for _ in range(self.workload.check_epochs):
            self._epoch(np.arange(len(self.x)))
        return [self.loss]

    def run(self, epochs: int) -> None:
        for _ in range(epochs):
            self._epoch(self.rng.permutation(len(self.x)) if self.workload.shuffled else None)

    def _epoch(self, order) -> None:
        network, x, y, rows = self.network, self.x, self.y, self.workload.batch_size
        if rows is None:
            self.loss = network.train_batch(x, y) / len(x)
        elif x is y:  # gathers the batch once, not twice
            total, batch = 0.0, np.empty((rows, x.shape[1]), x.dtype)
            for start in range(0, len(x), rows):
                chosen = order[start : start + rows]
                x_batch = x.take(chosen, axis=0, out=batch[: len(chosen)], mode="clip")
                total += network.train_batch(x_batch, x_batch)
            self.loss = total / len(x)
        else:
            self.loss = network.train_epoch(x, y, rows, order)


class Predictor:
    def __init__(self, workload: Prediction):
        self.x = workload.x()
        sizes, activations = (784, 256, 10), ("relu", "softmax")
        self.network = network(sizes, activations, "sparse_cross_entropy", ("sgd", {}), workload.weights())

    def check(self) -> list[float]:
        return self.network.predict(self.x)[-1].tolist()

    def run(self, calls: int) -> None:
        for _ in range(calls):
            self.network.predict(self.x)


class Multiplier:
    def __init__(self, workload: Product):
        self.a, self.b = workload.matrices()
        self.c = np.empty_like(self.a)

    def check(self) -> list[float]:
        self.run(1)
        return self.c[-1, :10].tolist()

    def run(self, products: int) -> None:
        for _ in range(products):
            np.matmul(self.a, self.b, out=self.c)
