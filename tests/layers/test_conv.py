"""The convolution layers: in training, what they refuse, and in files. Their numbers are rows of `cases.py`."""

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.layers import Conv1D, Conv2D


def convnet(activation="relu", **options):
    """Two convolutions with a pooling in between, 6x5x2 to 3 classes."""
    fastnn.utils.set_random_seed(1)
    model = fastnn.Sequential([fastnn.Input((6, 5, 2))])
    model.add(Conv2D(4, 3, padding="same", activation=activation))
    model.add(layers.MaxPooling2D(2, strides=1))
    model.add(Conv2D(17, 2, strides=2, **options))
    model.add(layers.Flatten())
    model.add(layers.Dense(3, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def samples(rng, n=60):
    """Images of three classes, told apart by the place of a bright spot."""
    y = rng.integers(3, size=n)
    x = rng.normal(scale=0.1, size=(n, 6, 5, 2))
    x[np.arange(n), 1 + y, y, 0] += 1
    return x.astype(np.float32), y


def test_a_convnet_learns(rng):
    x, y = samples(rng, 300)
    model = convnet()
    model.fit(x, y, batch_size=32, epochs=20, verbose=0)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] > 0.98


def test_training_goes_on_after_loading_with_the_same_bits(rng, tmp_path):
    x, y = samples(rng)
    model = convnet("gelu", dilation_rate=1, use_bias=False)
    model.fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    model.save(tmp_path / "model.safetensors")
    other = fastnn.saving.load_model(tmp_path / "model.safetensors")
    for m in (model, other):
        m.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for got, wanted in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_a_frozen_convolution_passes_its_gradient_on(rng):
    x, y = samples(rng)
    model = convnet()
    model.layers[2].trainable = False
    before = model.get_weights()
    model.fit(x, y, batch_size=16, verbose=0)
    changed = [(a != b).any() for a, b in zip(model.get_weights(), before, strict=True)]
    assert changed == [True, True, False, False, True, True]


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: Conv2D(4, 3), (28, 28), r"\(Conv2D\) expects inputs of shape \(batch, height, width, channels\)"),
        (lambda: Conv1D(4, 3), (28, 28, 1), r"\(Conv1D\) expects inputs of shape \(batch, length, channels\)"),
        (
            lambda: Conv2D(4, (2, 5)),
            (4, 4, 1),
            r"windows of 5 along the width, received inputs of shape \(None, 4",
        ),
        (lambda: Conv1D(4, 3, dilation_rate=2), (4, 1), r"windows of 5 along the length"),
    ],
)
def test_shapes_that_it_cannot_take(make, shape, message):
    with pytest.raises(ValueError, match=message):
        fastnn.Sequential([fastnn.Input(shape), make()])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 3), ValueError, "filters must be at least 1, received 0"),
        ((4, (3, 3, 3)), ValueError, "kernel_size must be one integer or 2 of them"),
        ((4, 0), ValueError, "kernel_size must be at least 1, received 0"),
        ((4, 3, 1.5), TypeError, "strides must be an integer"),
        ((4, 3, 1, "full"), ValueError, "unknown padding 'full'"),
        ((4, 3, 1, "same", 0), ValueError, "dilation_rate must be at least 1"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        Conv2D(*arguments)


class Doubled(layers.Activation):
    """Written in Python."""

    def __init__(self):
        super().__init__("linear")

    def forward(self, x, training=False):
        return 2 * x

    def backward(self, dy):
        return 2 * dy


@pytest.mark.parametrize("activation", [layers.Softmax, Doubled])
def test_any_activation_inside_is_the_same_as_behind(activation, rng):
    """Softmax goes over the channels of each pixel; one in Python has the layers run one at a time."""
    x, y = rng.normal(size=(5, 4, 3, 2)).astype(np.float32), rng.normal(size=(5, 36)).astype(np.float32)
    models = []
    for parts in ([Conv2D(3, 1, activation=activation())], [Conv2D(3, 1), activation()]):
        model = fastnn.Sequential([fastnn.Input((4, 3, 2)), *parts, layers.Flatten()])
        model.set_weights([rng.normal(size=w.shape) for w in model.weights] if not models else models[0].get_weights())
        models.append(model)
    for model in models:
        model.compile("sgd", "mse")
    first, second = (model.predict(x) for model in models)
    np.testing.assert_array_equal(first, second)
    if activation is layers.Softmax:
        np.testing.assert_allclose(first.reshape(5, 4, 3, 3).sum(axis=-1), 1, rtol=1e-6)
    histories = [model.fit(x, y, epochs=3, shuffle=False, verbose=0).history for model in models]
    assert histories[0] == histories[1]
    assert histories[0]["loss"][-1] < histories[0]["loss"][0]
