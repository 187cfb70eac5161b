"""The interpreter: whole training runs against the NumPy network of `reference/network.py`."""

from operator import attrgetter

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.kernels.interpreter import GRADIENT_ROWS, SAMPLE_ROWS

from ..cases import LOSSES, METRICS, OPTIMIZERS
from ..reference.network import Network

ROWS, BATCH, EPOCHS = 37, 8, 3  # the last batch has 5 rows
# Relative to the largest weight, after 15 steps that each start from the rounding errors of the one before.
TOLERANCE = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-12}


def data(rng, targets, outputs, dtype, rows=ROWS, features=5):
    return rng.normal(size=(rows, features)).astype(dtype), targets(rng, rows, outputs, dtype)


def compare(x, y, optimizer_case, loss, reference_loss, activations, dtype, outputs=3, batch=BATCH):
    """Train both from the same weights and compare losses and weights."""
    rows, features = x.shape
    numbers = {"step": 0}  # the reference's optimizers are told the step by name
    network = Network((features, 9, outputs), activations, reference_loss, "adam", numbers, dtype=np.float64)
    network.states = [np.full(network.parameters.size, optimizer_case.slot_start) for _ in range(optimizer_case.slots)]
    network.takes_step = False

    def update(p, g, *slots, step):
        optimizer_case.reference(p, g, *slots, step=network.steps)

    network.update = update
    hidden, last = activations
    model = fastnn.Sequential(
        [
            fastnn.Input((features,)),
            layers.Dense(9, hidden, dtype=dtype),
            layers.Dense(outputs, None if last == "linear" else last, dtype=dtype),
        ]
    )
    model.compile(optimizer_case.make(), loss)
    pairs = zip(network.weights, network.biases, strict=True)
    model.set_weights([array for pair in pairs for array in pair])
    history = model.fit(x, y, batch_size=batch, epochs=EPOCHS, shuffle=False, verbose=0).history
    wide_x, wide_y = x.astype(np.float64), y.astype(np.float64) if y.dtype.kind == "f" else y
    expected = [network.train_epoch(wide_x, wide_y, batch, np.arange(rows)) for _ in range(EPOCHS)]
    np.testing.assert_allclose(history["loss"], expected, rtol=10 * TOLERANCE[dtype])
    pairs = zip(network.weights, network.biases, strict=True)
    for got, wanted in zip(model.get_weights(), (array for pair in pairs for array in pair), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE[dtype] * np.abs(wanted).max())
    np.testing.assert_allclose(model.predict(x), network.predict(wide_x), rtol=0, atol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=attrgetter("name"))
def test_optimizers(optimizer, dtype, rng):
    loss = LOSSES[0]
    x, y = data(rng, loss.targets, 3, dtype)
    activations = ("tanh", "softmax")
    compare(x, y, optimizer, "sparse_categorical_crossentropy", "sparse_cross_entropy", activations, dtype)


NATURAL = {
    "sparse_softmax_cross_entropy": ("softmax", "sparse_categorical_crossentropy", "sparse_cross_entropy"),
    "softmax_cross_entropy": ("softmax", "categorical_crossentropy", "cross_entropy"),
    "sigmoid_binary_cross_entropy": ("sigmoid", "binary_crossentropy", "binary_cross_entropy"),
    "mean_squared_error": ("linear", "mse", "mean_squared_error"),
    "half_mean_squared_error": ("linear", "half_mean_squared_error", "half_mean_squared_error"),
}


@pytest.mark.parametrize("case", [case for case in LOSSES if case.name in NATURAL], ids=attrgetter("name"))
@pytest.mark.parametrize("outputs", [2, 17])
def test_losses_after_their_activation(case, outputs, dtype, rng):
    last, loss, reference_loss = NATURAL[case.name]
    x, y = data(rng, case.targets, outputs, dtype)
    compare(x, y, OPTIMIZERS[1], loss, reference_loss, ("relu", last), dtype, outputs)


@pytest.mark.parametrize("hidden", ["relu", "leaky_relu", "sigmoid", "tanh", "softmax", "linear"])
def test_hidden_activations(hidden, dtype, rng):
    case = next(case for case in LOSSES if case.name == "mean_squared_error")
    x, y = data(rng, case.targets, 3, dtype)
    compare(x, y, OPTIMIZERS[0], "mse", "mean_squared_error", (hidden, "tanh"), dtype)


@pytest.mark.parametrize("batch", [SAMPLE_ROWS - 1, SAMPLE_ROWS, SAMPLE_ROWS + 1, 2 * SAMPLE_ROWS + 3])
def test_blocks_of_rows(batch, dtype, rng):
    """More rows than a thread takes through the network at once, and more weights than it updates at once."""
    loss = LOSSES[0]
    x, y = data(rng, loss.targets, 3, dtype, rows=batch + 7, features=2 * GRADIENT_ROWS + 3)
    names = "sparse_categorical_crossentropy", "sparse_cross_entropy"
    compare(x, y, OPTIMIZERS[1], *names, ("tanh", "softmax"), dtype, batch=batch)


@pytest.mark.parametrize("case", METRICS, ids=attrgetter("name"))
def test_metrics(case, dtype, rng):
    x, y = data(rng, case.targets, 3, dtype)
    loss = "sparse_categorical_crossentropy" if y.ndim == 1 else "mse"
    model = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(3, "softmax" if y.ndim == 1 else None, dtype=dtype)])
    model.compile("sgd", loss, metrics=[case.make()])
    (_, metric) = model.evaluate(x, y, batch_size=BATCH, verbose=0)
    expected = case.reference(model.predict(x).astype(np.float64), y, *case.numbers).mean()
    np.testing.assert_allclose(metric, expected, rtol=1e-5)


def test_bytes_are_scaled_while_they_are_gathered(dtype, rng):
    x = rng.integers(0, 256, (ROWS, 2, 3), np.uint8)
    y = rng.integers(3, size=ROWS)
    bytes_model, float_model = (
        fastnn.Sequential(
            [fastnn.Input((2, 3)), layers.Flatten(dtype=dtype), *first, layers.Dense(3, "softmax", dtype=dtype)]
        )
        for first in ([layers.Rescaling(1 / 255, -0.5, dtype=dtype)], [])
    )
    float_model.set_weights(bytes_model.get_weights())
    scaled = (x.astype(dtype) * dtype.type(1 / 255) + dtype.type(-0.5)).astype(dtype)
    for model, samples in ((bytes_model, x), (float_model, scaled)):
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(samples, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0)
    for got, wanted in zip(bytes_model.get_weights(), float_model.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_a_nan_in_the_weights_ends_in_a_loss_of_nan(dtype, rng):
    """Where a ReLU could hide it."""
    x, y = rng.normal(size=(ROWS, 5)).astype(dtype), rng.integers(3, size=ROWS)
    model = fastnn.Sequential(
        [fastnn.Input((5,)), layers.Dense(9, "relu", dtype=dtype), layers.Dense(3, "softmax", dtype=dtype)]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.layers[0].weights[0][2, 4] = np.nan
    with np.errstate(invalid="ignore"):
        assert np.isnan(model.evaluate(x, y, verbose=0))
