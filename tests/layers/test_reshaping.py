"""Reshape and zero padding beyond the rows of `cases.py`, and what drops whole channels."""

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.kernels import dropout, padding

from ..comparing import assert_same_bits, canaries
from ..reference import dropout as dropout_reference

# ---------------------------------------------------------------------------------------------------------------------
# Reshape.


@pytest.mark.parametrize(
    ("shape", "target", "expected"),
    [
        ((784,), (28, 28, 1), (28, 28, 1)),
        ((784,), (28, -1), (28, 28)),
        ((4, 6), (-1,), (24,)),
        ((4, 6), [2, 2, 2, -1], (2, 2, 2, 3)),
        ((5,), (5, -1), (5, 1)),
    ],
)
def test_reshape(shape, target, expected):
    layer = layers.Reshape(target)
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    y = layer(x)
    assert layer.compute_output_shape((None, *shape)) == (None, *expected)
    assert_same_bits(y, x.reshape(3, *expected))
    assert_same_bits(layer.backward(y), x)


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (28, TypeError, r"target_shape must be a tuple such as \(28, 28, 1\), received 28"),
        ((), TypeError, r"target_shape must be a tuple such as \(28, 28, 1\), received \(\)"),
        ((2, 0), ValueError, "target_shape must be at least 1, received 0"),
        ((2, -2), ValueError, "target_shape must be at least 1, received -2"),
        ((2.0, 2), TypeError, "target_shape must be an integer of at least 1, received 2.0"),
        ((-1, 2, -1), ValueError, r"target_shape must have at most one -1, received \(-1, 2, -1\)"),
    ],
)
def test_bad_targets(target, error, message):
    with pytest.raises(error, match=message):
        layers.Reshape(target)


@pytest.mark.parametrize("target", [(3, 5), (3, -1), (2, 2), (32, -1)])
def test_targets_that_do_not_fit(target):
    message = rf"layer r \(Reshape\) makes samples of shape \({target[0]}, {target[1]}\), received inputs of shape "
    with pytest.raises(ValueError, match=message + r"\(None, 4, 4\), whose samples have 16 numbers"):
        fastnn.Sequential([fastnn.Input((4, 4)), layers.Reshape(target, name="r")])


def test_images_of_rows_are_convolved_and_pooled_alike():
    """A layer after Reshape sees the shape that it made, also in the compiled program."""
    x = np.random.default_rng(0).normal(size=(5, 24)).astype(np.float32)
    rows = fastnn.Sequential([fastnn.Input((24,)), layers.Reshape((4, 3, 2)), layers.MaxPooling2D((2, 1))])
    images = fastnn.Sequential([fastnn.Input((4, 3, 2)), layers.MaxPooling2D((2, 1))])
    assert_same_bits(rows.predict(x), images.predict(x.reshape(5, 4, 3, 2)))
    assert rows.predict(x).shape == (5, 2, 3, 2)


# ---------------------------------------------------------------------------------------------------------------------
# Zero padding.


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (1, ((1, 1), (1, 1))),
        ((1, 2), ((1, 1), (2, 2))),
        (((0, 1), [2, 3]), ((0, 1), (2, 3))),
        (0, ((0, 0), (0, 0))),
    ],
)
def test_padding_is_kept_as_keras_has_it(given, kept):
    layer = layers.ZeroPadding2D(given)
    assert layer.padding == kept
    x = np.arange(1.0, 13).reshape(1, 2, 3, 2)
    np.testing.assert_array_equal(layer(x), np.pad(x, ((0, 0), *kept, (0, 0))))
    assert layers.ZeroPadding2D.from_config(layer.get_config()).padding == kept


