"""Compiles kernels before they are used: `fastnn compile`."""

import sys
import time
from collections.abc import Callable

import numpy as np

import fastnn

from ..engine import entries
from ..engine.announcements import announcing_all
from ..engine.first_use import compile_side_by_side
from ..kernels.cache import CACHE_FOLDER
from ..kernels.jit import JIT_ENABLED


def compile_everything(dtype: np.dtype, say: Callable[[str], None]) -> int:
    """Compile or load all kernels of a float type, which all layers, losses, metrics and optimizers are made of.

    Args:
        dtype: the float type.
        say: is told the name of each kernel before it is compiled.

    Returns:
        How many there are.

    Raises:
        ValueError: if nothing is compiled in this process, or nothing is kept.
    """
    if not JIT_ENABLED:
        raise ValueError("nothing can be compiled ahead while NUMBA_DISABLE_JIT is set: unset it")
    if CACHE_FOLDER is None:
        raise ValueError("nothing can be compiled ahead: there is no folder to keep it in, set FASTNN_CACHE_DIR to one")
    kernels = entries.all_kernels().values()
    said = set()

    def say_once(name: str) -> None:
        if name not in said:
            said.add(name)
            say(name)

    with announcing_all([*kernels], dtype):
        compile_side_by_side([kernel for kernel in kernels if not entries.is_compiled(kernel, dtype)], dtype, say_once)
        for kernel in kernels:
            say_once(kernel.py_func.__name__)
            entries.entry_of(kernel, dtype)
        _use_a_model(dtype)
    return len(kernels)


def _use_a_model(dtype: np.dtype) -> None:
    """What Python calls itself is compiled by calling it: training, predictions, one layer at a time, penalties."""
    x = np.ones((16, 2), dtype)
    optimizer = fastnn.optimizers.SGD(clipnorm=1.0)
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1, dtype=str(dtype))])
    model.compile(optimizer, "mse")
    model.fit(x, x[:, :1], verbose=0)
    model.predict(x)
    model(x)


def compile_with_progress(names: list[str]) -> None:
    """Compile everything for float types of these names; on stderr a bar on a terminal, else a line for each kernel."""
    terminal = sys.stderr.isatty()

    def say(name: str) -> None:
        if not terminal:
            print(name, file=sys.stderr, flush=True)

    for name in names:
        began = time.perf_counter()
        count = compile_everything(np.dtype(name), say)
        print(f"{name}: {count} kernels in {time.perf_counter() - began:.0f} s", flush=True)
