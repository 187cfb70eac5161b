"""NeuralClassifier and NeuralRegressor: targets of all kinds, against other programs and against `Sequential`."""

import copy
import itertools

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.utils import compute_sample_weight

import fastnn
from fastnn import layers, losses, optimizers
from fastnn.sklearn import NeuralClassifier, NeuralRegressor

from .networks import BINARY, DIGITS, LABELS, NUMBERS, SEVERAL, THREE, X, dense, linear


def fast(kind=NeuralClassifier, model=dense, **parameters):
    return kind(model, **{"optimizer__learning_rate": 0.03, "epochs": 60, "random_state": 0} | parameters)


# Against scikit-learn.


def test_softmax_regression_is_logistic_regression():
    c, n = 0.5, len(X)
    other = LogisticRegression(C=c, tol=1e-8).fit(X, THREE)
    penalty = 1 / (2 * c * n)  # C sum of losses + |w|^2 / 2 is C n times mean loss + |w|^2 / (2 C n)
    ours = fast(
        model=lambda shape, outputs: [layers.Dense(outputs, kernel_regularizer=fastnn.regularizers.L2(penalty))],
        epochs=400,
    ).fit(X, THREE)
    assert_allclose(ours.predict_proba(X), other.predict_proba(X), atol=1e-3)
    assert_allclose(ours.predict_log_proba(X), other.predict_log_proba(X), rtol=0.05)
    assert_array_equal(ours.predict(X), other.predict(X))


def test_one_output_is_logistic_regression():
    c = 0.5
    other = LogisticRegression(C=c, tol=1e-8).fit(X, BINARY, sample_weight=1 + THREE)
    penalty = fastnn.regularizers.L2(1 / (2 * c * (1 + THREE).sum()))
    ours = fast(model=lambda shape, outputs: [layers.Dense(outputs, kernel_regularizer=penalty)], epochs=2000)
    ours.fit(X, BINARY, sample_weight=1 + THREE)
    assert_allclose(ours.predict_proba(X), other.predict_proba(X), atol=1e-3)


def test_class_weights_are_those_of_scikit_learn():
    y, weights = np.where(BINARY, "many", "few"), {"few": 5.0, "many": 0.5}
    by_class = fast(class_weight=weights).fit(X, y, sample_weight=1 + THREE)
    by_sample = fast().fit(X, y, sample_weight=(1 + THREE) * compute_sample_weight(weights, y))
    assert_allclose(by_class.predict_proba(X), by_sample.predict_proba(X), rtol=1e-9)
    balanced = fast(class_weight="balanced").fit(X, y)
    by_sample = fast().fit(X, y, sample_weight=compute_sample_weight("balanced", y))
    assert_allclose(balanced.predict_proba(X), by_sample.predict_proba(X), rtol=1e-9)
    assert np.abs(by_class.predict_proba(X) - by_sample.predict_proba(X)).max() > 1e-3


def test_linear_network_is_linear_regression():
    other = LinearRegression().fit(X, NUMBERS)
    ours = fast(NeuralRegressor, linear, epochs=600).fit(X, NUMBERS)
    assert_allclose(ours.predict(X), other.predict(X), atol=1e-3)
    assert ours.score(X, NUMBERS) == pytest.approx(1)


# Against the network itself.


@pytest.mark.parametrize("metrics", [None, ["accuracy"]])
def test_same_bits_as_the_network_trained_by_hand(metrics):
    network = fastnn.Sequential(
        [fastnn.Input((4,)), layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(3, "softmax")]
    )
    by_hand, weights = copy.deepcopy(network), np.linspace(0.5, 1.5, len(X))
    estimator = NeuralClassifier(network, metrics=metrics, batch_size=32, epochs=5, shuffle=False)
    estimator.fit(X, THREE, sample_weight=weights, X_val=X[:9], y_val=THREE[:9])
    by_hand.compile("adam", "sparse_categorical_crossentropy", metrics)
    history = by_hand.fit(
        X, THREE, 32, 5, verbose=0, shuffle=False, sample_weight=weights, validation_data=(X[:9], THREE[:9])
    )
    assert_array_equal(estimator.predict_proba(X), by_hand.predict(X))
    assert estimator.history_ == history.history
    assert (estimator.n_iter_, estimator.loss_curve_) == (5, history.history["loss"])


