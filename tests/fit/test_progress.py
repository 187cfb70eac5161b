"""What is shown while a model compiles and trains."""

import io
import sys
import types

import numpy as np
import pytest
from numba.core import event

from fastnn.engine import announcements
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.models import progress
from fastnn.models.progress import Progress

from ..small_models import ROWS, classifier, labels, samples
from ..subprocesses import run_python

X, Y = samples(), labels()
needs_compiler = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python has nothing to compile")


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


FLOAT = np.dtype(np.float32)


def function_named(name):
    return types.SimpleNamespace(py_func=types.SimpleNamespace(__name__=name))


@pytest.fixture
def unannounced(monkeypatch):
    """As at the first use: nothing is on the disk, and nothing was said."""
    monkeypatch.setattr(announcements, "JIT_ENABLED", True)
    monkeypatch.setattr(announcements, "is_cached", lambda function, dtype: False)
    announcements._said.clear()
    yield
    announcements._said.set()


def on_terminal(monkeypatch):
    """Standard error as a terminal, whose text it returns."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(sys, "__stderr__", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return shown


HEADLINE = "fastnn compiles the kernels that are needed, once on this machine\n"
ERASED = "\x1b[2K"  # the line on which the cursor is


@pytest.mark.usefixtures("unannounced")
def test_a_terminal_shows_what_is_being_compiled_and_nothing_stays(monkeypatch):
    terminal = on_terminal(monkeypatch)
    dense, relu = function_named("dense"), function_named("relu")
    with announcements.announcing_all([dense, relu], FLOAT):
        for number, kernel in enumerate((dense, relu)):
            with announcements.announcing(kernel, FLOAT):
                last = terminal.getvalue().rpartition(ERASED)[2]
                assert f"compiling {kernel.py_func.__name__} " in last
                assert f"{number}/2" in last
    assert HEADLINE not in terminal.getvalue()  # the bar says it all
    assert "once on this machine" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()
    assert terminal.getvalue().endswith(ERASED)


@pytest.mark.usefixtures("unannounced")
def test_a_single_kernel_has_a_bar_of_its_own_and_an_error_removes_it(monkeypatch):
    terminal = on_terminal(monkeypatch)

    def interrupted():
        with announcements.announcing(function_named("dense"), FLOAT):
            assert "compiling dense " in terminal.getvalue()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().endswith(ERASED)
    assert not announcements._shown


@pytest.mark.usefixtures("unannounced")
@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["a file", "a terminal under a progress bar"])
def test_elsewhere_one_line_says_that_it_compiles(monkeypatch, stream):
    shown = stream()
    monkeypatch.setattr(sys, "stderr", shown)
    for name in ("dense", "relu"):
        with announcements.announcing(function_named(name), FLOAT):
            pass
    assert shown.getvalue() == HEADLINE


@pytest.mark.usefixtures("unannounced")
def test_what_is_on_the_disk_is_not_announced(monkeypatch, capsys):
    monkeypatch.setattr(announcements, "is_cached", lambda function, dtype: True)
    with (
        announcements.announcing_all([function_named("dense")], FLOAT),
        announcements.announcing(function_named("dense"), FLOAT),
    ):
        pass
    assert capsys.readouterr().err == ""


@needs_compiler
def test_all_is_compiled_before_the_bar_of_fit_is_shown(monkeypatch):
    """Two bars on one terminal would overwrite each other."""
    compiled, seen = event.RecordingListener(), []
    monkeypatch.setattr(Progress, "on_train_begin", lambda self, logs=None: seen.append(len(compiled.buffer)))
    model = classifier(optimizer="adagrad")
    with event.install_listener("numba:compiler_lock", compiled):  # also where it is only loaded
        model.fit(X, Y, epochs=2, verbose=2)
    assert seen == [len(compiled.buffer)]


@pytest.mark.full
@needs_compiler
def test_the_first_fit_on_a_machine_says_why_it_takes_long(tmp_path):
    code = """
    import numpy as np, fastnn
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    """
    first, second = (run_python(code, FASTNN_CACHE_DIR=str(tmp_path)).stderr for _ in range(2))
    assert (first, second) == (HEADLINE, "")
