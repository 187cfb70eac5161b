"""Compiles what a program needs before it runs, on a new machine in two processes side by side.

The compiler works on one core, and most that a first model needs does not depend on each other. So a second process
compiles a part of it into the same cache, from which this one loads it. Both take the next kernel from one pipe, the
largest first, so neither waits long for the other, and no kernel is compiled twice.

Nobody relies on the second process: whatever it has not compiled in the end is compiled here. There is none

- where it could not help: without a cache, with one core, or for a few small kernels;
- where there may be many processes like this one: in workers of a pool, and while another process that uses the same
  cache has one;
- in threads other than the main one, which can be told to stop only while they compile;
- where Python is embedded in a program that cannot be started as an interpreter, and on Windows.
"""

import contextlib
import os
import re
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..kernels.cache import CACHE_FOLDER, can_be_kept
from ..kernels.interpreter import run, share
from ..kernels.interrupts import held_back
from ..kernels.jit import JIT_ENABLED
from . import cores
from .announcements import advance, announcing_all, show
from .entries import all_kernels, entry_of, is_compiled
from .locks import compiling

if sys.platform != "win32":
    import fcntl

_FEWEST = 4  # a second process takes about as long to start as two kernels take to compile
_LARGEST = "dense", "convolution", "run", "share"
_PATIENCE = 10.0  # seconds
_LOCK = "second_process.lock"


@contextlib.contextmanager
def compiling_all(operations: Sequence[Any], steps: Sequence[Any], dtype: np.dtype) -> Iterator[None]:
    """Compile or load what a program of these operations and optimizers needs, before the block.

    What is compiled in the block is announced together with it.
    """
    if not JIT_ENABLED:
        yield
        return
    kernels = list(dict.fromkeys([*operations, *steps, share, run]))
    missing = [kernel for kernel in kernels if not is_compiled(kernel, dtype)]
    with announcing_all(missing, dtype):
        compile_side_by_side(missing, dtype)
        for kernel in kernels:
            entry_of(kernel, dtype)
        yield


def compile_side_by_side(
    kernels: Sequence[Any], dtype: np.dtype, say: Callable[[str], None] = lambda name: None
) -> None:
    """Compile kernels with the help of a second process; none of them if it is not worth one.

    Args:
        kernels: some of `all_kernels`; others are left out.
        dtype: the float type.
        say: is told the name of each kernel, before it is compiled here or after it has been compiled there.
    """
    known = all_kernels()
    found = [name for name, kernel in known.items() if kernel in kernels and can_be_kept(kernel.py_func)]
    if len(found) < _FEWEST or not _may_have_a_second_process():
        return
    names = sorted(found, key=_place)
    # Nobody forks meanwhile (`locks.py`), so the pipe ends when both have read it.
    with (
        contextlib.suppress(OSError),
        compiling,
        _only_one() as lock,
        _numbers(len(names)) as numbers,
        _second_process(names, dtype, numbers, lock) as reports,
    ):
        _do_a_part(names, dtype, numbers, reports, say)


def _place(name: str) -> int:
    short = _short(name)
    return _LARGEST.index(short) if short in _LARGEST else len(_LARGEST)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _may_have_a_second_process() -> bool:
    from multiprocessing import parent_process  # not at import, which it would slow down

    return (
        CACHE_FOLDER is not None
        and cores.available() > 1
        and threading.current_thread() is threading.main_thread()
        and parent_process() is None
        and sys.platform != "win32"
        and re.fullmatch(r"python[\d.]*t?", os.path.basename(sys.executable or "")) is not None
    )


@contextlib.contextmanager
def _only_one() -> Iterator[int]:
    """A file that is locked until it is closed here and in the second process; OSError if others have the lock."""
    file = os.open(Path(CACHE_FOLDER, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
    finally:
        os.close(file)


@contextlib.contextmanager
def _numbers(count: int) -> Iterator[int]:
    """A pipe out of which each of the numbers below `count` can be read once, as a byte."""
    pipe, end = os.pipe()
    try:
        os.write(end, bytes(range(count)))
        os.close(end)
        yield pipe
    finally:
        os.close(pipe)


@contextlib.contextmanager
def _second_process(names: list[str], dtype: np.dtype, numbers: int, lock: int) -> Iterator[int]:
    """A process that compiles, until the end of the block; yields a pipe with the numbers of what it has finished.

    It has the modules of this one, but not its main program.
    """
    path = [entry for entry in sys.path if isinstance(entry, str)]
    arguments = names, dtype.name, __file__, str(CACHE_FOLDER)
    code = f"import sys; sys.path[:] = {path}; from {__name__} import help_out; help_out{arguments}"
    process = None
    try:
        with held_back():
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=numbers,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[lock],
            )
        assert process.stdout is not None
        yield process.stdout.fileno()
    finally:
        if process is not None:
            process.kill()
            process.communicate()


def _do_a_part(names: list[str], dtype: np.dtype, numbers: int, reports: int, say: Callable[[str], None]) -> None:
    """Compile here what the other process has not begun, then wait for it."""
    known, others, began = all_kernels(), set(range(len(names))), time.monotonic()

    def hear(seconds: float) -> bool:
        """Whether it says within this time that it has finished something."""
        finished = os.read(reports, len(names)) if waiting.select(max(0, seconds)) else b""
        for number in others & set(finished):
            say(_short(names[number]))
            advance()
        others.difference_update(finished)
        return bool(finished)

    with selectors.DefaultSelector() as waiting:
        waiting.register(reports, selectors.EVENT_READ)
        while number := os.read(numbers, 1):
            name = names[number[0]]
            others.discard(number[0])
            say(_short(name))
            entry_of(known[name], dtype)
            hear(0)
        deadline = time.monotonic() + max(_PATIENCE, time.monotonic() - began)
        while others:
            show(", ".join(_short(names[number]) for number in sorted(others)))
            if not hear(deadline - time.monotonic()):  # it has failed, or hangs
                break


def help_out(names: list[str], type_name: str, module: str, folder: str) -> None:
    """What the second process does. Without its parent, it ends with the next report."""
    known = all_kernels()
    if (__file__, str(CACHE_FOLDER)) == (module, folder):
        while number := os.read(0, 1):
            entry_of(known[names[number[0]]], np.dtype(type_name))
            os.write(1, number)
    os._exit(0)  # at once: nothing has to be put in order
