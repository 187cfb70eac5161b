"""The numbers of a step: against NumPy, and with the bits of `train_on_batch`."""

import copy

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers
from fastnn.playground.steps import numbers_of_a_step

DERIVATIVES = {
    "linear": lambda z, y: np.ones_like(y),
    "relu": lambda z, y: (z > 0).astype(y.dtype),
    "tanh": lambda z, y: 1 - y**2,
    "sigmoid": lambda z, y: y * (1 - y),
}
FUNCTIONS = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}
# hidden activation, output activation, outputs, loss
NETWORKS = {
    "tanh-sigmoid-bce": ("tanh", "sigmoid", 1, "binary_crossentropy"),
    "relu-linear-mse": ("relu", "linear", 2, "mse"),
    "sigmoid-tanh-mse": ("sigmoid", "tanh", 1, "mse"),
    "tanh-softmax-ce": ("tanh", "softmax", 3, "sparse_categorical_crossentropy"),
}
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.3),
    "momentum": lambda: optimizers.SGD(0.3, momentum=0.9),
    "adagrad": lambda: optimizers.Adagrad(0.1),
    "rmsprop": lambda: optimizers.RMSprop(0.01, momentum=0.5),
    "adam": lambda: optimizers.Adam(0.05),
    "averaged": lambda: optimizers.Adam(0.05, use_ema=True),
}


def network(name="tanh-sigmoid-bce", optimizer="sgd", *more, dtype="float64", **options):
    hidden, output, units, loss = NETWORKS[name]
    fastnn.utils.set_random_seed(3)
    dense = layers.Dense(4, hidden, dtype=dtype, **options)
    model = fastnn.Sequential([fastnn.Input((2,)), dense, *more, layers.Dense(units, output, dtype=dtype)])
    model.compile(OPTIMIZERS[optimizer](), loss)
    return model


def batch(name="tanh-sigmoid-bce", samples=5):
    rng = np.random.default_rng(7)
    units = NETWORKS[name][2]
    y = rng.integers(units, size=samples) if "softmax" in name else rng.integers(2, size=(samples, units)).astype(float)
    return rng.normal(size=(samples, 2)), y


