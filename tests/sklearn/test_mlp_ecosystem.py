"""Multi-layer perceptrons among scikit-learn's tools: pipelines, searches, parallel fits, metadata routing, files."""

import joblib
import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fastnn
from fastnn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)


def test_search_in_a_pipeline():
    steps = make_pipeline(StandardScaler(), MLPClassifier(random_state=0, max_iter=40, learning_rate_init=0.05))
    grid = {
        "mlpclassifier__hidden_layer_sizes": [(1,), (16, 8)],
        "mlpclassifier__activation": ["relu", "gelu"],
        "mlpclassifier__optimizer": [None, fastnn.optimizers.SGD(1e-6)],
    }
    search = GridSearchCV(steps, grid, cv=3).fit(X, Y)
    assert search.best_score_ > 0.9
    assert search.best_params_["mlpclassifier__hidden_layer_sizes"] == (16, 8)
    assert search.best_params_["mlpclassifier__optimizer"] is None


def test_features_for_another_estimator():
    """The hidden layer as a step of a pipeline, and tables in and out of it."""
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcd")).assign(kind=np.where(X[:, 0] > 6, "large", "small"))
    columns = make_column_transformer((StandardScaler(), list("abcd")), (OneHotEncoder(sparse_output=False), ["kind"]))
    hidden = MLPClassifier((6,), random_state=0, max_iter=100, learning_rate_init=0.05)
    steps = make_pipeline(columns, hidden, LogisticRegression()).fit(table, Y)
    assert steps.score(table, Y) > 0.9
    assert steps[-1].n_features_in_ == 6
    assert list(steps[:-1].get_feature_names_out()) == [f"mlpclassifier{i}" for i in range(6)]


def test_voting():
    voters = [("ours", MLPClassifier(max_iter=100, random_state=0)), ("linear", LogisticRegression(max_iter=500))]
    assert VotingClassifier(voters, voting="soft").fit(StandardScaler().fit_transform(X), Y).score(X, Y) > 0.3


def test_threads_that_fit_at_once_give_the_same_bits():
    ours = MLPClassifier(random_state=3, max_iter=30, dropout=0.1)
    alone = cross_val_predict(ours, X, Y, method="predict_proba", cv=4)
    with joblib.parallel_backend("threading"):
        together = cross_val_predict(ours, X, Y, method="predict_proba", cv=4, n_jobs=4)
    assert_array_equal(together, alone)


def test_metadata_routing():
    weights = np.linspace(0.1, 3, len(Y))
    ours = MLPClassifier(random_state=0, max_iter=5)
    direct = ours.fit(X, Y, sample_weight=weights).predict_proba(X)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = MLPClassifier(random_state=0, max_iter=5).set_fit_request(sample_weight=True)
        steps = make_pipeline("passthrough", routed).fit(X, Y, sample_weight=weights)
        assert_array_equal(steps.predict_proba(X), direct)
        scores = cross_val_score(
            routed.set_score_request(sample_weight=False), X, Y, params={"sample_weight": weights}, cv=3
        )
        assert len(scores) == 3


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier((5,), early_stopping="loss", batch_norm=True, dropout=0.1, max_iter=10),
        MLPClassifier((5,), solver="lbfgs", max_iter=10),
        MLPRegressor("huber", (5, 4), ["tanh", "gelu"], max_iter=10),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_files(estimator, tmp_path):
    """joblib's, and those of skops, which hold nothing that a reader would have to trust."""
    io = pytest.importorskip("skops.io")
    labels = np.array(["a", "b", "c"])[Y] if isinstance(estimator, MLPClassifier) else Y
    fitted = estimator.fit(X, labels)
    joblib.dump(fitted, tmp_path / "mlp.joblib")
    content = io.dumps(fitted)
    kinds = {"fastnn.sklearn.classifier.MLPClassifier", "fastnn.sklearn.regressor.MLPRegressor"}
    untrusted = io.get_untrusted_types(data=content)
    assert set(untrusted) <= kinds
    for again in (joblib.load(tmp_path / "mlp.joblib"), io.loads(content, trusted=untrusted)):
        assert_array_equal(again.predict(X), fitted.predict(X))
        assert_array_equal(again.transform(X), fitted.transform(X))
        assert repr(again) == repr(fitted)


def test_multilabel_in_a_pipeline():
    many, labels = make_multilabel_classification(60, random_state=0)
    steps = make_pipeline(StandardScaler(), MLPClassifier(random_state=0, max_iter=300))
    assert steps.fit(many, labels).score(many, labels) > 0.8


def test_html():
    fitted = MLPClassifier(max_iter=2, optimizer=fastnn.optimizers.Adam(), callbacks=[]).fit(X, Y)
    assert "MLPClassifier" in fitted._repr_html_()
