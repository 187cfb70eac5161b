"""How the estimators around any network are trained: weights of samples and classes, Ctrl-C, errors."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastnn
from fastnn import layers
from fastnn.callbacks import Callback
from fastnn.sklearn import Autoencoder, MLPClassifier, NeuralClassifier, NeuralRegressor

from .networks import BINARY, NUMBERS, SEVERAL, THREE, X, dense, linear, state


class Raises(Callback):
    """Raises an error at the end of an epoch, counted from 0."""

    def __init__(self, error, epoch=0):
        super().__init__()
        self.error, self.epoch = error, epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise self.error


# Weights of samples and classes.


@pytest.mark.parametrize("weights", [[0.25, 1.0, 7.0], [1.0, 1.0, 1.0]])
def test_partial_fit_takes_weights_as_they_are(weights):
    """One step of gradient descent for each sample: w -= rate * weight * dloss/dw, by hand for squared errors."""
    x, y = np.array([[1.0], [2.0], [-1.0]]), np.array([1.0, 0.5, 2.0])
    network = fastnn.Sequential([fastnn.Input((1,)), layers.Dense(1, kernel_initializer="zeros", dtype="float64")])
    estimator = NeuralRegressor(network, optimizer="sgd", optimizer__learning_rate=0.1)
    slope = bias = 0.0
    for i in range(3):
        estimator.partial_fit(x[i : i + 1], y[i : i + 1], sample_weight=weights[i : i + 1])
        error = 2 * weights[i] * (slope * x[i, 0] + bias - y[i])
        slope, bias = slope - 0.1 * error * x[i, 0], bias - 0.1 * error
    assert_allclose(np.ravel(np.concatenate(estimator.model_.get_weights(), axis=None)), [slope, bias])


def test_partial_fit_takes_weights_of_classes_sample_by_sample():
    weighted, by_hand, plain = (
        NeuralClassifier(linear, class_weight=weights, random_state=0, optimizer="sgd")
        for weights in ({0: 1, 1: 5}, None, None)
    )
    for i in range(20):
        x, y = X[i : i + 1], BINARY[i : i + 1]
        weighted.partial_fit(x, y, classes=[0, 1])
        by_hand.partial_fit(x, y, classes=[0, 1], sample_weight=1.0 + 4 * y)
        plain.partial_fit(x, y, classes=[0, 1])
    assert_array_equal(weighted.predict_proba(X), by_hand.predict_proba(X))
    assert np.abs(weighted.predict_proba(X) - plain.predict_proba(X)).max() > 1e-3


def test_partial_fit_of_autoencoder_counts_weights():
    weights = np.linspace(0, 2, len(X))
    one, other = (Autoencoder(2, random_state=0, shuffle=False) for _ in range(2))
    one.partial_fit(X, sample_weight=weights)
    other.partial_fit(X)
    loss = np.average(((one.model_.predict(X) - X) ** 2).mean(axis=1), weights=weights)
    assert loss == pytest.approx(one.partial_fit(X, sample_weight=weights).history_["loss"][-1])
    assert one.history_["loss"][0] != pytest.approx(other.history_["loss"][0])


def test_partial_fit_of_fewer_classes_than_there_are():
    estimator = NeuralClassifier(random_state=0).partial_fit(X[:2], [5, 5], classes=[3, 5, 9])
    assert estimator.predict_proba(X).shape == (len(X), 3)
    for _ in range(200):
        estimator.partial_fit(X, np.array([3, 5, 9])[THREE])
    assert estimator.score(X, np.array([3, 5, 9])[THREE]) > 0.9


@pytest.mark.parametrize("kind", [NeuralClassifier, NeuralRegressor, Autoencoder])
def test_weights_of_validation_samples(kind):
    y = () if kind is Autoencoder else (BINARY,)
    weights, shown = np.linspace(0, 3, 30), {}
    for name, given in (("weighted", weights), ("scaled", 100 * weights), ("plain", None)):
        held_out = {"X_val": X[:30], "sample_weight_val": given} | ({"y_val": BINARY[:30]} if y else {})
        estimator = kind(epochs=1, random_state=0).fit(X[30:], *(part[30:] for part in y), **held_out)
        shown[name] = estimator.history_["val_loss"][0]
    if kind is NeuralRegressor:
        errors = (estimator.predict(X[:30]) - BINARY[:30]) ** 2
    elif kind is Autoencoder:
        errors = ((estimator.model_.predict(X[:30]) - X[:30]) ** 2).mean(axis=1)
    else:
        errors = -np.log(estimator.predict_proba(X[:30])[np.arange(30), BINARY[:30]])
    assert shown["weighted"] == pytest.approx(np.average(errors, weights=weights))
    assert shown["scaled"] == pytest.approx(shown["weighted"])
    assert shown["plain"] == pytest.approx(errors.mean())


def test_validation_is_not_weighted_by_class(monkeypatch):
    """Neither what is set aside nor what is given as X_val: both say how good predictions are, not what to learn."""
    parts, seen = NeuralClassifier._held_out, []
    monkeypatch.setattr(
        NeuralClassifier, "_held_out", lambda self, *given: seen.append(parts(self, *given)) or seen[-1]
    )
    parameters = {"epochs": 3, "class_weight": {0: 1, 1: 20}, "random_state": 0, "shuffle": False}
    weights = np.linspace(0.5, 2, len(X))
    apart = NeuralClassifier(early_stopping=True, validation_fraction=0.3, **parameters).fit(X, BINARY, weights)
    train, held_out = seen[0]
    given = NeuralClassifier(**parameters).fit(*train, *held_out)
    assert_allclose(apart.history_["val_loss"], given.history_["val_loss"])
    probabilities = NeuralClassifier(**parameters).fit(*train).predict_proba(held_out.X)
    errors = -np.log(probabilities[np.arange(len(held_out.X)), held_out.targets])
    assert given.history_["val_loss"][-1] == pytest.approx(np.average(errors, weights=held_out.weights))


@pytest.mark.parametrize("kind", [NeuralRegressor, Autoencoder])
def test_what_is_held_out_is_not_trained_on(kind):
    """A network that only learns a mean learns that of the other samples."""
    x = np.arange(40.0)[:, np.newaxis] ** 2
    estimator = kind(early_stopping=True, validation_fraction=0.5, epochs=1, random_state=3, batch_size=40)
    parts, seen = estimator._held_out, []
    estimator._held_out = lambda *given: seen.append(parts(*given)) or seen[-1]
    fitted = []
    fit = fastnn.Sequential.fit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            fastnn.Sequential, "fit", lambda self, x, *rest, **more: fitted.append(x) or fit(self, x, *rest, **more)
        )
        estimator.fit(x, x[:, 0])
    assert_array_equal(fitted[0], seen[0][0].X)
    together = np.vstack([seen[0][0].X, seen[0][1].X])
    assert_array_equal(np.sort(together, axis=0), x)


def test_few_samples_of_many_classes_are_held_out_as_they_come():
    y = np.arange(30) % 10
    estimator = NeuralClassifier(early_stopping=True, epochs=2, random_state=0).fit(X[:30], y)
    assert len(estimator.history_["val_loss"]) == 2
    single = NeuralClassifier(early_stopping=True, epochs=2, random_state=0).fit(X, np.minimum(np.arange(120), 2))
    assert len(single.history_["val_loss"]) == 2


@pytest.mark.parametrize("size", [1e308, 1e-320])
def test_only_ratios_of_weights_count_in_fit(size):
    ratios = 1.0 + np.arange(len(X)) % 2
    one, other = (
        NeuralClassifier(epochs=3, random_state=0).fit(X, THREE, sample_weight=weights)
        for weights in (ratios * (size / 2), ratios)
    )
    assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-3)
    assert one.loss_curve_[-1] > 0


# Ctrl-C and errors.


@pytest.mark.parametrize("early", [True, False])
def test_ctrl_c_before_anything_was_trained_leaves_all_as_before(early):
    interrupted = []

    def build(shape, outputs):
        if interrupted and early:
            raise KeyboardInterrupt
        return dense(shape, outputs)

    class Begin(Callback):
        def on_train_begin(self, logs=None):
            if interrupted:
                raise KeyboardInterrupt

    estimator = NeuralClassifier(build, epochs=2, random_state=0, callbacks=Begin()).fit(X, THREE)
    before, expected = dict(vars(estimator)), estimator.predict_proba(X)
    interrupted.append(True)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X[:, :3], BINARY)
    assert vars(estimator) == before
    assert_array_equal(estimator.predict_proba(X), expected)


def test_ctrl_c_takes_the_best_weights_with_early_stopping():
    noise = np.random.default_rng(0).normal(size=len(X))
    parameters = {"model__units": 50, "optimizer__learning_rate": 0.1, "random_state": 1, "epochs": 60}
    stops = NeuralRegressor(
        dense, early_stopping=True, n_iter_no_change=60, callbacks=Raises(KeyboardInterrupt, 40), **parameters
    )
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        stops.fit(X[30:], noise[30:], X_val=X[:30], y_val=noise[:30])
    values = stops.history_["val_loss"]
    assert min(values) < 0.9 * values[-1]
    assert ((stops.predict(X[:30]) - noise[:30]) ** 2).mean() == pytest.approx(min(values))


@pytest.mark.parametrize("error", [RuntimeError("no"), SystemExit()])
@pytest.mark.parametrize("kind", [NeuralRegressor, Autoencoder])
@pytest.mark.parametrize("warm", [True, False])
def test_an_error_while_training_goes_on_undoes_it(kind, error, warm):
    y = () if kind is Autoencoder else (NUMBERS,)
    estimator = kind(epochs=3, random_state=0, warm_start=True).fit(X, *y)
    before, history = state(estimator), copy.deepcopy(estimator.history_)
    same = copy.deepcopy(estimator)
    estimator.set_params(callbacks=Raises(error, 3), loss="mae", metrics=["mse"])
    with pytest.raises(type(error)):
        (estimator.fit if warm else estimator.partial_fit)(X, *y)
    assert state(estimator) == before
    assert estimator.history_ == history
    estimator.set_params(callbacks=None, loss="mean_squared_error", metrics=None)
    assert state(estimator.fit(X, *y)) == state(same.set_params(loss="mean_squared_error").fit(X, *y))
    assert estimator.history_ == same.history_
    assert list(estimator.history_) == ["loss"]


def test_a_first_partial_fit_that_fails_knows_no_classes():
    estimator = NeuralClassifier(random_state=0)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        estimator.partial_fit(X * np.nan, THREE, classes=[0, 1, 2])
    assert not hasattr(estimator, "classes_")
    assert estimator.partial_fit(X, BINARY, classes=[0, 1]).classes_.tolist() == [0, 1]


def test_weights_that_become_infinite_are_undone():
    estimator = NeuralRegressor(optimizer="sgd", warm_start=True, epochs=3).fit(X, NUMBERS)
    before = state(estimator)
    with (
        pytest.warns(RuntimeWarning, match="no longer a finite number"),
        pytest.raises(ValueError, match="non-finite parameter weights"),
    ):
        estimator.fit(X * 1e200, NUMBERS)
    assert state(estimator) == before


# Losses of distributions.


def test_kl_divergence_of_two_classes():
    estimator = NeuralClassifier(
        loss="kl_divergence", random_state=0, epochs=60, optimizer__learning_rate=0.03, batch_size=40
    )
    assert estimator.fit(X, BINARY).score(X, BINARY) > 0.95
    assert_allclose(estimator.predict_proba(X).sum(axis=1), 1)
    assert estimator.n_outputs_ == 2


@pytest.mark.parametrize("loss", ["kl_divergence", "categorical_crossentropy"])
def test_several_labels_are_no_distribution(loss):
    for kind in (NeuralClassifier, MLPClassifier):
        with pytest.raises(ValueError, match="loss must judge each label by itself.*for several labels .*, received"):
            kind(loss=loss).fit(X, SEVERAL)


def test_buffers_of_training_are_freed():
    for estimator in (NeuralClassifier(epochs=1, early_stopping=True), Autoencoder(epochs=1, early_stopping=True)):
        assert set(estimator.fit(X, BINARY).model_._programs) <= {"predict"}
