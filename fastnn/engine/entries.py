"""Compiles the functions that the interpreter calls by address, or loads them from the disk, once per process."""

import contextlib
import functools
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..kernels import instructions
from ..kernels.cache import is_cached
from ..kernels.calls import Referenced, entry_point
from ..kernels.clock import timed_operation, timed_share, timed_step, timed_update
from ..kernels.interpreter import run, share
from ..kernels.jit import JIT_ENABLED
from ..kernels.operations import OPERATIONS
from ..kernels.updating import update
from .locks import compiling
from .tables import empty_batch, empty_data, plan_of, weight_table

NO_NUMBERS = np.zeros(instructions.HYPER_NUMBERS)
NO_OPTIMIZER = 0

_announced = threading.Event()
_shown: list[str] = []  # on a terminal: what is being compiled, and within that, ...; the last one is to be seen
_entries: dict[tuple[Any, np.dtype], Any] = {}


def kernels_are_cached() -> bool:
    """Whether the compiled interpreter is on the disk; if not, the first use compiles it."""
    return JIT_ENABLED and bool(is_cached(run.py_func))


def interpreter_of(dtype: np.dtype, timed: bool = False) -> Any:
    """The entry point of `share` for a float type, which `run` calls for each thread's share; in a profile `timed`."""
    plan, _, weights, batch, data = _examples(dtype)
    function = timed_share if timed else share
    return _entry(function, dtype, 0, 0, 1, plan, weights, batch, data, 0, 1, 1, NO_OPTIMIZER, NO_NUMBERS)


def operation_entry(operation: Any, dtype: np.dtype) -> int:
    """The field `entry` of an instruction: the entry point of an operation for a float type."""
    if not JIT_ENABLED:
        return int(OPERATIONS.index(operation))
    _, ins, *arrays = _examples(dtype)
    return int(_entry(operation, dtype, instructions.FORWARD, ins, *arrays, instructions.Span(0, 0, 0, 0, 0, 0, 0, 0)))


def timed_operation_entry(dtype: np.dtype) -> int:
    """The field `entry` of all instructions in a profile."""
    return operation_entry(timed_operation, dtype)


def timed_step_entry(dtype: np.dtype) -> Any:
    """The entry point of what takes the place of the optimizer's step in a profile."""
    return optimizer_entry(timed_step, dtype)


def optimizer_entry(step: Any, dtype: np.dtype) -> Any:
    """The entry point of an optimizer's step for a float type."""
    return _entry(step, dtype, _examples(dtype)[2], 0, 0, 0, 0, NO_NUMBERS)


def update_entry(dtype: np.dtype, timed: bool = False) -> Any:
    """The entry point of `update` for a float type, for `Plan.update` if a step has stages after the gradients."""
    plan, _, weights, batch, _ = _examples(dtype)
    return _entry(
        timed_update if timed else update,
        dtype,
        instructions.MEASURE,
        plan,
        weights,
        batch,
        0,
        0,
        1,
        NO_OPTIMIZER,
        NO_NUMBERS,
    )


def _entry(function: Any, dtype: np.dtype, *examples: Any) -> Any:
    """A function's entry point, compiled for arguments like the examples; without the JIT the function itself."""
    key = function, dtype
    if key not in _entries:
        with compiling:
            if key not in _entries:
                with announcing(function):
                    _entries[key] = entry_point(function, *examples)
    return _entries[key]


def _on_terminal() -> bool:
    """Whether messages appear on a terminal, and not through a progress bar, which replaces `sys.stderr`."""
    stream = sys.__stderr__
    return stream is not None and sys.stderr is stream and stream.isatty()


@contextlib.contextmanager
def announcing(function: Any) -> Iterator[None]:
    """Print, once per process, why the first use takes a while; on a terminal show what is being compiled."""
    if not JIT_ENABLED or (_announced.is_set() and not _on_terminal()) or is_cached(function.py_func):
        yield
        return
    if not _announced.is_set():
        print("fastnn compiles the kernels that this model needs, once on this machine", file=sys.stderr, flush=True)
        _announced.set()
    if not _on_terminal():
        yield
        return
    name = function.py_func.__name__
    _show(erased=bool(_shown), names=[*_shown, name])
    _shown.append(name)
    try:
        yield
    finally:
        _shown.remove(name)
        _show(erased=True, names=_shown)


def _show(erased: bool, names: list[str]) -> None:
    """Show the last of the names, in the place of what is on the line if that is to be erased."""
    text = f"  {names[-1]} ..." if names else ""
    print(("\r\x1b[K" if erased else "") + text, end="", file=sys.stderr, flush=True)


@functools.cache
def _examples(dtype: np.dtype) -> tuple[Any, ...]:
    """A plan, instruction, weights, batch and data of the types that all programs have."""
    weights, plan, batch = weight_table([], dtype), plan_of(code=[{}], parameters=[{}], stages=[{}]), empty_batch(dtype)
    return Referenced(plan), plan.code[0], Referenced(weights), Referenced(batch), Referenced(empty_data(dtype))
