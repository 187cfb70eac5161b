"""Weights and validation data that pipelines and searches pass on (scikit-learn's metadata routing)."""

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnn.sklearn import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_wine(return_X_y=True)
SCALER = StandardScaler().fit(X)
# Half of the labels are wrong, and have the weight 0.
WRONG = np.random.default_rng(0).random(len(Y)) < 0.5
LABELS, WEIGHTS = np.where(WRONG, (Y + 1) % 3, Y), np.where(WRONG, 0.0, 1.0)


@pytest.fixture(autouse=True)
def _routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def classifier(**parameters):
    return MLPClassifier(
        **{"hidden_layer_sizes": (16,), "max_iter": 40, "random_state": 3, "learning_rate_init": 0.01} | parameters
    )


def test_sample_weight_through_a_pipeline():
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipeline = make_pipeline(scaler, classifier().set_fit_request(sample_weight=True))
    pipeline.fit(X, LABELS, sample_weight=WEIGHTS)
    by_hand = classifier().fit(SCALER.transform(X), LABELS, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(pipeline.predict_proba(X), by_hand.predict_proba(SCALER.transform(X)))
    assert pipeline.score(X, Y) > 0.9
    assert make_pipeline(scaler, classifier()).fit(X, LABELS).score(X, Y) < 0.8


def test_sample_weight_through_a_search():
    """In training and in scoring: without either, half of the labels of each fold would count as mistakes."""
    weighted = classifier().set_fit_request(sample_weight=True)
    weighted.set_score_request(sample_weight=True)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(weighted, {"alpha": [1e-4, 1e-3]}, cv=folds)
    search.fit(SCALER.transform(X), LABELS, sample_weight=WEIGHTS)
    assert search.best_score_ > 0.9
    assert search.best_estimator_.score(SCALER.transform(X), Y) > 0.9


def test_weights_that_nobody_asked_for_are_refused():
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
        make_pipeline(classifier()).fit(X, LABELS, sample_weight=WEIGHTS)


def test_validation_data_through_a_pipeline():
    """`transform_input` sends them through the scaler, as the training data."""
    asks = classifier().set_fit_request(X_val=True, y_val=True)
    pipeline = make_pipeline(StandardScaler(), asks, transform_input=["X_val"])
    pipeline.fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    scaler = StandardScaler().fit(X[::2])
    by_hand = classifier().fit(scaler.transform(X[::2]), Y[::2], X_val=scaler.transform(X[1::2]), y_val=Y[1::2])
    curve = pipeline[-1].validation_loss_curve_
    assert curve == by_hand.validation_loss_curve_
    assert len(curve) == 40
    assert curve[-1] < curve[0] / 2


def test_validation_data_through_a_search():
    """The same for all candidates and folds: they are not split."""
    x = SCALER.transform(X)
    asks = classifier(early_stopping=True, n_iter_no_change=5, max_iter=200)
    asks.set_fit_request(X_val=True, y_val=True)
    search = GridSearchCV(asks, {"alpha": [1e-4, 1e-2]}, cv=3).fit(x[::2], Y[::2], X_val=x[1::2], y_val=Y[1::2])
    best = search.best_estimator_
    assert best.best_validation_score_ == max(best.validation_scores_) == best.score(x[1::2], Y[1::2])
    assert best.n_iter_ < 200


def test_cross_validate_slices_what_has_a_row_for_each_sample():
    asks = classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    x, folds = SCALER.transform(X), StratifiedKFold(3)
    found = cross_validate(asks, x, LABELS, cv=folds, params={"sample_weight": WEIGHTS})["test_score"]
    for score, (train, test) in zip(found, folds.split(x, LABELS), strict=True):
        by_hand = classifier().fit(x[train], LABELS[train], sample_weight=WEIGHTS[train])
        assert score == by_hand.score(x[test], LABELS[test], sample_weight=WEIGHTS[test])
