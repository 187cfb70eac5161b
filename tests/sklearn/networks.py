"""Networks and data for the tests of the estimators around any network."""

import numpy as np
from sklearn.datasets import load_digits

from fastnn import layers

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = DIGITS[:600] / 16, LABELS[:600]

RNG = np.random.default_rng(5)
X = RNG.normal(size=(120, 4))
BINARY = (X[:, 0] + X[:, 1] > 0).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
SEVERAL = (X[:, :3] > 0).astype(int)
NUMBERS = X @ np.array([[1.0, -1.0], [2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]) + [3.0, -1.0]


def dense(input_shape, outputs, *, units=8, activation="tanh"):
    return [layers.Dense(units, activation), layers.Dense(outputs)]


def convnet(input_shape, outputs, *, filters=4):
    return [layers.Conv2D(filters, 3, activation="relu"), layers.Flatten(), layers.Dense(outputs)]


def linear(input_shape, outputs):
    return [layers.Dense(outputs)]


class Scale(layers.Layer):
    """y = x times one number a feature, in Python."""

    def build(self, input_shape):
        self.factor = self.add_weight((input_shape[-1],), "ones", "factor")

    def forward(self, x, training=False):
        self.x = x
        return x * self.factor.value

    def backward(self, dy):
        self.factor.gradient[...] = (dy * self.x).sum(axis=0)
        return dy * self.factor.value


def scaled(input_shape, outputs):
    return [Scale(), layers.Dense(outputs)]


def state(estimator):
    """All that training changes, as one list of numbers."""
    model = estimator.model_
    slots = [slot for p in model.parameters for slot in model.optimizer.slots_of(p)]
    arrays = [*model.get_weights(), *slots]
    return [*np.concatenate([array.ravel() for array in arrays]), model.optimizer.iterations, estimator.n_iter_]
