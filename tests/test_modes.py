"""The tests of the kernels again, in processes with other settings: plain Python, checked bounds, other vectors."""

import concurrent.futures
import os
import re

import pytest

from fastnn.kernels import jit, processor

from .subprocesses import ROOT, run_python

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not jit.JIT_ENABLED, reason="is such a run itself"),
]

ALL = sorted(f"tests/kernels/{path.name}" for path in (ROOT / "tests" / "kernels").glob("test_*.py"))
# What depends on the width of a vector, and a whole training run; the second float type would double the compile time.
WIDTHS = [f"tests/kernels/test_{name}.py" for name in ("arrays", "tile", "dense", "training")]
ONE_TYPE = ["-k", "not test_training or float32"]
# How Python brings an input into form is the same in all modes.
NO_FORMS = "not any_layout and not any_type_of_numbers"

WITHOUT_AVX512 = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+avx2,+fma"}
HAS_AVX2 = {"avx2", "fma"} <= processor.FEATURES

# Many forward passes, which say nothing of plain Python that the comparison with the reference does not.
QUICK = f"{NO_FORMS} and not central_differences"

MODES = {
    "plain Python": ([*ALL, "-k", QUICK], {"NUMBA_DISABLE_JIT": "1"}),
    # An index outside an array is an IndexError here. The tile reads and writes without any: it has its canaries.
    "checked bounds": ([*ALL, "-k", f"not float64 and {NO_FORMS}"], {"NUMBA_BOUNDSCHECK": "1"}),
    **{f"width {w}": ([*WIDTHS, *ONE_TYPE], {"FASTNN_SIMD_WIDTH": w}) for w in ("4", "8", "16")},
}
if HAS_AVX2:  # as on an x86 processor without AVX-512: another shape of the tile
    MODES["half the registers"] = WIDTHS[:3], WITHOUT_AVX512


def run_tests(mode):
    arguments, settings = MODES[mode]
    options = ["-q", "-p", "no:cacheprovider", "--hypothesis-profile=few", "--tb=short"]
    return run_python(["-m", "pytest", *options, *arguments], timeout=900, **settings)


@pytest.fixture(scope="module")
def runs(request):
    """The runs of the modes that are asked for, as many at once as there are processors: each needs only one."""
    names = [item.callspec.params["mode"] for item in request.session.items if "runs" in item.fixturenames]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {name: pool.submit(run_tests, name) for name in names}


@pytest.mark.parametrize("mode", MODES)
def test_kernels(runs, mode):
    summary = runs[mode].result().stdout.splitlines()[-1]
    assert int(re.match(r"(\d+) passed", summary)[1]) > 50
    assert "skipped" not in summary
    assert "xfailed" not in summary


BOUNDS_ARE_CHECKED = """
    import numpy as np, pytest
    from fastnn.kernels.batches import gather_labels
    with pytest.raises(IndexError):
        gather_labels(np.zeros(3, int), np.zeros(3, int), np.array([0, 1, 3]), 0)
"""


def test_bounds_are_checked_when_that_is_asked_for():
    run_python(BOUNDS_ARE_CHECKED, NUMBA_BOUNDSCHECK="1")


DIGEST = """
    from fastnn.kernels.processor import SIMD_BYTES
    from tests.kernels.test_tile import digest
    print(SIMD_BYTES, digest())
"""


def test_bits_do_not_depend_on_the_width():
    widths, digests = zip(
        *(run_python(DIGEST, FASTNN_SIMD_WIDTH=w).stdout.split() for w in ("4", "8", "16")), strict=True
    )
    assert widths == ("16", "32", "64")
    assert len(set(digests)) == 1


@pytest.mark.skipif(not HAS_AVX2, reason="no x86 processor with AVX2")
def test_bits_do_not_depend_on_the_shape_of_the_tile():
    _, other = run_python(DIGEST, **WITHOUT_AVX512).stdout.split()
    _, own = run_python(DIGEST, FASTNN_SIMD_WIDTH="8").stdout.split()
    assert own == other
