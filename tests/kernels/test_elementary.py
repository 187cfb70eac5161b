"""exp, log, tanh and the rest against NumPy in float64, over all that the float types can hold."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels import elementary
from fastnn.kernels.jit import FASTMATH, JIT_ENABLED
from fastnn.kernels.processor import HAS_FMA

from ..comparing import assert_same_bits, exact
from ..reference import elementary as reference

NAMES = ["exp", "log", "log1p", "softplus", "tanh", "logistic", "normal_distribution"]
# In units in the last place; log1p, tanh and softplus are a division or a sum away from the two that they rest on, the
# normal distribution's tail is a product of three with a series whose terms change sign. Its exp(-x^2 / 2) is as exact
# as that only where x^2 can be had exactly.
ULPS = {"exp": 2, "log": 2, "log1p": 4, "softplus": 4, "tanh": 4, "logistic": 4}
ULPS["normal_distribution"] = 8 if JIT_ENABLED and HAS_FMA else 1000

_loops = {}


def apply(name, x):
    """The scalar function in a loop as a kernel has it: vectorised but for its end."""
    if name not in _loops:
        function = getattr(elementary, name)

        @numba.njit(fastmath=FASTMATH, error_model="numpy")
        def loop(y, x):
            for i in range(x.size):
                y[i] = function(x[i])

        _loops[name] = loop
    y = np.empty_like(x)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # where the JIT is off
        _loops[name](y, x)
    return y


def domain(name, dtype):
    """Where the function is neither infinite nor 0, by order of magnitude and close to where it is delicate."""
    largest = float(np.finfo(dtype).max)
    points = [np.geomspace(float(np.finfo(dtype).tiny), largest / 2, 2000)]
    points += [np.linspace(-12, 12, 2001), np.linspace(0.5, 2, 2001), 1 + np.geomspace(1e-16, 1e-2, 200)]
    x = np.concatenate(points)
    if name in ("exp", "tanh", "logistic", "softplus", "normal_distribution"):
        limit = np.log(largest) - 1
        x = np.concatenate([x[x < limit], -x[x < limit], np.linspace(-limit, limit, 5001)])
    elif name == "log1p":
        x = np.concatenate([x, -np.geomspace(1e-30, 0.999, 2000)])
        x = x[x > -1]
    else:
        x = x[x > 0]
    return np.unique(x.astype(dtype))


def assert_within_ulps(got, expected, ulps):
    """Both finite or both the same. A result below the smallest normal number may be rounded to 0."""
    special = ~np.isfinite(expected) | ~np.isfinite(got)
    np.testing.assert_array_equal(got[special], expected[special])
    got, expected = got[~special], expected[~special]
    limits = np.finfo(got.dtype)
    error = np.abs(got.astype(np.longdouble) - expected.astype(np.longdouble))
    units = np.spacing(np.minimum(np.abs(expected), limits.max / 2)).astype(np.longdouble)
    allowed = ulps * units + (np.abs(expected) < limits.tiny) * limits.tiny
    wrong = np.flatnonzero(error > allowed)
    assert wrong.size == 0, f"{wrong.size} wrong: got {got[wrong[:5]]!r}, expected {expected[wrong[:5]]!r}"


@pytest.mark.parametrize("name", NAMES)
def test_a_few_units_in_the_last_place(name, dtype):
    x = domain(name, dtype)
    assert_within_ulps(apply(name, x), getattr(reference, name)(x), ULPS[name])


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_any_float(name, dtype, data):
    width = 8 * dtype.itemsize
    values = data.draw(st.lists(st.floats(width=width), min_size=1, max_size=40))
    x = np.array(values, dtype)
    if name == "log1p":
        x = x[~(x < -1)]
    if x.size:
        assert_within_ulps(apply(name, x), getattr(reference, name)(x), ULPS[name])


@pytest.mark.parametrize("name", NAMES)
def test_special_values(name, dtype):
    infinity, nan = np.inf, np.nan
    values = {
        "exp": [infinity, 0, 1, 1, nan, 0, infinity],
        "log": [infinity, nan, -infinity, -infinity, nan, nan, np.log(1e4)],
        "log1p": [infinity, nan, 0, 0, nan, nan, np.log1p(1e4)],
        "softplus": [infinity, 0, np.log(2), np.log(2), nan, 0, 1e4],
        "tanh": [1, -1, 0, 0, nan, -1, 1],
        "logistic": [1, 0, 0.5, 0.5, nan, 0, 1],
        "normal_distribution": [1, 0, 0.5, 0.5, nan, 0, 1],
    }
    x = np.array([infinity, -infinity, 0.0, -0.0, nan, -1e4, 1e4], dtype)
    expected = np.array(values[name], dtype)
    for shift in range(len(x)):  # each at the vectorised places and at the others
        repeated = np.tile(np.roll(x, shift), 5)
        assert_within_ulps(apply(name, repeated), np.tile(np.roll(expected, shift), 5), 1)


@pytest.mark.parametrize("name", NAMES)
def test_near_zero_nothing_cancels(name, dtype):
    x = np.geomspace(1e-30, 1e-3, 500).astype(dtype)
    x = np.concatenate([-x, x]) if name != "log" else x
    assert_within_ulps(apply(name, x), getattr(reference, name)(x), ULPS[name])


def test_gradual_underflow_and_overflow_of_exp(dtype):
    limits = np.finfo(dtype)
    lowest, highest = np.log(float(limits.smallest_subnormal)), np.log(float(limits.max))
    x = np.linspace(lowest + 0.1, np.log(float(limits.tiny)), 300).astype(dtype)
    y, expected = exact(apply("exp", x)), exact(reference.exp(x))
    assert (np.abs(y - expected) <= 1.5 * float(limits.smallest_subnormal) + 4 * float(limits.eps) * expected).all()
    x = np.array([lowest - 1, highest - 1e-4, highest + 1e-3], dtype)
    assert apply("exp", x)[[0, 2]].tolist() == [0, np.inf]
    assert np.isfinite(apply("exp", x)[1])


@pytest.mark.parametrize("name", NAMES)
def test_bits_do_not_depend_on_where_an_element_stands(name, dtype):
    x = domain(name, dtype)
    whole = apply(name, x)
    for start, size in ((1, 1), (3, 7), (5, 16), (17, 31), (29, 64), (1, 1000)):
        part = x[start : start + size].copy()
        assert_same_bits(apply(name, part), whole[start : start + size])


def test_tanh_is_odd_and_logistic_monotonic(dtype):
    x = domain("tanh", dtype)
    np.testing.assert_array_equal(apply("tanh", -x), -apply("tanh", x))
    steps = np.diff(apply("logistic", np.linspace(-5, 5, 10001).astype(dtype)))
    assert (steps >= -np.finfo(dtype).eps).all()


def test_expm1_of_numbers_below_zero(dtype):
    x = -domain("exp", dtype)
    x = np.concatenate([x[x <= 0], np.array([0.0, -0.0, -1e4, -np.inf, np.nan], dtype)])
    assert_within_ulps(apply("expm1_negative", x), reference.expm1(x), 3)


def test_the_far_tail_of_the_normal_distribution(dtype):
    """Down to the smallest normal number, where the square in exp(-x^2 / 2) must not lose a bit."""
    lowest = -12.9 if dtype == np.float32 else -37.5
    x = np.linspace(lowest, -3, 5001).astype(dtype)
    y = apply("normal_distribution", x)
    assert y[0] < 100 * float(np.finfo(dtype).tiny)
    assert_within_ulps(y, reference.normal_distribution(x), ULPS["normal_distribution"])
