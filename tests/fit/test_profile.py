"""`model.profile`: what its rows say, and that it leaves no trace."""

import copy
import inspect
import signal
import sys
import time

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers
from fastnn.engine import threads
from fastnn.kernels import clock
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.models import measuring, restoring
from fastnn.randomness import generator

from ..limits import Own
from ..small_models import CLASSES, FEATURES, HIDDEN, WIDE_FEATURES, classifier, labels, samples, uncompiled, wide


def rows_of(found, layer=""):
    return {row.phase: row for row in found.rows if row.layer == layer}


def whole(found):
    return sum(row.seconds for row in found.rows)


@pytest.mark.parametrize("count", [1, 2])
def test_the_rows_of_a_training_add_up(monkeypatch, count):
    monkeypatch.setattr(threads, "_asked", count)
    model, x, y = wide(), samples(300, WIDE_FEATURES), labels(300)
    began = time.perf_counter()
    found = model.profile(x, y, batch_size=50, verbose=0)
    elapsed = time.perf_counter() - began
    assert found.threads == count
    assert found.training
    assert found.batch_size == 50
    assert found.steps % 6 == 0  # whole epochs, because there is time for them
    assert whole(found) == pytest.approx(found.seconds, rel=1e-3)
    assert sum(row.share for row in found.rows) == pytest.approx(1, rel=1e-3)
    assert 0 < found.seconds * found.steps < elapsed
    assert 0 < found.checks < elapsed
    assert all(row.seconds >= 0 and len(row.thread_seconds) == count for row in found.rows)
    for row in found.rows:
        assert np.mean(row.thread_seconds) == pytest.approx(row.seconds)
    assert {"gather x", "gather y", "loss", "shuffle", "interpreter", "Python", "clock"} <= set(rows_of(found))
    assert ("waiting" in rows_of(found)) == (count > 1)


def test_flops_bytes_and_speeds():
    model, batch, hidden = wide(units=200), 50, 200
    found = model.profile(samples(100, WIDE_FEATURES), labels(100), batch_size=batch, steps=4, verbose=0)
    first, last = (rows_of(found, layer.name) for layer in model.layers)
    product = 2 * batch * WIDE_FEATURES * hidden
    assert first["forward"].flops == 0  # the last of the two kernels of this phase: relu
    (dense,) = (row for row in found.rows if row.layer == model.layers[0].name and row.operation == "dense" and
                row.phase == "forward")  # fmt: skip
    assert dense.flops == first["gradient"].flops == product
    assert "backward" not in {row.phase for row in found.rows if row.layer == model.layers[0].name
                              and row.operation == "dense"}  # fmt: skip
    assert last["forward"].flops == last["backward"].flops == last["gradient"].flops == 2 * batch * hidden * 3
    for row in found.rows:
        assert (row.gflops is None) == (row.flops == 0)
        if row.gflops is not None:
            assert row.gflops == pytest.approx(row.flops / row.seconds / 1e9)
            assert row.peak == (pytest.approx(row.gflops / found.peak) if JIT_ENABLED else None)
            assert row.skipped == 0
    weights = WIDE_FEATURES * hidden + hidden
    assert dense.bytes == 4 * (batch * (WIDE_FEATURES + hidden) + weights)
    assert first["update"].bytes == 4 * weights * 7  # Adam: w, g, m, v; three of them written
    assert sum(row.flops for row in found.rows) == 2 * product + 3 * last["forward"].flops


def test_what_takes_longer_has_the_longer_row():
    layer_sizes = {"small": 16, "large": 512}
    model = fastnn.Sequential([fastnn.Input((512,)), layers.Dense(512, name="large"), layers.Dense(2, name="small")])
    model.compile("sgd", "mse")
    found = model.profile(samples(128, 512), samples(128, 2), batch_size=128, steps=20, verbose=0)
    times = {name: sum(row.seconds for row in found.rows if row.layer == name) for name in layer_sizes}
    assert times["large"] > 3 * times["small"]


