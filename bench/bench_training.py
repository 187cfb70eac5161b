"""Training and prediction next to NumPy, on all cores."""

import pytest

import fastnn
from bench.peers import with_fastnn, with_numpy
from bench.workloads import WORKLOADS
from fastnn.datasets import points
from fastnn.engine import threads
from fastnn.labs import backprop, mnist
from fastnn.model_selection import cross_validate

EPOCHS = {"MNIST, batch 32": 1, "MNIST, batch 128": 1, "MNIST, batch 1024": 1, "XOR 2-4-4-1": 2000}
ROUNDS = 5

both = pytest.mark.parametrize("peer", [with_fastnn, with_numpy], ids=["fastnn", "numpy"])


@pytest.mark.parametrize("name", EPOCHS)
@both
def bench_training(benchmark, name, peer):
    epochs = EPOCHS[name]
    benchmark.group = name if epochs == 1 else f"{name}, {epochs} epochs"
    trainer = peer.make(WORKLOADS[name])
    benchmark.pedantic(trainer.run, (epochs,), rounds=ROUNDS, warmup_rounds=1)


@pytest.mark.parametrize("name", [n for n in WORKLOADS if n.startswith("predict")])
@both
def bench_prediction(benchmark, name, peer):
    benchmark.group = name
    predictor = peer.make(WORKLOADS[name])
    benchmark(predictor.run, 1)


# Two tasks from the labs: five folds on all cores or one, and 100,000 epochs of backpropagation.


@pytest.mark.parametrize("cores", sorted({1, fastnn.get_num_threads()}))
def bench_cross_validation(benchmark, monkeypatch, cores):
    benchmark.group = "MNIST 784-256-10, batch 128, 2 epochs, five folds"
    monkeypatch.setattr(threads, "_asked", cores)
    (x, y), _ = fastnn.datasets.mnist.load_data()

    def build():
        model = mnist.network((28, 28), [256], "relu", 10)
        model.compile(fastnn.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"])
        return model

    options = {"cv": 5, "batch_size": 128, "epochs": 2}
    benchmark.pedantic(cross_validate, (build, x, y), options, rounds=ROUNDS, warmup_rounds=1)


def bench_backprop(benchmark):
    benchmark.group = "XOR and linear data, 2-4-4-1, 100,000 epochs each"
    data = {"linear": points.generate_linear(100, seed=1), "XOR": points.generate_xor_easy()}

    def train():
        networks = {name: backprop.network([4, 4], "sigmoid", bias=True) for name in data}
        for model in networks.values():
            model.compile(fastnn.optimizers.SGD(1.0), "mse", ["accuracy"])
        histories = {name: fastnn.callbacks.History() for name in data}
        backprop.train_side_by_side(networks, histories, data, epochs=100_000, threshold=0)

    benchmark.pedantic(train, rounds=3)
