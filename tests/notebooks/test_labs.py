"""The notebooks of the labs: their numbers are the lab's own, and `fastnn lab NAME --notebook`."""

import ast
import json
import re
import subprocess
import sys

import nbformat
import pytest
from typer.testing import CliRunner

from fastnn import cli, labs, notebooks
from fastnn.labs import results

from ..labs.test_cli import assert_refused
from .test_command import INTERRUPTED, assert_interrupted


@pytest.fixture
def lab(images, tmp_path, monkeypatch):
    """Runs `fastnn lab NAME` in this process, on little data, with small pictures."""
    monkeypatch.setattr(results, "DPI", 20)

    def run(name, *options):
        data = ["--data", images] if name in ("mnist", "wide-deep", "autoencoder", "convnet") else []
        arguments = ["lab", name, *data, "--out", tmp_path / "out", *options]
        return CliRunner().invoke(cli.app, [*map(str, arguments)])

    return run


@pytest.fixture
def handed_in(monkeypatch):
    """What `results.notebook` gets, which is then neither run nor written; the last one is returned."""
    taken = []
    monkeypatch.setattr(results.Results, "notebook", lambda self, notebook: taken.append(notebook))
    return taken


def here(notebook):
    """What the notebook's cells leave when they run in this process, and the discussion."""
    names = {"__name__": "__main__"}
    cells = [cell.source for cell in notebook.node.cells if cell.cell_type == "code"]
    for cell in cells[:-1]:
        exec(compile(cell, notebook.name, "exec"), names)
    *statements, last = ast.parse(cells[-1]).body
    exec(compile(ast.Module(statements, []), notebook.name, "exec"), names)
    return names, eval(compile(ast.Expression(last.value), notebook.name, "eval"), names).data


NUMBERS = {
    "mnist": lambda names: {"test": names["test"], "last_epoch": names["last"]},
    "backprop": lambda names: {
        "networks": {
            name: {"epochs": len(names["histories"][name].epoch), **score} for name, score in names["scores"].items()
        }
    },
    "wide-deep": lambda names: {"networks": names["rows"]},
    "autoencoder": lambda names: {"networks": names["scores"], "accuracy on pixels": names["on_pixels"]},
    "letters": lambda names: names["scores"],
    "convnet": lambda names: {"test": names["test"], "last_epoch": names["last"]},
}
RUNS = [
    ("mnist", ["--epochs", 3, "--hidden", "20,10", "--activation", "tanh", "--optimizer", "adam"]),
    ("mnist", ["--epochs", 1, "--folds", 3, "--validation", 0, "--hidden", "none", "--seed", 4]),
    ("backprop", ["--epochs", 250, "--hidden", "5", "--activation", "relu", "--optimizer", "adam", "--points", 30]),
    ("backprop", ["--epochs", 4000, "--loss", "half-mse", "--no-bias", "--loss-threshold", 0.05]),
    ("wide-deep", ["--epochs", 2, "--wide", "20", "--deep", "12,12", "--output", "linear", "--optimizer", "rmsprop"]),
    ("wide-deep", ["--epochs", 2, "--output", "sigmoid", "--activation", "leaky_relu", "--optimizer", "nesterov"]),
    ("autoencoder", ["--epochs", 2, "--hidden", 20, "--compare", "--labels", 200, "--optimizer", "adamw"]),
    ("autoencoder", ["--epochs", 1, "--loss", "mse", "--denoise", "masking", "--dropout", 0.1, "--noise", 0.2]),
    ("letters", ["--epochs", 2, "--hidden", "20", "--optimizer", "sgd", "--batch-size", 3000]),
    ("convnet", ["--epochs", 2, "--filters", "4,6", "--validation", 0.2]),
    ("convnet", ["--epochs", 1, "--filters", "3", "--validation", 0]),
]


@pytest.mark.parametrize(("name", "options"), RUNS, ids=[f"{name} {options[-1]}" for name, options in RUNS])
def test_its_numbers_are_those_of_the_lab(name, options, lab, handed_in, tmp_path):
    result = lab(name, *options, "--notebook")
    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    names, discussion = here(handed_in[-1])
    for key, value in json.loads(json.dumps(NUMBERS[name](names))).items():
        found = metrics[key]
        if name == "wide-deep":  # whose table has parameters and seconds, too
            found = {network: {k: row[k] for k in value[network]} for network, row in found.items()}
        assert found == value
    assert discussion.startswith("- ")
    assert "nan" not in discussion


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochs": 50}, "in 50 epochs the network has not become better than that by a tenth"),
        ({"epochs": 1000}, "epochs within a tenth of that or above: a plateau"),
        ({"epochs": 500, "activation": "tanh", "optimizer": "adam", "learning_rate": 0.05}, "there is no plateau here"),
    ],
    ids=["never", "plateau", "none"],
)
def test_what_the_discussion_says_of_the_plateau_is_true(settings, said):
    notebook = notebooks.Notebook("lab_backprop")
    notebook.change(**settings)
    names, discussion = here(notebook)
    assert said in discussion
    losses = names["histories"]["XOR"].history["loss"]
    share = sum(loss > 0.9 * names["constant"] for loss in losses) / len(losses)
    assert (share == 1, share < 0.1) == ("has not become" in said, "no plateau" in said)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_size": 100, "learning_rate": 0.001}, "not at its end"),
        ({"learning_rate": 20.0, "epochs": 2}, "uphill"),
        ({"epochs": 1}, "One epoch does not say"),
    ],
    ids=["falls", "rises", "one"],
)
def test_what_the_discussion_says_of_the_letters_is_true(settings, said):
    notebook = notebooks.Notebook("lab_letters")
    notebook.change(**{"epochs": 3, "hidden": [8]} | settings)
    names, discussion = here(notebook)
    assert said in discussion
    assert ("Mini-batches of 128" in discussion) == (names["batch_size"] > 128)


