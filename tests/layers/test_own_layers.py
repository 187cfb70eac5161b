"""Layers, losses and metrics written in Python, in `fit`."""

import numba
import numpy as np
import pytest

import fastnn
from fastnn import layers, losses, metrics, optimizers

from ..small_models import FEATURES, ROWS, dense, regressor, samples

X, TARGETS = samples(), samples(ROWS, 2, seed=5)


class Scale(layers.Layer):
    """y = x times one number a feature, in NumPy."""

    def build(self, input_shape):
        self.factor = self.add_weight((input_shape[-1],), "ones", "factor")

    def forward(self, x, training=False):
        self.x = x
        return x * self.factor.value

    def backward(self, dy):
        self.factor.gradient[...] = (dy * self.x).sum(axis=0)
        return dy * self.factor.value


@numba.njit
def _square(x):
    return x * x


class Square(layers.Layer):
    """y = x^2, compiled by the user."""

    def forward(self, x, training=False):
        self.x = x
        return _square(x)

    def backward(self, dy):
        return 2 * dy * self.x


class Pairs(layers.Layer):
    """Sums of two neighbours: half as many columns. One weight without axes."""

    def build(self, input_shape):
        self.shift = self.add_weight((), "zeros", "shift")

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] // 2)

    def forward(self, x, training=False):
        return x[:, ::2] + x[:, 1::2] + self.shift.value

    def backward(self, dy):
        self.shift.gradient[...] = dy.sum()
        return np.repeat(dy, 2, axis=1)


class AbsoluteError(losses.Loss):
    """mean |y - t|, which fastnn has not."""

    name = "absolute_error"

    def forward(self, y_true, y_pred, sample_weight=None):
        weights = np.ones(len(y_pred)) if sample_weight is None else sample_weight
        difference = y_pred - y_true
        self.dy = np.sign(difference) * weights[:, np.newaxis] / difference.size
        return float((np.abs(difference).mean(axis=1) * weights).mean())


class LargestError(metrics.Metric):
    """The largest |y - t| of a sample."""

    default_name = "largest_error"

    def evaluate(self, targets, y):
        return np.abs(targets - y).max(axis=1)


def own_network():
    return fastnn.Sequential(
        [fastnn.Input((FEATURES,)), dense(6, "tanh", 1), Scale(), Square(), Pairs(), dense(2, None, 2)]
    )


