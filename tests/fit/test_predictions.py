"""predict, and models that are called: the same numbers by every way, for samples of any shape."""

import numpy as np
import pytest

import fastnn
from fastnn import layers

from ..small_models import CLASSES, dense, samples, uncompiled


def test_predictions_do_not_depend_on_how_they_are_asked_for():
    model, x = uncompiled(), samples(700)
    expected = model.predict(x)
    assert expected.dtype == np.float32
    assert expected.shape == (700, CLASSES)
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-6)
    for batch_size in (1, 7, 10_000):
        np.testing.assert_array_equal(model.predict(x, batch_size=batch_size), expected)
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(model.predict_on_batch(x), expected)
    np.testing.assert_array_equal(model.forward(x), expected)
    for rows in (1, 2, 8, 9):  # few samples go a shorter way
        np.testing.assert_array_equal(model(x[:rows]), expected[:rows])


def test_predictions_are_the_callers_own():
    model, x = uncompiled(), samples(4)
    first = model(x)
    kept = first.copy()
    second = model(-x)
    np.testing.assert_array_equal(first, kept)
    first[...] = 0
    np.testing.assert_array_equal(model(-x), second)


def test_calling_while_training_drops_units():
    model = fastnn.Sequential([fastnn.Input((200,)), layers.Dropout(0.5, seed=1)])
    x = np.ones((3, 200), np.float32)
    np.testing.assert_array_equal(model(x), x)
    dropped = model(x, training=True)
    assert set(np.unique(dropped)) == {0, 2}


def test_models_that_only_reshape_or_rescale():
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    flat = fastnn.Sequential([fastnn.Input((3, 4)), layers.Flatten()])
    np.testing.assert_array_equal(flat.predict(x), x.reshape(2, 12))
    scaled = fastnn.Sequential([fastnn.Input((3, 4)), layers.Rescaling(0.5, 1.0)])
    np.testing.assert_array_equal(scaled.predict(x), x * np.float32(0.5) + 1)
    assert scaled.predict(x).shape == (2, 3, 4)


LAYERS_OF_IMAGES = [
    layers.ReLU, layers.LeakyReLU, layers.Sigmoid, layers.Tanh, layers.Softmax, layers.Flatten,
    lambda: layers.Rescaling(0.5, 1.0), lambda: layers.Dropout(0.3, seed=1), lambda: layers.GaussianNoise(0.3, seed=1),
]  # fmt: skip


@pytest.mark.parametrize("make", LAYERS_OF_IMAGES)
def test_layers_of_images(make):
    """The softmax is along the last axis, not over the whole image; noise is the same in fit and by hand."""
    x = np.random.default_rng(1).normal(size=(6, 4, 3)).astype(np.float32)
    layer = make()
    model = fastnn.Sequential([fastnn.Input((4, 3)), layer, layers.Flatten(), dense(2, None, 1)])
    np.testing.assert_array_equal(model.predict(x), model.forward(x))
    if isinstance(layer, layers.Softmax):
        np.testing.assert_allclose(fastnn.Sequential([layer]).predict(x).sum(axis=-1), np.ones((6, 4)), rtol=1e-6)
    model.compile("sgd", "mse")
    loss = fastnn.losses.MeanSquaredError()
    by_hand = loss(np.zeros((6, 2)), model.forward(x, training=True))
    layer.step = 0  # it has counted that one
    assert model.train_on_batch(x, np.zeros((6, 2))) == pytest.approx(by_hand, rel=1e-6)
