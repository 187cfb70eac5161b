"""Training and prediction next to NumPy, on all cores, and the time from process start to the first step."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn
from bench.peers import with_fastnn, with_numpy
from bench.workloads import WORKLOADS, documents
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


@pytest.mark.parametrize("columns", [50_000, 500_000])
def bench_documents(benchmark, columns):
    """With plain SGD the cost grows with what is not zero, and hardly with the columns."""
    benchmark.group = "20,000 documents of 100 words, 64-4, SGD, an epoch"
    x, y = documents(columns)
    layers = [fastnn.layers.Dense(64, activation="relu"), fastnn.layers.Dense(4, activation="softmax")]
    model = fastnn.Sequential([fastnn.Input((columns,)), *layers])
    model.compile(fastnn.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    benchmark.pedantic(model.fit, (x, y), {"batch_size": 200, "verbose": 0}, rounds=ROUNDS, warmup_rounds=1)


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


# In a new process, from its start to the end of the first step.

FIRST_STEP = """
import numpy as np, fastnn
from fastnn import layers
hidden, output = layers.Dense(256, activation="relu"), layers.Dense(10, activation="softmax")
model = fastnn.Sequential([fastnn.Input((784,)), hidden, output])
model.compile(fastnn.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(np.zeros((128, 784), np.float32), np.zeros(128, int), batch_size=128, verbose=0)
"""


def run_process(code, cache):
    environment = os.environ | {"FASTNN_CACHE_DIR": str(cache), "PYTHONPATH": str(Path(fastnn.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    run_process(FIRST_STEP, folder)
    return folder


def bench_first_step_with_an_empty_cache(benchmark, tmp_path):
    benchmark.group = "a process, to its first step, compiling"
    benchmark.pedantic(run_process, (FIRST_STEP, tmp_path), rounds=1)


@pytest.mark.parametrize(
    "code", ["pass", "import numba", "import fastnn", FIRST_STEP], ids=["python", "numba", "fastnn", "first_step"]
)
def bench_start(benchmark, warm_cache, code):
    benchmark.group = "a process, kernels cached"
    benchmark.pedantic(run_process, (code, warm_cache), rounds=ROUNDS, warmup_rounds=1)
