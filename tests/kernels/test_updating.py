"""The kernels of what a step does besides gradient and equation, against `reference/updating.py`."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels import updating as kernels

from ..comparing import assert_close, assert_same_bits, canaries, exact
from ..reference import updating as reference

SIZES = st.sampled_from([1, 2, 3, 7, 8, 9, 16, 31, 63, 64, 65, 127, 128, 129, 500, 1000])
LENGTHS = st.sampled_from([1, 2, 3, 8, 17, 63, 64, 65, 130])
SEEDS = st.integers(0, 2**32 - 1)
FACTORS = st.sampled_from([(0.0, 0.0), (0.5, 0.0), (0.0, 0.25), (0.125, 2.0)])


# ---------------------------------------------------------------------------------------------------------------------
# Clipping and averages.


@given(seed=SEEDS, size=SIZES)
def test_sum_of_squares(dtype, seed, size):
    x = np.random.default_rng(seed).normal(size=size).astype(dtype)
    with canaries() as place:
        got = kernels.sum_of_squares(place(x, kept=True), place(np.full(kernels.LANES, np.nan, dtype)))
    assert_close(dtype.type(got), reference.sum_of_squares(exact(x)))


@given(seed=SEEDS, size=SIZES, largest=st.sampled_from([0.1, 1.0, 5.0, 100.0]))
def test_clipping_by_norm_and_by_value(dtype, seed, size, largest):
    g = np.random.default_rng(seed).normal(size=size).astype(dtype)
    with canaries() as place:
        by_norm, by_value = place(g), place(g)
        kernels.scale(by_norm, kernels.clip_factor(float(np.linalg.norm(exact(g))), largest))
        kernels.clip_values(by_value, largest)
    assert_close(by_norm, reference.clipped_norm(exact(g), largest))
    assert_close(by_value, reference.clip_values(exact(g), largest))


@given(seed=SEEDS, size=SIZES, momentum=st.sampled_from([0.0, 0.5, 0.99, 1.0]))
def test_average(dtype, seed, size, momentum):
    a, w = np.random.default_rng(seed).normal(size=(2, size)).astype(dtype)
    expected = reference.average(exact(a), exact(w), momentum)
    with canaries() as place:
        got = place(a)
        kernels.average(got, place(w, kept=True), momentum)
    assert_close(got, expected, np.abs(exact(a)) + np.abs(exact(w)))


def test_factors_of_what_is_not_finite():
    assert kernels.clip_factor(np.inf, 1.0) == 0
    assert np.isnan(kernels.clip_factor(np.nan, 1.0))
    assert kernels.clip_factor(0.0, 1.0) == kernels.clip_factor(1.0, 1.0) == 1
    g = np.array([np.nan, np.inf, -np.inf, 0.5])
    kernels.clip_values(g, 1.0)
    np.testing.assert_array_equal(g, [np.nan, 1, -1, 0.5])


# ---------------------------------------------------------------------------------------------------------------------
# Constraints.


@given(seed=SEEDS, rows=LENGTHS, columns=LENGTHS)
def test_norm_of_columns(dtype, seed, rows, columns):
    w = np.random.default_rng(seed).normal(size=(rows, columns)).astype(dtype)
    numbers = 0.5, 2.0, 0.75
    with canaries() as place:
        got, lanes = place(w), place(np.full(kernels.LANES, np.nan, dtype))
        for first in range(0, columns, kernels.LANES):
            kernels.norm_of_columns(got, first, min(kernels.LANES, columns - first), 1, *numbers, lanes)
    assert_close(got, reference.constrained_norm(exact(w), *numbers))


@given(seed=SEEDS, size=LENGTHS)
def test_norm_of_all(dtype, seed, size):
    w = np.random.default_rng(seed).normal(size=size).astype(dtype)
    with canaries() as place:
        got, lanes = place(w), place(np.full(kernels.LANES, np.nan, dtype))
        kernels.norm_of_all(got, 0.0, 0.5, 1.0, lanes)
    assert_close(got, reference.constrained_norm(exact(w), 0, 0.5))


@given(seed=SEEDS, size=LENGTHS)
def test_non_negative(dtype, seed, size):
    w = np.random.default_rng(seed).normal(size=size).astype(dtype)
    with canaries() as place:
        got = place(w)
        kernels.non_negative(got)
    assert_same_bits(got, reference.non_negative(w))
