"""What is shown in a notebook while a model trains: one output, which changes in its place."""

import io
import sys
import types

import numpy as np
import pytest

import fastnn
from fastnn import cells
from fastnn.models import cell_progress

from ..small_models import classifier, labels, samples
from ..subprocesses import run_python

X, Y = samples(), labels()


class ZMQInteractiveShell:
    """As IPython's, by its name."""

    execution_count = 1


class OutStream(io.StringIO):
    """As the kernel's `sys.stdout`."""


class Notebook:
    """Takes what is displayed: `outputs`, and every text that was in one of them, `shown`."""

    def __init__(self):
        self.outputs, self.shown = [], []

    def display(self, content, raw, display_id):
        assert (raw, display_id) == (True, True)
        number = len(self.outputs)
        self.outputs.append(None)
        self.put(number, content)
        return types.SimpleNamespace(update=lambda content, raw: self.put(number, content))

    def put(self, number, content):
        assert content.keys() == {"text/plain"}
        self.outputs[number] = content["text/plain"]
        self.shown.append(content["text/plain"])

    @property
    def lines(self):
        """Of the only output."""
        (text,) = self.outputs
        return text.split("\n")


@pytest.fixture
def notebook(monkeypatch):
    found = Notebook()
    shell, module = ZMQInteractiveShell(), types.ModuleType("IPython.display")
    module.display = found.display
    package = types.ModuleType("IPython")
    package.get_ipython, package.display = lambda: shell, module
    monkeypatch.setattr(cells, "_cells", [cells._Cell(None)])
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    # Not `sys.stdout` itself, which pytest replaces for each phase of a test.
    monkeypatch.setattr(cells, "sys", types.SimpleNamespace(modules=sys.modules, stdout=OutStream()))
    return found


def progress_of(epochs):
    """The display of a fit that has just begun."""
    shown = cell_progress.CellProgress()
    shown.set_model(types.SimpleNamespace(history=None))
    shown.set_params({"epochs": epochs, "steps": 1})
    shown.on_train_begin()
    return shown


def numbers(lines, part="Train"):
    """Of which epochs there are lines."""
    return [int(line.split("|")[1].split("/")[0]) for line in lines if line.startswith(f"[ {part} ")]


def test_a_few_epochs_have_all_their_lines(notebook, capsys):
    history = classifier().fit(X, Y, epochs=3, validation_data=(X, Y))
    last = {name: values[-1] for name, values in history.history.items()}
    assert len(notebook.lines) == 7
    assert notebook.lines[4] == f"[ Train | 003/003 ] loss = {last['loss']:.5f}, acc = {last['accuracy']:.5f}"
    assert (
        notebook.lines[5] == f"[ Validation | 003/003 ] loss = {last['val_loss']:.5f}, acc = {last['val_accuracy']:.5f}"
    )
    assert notebook.lines[6].startswith("3 of 3 epochs, ")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (12, [1, 2, 4, 6, 8, 10, 12]),
        (100, [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
        (1234, [1, 200, 400, 600, 800, 1000, 1200, 1234]),
        (5000, [1, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000]),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else None,
)
def test_of_many_epochs_few_lines_stay(notebook, epochs, expected):
    shown = progress_of(epochs)
    for epoch in range(epochs):
        shown.on_epoch_end(epoch, {"loss": 1.0})
    shown.close()
    assert numbers(notebook.lines) == expected
    assert notebook.lines[-1].startswith(f"{epochs:,} of {epochs:,} epochs, ")


def test_while_it_trains_there_is_a_bar_a_few_times_a_second(notebook, monkeypatch):
    clock = iter(np.arange(0, 1e6, 0.01))  # each look at it takes 10 ms
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    classifier().fit(X, Y, epochs=100, validation_data=(X, Y), initial_epoch=50)
    bars = [text.split("\n")[-1] for text in notebook.shown[:-1]]
    assert all("loss = " in bar and "█" in bar for bar in bars)
    assert 3 < len(bars) < 20  # of 50 epochs
    assert len(notebook.outputs) == 1
    assert bars[3].startswith("epoch ")
    assert " left, " in bars[3]
    assert numbers(notebook.lines)[0] == 51


def test_the_bar(notebook):
    shown = progress_of(2000)
    shown._began -= 30
    shown._show_bar(501, 500, 0.5)
    assert notebook.lines == ["epoch 501/2,000 █████░░░░░░░░░░░░░░░ 1:30 min left, loss = 0.50000"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0123, "0.012 s"), (4.56, "4.6 s"), (59.4, "59 s"), (59.6, "1:00 min"), (125, "2:05 min"), (3920, "1:05:20")],
    ids=str,
)
def test_durations(seconds, text):
    assert cell_progress._duration(seconds) == text


