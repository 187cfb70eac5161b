"""Ctrl-C while a model trains: Python notices soon, and what was trained stays usable."""

import signal
import time

import numpy as np
import pytest

import fastnn
from fastnn.engine.program import Program

from ..small_models import WIDE_FEATURES, WIDE_ROWS, classifier, labels, samples, wide
from ..subprocesses import python_at_work

X, Y = samples(WIDE_ROWS, WIDE_FEATURES), labels(WIDE_ROWS)
SECONDS = 120  # for a child: far more than it needs

TRAINING = """
import sys, threading, time, numpy as np, fastnn
rng = np.random.default_rng(1)
x, y = rng.normal(size=(2000, 300)).astype(np.float32), rng.integers(3, size=2000)
units, batch_size = int(sys.argv[1]), int(sys.argv[2])
model = fastnn.Sequential([fastnn.Input((300,)), fastnn.layers.Dense(units, "relu"), fastnn.layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y, epochs=1, verbose=0)
steps = model.optimizer.iterations

class Says(fastnn.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            print("training", flush=True)

try:
    model.fit(x, y, batch_size=batch_size, epochs=10**9, verbose=0, callbacks=Says())
except KeyboardInterrupt:
    print(f"stopped {time.time()!r}", flush=True)
trained = model.optimizer.iterations - steps
assert trained > 0
a_epoch = -(-2000 // batch_size)
# All steps are counted: those of whole epochs, and of the one that was interrupted.
epochs = len(model.history.epoch)
assert (epochs - 1) * a_epoch <= trained <= (epochs + 1) * a_epoch, (epochs, trained)
assert all(np.isfinite(w).all() for w in model.get_weights())
assert all(np.isfinite(v) for v in model.history.history.get("loss", []))
assert len(model.history.epoch) == len(model.history.history.get("loss", []))
steps = model.optimizer.iterations
before = model.evaluate(x, y, verbose=0)
history = model.fit(x, y, epochs=2, verbose=0)
assert len(history.epoch) == 2 and np.isfinite(history.history["loss"]).all()
assert model.optimizer.iterations == steps + 2 * 63
assert model.predict(x).shape == (2000, 3)
print("usable", flush=True)
"""


@pytest.mark.parametrize(("units", "batch_size"), [(10, 8), (500, 32), (500, 2000)])
def test_ctrl_c(units, batch_size):
    with python_at_work(TRAINING, str(units), str(batch_size), until="training") as child:
        sent = time.time()
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=SECONDS)
    assert "Traceback" not in errors  # it may say that it compiles
    assert child.returncode == 0
    stopped, usable = output.splitlines()
    assert usable == "usable"
    assert float(stopped.split()[1]) - sent < 0.5  # 0.05 s on a machine with nothing else to do


ONE_STEP_EPOCHS = """
import numpy as np, fastnn
x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(2, "tanh"), fastnn.layers.Dropout(0.1, seed=1)])
model.add(fastnn.layers.Dense(1, "sigmoid"))
model.compile("adam", "binary_crossentropy")
model.fit(x, x[:, 0], verbose=0)
print("training", flush=True)
try:
    model.fit(x, x[:, 0], epochs=10**7, verbose=0)
except KeyboardInterrupt:
    print(len(model.history.epoch) + 1, model.optimizer.iterations, model.layers[1].step, flush=True)
"""


def test_ctrl_c_loses_no_step():
    """Every epoch has one step: history, the optimizer and the layers with noise have counted the same."""
    for _ in range(3):
        with python_at_work(ONE_STEP_EPOCHS, until="training") as child:
            time.sleep(0.5)
            child.send_signal(signal.SIGINT)
            output, errors = child.communicate(timeout=SECONDS)
        assert "Traceback" not in errors  # it may say that it compiles
        epochs, iterations, noise = map(int, output.split())
        assert epochs == iterations == noise > 1000


def test_ctrl_c_while_epochs_are_written_down(monkeypatch):
    """They are written down first."""
    extend = fastnn.callbacks.History.extend

    def interrupted(self, epochs, columns):
        signal.raise_signal(signal.SIGINT)
        extend(self, epochs, columns)

    monkeypatch.setattr(fastnn.callbacks.History, "extend", interrupted)
    model = classifier("adam")
    x, y = samples(), labels()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=3, verbose=0)
    assert len(model.history.epoch) == len(model.history.history["loss"]) == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("part", ["fit", "evaluate", "predict"])
def test_python_is_back_ten_times_a_second(part, monkeypatch):
    """Where Ctrl-C, progress bars and other threads wait for it."""
    spans = []
    run = Program.run

    def timed(*args, **kwargs):
        began = time.perf_counter()
        run(*args, **kwargs)
        spans.append(time.perf_counter() - began)

    model, x, y = wide(units=800), samples(20_000, WIDE_FEATURES), labels(20_000)
    model.fit(X, Y, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.predict(X)
    monkeypatch.setattr(Program, "run", timed)
    began = time.perf_counter()
    while time.perf_counter() - began < 1 or len(spans) < 10:
        {
            "fit": lambda: model.fit(x, y, verbose=0),
            "evaluate": lambda: model.evaluate(x, y, verbose=0),
            "predict": lambda: model.predict(x),
        }[part]()
    assert np.median(spans) < 0.1
    # Where other programs keep the cores busy, some runs must wait for them.
    assert np.quantile(spans, 0.75) < 0.2


def test_an_interrupt_in_a_callback_leaves_a_usable_model():
    def interrupt(batch, logs):
        if batch == 2:
            raise KeyboardInterrupt

    model = classifier("adam")
    x, y = samples(), labels()
    with pytest.raises(KeyboardInterrupt):
        model.fit(
            x, y, batch_size=8, epochs=3, verbose=0,
            callbacks=fastnn.callbacks.LambdaCallback(on_train_batch_end=interrupt),
        )  # fmt: skip
    assert model.optimizer.iterations == 3
    assert model.history.history == {}
    model.fit(x, y, batch_size=8, verbose=0)
    assert model.optimizer.iterations == 8


@pytest.mark.parametrize("frequency", [1, 2])
def test_an_epoch_whose_validation_was_interrupted_is_not_in_the_history(frequency):
    """Else there were fewer numbers of the validation than epochs, which no table and no plot can use."""

    class Interrupt(fastnn.callbacks.Callback):
        calls = 0

        def on_test_begin(self, logs=None):
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt

    model, x, y = classifier(), samples(), labels()
    validation = {"validation_data": (x, y), "validation_freq": frequency}
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=9, verbose=0, callbacks=Interrupt(), **validation)
    history = model.history
    finished = 3 * frequency - 1
    assert history.epoch == list(range(finished))
    assert {name: len(values) for name, values in history.history.items()} == {
        "accuracy": finished, "loss": finished, "val_accuracy": 2, "val_loss": 2
    }  # fmt: skip
