"""Models in several threads, and how many threads a step is shared among."""

import concurrent.futures
import os
import threading
import time

import numpy as np
import pytest

import fastnn
from fastnn.engine import threads

from ..small_models import WIDE_FEATURES, WIDE_ROWS, assert_same_weights, labels, samples, train_new_wide, wide

X, Y = samples(WIDE_ROWS, WIDE_FEATURES), labels(WIDE_ROWS)
SECONDS = 120  # for a thread: far more than it needs


@pytest.fixture(autouse=True)
def _default_threads(monkeypatch):
    monkeypatch.setattr(threads, "_asked", None)


def test_several_models_in_a_thread_pool():
    expected = [train_new_wide(seed) for seed in range(6)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        running = [pool.submit(train_new_wide, seed) for seed in range(6)]
        here = train_new_wide(0)  # the main thread computes on two threads meanwhile
        assert [r.result(timeout=SECONDS) for r in running] == expected
    assert here == expected[0]


def test_one_model_predicts_in_many_threads():
    model = wide()
    expected, single = model.predict(X), model.predict(X[:1])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        whole = [pool.submit(model.predict, X) for _ in range(12)]
        few = [pool.submit(model, X[i : i + 1]) for i in range(200)]
        for result in whole:
            np.testing.assert_array_equal(result.result(timeout=SECONDS), expected)
        for i, result in enumerate(few):
            np.testing.assert_array_equal(result.result(timeout=SECONDS), expected[i : i + 1])
    np.testing.assert_array_equal(single, expected[:1])


class SlowToBuild(fastnn.layers.Dense):
    def build(self, input_shape):
        time.sleep(0.1)
        super().build(input_shape)


def test_a_new_model_is_built_once_when_many_threads_ask_first():
    model = fastnn.Sequential([SlowToBuild(3)])
    barrier = threading.Barrier(4)

    def predict():
        barrier.wait()
        return model.predict(X)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = [r.result(timeout=SECONDS) for r in [pool.submit(predict) for _ in range(4)]]
    assert len(model.get_weights()) == 2
    for result in results:
        np.testing.assert_array_equal(result, model.predict(X))


def test_fit_in_another_thread_is_shared_too():
    counts = []

    class Spy(fastnn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            counts.append(threads.threads_for(1e12))

    fastnn.set_num_threads(2)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: wide().fit(X, Y, verbose=0, callbacks=Spy())).result(timeout=SECONDS)
        assert pool.submit(train_new_wide, 4).result(timeout=SECONDS) == train_new_wide(4)
    assert counts == [2]


def test_what_set_num_threads_takes():
    for wrong, error in (
        (0, ValueError),
        (-1, ValueError),
        (1025, ValueError),
        (10**12, ValueError),
        (1.0, TypeError),
        (True, TypeError),
        ("2", TypeError),
        (None, TypeError),
    ):
        with pytest.raises(error, match=f"n must be .* received {wrong!r}"):
            fastnn.set_num_threads(wrong)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert 1 <= fastnn.get_num_threads() <= cores
    fastnn.set_num_threads(3)
    assert fastnn.get_num_threads() == 3
    assert threads.threads_for(1.0) == 3  # asked for: also where sharing does not pay


def test_the_most_threads_give_the_same_bits():
    alone = train_new_wide(1)
    with pytest.raises(ValueError, match="^n must be at most 1024, received 1025$"):
        fastnn.set_num_threads(1025)
    fastnn.set_num_threads(1024)
    assert train_new_wide(1) == alone


def test_small_work_stays_on_one_thread():
    assert threads.threads_for(1e3) == 1
    assert threads.threads_for(1e12) == fastnn.get_num_threads()


def test_predicting_while_the_model_trains():
    """In a callback's thread, which fit waits for, and in one that runs beside it."""
    model, seen = wide(), []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:

        def look(epoch, logs):
            seen.append(pool.submit(model.predict, X).result(timeout=SECONDS))
            seen.append(model.predict(X))

        model.fit(X, Y, epochs=2, callbacks=fastnn.callbacks.LambdaCallback(on_epoch_end=look), verbose=0)
        np.testing.assert_array_equal(seen[0], seen[1])
        np.testing.assert_array_equal(seen[2], model.predict(X))

        began = threading.Event()
        tells = fastnn.callbacks.LambdaCallback(on_train_begin=lambda logs: began.set())
        training = pool.submit(model.fit, X, Y, epochs=10**6, verbose=0, callbacks=tells)
        assert began.wait(SECONDS)
        answers = [model.predict(X) for _ in range(5)]
        assert not training.done()
        model.stop_training = True
        history = training.result(timeout=SECONDS)
    assert all(np.isfinite(answer).all() for answer in answers)
    assert len(history.epoch) < 10**6


def test_two_trainings_of_one_model_take_turns():
    model, other = wide(), wide()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for running in [pool.submit(model.fit, X, Y, epochs=3, shuffle=False, verbose=0) for _ in range(2)]:
            assert len(running.result(timeout=SECONDS).epoch) == 3
    for _ in range(2):
        other.fit(X, Y, epochs=3, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_one_layer_by_hand_in_many_threads():
    """`forward` keeps what `backward` needs, for each thread."""
    model = wide()
    expected = [model.forward(X[i::8]) for i in range(8)]

    def forward(i):
        for _ in range(20):
            np.testing.assert_array_equal(model.forward(X[i::8]), expected[i])

    def around(i):
        """With the gradient with respect to the input; those of the weights are shared."""
        seen = []
        for _ in range(20):
            y = model.forward(X[i::8])
            seen.append(model.backward(np.ones_like(y)))
        return seen

    alone = [around(i)[0] for i in range(8)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for running in [pool.submit(forward, i) for i in range(8)]:
            running.result(timeout=SECONDS)
        for i, running in enumerate([pool.submit(around, i) for i in range(8)]):
            for dx in running.result(timeout=SECONDS):
                np.testing.assert_array_equal(dx, alone[i])


def test_a_model_is_not_rebuilt_while_another_thread_trains_it():
    """`compile` made new locks, so that two threads ran at once: memory was overwritten within seconds."""
    model, refused, done = wide(), [], threading.Event()

    def rebuild():
        while not done.is_set():
            try:
                model.compile("adam", "sparse_categorical_crossentropy")
            except RuntimeError as error:
                refused.append(str(error))
            model.predict(X[:1])
            model.evaluate(X, Y, verbose=0)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(rebuild)
        for _ in range(5):
            assert len(model.fit(X, Y, epochs=3, verbose=0).epoch) == 3
            model.train_on_batch(X, Y)
        done.set()
        running.result(timeout=SECONDS)
    assert set(refused) == {"compile, add and pop cannot be called during fit"}


def test_callbacks_that_fit_each_others_model_do_not_wait_for_ever():
    models, inside, errors = (wide(), wide()), threading.Barrier(2), []

    def train(own, other):
        def fit_the_other(epoch, logs):
            inside.wait(SECONDS)  # both are in fit
            try:
                other.fit(X, Y, verbose=0)
            except RuntimeError as error:
                errors.append(str(error))
            inside.wait(SECONDS)

        own.fit(X, Y, callbacks=fastnn.callbacks.LambdaCallback(on_epoch_end=fit_the_other), verbose=0)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for running in [pool.submit(train, *models), pool.submit(train, *models[::-1])]:
            running.result(timeout=SECONDS)
    assert len(errors) == 2
    assert all("another thread trains" in error for error in errors)
    for model in models:
        model.fit(X, Y, verbose=0)


def test_a_callback_may_fit_another_model():
    model, other = wide(), wide()
    fits = fastnn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: other.fit(X, Y, verbose=0))
    model.fit(X, Y, epochs=2, callbacks=fits, verbose=0)
    assert other.optimizer.iterations == model.optimizer.iterations == 38


def test_backward_in_another_thread_than_forward():
    layer = fastnn.layers.Dense(3, "tanh")
    y = layer(X)
    expected = layer.backward(np.ones_like(y))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        np.testing.assert_array_equal(pool.submit(layer.backward, np.ones_like(y)).result(timeout=SECONDS), expected)
