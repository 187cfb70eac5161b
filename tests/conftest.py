"""How hypothesis runs, and what many tests share."""

import os

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None)  # the first example of a shape may compile a kernel
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
# For runs of the same tests under other settings (`test_modes.py`), and for kernels in plain Python.
settings.register_profile("few", parent=settings.get_profile("ci"), max_examples=10)

if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
    settings.load_profile("few")
else:
    settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)


@pytest.fixture(scope="session", params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)