def test_skipped_terms_are_told():
    """Of 128 inputs all samples have the same 32 that are not zero."""
    x = samples(64, 128)
    x[:, 32:] = 0
    model = fastnn.Sequential([fastnn.Input((128,)), layers.Dense(48, name="first"), layers.Dense(1, name="last")])
    model.compile("sgd", "mse")
    found = model.profile(x, np.ones(64), batch_size=32, steps=4, verbose=0)
    first, last = rows_of(found, "first"), rows_of(found, "last")
    for phase in ("forward", "gradient"):
        assert first[phase].skipped == pytest.approx(0.75, abs=0.01)
        assert first[phase].flops == pytest.approx(2 * 32 * 128 * 48 * (1 - first[phase].skipped))
        assert last[phase].skipped == 0
    assert "75 %" in str(found)
    x[:, 32:] = 1
    dense = rows_of(model.profile(x, np.ones(64), batch_size=32, steps=4, verbose=0), "first")
    assert dense["forward"].skipped == dense["gradient"].skipped == 0


def test_steps():
    model, x, y = classifier(), samples(37), labels(37)
    for asked, done in ((1, 1), (3, 3), (5, 5), (11, 10)):  # five an epoch, and then whole epochs
        assert model.profile(x, y, batch_size=8, steps=asked, verbose=0).steps == done
    assert model.profile(x, y, batch_size=8, steps=2, verbose=0).batch_size == 8
    assert model.profile(x, y, steps=2, verbose=0).batch_size == 32
    assert "shuffle" in rows_of(model.profile(x, y, batch_size=8, steps=5, verbose=0))
    assert "shuffle" not in rows_of(model.profile(x, y, batch_size=8, steps=4, verbose=0))  # belongs to an epoch
    assert model.profile(x, steps=7, verbose=0).steps == 7


def noisy(dtype="float32"):
    fastnn.utils.set_random_seed(2)
    model = fastnn.Sequential([
        fastnn.Input((FEATURES,)), layers.Dense(6, "relu", dtype=dtype), layers.BatchNormalization(dtype=dtype),
        layers.Dropout(0.5, dtype=dtype), layers.Dense(3, "softmax", dtype=dtype, kernel_regularizer="l2"),
    ])  # fmt: skip
    model.compile(optimizers.Adam(fastnn.schedules.CosineDecay(0.1, 50), clipnorm=1.0),
                  "sparse_categorical_crossentropy", ["accuracy"])  # fmt: skip
    return model


def everything(model):
    optimizer = model.optimizer
    slots = [slot.copy() for p in model.parameters for slot in optimizer.slots_of(p)]
    arrays = [*model.get_weights(), *(p.gradient.copy() for p in model.parameters), *slots]
    clocks = [vars(layer).get("step") for layer in model.layers]
    state = copy.deepcopy(generator().bit_generator.state)
    return arrays, (optimizer.iterations, clocks, str(state), model.history, id(optimizer), optimizer.learning_rate)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_has_changed(dtype):
    """Weights, slots, steps, random numbers; and training goes on with the same bits."""
    x, y = samples(), labels()
    model, other = noisy(dtype), noisy(dtype)
    for each in (model, other):
        fastnn.utils.set_random_seed(9)
        each.fit(x, y, verbose=0)
        if each is model:
            before = everything(model)
            found = model.profile(x, y, batch_size=8, steps=20, verbose=0)
            after = everything(model)
        each.fit(x, y, epochs=2, verbose=0)
    for got, expected in zip(after[0], before[0], strict=True):
        np.testing.assert_array_equal(got, expected)
    assert after[1] == before[1]
    assert {"penalties and norms", "clip, decay, average"} <= set(rows_of(found))
    assert whole(found) == pytest.approx(found.seconds, rel=1e-3)
    for got, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_nothing_has_changed_after_an_interruption(monkeypatch, error):
    model, x, y = noisy(), samples(), labels()
    model.fit(x, y, verbose=0)
    before = everything(model)

    def interrupted(*arguments):
        raise error

    monkeypatch.setattr(measuring, "_made", interrupted)
    with pytest.raises(error):
        model.profile(x, y, verbose=0)
    for got, expected in zip(everything(model)[0], before[0], strict=True):
        np.testing.assert_array_equal(got, expected)
    assert everything(model)[1] == before[1]


