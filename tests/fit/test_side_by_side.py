"""On a new machine, a second process compiles a part of what a model needs; whatever becomes of it, all is compiled."""

import contextlib
import multiprocessing
import os
import sys
import threading
import time
import types

import numpy as np
import pytest

from fastnn.engine import announcements, first_use
from fastnn.kernels.jit import JIT_ENABLED

from ..subprocesses import run_python

FLOAT = np.dtype("float32")
NAMES = [f"module.{letter}" for letter in "abcdef"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no second process")


@pytest.fixture
def here(monkeypatch, tmp_path):
    """The names of what is compiled in this process, out of six kernels that cost nothing."""
    compiled = []
    kernels = {name: types.SimpleNamespace(py_func=name) for name in NAMES}
    monkeypatch.setattr(first_use, "all_kernels", lambda: kernels)
    monkeypatch.setattr(first_use, "can_be_kept", lambda function: True)
    monkeypatch.setattr(first_use, "entry_of", lambda kernel, dtype: compiled.append(kernel.py_func))
    monkeypatch.setattr(first_use, "CACHE_FOLDER", tmp_path)
    monkeypatch.setattr(first_use.cores, "available", lambda: 2)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: None)
    monkeypatch.setattr(first_use, "_PATIENCE", 0.5)
    return compiled


def compile_all(names=NAMES, said=None):
    kernels = [first_use.all_kernels()[name] for name in names]
    first_use.compile_side_by_side(kernels, FLOAT, (lambda name: None) if said is None else said.append)


# ---------------------------------------------------------------------------------------------------------------------
# Where there is no second process.


@pytest.fixture
def alone(here, monkeypatch):
    def second(*_):
        raise AssertionError("a second process")

    monkeypatch.setattr(first_use, "_second_process", second)
    return here


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (first_use, "CACHE_FOLDER", None),
        (first_use.cores, "available", lambda: 1),
        (multiprocessing, "parent_process", lambda: "a pool"),
        (sys, "platform", "win32"),
        (sys, "executable", None),
        (sys, "executable", ""),
        (sys, "executable", "/usr/bin/blender"),
        (sys, "executable", "/usr/bin/pythonservice"),
    ],
)
def test_where_it_could_not_help_or_not_be_started(monkeypatch, owner, name, value):
    with pytest.raises(AssertionError, match="a second process"):
        compile_all()
    monkeypatch.setattr(owner, name, value)
    compile_all()


@pytest.mark.usefixtures("alone")
def test_for_a_few_kernels():
    compile_all(NAMES[:3])


@pytest.mark.usefixtures("alone")
def test_in_another_thread():
    errors = []

    def work():
        try:
            compile_all()
        except AssertionError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []


@pytest.mark.usefixtures("alone")
def test_while_another_process_has_one():
    with first_use._only_one():
        compile_all()
    with pytest.raises(AssertionError, match="a second process"):
        compile_all()


@pytest.mark.usefixtures("alone")
def test_in_a_folder_that_is_gone(monkeypatch, tmp_path):
    monkeypatch.setattr(first_use, "CACHE_FOLDER", tmp_path / "gone")
    compile_all()


