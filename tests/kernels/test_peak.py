"""The kernel that measures the processor's peak must do the arithmetic that is counted."""

import numpy as np
import pytest

from fastnn.kernels.arrays import ROWS, lanes_of
from fastnn.kernels.peak import multiply_adds, sums_size
from fastnn.kernels.tile import VECTORS

from ..comparing import assert_close, canaries


@pytest.mark.parametrize("times", [1, 2, 50])
def test_each_sum_is_multiplied_and_added_to_so_many_times(dtype, rng, times):
    start = rng.normal(size=sums_size(dtype)).astype(dtype)
    with canaries() as place:
        sums = place(start)
        multiply_adds(sums, 0.75, 0.5, times)
    expected = start.astype(np.float64)
    for _ in range(times):
        expected = 0.75 * expected + 0.5
    assert_close(sums, expected, 2 + np.abs(start))


def test_as_many_sums_as_the_tile_has(dtype):
    assert sums_size(dtype) == ROWS * VECTORS * lanes_of(dtype)
