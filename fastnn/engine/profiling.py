"""A program with clocks in it (`kernels/clock.py`), and what they have counted: the raw numbers of a profile."""

import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import clock as clocks
from ..kernels import instructions
from ..kernels.batches import shuffle
from ..kernels.jit import JIT_ENABLED
from ..kernels.operations import OPERATIONS
from . import threads
from .entries import interpreter_of, timed_operation_entry, timed_step_entry, update_entry
from .parameters import address_table
from .program import Program
from .run import Run, Samples

Numbers = npt.NDArray[np.float64]

_READINGS, _TRIES = 200, 50  # of the clock, to know what one costs: the best try, as other programs only add to it
_UPDATE_TASKS = 1 + max(instructions.MEASURE, instructions.SUM_UP, instructions.DESCEND, instructions.CONSTRAIN)


class Always(threads.Sharing):
    """Shares all steps among a fixed number of threads."""

    def __init__(self, count: int):
        super().__init__()
        self.brief, self._count = False, count

    def threads(self, operations: float, steps: float = 0) -> int:
        """That number."""
        return self._count

    def measured(self, threads: int, seconds: float) -> None:
        """Nothing depends on it."""


class TimedProgram(Program):
    """A program that counts where its time goes. The arguments are those of `Program`.

    Attributes:
        threads: how many threads share each step; set before the first run.
    """

    threads = 1

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        code = self.plan.code
        entries = [int(entry) if JIT_ENABLED else OPERATIONS[entry] for entry in code["entry"]]
        code["entry"] = timed_operation_entry(self.dtype)
        self._entries = [interpreter_of(self.dtype), 0, self.plan.update, *entries]
        if self.plan.update:
            self.plan = self.plan._replace(update=update_entry(self.dtype, timed=True))
        self.begin(0, 1)

    def begin(self, steps: int, thread_count: int) -> None:
        """Count anew, with room for so many steps, each shared among so many threads."""
        self.threads = thread_count
        self._sharing = Always(thread_count)
        self._few = {}
        first_step = clocks.TASKS * len(self.plan.code)
        first_update = first_step + len(self.parameters)
        traces = clocks.HEAD + clocks.COUNTERS * (first_update + _UPDATE_TASKS)
        length = -(-(traces + len(self.plan.stages) * (1 + 2 * steps)) // 8) * 8  # whole cache lines
        self.clock = np.zeros((1 + thread_count, length), np.int64)
        head = {clocks.ROW_LENGTH: length, clocks.STEPS: first_step, clocks.UPDATES: first_update}
        for place, number in (head | {clocks.TRACES: traces, clocks.ROOM: steps}).items():
            self.clock[:, place] = number
        self.restart()

    def restart(self) -> None:
        """Forget what was counted."""
        self.clock[:, clocks.HEAD :] = 0
        self.returns = [clocks.now()]
        self._began = time.perf_counter()

    def run(self, run: Run, steps: int | None = None) -> None:
        """As in `Program`; notes when it returned to Python."""
        super().run(run, steps)
        self.returns.append(clocks.now())

    def predict_few(self, samples: Samples) -> np.ndarray:
        """As in `Program`; notes when it returned to Python."""
        y = super().predict_few(samples)
        self.returns.append(clocks.now())
        return y

    def arguments(self, run: Run, steps: int, thread_count: int) -> tuple[Any, ...]:
        """The interpreter's arguments, with the clocks in the places of what they time."""
        _, plan, weights, *rest = super().arguments(run, steps, thread_count)
        entries, at = list(self._entries), 4  # `rest` begins with batch, data, cursor and log
        if run.optimizer is not None:
            entries[clocks.STEP], rest[at] = rest[at], timed_step_entry(self.dtype)
        weights = weights._replace(clock=self.clock.reshape(-1), timed=address_table(entries))
        return (interpreter_of(self.dtype, timed=True), plan, weights, *rest)

    def counted(self, run: Run | None = None) -> "Counted":
        """What was counted since `restart`; in training, what `run` began there and has done."""
        return Counted(self, run, clocks.now(), time.perf_counter() - self._began)


class Counted:
    """What the clocks of a program have counted, in seconds.

    Every array has a row or an element for each thread. A thread's times add up to `seconds`: operations, steps,
    updates, interpreter, waiting, between, shuffling, python and clocks.

    Args:
        program: the program, after its run.
        run: what it ran, if the samples were shuffled.
        end: the tick at which the run ended.
        seconds: how long it took.

    Attributes:
        operations: (threads, instructions, tasks).
        skipped: (instructions, tasks): multiply-adds that were left out.
        steps: (threads, weights): the optimizer's steps.
        updates: (threads, tasks of the update), without the optimizer's steps in them.
        interpreter: what the interpreter itself takes within the stages.
        waiting: of threads that are done with a stage, and from the end of a stage to the next one.
        between: from the end of a step to the next one: the log, the learning rate.
        shuffling: the part of this at the beginning of epochs that a shuffle takes by itself.
        python: from the end of a step to the next one where it returned to Python; and before and after all.
        clocks: what the clocks themselves took, subtracted from what they measure.
    """

    def __init__(self, program: TimedProgram, run: Run | None, end: int, seconds: float):
        count, plan = program.threads, program.plan
        self.seconds, per_tick = seconds, seconds / max(1, end - program.returns[0])
        reading = min(clocks.ticks_of_readings(_READINGS) for _ in range(_TRIES)) / _READINGS * per_tick
        head = program.clock[0]
        first_step, first_update, traces, room = (
            int(head[i]) for i in (clocks.STEPS, clocks.UPDATES, clocks.TRACES, clocks.ROOM)
        )
        counters = program.clock[:, clocks.HEAD : traces].reshape(1 + count, -1, clocks.COUNTERS)
        times, calls = counters[..., clocks.TICKS] * per_tick, counters[..., clocks.CALLS]
        # Of the two readings around a call, one is within the time that they measure, the other in what surrounds it.
        readings = calls * reading
        within = np.minimum(readings, times)
        own = times - within
        traced = program.clock[1:, traces : traces + len(plan.stages) * (1 + 2 * room)].reshape(count, -1, 1 + 2 * room)
        begin, stop, busy = _stages(traced)
        busy, shares = busy * per_tick, traced[:, :, 0].sum(axis=1)

        in_update = slice(first_step, first_update) if plan.update and not plan.steps_at_once else slice(0, 0)
        nested = times[1:, in_update].sum(axis=1)
        around = busy - times[1:].sum(axis=1) + nested
        surrounding = np.minimum(readings[1:].sum(axis=1) + shares * reading, around)
        updates = own[1:, first_update:]
        updates[:, instructions.DESCEND] -= nested
        self.operations = own[1:, :first_step].reshape(count, -1, clocks.TASKS)
        self.steps, self.updates = own[1:, first_step:first_update], updates
        self.skipped = counters[:, :first_step, clocks.SKIPPED].sum(axis=0).reshape(-1, clocks.TASKS)
        self.interpreter = around - surrounding
        self.clocks = within[1:].sum(axis=1) + surrounding

        gaps = _Gaps(begin, stop, program.returns, end)
        self.waiting = (stop - begin).sum() * per_tick - busy
        passage = self.waiting if count > 1 else self.interpreter  # from one stage to the next
        passage += gaps.within * per_tick
        self.shuffling = 0.0
        if run is not None:
            steps = math.ceil(len(run.order) / run.batch_size)
            self.shuffling = gaps.take_shuffles(steps, _shuffle_ticks(run)) * per_tick
        # What the driver calls itself happens before the first step after a return to Python.
        by_driver = own[0, :first_step].reshape(-1, clocks.TASKS)
        self.operations += by_driver
        self.between = gaps.between * per_tick
        self.python = gaps.python * per_tick - by_driver.sum()


def _stages(traced: npt.NDArray[np.int64]) -> tuple[Numbers, Numbers, Numbers]:
    """From traces (threads, stages, 1 + 2 times): begin and end (times, stages), and how long each thread was in them.

    A stage begins with the first thread and ends with the last one. Some are for one thread only.
    """
    took_part = traced[:, :, 0] > 0
    times = int(traced[:, :, 0].max(axis=0).min(initial=np.iinfo(np.int64).max))
    begins, ends = (traced[:, :, 1 + i : 1 + 2 * times : 2].astype(np.float64) for i in (0, 1))
    busy = np.where(took_part[..., np.newaxis], ends - begins, 0).sum(axis=(1, 2))
    begin = np.where(took_part[..., np.newaxis], begins, np.inf).min(axis=0)
    end = np.where(took_part[..., np.newaxis], ends, -np.inf).max(axis=0)
    return begin.T, end.T, busy


class _Gaps:
    """The ticks between stages.

    Args:
        begin, stop: (steps, stages).
        returns: the ticks at which the program returned to Python, the first of them before all steps.
        end: the tick after all of them.

    Attributes:
        within: between stages of a step.
        between: between steps.
        python: between steps where Python was in between; and before the first step and after the last one.
    """

    def __init__(self, begin: Numbers, stop: Numbers, returns: list[int], end: int):
        self.within = float((begin[:, 1:] - stop[:, :-1]).sum())
        before = np.append(returns[0], stop[:, -1])
        self._gaps = np.append(begin[:, 0], end) - before
        self._in_python = np.searchsorted(returns, np.append(begin[:, 0], end)) > np.searchsorted(returns, before)
        self._in_python[[0, -1]] = True
        self._sum_up()

    def take_shuffles(self, steps: int, ticks: float) -> float:
        """Take what the shuffles take, before each epoch of `steps` steps, from the gaps; returns the sum."""
        taken = np.minimum(self._gaps[:-1:steps], ticks)
        self._gaps[:-1:steps] -= taken
        self._sum_up()
        return float(taken.sum())

    def _sum_up(self) -> None:
        self.python = float(self._gaps[self._in_python].sum())
        self.between = float(self._gaps[~self._in_python].sum())


def _shuffle_ticks(run: Run) -> int:
    """How long a shuffle of the run's samples takes, without the first one, which loads the kernel."""
    order = run.order.copy()
    took = []
    for step in range(3):
        began = clocks.now()
        shuffle(order, run.seed, step)
        took.append(clocks.now() - began)
    return int(min(took))
