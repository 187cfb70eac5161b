"""The tests of the kernels again, in processes with other settings: plain Python, checked bounds, other vectors.

Each mode compiles everything anew, so the plain run takes a few tests of each and `.ci/run --full` all of them.
"""

import re

import pytest

from fastnn.kernels import jit, processor

from .subprocesses import ROOT, run_python

pytestmark = pytest.mark.skipif(not jit.JIT_ENABLED, reason="is such a run itself")

PLAIN, CHECKED = {"NUMBA_DISABLE_JIT": "1"}, {"NUMBA_BOUNDSCHECK": "1"}
WITHOUT_AVX512 = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+avx2,+fma"}
# As on an x86 processor without AVX-512: half the registers, and so another shape of the tile.
HAS_AVX2 = {"avx2", "fma"} <= processor.FEATURES
WIDTHS = {f"width {width}": {"FASTNN_SIMD_WIDTH": width} for width in ("4", "8", "16")}
OTHER_VECTORS = WIDTHS | ({"half the registers": WITHOUT_AVX512} if HAS_AVX2 else {})


def run_tests(files, chosen, settings):
    """The tests of some files that `chosen` names must pass; none may be left out."""
    options = ["-q", "-n0", "-p", "no:cacheprovider", "--hypothesis-profile=few", "--tb=short", "-k", chosen]
    paths = [f"tests/kernels/{name}.py" for name in files]
    run = run_python(["-m", "pytest", *options, *paths], timeout=900, **settings)
    summary = run.stdout.splitlines()[-1]
    assert re.match(r"\d+ passed", summary), summary
    assert "skipped" not in summary
    assert "xfailed" not in summary


# ---------------------------------------------------------------------------------------------------------------------
# In the plain run.

FEW = {
    # Whole trainings, and the formulas against the reference.
    "plain Python": (
        ["test_dense", "test_losses", "test_optimizers", "test_training"],
        "float32 and not blocks_of_rows and not any_layout",
        PLAIN,
    ),
    # Every index of the losses and of the mini-batches. What the interpreter indexes, plain Python checks too.
    "checked bounds": (["test_batches", "test_losses"], "float32 and (gather or through_the_object)", CHECKED),
    **{name: (["test_tile"], "float32 and test_product", settings) for name, settings in OTHER_VECTORS.items()},
}


@pytest.mark.parametrize("mode", FEW)
def test_a_few_tests_in_each_mode(mode):
    run_tests(*FEW[mode])


BOUNDS_ARE_CHECKED = """
    import numpy as np, pytest
    from fastnn.kernels.batches import gather_labels
    with pytest.raises(IndexError):
        gather_labels(np.zeros(3, int), np.zeros(3, int), np.array([0, 1, 3]), 0)
"""


def test_bounds_are_checked_when_that_is_asked_for():
    run_python(BOUNDS_ARE_CHECKED, **CHECKED)


BOUNDS_ARE_CHECKED_THROUGH_SYMBOLS = """
    import numba, numpy as np, pytest
    from fastnn.kernels.arrays import ROWS
    from fastnn.kernels.marks import gradient_pays

    @numba.njit
    def caller(marks, terms):
        return gradient_pays(0, marks, ROWS, terms, ROWS, 0, ROWS, 64, 32)

    with pytest.raises(IndexError):
        caller(np.zeros(1, np.int64), np.zeros(600, np.int16))
"""


def test_so_are_those_of_a_kernel_that_is_compiled_apart_from_its_caller():
    """Its caller must not go on as if all were well."""
    run_python(BOUNDS_ARE_CHECKED_THROUGH_SYMBOLS, **CHECKED)


DIGEST = """
    from fastnn.kernels.processor import SIMD_BYTES
    from tests.kernels.test_tile import digest
    print(SIMD_BYTES, digest())
"""


def test_bits_depend_neither_on_the_width_nor_on_the_shape_of_the_tile():
    printed = {name: run_python(DIGEST, **settings).stdout.split() for name, settings in OTHER_VECTORS.items()}
    widths, digests = zip(*printed.values(), strict=True)
    assert widths[:3] == ("16", "32", "64")
    assert len(set(digests)) == 1


# ---------------------------------------------------------------------------------------------------------------------
# All of them. A file at a time, so that two processes share the work.

ALL = sorted(path.stem for path in (ROOT / "tests" / "kernels").glob("test_*.py"))
# How Python brings an input into form is the same in all modes.
NO_FORMS = "not any_layout and not any_type_of_numbers"


@pytest.mark.full
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("file", ALL)
def test_all_in_plain_python(file):
    # Central differences say nothing of plain Python that the comparison with the reference does not.
    run_tests([file], f"{NO_FORMS} and not central_differences", PLAIN)


@pytest.mark.full
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("file", ALL)
def test_all_with_checked_bounds(file):
    """An index outside an array is an IndexError here. The tile reads and writes without any: it has its canaries."""
    run_tests([file], f"not float64 and {NO_FORMS}", CHECKED)


@pytest.mark.full
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("mode", OTHER_VECTORS)
@pytest.mark.parametrize("file", ["test_arrays", "test_tile", "test_dense", "test_conv", "test_training"])
def test_all_that_depends_on_the_vectors(file, mode):
    # The second float type of whole trainings would double the compile time.
    run_tests([file], "not test_training or float32", OTHER_VECTORS[mode])
