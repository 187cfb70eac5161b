"""The shares of a stage: threads claim them one by one, and wait for each other through memory that they share.

The memory is a vector of integers, the board. A run has a leader, and helpers that come and go as they like:

- The leader publishes a stage: what it is, and then the next generation, counted from 1.
- Whoever sees a generation claims shares of it, each by changing the share's number from the generation before to this
  one. Only one thread succeeds, and none that comes too late: by then the number has moved on.
- A finished share is counted, and when all are, the leader goes on.

So the leader waits only for shares that somebody is working on, and never for a thread that sleeps or does not come.
Which thread does a share makes no difference to the results.
"""

import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import JIT_ENABLED, jit, jit_part

# The places on the board. Those that different threads write lie on different cache lines, of 64 bytes (on some
# processors two are fetched together).
LINE = 16
GENERATION, DONE, PUBLISHED = 0, LINE, 2 * LINE  # PUBLISHED: the four numbers of `publish`
YIELD, SLEEP, NAP, NAPS = range(3 * LINE, 3 * LINE + 4)  # how to wait, see `changed`
CLAIMS = 4 * LINE  # one line for each share

STOP = -1  # instead of a generation: the run is over

# How a thread waits: it looks again so many times, about 50 microseconds, then it lets others run in between, and then
# it sleeps. Switching to another thread takes longer than most waits.
PAUSES = 1000
YIELDS = 10_000


def board_size(shares):
    """The length of the board for so many shares."""
    return CLAIMS + LINE * shares


# ---------------------------------------------------------------------------------------------------------------------
# Atomic operations. In plain Python one thread does everything, in order.


def _place(context, builder, kind, board, index):
    return builder.gep(context.make_array(kind)(context, builder, board).data, [index])


@intrinsic
def _load(typing_context, board, index):
    def code(context, builder, signature, args):
        return builder.load_atomic(_place(context, builder, board, *args), "acquire", 8)

    return types.int64(board, types.intp), code


def load(board, index):
    """The number at a place of the board; what its writer wrote before it can be seen from now on."""
    return board[index]


@intrinsic
def _store(typing_context, board, index, value):
    def code(context, builder, signature, args):
        builder.store_atomic(args[2], _place(context, builder, board, *args[:2]), "release", 8)
        return context.get_dummy_value()

    return types.void(board, types.intp, types.int64), code


def store(board, index, value):
    """Write a number, after all that this thread has written before."""
    board[index] = value


@intrinsic
def _count(typing_context, board, index):
    def code(context, builder, signature, args):
        builder.atomic_rmw("add", _place(context, builder, board, *args), ir.IntType(64)(1), "acq_rel")
        return context.get_dummy_value()

    return types.void(board, types.intp), code


def count(board, index):
    """Add 1 to a number."""
    board[index] += 1


@intrinsic
def _exchange(typing_context, board, index, known, value):
    def code(context, builder, signature, args):
        place = _place(context, builder, board, *args[:2])
        return builder.extract_value(builder.cmpxchg(place, args[2], args[3], "acq_rel", "acquire"), 1)

    return types.boolean(board, types.intp, types.int64, types.int64), code


def exchange(board, index, known, value):
    """Replace a number by `value` if it is `known`; whether it was."""
    if board[index] != known:
        return False
    board[index] = value
    return True


@intrinsic
def _pause(typing_context):
    def code(context, builder, signature, args):
        if platform.machine().lower() in ("x86_64", "amd64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), code


def pause():
    """Tell the processor that this thread is waiting."""


@intrinsic
def _call_system(typing_context, address, number):
    def code(context, builder, signature, args):
        integer = ir.IntType(32)
        function = builder.inttoptr(args[0], ir.FunctionType(ir.VoidType(), [integer]).as_pointer())
        with builder.if_then(cgutils.is_not_null(builder, args[0])):
            builder.call(function, [builder.trunc(args[1], integer)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), code


def call_system(address, number):
    """Call a C function that takes an integer or nothing, at an address that Python has found; 0: there is none."""


if JIT_ENABLED:
    load, store, count, exchange, pause, call_system = _load, _store, _count, _exchange, _pause, _call_system


# ---------------------------------------------------------------------------------------------------------------------
# What the leader and its helpers do.


@jit
def changed(board, index, known):
    """Wait until a number is no longer `known`; returns it, after the last nap even if it is.

    The board has the addresses of two functions of the system: one lets other threads run in between, the other sleeps
    for the length of a nap.
    """
    looks = 0
    now = load(board, index)
    while now == known and looks < PAUSES + YIELDS + board[NAPS]:
        if looks < PAUSES:
            pause()
        elif looks < PAUSES + YIELDS:
            call_system(board[YIELD], 0)
        else:
            call_system(board[SLEEP], board[NAP])
        looks += 1
        now = load(board, index)
    return now


@jit_part
def publish(board, generation, stage, first, rows, step):
    """Hand out the shares of a stage: which one, and the batch's first sample, its rows and its step."""
    board[PUBLISHED], board[PUBLISHED + 1], board[PUBLISHED + 2], board[PUBLISHED + 3] = stage, first, rows, step
    store(board, GENERATION, generation)


@jit_part
def published(board):
    """What was handed out. Only who has claimed a share, and not finished it, can rely on it."""
    return board[PUBLISHED], board[PUBLISHED + 1], board[PUBLISHED + 2], board[PUBLISHED + 3]


@jit_part
def claim(board, share, generation):
    """Whether the share is this thread's from now on."""
    return exchange(board, CLAIMS + LINE * share, generation - 1, generation)


@jit_part
def finished(board):
    """A share that this thread has claimed is done."""
    count(board, DONE)


@jit_part
def wait_for_all(board, shares):
    """The leader waits until so many shares have been finished since the start of the run."""
    done = load(board, DONE)
    while done != shares:
        done = changed(board, DONE, done)
