"""Activation functions with their derivatives."""

import numpy as np
import pytest

from fastnn import layers
from fastnn.layers.activations import FUNCTIONS
from fastnn.plots import activation, panels


def curves(panel):
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in panel.lines}


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"softmax"}))
def test_the_derivative_is_the_slope_of_the_function(name):
    panel = activation(name).axes[0]
    (x, y), (same_x, derivative) = (curves(panel)[label] for label in ("y = f(x)", "dy/dx"))
    np.testing.assert_array_equal(x, same_x)
    np.testing.assert_allclose(y, layers.Activation(name).forward(x[:, np.newaxis])[:, 0])
    slope = np.gradient(y.astype(np.float64), x)
    kinks = [0, -3, 3] if name == "hard_sigmoid" else [0]
    smooth = (np.abs(x[:, np.newaxis] - kinks) > 0.02).all(axis=1)
    smooth[[0, -1]] = False  # slopes to one side
    np.testing.assert_allclose(derivative[smooth], slope[smooth], rtol=1e-4, atol=2e-3)
    assert panel.get_title() == name
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["y = f(x)", "dy/dx"]


def test_layers_with_settings_of_their_own_are_drawn_and_stay_as_they_are():
    layer = layers.LeakyReLU(0.5)
    layer.forward(np.array([[-4.0, 2.0, 8.0]]))
    x, y = curves(activation(layer, span=2, title="half").axes[0])["y = f(x)"]
    np.testing.assert_allclose((x[0], y[0], y[-1]), (-2, -1, 2))
    np.testing.assert_allclose(layer.backward(np.ones((1, 3))), [[0.5, 1, 1]])  # of its own last forward
    unbuilt = layers.PReLU()
    assert activation(unbuilt).axes[0].get_title() == "PReLU"
    assert not unbuilt.built


def test_a_layer_written_in_python_is_drawn():
    class Square(layers.Layer):
        def forward(self, x, training=False):
            self.x = x
            return x * x

        def backward(self, dy):
            return 2 * self.x * dy

    figure, axes = panels(1, 2)
    assert activation(Square(), axes=axes[0, 1]) is figure
    x, derivative = curves(axes[0, 1])["dy/dx"]
    np.testing.assert_allclose(derivative, 2 * x)


@pytest.mark.parametrize(
    ("function", "error", "expected"),
    [
        ("rellu", ValueError, "unknown activation 'rellu'; did you mean 'relu'"),
        ("softmax", ValueError, "must work on each number by itself, as 'relu' does, received 'softmax'"),
        (layers.Dense(1), ValueError, "must work on each number by itself, as 'relu' does, received 'Dense'"),
        (layers.Softmax(), ValueError, "received 'Softmax'"),
        (layers.Dense(2), ValueError, "received 'Dense'"),
        (np.tanh, TypeError, "function must be a name or an activation layer, received ufunc"),
    ],
)
def test_what_is_no_function_of_a_number_is_refused(function, error, expected):
    with pytest.raises(error, match=expected):
        activation(function)


def test_the_span_must_be_positive():
    with pytest.raises(ValueError, match="span must be a finite number >= 1e-06, received -1"):
        activation("relu", span=-1)
