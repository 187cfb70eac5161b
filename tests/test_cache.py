"""Where compiled kernels are kept and under which key, and what must not go wrong with it."""

import ast
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numba
import pytest
from numba.core.errors import NumbaWarning

from fastnn.kernels import cache, processor, rescaling
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.kernels.operations import OPERATIONS

from .subprocesses import ROOT, run_python

KERNELS = ROOT / "kernels"
SOURCES = sorted(KERNELS.glob("*.py"))
needs_compiler = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python compiles and keeps nothing")

# ---------------------------------------------------------------------------------------------------------------------
# The keys.


def forget_sources():
    for function in (cache._source, cache._imports, cache.module_key):
        function.cache_clear()


@pytest.fixture
def keys_of(tmp_path):
    """A copy of kernels/ whose sources may be changed, and a function that gives the key of each of its modules."""
    folder = tmp_path / "copied"
    shutil.copytree(KERNELS, folder, ignore=shutil.ignore_patterns("__pycache__"))

    def keys():
        forget_sources()
        return {path.stem: cache.module_key(path) for path in folder.glob("*.py")}

    yield folder, keys
    forget_sources()


def imported(source):
    """The modules beside it that a source file imports, as Python itself reads it."""
    names = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            names |= {node.module} if node.module else {alias.name for alias in node.names}
    return names


def everything_below(name):
    """A module of kernels/, and all that it imports, directly or through others."""
    found = {name}
    for below in imported(KERNELS / f"{name}.py"):
        found |= everything_below(below)
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_imports_are_found(source):
    assert {path.stem for path in cache._imports(source)} == imported(source)


def test_any_way_of_importing_is_found(keys_of):
    folder, _ = keys_of
    text = """
from . import (
    jit,  # with a comment, and more
    tile as t,
)
from .random import below

def late():
    from .pooling import (max_pooling,
        average_pooling)
    from . import dense, nowhere
"""
    (folder / "new.py").write_text(text)
    assert [path.stem for path in cache._imports(folder / "new.py")] == ["dense", "jit", "pooling", "random", "tile"]


def test_a_key_does_not_depend_on_the_place(keys_of):
    _, keys = keys_of
    assert keys() == keys() == {path.stem: cache.module_key(path) for path in SOURCES}


@pytest.mark.parametrize("changed", ["activations", "instructions", "interpreter", "jit", "pooling", "tile"])
def test_an_edit_changes_the_keys_of_what_imports_it_and_no_others(keys_of, changed):
    folder, keys = keys_of
    before = keys()
    with (folder / f"{changed}.py").open("a") as file:
        file.write("# edited\n")
    after = keys()
    assert {name for name in after if after[name] != before[name]} == {
        name for name in after if changed in everything_below(name)
    }


def test_an_edited_activation_recompiles_neither_the_interpreter_nor_the_dense_layer():
    """So that whoever works on one waits for that one only."""
    for name in ("interpreter", "updating", "dense", "tile", "conv", "operations"):
        assert not everything_below(name) & {"activations", "probabilities", "metrics", "pooling", "dropout"}


def test_a_renamed_module_changes_keys(keys_of):
    folder, keys = keys_of
    before = keys()
    (folder / "tile.py").rename(folder / "tiles.py")
    after = keys()
    assert after["tiles"] != before["tile"]
    assert after["dense"] != before["dense"]


def test_operations_know_what_they_are_called_with():
    """They are called by address, with tables whose layout `instructions.py` says: its edits must be in their keys."""
    for name in {function.__module__.rpartition(".")[2] for function in OPERATIONS}:
        assert "instructions" in everything_below(name)


@pytest.mark.parametrize("name", ["SIMD_BYTES", "HAS_FMA", "HAS_MASKS", "VECTOR_REGISTERS"])
def test_the_folder_is_that_of_the_settings(name, monkeypatch):
    key = cache.settings_key()
    monkeypatch.setattr(processor, name, 7)
    assert cache.settings_key() != key


@pytest.mark.parametrize("name", ["BOUNDSCHECK", "OPT"])
def test_the_folder_is_that_of_numbas_settings(name, monkeypatch):
    key = cache.settings_key()
    monkeypatch.setattr(numba.config, name, 7)
    assert cache.settings_key() != key


