"""How kernels are compiled and kept: the settings, the cache's place and key, and what must not go wrong with it."""

import ast
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from numba.core.errors import NumbaWarning

from fastnn.kernels import jit
from fastnn.kernels.jit import JIT_ENABLED

from .subprocesses import ROOT, run_python

KERNELS = ROOT / "kernels"
SOURCES = sorted(KERNELS.glob("*.py"))
needs_compiler = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python compiles and keeps nothing")


@pytest.fixture
def copied_jit(tmp_path, monkeypatch):
    """A copy of kernels/ whose sources may be changed, and its jit.py as a module of its own."""
    folder = tmp_path / "copied_kernels"
    shutil.copytree(KERNELS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(tmp_path / "cache"))
    spec = importlib.util.spec_from_file_location("copied_jit", folder / "jit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, folder


# ---------------------------------------------------------------------------------------------------------------------
# The key.


def test_the_key_is_that_of_the_sources(copied_jit):
    module, folder = copied_jit
    key = module.cache_key()
    assert key == module.cache_key() == jit.cache_key()
    for source in sorted(folder.glob("*.py")):
        text = source.read_text()
        source.write_text(text + "\n")
        assert module.cache_key() != key, f"a change in {source.name} goes unnoticed"
        source.write_text(text)
        assert module.cache_key() == key
    (folder / "tile.py").rename(folder / "tiles.py")
    assert module.cache_key() != key


@pytest.mark.parametrize("name", ["SIMD_BYTES", "HAS_FMA", "VECTOR_REGISTERS"])
def test_the_key_is_that_of_the_settings(name, monkeypatch):
    key = jit.cache_key()
    monkeypatch.setattr(jit, name, 7)
    assert jit.cache_key() != key


@pytest.mark.parametrize("name", ["BOUNDSCHECK", "OPT"])
def test_the_key_is_that_of_numbas_settings(name, monkeypatch):
    key = jit.cache_key()
    monkeypatch.setattr(numba.config, name, 7)
    assert jit.cache_key() != key


@pytest.mark.parametrize("package", ["numba", "llvmlite", "np"])
def test_the_key_is_that_of_the_versions(package, monkeypatch):
    key = jit.cache_key()
    monkeypatch.setattr(getattr(jit, package), "__version__", "0.0.1")
    assert jit.cache_key() != key


@needs_compiler
def test_the_cache_folder_is_named_by_the_key():
    assert jit.CACHE_FOLDER is None or jit.CACHE_FOLDER.name == jit.cache_key()


# ---------------------------------------------------------------------------------------------------------------------
# The place.


@pytest.fixture
def homeless(tmp_path, monkeypatch):
    """No place to write but what a test allows: returns a path below a regular file."""
    (tmp_path / "file").write_text("")
    nowhere = tmp_path / "file" / "nowhere"
    for name in ("FASTNN_CACHE_DIR", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.setenv(name, str(nowhere))
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere))
    return nowhere


@pytest.mark.parametrize("name", ["FASTNN_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"])
def test_the_folder_is_where_the_variables_say(name, homeless, tmp_path, monkeypatch):
    if name == "HOME":
        monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv(name, str(tmp_path / "here"))
    folder = jit._find_cache_folder()
    below = {"FASTNN_CACHE_DIR": "", "NUMBA_CACHE_DIR": "fastnn", "XDG_CACHE_HOME": "fastnn", "HOME": ".cache/fastnn"}
    if sys.platform.startswith("linux") or name.endswith("CACHE_DIR"):
        assert folder == tmp_path / "here" / below[name] / jit.cache_key()
    assert folder.is_dir()


def test_the_first_that_can_be_written_is_taken(homeless, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(homeless))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    assert jit._find_cache_folder() == tmp_path / "numba" / "fastnn" / jit.cache_key()
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(tmp_path / "fastnn"))
    assert jit._find_cache_folder() == tmp_path / "fastnn" / jit.cache_key()


