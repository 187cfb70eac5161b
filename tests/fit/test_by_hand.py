"""One layer at a time, and training in a loop of one's own."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses, optimizers

from ..cases import OPTIMIZERS
from ..small_models import (
    CLASSES,
    FEATURES,
    HIDDEN,
    ROWS,
    assert_same_weights,
    classifier,
    dense,
    labels,
    regressor,
    samples,
    uncompiled,
)

X, Y = samples(), labels()
TARGETS = samples(ROWS, 2, seed=5)

# ---------------------------------------------------------------------------------------------------------------------
# A training loop written out.


def train_by_hand(model, loss, optimizer, x, y, epochs=3, batch_size=8):
    """Returns the losses of the epochs."""
    history = []
    for _ in range(epochs):
        total = 0.0
        for first in range(0, len(x), batch_size):
            rows = slice(first, first + batch_size)
            value = loss.forward(y[rows], model.forward(x[rows], training=True))
            model.backward(loss.backward())
            optimizer.step(model)
            total += value * len(x[rows])
        history.append(total / len(x))
    return history


@pytest.mark.parametrize(
    "given", [dense(3, name="d"), layers.Dense(3).parameters, [dense(3)], None, 3, np.ones(3)], ids=repr
)
def test_a_step_takes_a_model_and_says_so(given):
    with pytest.raises(
        TypeError, match=r"model must be a fastnn.Sequential, received \w+; .*step_on\(\[layer, ...\]\)"
    ):
        optimizers.SGD(0.1).step(given)
    assert optimizers.SGD(0.1).iterations == 0


def test_a_step_on_layers_without_a_model():
    layer, optimizer = layers.Dense(2, use_bias=False, kernel_initializer="ones"), optimizers.SGD(0.5)
    y = layer.forward(np.ones((1, 3)))
    layer.backward(np.ones_like(y))
    optimizer.step_on([layer])
    np.testing.assert_array_equal(layer.weights[0], np.full((3, 2), 0.5))
    for given in (layer, [layer, 3], None):
        with pytest.raises(TypeError, match="layers must be a list of layers, received"):
            optimizer.step_on(given)


@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.name)
def test_a_loop_by_hand_is_fit(case):
    """From logits, so that the loop computes exactly what fit does; the same bits."""

    def logits():
        return fastnn.Sequential([fastnn.Input((FEATURES,)), dense(HIDDEN, "tanh", 1), dense(CLASSES, None, 2)])

    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model, other = logits(), logits()
    by_hand = train_by_hand(model, loss, case.make(), X, Y)
    other.compile(case.make(), loss)
    fitted = other.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
    assert_same_weights(model, other)
    np.testing.assert_allclose(by_hand, fitted, rtol=1e-14)


def test_a_loop_by_hand_with_dropout_is_fit():
    def network():
        return fastnn.Sequential(
            [fastnn.Input((FEATURES,)), dense(20, "relu", 1), layers.Dropout(0.5, seed=3), dense(2, None, 2)]
        )

    model, other = network(), network()
    train_by_hand(model, losses.MeanSquaredError(), optimizers.Adam(), X, TARGETS)
    other.compile(optimizers.Adam(), "mse")
    other.fit(X, TARGETS, batch_size=8, epochs=3, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_after_a_softmax_by_hand_is_fit_but_for_rounding():
    """fit starts the loss from the logits, a loop by hand from the probabilities."""
    model, other = uncompiled(), classifier(optimizers.SGD(0.1))
    train_by_hand(model, losses.SparseCategoricalCrossentropy(), optimizers.SGD(0.1), X, Y)
    other.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)


def test_the_optimizer_that_steps_is_the_one_that_counts():
    """Not the one that the model was compiled with, whose slots may be fewer."""
    compiled, bare = regressor("sgd", outputs=2), regressor("sgd", outputs=2)
    optimizer = optimizers.Adam(0.1)
    for model, own in ((compiled, optimizer), (bare, optimizers.Adam(0.1))):
        train_by_hand(model, losses.MeanSquaredError(), own, X, TARGETS)
    assert_same_weights(compiled, bare)
    assert optimizer.iterations == 15
    assert compiled.optimizer.iterations == 0
    assert not compiled.optimizer.has_slots


def test_frozen_layers_do_not_step():
    model = regressor(outputs=2)
    model.layers[0].trainable = False
    before = model.get_weights()
    train_by_hand(model, losses.MeanSquaredError(), optimizers.AdamW(0.1), X, TARGETS)
    for i, (weight, first) in enumerate(zip(model.get_weights(), before, strict=True)):
        assert (weight == first).all() == (i < 2)


def test_one_layer_by_hand():
    layer = layers.Dense(2)
    layer.build((None, 3))
    kernel, bias = layer.weights
    kernel[...] = [[1, 2], [3, 4], [5, 6]]
    bias[...] = [10, 20]
    x = np.array([[1, 0, 2], [0, 1, 0]], np.float32)
    np.testing.assert_array_equal(layer.forward(x), [[21, 34], [13, 24]])
    np.testing.assert_array_equal(layer(x), [[21, 34], [13, 24]])  # does not build it anew
    dx = layer.backward(np.array([[1, 0], [0, 2]], np.float32))
    np.testing.assert_array_equal(dx, [[1, 3, 5], [4, 8, 12]])
    np.testing.assert_array_equal(layer.gradients[0], [[1, 0], [0, 2], [2, 0]])
    np.testing.assert_array_equal(layer.gradients[1], [1, 2])
    assert layer.built
    assert layer([[1, 1, 1]]).tolist() == [[19, 32]]  # a layer that is called takes lists


def test_backward_overwrites():
    layer = dense(3)
    layer(X)
    layer.backward(np.ones((ROWS, 3), np.float32))
    first = [g.copy() for g in layer.gradients]
    layer.backward(np.ones((ROWS, 3), np.float32))
    for gradient, expected in zip(layer.gradients, first, strict=True):
        np.testing.assert_array_equal(gradient, expected)


def test_one_activation_object_in_two_layers():
    relu = layers.ReLU()
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(6, relu, 1), dense(3, relu, 2)])
    other = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(6, "relu", 1), dense(3, "relu", 2)])
    np.testing.assert_array_equal(model.forward(X), other.forward(X))
    dy = np.ones((ROWS, 3), np.float32)
    np.testing.assert_array_equal(model.backward(dy), other.backward(dy))


def test_gradients_move_with_their_layers_into_a_model():
    """Two layers used one by one, then put into a model for the optimizer's step."""
    first, second = dense(4, "tanh", 1), dense(2, None, 2)
    first.backward(second.backward(second(first(X)) - TARGETS))
    gradients = [g.copy() for g in (*first.gradients, *second.gradients)]
    weights = [*first.get_weights(), *second.get_weights()]
    model = fastnn.Sequential([first, second])
    optimizers.SGD(0.5).step(model)
    for now, weight, gradient in zip(model.get_weights(), weights, gradients, strict=True):
        assert (gradient != 0).any()
        np.testing.assert_allclose(now, weight - 0.5 * gradient, rtol=1e-6, atol=1e-7)


