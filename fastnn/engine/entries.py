"""Compiles the functions that the interpreter calls by address, or loads them from the disk, once per process."""

import functools
from typing import Any

import numpy as np

from ..kernels import instructions, optimizers
from ..kernels.cache import is_cached
from ..kernels.calls import Referenced, bound, entry_point
from ..kernels.clock import timed_operation, timed_share, timed_step, timed_update
from ..kernels.interpreter import run, share
from ..kernels.jit import JIT_ENABLED
from ..kernels.operations import OPERATIONS
from ..kernels.updating import update
from .announcements import announcing
from .locks import compiling
from .tables import empty_batch, empty_data, plan_of, weight_table

NO_NUMBERS = np.zeros(instructions.HYPER_NUMBERS)
NO_OPTIMIZER = 0

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


def driver_of(dtype: np.dtype) -> Any:
    """`kernels.interpreter.run`, compiled for a float type, for calls from Python."""
    plan, _, weights, batch, data = (getattr(example, "target", example) for example in _examples(dtype))
    cursor, log, board, no = np.zeros(4, np.int64), np.zeros((1, 1)), np.zeros(1, np.int64), NO_NUMBERS
    return _entry(
        run, dtype, 0, plan, weights, batch, data, cursor, log, NO_OPTIMIZER, no, no, 1, 1, 1, 0, False, False, board, 0
    )


def all_kernels() -> dict[str, Any]:
    """All kernels that a program may need, by names that are the same in every process."""
    steps = [kernel for name, kernel in vars(optimizers).items() if name.endswith("_step")]
    kernels = [*OPERATIONS, *steps, update, share, run]
    return {f"{kernel.py_func.__module__}.{kernel.py_func.__qualname__}": kernel for kernel in kernels}


def entry_of(kernel: Any, dtype: np.dtype) -> Any:
    """The entry point of one of `all_kernels`, or of another optimizer's step."""
    if kernel is run:
        return driver_of(dtype)
    if kernel is share:
        return interpreter_of(dtype)
    if kernel is update:
        return update_entry(dtype)
    return operation_entry(kernel, dtype) if kernel in OPERATIONS else optimizer_entry(kernel, dtype)


def is_compiled(kernel: Any, dtype: np.dtype) -> bool:
    """Whether one of these is compiled for a float type, or so on the disk."""
    return (kernel, dtype) in _entries or is_cached(kernel.py_func, dtype)


def _entry(function: Any, dtype: np.dtype, *examples: Any) -> Any:
    """A function's entry point, compiled for arguments like the examples; without the JIT the function itself."""
    key = function, dtype
    if key not in _entries:
        with compiling:
            if key not in _entries:
                compiled = bound if function is run else entry_point
                with announcing(function, dtype):
                    _entries[key] = compiled(function, *examples)
    return _entries[key]


@functools.cache
def _examples(dtype: np.dtype) -> tuple[Any, ...]:
    """A plan, instruction, weights, batch and data of the types that all programs have."""
    weights, plan, batch = weight_table([], dtype), plan_of(code=[{}], parameters=[{}], stages=[{}]), empty_batch(dtype)
    return Referenced(plan), plan.code[0], Referenced(weights), Referenced(batch), Referenced(empty_data(dtype))
