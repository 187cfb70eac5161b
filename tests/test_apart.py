"""Kernels that are compiled once, apart from their callers: in what is compiled, in the cache, and in each process."""

import re

import numpy as np
import pytest
from numba.core.caching import NullCache

from fastnn.kernels.dense import dense_backward_bias, dense_backward_kernel, dense_forward
from fastnn.kernels.jit import JIT_ENABLED, jit

from .subprocesses import run_python

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python compiles nothing")

PREPARED = """
    import numpy as np
    from numba.core import event
    compiled = event.RecordingListener()
    event.register("numba:compile", compiled)
    from fastnn.kernels.dense import dense_forward
    from fastnn.kernels.jit import jit
    from fastnn.kernels import arrays, cache, dense
    ones = np.ones((8, arrays.stride(3, np.float32)), np.float32)
    def names():
        functions = (event.data["dispatcher"].py_func for _, event in compiled.buffer)
        return sorted({f.__name__ for f in functions if f.__module__.startswith("fastnn")})
    w, b, y = np.vstack([ones] * 8), np.zeros(ones.shape[1], np.float32), np.zeros_like(ones)
"""
FORWARD = """
    dense_forward(y, ones, w, b, 8, 3, 3)
    assert (y[:, :3] == 3).all()
    print(*names())
"""
# As if it stood in kernels/dense.py; what is defined elsewhere is not kept on the disk.
OUTER = """
    def outer(y, x, w, b, size):
        dense_forward(y, x, w, b, size, size, size)
    outer.__module__ = dense.__name__
    jit(outer)(y, ones, w, b, 3)
    assert (y[:3, :3] == 3).all()
    print(*names())
"""


@pytest.fixture
def text_of():
    """The LLVM code of a kernel, compiled (not loaded, which would not keep the text) for the types of arguments."""

    def text(kernel, *arguments):
        fresh = jit(kernel.py_func)
        fresh._cache = NullCache()
        fresh(*arguments)
        return next(iter(fresh.inspect_llvm().values()))

    return text


X, W, B = np.ones((8, 16), np.float32), np.ones((16, 16), np.float32), np.ones(16, np.float32)
CALLS = [
    (dense_forward, X.copy(), X, W, B, 8, 16, 16),
    (dense_backward_kernel, W.copy(), X, X, B, 0, 16, 8, 16),
    (dense_backward_bias, X.copy(), X, B, B, 8, 16),
]


def test_all_callers_use_the_same_code(text_of):
    """Numba takes literal numbers and arrays of other dimensions as other types, and would compile for each."""
    texts = [text_of(*call) for call in CALLS]
    names = [set(re.findall(r'^declare .*@"?(fastnn\.[\w.]*)', text, re.MULTILINE)) for text in texts]
    assert len(names[0]) == 1
    assert names == [names[0]] * 3
    assert not any("llvm.fma" in text for text in texts)


def test_a_caller_from_the_cache_finds_it(tmp_path):
    settings = {"FASTNN_CACHE_DIR": str(tmp_path)}
    assert run_python(PREPARED + FORWARD, **settings).stdout == "dense_forward product\n"
    assert run_python(PREPARED + FORWARD, **settings).stdout == "\n"
    for file in tmp_path.glob("*/tile.product*"):
        file.unlink()
    assert run_python(PREPARED + FORWARD, **settings).stdout == "product\n"


def test_a_callers_caller_from_the_cache_finds_it(tmp_path):
    """Also if the one in between came from the cache when the caller was compiled."""
    settings = {"FASTNN_CACHE_DIR": str(tmp_path)}
    run_python(PREPARED + FORWARD, **settings)
    assert run_python(PREPARED + OUTER, **settings).stdout == "outer\n"
    assert run_python(PREPARED + OUTER, **settings).stdout == "\n"