def test_as_many_epochs_are_trained_at_once_as_take_a_tenth_of_a_second(notebook, monkeypatch):
    """One at a time would take many times as long as without lines."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    shown, spans, epoch = progress_of(10_000), [], 0
    for _ in range(6):
        spans.append(shown.epochs_at_once())
        now[0] += 0.0005 * spans[-1]  # an epoch takes half a millisecond
        for epoch in range(epoch, epoch + spans[-1]):  # noqa: B020
            shown.on_epoch_end(epoch, {"loss": 1.0})
    assert spans[:3] == [1, 10, 100]
    assert spans[3:] == [pytest.approx(200, abs=1)] * 3


def test_hooks_that_are_called_late_miss_no_epoch(notebook):
    history = classifier().fit(X, Y, epochs=60, batch_size=50)
    assert len(history.epoch) == 60
    assert numbers(notebook.lines) == [1, 10, 20, 30, 40, 50, 60]


def test_an_early_end_and_ctrl_c_say_how_far_it_came(notebook):
    class Stop(fastnn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classifier().fit(X, Y, epochs=100, callbacks=Stop())
    assert numbers(notebook.lines) == [1, 2, 3, 4, 5]
    assert notebook.lines[-2].startswith("[ Train | 005/100 ] loss = ")
    assert notebook.lines[-1].startswith("5 of 100 epochs, ")


def test_no_epoch_shows_nothing(notebook):
    classifier().fit(X, Y, epochs=0)
    assert notebook.outputs == []


def test_a_loop_of_fits_leaves_few_outputs(notebook):
    model = classifier()
    for epoch in range(25):
        model.fit(X, Y, initial_epoch=epoch, epochs=epoch + 1)
    assert len(notebook.outputs) == 10
    assert [numbers(text.split("\n")) for text in notebook.outputs] == [[n] for n in (*range(1, 10), 25)]
    assert notebook.outputs[-1].endswith("\n(15 more of this cell stood here before)")
    cells._shell().execution_count = 2
    model.fit(X, Y)
    assert len(notebook.outputs) == 11


def test_lines_and_silence_are_as_elsewhere(notebook, capsys):
    classifier().fit(X, Y, epochs=2, verbose=2)
    assert numbers(capsys.readouterr().out.split("\n")) == [1, 2]
    classifier().fit(X, Y, epochs=2, verbose=0)
    assert notebook.outputs == []


@pytest.mark.usefixtures("notebook")
def test_a_profile_shows_itself_and_is_not_printed_as_well(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")  # in narrower tables names may have two lines
    found = classifier().profile(X, Y, steps=5)
    assert capsys.readouterr().out == ""
    classifier().profile(X, Y, steps=5, verbose=1)
    assert "layer and phase" in capsys.readouterr().out
    assert "layer and phase" in found._repr_html_()


def test_where_output_is_redirected_lines_are_printed(notebook, capsys):
    cells.sys.stdout = io.StringIO()
    classifier().fit(X, Y, epochs=2)
    assert numbers(capsys.readouterr().out.split("\n")) == [1, 2]
    assert notebook.outputs == []


class SpyderShell(ZMQInteractiveShell):
    """As Spyder's, by its name."""


class ColabShell(ZMQInteractiveShell):
    """As that of a notebook service."""


@pytest.mark.parametrize(
    ("shell", "expected"),
    [(object, False), (lambda: None, False), (SpyderShell, False), (ColabShell, True), (ZMQInteractiveShell, True)],
    ids=["terminal", "none", "Spyder", "Colab", "Jupyter"],
)
@pytest.mark.usefixtures("notebook")
def test_what_is_a_notebook(monkeypatch, shell, expected):
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", shell)
    assert cells.in_cell() == expected


def test_without_ipython_nothing_is_imported():
    code = """
    import sys, numpy as np, fastnn
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones(4), epochs=2)
    print("IPython" in sys.modules)
    """
    assert run_python(code).stdout.split("\n")[-2] == "False"


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_estimators(notebook, capsys, solver):
    sklearn = pytest.importorskip("fastnn.sklearn")
    estimator = sklearn.MLPClassifier((4,), solver=solver, max_iter=30, tol=0, verbose=True, random_state=1)
    with pytest.warns(UserWarning, match="(?i)iteration"):
        estimator.fit(X, Y)
    assert [line.split(",")[0] for line in notebook.lines[:-1]] == [
        f"Iteration {n}" for n in (1, 5, 10, 15, 20, 25, 30)
    ]
    assert notebook.lines[-1].startswith("30 of 30 iterations, ")
    assert capsys.readouterr().out == ""


def test_an_estimator_s_last_words_stay(notebook):
    sklearn = pytest.importorskip("fastnn.sklearn")
    sklearn.MLPClassifier((4,), tol=10, verbose=True, random_state=1).fit(X, Y)
    assert notebook.lines[-2].startswith("Training loss did not improve more than tol=10")


def test_a_notebook_that_was_run_holds_one_output():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    code = (
        "import numpy as np, fastnn\n"
        "model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\n"
        "history = model.fit(np.ones((4, 2)), np.ones(4), epochs=1000, validation_split=0.5)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, timeout=250).execute()
    (output,) = (o for o in notebook.cells[0].outputs if o.output_type != "stream")  # it may say that it compiles
    lines = output["data"]["text/plain"].split("\n")
    assert numbers(lines) == numbers(lines, "Validation") == [1, *range(100, 1001, 100)]
    assert lines[-1].startswith("1,000 of 1,000 epochs, ")
