"""How hypothesis runs, and what many tests share."""

import os

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None)  # the first example of a shape may compile a kernel
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
# Kernels in plain Python take a thousand times as long.
settings.register_profile("plain", parent=settings.get_profile("ci"), max_examples=10)


def pytest_configure():
    plain = os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"
    settings.load_profile("plain" if plain else "ci" if os.environ.get("CI") else "default")


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)


@pytest.fixture(scope="session", params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)
