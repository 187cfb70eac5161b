"""Forked and spawned processes: never a crash, a hang or other numbers."""

import concurrent.futures
import multiprocessing

import pytest

import fastnn
from fastnn.engine import threads

from ..small_models import WIDE_FEATURES, WIDE_ROWS, labels, samples, train_new_wide, train_wide, wide
from ..subprocesses import run_python

SECONDS = 120  # for a child: far more than it needs


@pytest.fixture(autouse=True)
def _default_threads(monkeypatch):
    monkeypatch.setattr(threads, "_asked", None)


def pool_of(method, workers=2):
    return concurrent.futures.ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_process_pools(method):
    """As joblib and scikit-learn start them; the parent has trained on two threads before."""
    fastnn.set_num_threads(2)
    expected = [train_new_wide(seed) for seed in (1, 2)]
    half = wide(3)
    train_wide(half)
    with pool_of(method) as pool:
        results = list(pool.map(train_new_wide, (1, 2), timeout=SECONDS))
        gone_on = pool.submit(train_wide, half).result(timeout=SECONDS)  # a trained model, pickled
        trained = pool.submit(wide).result(timeout=SECONDS)  # and one that comes back
    assert results == expected
    assert gone_on == train_wide(half)  # the parent still computes
    assert train_wide(trained) == expected[0]


def test_forking_in_the_middle_of_a_callback():
    fastnn.set_num_threads(2)
    expected = train_new_wide(5)
    results = []

    def fork(epoch, logs):
        with pool_of("fork", 1) as pool:
            results.append(pool.submit(train_new_wide, 5).result(timeout=SECONDS))

    model = wide(5)
    x, y = samples(WIDE_ROWS, WIDE_FEATURES), labels(WIDE_ROWS)
    model.fit(x, y, epochs=2, verbose=0, callbacks=fastnn.callbacks.LambdaCallback(on_epoch_end=fork))
    assert results == [expected, expected]


def run_script(code, **variables):
    """The words that a new Python prints which runs `code`; it must end well and without a warning."""
    # Python 3.12 on warns of every fork of a process with threads.
    run = run_python(["-W", "error", "-W", "ignore::DeprecationWarning", "-c", code], timeout=SECONDS, **variables)
    assert run.stderr == ""
    return run.stdout.split()


NETWORK = """
import sys, threading, numpy as np, fastnn
fastnn.set_num_threads(2)
rng = np.random.default_rng(1)
x, y = rng.normal(size=(600, 300)).astype(np.float32), rng.integers(3, size=600)
def train():
    start = fastnn.initializers.GlorotUniform(seed=1)
    model = fastnn.Sequential([fastnn.Input((300,))])
    model.add(fastnn.layers.Dense(200, "relu", kernel_initializer=start))
    model.add(fastnn.layers.Dense(3, "softmax", kernel_initializer=start))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    return float(model.evaluate(x, y, verbose=0))
"""

FORK_FIRST = (
    NETWORK
    + """
import os
child = os.fork()
if child == 0:
    print(train(), flush=True)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(train(), flush=True)
if os.fork() == 0:  # and once more, now that the parent has its threads
    print(train(), flush=True)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
"""
)


def test_forking_before_the_first_kernel_and_after():
    losses = run_script(FORK_FIRST)
    assert len(losses) == 3
    assert len(set(losses)) == 1


FORKING = (
    NETWORK
    + """
import os, signal, time
from fastnn.kernels.jit import jit
before = train()
model = fastnn.Sequential([fastnn.Input((300,)), fastnn.layers.Dense(200, "relu"), fastnn.layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y, verbose=0)
busy = threading.Event()

says_so = fastnn.callbacks.LambdaCallback(on_epoch_end=lambda *_: busy.set())

def fit():
    while not ended:
        model.fit(x, y, epochs=10, verbose=0, callbacks=says_so)

def compile():
    while not ended:
        busy.set()
        jit(eval("lambda a: a.sum() + 1"))(np.ones(3))

for work in (fit, compile):
    ended = []
    busy.clear()
    thread = threading.Thread(target=work)
    thread.start()
    assert busy.wait(60)
    for i in range(10):
        time.sleep(0.03)
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # instead of waiting for ever for a lock
            assert model.predict(x).shape == (600, 3)
            assert len(model.fit(x, y, verbose=0).epoch) == 1
            model.compile("sgd", "sparse_categorical_crossentropy")
            new = fastnn.Sequential([fastnn.Input((300,)), fastnn.layers.Dense(3, "tanh")])  # no kernel loaded so far
            assert new.predict(x).shape == (600, 3)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, (work, i)
    ended.append(True)
    thread.join()
assert train() == before
print("alive")
"""
)


def test_forking_while_a_thread_fits_or_compiles():
    """A fork copies locks that other threads hold, and a compiler in the middle of its work."""
    fastnn.Sequential([fastnn.Input((300,)), fastnn.layers.Dense(3, "tanh")]).predict(
        samples(2, 300)
    )  # now on the disk
    assert run_script(FORKING) == ["alive"]


def test_the_lock_of_a_fit_that_goes_on_in_the_child():
    """Where the forking thread itself is in `fit`, its locks stay its own."""
    script = """
import os
def fork(epoch, logs):
    if epoch == 0 and os.fork():
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        os._exit(0)
    if epoch == 1:
        try:
            model.compile("sgd", "mse")
        except RuntimeError:
            print("refused in fit", flush=True)
model = fastnn.Sequential([fastnn.Input((300,)), fastnn.layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y, epochs=3, verbose=0, callbacks=fastnn.callbacks.LambdaCallback(on_epoch_end=fork))
model.compile("sgd", "mse")
"""
    assert run_script(NETWORK + script) == ["refused", "in", "fit"]
