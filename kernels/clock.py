"""Clocks around what the interpreter calls by address: how a profile measures without a cost to those who do not.

Each function here has the signature of another one, whose place in the tables it takes in a profile. It calls that one
by the address in `Weights.timed` and counts its time in `Weights.clock`. Everything else runs the same code in either
case, so a program without a profile has nothing to skip.

`Weights.clock` has rows of int64. The first counts what the driver itself calls; then each thread has a row and sees
only that:

- the head, with the numbers below;
- `COUNTERS` numbers for everything that is timed: its time in ticks, how often it was called, and the multiply-adds
  that it left out because a term was zero. First the operations, by instruction and task; then the optimizer's steps,
  by weight; then the tasks of the update (`updating.py`);
- for every stage a trace: how often it ran, then begin and end, in ticks, of each time.

A tick is one of the processor's time-stamp counter, or a nanosecond in plain Python; Python measures how long it is.
"""

import platform
import time

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .arrays import ROWS, vector
from .calls import call_entry, reference
from .instructions import Weights
from .jit import JIT_ENABLED, jit, jit_part
from .operations import operation

# The head of a row: its length, the numbers of the first optimizer's step and of the first task of the update among
# what is counted, where the traces begin, and how many times of a stage they have room for.
ROW_LENGTH, STEPS, UPDATES, TRACES, ROOM = range(5)
HEAD = 8
COUNTERS = 3
TICKS, CALLS, SKIPPED = range(COUNTERS)
TASKS = 8  # of an operation
# The first entries of `Weights.timed`; those of the operations follow.
SHARE, STEP, UPDATE, OPERATIONS_FROM = range(4)

_ARM = platform.machine().lower() in ("arm64", "aarch64")
_X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")
HAS_COUNTER = _ARM or _X86 or not JIT_ENABLED


@intrinsic
def _ticks(typing_context):
    def code(context, builder, signature, args):
        number = ir.IntType(64)
        if _ARM:  # LLVM's counter of cycles is not for users there
            kind = ir.FunctionType(number, [])
            return builder.asm(kind, "mrs $0, cntvct_el0", "=r", [], side_effect=True)
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(number, []), "llvm.readcyclecounter")
        return builder.call(function, [])

    return types.int64(), code


def ticks():
    """The processor's time-stamp counter."""
    return time.perf_counter_ns()


if JIT_ENABLED:
    ticks = _ticks


@jit
def now():
    """`ticks`, for calls from Python."""
    return ticks()


@jit
def ticks_of_readings(times):
    """The ticks that it takes to read the clock so often."""
    began = last = ticks()
    for _ in range(times):
        last = ticks()
    return last - began


@jit_part
def _count(clock, number, began):
    at = HEAD + COUNTERS * number
    clock[at + TICKS] += ticks() - began
    clock[at + CALLS] += 1


@jit_part
def count_skipped(weights, ins, task, rows, depth, left):
    """Let a profile know that the lists of a product's tiles had `left` terms; without one, do nothing.

    The product has `rows` rows and `depth` terms, and the instruction's outputs as columns.
    """
    if weights.clock.size > 0:
        tiles = (rows + ROWS - 1) // ROWS
        skipped = (tiles * depth - left) * rows // tiles * ins.outputs
        weights.clock[HEAD + COUNTERS * (TASKS * ins.place + task) + SKIPPED] += skipped


@operation
def timed_operation(task, ins, weights, batch, data, span):
    """An instruction's own operation, timed."""
    began = ticks()
    entry = weights.timed[OPERATIONS_FROM + ins.place]
    call_entry(entry, (task, ins, reference(weights), reference(batch), reference(data), span))
    _count(weights.clock, TASKS * ins.place + task, began)


@jit
def timed_step(weights, number, start, size, gradient, hyper):
    """The optimizer's step on elements of a weight, timed."""
    began = ticks()
    call_entry(weights.timed[STEP], (reference(weights), number, start, size, gradient, hyper))
    _count(weights.clock, weights.clock[STEPS] + number, began)


@jit
def timed_update(task, plan, weights, batch, rows, thread, threads, optimizer, hyper):
    """One thread's share of a task of the update, timed."""
    began = ticks()
    call_entry(weights.timed[UPDATE], (task, reference(plan), reference(weights), reference(batch), rows, thread,
                                       threads, optimizer, hyper))  # fmt: skip
    _count(weights.clock, weights.clock[UPDATES] + task, began)


@jit
def timed_share(stage, thread, threads, plan, weights, batch, data, first, rows, step, optimizer, hyper):
    """One thread's share of a stage, traced; what it calls counts in the thread's own row of the clock."""
    row = vector(weights.clock, (1 + thread) * weights.clock[ROW_LENGTH], weights.clock[ROW_LENGTH])
    own = Weights(weights.values, weights.gradients, weights.slots, weights.transposed, row, weights.timed)
    began = ticks()
    call_entry(weights.timed[SHARE], (stage, thread, threads, reference(plan), reference(own), reference(batch),
                                      reference(data), first, rows, step, optimizer, hyper))  # fmt: skip
    ended = ticks()
    at = row[TRACES] + stage * (1 + 2 * row[ROOM])
    times = row[at]
    if times < row[ROOM]:
        row[at + 1 + 2 * times] = began
        row[at + 2 + 2 * times] = ended
    row[at] = times + 1