# ---------------------------------------------------------------------------------------------------------------------
# What may become of it.


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Makes a shell script what is started in the place of Python; its process id is in a file."""

    def make(script):
        path = tmp_path / "python3"
        path.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/id\n{script}\n")
        path.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(path))

    return make


def wait_for(path):
    """What a file says, as soon as it says something."""
    while not (path.exists() and path.read_text().endswith("\n")):
        time.sleep(0.01)
    return path.read_text().strip()


def is_gone(tmp_path):
    with pytest.raises(ChildProcessError):  # no zombie, either
        os.waitpid(int(wait_for(tmp_path / "id")), os.WNOHANG)
    return True


TAKE_ONE = "dd bs=1 count=1 > /dev/null 2> /dev/null; echo > taken"


@pytest.mark.parametrize("script", [f"{TAKE_ONE}; exec sleep 60", f"{TAKE_ONE}; kill -9 $$", f"{TAKE_ONE}; exit 1"])
def test_it_hangs_or_fails_with_a_kernel_in_hand(here, program, monkeypatch, tmp_path, script):
    monkeypatch.chdir(tmp_path)
    program(script)
    first = first_use._second_process

    @contextlib.contextmanager
    def slowly(*arguments):
        with first(*arguments) as reports:
            wait_for(tmp_path / "taken")
            yield reports

    monkeypatch.setattr(first_use, "_second_process", slowly)
    began = time.monotonic()
    compile_all()
    assert time.monotonic() - began < 30
    assert sorted(here) == NAMES[1:]  # the first one is left to the caller
    assert is_gone(tmp_path)


def test_it_writes_nothing_to_the_user_and_reads_nothing_from_him(here, program, tmp_path, capfd):
    program("echo out; echo error >&2")
    compile_all()
    assert len(here) == len(NAMES) or is_gone(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_it_cannot_be_started(here, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    compile_all()
    assert here == []
    compile_all()  # nothing is left locked


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_ctrl_c_and_errors_end_it(program, monkeypatch, tmp_path, here, error):
    program("exec sleep 30")

    def interrupted(kernel, dtype):
        wait_for(tmp_path / "id")
        raise error

    monkeypatch.setattr(first_use, "entry_of", interrupted)
    began = time.monotonic()
    with pytest.raises(error):
        compile_all()
    assert time.monotonic() - began < 20
    assert is_gone(tmp_path)
    assert here == []


# ---------------------------------------------------------------------------------------------------------------------
# Who does what.


@pytest.fixture
def reports(monkeypatch):
    """Writes the numbers of what a second process, which there is not, has finished; it has taken number 0."""
    read, write = os.pipe()

    @contextlib.contextmanager
    def second(names, dtype, numbers, lock):
        assert os.read(numbers, 1) == b"\0"
        yield read

    monkeypatch.setattr(first_use, "_second_process", second)
    yield lambda numbers: os.write(write, bytes(numbers))
    os.close(read)
    os.close(write)


def test_each_is_said_and_shown_once_wherever_it_is_compiled(here, reports, monkeypatch):
    shown, said = [], []
    bar = types.SimpleNamespace(show=shown.append, advance=lambda: shown.append("done"))
    monkeypatch.setattr(announcements, "_shown", [bar])
    threading.Timer(0.2, reports, [[0]]).start()
    compile_all(said=said)
    assert here == NAMES[1:]
    assert said == ["b", "c", "d", "e", "f", "a"]
    assert shown == ["a", "done"]  # those from here announce themselves


def test_the_largest_come_first():
    names = ["kernels.relu", "kernels.run", "kernels.share", "kernels.dense"]
    assert sorted(names, key=first_use._place) == ["kernels.dense", "kernels.run", "kernels.share", "kernels.relu"]


SCRIPT = """
import os, sys, time
print("main", flush=True)
import numpy as np
from numba.core import event
compiled = event.RecordingListener()
event.register("numba:compile", compiled)
from fastnn.engine import cores, entries, first_use
cores.available = lambda: 2
first_use.entry_of = lambda kernel, dtype: (time.sleep(0.5), entries.entry_of(kernel, dtype))  # the other is faster
metrics = [kernel for name, kernel in entries.all_kernels().items() if name.endswith("_metric")][:5]
dtype = np.dtype("float32")
first_use.compile_side_by_side(metrics, dtype)
assert all(entries.is_compiled(kernel, dtype) for kernel in metrics)
functions = {e.data["dispatcher"].py_func for _, e in compiled.buffer}
here = len(functions & {kernel.py_func for kernel in metrics})
for kernel in metrics:
    entries.entry_of(kernel, dtype)
print(0 < here < len(metrics))
print(any(entries.is_compiled(kernel, np.dtype("float64")) for kernel in metrics))
"""


@pytest.mark.skipif(not JIT_ENABLED, reason="plain Python compiles nothing")
def test_a_real_one_leaves_what_it_compiles_in_the_cache(tmp_path):
    """For a script that does not guard its main program."""
    script, cache = tmp_path / "script.py", tmp_path / "cache"
    script.write_text(SCRIPT)
    ran = run_python(["-W", "error", str(script)], FASTNN_CACHE_DIR=str(cache), OMP_NUM_THREADS=None)
    assert ran.stdout == "main\nTrue\nFalse\n"  # for the other float type there is none
    metrics = [path.name.partition("-")[0] for path in cache.rglob("*_metric-*.nbc")]
    assert sorted(set(metrics)) == sorted(metrics)  # nothing twice
    assert len(metrics) == 5