@pytest.mark.parametrize("name", NETWORKS)
def test_every_number_equals_that_of_numpy(name):
    hidden, output, _, loss = NETWORKS[name]
    model, (x, y) = network(name), batch(name)
    w1, b1, w2, b2 = model.get_weights()
    step = numbers_of_a_step(model, x, y)
    first, last = step.layers

    z1 = x @ w1 + b1
    y1 = FUNCTIONS[hidden](z1)
    z2 = y1 @ w2 + b2
    if output == "softmax":
        y2 = np.exp(z2) / np.exp(z2).sum(axis=1, keepdims=True)
        losses, dz2 = -np.log(y2[np.arange(5), y]), (y2 - np.eye(3)[y]) / 5
    elif loss == "mse":
        y2 = FUNCTIONS[output](z2)
        losses, dy2 = ((y2 - y) ** 2).mean(axis=1), 2 * (y2 - y) / y.size
        np.testing.assert_allclose(last.dy, dy2, rtol=1e-12)
        dz2 = dy2 * DERIVATIVES[output](z2, y2)
    else:
        y2 = FUNCTIONS[output](z2)
        losses, dz2 = -(y * np.log(y2) + (1 - y) * np.log(1 - y2))[:, 0], (y2 - y) / 5
    assert step.fused == (loss != "mse") == (last.dy is None)
    dy1 = dz2 @ w2.T
    dz1 = dy1 * DERIVATIVES[hidden](z1, y1)

    computed = {
        "x": (first.x, x), "z1": (first.z, z1), "y1": (first.y, y1), "x2": (last.x, y1), "z2": (last.z, z2),
        "y2": (last.y, y2), "losses": (step.losses, losses), "loss": (step.loss, losses.mean()), "dz2": (last.dz, dz2),
        "dx2": (last.dx, dy1), "dy1": (first.dy, dy1), "dz1": (first.dz, dz1), "dx1": (first.dx, dz1 @ w1.T),
    }  # fmt: skip
    for number, (found, expected) in computed.items():
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=number)
    for layer, w, b, dw, db in ((first, w1, b1, x.T @ dz1, dz1.sum(0)), (last, w2, b2, y1.T @ dz2, dz2.sum(0))):
        for weight, letter, before, gradient in zip(layer.weights, "Wb", (w, b), (dw, db), strict=True):
            assert weight.name == letter
            np.testing.assert_array_equal(weight.before, before)
            np.testing.assert_allclose(weight.gradient, gradient, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(weight.after, before - 0.3 * gradient, rtol=1e-9, atol=1e-12)
    assert (step.number, step.learning_rate, step.penalty, step.finite) == (1, 0.3, 0.0, True)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_step_has_the_bits_of_train_on_batch(name, optimizer):
    model = network(name, optimizer, layers.Dropout(0.4, seed=5), dtype="float32", kernel_regularizer="l2")
    own, (x, y) = copy.deepcopy(model), batch(name)
    for number in range(1, 5):
        loss, step = model.train_on_batch(x, y), numbers_of_a_step(own, x, y)
        assert (step.loss, step.number) == (pytest.approx(loss, rel=1e-12), number)
        for found, expected in zip(own.weights, model.weights, strict=True):
            np.testing.assert_array_equal(found, expected)
    shown = [weight.after for layer in step.layers for weight in layer.weights]
    assert all((a == b).all() for a, b in zip(shown, model.weights, strict=True))


def test_slots_before_and_after_are_those_of_the_equations():
    model, (x, y) = network(optimizer="momentum"), batch()
    first, second = (numbers_of_a_step(model, x, y).layers[0].weights[0] for _ in range(2))
    (start, v), (again, later) = first.slots["v"], second.slots["v"]
    assert not start.any()
    np.testing.assert_allclose(v, -0.3 * first.gradient, rtol=1e-12)
    np.testing.assert_array_equal(again, v)
    np.testing.assert_allclose(later, 0.9 * v - 0.3 * second.gradient, rtol=1e-12)
    np.testing.assert_allclose(second.after, second.before + later, rtol=1e-12)
    names = {optimizer: list(numbers_of_a_step(network(optimizer=optimizer), x, y).layers[0].weights[0].slots)
             for optimizer in OPTIMIZERS}  # fmt: skip
    assert names == {
        "sgd": [], "momentum": ["v"], "adagrad": ["a"], "rmsprop": ["v", "s"], "adam": ["m", "v"],
        "averaged": ["m", "v", "average"],
    }  # fmt: skip


@pytest.mark.parametrize("per_sample", [False, True], ids=["whole", "per_sample"])
def test_the_penalty_is_part_of_loss_and_step(per_sample):
    penalty = fastnn.regularizers.L1L2(0.1, 0.2, per_sample=per_sample)
    model, (x, y) = network(kernel_regularizer=penalty), batch()
    step = numbers_of_a_step(model, x, y)
    weight, bias = step.layers[0].weights
    share = 0.2 if per_sample else 1.0
    np.testing.assert_allclose(weight.penalty_gradient, share * (0.1 * np.sign(weight.before) + 0.4 * weight.before))
    np.testing.assert_allclose(weight.after, weight.before - 0.3 * (weight.gradient + weight.penalty_gradient))
    assert bias.penalty_gradient is None
    assert step.penalty == pytest.approx(share * penalty(weight.before))
    assert step.loss == pytest.approx(step.losses.mean() + step.penalty)


def test_dropout_shows_its_mask_forward_and_backward():
    model, (x, y) = network("tanh-sigmoid-bce", "sgd", layers.Dropout(0.5, seed=1, dtype="float64")), batch()
    dense, dropout, _ = numbers_of_a_step(model, x, y).layers
    assert (dropout.kind, dropout.activation, dropout.z, dropout.weights) == ("Dropout", None, None, ())
    kept = dropout.y != 0
    assert kept.any()
    assert not kept.all()
    np.testing.assert_allclose(dropout.y, 2 * dropout.x * kept)
    np.testing.assert_allclose(dropout.dx, 2 * dropout.dy * kept)
    np.testing.assert_array_equal(dense.dy, dropout.dx)


def test_numbers_that_are_not_finite_are_told_and_not_refused():
    model, (x, y) = network("relu-linear-mse"), batch("relu-linear-mse")
    model.optimizer = optimizers.SGD(1e300)
    steps = [numbers_of_a_step(model, x, y) for _ in range(3)]
    assert steps[0].finite
    assert not steps[-1].finite


class Own(layers.Layer):
    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


def test_what_cannot_be_shown_is_said():
    x, y = batch()
    with pytest.raises(ValueError, match="must be compiled"):
        numbers_of_a_step(fastnn.Sequential([layers.Dense(1)]), x, y)
    with pytest.raises(TypeError, match="written in Python"):
        numbers_of_a_step(network("tanh-sigmoid-bce", "sgd", Own(dtype="float64")), x, y)
    convolution = fastnn.Sequential([fastnn.Input((4, 4, 1)), layers.Conv2D(1, 3), layers.Flatten(), layers.Dense(1)])
    convolution.compile("sgd", "mse")
    before = convolution.get_weights()
    with pytest.raises(ValueError, match="dense networks"):
        numbers_of_a_step(convolution, np.ones((2, 4, 4, 1)), np.ones(2))
    assert all((a == b).all() for a, b in zip(before, convolution.weights, strict=True))
    model = network()
    model.compile("sgd", lambda y_true, y_pred: ((y_true - y_pred) ** 2).mean(axis=-1))
    with pytest.raises(TypeError, match="fastnn's own"):
        numbers_of_a_step(model, x, y)
