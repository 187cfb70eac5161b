"""The crew: threads that help others with their runs, one crew for the whole process.

A helper sleeps until a run is announced, then enters the same compiled function as the thread that leads the run, and
claims shares there (`kernels/shares.py`). Nobody relies on it: a leader that gets no helper, or one late, does all
shares itself. So runs in many threads share the cores, a helper that finds too many threads at work goes back to sleep,
and Ctrl-C may hit a leader at any line.

Sets count who is at work, by thread: adding and discarding are atomic, and what Ctrl-C keeps from being discarded is
put right by the same thread's next run.
"""

import atexit
import contextlib
import ctypes
import functools
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..kernels.jit import JIT_ENABLED
from ..kernels.shares import CLAIMS, GENERATION, NAP, NAPS, SLEEP, STOP, YIELD, board_size
from . import cores
from .locks import renewed_in_children

ALONE = np.zeros(CLAIMS, np.int64)  # the board of a run in one share: nobody writes on it

_SECONDS_OF_PATIENCE = 1  # how long a helper waits for news before it leaves a run whose leader does not come


class _Run:
    """A run that helpers may join.

    Attributes:
        board: the memory through which the threads in the run meet.
        over: whether the leader has finished.
    """

    def __init__(self, run: Callable[..., None], arguments: tuple[Any, ...], shares: int):
        self.run, self.arguments, self.board, self.over = run, arguments, new_board(shares), False

    def enter(self, number: int) -> None:
        """Take part until the run is over: as its leader, 0, or as one of the helpers, 1, 2, ..."""
        self.run(*self.arguments, self.board, number)

    def end(self) -> None:
        """Let the helpers go."""
        self.over = True
        self.board[GENERATION] = STOP


class Crew:
    """Helper threads, started when they are first needed.

    Args:
        size: how many threads may be at work at the same time, leaders and helpers; None: the cores of this process.
    """

    def __init__(self, size: int | None = None):
        self._given_size = size
        self.renew_locks()
        renewed_in_children(self)

    def renew_locks(self) -> None:
        """Begin anew: a forked child has no threads but the one that forked."""
        self._size = self._given_size
        self._announced: queue.SimpleQueue[tuple[_Run, int] | None] = queue.SimpleQueue()
        self._helpers: set[threading.Thread] = set()
        self._helping: dict[int, _Run] = {}  # what they are doing, by the idents of their threads
        self._leading: set[int] = set()
        self._staying: set[int] = set()  # threads in `at_work`

    @property
    def size(self) -> int:
        """How many threads may be at work at the same time."""
        if self._size is None:
            self._size = cores.available()
        return self._size

    @property
    def working(self) -> int:
        """How many threads are at work."""
        # A helper may still be on its way out of a run that is over.
        return len(self._leading | self._staying) + sum(not run.over for run in list(self._helping.values()))

    def lead(self, run: Callable[..., None], arguments: tuple[Any, ...], shares: int) -> None:
        """Call the interpreter's `run` in this thread, and in helpers that have nothing else to do.

        Args:
            run: `kernels.interpreter.run`, compiled or loaded.
            arguments: all its arguments but the last two.
            shares: how many shares the arguments divide a stage into.
        """
        me, shared = threading.get_ident(), None
        try:
            self._leading.add(me)
            if shares == 1 or not JIT_ENABLED:  # plain Python would take turns with the helpers
                run(*arguments, ALONE if shares == 1 else new_board(shares), 0)
            else:
                shared = _Run(run, arguments, shares)
                self._announce(shared, min(shares - 1, self.size - self.working))
                shared.enter(0)
        finally:
            if shared is not None:
                shared.end()
            self._leading.discard(me)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """In this block, the thread counts as one at work, also between two runs."""
        me = threading.get_ident()
        self._staying.add(me)
        try:
            yield
        finally:
            self._staying.discard(me)

    def stop(self) -> None:
        """The helpers end; runs go on without."""
        self._size = 1
        helpers = list(self._helpers)
        for _ in helpers:
            self._announced.put(None)
        for helper in helpers:
            helper.join(0.1)  # it may be in the run of a thread that goes on until the process ends

    def _announce(self, run: _Run, count: int) -> None:
        """Call up to `count` helpers to a run."""
        try:
            for _ in range(count - len(self._helpers)):
                threading.Thread(target=self._help, name="fastnn helper", daemon=True).start()
        except RuntimeError:  # there cannot be more threads, or the process is about to end
            count = len(self._helpers)
        for number in range(1, count + 1):
            self._announced.put((run, number))

    def _help(self) -> None:
        me, announced = threading.current_thread(), self._announced
        if len(self._helpers) >= self.size - 1:
            return  # two leaders have started helpers at the same time
        self._helpers.add(me)
        try:
            while (announcement := announced.get()) is not None:
                self._join(*announcement)
                del announcement  # which holds the memory of a model and its data
        finally:
            self._helpers.discard(me)

    def _join(self, run: _Run, number: int) -> None:
        """Help with a run, unless there are enough threads at work."""
        me = threading.get_ident()
        self._helping[me] = run
        try:
            if not run.over and self.working <= self.size:
                run.enter(number)
        finally:
            del self._helping[me]


def new_board(shares: int) -> np.ndarray:
    """The board for a run in so many shares."""
    board = np.zeros(board_size(shares), np.int64)
    board[YIELD], board[SLEEP], board[NAP], board[NAPS] = _waiting()
    return board


@functools.cache
def _waiting() -> tuple[int, int, int, int]:
    """How threads wait: the addresses of two functions of the system, and the length and the number of naps."""
    windows = sys.platform == "win32"
    library, names = ("kernel32", ("SwitchToThread", "Sleep")) if windows else (None, ("sched_yield", "usleep"))
    try:
        functions = [getattr(ctypes.CDLL(library), name) for name in names]
    except (OSError, AttributeError):  # threads look again and again instead
        return 0, 0, 0, _SECONDS_OF_PATIENCE * 1_000_000
    gives_way, sleeps = (ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions)
    a_second = 1000 if windows else 1_000_000  # in the unit of the function that sleeps
    nap = max(1, a_second // 20_000)
    return gives_way, sleeps, nap, _SECONDS_OF_PATIENCE * a_second // nap


crew = Crew()
atexit.register(crew.stop)