def test_ctrl_c_while_everything_is_restored():
    """A signal at each line after the steps waits until all is as before; no layer is ever without attributes."""
    model, x, y = noisy(), samples(), labels()
    model.fit(x, y, verbose=0)
    before, code = everything(model), inspect.unwrap(restoring.restored).__code__
    (putting_back,) = [c for c in restoring._remembered.__code__.co_consts if getattr(c, "co_name", "") == "put_back"]
    first = inspect.getsource(restoring).split("model.optimizer = optimizer")[0].count("\n") + 1
    left = {line for *_, line in code.co_lines() if line and line >= first}
    left |= {line for *_, line in putting_back.co_lines() if line and line > putting_back.co_firstlineno}

    def trace(frame, event, argument):
        if frame.f_code in (code, putting_back) and event == "line" and frame.f_lineno in left:
            left.remove(frame.f_lineno)
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
        return trace

    interruptions = 0
    while left:
        try:
            sys.settrace(trace)
            model.profile(x, y, steps=2, verbose=0)
            break  # what is left are lines that do not run
        except KeyboardInterrupt:
            interruptions += 1
        finally:
            sys.settrace(None)
        for got, expected in zip(everything(model)[0], before[0], strict=True):
            np.testing.assert_array_equal(got, expected)
        assert everything(model)[1] == before[1]
    assert interruptions > 5


def test_a_training_without_a_profile_has_no_clocks():
    model, x, y = classifier(), samples(), labels()
    model.fit(x, y, verbose=0)
    program = model._programs["train"].runner
    model.profile(x, y, steps=3, verbose=0)
    model.fit(x, y, verbose=0)
    assert model._programs["train"].runner is program
    _, _, weights, *_ = program.arguments(
        fastnn.engine.run.Run(fastnn.engine.run.Samples(x), 8, np.zeros((1, 1))), 1, 1
    )
    assert weights.clock.size == 0


@pytest.mark.parametrize("rows", [1, 3, 700])
def test_predictions(monkeypatch, rows):
    monkeypatch.setattr(threads, "_asked", 2)
    model, x = uncompiled(), samples(rows)  # needs no loss
    found = model.profile(x, verbose=0)
    assert found.threads == (1 if rows < 10 else 2)  # as `predict` itself
    assert not found.training
    assert found.batch_size == rows
    assert whole(found) == pytest.approx(found.seconds, rel=1e-3)
    shown = rows_of(found)
    assert {"checks", "gather x", "predictions", "Python", "clock"} <= set(shown)
    assert not {"loss", "shuffle"} & set(shown)
    assert {row.phase for row in found.rows if row.layer} == {"forward"}
    assert found.checks == pytest.approx(shown["checks"].seconds)
    forward = [row.flops for row in found.rows if row.operation == "dense"]
    assert forward == pytest.approx([2 * rows * FEATURES * HIDDEN, 2 * rows * HIDDEN * CLASSES])


