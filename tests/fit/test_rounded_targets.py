"""Targets that a scaler has left a rounding error outside of what a loss allows: taken, and as what they were."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses

from ..small_models import FEATURES, ROWS, assert_same_weights, dense, samples

X = samples()
RNG = np.random.default_rng(3)
ONES = RNG.integers(2, size=(ROWS, 2)).astype(np.float64)
ONE_HOT = np.eye(2)[RNG.integers(2, size=ROWS)]
CASES = {
    "binary_crossentropy": ("sigmoid", ONES),
    "categorical_crossentropy": ("softmax", ONE_HOT),
    "categorical_focal_crossentropy": ("softmax", ONE_HOT),
    "kl_divergence": ("softmax", ONE_HOT),
    "poisson": ("softplus", ONES),
    "hinge": (None, ONES),
    "squared_hinge": (None, 2 * ONES - 1),
}


def network(loss, dtype):
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(2, CASES[loss][0], dtype=dtype)])
    model.compile("sgd", loss, ["binary_accuracy", "precision", "recall", "auc"])
    return model


@pytest.mark.parametrize("loss", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rounding_error_outside_is_taken_as_rounding(loss, dtype):
    """By training, evaluation and the loss alone, which see the exact targets."""
    exact = CASES[loss][1].astype(dtype)
    outside = np.where(exact == exact.min(), -1, 1) * np.finfo(dtype).eps * RNG.integers(0, 50, exact.shape)
    moved = (exact + outside).astype(dtype)
    if loss == "poisson":  # has no upper bound
        moved = np.minimum(moved, exact)
    assert (moved != exact).any()
    model, other = network(loss, dtype), network(loss, dtype)
    history = model.fit(X, moved, shuffle=False, verbose=0).history
    assert history == other.fit(X, exact, shuffle=False, verbose=0).history
    assert_same_weights(model, other)
    assert model.evaluate(X, moved, verbose=0) == other.evaluate(X, exact, verbose=0)
    y = model.predict(X)
    assert losses.get(loss)(moved, y) == losses.get(loss)(exact, y)


def min_max_scaled(x):
    """scikit-learn's MinMaxScaler: x scale + offset, in the type of x."""
    scale = 1 / (x.max(axis=0) - x.min(axis=0))
    return x * scale + -x.min(axis=0) * scale


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tables_from_a_min_max_scaler(dtype):
    """It overshoots in every third table; an autoencoder then has them as targets."""
    model = fastnn.Sequential([fastnn.Input((8,)), layers.Dense(8, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    overshot = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        x = min_max_scaled((rng.normal(size=(20, 8)) * rng.uniform(0.1, 100) + rng.normal()).astype(dtype))
        overshot += bool(x.min() < 0 or x.max() > 1)
        assert np.isfinite(model.train_on_batch(x, x))
    assert overshot > 5


@pytest.mark.parametrize("loss", CASES)
def test_more_than_rounding_is_refused_with_enough_digits(loss):
    exact = CASES[loss][1]
    row, column = (int(i) for i in np.argwhere(exact == exact.min())[0])
    wrong = exact.copy()
    wrong[row, column] -= 3e-5
    with pytest.raises(ValueError, match=r"received (values from )?-(3e-05|1\.00003) (to 1|at index)"):
        network(loss, "float64").fit(X, wrong, verbose=0)
    wrong = exact.copy()
    wrong[np.nonzero(exact == 1)] += 3e-5
    if loss != "poisson":
        with pytest.raises(ValueError, match=r"received (values from -?0 to )?1\.00003( at index|$)"):
            network(loss, "float64").fit(X, wrong, verbose=0)
