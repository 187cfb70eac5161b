"""The board through which the threads of a run share its stages."""

import threading

import numba
import numpy as np

from fastnn.engine.crew import new_board
from fastnn.kernels import shares
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.kernels.shares import DONE, GENERATION, NAPS, SLEEP, STOP, YIELD

SHARES = 5
THREADS = 3 if JIT_ENABLED else 1  # in plain Python a board is used by one thread


@numba.njit(nogil=True)
def _publish(board, generation):
    shares.publish(board, generation, 10 * generation, 1, 2, 3)


@numba.njit(nogil=True)
def _claim(board, share, generation):
    return shares.claim(board, share, generation)


@numba.njit(nogil=True)
def _finish(board):
    shares.finished(board)


@numba.njit(nogil=True)
def _lead(board, generations, claims, work):
    for generation in range(1, generations + 1):
        shares.publish(board, generation, 10 * generation, generation, 2, 3)
        _take(board, generation, 0, claims, work)
        shares.wait_for_all(board, generation * SHARES)


@numba.njit(nogil=True)
def _help(board, me, claims, work):
    generation = np.int64(0)
    while generation != STOP:
        _take(board, generation, me, claims, work)
        generation = shares.changed(board, GENERATION, generation)


@numba.njit(nogil=True)
def _take(board, generation, me, claims, work):
    """Not atomic on purpose: numbers get lost unless each share is one thread's, and stages follow each other."""
    for i in range(SHARES):
        share = (me + i) % SHARES
        if shares.claim(board, share, generation):
            stage, first, _, _ = shares.published(board)
            claims[share] += 1
            work[share] = work[(share + 1) % SHARES + SHARES] + stage + first
            shares.finished(board)
    if me == 0:
        shares.wait_for_all(board, generation * SHARES)
        work[SHARES:] = work[:SHARES]


def test_a_share_is_claimed_once():
    board = new_board(SHARES)
    _publish(board, 1)
    assert board[GENERATION] == 1
    assert [_claim(board, share, 1) for share in (2, 2, 4)] == [True, False, True]
    for _ in range(SHARES):
        _finish(board)
    assert board[DONE] == SHARES


def test_who_comes_too_late_claims_nothing():
    board = new_board(1)
    for generation in (1, 2):
        _publish(board, generation)
        assert _claim(board, 0, generation)
    for generation in (0, 1, 2):
        assert not _claim(board, 0, generation)
    assert not _claim(board, 0, 4)  # nor who is early
    assert _claim(board, 0, 3)


def test_waiting_ends_with_a_change_or_after_the_last_nap():
    board = new_board(1)
    board[GENERATION] = 7
    assert shares.changed(board, GENERATION, 6) == 7
    for yields, sleeps in (board[[YIELD, SLEEP]], (0, 0)):
        board[YIELD], board[SLEEP], board[NAPS] = yields, sleeps, 20
        assert shares.changed(board, GENERATION, 7) == 7


def test_threads_share_every_stage_without_a_gap():
    generations, expected = 2000, np.zeros(SHARES, np.int64)
    for generation in range(1, generations + 1):
        expected = np.roll(expected, -1) + 11 * generation
    board, claims, work = new_board(SHARES), np.zeros(SHARES, np.int64), np.zeros(2 * SHARES, np.int64)
    helpers = [threading.Thread(target=_help, args=(board, me, claims, work)) for me in range(1, THREADS)]
    for helper in helpers:
        helper.start()
    _lead(board, generations, claims, work)
    board[GENERATION] = STOP
    for helper in helpers:
        helper.join(10)
        assert not helper.is_alive()
    assert claims.tolist() == [generations] * SHARES
    assert work[:SHARES].tolist() == expected.tolist()
