"""The kernels of every row of `cases.OPTIMIZERS`, by themselves and as the interpreter calls them."""

from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.engine.entries import optimizer_entry
from fastnn.engine.parameters import Parameter
from fastnn.engine.tables import weight_table
from fastnn.kernels.instructions import LEARNING_RATE, RATE
from fastnn.kernels.interpreter import optimize
from fastnn.kernels.optimizers import corrected_rate

from ..cases import OPTIMIZERS
from ..comparing import assert_close, assert_same_bits, canaries, exact
from ..reference import optimizers as reference

SIZES = st.sampled_from([1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 255, 256, 257])
SEEDS = st.integers(0, 2**32 - 1)

each_optimizer = pytest.mark.parametrize("case", OPTIMIZERS, ids=attrgetter("name"))


def start(case, rng, size, dtype):
    """Parameters, a gradient and the slots before the first step."""
    arrays = [rng.normal(size=size) for _ in range(2)] + [np.full(size, case.slot_start) for _ in range(case.slots)]
    return [a.astype(dtype) for a in arrays]


@each_optimizer
@given(seed=SEEDS, size=SIZES)
def test_steps_agree_with_the_reference(case, dtype, seed, size):
    rng = np.random.default_rng(seed)
    arrays = start(case, rng, size, dtype)
    expected = exact(*arrays)
    with canaries() as place:
        p, g, *slots = [place(a) for a in arrays]
        for step in range(1, 6):
            g[:] = rng.normal(size=size)
            before = g.copy()
            case.kernel(p, g, *slots, step=step)
            expected[1][:] = g
            case.reference(expected[0], expected[1], *expected[2:], step=step)
            np.testing.assert_array_equal(g, before)
    for got, wanted in zip([p, *slots], [expected[0], *expected[2:]], strict=True):
        assert_close(got, wanted, 1 + np.abs(wanted))


@each_optimizer
@given(seed=SEEDS, cut=st.integers(1, 40))
def test_bits_do_not_depend_on_where_a_parameter_stands(case, dtype, seed, cut):
    arrays = start(case, np.random.default_rng(seed), 150, dtype)
    whole, pieces = [a.copy() for a in arrays], [a.copy() for a in arrays]
    for step in (1, 2):
        case.kernel(*whole, step=step)
        for first in range(0, 150, cut):
            case.kernel(*(a[first : first + cut] for a in pieces), step=step)
    for got, wanted in zip(pieces, whole, strict=True):
        assert_same_bits(got, wanted)


@each_optimizer
def test_as_the_interpreter_calls_it(case, dtype, rng):
    """The object's kernel and numbers lead to the kernel's bits, in the middle of a weight and nowhere else."""
    size, at, count = 70, 13, 33
    p, g, *slots = start(case, rng, size, dtype)
    optimizer = case.make()
    assert optimizer.slot_count == case.slots
    assert optimizer.slot_start == case.slot_start
    weight, other = (Parameter("weight", array) for array in (p, p))
    weight.gradient[...] = g
    optimizer.build([other, weight])
    before = [array.copy() for array in (other.flat, *optimizer.slot_arrays([other]))]
    weights = weight_table([other, weight], dtype, slots=optimizer.slot_arrays([other, weight]))
    for step in (1, 2, 3):
        case.kernel(*(a[at : at + count] for a in (p, g, *slots)), step=step)
        hyper = optimizer.hyper()
        if case.name.startswith(("adam", "amsgrad")):
            hyper[RATE] = corrected_rate(hyper[LEARNING_RATE], 0.8, 0.95, step)
        optimize(weights, 1, at, count, at, optimizer_entry(optimizer.step_kernel, dtype), hyper)
    assert_same_bits(weight.value, p)
    assert_same_bits(weight.gradient, g)
    for got, wanted in zip(optimizer.slots_of(weight), slots, strict=True):
        assert_same_bits(got, wanted)
    for got, wanted in zip([other.flat, *optimizer.slot_arrays([other])], before, strict=True):
        assert_same_bits(got, wanted)


@each_optimizer
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nan_and_infinity_in_a_gradient_show_in_their_parameter_only(case, dtype, rng, wrong):
    for place in (0, 1, 31, 64):
        p, g, *slots = start(case, rng, 65, dtype)
        g[place] = wrong
        for step in (1, 2):
            case.kernel(p, g, *slots, step=step)
        np.testing.assert_array_equal(~np.isfinite(p), np.arange(65) == place)


@each_optimizer
def test_without_a_gradient_nothing_moves_but_by_decay(case, dtype, rng):
    p, g, *slots = start(case, rng, 65, dtype)
    g[:] = 0
    before = p.copy()
    case.kernel(p, g, *slots, step=1)
    if case.name == "adamw":
        assert_close(p, before * (1 - 0.5 * 0.01))
    else:
        assert_same_bits(p, before)


@each_optimizer
def test_tiny_gradients_do_no_harm(case, dtype, rng):
    """Squares of these underflow: epsilon has to keep the quotient finite."""
    p, g, *slots = start(case, rng, 65, dtype)
    g *= np.finfo(dtype).tiny
    before = p.copy()
    for step in range(1, 4):
        case.kernel(p, g, *slots, step=step)
    if case.name != "adamw":
        np.testing.assert_allclose(p, before, rtol=1e-6)
    assert np.isfinite(p).all()


@pytest.mark.parametrize("step", [1, 2, 10, 1000, 10**6, 10**9])
def test_corrected_rate(step):
    expected = reference._adam_rate(step, 0.01, 0.9, 0.999)
    np.testing.assert_allclose(corrected_rate(0.01, 0.9, 0.999, step), expected, rtol=1e-12)
