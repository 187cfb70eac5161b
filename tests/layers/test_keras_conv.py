"""The convolution layers against Keras: figures that Keras 3.15.1 gave on JAX 0.10.2, float32.

Inputs and weights are `numbers`: the same formula made them there. Gradients there came from `jax.grad` of the sum of
the output times `numbers` of its shape.
"""

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.layers import Conv1D, Conv2D


def numbers(*shape, seed):
    return np.sin(np.arange(np.prod(shape)) * 1.7 + seed).reshape(shape).astype(np.float32)


def made(layer, shape):
    """The built layer with Keras's weights, x and y."""
    layer.build_once((None, *shape[1:]))
    layer.set_weights([numbers(*w.shape, seed=2 + i) for i, w in enumerate(layer.get_weights())])
    x = numbers(*shape, seed=1)
    return x, layer(x)


def some(array):
    return array.reshape(-1)[[0, 7, -1]]


FIGURES = {  # the layer, the shape of x; the shape of y, three numbers of it and the sum of all sizes; the same of dx
    "valid": (
        lambda: Conv2D(3, (3, 2)), (2, 5, 6, 2),
        (2, 3, 5, 3), (2.26783, -2.18281, -2.08144), 118.6446, (-1.74686, 0.72692, 1.61161), 101.3092,
    ),
    "same": (
        lambda: Conv2D(3, (3, 2), padding="same"), (2, 5, 6, 2),
        (2, 5, 6, 3), (0.18509, -1.34895, 0.14319), 174.4886, (-0.76178, 0.00664, 0.92082), 138.678,
    ),
    "strides": (
        lambda: Conv2D(2, 3, strides=2, padding="same"), (2, 6, 5, 1),
        (2, 3, 3, 2), (-1.47927, -3.00079, -3.20169), 56.3497, (1.03615, 0.71702, -0.99847), 45.4573,
    ),
    "strides_valid": (
        lambda: Conv2D(2, (2, 3), strides=(2, 1)), (1, 7, 6, 2),
        (1, 3, 4, 2), (-0.49024, 0.23386, 0.24156), 17.7791, (-1.08645, -0.49615, 0.0), 33.3072,
    ),
    "dilated": (
        lambda: Conv2D(2, 2, dilation_rate=2), (1, 6, 6, 2),
        (1, 4, 4, 2), (1.44638, -1.28891, -0.92471), 44.9049, (-1.08645, -1.96689, 0.31587), 43.9579,
    ),
}  # fmt: skip


@pytest.mark.parametrize("figures", FIGURES.values(), ids=FIGURES)
def test_conv2d(figures):
    make, shape, y_shape, y_some, y_sizes, dx_some, dx_sizes = figures
    layer = make()
    _, y = made(layer, shape)
    dx = layer.backward(numbers(*y_shape, seed=5))
    assert y.shape == y_shape
    np.testing.assert_allclose(some(y), y_some, atol=1e-5)
    np.testing.assert_allclose(np.abs(y).sum(), y_sizes, rtol=1e-5)
    np.testing.assert_allclose(some(dx), dx_some, atol=1e-5)
    np.testing.assert_allclose(np.abs(dx).sum(), dx_sizes, rtol=1e-5)


def test_conv1d():
    _, y = made(Conv1D(2, 3, strides=2, padding="same"), (2, 7, 3))
    assert y.shape == (2, 4, 2)
    np.testing.assert_allclose(some(y), [0.49351, -1.77106, -0.23646], atol=1e-5)
    np.testing.assert_allclose(np.abs(y).sum(), 13.1451, rtol=1e-5)


def test_training_of_a_convnet():
    model = fastnn.Sequential([fastnn.Input((6, 6, 1)), Conv2D(3, 3, padding="same", activation="relu")])
    model.add(layers.MaxPooling2D(2))
    model.add(Conv2D(4, 2, activation="tanh"))
    model.add(layers.Flatten())
    model.add(layers.Dense(3, activation="softmax"))
    model.set_weights([0.5 * numbers(*w.shape, seed=3 + i) for i, w in enumerate(model.get_weights())])
    model.compile(fastnn.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    x, y = numbers(10, 6, 6, 1, seed=9), np.arange(10) % 3
    history = model.fit(x, y, batch_size=4, epochs=4, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], [1.416071, 1.163984, 1.058434, 1.011327], rtol=1e-5)
    sizes = [np.abs(w).sum() for w in model.get_weights()]
    np.testing.assert_allclose(sizes, [7.9302, 1.05513, 15.06741, 1.31764, 14.58602, 1.1093], rtol=1e-4)
