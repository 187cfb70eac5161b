"""Dropout and Gaussian noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn import layers
from fastnn.kernels.dropout import dropout, gaussian_noise

from ..comparing import assert_close, assert_same_bits, canaries, exact
from ..reference import dropout as reference
from ..reference.random import unit_bits

SEEDS = st.integers(0, 2**62)
STEPS = st.integers(1, 10**6)
ROWS = st.sampled_from([1, 2, 9])
FEATURES = st.sampled_from([1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 256, 257])


def padded(rng, rows, features, dtype):
    x = np.full((rows, features + 3), np.nan, dtype)
    x[:, :features] = rng.normal(size=(rows, features))
    return x


@given(seed=SEEDS, step=STEPS, first=st.integers(0, 1000), rows=ROWS, features=FEATURES,
       rate=st.sampled_from([0.0, 0.1, 0.5, 0.999]))  # fmt: skip
def test_dropout(dtype, seed, step, first, rows, features, rate):
    x = padded(np.random.default_rng(1), rows, features, dtype)
    with canaries() as place:
        y = place(x)
        dropout(y, rate, seed, step, first, features)
    keep = reference.keep_mask(rate, seed, step, first, rows, features)
    assert_close(y[:, :features], reference.dropout_forward(exact(x[:, :features]), keep, rate))
    assert np.isnan(y[:, features:]).all()


@given(seed=SEEDS, step=STEPS, first=st.integers(0, 1000), rows=ROWS, features=FEATURES)
def test_gaussian_noise(dtype, seed, step, first, rows, features):
    x = padded(np.random.default_rng(1), rows, features, dtype)
    with canaries() as place:
        y = place(x)
        gaussian_noise(y, 0.5, seed, step, first, features)
    noise = reference.noise(seed, step, first, rows, features)
    expected = reference.gaussian_noise_forward(exact(x[:, :features]), noise, 0.5)
    # The normal numbers are Giles' single-precision ones in either type.
    assert_close(y[:, :features], expected, np.abs(x[:, :features]) + np.abs(noise), tolerance=1e-6)
    assert np.isnan(y[:, features:]).all()


@pytest.mark.parametrize("kernel", [dropout, gaussian_noise])
def test_any_part_of_a_batch_can_be_computed_alone(kernel, dtype, rng):
    x = rng.normal(size=(17, 65)).astype(dtype)
    whole, parts = x.copy(), x.copy()
    kernel(whole, 0.3, 5, 2, 0, 65)
    for start in range(0, 17, 4):
        kernel(parts[start : start + 4], 0.3, 5, 2, start, 65)
    assert_same_bits(parts, whole)
    fewer = np.ascontiguousarray(x[:, :33])
    kernel(fewer, 0.3, 5, 2, 0, 33)
    assert_same_bits(fewer, np.ascontiguousarray(whole[:, :33]))


def test_the_same_mask_in_either_type_and_for_the_gradient():
    masks = []
    for dtype in (np.float32, np.float64):
        y = np.ones((20, 30), dtype)
        dropout(y, 0.4, 9, 3, 0, 30)
        masks.append(y > 0)
    np.testing.assert_array_equal(*masks)
    assert masks[0].any()
    assert not masks[0].all()


@pytest.mark.parametrize("changed", ["seed", "step", "first"])
def test_seed_step_and_sample_each_change_the_mask(changed, dtype):
    numbers = {"seed": 1, "step": 1, "first": 0}
    masks = []
    for numbers[changed] in (5, 6):
        y = np.ones((1, 400), dtype)
        dropout(y, 0.5, numbers["seed"], numbers["step"], numbers["first"], 400)
        masks.append(y[0] > 0)
    assert 130 < (masks[0] != masks[1]).sum() < 270  # 200 are expected, 7 standard deviations either way


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.25, 0.5, 0.9])
def test_the_share_that_is_dropped_and_the_sum_that_is_kept(dtype, rate):
    y = np.ones((60, 300), dtype)
    dropout(y, rate, 2, 1, 0, 300)
    assert abs((y == 0).mean() - rate) <= 6 * np.sqrt(rate * (1 - rate) / y.size)
    kept = y[y != 0]
    assert_close(kept, np.full(kept.size, 1 / (1 - rate)))


def test_a_rate_of_zero_drops_nothing(dtype):
    """Nor the unit whose random bits are all zeros."""
    assert (unit_bits(0, 77, np.array([99]), np.array([222])) >> np.uint32(8)).item() == 0
    y = np.ones((1, 223), dtype)
    dropout(y, 0.0, 0, 77, 99, 223)
    assert (y == 1).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_kept_stays_visible_and_what_is_dropped_is_gone(dtype, wrong):
    y = np.full((1, 200), wrong, dtype)
    dropout(y, 0.5, 0, 1, 0, 200)
    keep = reference.keep_mask(0.5, 0, 1, 0, 1, 200)
    np.testing.assert_array_equal(y, np.where(keep, wrong, 0))


def test_noise_has_the_moments_of_a_normal_distribution():
    noise = np.zeros((100, 200), np.float32)
    gaussian_noise(noise, 1.0, 0, 1, 0, 200)
    noise = noise.astype(np.float64)
    root = np.sqrt(noise.size)
    assert abs(noise.mean()) < 6 / root
    assert abs((noise**2).mean() - 1) < 6 * np.sqrt(2) / root
    assert abs((noise**3).mean()) < 6 * np.sqrt(15) / root
    assert abs((noise**4).mean() - 3) < 6 * np.sqrt(96) / root


# Found by trying: where the random bits are all ones, and all zeros. One in 16 million is not rare: MNIST has three
# an epoch.
@pytest.mark.parametrize(("step", "sample", "unit", "sign"), [(92, 549, 78, 1), (77, 99, 222, -1)])
def test_noise_is_finite_at_the_ends_of_the_random_bits(dtype, step, sample, unit, sign):
    y = np.zeros((1, unit + 1), dtype)
    gaussian_noise(y, 1.0, 0, step, sample, unit + 1)
    assert 5 < sign * y[0, unit] < 6
    assert abs(reference.noise(0, step, sample, 1, unit + 1)[0, unit] - y[0, unit]) < 1e-4


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_noise_leaves_nan_and_infinity_visible(dtype, wrong):
    y = np.zeros((3, 65), dtype)
    y[1, 40] = wrong
    gaussian_noise(y, 0.5, 0, 1, 0, 65)
    np.testing.assert_equal(float(y[1, 40]), wrong)
    assert np.isfinite(y).sum() == y.size - 1


@pytest.mark.parametrize("make", [lambda: layers.Dropout(0.5), lambda: layers.GaussianNoise(0.5)])
def test_outside_training_a_layer_gives_what_it_gets(make, rng):
    for shape in [(4, 3), (7,), (0, 3), (2, 3, 4)]:
        layer, x = make(), rng.normal(size=shape)
        assert_same_bits(layer(x), x.astype("float32"))
        assert_same_bits(layer.backward(x), x.astype("float32"))


@pytest.mark.parametrize("make", [layers.Dropout, layers.GaussianNoise, layers.SpatialDropout1D])
def test_a_new_seed_counts_from_the_next_step_on(make, rng):
    x = rng.normal(size=(4, 5, 6))
    layer, other = make(0.5, seed=1), make(0.5, seed=2)
    layer(x, training=True)
    layer.seed, layer.step = other.seed, 0
    assert_same_bits(layer(x, training=True), other(x, training=True))
