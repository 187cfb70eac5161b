"""Notebooks that are run, each in a process of its own."""

import json
import os
import re
import sys

import nbformat
import pytest

import fastnn
from fastnn import notebooks
from fastnn.engine import threads

SHOW = """
import json, os, sys, fastnn
own = "from_the_start_up_file" in globals()
print(json.dumps([sys.executable, fastnn.__file__, os.getcwd(), os.listdir(), own]))
"""


def printed(notebook, cell=-1):
    return "".join(output.text for output in notebook.node.cells[cell].outputs if output.output_type == "stream")


def test_the_cells_run_in_order_and_their_outputs_are_kept(of_cells, tmp_path):
    notebook = of_cells("a = 2\nprint(a)", "a + 1", "import fastnn\nfastnn.plots.activation('relu')")
    notebook.run()
    notebook.write(tmp_path / "own.ipynb")
    node = nbformat.read(tmp_path / "own.ipynb", as_version=4)
    nbformat.validate(node)
    assert [cell.get("execution_count") for cell in node.cells] == [None, 1, 2, 3]
    assert node.cells[1].outputs[0].text == "2\n"
    assert node.cells[2].outputs[0].data["text/plain"] == "3"
    assert len(node.cells[3].outputs[0].data["image/png"]) > 1000


def test_this_python_and_this_fastnn_in_an_empty_folder(of_cells, tmp_path, monkeypatch):
    """Whatever kernel Jupyter knows as python3, and whatever the user's own start-up files do."""
    other = tmp_path / "jupyter" / "kernels" / "python3"
    other.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python", "-f", "{connection_file}"], "display_name": "no", "language": "python"}
    (other / "kernel.json").write_text(json.dumps(spec))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "loud.py").write_text("from_the_start_up_file = True")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)
    notebook = of_cells(SHOW)
    notebook.run()
    python, package, folder, there, own = json.loads(printed(notebook))
    assert python == sys.executable
    assert package == fastnn.__file__
    assert folder != str(tmp_path)
    assert there == []
    assert not own
    assert not os.path.exists(folder)


def test_as_many_threads_as_here(of_cells, monkeypatch):
    monkeypatch.setattr(threads, "_asked", 1)
    notebook = of_cells("import fastnn\nprint(fastnn.get_num_threads())")
    notebook.run()
    assert printed(notebook) == "1\n"


@pytest.mark.parametrize(
    ("cell", "seconds", "message"),
    [
        ("1 / 0", None, r"cell 2 \(1 / 0\) failed: ZeroDivisionError: division by zero"),
        ("raise ValueError('one\\ntwo')", None, r"cell 2 \(raise .*\) failed: ValueError: one"),
        ("raise KeyboardInterrupt", None, r"cell 2 \(raise KeyboardInterrupt\) failed: KeyboardInterrupt"),
        ("while True: pass", 3, r"it takes longer than 3 s; the limit was reached in cell 2 \(while True: pass\)"),
        ("import os\nos._exit(1)", None, r"its Python process ended unexpectedly in cell 2 \(import os\)"),
    ],
    ids=["error", "two lines", "interrupt", "too long", "exit"],
)
def test_a_cell_that_fails(of_cells, cell, seconds, message):
    notebook = of_cells("a = 1", cell, "print('not reached')")
    with pytest.raises(notebooks.NotebookError) as raised:
        notebook.run(seconds)
    assert re.fullmatch(message, str(raised.value)), raised.value
    assert printed(notebook) == ""


def test_the_limit_is_for_all_cells_together(of_cells):
    notebook = of_cells(*["import time\ntime.sleep(1.2)"] * 4)
    with pytest.raises(notebooks.NotebookError, match=r"longer than 3 s; the limit was reached in cell [23]"):
        notebook.run(3)


def test_a_process_that_does_not_start(of_cells, tmp_path, monkeypatch):
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(notebooks, "_INSTALLED", tmp_path)  # so that this folder stays the first
    with pytest.raises(notebooks.NotebookError, match="its Python process does not start: Kernel died"):
        of_cells("1").run()
