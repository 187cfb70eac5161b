"""Seconds from the start of a process to the end of its first step, with an empty cache of kernels and with a full one.

What everybody waits for who trains a first model: on a new machine, and in each new process.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn

DENSE = """
import numpy as np, fastnn
from fastnn import layers
hidden, output = layers.Dense(256, activation="relu"), layers.Dense(10, activation="softmax")
model = fastnn.Sequential([fastnn.Input((784,)), hidden, output])
model.compile(fastnn.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(np.zeros((128, 784), np.float32), np.zeros(128, int), batch_size=128, verbose=0)
"""
CONVNET = """
import numpy as np, fastnn
from fastnn import layers
model = fastnn.Sequential([fastnn.Input((28, 28, 1))])
for filters in (8, 16):
    model.add(layers.Conv2D(filters, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
model.add(layers.Flatten())
model.add(layers.Dense(10, activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(np.zeros((128, 28, 28, 1), np.float32), np.zeros(128, int), batch_size=128, verbose=0)
"""
NETWORKS = {"dense": DENSE, "convnet": CONVNET}
ROUNDS = 5


def run_process(code, cache):
    environment = os.environ | {"FASTNN_CACHE_DIR": str(cache), "PYTHONPATH": str(Path(fastnn.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@pytest.mark.parametrize("name", NETWORKS)
def bench_empty_cache(benchmark, tmp_path, name):
    benchmark.group = "a process, to its first step, compiling"
    benchmark.pedantic(run_process, (NETWORKS[name], tmp_path), rounds=1)


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    for code in NETWORKS.values():
        run_process(code, folder)
    return folder


@pytest.mark.parametrize("name", ["python", "numba", "fastnn", *NETWORKS])
def bench_warm_cache(benchmark, warm_cache, name):
    benchmark.group = "a process, to its first step, kernels cached"
    code = NETWORKS.get(name, "pass" if name == "python" else f"import {name}")
    benchmark.pedantic(run_process, (code, warm_cache), rounds=ROUNDS, warmup_rounds=1)
