"""warm_start and partial_fit of the estimators around any network, with parameters that have changed in between."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastnn
from fastnn import layers, losses, optimizers
from fastnn.sklearn import Autoencoder, NeuralClassifier, NeuralRegressor

from .networks import BINARY, THREE, X, dense, linear, state

LEAKY = layers.LeakyReLU(0.1)


def test_training_goes_on_with_what_is_set():
    estimator = NeuralClassifier(epochs=1, warm_start=True, optimizer__learning_rate=0.1).fit(X, BINARY)
    first = estimator.model_.optimizer
    assert estimator.fit(X, BINARY).model_.optimizer is first
    estimator.set_params(loss="mse", metrics=["accuracy"]).fit(X, BINARY)
    assert isinstance(estimator.model_.loss, losses.MeanSquaredError)
    assert (estimator.model_.optimizer is first, first.iterations) == (True, 3)
    assert len(estimator.history_["accuracy"]) == 1
    estimator.set_params(optimizer__learning_rate=1e-9).fit(X, BINARY)
    assert estimator.model_.optimizer.learning_rate == 1e-9
    estimator.set_params(optimizer=optimizers.SGD(0.5), optimizer__learning_rate=0.2).partial_fit(X, BINARY)
    changed = estimator.model_.optimizer
    assert (type(changed), changed.learning_rate, changed.iterations) == (optimizers.SGD, 0.2, 1)
    assert copy.deepcopy(estimator).fit(X, BINARY).model_.optimizer.iterations == 2  # as the same parameters


def test_methods_are_those_of_the_loss_that_was_learned():
    estimator = NeuralClassifier(epochs=1, warm_start=True).fit(X, THREE).set_params(loss="hinge")
    assert hasattr(estimator, "predict_proba")
    with pytest.raises(ValueError, match=r"loss must suit the outputs of the network .*Crossentropy.*received Hinge"):
        estimator.fit(X, THREE)
    assert_allclose(estimator.predict_proba(X).sum(axis=1), 1)
    margins = NeuralClassifier(epochs=1, loss="hinge").fit(X, BINARY).set_params(loss=None)
    assert hasattr(margins, "decision_function")
    assert not hasattr(margins, "predict_proba")
    one = NeuralClassifier(epochs=1, warm_start=True).fit(X, BINARY).set_params(loss="kl_divergence")
    with pytest.raises(ValueError, match=r"loss must suit .*received KLDivergence"):
        one.fit(X, BINARY)


@pytest.mark.parametrize(
    ("estimator", "name", "value"),
    [
        (Autoencoder(2), "n_components", 3),
        (Autoencoder(2), "hidden_layer_sizes", (7,)),
        (Autoencoder(2), "activation", layers.LeakyReLU(0.1)),
        (NeuralClassifier(dense, model__units=4), "model__units", 5),
        (NeuralClassifier(dense), "model__units", 5),
        (NeuralRegressor(dense), "model", linear),
        (NeuralRegressor(fastnn.Sequential([layers.Dense(1)])), "model", fastnn.Sequential([layers.Dense(1, "relu")])),
    ],
    ids=[f"{name}{i}" for i, name in enumerate(["codes", "hidden", "activation", *3 * ["argument"], "network"])],
)
def test_a_network_cannot_change_while_it_is_trained(estimator, name, value):
    estimator.set_params(warm_start=True, epochs=1).fit(X, BINARY).set_params(**{name: value})
    for method in (estimator.fit, estimator.partial_fit):
        with pytest.raises(ValueError, match=f"{name} must stay as it was while warm_start or partial_fit"):
            method(X, BINARY)
    estimator.set_params(warm_start=False).fit(X, BINARY)


def test_an_argument_that_is_given_its_default_is_no_change():
    estimator = NeuralClassifier(dense, epochs=1, warm_start=True).fit(X, BINARY).set_params(model__units=8)
    assert estimator.fit(X, BINARY).n_iter_ == 2


def test_copies_go_on():
    """Arguments that are arrays, networks and objects are the same in a copy."""

    def build(shape, outputs, *, matrix, activation=LEAKY):
        return [layers.Dense(5, copy.deepcopy(activation), kernel_initializer=lambda *_: matrix), layers.Dense(outputs)]

    network = fastnn.Sequential([layers.Dense(3), layers.Dense(1)])
    for estimator in (
        NeuralRegressor(build, model__matrix=np.ones((4, 5)), epochs=1),
        NeuralRegressor(network, optimizer=optimizers.SGD(0.01, momentum=0.9), metrics=[fastnn.metrics.R2Score()]),
    ):
        copied = copy.deepcopy(estimator.set_params(epochs=1, random_state=0).fit(X, BINARY))
        assert state(copied.partial_fit(X, BINARY)) == state(estimator.partial_fit(X, BINARY))
        assert copied.model_.optimizer.iterations == 2
