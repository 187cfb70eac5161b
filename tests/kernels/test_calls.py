"""Calls by address, and references."""

from typing import NamedTuple

import numpy as np
import pytest

from fastnn.kernels.calls import Referenced, call_entry, entry_point, reference
from fastnn.kernels.jit import JIT_ENABLED, jit


class Things(NamedTuple):
    numbers: np.ndarray
    table: np.ndarray
    factor: float


@jit
def multiply(things, first, count):
    """numbers *= factor times the second column of the table."""
    for i in range(first, first + count):
        things.numbers[i] *= things.factor * things.table[i, 1]


@jit
def twice(entry, things, count):
    """Calls `multiply` with the same reference for one half and with a new one for the other."""
    here = reference(things)
    call_entry(entry, (reference(here), 0, count))
    call_entry(entry, (reference(things), count, count))
    return here.numbers[0], here.table.shape[0]


def things():
    return Things(np.arange(1.0, 7.0), np.stack([np.zeros(6), np.arange(6.0)], axis=1), 10.0)


def test_a_call_by_address_reads_what_is_referenced():
    entry = entry_point(multiply, Referenced(things()), 0, 0)
    given = things()
    first, rows = twice(entry, given, 3)
    np.testing.assert_array_equal(given.numbers, 10 * np.arange(1, 7) * np.arange(6))
    assert (first, rows) == (0, 6)


def test_what_is_not_there_is_an_error():
    @jit
    def other(things):
        return things.nothing

    with pytest.raises(Exception, match="nothing"):  # of the compiler; in plain Python, when it is called
        call_entry(entry_point(other, Referenced(things())), (things(),))


def test_without_the_jit_everything_is_itself():
    if JIT_ENABLED:
        assert isinstance(entry_point(multiply, Referenced(things()), 0, 0), int)
    else:
        given = things()
        assert reference(given) is given
        assert entry_point(multiply) is multiply
