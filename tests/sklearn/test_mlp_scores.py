"""Weights of classes and of samples, and scores on data that are set aside, where some labels are rare or missing."""

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import max_error, median_absolute_error, roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_sample_weight

import fastnn
from fastnn.sklearn import MLPClassifier, MLPRegressor

pytestmark = [pytest.mark.filterwarnings("ignore:Stochastic Optimizer"), pytest.mark.filterwarnings("ignore:lbfgs")]

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)


def classifier(**parameters):
    return MLPClassifier(**{"hidden_layer_sizes": (5,), "random_state": 0, "max_iter": 5} | parameters)


def same_weights(a, b):
    return all(np.array_equal(v, w) for v, w in zip(a.model_.weights, b.model_.weights, strict=True))


@pytest.mark.parametrize("rule", ["loss", "accuracy", lambda *_: 0.5])
@pytest.mark.parametrize("rows", [
    np.r_[0, 50:90],  # one of the first class
    np.r_[0:4, 50:54, 100:104],  # two samples for validation, of three classes
    np.r_[0:10, 50:60, 100:110],
])  # fmt: skip
def test_classes_that_cannot_be_stratified(rule, rows):
    ours = classifier(early_stopping=rule).fit(X[rows], Y[rows])
    assert len(ours.validation_scores_) == 5
    assert np.isfinite(ours.validation_scores_).all()


def test_classes_are_stratified_where_they_can_be():
    seen = []

    def rule(estimator, X, y):
        seen.append(sorted(y.tolist()))
        return 0.0

    rows = np.r_[0:10, 50:60, 100:110]
    classifier(early_stopping=rule, max_iter=1).fit(X[rows], Y[rows])
    assert seen == [[0, 1, 2]]


def test_class_weight_of_a_part_of_the_classes():
    """In calls of `partial_fit` that lack a class, and for classes that the dict leaves at 1."""
    weight = {0: 2.0, 1: 3.0}
    part = Y != 1
    ours, theirs = classifier(class_weight=weight), classifier()
    ours.partial_fit(X, Y, classes=[0, 1, 2])
    theirs.partial_fit(X, Y, compute_sample_weight(weight, Y), classes=[0, 1, 2])
    ours.partial_fit(X[part], Y[part])
    theirs.partial_fit(X[part], Y[part], np.where(Y[part] == 0, 2.0, 1.0))
    assert same_weights(ours, theirs)
    with pytest.raises(ValueError, match="are not in class_weight"):
        classifier(class_weight={0: 1, 5: 2}).fit(X, Y)
    many, labels = make_multilabel_classification(40, 4, n_classes=2, random_state=0)
    each = [{0: 1.0, 1: 2.0}, {0: 1.0, 1: 3.0}]
    weights = (1 + labels[:, 0]) * (1 + 2 * labels[:, 1])
    ours = classifier(class_weight=each).fit(many, labels)
    assert same_weights(ours, classifier().fit(many, labels, sample_weight=weights))


@pytest.mark.parametrize(
    ("scorer", "metric", "weighs"),
    [("neg_max_error", max_error, False), ("neg_median_absolute_error", median_absolute_error, True)],
)
def test_scorers_get_weights_if_their_metric_takes_them(scorer, metric, weighs):
    many, numbers = make_regression(60, 4, random_state=0)
    weights = np.linspace(0.1, 3, 60)
    ours = MLPRegressor(early_stopping=scorer, max_iter=1, random_state=0)
    ours.fit(many, numbers, X_val=many, y_val=numbers, sample_weight_val=weights)
    expected = metric(numbers, ours.predict(many), **({"sample_weight": weights} if weighs else {}))
    assert ours.validation_scores_ == pytest.approx([-expected], rel=1e-9)
    MLPRegressor(early_stopping=scorer, max_iter=1).fit(many, numbers, sample_weight=weights)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_scores_that_are_no_numbers():
    """Of a single class there is no area under the curve: the trained weights stay, not the initial ones."""
    two, one = Y < 2, Y == 0
    ours = classifier(early_stopping="roc_auc", max_iter=30)
    with pytest.warns(ConvergenceWarning, match="No validation score was finite"):
        ours.fit(X[two], Y[two], X_val=X[one], y_val=Y[one])
    assert np.isnan(ours.validation_scores_).all()
    assert np.isnan(roc_auc_score(Y[one], ours.predict_proba(X[one])[:, 1]))
    assert same_weights(ours, classifier(max_iter=30).fit(X[two], Y[two]))


@pytest.mark.parametrize("early_stopping", [False, "loss"])
def test_a_callback_ends_the_training(early_stopping):
    """`stopped_early_` says so, and in a loop of `partial_fit` the best weights are put back."""

    def stop(epoch, logs):
        ours.model_.stop_training = ours.n_iter_ == 3

    ours = classifier(callbacks=fastnn.callbacks.LambdaCallback(on_epoch_end=stop), early_stopping=early_stopping)
    assert ours.fit(X, Y).stopped_early_
    assert ours.n_iter_ == 3
    assert not ours.set_params(callbacks=None).fit(X, Y).stopped_early_
    ours.set_params(callbacks=fastnn.callbacks.LambdaCallback(on_epoch_end=stop))
    assert ours.fit(X, Y).stopped_early_
    ours.set_params(solver="lbfgs", callbacks=None).fit(X, Y)
    assert not ours.stopped_early_


def test_a_callback_ends_a_loop_of_partial_fit():
    def stop(epoch, logs):
        ours.model_.stop_training = len(ours.loss_curve_) == 4

    scores = iter([0.1, 0.9, 0.2, 0.3])
    ours = classifier(
        callbacks=fastnn.callbacks.LambdaCallback(on_epoch_end=stop), early_stopping=lambda *_: next(scores)
    )
    for calls in range(1, 5):
        ours.partial_fit(X, Y, classes=[0, 1, 2], X_val=X, y_val=Y)
        assert ours.stopped_early_ == (calls == 4)
        if calls == 2:
            best = [np.copy(kernel) for kernel in ours.coefs_]
    assert all(map(np.array_equal, ours.coefs_, best))