def test_the_temporary_folder_comes_last_under_a_name_of_ones_own(homeless, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = jit._find_cache_folder()
    assert folder.parents[1] == tmp_path
    assert folder.parent.name == f"fastnn-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"


def test_without_a_home_the_temporary_folder_is_left(homeless, tmp_path, monkeypatch):
    """A user that the machine does not know, as in `docker run --user`."""

    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA")
    monkeypatch.setattr(Path, "home", home)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert jit._find_cache_folder().parents[1] == tmp_path


def test_nowhere_is_a_warning_that_says_what_to_do(homeless, monkeypatch):
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(homeless))
    with pytest.warns(RuntimeWarning, match="Set FASTNN_CACHE_DIR to a folder of your own") as caught:
        assert jit._find_cache_folder() is None
    assert len(caught) == 1
    assert str(homeless) in str(caught[0].message)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners to tell apart")
def test_a_folder_of_somebody_elses_is_not_used(homeless, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert jit._find_cache_folder() is not None
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    with pytest.warns(RuntimeWarning, match="no folder can be written"):
        assert jit._find_cache_folder() is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners to tell apart")
def test_nor_a_folder_that_somebody_else_could_swap(homeless, tmp_path, monkeypatch):
    """One's own, but in a folder of another user's: cached kernels are executed."""
    stat = Path.stat

    def owned_by_another(path, **options):
        found = stat(path, **options)
        return SimpleNamespace(st_mode=found.st_mode, st_uid=4321) if path == tmp_path / "others" else found

    monkeypatch.setenv("FASTNN_CACHE_DIR", str(tmp_path / "others"))
    assert jit._find_cache_folder() is not None
    monkeypatch.setattr(Path, "stat", owned_by_another)
    with pytest.warns(RuntimeWarning, match="no folder can be written"):
        assert jit._find_cache_folder() is None


# ---------------------------------------------------------------------------------------------------------------------
# What the processor has.


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_the_width_that_is_asked_for(lanes, monkeypatch):
    monkeypatch.setenv("FASTNN_SIMD_WIDTH", str(lanes))
    assert jit._simd_bytes({"avx2"}) == 4 * lanes


@pytest.mark.parametrize("asked", ["", "0", "2", "32", "-8", "8.0", "eight"])
def test_a_width_that_no_vector_has(asked, monkeypatch):
    monkeypatch.setenv("FASTNN_SIMD_WIDTH", asked)
    with pytest.raises(ValueError, match="FASTNN_SIMD_WIDTH must be 4, 8 or 16") as error:
        jit._simd_bytes(set())
    assert repr(asked) in str(error.value)


def test_the_width_that_the_processor_has(monkeypatch):
    monkeypatch.delenv("FASTNN_SIMD_WIDTH", raising=False)
    assert [jit._simd_bytes(f) for f in ({"avx512f", "avx2"}, {"avx2", "fma"}, {"sse2"}, set())] == [64, 32, 16, 16]


def test_features_that_numba_is_told(monkeypatch):
    monkeypatch.setattr(numba.config, "CPU_FEATURES", "+avx2,-avx512f,+fma")
    assert jit._host_features() == {"avx2", "fma"}
    monkeypatch.setattr(numba.config, "CPU_FEATURES", None)
    monkeypatch.setattr(numba.config, "CPU_NAME", "generic")
    assert jit._host_features() == set()


@needs_compiler
@pytest.mark.skipif(not jit.HAS_FMA, reason="no fused multiply-add in this processor")
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


@pytest.mark.parametrize("source", [path for path in SOURCES if path.stem != "jit"], ids=lambda path: path.stem)
def test_kernels_never_raise_and_are_compiled_by_jit_py(source):
    assert not nodes(source, ast.Raise, ast.Assert, ast.Try)
    names = {node.id for node in nodes(source, ast.Name)} | {node.attr for node in nodes(source, ast.Attribute)}
    assert not names & {"njit", "vectorize", "guvectorize", "stencil"}
    decorators = {d.id for f in nodes(source, ast.FunctionDef) for d in f.decorator_list if isinstance(d, ast.Name)}
    assert ("jit_parallel" in decorators) == (source.stem == "interpreter")
    # Where any order gives the same result.
    assert ("jit_any_order" in decorators) == (source.stem == "batches")


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


# ---------------------------------------------------------------------------------------------------------------------
# In processes of their own. Rescaling is quickly compiled.

ONE_KERNEL = """
    import numpy as np
    from numba.core import event
    compiled = event.RecordingListener()
    event.register("numba:compile", compiled)
    from fastnn.kernels import jit
    from fastnn.kernels.rescaling import rescaling_forward
    y = np.array([1.0, 2.0], np.float32)
    rescaling_forward(y, 2.0, 1.0)
    assert y.tolist() == [3, 5]
    print(len(compiled.buffer) > 0, jit.CACHE_FOLDER)
"""


def is_warned(result, text):
    """Whether standard error holds this one RuntimeWarning of ours and nothing else."""
    return result.stderr.count("Warning") == 1 and f"RuntimeWarning: fastnn {text}" in result.stderr


@needs_compiler
@pytest.mark.parametrize(("name", "below"), [("FASTNN_CACHE_DIR", "."), ("NUMBA_CACHE_DIR", "fastnn")])
def test_kernels_are_kept_and_found_again(name, below, tmp_path):
    settings = {"FASTNN_CACHE_DIR": None, "NUMBA_CACHE_DIR": None} | {name: str(tmp_path)}
    first, second = (run_python(ONE_KERNEL, **settings) for _ in range(2))
    folder = tmp_path / below / jit.cache_key()
    assert first.stdout == f"True {folder}\n"
    assert second.stdout == f"False {folder}\n"
    assert first.stderr == second.stderr == ""
    assert len(list(folder.glob("*.nbi"))) == len(list(folder.glob("*.nbc"))) == 1


@needs_compiler
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", ["emptied", "half"])
def test_a_damaged_file_is_reported_and_replaced(suffix, damage, tmp_path):
    settings = {"FASTNN_CACHE_DIR": str(tmp_path)}
    run_python(ONE_KERNEL, **settings)
    (file,) = tmp_path.glob(f"*/*{suffix}")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if damage == "half" else b"")
    second, third = (run_python(ONE_KERNEL, **settings) for _ in range(2))
    assert second.stdout.startswith("True ")
    assert is_warned(second, "compiles rescaling_forward anew: its cache file is damaged")
    assert third.stdout.startswith("False ")
    assert third.stderr == ""


