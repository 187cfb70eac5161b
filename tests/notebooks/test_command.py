"""`fastnn notebooks`: what it writes, prints and refuses."""

import os
import re
import signal
import subprocess
import sys

import nbformat
import pytest
from typer.testing import CliRunner

from fastnn import cli, notebooks

from ..labs.test_cli import assert_refused
from ..subprocesses import run_python


def command(*arguments):
    return CliRunner().invoke(cli.app, ["notebooks", *map(str, arguments)])


def test_the_list():
    lines = command("--list").stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == notebooks.names()
    assert re.search(r"^lab_mnist +Handwritten digits: a network and its training$", "\n".join(lines), re.MULTILINE)


def test_what_it_writes_and_prints(of_cells, tmp_path):
    of_cells("print(1)", name="lab_one")
    of_cells("print(2)", name="lab_two")
    result = command("lab_two", "--out", tmp_path / "new" / "out")
    assert result.exit_code == 0, result.output
    path = tmp_path / "new" / "out" / "lab_two.ipynb"
    assert re.fullmatch(rf"lab_two: {re.escape(str(path))}, \d+\.\d s\n", result.stdout)
    assert result.stderr == ""
    assert [p.name for p in path.parent.iterdir()] == ["lab_two.ipynb"]
    assert nbformat.read(path, as_version=4).cells[1].outputs[0].text == "2\n"


def test_without_running_them(tmp_path):
    result = command("--no-run", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert {path.stem for path in tmp_path.iterdir()} == set(notebooks.names())
    assert " s\n" not in result.stdout


def test_one_that_fails_does_not_stop_the_others_and_is_not_written(of_cells, tmp_path):
    of_cells("1 / 0", name="lab_bad")
    of_cells("1", name="lab_good")
    out = tmp_path / "out"
    out.mkdir()
    (out / "lab_bad.ipynb").write_text("earlier")
    result = command("--out", out, "--overwrite")
    assert result.exit_code == 1
    assert result.stderr == "error: lab_bad: cell 1 (1 / 0) failed: ZeroDivisionError: division by zero\n"
    assert "lab_good: " in result.stdout
    assert (out / "lab_bad.ipynb").read_text() == "earlier"
    assert {path.name for path in out.iterdir()} == {"lab_bad.ipynb", "lab_good.ipynb"}


def test_the_limit(of_cells, tmp_path):
    of_cells("while True: pass", name="lab_long")
    result = command("--out", tmp_path / "out", "--limit", 2)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: lab_long: it takes longer than 2 s; ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["lab_mnits"], "unknown notebook 'lab_mnits'; did you mean 'lab_mnist'"),
        (["--limit", "0"], "--limit must be a finite number > 0, received 0"),
        (["--no-runs"], "No such option"),
    ],
    ids=["name", "limit", "option"],
)
def test_mistakes(options, message, tmp_path):
    assert_refused(command(*options, "--out", tmp_path / "out"), message)
    assert not (tmp_path / "out").exists()


def test_files_are_replaced_only_when_told_to(tmp_path):
    (tmp_path / "lab_mnist.ipynb").write_text("precious")
    assert_refused(command("--no-run", "--out", tmp_path), r".*lab_mnist.ipynb exists; choose another folder .*")
    assert [path.name for path in tmp_path.iterdir()] == ["lab_mnist.ipynb"]
    assert (tmp_path / "lab_mnist.ipynb").read_text() == "precious"
    assert command("lab_mnist", "--no-run", "--out", tmp_path, "--overwrite").exit_code == 0
    assert (tmp_path / "lab_mnist.ipynb").read_text().startswith("{")


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    assert_refused(
        command("lab_mnist", "--no-run", "--out", tmp_path / "file"), "(Not a directory|File exists): .*file"
    )


@pytest.mark.parametrize("module", ["jupytext", "nbclient", "ipykernel.kernelspec"])
@pytest.mark.parametrize("arguments", ["notebooks", "lab backprop --notebook"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(module, arguments, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    result = CliRunner().invoke(cli.app, [*arguments.split(), "--out", str(tmp_path / "new")])
    assert_refused(result, rf'notebooks need more packages: pip install "fastnn-numba\[notebook\]" \(.*{module}.*\)\n')
    assert result.stdout == ""
    assert not (tmp_path / "new").exists()


def test_neither_fastnn_nor_the_command_imports_them_unasked():
    code = "import sys, fastnn.cli\nprint(*sys.modules)"
    assert {"jupytext", "nbclient", "nbformat", "ipykernel", "asyncio"} & {*run_python(code).stdout.split()} == set()


INTERRUPTED = """
import pathlib, signal, sys
from fastnn import cli, notebooks
signal.signal(signal.SIGINT, signal.default_int_handler)
notebooks.FOLDER = pathlib.Path(sys.argv.pop(1))
cli.main()
"""


def test_ctrl_c_ends_the_cells_too_and_leaves_no_file(of_cells, tmp_path):
    ready, out = tmp_path / "ready", tmp_path / "out"
    of_cells(f"import os, pathlib, time\npathlib.Path({str(ready)!r}).write_text(str(os.getpid()))\ntime.sleep(100)")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    arguments = [str(notebooks.FOLDER), "notebooks", "--out", str(out)]
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED, *arguments], **pipes)
    assert_interrupted(process, ready)
    assert list(out.iterdir()) == []


def assert_interrupted(process, ready):
    """Ctrl-C as soon as a cell has written its process's number into the file `ready`."""
    try:
        for _ in range(600):
            if ready.exists() and ready.read_text():
                break
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1] == "interrupted"
    assert "Traceback" not in stderr
    with pytest.raises(ProcessLookupError):  # the process of the cells is gone
        os.kill(int(ready.read_text()), 0)
    return stdout, stderr


def test_the_list_needs_none_of_the_packages():
    code = "import sys; sys.modules['jupytext'] = None\nfrom fastnn.cli import writing; writing.print_list()"
    assert "lab_mnist" in run_python(code).stdout
