"""Says why the first use of a model takes seconds: in one line, or on a terminal by a bar of what is compiled."""

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..kernels.cache import is_cached
from ..kernels.jit import JIT_ENABLED

_said = threading.Event()
_shown: list["_Bar"] = []  # the bar that is on the terminal, if there is one


class _Bar:
    """A bar on stderr that vanishes in the end."""

    def __init__(self, total: int):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress

        columns = "{task.description}", BarColumn(), MofNCompleteColumn()
        # Without a refresh thread, which would compete with the compiler.
        self._display = Progress(*columns, console=Console(file=sys.stderr), transient=True, auto_refresh=False)
        self._task = self._display.add_task("", total=total)
        self._display.start()

    def show(self, name: str) -> None:
        self._display.update(self._task, description=f"compiling {name} (once on this machine)", refresh=True)

    def advance(self) -> None:
        self._display.update(self._task, advance=1, refresh=True)

    def close(self) -> None:
        self._display.stop()


def _on_terminal() -> bool:
    """Whether messages appear on a terminal, and not through another progress bar, which replaces `sys.stderr`."""
    stream = sys.__stderr__
    return stream is not None and sys.stderr is stream and stream.isatty()


@contextlib.contextmanager
def announcing_all(kernels: Sequence[Any], dtype: np.dtype) -> Iterator[None]:
    """In this block, these kernels are compiled or loaded for a float type, each in a block `announcing`."""
    missing = sum(not is_cached(kernel.py_func, dtype) for kernel in kernels) if JIT_ENABLED and not _shown else 0
    if not missing or not _on_terminal():
        if missing and not _said.is_set():
            print("fastnn compiles the kernels that are needed, once on this machine", file=sys.stderr, flush=True)
            _said.set()
        yield
        return
    _shown.append(_Bar(missing))
    try:
        yield
    finally:
        _shown.pop().close()


@contextlib.contextmanager
def announcing(kernel: Any, dtype: np.dtype) -> Iterator[None]:
    """In this block, a kernel is compiled or loaded for a float type."""
    if not JIT_ENABLED or is_cached(kernel.py_func, dtype):
        yield
        return
    with announcing_all([kernel], dtype):
        show(kernel.py_func.__name__)
        yield
        advance()


def show(names: str) -> None:
    """On the bar, if there is one: what is being compiled."""
    for bar in _shown:
        bar.show(names)


def advance() -> None:
    """On the bar, if there is one: one more kernel is compiled."""
    for bar in _shown:
        bar.advance()
