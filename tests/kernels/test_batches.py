"""Shuffling and gathering."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels.batches import gather, gather_labels, scatter, shuffle
from fastnn.kernels.jit import JIT_ENABLED

from ..comparing import assert_close, assert_same_bits, canaries, exact
from ..reference import batches as reference
from ..reference.random import splitmix64

SEEDS = st.integers(0, 2**32 - 1)
FEATURES = st.sampled_from([1, 2, 3, 15, 16, 17, 31, 32, 33, 255, 256, 257])


def shuffled(size, seed, step):
    order = np.full(size, -1, np.int64)
    shuffle(order, seed, step)
    return order


@given(size=st.integers(0, 300), seed=st.integers(0, 2**62), step=st.integers(0, 10**9))
def test_a_shuffle_is_a_permutation_whatever_stood_there(size, seed, step):
    with canaries() as place:
        order = place(np.full(size, -7, np.int64))
        shuffle(order, seed, step)
    np.testing.assert_array_equal(np.sort(order), np.arange(size))
    np.testing.assert_array_equal(order, shuffled(size, seed, step))


def test_shuffle_is_inside_out_fisher_yates():
    seed, step, size = 123, 4, 50
    key = splitmix64(splitmix64(np.uint64(seed)) ^ np.uint64(step))
    with np.errstate(over="ignore"):
        draws = splitmix64(key + splitmix64(np.arange(1, size + 1)))
    order = []
    for i in range(size):
        j = (int(draws[i]) >> 32) * (i + 1) >> 32
        order.append(i)
        order[i], order[j] = order[j], i
    np.testing.assert_array_equal(shuffled(size, seed, step), order)


def test_seed_and_step_make_orders_of_their_own():
    orders = {(s, e): tuple(shuffled(30, s, e)) for s in (0, 1, 2, 2**40, 2**62) for e in (0, 1, 2, 100)}
    assert len(set(orders.values())) == len(orders)
    for order in orders.values():  # neighbours do not resemble each other either: one fixed point is usual
        assert sum(place == sample for place, sample in enumerate(order)) < 8
        for other in orders.values():
            assert order is other or sum(a == b for a, b in zip(order, other, strict=True)) < 8


def test_all_permutations_are_equally_likely():
    """Chi-square with 23 degrees of freedom: above 60 by chance in 4 of 100,000 cases, and the seeds are fixed."""
    draws = 24 * (500 if JIT_ENABLED else 50)
    order, counts = np.empty(4, np.int64), Counter()
    for seed in range(draws // 24):
        for epoch in range(24):
            shuffle(order, seed, epoch)
            counts[tuple(order.tolist())] += 1
    assert set(counts) == set(permutations(range(4)))
    expected = draws / 24
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 60


def test_every_sample_reaches_every_place():
    """Each of 100 places of a sample is expected 40 times; 6 standard deviations are 38."""
    counts = np.zeros((20, 20), int)
    for seed in range(800):
        counts[np.arange(20), shuffled(20, seed, 0)] += 1
    assert abs(counts - 40).max() < 38


@given(seed=SEEDS, rows=st.sampled_from([1, 2, 9]), features=FEATURES, scale=st.sampled_from([1.0, 1 / 255, -3.0]),
       offset=st.sampled_from([0.0, -0.5]), pixels=st.booleans())  # fmt: skip
def test_gather(dtype, seed, rows, features, scale, offset, pixels):
    rng = np.random.default_rng(seed)
    source = rng.integers(0, 256, (12, features), np.uint8) if pixels else rng.normal(size=(12, features)).astype(dtype)
    order = rng.integers(12, size=14)  # a sample may come twice
    with canaries() as place:
        x = place(np.full((rows, features + 3), np.nan, dtype))
        gather(x, place(source, kept=True), place(order, kept=True), 4, scale, offset)
    expected = reference.gather(exact(source), order[4 : 4 + rows], scale, offset, np.float64)
    assert_close(x[:, :features], expected, np.abs(scale * exact(source[order[4 : 4 + rows]])) + abs(offset))
    assert np.isnan(x[:, features:]).all()


def test_gather_without_scaling_copies_bits(dtype):
    source = np.array([[np.nan, np.inf, -np.inf], [0, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max]], dtype)
    x = np.zeros((2, 3), dtype)
    gather(x, source, np.array([1, 0]), 0, 1.0, 0.0)
    np.testing.assert_array_equal(x, source[::-1])


def test_every_byte(dtype):
    source = np.arange(256, dtype=np.uint8).reshape(1, -1)
    x = np.zeros((1, 256), dtype)
    gather(x, source, np.zeros(1, np.int64), 0, 1 / 255, 0.0)
    assert_close(x[0], np.arange(256) / 255)
    assert x[0, 255] == 1 or dtype == np.float64  # 255 (1 / 255) rounds to 1 in float32


def test_the_rows_of_a_batch_do_not_depend_on_how_threads_share_them(dtype, rng):
    source, order = rng.normal(size=(40, 33)).astype(dtype), rng.permutation(40)
    whole, parts = np.zeros((17, 33), dtype), np.zeros((17, 33), dtype)
    gather(whole, source, order, 5, 0.3, 0.1)
    for start in range(0, 17, 4):
        gather(parts[start : start + 4], source, order, 5 + start, 0.3, 0.1)
    assert_same_bits(parts, whole)


@pytest.mark.parametrize("rows", [1, 5])
def test_gather_labels(rows, rng):
    source, order = rng.integers(0, 10, 20), rng.permutation(20)
    with canaries() as place:
        labels = place(np.full(rows, -1))
        gather_labels(labels, place(source, kept=True), place(order, kept=True), 3)
    np.testing.assert_array_equal(labels, source[order[3 : 3 + rows]])


@given(seed=SEEDS, rows=st.sampled_from([1, 2, 9]), columns=FEATURES)
def test_scatter(dtype, seed, rows, columns):
    """The padding of y stays behind, and rows that are not named stay as they were."""
    rng = np.random.default_rng(seed)
    y, order = rng.normal(size=(rows, columns + 3)).astype(dtype), rng.permutation(12)
    with canaries() as place:
        predictions = place(np.full((12, columns), 7, dtype))
        scatter(predictions, place(y, kept=True), place(order, kept=True), 2)
    expected = np.full((12, columns), 7, dtype)
    expected[order[2 : 2 + rows]] = y[:, :columns]
    assert_same_bits(predictions, expected)