@pytest.mark.parametrize("package", ["numba", "llvmlite", "np"])
def test_the_folder_is_that_of_the_versions(package, monkeypatch):
    key = cache.settings_key()
    monkeypatch.setattr(getattr(cache, package), "__version__", "0.0.1")
    assert cache.settings_key() != key


@needs_compiler
def test_files_are_named_by_the_keys():
    rescale = rescaling.rescaling_forward.py_func
    name = f"rescaling.rescaling_forward-{cache.module_key(KERNELS / 'rescaling.py')}"
    assert cache._file_name(rescale) == name
    files = cache._CacheFiles(rescale)
    assert files.filename_base == files.locator.get_source_stamp() == name
    assert cache.CACHE_FOLDER is None or cache.CACHE_FOLDER.name == cache.settings_key()


def test_only_kernels_are_kept():
    """The key of another function's source would not take in the kernels that it calls."""
    assert not cache.can_be_kept(run_python)
    assert not cache.is_cached(run_python)
    assert not cache.can_be_kept(SimpleNamespace(__module__="of no file"))


# ---------------------------------------------------------------------------------------------------------------------
# In processes of their own. Rescaling is quickly compiled.

ONE_KERNEL = """
    import numpy as np
    from numba.core import event
    compiled = event.RecordingListener()
    event.register("numba:compile", compiled)
    from fastnn.kernels import cache
    from fastnn.kernels.rescaling import rescaling_forward
    y = np.array([1.0, 2.0], np.float32)
    rescaling_forward(y, 2.0, 1.0)
    assert y.tolist() == [3, 5]
    print(len(compiled.buffer) > 0, cache.CACHE_FOLDER)
"""


def is_warned(result, text):
    """Whether standard error holds this one RuntimeWarning of ours and nothing else."""
    return result.stderr.count("Warning") == 1 and f"RuntimeWarning: fastnn {text}" in result.stderr


@needs_compiler
@pytest.mark.parametrize(("name", "below"), [("FASTNN_CACHE_DIR", "."), ("NUMBA_CACHE_DIR", "fastnn")])
def test_kernels_are_kept_and_found_again(name, below, tmp_path):
    settings = {"FASTNN_CACHE_DIR": None, "NUMBA_CACHE_DIR": None} | {name: str(tmp_path)}
    first, second = (run_python(ONE_KERNEL, **settings) for _ in range(2))
    folder = tmp_path / below / cache.settings_key()
    assert first.stdout == f"True {folder}\n"
    assert second.stdout == f"False {folder}\n"
    assert first.stderr == second.stderr == ""
    assert len(list(folder.glob("*.nbi"))) == len(list(folder.glob("*.nbc"))) == 1


@pytest.fixture(scope="module")
def with_one_kernel(tmp_path_factory):
    """A cache folder that holds one kernel, to be copied."""
    folder = tmp_path_factory.mktemp("kernels")
    run_python(ONE_KERNEL, FASTNN_CACHE_DIR=str(folder))
    return folder


@needs_compiler
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", ["emptied", "one bit"])
def test_a_damaged_file_is_reported_and_replaced(suffix, damage, with_one_kernel, tmp_path):
    settings = {"FASTNN_CACHE_DIR": str(tmp_path)}
    shutil.copytree(with_one_kernel, tmp_path, dirs_exist_ok=True)
    (file,) = tmp_path.glob(f"*/*{suffix}")
    content = file.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    file.write_bytes(flipped if damage == "one bit" else b"")
    second, third = (run_python(ONE_KERNEL, **settings) for _ in range(2))
    assert second.stdout.startswith("True ")
    assert is_warned(second, "compiles rescaling_forward again: its cache file is damaged")
    assert third.stdout.startswith("False ")
    assert third.stderr == ""


@pytest.fixture
def rescaling_cache(tmp_path, monkeypatch):
    """A function that gives the cache of a kernel, as a new process would make it, in a folder of its own."""
    monkeypatch.setattr(cache, "CACHE_FOLDER", tmp_path)
    return lambda: cache.KernelCache(rescaling.rescaling_forward.py_func)._cache_file


@needs_compiler
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_any_flipped_bit_is_found(suffix, rescaling_cache, tmp_path):
    """Machine code with another bit would run."""
    rescaling_cache().save("float32", "the kernel")
    assert rescaling_cache().load("float32") == "the kernel"
    (file,) = tmp_path.glob(f"*{suffix}")
    content = file.read_bytes()
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(ValueError, match="its checksum is another one"):
            rescaling_cache().load("float32")