def test_convolutions_and_embeddings():
    model = fastnn.Sequential([
        fastnn.Input((8, 8, 2)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(),
        layers.Dense(3, "softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(20, 8, 8, 2)).astype(np.float32)
    found = model.profile(x, labels(20), batch_size=10, steps=4, verbose=0)
    conv, pooling = (rows_of(found, model.layers[i].name) for i in (0, 1))
    once = 2 * 10 * 6 * 6 * 9 * 2 * 4
    flops = {
        row.phase: row.flops for row in found.rows if row.layer == model.layers[0].name and row.operation != "relu"
    }
    assert (flops["forward"], flops["backward"], flops["gradient"]) == (once, once, 0)  # of the weights, in backward
    assert conv["backward"].operation == "relu"
    assert set(pooling) == {"forward", "backward"}
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Embedding(9, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("rmsprop", "mse")
    found = model.profile(np.arange(40).reshape(10, 4) % 9, np.ones(10), steps=4, verbose=0)
    assert whole(found) == pytest.approx(found.seconds, rel=1e-3)
    assert rows_of(found, model.layers[0].name)["update"].operation == "rmsprop"


def test_a_shared_or_frozen_layer():
    shared = layers.Dense(FEATURES, name="shared")
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), layers.Dense(FEATURES, name="frozen"), shared])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    found = model.profile(samples(20), samples(20), steps=3, verbose=0)
    assert set(rows_of(found, "frozen")) == {"forward"}
    assert set(rows_of(found, "shared")) == {"forward", "gradient", "update"}


def test_the_table(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    model, x, y = classifier(), samples(), labels()
    found = model.profile(x, y, batch_size=8, steps=5)
    assert capsys.readouterr().out == f"{found}\n"
    model.profile(x, y, steps=2, verbose=0)
    assert capsys.readouterr().out == ""
    text = str(found).splitlines()
    assert text[0].startswith(f"5 steps of training, each of 8 samples, on {found.threads} thread")
    assert text[2].split() == ["layer", "and", "phase", "kernel", "time", "share", "GFLOP/s", "of", "peak", "bytes",
                               "skipped"]  # fmt: skip
    assert "sparse_softmax_cross_entropy" in str(found)
    assert "100 %" in next(line for line in text if line.startswith(" all "))
    assert text[-1].startswith("once a call of fit: checks of arguments, ")
    assert max(map(len, text)) <= 110
    assert str(model.profile(x, verbose=0)).splitlines()[0].endswith("GFLOP/s)") == JIT_ENABLED
    assert "Profile(5 steps of training, " in repr(found)


@pytest.mark.parametrize("columns", [80, 200])
def test_the_table_fits_the_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    found = wide().profile(samples(50, WIDE_FEATURES), labels(50), steps=2, verbose=0)
    text = str(found).splitlines()
    assert max(map(len, text)) <= min(columns, 110)
    for row in found.rows:  # whole numbers and units, whatever becomes of the names
        if row.share > 0.01:
            assert any(f" {100 * row.share:.1f} %" in line and (" us " in line or " ms " in line) for line in text)


def test_an_unbuilt_model_is_built():
    model = classifier(known_shape=False)
    assert model.profile(samples(), labels(), steps=2, verbose=0).steps == 2
    assert model.built


class Mine(Own):
    """A layer in Python."""


@pytest.mark.parametrize(
    ("make", "arguments", "error", "message"),
    [
        (classifier, {"x": samples(), "y": labels(), "steps": 0}, ValueError, "steps must be at least 1, received 0"),
        (classifier, {"x": samples(), "y": labels(), "steps": 1.5}, TypeError, "steps must be an integer"),
        (classifier, {"x": samples(), "y": labels(), "batch_size": 0}, ValueError, "batch_size must be at least 1"),
        (classifier, {"x": samples(), "batch_size": 0}, ValueError, "batch_size must be at least 1"),
        (classifier, {"x": samples(), "y": labels(3)}, ValueError, "same"),
        (
            classifier,
            {"x": samples(), "sample_weight": np.ones(37)},
            ValueError,
            "sample_weight is for .* received y=None",
        ),
        (uncompiled, {"x": samples(), "y": labels()}, RuntimeError, "call compile"),
        (
            lambda: fastnn.Sequential([fastnn.Input((FEATURES,)), Mine(name="mine")]),
            {"x": samples()},
            ValueError,
            "profile measures compiled kernels, but .* run layer by layer: mine;",
        ),
    ],
)
def test_bad_arguments(make, arguments, error, message):
    with pytest.raises(error, match=message):
        make().profile(**arguments, verbose=0)


def test_a_processor_without_a_known_counter(monkeypatch):
    monkeypatch.setattr(measuring, "HAS_COUNTER", False)
    with pytest.raises(RuntimeError, match="profile reads the time-stamp counter of x86"):
        classifier().profile(samples(), labels(), verbose=0)
    assert clock.HAS_COUNTER