def test_every_lab_is_compared():
    assert {name for name, _ in RUNS} == labs.COMMANDS.keys() == NUMBERS.keys()


def test_the_notebook_in_the_run_folder(lab, tmp_path):
    """Really run, in a process of its own."""
    result = lab("backprop", "--epochs", 300, "--hidden", "4", "--notebook")
    assert result.exit_code == 0, result.output
    path = tmp_path / "out" / "backprop.ipynb"
    assert f"notebook: {path}\n" in result.stdout
    node = nbformat.read(path, as_version=4)
    nbformat.validate(node)
    settings = next(cell for cell in node.cells if cell.metadata.get("tags") == ["parameters"])
    assert "epochs = 300  # at most" in settings.source
    assert "hidden = [4]  # units" in settings.source
    outputs = [output for cell in node.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 6
    assert sum("text/markdown" in output.get("data", {}) for output in outputs) == 1
    printed = "".join(output.get("text", "") for output in outputs)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    for name, numbers in metrics["networks"].items():
        assert re.search(rf"^{name} +300 epochs .* test loss {numbers['loss']:.5f} ", printed, re.MULTILINE)


def test_without_the_option_there_is_none(lab, tmp_path):
    assert lab("backprop", "--epochs", 10).exit_code == 0
    assert not (tmp_path / "out" / "backprop.ipynb").exists()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("backprop", ["--compare"], "--compare does not go with --notebook: the notebook of this lab does without it"),
        ("convnet", ["--big"], "--big does not go with --notebook"),
        ("mnist", ["--test-data", "t.csv"], "--test-data does not go with --notebook"),
        ("wide-deep", ["--sampling", "replacement"], "--sampling does not go with --notebook"),
        ("mnist", ["--data", __file__], "--notebook reads images from a folder, but --data is .*test_labs.py; leave"),
    ],
    ids=["compare", "big", "test-data", "sampling", "csv"],
)
def test_options_that_the_notebook_does_not_have(name, options, message, lab, tmp_path):
    assert_refused(lab(name, *options, "--notebook"), message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "options"),
    [("mnist", ["--epochs", 1, "--threads", 1]), ("wide-deep", ["--epochs", 1, "--sampling", "shuffle"])],
    ids=["threads", "default"],
)
def test_options_that_change_no_number_do_not_matter(name, options, lab, handed_in, monkeypatch):
    monkeypatch.setattr(cli.commands.fastnn, "set_num_threads", lambda number: None)  # of this process
    assert lab(name, *options, "--notebook").exit_code == 0
    assert handed_in[-1].name == f"lab_{name.replace('-', '_')}"


def test_an_earlier_notebook_is_replaced_only_when_told_to(lab, handed_in, tmp_path):
    earlier = tmp_path / "out" / "backprop.ipynb"
    earlier.parent.mkdir()
    earlier.write_text("precious")
    assert_refused(lab("backprop", "--epochs", 10, "--notebook"), ".*out is not empty; choose another folder")
    result = lab("backprop", "--epochs", 10, "--overwrite")
    assert "from an earlier run: backprop.ipynb\n" in result.stdout
    assert earlier.read_text() == "precious"


def test_a_cell_that_fails_costs_only_the_notebook(lab, tmp_path, monkeypatch):
    def fail(self):
        raise notebooks.NotebookError("cell 3 (x) failed: ValueError: no")

    monkeypatch.setattr(notebooks.Notebook, "run", fail)
    result = lab("backprop", "--epochs", 10, "--notebook")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "error: the notebook was not written: cell 3 (x) failed: ValueError: no"
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"metrics.json", "history.csv", "curves.png"} <= names
    assert "backprop.ipynb" not in names


def test_after_ctrl_c_in_the_training_there_is_none(lab, tmp_path, monkeypatch):
    fit, calls = labs.backprop.fastnn.Sequential.fit, []

    def interrupted(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return fit(self, *arguments, **options)

    monkeypatch.setattr(labs.backprop.fastnn.Sequential, "fit", interrupted)
    result = lab("backprop", "--epochs", 1000, "--notebook")
    assert result.exit_code == 130
    assert (tmp_path / "out" / "metrics.json").exists()
    assert not (tmp_path / "out" / "backprop.ipynb").exists()


def test_ctrl_c_while_the_notebook_runs(of_cells, tmp_path):
    ready, out = tmp_path / "ready", tmp_path / "out"
    of_cells(
        "samples = 100\nhidden = []\nactivation = ''\nloss = ''\nbias = True\noptimizer = ''\nlearning_rate = 1\n"
        "epochs = 1\nloss_threshold = 1\nseed = 1",
        f"import os, pathlib, time\npathlib.Path({str(ready)!r}).write_text(str(os.getpid()))\ntime.sleep(100)",
        name="lab_backprop",
    )
    source = notebooks.FOLDER / "lab_backprop.py"
    source.write_text(source.read_text().replace("# %%\nsamples", '# %% tags=["parameters"]\nsamples'))
    arguments = [str(notebooks.FOLDER), "lab", "backprop", "--epochs", "10", "--notebook", "--out", str(out)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED, *arguments], **pipes)
    assert_interrupted(process, ready)
    names = {path.name for path in out.iterdir()}
    assert "metrics.json" in names
    assert not any(name.endswith(".ipynb") for name in names)
