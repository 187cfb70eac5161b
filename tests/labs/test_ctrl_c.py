"""Ctrl-C at any moment of the command: it says so, ends with status 130, and leaves what was finished or nothing."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from fastnn import _command
from fastnn.kernels.jit import JIT_ENABLED

from ..subprocesses import run_python
from .test_cli import NUMBERS, assert_real_picture, command, data

__all__ = ["data"]  # a fixture

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
needs_compiler = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python compiles nothing")
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
SECONDS = 120  # for a child: far more than it needs


def read_lines_until(stream, pattern):
    for line in stream:
        if re.search(pattern, line):
            return
    raise AssertionError(f"ended without {pattern}")


def interrupted(process, stream, pattern, seconds=0.0):
    """What a process prints after Ctrl-C, some seconds after a line that matches the pattern."""
    try:
        read_lines_until(getattr(process, stream), pattern)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "Error" not in stderr
    assert "interrupted" in stderr
    assert "interrupted" not in stdout
    return stdout, stderr


def test_what_was_finished_is_kept(data, tmp_path):
    process = command("train", "--data", data, "--epochs", 100_000, "--out", tmp_path / "out", **PIPES)
    stdout, stderr = interrupted(process, "stdout", r"Train \| 003/100000")
    said = re.search(r"^interrupted: (\d+) of 100000 epochs are finished$", stderr, re.MULTILINE)
    assert int(said[1]) >= 2
    assert re.search(rf"^\[ Test \] {NUMBERS}$", stdout, re.MULTILINE)
    assert_real_picture(tmp_path / "out" / "curves.png")


@pytest.mark.parametrize(
    ("argv", "line", "expected"),
    [
        (["/usr/bin/fastnn", "train"], ["python", "/usr/bin/fastnn", "train"], True),
        (["fastnn.exe"], ["fastnn.exe"], True),
        (["-m", "train"], ["python", "-m", "fastnn", "train"], True),
        (["-m", "train"], ["python", "-Im", "fastnn", "train"], True),
        (["-m"], ["python", "-m", "pytest"], False),
        (["train.py", "fastnn"], ["python", "train.py", "fastnn"], False),
        (["-c"], ["python", "-c", "import fastnn"], False),
        ([""], ["python"], False),
        ([], ["python"], False),
    ],
)
def test_only_the_command_handles_ctrl_c_during_its_imports(argv, line, expected, monkeypatch):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", line)
    assert _command._is_command() is expected


def test_nothing_is_imported_before_ctrl_c_is_handled():
    """A traceback through a module of Python's own would be the answer to Ctrl-C there."""

    def imported(code):
        # -S: other packages load modules when Python starts. Without them fastnn cannot be imported, but gets this far.
        lines = run_python(["-S", "-X", "importtime", "-c", code], check=False).stderr.splitlines()
        return [line.rpartition("|")[2].strip() for line in lines]

    before = imported("import fastnn")
    del before[before.index("fastnn._command") :]
    assert set(before) <= {*imported("import os, signal"), "sys"}


@pytest.mark.parametrize("module", ["fastnn._command", "numpy", "numba", "fastnn.kernels.arrays"])
def test_during_the_imports(module, tmp_path):
    process = command("train", "--out", tmp_path / "out", python=["-X", "importtime"], **PIPES)
    _, stderr = interrupted(process, "stderr", rf"\| +{re.escape(module)}$")
    assert stderr.endswith("interrupted\n")
    assert not (tmp_path / "out").exists()


@needs_compiler
@pytest.mark.parametrize("options", [(), ("--folds", 3)], ids=["fit", "folds"])
@pytest.mark.parametrize("seconds", [0, 1, 2])
def test_while_kernels_compile(seconds, options, data, tmp_path):
    """Exceptions within LLVM's callbacks got lost; now and then the process crashed, or did not end."""
    process = command(
        *("train", "--data", data, "--out", tmp_path / "out", *options),
        environment={"FASTNN_CACHE_DIR": str(tmp_path / "cache")},
        **PIPES,
    )
    interrupted(process, "stderr", "fastnn compiles the kernels", seconds)
    assert not (tmp_path / "out").exists()


@needs_compiler
@pytest.mark.parametrize("name", ["backprop", "mnist"])
def test_while_a_lab_compiles_what_its_first_pictures_need(name, data, tmp_path):
    """The activation that `backprop` draws is computed by a kernel, before there is anything to train."""
    given = ("--data", data) if name == "mnist" else ()
    process = command(
        *("lab", name, *given, "--out", tmp_path / "out"), environment={"FASTNN_CACHE_DIR": str(tmp_path)}, **PIPES
    )
    interrupted(process, "stderr", "fastnn compiles the kernels")
    assert not (tmp_path / "out").exists()


def test_while_folds_run(data, tmp_path):
    out = tmp_path / "new" / "out"
    process = command("train", "--data", data, "--folds", 4, "--epochs", 100_000, "--out", out, **PIPES)
    _, stderr = interrupted(process, "stdout", "^some of the data: ", seconds=3)  # the last line before training
    assert stderr.splitlines()[-1] == "interrupted: 0 of 100000 epochs are finished"
    assert not out.parent.exists()


@needs_compiler
@pytest.mark.full
def test_the_next_start_works(data, tmp_path):
    """After many starts that were interrupted at another moment each, with what they have left in the cache."""
    train = ("train", "--data", data, "--epochs", 2, "--out", tmp_path / "out", "--overwrite")
    settings = {"environment": {"FASTNN_CACHE_DIR": str(tmp_path / "cache")}, **PIPES}
    for moment in range(12):
        process = command(*train, **settings)
        try:
            read_lines_until(process.stdout, r"\d+ threads$")
            time.sleep(0.3 + 0.4 * moment)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
        assert process.returncode in (0, 130), stderr  # 0: all kernels were in the cache by then
        assert "Traceback" not in stderr
    process = command(*train, **settings)
    stdout, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, stderr
    assert re.search(rf"^\[ Test \] {NUMBERS}$", stdout, re.MULTILINE)
    assert "Warning" not in stderr
