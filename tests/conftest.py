"""How the tests run, on two processes, how hypothesis runs, and what many tests share."""

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


WORKER = "PYTEST_XDIST_WORKER" in os.environ  # pytest-xdist's own processes, and all that they start


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Two processes, as with `-n 2 --dist worksteal`; one for tests that are named one by one, `--pdb` and `-n 0`.

    Here and not among pytest's options, because bench/ measures in one process and `-p no:xdist` must work.
    """
    option = config.option
    asked = getattr(option, "numprocesses", 0) is not None or option.usepdb or any("::" in a for a in config.args)
    if not WORKER and not asked:
        option.numprocesses = 2
        option.dist = "worksteal"


@pytest.fixture(autouse=True)
def _one_thread_each(monkeypatch):
    """Steps stay on one thread where two processes share the cores; tests of threads ask for their own number."""
    if WORKER:
        from fastnn.engine import threads

        monkeypatch.setattr(threads, "_asked", 1)


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)


@pytest.fixture(scope="session", params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)