def test_training_goes_on():
    """As one `fit` of the network after the other, with the state of the optimizer, and other orders each time."""
    network = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(8, "relu"), layers.Dense(2)])
    by_hand = copy.deepcopy(network)
    by_hand.compile("adam", "mse")
    by_hand.fit(X, NUMBERS, 200, 3, verbose=0, shuffle=False)
    by_hand.fit(X, NUMBERS, 200, 5, verbose=0, shuffle=False, initial_epoch=3)
    warm = NeuralRegressor(network, epochs=3, shuffle=False, warm_start=True).fit(X, NUMBERS)
    warm.set_params(epochs=2).fit(X, NUMBERS)
    parts = NeuralRegressor(network, shuffle=False)
    for _ in range(5):
        parts.partial_fit(X, NUMBERS)
    for estimator in (warm, parts):
        assert_array_equal(estimator.predict(X), by_hand.predict(X))
        assert estimator.n_iter_ == 5
    cold = NeuralRegressor(network, epochs=2, shuffle=False).fit(X, NUMBERS).fit(X, NUMBERS)
    assert cold.n_iter_ == 2


def test_partial_fit_shuffles_anew_each_time():
    batches = []

    class Recorded(layers.Layer):
        def forward(self, x, training=False):
            if training:
                batches.append(x.copy())
            return x

        def backward(self, dy):
            return dy

    estimator = NeuralClassifier(lambda shape, outputs: [Recorded(), layers.Dense(outputs)], random_state=0)
    for _ in range(4):
        estimator.partial_fit(X, BINARY, classes=[0, 1])
    for first, second in itertools.pairwise(batches):
        assert_array_equal(np.sort(first, axis=0), np.sort(second, axis=0))
        assert not (first == second).all()


# Targets.


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (BINARY, [0, 1]),
        (BINARY.astype(bool), [False, True]),
        (BINARY * 2.0 - 1, [-1.0, 1.0]),
        (np.array(["no", "yes"])[BINARY], ["no", "yes"]),
        (np.array(["low", "middle", "high"])[THREE], ["high", "low", "middle"]),
        (np.array(["low", "middle", "high"], object)[THREE], ["high", "low", "middle"]),
        ((THREE - 7).tolist(), [-7, -6, -5]),
        (pd.Series(THREE), [0, 1, 2]),
        (pl.Series(THREE), [0, 1, 2]),
    ],
)
def test_labels(y, classes):
    estimator = fast().fit(X, y)
    assert estimator.classes_.tolist() == classes
    assert set(estimator.predict(X)) == set(classes)
    assert estimator.score(X, y) > 0.9
    probabilities = estimator.predict_proba(X)
    assert probabilities.shape == (len(X), len(classes))
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_array_equal(estimator.classes_[probabilities.argmax(axis=1)], estimator.predict(X))
    assert log_loss(np.asarray(y), probabilities, labels=classes) == pytest.approx(estimator.loss_curve_[-1], abs=0.02)


def test_several_labels():
    estimator = fast().fit(X, SEVERAL)
    assert estimator.score(X, SEVERAL) > 0.9
    assert_array_equal(estimator.predict(X), (estimator.predict_proba(X) > 0.5).astype(int))
    one = fast().fit(X, csr_array(SEVERAL))
    assert_array_equal(one.predict_proba(X), estimator.predict_proba(X))


