"""scikit-learn's estimators of estimators, which each ask something else of the one inside."""

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, BaggingRegressor, VotingClassifier
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV, cross_val_predict, learning_curve, validation_curve
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from fastnn.sklearn import MLPClassifier, MLPRegressor, NeuralClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
FEW = {"hidden_layer_sizes": (8,), "batch_size": 16, "max_iter": 40, "learning_rate_init": 0.01, "random_state": 0}


def network(**parameters):
    return MLPClassifier(**FEW | parameters)


CLASSIFIERS = {
    "weights of boosting": AdaBoostClassifier(network(max_iter=10), n_estimators=3, random_state=0),
    "weights of bagging": BaggingClassifier(network(), n_estimators=3, random_state=0),
    "soft votes": VotingClassifier(
        [("a", network()), ("b", NeuralClassifier(epochs=40, random_state=0))], voting="soft"
    ),
    "one against the rest": OneVsRestClassifier(network()),
    "one against one": OneVsOneClassifier(network()),
    "features of a hidden layer": make_pipeline(network(), LogisticRegression()),
    "features next to others": make_pipeline(make_union(network(), PCA(2)), LogisticRegression()),
    "some of the features": make_pipeline(
        SequentialFeatureSelector(network(max_iter=20), n_features_to_select=4, cv=2), network()
    ),
}


@pytest.mark.parametrize("estimator", CLASSIFIERS.values(), ids=CLASSIFIERS.keys())
def test_classifiers(estimator):
    fitted = estimator.fit(X[::2], Y[::2])
    assert fitted.score(X[1::2], Y[1::2]) > 0.9
    assert set(fitted.predict(X)) == {0, 1, 2}


def test_a_threshold_for_two_classes():
    """Missing a sample of class 1 costs ten times a false alarm, so the threshold goes down."""
    y = (Y == 1).astype(int)
    noisy = np.where(np.random.default_rng(0).random(len(y)) < 0.2, 1 - y, y)

    def gain(truth, predicted):
        return -10 * ((truth == 1) & (predicted == 0)).sum() - ((truth == 0) & (predicted == 1)).sum()

    tuned = TunedThresholdClassifierCV(network(), scoring=make_scorer(gain), random_state=0).fit(X, noisy)
    assert tuned.best_threshold_ < 0.4
    assert gain(noisy, tuned.predict(X)) > gain(noisy, network().fit(X, noisy).predict(X))


def test_labels_that_are_missing():
    """-1 is no label: two thirds of them are learnt from the network's own confident predictions."""
    some = np.where(np.arange(len(Y)) % 3 == 0, Y, -1)
    fitted = SelfTrainingClassifier(network(), threshold=0.9).fit(X, some)
    assert (fitted.labeled_iter_ > 0).sum() > 80
    assert fitted.score(X, Y) > 0.9


def test_a_chain_of_labels():
    labels = np.stack([Y == 0, Y != 1], axis=1).astype(int)
    fitted = ClassifierChain(network(), random_state=0).fit(X[::2], labels[::2])
    assert (fitted.predict(X[1::2]) == labels[1::2]).mean() > 0.95


@pytest.mark.parametrize("make", [MultiOutputRegressor, lambda inside: BaggingRegressor(inside, 3, random_state=0)])
def test_regressors(make):
    targets = X[:, :2] @ np.array([[1.0, -1.0], [2.0, 0.5]])
    fitted = make(MLPRegressor(**FEW | {"max_iter": 200, "alpha": 0.0})).fit(X[::2, :4], targets[::2])
    assert fitted.score(X[1::2, :4], targets[1::2]) > 0.9


def test_predictions_for_what_was_left_out():
    probabilities = cross_val_predict(network(), X, Y, cv=3, method="predict_proba")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == Y).mean() > 0.9


def test_a_learning_curve_by_partial_fit():
    sizes, _, scores = learning_curve(
        network(batch_size="auto"),
        X,
        Y,
        train_sizes=[0.1, 1.0],
        cv=3,
        exploit_incremental_learning=True,
        shuffle=True,
        random_state=0,
    )
    assert sizes.tolist() == [11, 118]
    assert np.isfinite(scores).all()


def test_a_validation_curve():
    _, scores = validation_curve(network(), X, Y, param_name="alpha", param_range=[1e-4, 1e4], cv=3)
    assert scores[0].mean() > 0.9
    assert scores[1].mean() < 0.7  # a penalty that leaves nearly no weights