@needs_compiler
def test_a_cache_that_is_emptied_meanwhile_is_made_anew(tmp_path):
    emptied = ONE_KERNEL.replace("    y = np", "    import shutil; shutil.rmtree(jit.CACHE_FOLDER)\n    y = np", 1)
    assert run_python(emptied, FASTNN_CACHE_DIR=str(tmp_path)).stderr == ""
    assert run_python(ONE_KERNEL, FASTNN_CACHE_DIR=str(tmp_path)).stdout.startswith("False ")


@needs_compiler
def test_a_cache_that_can_no_longer_be_written_is_a_warning(tmp_path):
    lost = """
    import shutil; shutil.rmtree(jit.CACHE_FOLDER); jit.CACHE_FOLDER.write_text("no folder")
    y = np"""
    result = run_python(ONE_KERNEL.replace("\n    y = np", lost, 1), FASTNN_CACHE_DIR=str(tmp_path))
    assert "RuntimeWarning: fastnn cannot keep a compiled kernel" in result.stderr
    assert "Traceback" not in result.stderr


@needs_compiler
def test_a_kernel_that_numba_cannot_keep_is_a_warning():
    """As with NUMBA_OPT=0, where some hold addresses of this process."""
    files = jit._CacheFiles(run_python)
    result = SimpleNamespace(
        lifted=[], library=SimpleNamespace(has_dynamic_globals=True), fndesc=SimpleNamespace(qualname="kernel")
    )
    with pytest.warns(NumbaWarning, match='Cannot cache compiled function "kernel"'):
        assert not files.check_cachable(result)


def test_a_wrong_width_is_an_error_of_the_import():
    result = run_python("import fastnn", check=False, FASTNN_SIMD_WIDTH="5")
    assert result.returncode == 1
    assert result.stderr.endswith("ValueError: FASTNN_SIMD_WIDTH must be 4, 8 or 16 (float32 lanes), received '5'\n")


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
    assert is_warned(result, "cannot keep its compiled kernels: no folder can be written")
