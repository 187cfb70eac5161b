"""Compiles what the interpreter calls by address, or loads it from the disk: at most once in a process."""

import sys
import threading
from typing import Any

import numpy as np

from .kernels import instructions as op
from .kernels.interpreter import share
from .kernels.jit import CACHE_FOLDER, JIT_ENABLED, entry_point
from .kernels.operations import OPERATIONS
from .kernels.updating import update

NO_NUMBERS = np.zeros(op.HYPER_NUMBERS)

_compiling = threading.Lock()
_interpreters: dict[np.dtype, Any] = {}  # the interpreter's entry point for each float type used so far
_operations: dict[tuple[Any, np.dtype], int] = {}


def kernels_are_cached() -> bool:
    """Whether the disk holds the interpreter, compiled; if not, the first use compiles it."""
    return _is_cached("interpreter.run")


def interpreter_of(dtype: np.dtype) -> Any:
    """What `run` calls for a thread's share: the entry point of `share` for a float type."""
    if dtype not in _interpreters:
        with _compiling:  # one thread compiles, others that come meanwhile wait for it
            if dtype not in _interpreters:
                if JIT_ENABLED and not kernels_are_cached():
                    _say("its kernels: about 10 seconds")
                code, weights, batch, data, order = _examples(dtype)
                _interpreters[dtype] = entry_point(
                    share, 0, 0, 1, _example_plan(code), weights, batch, data, order, 0, 1, 1, op.SGD, NO_NUMBERS
                )
    return _interpreters[dtype]


def entry_of(operation: Any, dtype: np.dtype) -> int:
    """What an instruction's field `entry` holds, for an operation on a float type."""
    if not JIT_ENABLED:
        return int(OPERATIONS.index(operation))
    code, *arrays = _examples(dtype)
    return _entry(operation, dtype, op.FORWARD, code[0], *arrays, op.Span(0, 0, 0, 0, 0, 0, 0))


def update_entry(dtype: np.dtype) -> Any:
    """What `Plan.update` holds where the update has stages of its own."""
    if not JIT_ENABLED:
        return update
    code, weights, batch, *_ = _examples(dtype)
    return _entry(update, dtype, op.MEASURE, _example_plan(code), weights, batch, 0, 0, 1, op.SGD, NO_NUMBERS)


def _entry(function: Any, dtype: np.dtype, *examples: Any) -> int:
    """A function's address, compiled for arguments like the examples."""
    key = function, dtype
    if key not in _operations:
        with _compiling:
            if key not in _operations:
                called = function.py_func
                name = f"{called.__module__.rpartition('.')[2]}.{called.__name__}"
                if kernels_are_cached() and not _is_cached(name):
                    _say(f"the kernels of {called.__name__}")
                _operations[key] = int(entry_point(function, *examples))
    return _operations[key]


def _is_cached(function: str) -> bool:
    return CACHE_FOLDER is not None and any(CACHE_FOLDER.glob(f"{function}-*.nbc"))


def _say(what: str) -> None:
    print(f"fastnn compiles {what}, once on this machine", file=sys.stderr, flush=True)


def _examples(dtype: np.dtype) -> tuple[np.ndarray, op.Weights, op.Batch, op.Data, np.ndarray]:
    """Code, weights, batch, data and order, of the types that every program has."""
    flat, integers = np.zeros(0, dtype), np.zeros(0, np.int64)
    rows = np.zeros((0, 0), dtype)
    batch = op.Batch(
        activations=flat, gradients=flat, labels=integers, targets=flat, weight=flat, scale=flat, values=flat,
        sums=np.zeros(0), partials=flat, scratch=rows, tables=integers, zeros=flat, one=flat,
    )  # fmt: skip
    data = op.Data(np.zeros((0, 0), np.uint8), rows, integers, rows, flat, rows)
    return np.zeros(1, op.INSTRUCTION), op.Weights(flat, flat, flat, flat), batch, data, integers


def _example_plan(code: np.ndarray) -> op.Plan:
    return op.Plan(code, np.zeros(1, op.PARAMETER), np.zeros(1, op.STAGE), np.zeros(1, np.int64), 0, 0, 0)