@needs_compiler
def test_a_file_under_the_name_of_another_is_not_loaded(rescaling_cache, tmp_path):
    rescaling_cache().save("float32", "for float32")
    rescaling_cache().save("float64", "for float64")
    first, second = tmp_path.glob("*.nbc")
    first.rename(tmp_path / "kept")
    second.rename(first)
    (tmp_path / "kept").rename(second)
    for dtype in ("float32", "float64"):
        with pytest.raises(ValueError, match="its checksum is another one"):
            rescaling_cache().load(dtype)


@needs_compiler
@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners to tell apart")
def test_nor_is_a_file_of_another_user(rescaling_cache, monkeypatch):
    rescaling_cache().save("float32", "the kernel")
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    with pytest.raises(ValueError, match="it belongs to another user"):
        rescaling_cache().load("float32")


@needs_compiler
def test_a_cache_that_is_emptied_meanwhile_is_made_anew(tmp_path):
    emptied = ONE_KERNEL.replace("    y = np", "    import shutil; shutil.rmtree(cache.CACHE_FOLDER)\n    y = np", 1)
    assert run_python(emptied, FASTNN_CACHE_DIR=str(tmp_path)).stderr == ""
    assert run_python(ONE_KERNEL, FASTNN_CACHE_DIR=str(tmp_path)).stdout.startswith("False ")


@needs_compiler
@pytest.mark.skipif(os.name != "posix", reason="no modes")
def test_a_cache_that_others_can_change_meanwhile_is_not_loaded(with_one_kernel, tmp_path):
    shutil.copytree(with_one_kernel, tmp_path, dirs_exist_ok=True)
    opened = ONE_KERNEL.replace("    y = np", "    cache.CACHE_FOLDER.parent.chmod(0o777)\n    y = np", 1)
    result = run_python(opened, FASTNN_CACHE_DIR=str(tmp_path))
    assert result.stdout.startswith("True ")
    assert f"RuntimeWarning: fastnn loads no more kernels from its cache: other users can write into {tmp_path}" in (
        result.stderr
    )


@needs_compiler
def test_a_cache_that_can_no_longer_be_written_is_a_warning(tmp_path):
    lost = """
    import shutil; shutil.rmtree(cache.CACHE_FOLDER); cache.CACHE_FOLDER.write_text("no folder")
    y = np"""
    result = run_python(ONE_KERNEL.replace("\n    y = np", lost, 1), FASTNN_CACHE_DIR=str(tmp_path))
    assert "RuntimeWarning: fastnn cannot cache a compiled kernel" in result.stderr
    assert "Traceback" not in result.stderr


@needs_compiler
def test_a_kernel_that_numba_cannot_keep_is_a_warning():
    """As with NUMBA_OPT=0, where some hold addresses of this process."""
    files = cache._CacheFiles(rescaling.rescaling_forward.py_func)
    result = SimpleNamespace(
        lifted=[], library=SimpleNamespace(has_dynamic_globals=True), fndesc=SimpleNamespace(qualname="kernel")
    )
    with pytest.warns(NumbaWarning, match='Cannot cache compiled function "kernel"'):
        assert not files.check_cachable(result)


UNWRITABLE_HOME = {"FASTNN_CACHE_DIR": None, "NUMBA_CACHE_DIR": None, "HOME": "/proc/x", "XDG_CACHE_HOME": "/proc/y"}


@needs_compiler
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write")
def test_an_unwritable_home_goes_unnoticed_while_there_is_a_temporary_folder(tmp_path):
    result = run_python(ONE_KERNEL, **UNWRITABLE_HOME, TMPDIR=str(tmp_path))
    assert result.stderr == ""
    assert str(tmp_path) in result.stdout


TRAINING = """
    import tempfile
    tempfile.tempdir = "/proc/z"
    import numpy as np, fastnn
    from fastnn import layers
    model = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(4, "relu"), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(np.ones((20, 5)), np.zeros(20, int), epochs=3, verbose=0).history
    print(history["loss"][0] > history["loss"][-1])
"""


@needs_compiler
@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write")
def test_training_works_where_nothing_can_be_written():
    result = run_python(TRAINING, **UNWRITABLE_HOME, NUMBA_OPT="0")
    assert result.stdout == "True\n"
    assert is_warned(result, "cannot cache its compiled kernels: no folder can be written")