def test_own_layers_are_trained():
    model = own_network()
    model.compile(optimizers.Adam(0.02), "mse", ["mae"])
    assert [w.shape for w in model.get_weights()] == [(5, 6), (6,), (6,), (), (3, 2), (2,)]
    before = model.get_weights()
    history = model.fit(X, TARGETS, batch_size=8, epochs=30, validation_split=0.2, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert all((w != b).all() for w, b in zip(model.get_weights(), before, strict=True))
    loss, mae = model.evaluate(X, TARGETS, verbose=0)
    predicted = model.predict(X)
    np.testing.assert_array_equal(predicted, model.forward(X))
    assert loss == pytest.approx(((predicted - TARGETS) ** 2).mean(), rel=1e-5)
    assert mae == pytest.approx(np.abs(predicted - TARGETS).mean(), rel=1e-5)


def test_gradients_of_own_layers_reach_the_layers_before_them():
    model, loss = own_network(), losses.MeanSquaredError()

    def value():
        return loss.forward(TARGETS, model.forward(X))

    value()
    model.backward(loss.backward())
    gradients = [g.copy() for g in model.gradients]
    for weight, gradient in zip(model.weights, gradients, strict=True):
        place = (0,) * weight.ndim
        step, kept = 1e-2, float(weight[place])
        weight[place] = kept + step
        above = value()
        weight[place] = kept - step
        below = value()
        weight[place] = kept
        assert (above - below) / (2 * step) == pytest.approx(float(gradient[place]), rel=2e-2, abs=1e-4)


def test_own_loss_and_own_metric():
    model = regressor(optimizers.Adam(0.02), outputs=2, loss=AbsoluteError(), metrics=[LargestError(), "mse"])
    predicted, weights = model.predict(X), np.linspace(0, 2, ROWS)
    values = np.abs(predicted - TARGETS).mean(axis=1)
    loss, largest, mse = model.evaluate(X, TARGETS, sample_weight=weights, verbose=0)
    assert loss == pytest.approx((values * weights).mean(), rel=1e-5)
    assert largest == pytest.approx(np.abs(predicted - TARGETS).max(axis=1).mean(), rel=1e-6)
    assert mse == pytest.approx(((predicted - TARGETS) ** 2).mean(), rel=1e-5)
    assert LargestError()(TARGETS, predicted) == pytest.approx(largest, rel=1e-6)
    history = model.fit(X, TARGETS, batch_size=8, epochs=20, verbose=0).history
    assert list(history) == ["largest_error", "loss", "mse"]
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def test_what_a_subclass_overrides_is_used():
    """A subclass of a layer, loss or metric with kernels must not run the kernels of its base instead."""

    class Doubled(layers.Dense):
        def forward(self, x, training=False):
            return 2 * super().forward(x, training)

    class Zero(layers.ReLU):
        def forward(self, x, training=False):
            return 0 * super().forward(x, training)

    class Thousand(losses.MeanSquaredError):
        def forward(self, y_true, y_pred, sample_weight=None):
            return super().forward(y_true, y_pred, sample_weight) + 1000

    class Seven(metrics.MeanSquaredError):
        def evaluate(self, targets, y):
            return np.full(len(y), 7.0)

    class Renamed(layers.Dense):
        """Overrides nothing that computes: stays compiled."""

    plain = regressor(outputs=2)
    doubled = fastnn.Sequential([fastnn.Input((FEATURES,)), plain.layers[0], Doubled(2, name="doubled")])
    doubled.layers[1].set_weights(plain.layers[1].get_weights())
    np.testing.assert_allclose(doubled.predict(X), 2 * plain.predict(X), rtol=1e-6)
    zero = fastnn.Sequential([fastnn.Input((FEATURES,)), Zero()])
    np.testing.assert_array_equal(zero.predict(X), np.zeros_like(X))
    inside = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(3, Zero())])
    np.testing.assert_array_equal(inside.predict(X), np.zeros((ROWS, 3)))
    expected = plain.evaluate(X, TARGETS, verbose=0)
    plain.compile("sgd", Thousand())
    assert plain.evaluate(X, TARGETS, verbose=0) == pytest.approx(1000 + expected)
    plain.compile("sgd", "mse", [Seven(), LargestError()])
    largest = np.abs(plain.predict(X) - TARGETS).max(axis=1).mean()
    assert plain.evaluate(X, TARGETS, verbose=0) == pytest.approx([expected, 7.0, largest], rel=1e-6)
    assert Renamed(2).compiled
    assert not Doubled(2).compiled
    assert all(make(0.5).compiled for make in (layers.Dropout, layers.GaussianNoise, layers.LeakyReLU))


def test_a_loss_after_an_overridden_softmax_takes_what_it_gives():
    """Not the logits below it, as after a softmax of fastnn's own."""

    class Reversed(layers.Dense):
        def forward(self, x, training=False):
            return super().forward(x, training)[:, ::-1]

        def backward(self, dy):
            return super().backward(dy[:, ::-1])

    model = fastnn.Sequential([fastnn.Input((FEATURES,)), Reversed(3, "softmax")])
    model.compile(optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    y = np.argmax(X[:, :3], axis=1)
    expected = -np.log(model.predict(X)[np.arange(ROWS), y]).mean()
    assert model.evaluate(X, y, verbose=0) == pytest.approx(expected, rel=1e-6)
    history = model.fit(X, y, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
