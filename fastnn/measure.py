"""Measures what this machine can do at most, and how much of it the tile achieves: the last lines of `fastnn info`."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .kernels.dense import dense_forward
from .kernels.peak import multiply_adds, sums_size
from .kernels.tile import padded, stride
from .storage import aligned_zeros

ROWS, INPUTS, OUTPUTS = 128, 784, 256  # the larger product of the default network, for one batch
_ROUNDS, _SECONDS_A_ROUND = 8, 0.01
_MULTIPLY_ADDS = 20_000  # in one call, which takes some 50 microseconds

Work = Callable[[], None]


def peak(threads: int = 1) -> float:
    """GFLOP/s of multiply-adds in registers, float32, when each of `threads` threads does nothing else."""

    def work() -> Work:
        sums = np.zeros(sums_size(np.float32), np.float32)
        return lambda: multiply_adds(sums, 0.5, 1.0, _MULTIPLY_ADDS)

    return _best_rate(work, 2.0 * sums_size(np.float32) * _MULTIPLY_ADDS, threads) / 1e9


def tile(threads: int = 1) -> float:
    """GFLOP/s of `dense_forward` at 128 x 784 x 256, float32, when each of `threads` threads computes its own."""

    def work() -> Work:
        dtype = np.dtype(np.float32)
        x, y, w = (
            aligned_zeros(rows * stride(columns, dtype), dtype).reshape(rows, -1)
            for rows, columns in ((ROWS, INPUTS), (padded(ROWS), OUTPUTS), (padded(INPUTS), OUTPUTS))
        )
        b = aligned_zeros(stride(OUTPUTS, dtype), dtype)
        rng = np.random.default_rng(0)
        x[:, :INPUTS], w[:INPUTS, :OUTPUTS] = rng.random((ROWS, INPUTS)), rng.standard_normal((INPUTS, OUTPUTS))
        return lambda: dense_forward(y, x, w, b, ROWS, INPUTS, OUTPUTS)

    return _best_rate(work, 2.0 * ROWS * INPUTS * OUTPUTS, threads) / 1e9


def _best_rate(make_work: Callable[[], Work], operations: float, threads: int) -> float:
    """Operations a second of all threads together, in the best of some short rounds."""
    works = [make_work() for _ in range(threads)]
    works[0]()  # compiles
    began = time.perf_counter()
    works[0]()
    calls = max(1, int(_SECONDS_A_ROUND / (time.perf_counter() - began)))
    barrier = threading.Barrier(threads)

    def repeat(work: Work) -> tuple[float, float]:
        barrier.wait()
        start = time.perf_counter()
        for _ in range(calls):
            work()  # without the GIL
        return start, time.perf_counter()

    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_ROUNDS):
            starts, stops = zip(*pool.map(repeat, works), strict=True)
            best = max(best, threads * calls * operations / (max(stops) - min(starts)))
    return best
