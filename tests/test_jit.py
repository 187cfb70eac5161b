"""How kernels are compiled: what the processor has, and the rules that their sources keep."""

import ast
import shutil
import sys

import numba
import numpy as np
import pytest

from fastnn.kernels import jit, processor
from fastnn.kernels.arrays import ROWS
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.kernels.tile import VECTORS, tile_wide

from .subprocesses import ROOT, run_python

KERNELS = ROOT / "kernels"
SOURCES = sorted(KERNELS.glob("*.py"))
needs_compiler = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python compiles nothing")


# ---------------------------------------------------------------------------------------------------------------------
# What the processor has.


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_the_width_that_is_asked_for(lanes, monkeypatch):
    monkeypatch.setenv("FASTNN_SIMD_WIDTH", str(lanes))
    assert processor._simd_bytes({"avx2"}) == 4 * lanes


@pytest.mark.parametrize("asked", ["", "0", "2", "32", "-8", "8.0", "eight"])
def test_a_width_that_no_vector_has(asked, monkeypatch):
    monkeypatch.setenv("FASTNN_SIMD_WIDTH", asked)
    with pytest.raises(ValueError, match="FASTNN_SIMD_WIDTH must be 4, 8 or 16") as error:
        processor._simd_bytes(set())
    assert repr(asked) in str(error.value)


def test_the_width_that_the_processor_has(monkeypatch):
    monkeypatch.delenv("FASTNN_SIMD_WIDTH", raising=False)
    features = {"avx512f", "avx2"}, {"avx2", "fma"}, {"sse2"}, set()
    assert [processor._simd_bytes(f) for f in features] == [64, 32, 16, 16]


def test_features_that_numba_is_told(monkeypatch):
    monkeypatch.setattr(numba.config, "CPU_FEATURES", "+avx2,-avx512f,+fma")
    assert processor._host_features() == {"avx2", "fma"}
    monkeypatch.setattr(numba.config, "CPU_FEATURES", None)
    monkeypatch.setattr(numba.config, "CPU_NAME", "generic")
    assert processor._host_features() == set()


def test_a_wrong_width_is_an_error_of_the_import():
    result = run_python("import fastnn", check=False, FASTNN_SIMD_WIDTH="5")
    assert result.returncode == 1
    assert result.stderr.endswith("ValueError: FASTNN_SIMD_WIDTH must be 4, 8 or 16 (float32 lanes), received '5'\n")


@needs_compiler
@pytest.mark.skipif(not processor.HAS_FMA, reason="no fused multiply-add in this processor")
def test_fma_rounds_once(dtype):
    fma = jit.fma

    @numba.njit
    def fused(x, y, z):
        return fma(x, y, z)

    small = dtype.type(2.0**-12 if dtype == np.float32 else 2.0**-27)
    one = dtype.type(1)
    x = one + small  # whose square ends in small^2, which is rounded away
    assert fused(x, x, -(one + 2 * small)) == small * small
    assert x * x - (one + 2 * small) != small * small


def test_no_fast_math_that_hides_nan_or_rounds_as_it_likes():
    assert set(jit.FASTMATH) == {"nsz"}


# ---------------------------------------------------------------------------------------------------------------------
# The sources: kernels import nothing of the Python side, never raise, and are compiled in one way only.


MACHINERY = ("jit", "cache", "folders", "garbage", "interrupts", "processor")  # plain Python, which runs at the import


def nodes(source, *kinds):
    return [node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, kinds)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_kernels_import_numba_numpy_and_each_other(source):
    siblings = {path.stem for path in SOURCES}
    for node in nodes(source, ast.Import, ast.ImportFrom):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1
            names = {node.module} if node.module else {alias.name for alias in node.names}
            assert names <= siblings
        else:
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            allowed = {"numba", "llvmlite", "numpy", *sys.stdlib_module_names}
            assert {name.split(".")[0] for name in names} <= allowed


@pytest.mark.parametrize("source", [path for path in SOURCES if path.stem not in MACHINERY], ids=lambda path: path.stem)
def test_kernels_never_raise_and_are_compiled_by_jit_py(source):
    assert not nodes(source, ast.Raise, ast.Assert, ast.Try)
    names = {node.id for node in nodes(source, ast.Name)} | {node.attr for node in nodes(source, ast.Attribute)}
    assert not names & {"njit", "prange", "vectorize", "guvectorize", "stencil"}
    decorators = {d.id for f in nodes(source, ast.FunctionDef) for d in f.decorator_list if isinstance(d, ast.Name)}
    # Where any order gives the same result.
    assert ("jit_any_order" in decorators) == (source.stem == "arrays")


@pytest.mark.full
def test_kernels_run_without_the_rest_of_fastnn(tmp_path):
    shutil.copytree(KERNELS, tmp_path / "alone")
    code = """
        import sys
        import numpy as np
        from alone import interpreter
        from alone.activations import relu_forward
        y = np.array([-1.0, 2.0], np.float32)
        relu_forward(y)
        print(y.tolist(), [name for name in sys.modules if name.startswith("fastnn")])
    """
    result = run_python(code, cwd=tmp_path, PYTHONPATH=str(tmp_path), FASTNN_CACHE_DIR=str(tmp_path / "cache"))
    assert result.stdout == "[0.0, 2.0] []\n"


@needs_compiler
def test_llvm_does_not_unroll_the_loop_over_the_terms():
    """With 32 registers it unrolled it by two and moved all sums in every term: half the speed."""
    x = np.zeros((ROWS, 64), np.float32)

    def one(c, a, b):
        tile_wide(c, 0, 48, a, 0, 64, 1, b, 0, 48, 64, c, 0, 48)

    compiled = numba.njit(one)
    compiled(np.zeros(ROWS * 48, np.float32), x, np.zeros(64 * 48, np.float32))
    assert "llvm.loop.unroll.disable" in compiled.inspect_llvm(compiled.signatures[0])
    assert compiled.inspect_asm(compiled.signatures[0]).count("prefetch") == 1 + VECTORS  # one term in the loop
