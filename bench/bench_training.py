"""Training and prediction next to NumPy, on all cores."""

import numpy as np
import pytest

import fastnn
from bench.peers import with_fastnn, with_numpy
from bench.workloads import WORKLOADS, documents
from bench.workloads import mnist as mnist_data
from fastnn.datasets import points
from fastnn.engine import lowering, threads
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


@pytest.mark.parametrize("columns", [50_000, 500_000])
def bench_documents(benchmark, columns):
    """With plain SGD the cost grows with what is not zero, and hardly with the columns."""
    benchmark.group = "20,000 documents of 100 words, 64-4, SGD, an epoch"
    x, y = documents(columns)
    layers = [fastnn.layers.Dense(64, activation="relu"), fastnn.layers.Dense(4, activation="softmax")]
    model = fastnn.Sequential([fastnn.Input((columns,)), *layers])
    model.compile(fastnn.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    benchmark.pedantic(model.fit, (x, y), {"batch_size": 200, "verbose": 0}, rounds=ROUNDS, warmup_rounds=1)


# What leaving out zeros saves, where there are some, and what looking for them costs, where there are none.

SHARES_OF_ZEROS = {"mnist": None, "dense": 0.0, "nine tenths zeros": 0.9}


@pytest.mark.parametrize("skips", [True, False], ids=["skips", "all"])
@pytest.mark.parametrize("data", SHARES_OF_ZEROS)
def bench_zeros(benchmark, monkeypatch, data, skips):
    benchmark.group = f"784-256-10, batch 128, 12,800 samples, one thread: {data}"
    monkeypatch.setattr(threads, "_asked", 1)
    if not skips:
        monkeypatch.setattr(lowering, "SMALLEST_INPUTS", 2**60)
    x, y = mnist_data()
    x, y, rng = x[:12_800] / np.float32(255), y[:12_800], np.random.default_rng(0)
    if SHARES_OF_ZEROS[data] is not None:
        x = (rng.random(x.shape) + 0.01).astype(np.float32) * (rng.random(x.shape) >= SHARES_OF_ZEROS[data])
    model = fastnn.Sequential(
        [fastnn.Input((784,)), fastnn.layers.Dense(256, "relu"), fastnn.layers.Dense(10, "softmax")]
    )
    model.compile(fastnn.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    benchmark.pedantic(model.fit, (x, y), {"batch_size": 128, "verbose": 0}, rounds=2 * ROUNDS, warmup_rounds=1)


# What sharing a step costs and saves: from work that is far too small to share to some 100 million operations.

STEPS = {(2, 4, 4, 2): 21, (20, 64, 2): 64, (20, 64, 64, 2): 200, (784, 64, 10): 32, (784, 256, 10): 128}  # rows
STEPS_A_ROUND = 200


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("sizes", STEPS, ids=lambda sizes: "-".join(map(str, sizes)))
def bench_shared_step(benchmark, monkeypatch, sizes, count):
    benchmark.group = f"{STEPS_A_ROUND} steps of {sizes}, {STEPS[sizes]} rows"
    monkeypatch.setattr(threads, "_asked", count)
    rng, rows = np.random.default_rng(0), STEPS[sizes]
    x, y = rng.standard_normal((rows, sizes[0]), np.float32), rng.integers(sizes[-1], size=rows)
    model = fastnn.Sequential([fastnn.Input((sizes[0],)), *(fastnn.layers.Dense(n, "relu") for n in sizes[1:-1])])
    model.add(fastnn.layers.Dense(sizes[-1], "softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    options = {"batch_size": rows, "epochs": STEPS_A_ROUND, "shuffle": False, "verbose": 0}
    benchmark.pedantic(model.fit, (x, y), options, rounds=ROUNDS, warmup_rounds=1)


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