def test_several_labels_with_a_part_held_out():
    rare = np.hstack([SEVERAL, np.eye(len(X), 4, dtype=int)])  # rows that there is only one of
    estimator = fast(early_stopping=True).fit(X, rare)
    assert len(estimator.history_["val_loss"]) == estimator.n_iter_


def test_probabilities_of_zero():
    logarithms = fast().fit(X, THREE).predict_log_proba(1e5 * X)
    extreme = fast(model=linear).fit(X, THREE).predict_log_proba(1e5 * X)
    assert np.isfinite(logarithms).all()
    assert (extreme.max(axis=1) == 0).all()
    assert extreme.min() == -np.inf


def test_single_class():
    estimator = fast(epochs=3).fit(X, np.full(len(X), "only"))
    assert set(estimator.predict(X)) == {"only"}


def test_numbers():
    one, two = fast(NeuralRegressor).fit(X, NUMBERS[:, 0]), fast(NeuralRegressor).fit(X, NUMBERS)
    assert one.predict(X).shape == (len(X),)
    assert two.predict(X).shape == (len(X), 2)
    assert min(one.score(X, NUMBERS[:, 0]), two.score(X, NUMBERS)) > 0.9
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        column = fast(NeuralRegressor).fit(X, NUMBERS[:, :1])
    assert_array_equal(column.predict(X), one.predict(X))


@pytest.mark.parametrize(
    ("loss", "y", "outputs"),
    [
        ("sparse_categorical_crossentropy", BINARY, 2),
        ("categorical_crossentropy", BINARY, 2),
        ("binary_crossentropy", BINARY, 1),
        (losses.CategoricalCrossentropy(label_smoothing=0.01), THREE, 3),
        (losses.BinaryCrossentropy, SEVERAL, 3),
        ("mse", THREE, 3),
        (lambda y_true, y_pred: ((y_true - y_pred) ** 2).mean(axis=-1), THREE, 3),
    ],
)
def test_losses(loss, y, outputs):
    estimator = fast(loss=loss, epochs=100).fit(X, y)
    assert estimator.n_outputs_ == outputs
    assert estimator.score(X, y) > 0.9


def test_two_outputs_for_two_classes():
    network = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(2, "softmax")])
    estimator = fast(model=network).fit(X, BINARY)
    assert_array_equal(estimator.predict_proba(X), estimator.model_.predict(X))
    assert estimator.score(X, BINARY) > 0.9


@pytest.mark.parametrize("y", [BINARY, THREE, SEVERAL], ids=["binary", "three", "several"])
def test_margins(y):
    estimator = fast(loss="hinge").fit(X, y)
    margins = estimator.decision_function(X)
    assert_array_equal(margins.reshape(len(X), -1), estimator.model_.predict(X))
    expected = margins.argmax(axis=1) if y is THREE else (margins > 0).astype(int)
    assert_array_equal(estimator.predict(X), expected)
    assert estimator.score(X, y) > 0.85
    assert not hasattr(estimator, "predict_proba")
    assert not hasattr(fast().fit(X, y), "decision_function")


def test_margins_of_two_outputs():
    network = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(2)])
    estimator = fast(model=network, loss="squared_hinge").fit(X, BINARY)
    outputs = estimator.model_.predict(X)
    assert_array_equal(estimator.decision_function(X), outputs[:, 1] - outputs[:, 0])
    assert_array_equal(estimator.predict(X), outputs.argmax(axis=1))
    assert estimator.score(X, BINARY) > 0.9


# Data.


