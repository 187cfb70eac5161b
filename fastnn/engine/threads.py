"""How many threads the kernels use, depending on when sharing the work would be slower or unsafe."""

import contextlib
import functools
import math
import os
import threading
from collections.abc import Iterator

import numba

from .. import checks

# In a step, threads wait for each other twice, for about a microsecond each; with less work one thread is faster.
_SMALLEST_SHARED_WORK = 2e6  # floating-point operations

MOST_THREADS = 1024  # each needs scratch memory, and a share of every step

_asked: int | None = None
_forked = False
_occupied = 0  # the number of threads in `occupying_a_core`
_occupied_lock = threading.Lock()


def _mark_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_fork)


def set_num_threads(n: int) -> None:
    """Share every step among `n` threads from now on. Results are bit-identical for any number.

    `n` may exceed the cores that this process may use; the existing threads then do several shares each.

    Raises:
        TypeError: if `n` is not an integer.
        ValueError: if `n` is below 1 or above 1,024.

    >>> before = fastnn.get_num_threads()
    >>> fastnn.set_num_threads(1)
    >>> fastnn.get_num_threads()
    1
    >>> fastnn.set_num_threads(before)
    """
    global _asked
    _asked = checks.integer(n, "n", 1, MOST_THREADS)


def get_num_threads() -> int:
    """The number of threads for large enough work: by default, the number of cores that this process may use.

    >>> fastnn.get_num_threads() >= 1
    True
    """
    return _default_threads() if _asked is None else _asked


@functools.cache
def _default_threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, int(numba.config.NUMBA_NUM_THREADS)))


def threading_layer() -> str:
    """What Numba runs threads with: "omp", "tbb" or "workqueue"; "none" until a kernel has run."""
    try:
        return str(numba.threading_layer())
    except ValueError:
        return "none"


def threads_for(operations: float) -> int:
    """The number of threads for a step of so many floating-point operations.

    1 if sharing costs more than it saves, or if a parallel region could crash or hang: in a forked child (GNU OpenMP
    aborts there) and outside the main thread, where other threads may be computing as well. Numba's `workqueue` layer
    takes 85 microseconds to share a step, so it is used only after `set_num_threads`.
    """
    if _forked or threading.current_thread() is not threading.main_thread():
        return 1
    if _asked is None and (operations < _SMALLEST_SHARED_WORK or threading_layer() == "workqueue"):
        return 1
    return max(1, get_num_threads() - _occupied)


@contextlib.contextmanager
def occupying_a_core() -> Iterator[None]:
    """While a thread is in this block, the main thread uses one thread less."""
    global _occupied
    with _occupied_lock:
        _occupied += 1
    try:
        yield
    finally:
        with _occupied_lock:
            _occupied -= 1


class Sharing:
    """Switches to one thread while other programs keep the cores busy.

    Threads wait for each other twice per step. On a busy machine each wait can last until the scheduler gives the other
    thread a core again, milliseconds instead of a microsecond, and a single thread is many times faster. So the times
    of a step are compared: a program's first run uses one thread, and whenever a shared run is slower than that, one
    thread works alone for about a second. Results are bit-identical either way.

    Attributes:
        brief: whether the next run should be short, because it only serves the comparison.
    """

    def __init__(self) -> None:
        self.brief = True
        self._seconds_alone = math.inf
        self._runs_alone = 1  # how many of the next runs use one thread

    def threads(self, operations: float) -> int:
        """The number of threads for the next run, with steps of so many operations."""
        shared = threads_for(operations)
        if shared == 1 or _asked is not None:
            self.brief = False
            return shared
        return 1 if self._runs_alone else shared

    def measured(self, threads: int, seconds: float) -> None:
        """Record how many seconds a step took on so many threads."""
        if threads > 1:
            self.brief = False
            if seconds > self._seconds_alone:
                self._runs_alone = _RUNS_ALONE
        elif self._runs_alone:
            self._seconds_alone = seconds
            self._runs_alone -= 1
            self.brief = self._runs_alone == 0


_RUNS_ALONE = 30  # about a second
