"""Measures the peak speed of this machine, and for `fastnn info` how much of it the tile reaches."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..kernels.arrays import padded, stride
from ..kernels.dense import dense_forward
from ..kernels.peak import multiply_adds, sums_size
from .parameters import aligned_zeros

ROWS, INPUTS, OUTPUTS = 128, 784, 256  # the largest product of the default network, for one batch
_ROUNDS, _MOST_ROUNDS, _SECONDS_A_ROUND = 10, 100, 0.01
_POSSIBLE = 1.1  # times the peak: the clock rate may have been higher when the tile was measured
_MULTIPLY_ADDS = 20_000  # per call, which takes about 50 microseconds

Work = Callable[[], None]


def peak(threads: int, dtype: np.dtype) -> float:
    """GFLOP/s of multiply-adds in registers, the best of several short rounds, each of the threads doing the same."""
    with ThreadPoolExecutor(threads) as pool:
        works, calls = _prepare(lambda: _register_work(dtype), threads)
        seconds = min(_seconds(pool, works, calls) for _ in range(_ROUNDS))
    return float(threads * calls * 2e-9 * sums_size(dtype) * _MULTIPLY_ADDS / seconds)


def peak_and_tile(threads: int = 1) -> tuple[float, float]:
    """GFLOP/s, float32, of multiply-adds in registers and of `dense_forward` at 128 x 784 x 256.

    Each of `threads` threads does the same work. Both are measured in turn in several short rounds, and the best round
    counts, because other programs only make a round slower. Where all rounds of the peak were so slow that the tile
    seems to be faster, there are up to ten times as many rounds; `is_possible` tells whether that helped.
    """
    kinds = (_register_work, 2.0 * sums_size(np.float32) * _MULTIPLY_ADDS), (_tile_work, 2.0 * ROWS * INPUTS * OUTPUTS)
    best = [0.0, 0.0]
    with ThreadPoolExecutor(threads) as pool:
        prepared = [_prepare(make_work, threads) for make_work, _ in kinds]
        for done in range(_MOST_ROUNDS):
            if done >= _ROUNDS and is_possible(*best):
                break
            for i, (works, calls) in enumerate(prepared):
                rate = threads * calls * kinds[i][1] / _seconds(pool, works, calls)
                best[i] = max(best[i], rate / 1e9)
    return best[0], best[1]


def is_possible(peak: float, tile: float) -> bool:
    """Whether the tile is not faster than the peak, but for the clock rate."""
    return tile <= _POSSIBLE * peak


def _register_work(dtype: Any = np.float32) -> Work:
    sums = np.zeros(sums_size(dtype), dtype)
    return lambda: multiply_adds(sums, 0.5, 1.0, _MULTIPLY_ADDS)


def _tile_work() -> Work:
    dtype = np.dtype(np.float32)
    x, y, w = (
        aligned_zeros(rows * stride(columns, dtype), dtype).reshape(rows, -1)
        for rows, columns in ((padded(ROWS), INPUTS), (padded(ROWS), OUTPUTS), (padded(INPUTS), OUTPUTS))
    )
    b = aligned_zeros(stride(OUTPUTS, dtype), dtype)
    rng = np.random.default_rng(0)
    x[:ROWS, :INPUTS], w[:INPUTS, :OUTPUTS] = rng.random((ROWS, INPUTS)), rng.standard_normal((INPUTS, OUTPUTS))
    return lambda: dense_forward(y, x, w, b, ROWS, INPUTS, OUTPUTS)


def _prepare(make_work: Callable[[], Work], threads: int) -> tuple[list[Work], int]:
    """The work of each thread, and how often a round repeats it."""
    works = [make_work() for _ in range(threads)]
    works[0]()  # compiles
    began = time.perf_counter()
    works[0]()
    return works, max(1, int(_SECONDS_A_ROUND / (time.perf_counter() - began)))


def _seconds(pool: ThreadPoolExecutor, works: list[Work], calls: int) -> float:
    """Seconds from the start of the first thread to the end of the last one."""
    barrier = threading.Barrier(len(works))

    def repeat(work: Work) -> tuple[float, float]:
        barrier.wait()
        start = time.perf_counter()
        for _ in range(calls):
            work()  # without the GIL
        return start, time.perf_counter()

    times = list(pool.map(repeat, works))
    return max(stop for _, stop in times) - min(start for start, _ in times)
