"""The kernels of penalties, against `reference/updating.py`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels import penalties as kernels

from ..comparing import assert_close, canaries, exact
from ..reference import updating as reference

SIZES = st.sampled_from([1, 2, 3, 7, 8, 9, 16, 31, 63, 64, 65, 127, 128, 129, 500, 1000])
SEEDS = st.integers(0, 2**32 - 1)
FACTORS = st.sampled_from([(0.0, 0.0), (0.5, 0.0), (0.0, 0.25), (0.125, 2.0)])


@given(seed=SEEDS, size=SIZES, factors=FACTORS)
def test_penalty(dtype, seed, size, factors):
    w = np.random.default_rng(seed).normal(size=size).astype(dtype)
    with canaries() as place:
        w, lanes = place(w, kept=True), place(np.full(kernels.LANES, np.nan, dtype))
        got = kernels.penalty(w, *factors, lanes)
    assert isinstance(got, float)
    assert_close(dtype.type(got), reference.penalty(exact(w), *factors))


@given(seed=SEEDS, size=SIZES, factors=FACTORS)
def test_penalty_backward(dtype, seed, size, factors):
    rng = np.random.default_rng(seed)
    w, g = rng.normal(size=(2, size)).astype(dtype)
    w[rng.random(size) < 0.2] = 0
    expected, own = exact(g) + reference.penalty_backward(exact(w), *factors), np.abs(exact(g))
    with canaries() as place:
        g, w = place(g), place(w, kept=True)
        kernels.penalty_backward(g, w, *factors)
    assert_close(g, expected, own + np.abs(expected))


def test_penalty_backward_is_the_derivative(rng):
    w = rng.normal(size=40) + 3 * rng.choice([-1, 1], size=40)
    g, lanes, h = np.zeros(40), np.zeros(kernels.LANES), 1e-6
    kernels.penalty_backward(g, w, 0.3, 0.7)
    for i in range(40):
        high, low = w.copy(), w.copy()
        high[i] += h
        low[i] -= h
        slope = (kernels.penalty(high, 0.3, 0.7, lanes) - kernels.penalty(low, 0.3, 0.7, lanes)) / (2 * h)
        np.testing.assert_allclose(g[i], slope, rtol=1e-6)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_penalty_of_what_is_not_finite(dtype, wrong):
    w, lanes = np.ones(100, dtype), np.zeros(kernels.LANES, dtype)
    w[70] = wrong
    assert not np.isfinite(kernels.penalty(w, 0.0, 1.0, lanes))
    assert not np.isfinite(kernels.penalty(w, 1.0, 0.0, lanes))
    w[70] = 1
    assert kernels.penalty(w, 1.0, 0.0, lanes) == 100
