"""How many threads the kernels use, depending on when sharing the work would be slower or unsafe."""

import math

from .. import checks
from .crew import crew

# Floating-point operations. In a step, threads wait for each other twice, for about half a microsecond each; until a
# helper comes to a run some 50 microseconds pass, so a run of few steps must be larger. With less work one thread is
# faster.
_SMALLEST_SHARED_STEP = 5e5
_SMALLEST_SHARED_RUN = 2e7

MOST_THREADS = 1024  # each needs scratch memory, and a share of every step

_asked: int | None = None


def set_num_threads(n: int) -> None:
    """Share every step among `n` threads from now on. Results are bit-identical for any number.

    Args:
        n: how many. There may be more than the cores that this process may use; the existing threads then do several
            shares each.

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
    return crew.size if _asked is None else _asked


def threads_for(operations: float, steps: float = math.inf) -> int:
    """The number of shares of a step of so many floating-point operations, in a run of so many steps.

    1 if sharing costs more than it saves.
    """
    if _asked is None and (operations < _SMALLEST_SHARED_STEP or operations * steps < _SMALLEST_SHARED_RUN):
        return 1
    return get_num_threads()


class Sharing:
    """Switches to one thread while other programs keep the cores busy.

    Threads wait for each other twice per step. On a busy machine each wait can last until the scheduler gives the other
    thread a core again, milliseconds instead of a microsecond, and a single thread is many times faster. So the times
    of a step are compared: a program's first run uses one thread, and whenever a shared run is slower than that, one
    thread works alone for about a second. Results are bit-identical either way.

    With one other busy process on two cores, an epoch of MNIST 784-256-10 (a third of it, batch 128) took 175 ms with
    this, 200 ms without and 171 ms on one thread; with two others 247, 361 and 251 ms.

    Attributes:
        brief: whether the next run should be short, because it only serves the comparison.
    """

    def __init__(self) -> None:
        self.brief = True
        self._seconds_alone = math.inf
        self._runs_alone = 1  # how many of the next runs use one thread

    def threads(self, operations: float, steps: float = math.inf) -> int:
        """The number of threads for the next run, of so many steps with so many operations."""
        shared = threads_for(operations, steps)
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
