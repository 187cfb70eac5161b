"""Which losses of a perceptron give probabilities, which ones margins, and what is left of callbacks."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.metrics import hinge_loss, roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

import fastnn
from fastnn.sklearn import Autoencoder, MLPClassifier, MLPRegressor, NeuralClassifier, NeuralRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
INDICATORS = np.c_[Y > 0, Y < 2, Y == 0].astype(int)


def classifier(**parameters):
    return MLPClassifier(**{"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 20} | parameters)


@pytest.mark.parametrize("loss", ["binary_crossentropy", "binary_log_loss"])
def test_one_probability_for_each_of_several_classes(loss):
    """They are made to add up to 1 as `OneVsRestClassifier` does it: here it is given the same binary classifiers."""
    ours = classifier(loss=loss, hidden_layer_sizes=(), solver="sgd", alpha=0, max_iter=3).fit(X, Y)
    theirs = OneVsRestClassifier(classifier(hidden_layer_sizes=(), solver="sgd", max_iter=1)).fit(X, Y)
    for i, binary in enumerate(theirs.estimators_):
        binary.coefs_, binary.intercepts_ = [ours.coefs_[0][:, [i]]], [ours.intercepts_[0][[i]]]
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-12)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    several = classifier(loss=loss).fit(X, INDICATORS)
    assert (abs(several.predict_proba(X).sum(axis=1) - 1) > 0.1).any()
    ours.coefs_, ours.intercepts_ = [np.zeros((4, 3))], [np.full(3, -1000.0)]
    assert ours.predict_proba(X[:1]).tolist() == [[0, 0, 0]]  # as there


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", fastnn.losses.Hinge(), fastnn.losses.Hinge])
def test_margins(loss):
    """By the formula in NumPy: the outputs themselves, whose signs are the labels."""
    two = classifier(loss=loss, activation="tanh", max_iter=100, learning_rate_init=0.01)
    for ours in (two, two.fit(X, Y > 0)):
        assert not hasattr(ours, "predict_proba")
        assert not hasattr(ours, "predict_log_proba")
        assert hasattr(ours, "decision_function")
    outputs = np.tanh(X @ two.coefs_[0] + two.intercepts_[0]) @ two.coefs_[1] + two.intercepts_[1]
    assert_allclose(two.decision_function(X), outputs[:, 0], rtol=1e-12)
    assert_array_equal(two.predict(X), outputs[:, 0] > 0)
    assert clone(two).fit(X, Y).decision_function(X).shape == (150, 3)
    assert_array_equal(clone(two).fit(X, INDICATORS).predict(X), two.fit(X, INDICATORS).decision_function(X) > 0)
    for ours in (classifier(), classifier().fit(X, Y)):
        assert not hasattr(ours, "decision_function")


def test_margins_in_scikit_learn():
    two = classifier(loss="hinge", max_iter=100, alpha=0, learning_rate_init=0.01)
    assert cross_val_score(two, X, Y > 0, scoring="roc_auc", error_score="raise").mean() > 0.99
    assert CalibratedClassifierCV(two, ensemble=False).fit(X, Y > 0).predict_proba(X).shape == (150, 2)
    scored = classifier(loss="hinge", early_stopping="roc_auc", max_iter=1).fit(X, Y > 0, X_val=X, y_val=Y > 0)
    assert scored.validation_scores_ == [roc_auc_score(Y > 0, scored.decision_function(X))]
    expected = hinge_loss(Y > 0, scored.decision_function(X))
    assert scored.validation_loss_curve_ == [pytest.approx(expected, rel=1e-9)]


class Counter(fastnn.callbacks.Callback):
    epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        self.unpicklable = lambda: None


@pytest.mark.parametrize(("estimator", "targets"), [
    (MLPClassifier((5,), max_iter=3), Y), (MLPRegressor(hidden_layer_sizes=(5,), max_iter=3), X[:, 0]),
    (NeuralClassifier(epochs=3), Y), (NeuralRegressor(epochs=3), X[:, 0]), (Autoencoder(2, epochs=3), None),
], ids=["MLPClassifier", "MLPRegressor", "NeuralClassifier", "NeuralRegressor", "Autoencoder"])  # fmt: skip
def test_callbacks_can_be_read(estimator, targets):
    """The copies, which have seen the training; copies of the estimator do not have them."""
    counter = Counter()
    ours = clone(estimator).set_params(callbacks=[[counter]]).fit(X, targets)
    assert [type(callback) for callback in ours.callbacks_] == [Counter]
    assert ours.callbacks_[0].epochs == 3
    assert ours.callbacks_[0].model is ours.model_
    assert counter.epochs == 0
    again = pickle.loads(pickle.dumps(ours))
    assert not hasattr(again, "callbacks_")
    assert clone(estimator).fit(X, targets).callbacks_ == []


def test_whether_there_are_probabilities_is_known_at_once(monkeypatch):
    """A search for similar names takes longer than a prediction."""
    estimator = MLPClassifier((3,), max_iter=1).fit(X, Y)
    monkeypatch.setattr("difflib.get_close_matches", lambda *args, **kwargs: pytest.fail("looked for similar names"))
    assert estimator.predict_proba(X[:1]).shape == (1, 3)
    assert MLPClassifier(loss="Hinge").decision_function
    assert not hasattr(MLPClassifier(loss="squared_hinge"), "predict_proba")
