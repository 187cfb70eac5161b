"""Whole trainings against scikit-learn's perceptrons: its objective, its gradients, its optimizers, the same steps."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses, optimizers, regularizers

ROWS, FEATURES, HIDDEN, BATCH, EPOCHS, ALPHA = 47, 6, 9, 10, 4, 0.3  # the last batch has 7 rows

KINDS = {
    "binary": ("sigmoid", losses.BinaryLogLoss, 1, "log_loss", "logistic"),
    "multi-class": ("softmax", losses.CategoricalCrossentropy, 4, "log_loss", "softmax"),
    "multi-label": ("sigmoid", losses.BinaryLogLoss, 3, "log_loss", "logistic"),
    "one output": ("linear", losses.HalfSquaredError, 1, "squared_error", "identity"),
    "three outputs": ("linear", losses.HalfSquaredError, 3, "squared_error", "identity"),
    "poisson": ("exponential", losses.HalfPoissonDeviance, 2, "poisson", "exp"),
}


def targets_of(kind, rng, outputs):
    if kind == "multi-class":
        return np.eye(outputs)[rng.integers(outputs, size=ROWS)]
    if kind in ("binary", "multi-label"):
        return rng.integers(2, size=(ROWS, outputs)).astype(float)
    return rng.poisson(2.0, (ROWS, outputs)).astype(float)


def theirs(kind, x, y, weight, coefs, intercepts, solver):
    """Losses of the epochs, and the weights, from scikit-learn's own `_backprop` and optimizers."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

    _, _, outputs, loss, out = KINDS[kind]
    make = MLPClassifier if loss == "log_loss" else MLPRegressor
    options = {} if loss == "log_loss" else {"loss": loss}
    network = make(hidden_layer_sizes=(HIDDEN,), activation="tanh", alpha=ALPHA, **options)
    network.n_layers_, network.n_outputs_, network.out_activation_ = 3, outputs, out
    network.coefs_, network.intercepts_ = coefs, intercepts
    parameters = coefs + intercepts
    optimizer = (
        AdamOptimizer(parameters, 0.01) if solver == "adam" else SGDOptimizer(parameters, 0.05, "constant", 0.9, True)
    )
    sizes = [FEATURES, HIDDEN, outputs]
    history = []
    for _ in range(EPOCHS):
        total = 0.0
        for start in range(0, ROWS, BATCH):
            part = slice(start, start + BATCH)
            rows = len(x[part])
            activations = [x[part], *(np.empty((rows, n)) for n in sizes[1:])]
            deltas = [np.empty_like(a) for a in activations[1:]]
            grads = [np.empty_like(w) for w in coefs], [np.empty_like(b) for b in intercepts]
            own = None if weight is None else weight[part]
            value, *grads = network._backprop(x[part], y[part], own, activations, deltas, *grads)
            total += value * rows
            optimizer.update_params(parameters, grads[0] + grads[1])
        history.append(total / ROWS)
    return history, [coefs[0], intercepts[0], coefs[1], intercepts[1]]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_training(kind, solver, weighted, rng):
    last, loss, outputs, _, _ = KINDS[kind]
    x, y = rng.normal(size=(ROWS, FEATURES)), targets_of(kind, rng, outputs)
    weight = rng.uniform(0.2, 3, ROWS) if weighted else None
    regularizer = regularizers.L2(ALPHA / 2, per_sample=True)
    model = fastnn.Sequential(
        [
            fastnn.Input((FEATURES,)),
            layers.Dense(HIDDEN, "tanh", kernel_regularizer=regularizer, dtype="float64"),
            layers.Dense(outputs, last, kernel_regularizer=regularizer, dtype="float64"),
        ]
    )
    # Theirs has epsilon outside the root and corrects the rate, as Keras's has.
    made = optimizers.Adam(0.01, epsilon=1e-8) if solver == "adam" else optimizers.SGD(0.05, 0.9, nesterov=True)
    model.compile(made, loss(reduction="mean_with_sample_weight"))
    first, bias, second, other_bias = (w.astype(np.float64) for w in model.get_weights())
    history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, sample_weight=weight, shuffle=False, verbose=0).history
    expected, arrays = theirs(kind, x, y, weight, [first, second], [bias, other_bias], solver)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-10)
    for got, array in zip(model.get_weights(), arrays, strict=True):
        np.testing.assert_allclose(got, array, rtol=1e-9, atol=1e-12)