# ---------------------------------------------------------------------------------------------------------------------
# Steps that do not fit each other.

WRONG_X = [np.ones((4, 3)), np.ones((4, 50)), np.ones(FEATURES), np.float32(1), np.ones((4, FEATURES, 1))]


@pytest.mark.parametrize("x", WRONG_X, ids=lambda x: str(np.shape(x)))
def test_forward_of_another_shape(x):
    model = uncompiled()
    for forward in (model.forward, lambda x: model(x, training=True)):
        with pytest.raises(ValueError, match=r"x must have shape \(n, 5\), received") as caught:
            forward(x)
        assert str(caught.value).endswith(str(np.shape(x)))
    layer = dense(3, name="d")
    layer(X)
    with pytest.raises(ValueError, match=r"layer d was built for input shape \(None, 5\), received"):
        layer.forward(np.atleast_1d(x))


@pytest.mark.parametrize("kind", [dense(3, name="l"), layers.ReLU(name="l"), layers.Softmax(name="l")], ids=repr)
def test_backward_of_another_shape(kind):
    with pytest.raises(RuntimeError, match="layer l: call forward before backward"):
        kind.backward(X)
    y = kind(X)
    for dy in (y[:, :-1], y[:-1], np.ones((ROWS, 9)), np.ones((50, y.shape[1])), np.ones(ROWS)):
        with pytest.raises(ValueError, match=r"layer l: dy must have the shape of forward's output, .* received"):
            kind.backward(dy)
    assert kind.backward(np.ones_like(y)).shape == X.shape


def test_backward_of_a_model():
    model = uncompiled()
    with pytest.raises(RuntimeError, match="call forward before backward"):
        model.backward(np.ones((ROWS, CLASSES)))
    model.forward(X)
    with pytest.raises(ValueError, match=r"dy must have the shape of forward's output, \(37, 3\), received \(37, 4\)"):
        model.backward(np.ones((ROWS, 4)))
    with pytest.raises(TypeError, match="dy must be an array of numbers"):
        model.backward("no")


class Narrow(layers.Layer):
    """Gives three columns and promises as many as it gets."""

    def forward(self, x, training=False):
        return x[:, :3]

    def backward(self, dy):
        return dy


@pytest.mark.parametrize("after", [(), (4,)], ids=str)
def test_a_layer_that_does_not_keep_its_promises(after):
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), Narrow(name="narrow"), *(dense(n) for n in after)])
    model.compile("sgd", "mse")
    y = np.zeros((ROWS, *model.output_shape[1:]))
    for call in (lambda: model.predict(X), lambda: model.forward(X), lambda: model.fit(X, y, verbose=0)):
        with pytest.raises(
            ValueError, match=r"layer narrow must return shape \(n, 5\), its forward returned \(\d+, 3\)"
        ):
            call()