@pytest.mark.parametrize("kind", [NeuralClassifier, NeuralRegressor])
def test_sparse_samples_are_not_made_dense(kind, monkeypatch):
    samples = X * (np.abs(X) > 0.7)
    expected = fast(kind, shuffle=False).fit(samples, BINARY).predict(samples)
    for name in ("toarray", "todense"):
        monkeypatch.setattr(csr_array, name, None)
    rows = csr_array(samples)
    assert_allclose(fast(kind, shuffle=False).fit(rows, BINARY).predict(rows), expected, rtol=1e-6)


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_tables(table):
    frame = table({name: X[:, i] for i, name in enumerate("abcd")})
    estimator = fast().fit(frame, BINARY)
    assert estimator.feature_names_in_.tolist() == list("abcd")
    assert_array_equal(estimator.predict_proba(frame), fast().fit(X, BINARY).predict_proba(X))
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(table({name: X[:, i] for i, name in enumerate("abce")}))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        estimator.predict(X)


@pytest.mark.parametrize("kind", [NeuralClassifier, NeuralRegressor])
def test_float_types(kind, dtype):
    estimator = fast(kind).fit(X.astype(dtype), BINARY)
    outputs = estimator.predict_proba if kind is NeuralClassifier else estimator.predict
    assert estimator.model_.dtype == dtype
    assert outputs(X.astype(dtype)).dtype == dtype
    assert fastnn.config.floatx() == "float32"
    own = fastnn.Sequential([layers.Dense(1)])
    assert fast(kind, own).fit(X, BINARY).model_.dtype == np.float32


def test_bytes_are_not_copied(monkeypatch):
    images, seen = np.round(DIGITS * 16).astype(np.uint8).reshape(-1, 8, 8, 1), []
    fit = fastnn.Sequential.fit

    def watched(self, x, *args, **kwargs):
        seen.append(x)
        return fit(self, x, *args, **kwargs)

    monkeypatch.setattr(fastnn.Sequential, "fit", watched)
    network = [layers.Rescaling(1 / 16), layers.Flatten(), layers.Dense(10)]
    estimator = NeuralClassifier(fastnn.Sequential(network), epochs=30, optimizer__learning_rate=0.01)
    assert estimator.fit(images, LABELS).score(images, LABELS) > 0.9
    assert seen[0].dtype == np.uint8
    assert np.shares_memory(seen[0], images)


def test_optimizers():
    given = optimizers.SGD(0.1, momentum=0.5)
    estimator = fast(optimizer=given, optimizer__learning_rate=0.2, epochs=1).fit(X, BINARY)
    made = estimator.model_.optimizer
    assert (type(made), made.learning_rate, made.momentum, made.iterations) == (optimizers.SGD, 0.2, 0.5, 1)
    assert (given.learning_rate, given.iterations) == (0.1, 0)
    used = optimizers.Adam(fastnn.schedules.ExponentialDecay(0.1, 2, 0.1))
    fresh, later = (
        NeuralClassifier(linear, optimizer=o, epochs=9, random_state=0) for o in (copy.deepcopy(used), used)
    )
    expected = fresh.fit(X, BINARY).predict_proba(X)
    by_hand = fastnn.Sequential([layers.Dense(1)])
    by_hand.compile(used, "mse")
    by_hand.fit(X, BINARY, epochs=9, verbose=0)
    assert used.iterations > 0
    assert_array_equal(later.fit(X, BINARY).predict_proba(X), expected)
    assert later.set_params(optimizer__learning_rate=0.5).fit(X, BINARY).model_.optimizer.learning_rate == 0.5


def test_weights_excluded_from_weight_decay():
    decays = optimizers.AdamW(1e-9, weight_decay=0.9e9)
    decays.exclude_from_weight_decay(var_names="bias")
    network = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(1, bias_initializer="ones")])
    trained = NeuralRegressor(network, optimizer=decays, epochs=1).fit(X, BINARY).model_.get_weights()
    assert_allclose(trained[0], 0.1 * network.get_weights()[0], rtol=1e-5)
    assert_allclose(trained[1], 1)
    decays.exclude_from_weight_decay(network.parameters)
    with pytest.raises(ValueError, match=r"optimizer must exclude weights from weight decay by their names.*var_list"):
        NeuralRegressor(network, optimizer=decays).fit(X, BINARY)
