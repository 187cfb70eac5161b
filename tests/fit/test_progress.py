"""What is shown while a model compiles and trains."""

import io
import sys
import types

import numpy as np
import pytest

from fastnn.engine import entries
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.models import progress
from fastnn.models.progress import Progress

from ..small_models import ROWS, classifier, labels, samples
from ..subprocesses import run_python

X, Y = samples(), labels()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("batch_size", [5, ROWS, 100])
def test_the_running_loss_ends_as_the_loss_of_the_epoch(monkeypatch, batch_size):
    seen = []
    monkeypatch.setattr(Progress, "on_progress", lambda self, epoch, run: seen.append((epoch, run.running_loss)))
    history = classifier().fit(X, Y, batch_size=batch_size, epochs=3, verbose=2).history
    last = dict(seen)  # of each epoch the last one
    assert [last[epoch] for epoch in range(3)] == history["loss"]


def test_within_an_epoch_it_is_the_mean_so_far(monkeypatch):
    seen, losses = [], []

    class EachBatch(progress.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    monkeypatch.setattr(Progress, "on_progress", lambda self, epoch, run: seen.append(run.running_loss))
    model, twin = classifier(metrics=()), classifier(metrics=())
    model.fit(X, Y, batch_size=10, shuffle=False, verbose=2, callbacks=EachBatch())
    for start in range(0, ROWS, 10):
        losses += [twin.train_on_batch(X[start : start + 10], Y[start : start + 10])] * len(X[start : start + 10])
        assert seen[start // 10] == pytest.approx(np.mean(losses), rel=1e-6)
    assert len(seen) == 4


@pytest.mark.parametrize(("cached", "said"), [(True, False), (False, True)])
def test_the_bar_says_that_the_first_step_compiles(monkeypatch, cached, said):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "kernels_are_cached", lambda: cached)
    classifier().fit(X, Y, epochs=2)
    shown = terminal.getvalue()
    assert ("compiling, once on this machine" in shown) == said
    assert "epoch 1/2" in shown
    assert shown.index("epoch 1/2") > shown.find("compiling")


def function_named(name):
    return types.SimpleNamespace(py_func=types.SimpleNamespace(__name__=name))


@pytest.fixture
def unannounced(monkeypatch):
    """As at the first use: nothing is on the disk, and nothing was said."""
    monkeypatch.setattr(entries, "JIT_ENABLED", True)
    monkeypatch.setattr(entries, "is_cached", lambda function: False)
    entries._announced.clear()
    yield
    entries._announced.set()


HEADLINE = "fastnn compiles the kernels that this model needs, once on this machine\n"


@pytest.mark.usefixtures("unannounced")
def test_a_terminal_shows_what_is_being_compiled_and_nothing_stays(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "__stderr__", terminal)
    for name in ("dense", "relu"):
        with entries.announcing(function_named(name)):
            assert terminal.getvalue().endswith(f"  {name} ...")
    assert terminal.getvalue() == HEADLINE + "  dense ...\r\x1b[K" + "  relu ...\r\x1b[K"


@pytest.mark.usefixtures("unannounced")
def test_what_is_compiled_within_something_else_gives_the_line_back(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "__stderr__", terminal)
    with entries.announcing(function_named("run")):
        with entries.announcing(function_named("momentum_step")):
            assert terminal.getvalue() == HEADLINE + "  run ...\r\x1b[K  momentum_step ..."
        assert terminal.getvalue().endswith("\r\x1b[K  run ...")
    assert terminal.getvalue().endswith("  run ...\r\x1b[K")


@pytest.mark.usefixtures("unannounced")
@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["a file", "a terminal under a progress bar"])
def test_elsewhere_one_line_says_that_it_compiles(monkeypatch, stream):
    shown = stream()
    monkeypatch.setattr(sys, "stderr", shown)
    for name in ("dense", "relu"):
        with entries.announcing(function_named(name)):
            pass
    assert shown.getvalue() == HEADLINE


@pytest.mark.usefixtures("unannounced")
def test_what_is_on_the_disk_is_not_announced(monkeypatch, capsys):
    monkeypatch.setattr(entries, "is_cached", lambda function: True)
    with entries.announcing(function_named("dense")):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.full
@pytest.mark.skipif(not JIT_ENABLED, reason="plain Python has nothing to compile")
def test_the_first_fit_on_a_machine_says_why_it_takes_long(tmp_path):
    code = """
    import numpy as np, fastnn
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    """
    first, second = (run_python(code, FASTNN_CACHE_DIR=str(tmp_path)).stderr for _ in range(2))
    assert (first, second) == (HEADLINE, "")
