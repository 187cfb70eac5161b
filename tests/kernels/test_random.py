"""The counter-based random numbers: the same bits as in NumPy, and random as far as a look at them can tell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels import random as kernels

from ..reference import random as reference

WORDS = st.integers(0, 2**64 - 1)


@given(counter=WORDS)
def test_splitmix64(counter):
    assert int(kernels.splitmix64(np.uint64(counter))) == int(reference.splitmix64(np.uint64(counter)))


def test_splitmix64_is_the_published_generator():
    """The first outputs for seed 0 that other implementations give, among them Java's SplittableRandom."""
    first = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]
    assert [int(kernels.splitmix64(n)) for n in range(1, 5)] == first


@given(counter=st.integers(0, 2**32 - 1))
def test_lowbias32(counter):
    assert int(kernels.lowbias32(np.uint32(counter))) == int(reference.lowbias32(np.uint32(counter)))


@given(seed=st.integers(0, 2**62), step=st.integers(0, 2**40), sample=st.integers(0, 2**40), unit=st.integers(0, 2**31))
def test_unit_bits(seed, step, sample, unit):
    bits = kernels.unit_bits(np.uint64(kernels.row_key(seed, step, sample)), unit)
    assert int(bits) == int(reference.unit_bits(seed, step, np.array([sample]), np.array([unit]))[0, 0])


@given(bits=WORDS, n=st.integers(1, 2**32 - 1))
def test_below(bits, n):
    assert int(kernels.below(np.uint64(bits), n)) == (bits >> 32) * n >> 32


def test_below_reaches_both_ends():
    assert kernels.below(np.uint64(0), 7) == 0
    assert kernels.below(np.uint64(2**64 - 1), 7) == 6


def bits_of(seeds=1, steps=1, samples=1, units=1):
    """As 0 and 1: (what varies, 32)."""
    rows = [
        reference.unit_bits(seed, step, np.arange(samples), np.arange(units)).reshape(-1)
        for seed in range(seeds)
        for step in range(steps)
    ]
    return (np.concatenate(rows)[:, np.newaxis] >> np.arange(32, dtype=np.uint32)) & 1


@pytest.mark.parametrize("varied", ["seeds", "steps", "samples", "units"])
def test_neighbours_share_half_of_their_bits(varied):
    """Of two neighbours, whichever number tells them apart, each bit differs in half of the cases."""
    bits = bits_of(**{varied: 4000})
    limit = 6 * np.sqrt(0.25 / 4000)  # standard deviations of a share
    assert abs(bits.mean(axis=0) - 0.5).max() < limit
    for distance in (1, 2, 16):
        assert abs((bits[distance:] ^ bits[:-distance]).mean(axis=0) - 0.5).max() < limit


def test_rows_and_columns_of_a_mask_are_independent():
    uniform = reference.unit_bits(3, 1, np.arange(200), np.arange(300)) / 2**32
    assert abs(np.corrcoef(uniform) - np.eye(200)).max() < 6 / np.sqrt(300)
    assert abs(np.corrcoef(uniform.T) - np.eye(300)).max() < 6 / np.sqrt(200)


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_units_of_neighbouring_samples_are_no_shifted_copies(distance):
    bits = reference.unit_bits(0, 1, np.arange(50), np.arange(200))
    for sample in range(50 - distance):
        assert np.intersect1d(bits[sample], bits[sample + distance]).size <= 1