def test_padding_of_sequences():
    x = np.arange(1.0, 7).reshape(1, 3, 2)
    assert layers.ZeroPadding1D()(x)[0].tolist() == [[0, 0], [1, 2], [3, 4], [5, 6], [0, 0]]
    layer = layers.ZeroPadding1D((0, 1))
    assert layer(x)[0].tolist() == [[1, 2], [3, 4], [5, 6], [0, 0]]
    assert layer.backward(np.arange(8.0).reshape(1, 4, 2))[0].tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.ZeroPadding2D(-1), ValueError, "padding must be at least 0, received -1"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), ValueError, r"padding must be .*, received \(1, 2, 3\)"),
        (lambda: layers.ZeroPadding2D(((1, 2, 3), 1)), ValueError, r"padding must be .*, received \(1, 2, 3\)"),
        (lambda: layers.ZeroPadding2D("same"), TypeError, "padding must be an integer of at least 0, received 'same'"),
        (lambda: layers.ZeroPadding1D((1, 2, 3)), ValueError, r"padding must be .*, received \(1, 2, 3\)"),
    ],
)
def test_bad_padding(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_padding_wants_images():
    with pytest.raises(ValueError, match=r"layer z \(ZeroPadding2D\) expects .* received \(None, 5, 5\)"):
        fastnn.Sequential([fastnn.Input((5, 5)), layers.ZeroPadding2D(name="z")])


def test_padding_kernels_write_their_numbers_and_nothing_else(dtype):
    x = np.random.default_rng(0).normal(size=(2, 6)).astype(dtype)  # 2 lines of 3
    with canaries() as place:
        y, x_rows = place(np.full((2, 4 * 7 + 3), 77, dtype)), place(x, kept=True)
        padding.zero_padding_forward(y, x_rows, 2, 3, 1, 2, 4, 7)
    expected = np.pad(x.reshape(2, 2, 3), ((0, 0), (1, 1), (2, 2))).reshape(2, -1)
    assert_same_bits(np.ascontiguousarray(y[:, :-3]), expected)
    assert (y[:, -3:] == 77).all()
    with canaries() as place:
        dx, dy_rows = place(np.full((2, 8), 77, dtype)), place(y, kept=True)
        padding.zero_padding_backward(dx, dy_rows, 2, 3, 1, 2, 7)
    assert_same_bits(np.ascontiguousarray(dx[:, :-2]), x)
    assert (dx[:, -2:] == 77).all()


# ---------------------------------------------------------------------------------------------------------------------
# Spatial dropout.


def test_whole_channels_are_dropped():
    x = np.random.default_rng(0).uniform(1, 2, (40, 3, 4, 21)).astype(np.float32)
    layer = layers.SpatialDropout2D(0.25, seed=3)
    y = layer(x, training=True)
    kept = (y != 0).reshape(40, 12, 21)
    assert (kept.all(axis=1) == kept.any(axis=1)).all()
    assert 0.7 < kept.mean() < 0.8
    assert len({tuple(row) for row in kept[:, 0]}) == 40  # each sample has a mask of its own
    np.testing.assert_allclose(y[y != 0], x[y != 0] / 0.75, rtol=1e-6)
    np.testing.assert_array_equal(layer.backward(x), y)  # the same mask on the way back
    assert ((layer(x, training=True) != 0) != (y != 0)).any()  # another one in the next step
    assert_same_bits(layer(x), x)
    assert_same_bits(layers.SpatialDropout2D(0.0)(x, training=True), x)


def test_sequences_lose_channels_too():
    y = layers.SpatialDropout1D(0.5, seed=1)(np.ones((8, 5, 6)), training=True)
    assert (y == y[:, :1]).all()
    assert set(np.unique(y)) == {0, 2}


def test_channels_are_drawn_as_dropout_draws_units(dtype):
    """A function of (seed, step, sample, channel), so that any part of a batch can be computed alone."""
    x = np.random.default_rng(0).normal(size=(7, 4, 19)).astype(dtype)
    expected = dropout_reference.keep_mask(0.4, 9, 6, 100, 7, 19)
    for special, (sample, channel) in zip([np.nan, np.inf], np.argwhere(~expected)[[0, -1]], strict=True):
        x[sample, 1, channel] = special  # what is dropped is gone
    with canaries() as place:
        y, factors = place(x.reshape(7, -1)), place(np.full(19, np.nan, dtype))
        dropout.drop_channels(y, factors, 0.4, 9, 6, 100, 4, 19)
    kept = np.repeat(expected[:, np.newaxis], 4, axis=1)
    got = y.reshape(x.shape)
    np.testing.assert_allclose(got[kept], x[kept] / 0.6, rtol=1e-6)
    assert (got[~kept] == 0).all()
    units = layers.Dropout(0.4, seed=9)(np.ones((3, 19)), training=True)
    channels = layers.SpatialDropout1D(0.4, seed=9)(np.ones((3, 1, 19)), training=True)
    assert_same_bits(np.ascontiguousarray(channels[:, 0]), units)


@pytest.mark.parametrize("rate", [-0.1, 1, np.nan])
def test_bad_rates(rate):
    with pytest.raises(ValueError, match=r"rate must be a finite number in \[0, 1\)"):
        layers.SpatialDropout2D(rate)
