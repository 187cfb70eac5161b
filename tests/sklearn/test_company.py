"""In the company of scikit-learn's own tools: pipelines, searches, ensembles, copies and files."""

import io
import pickle
import tracemalloc

import joblib
import numpy as np
import pandas
import polars
import pytest
import skops.io
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, ParameterGrid, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fastnn.sklearn import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_wine(return_X_y=True)
SCALED = StandardScaler().fit_transform(X)


def classifier(**parameters):
    return MLPClassifier(
        **{"hidden_layer_sizes": (16,), "max_iter": 40, "batch_size": 32, "random_state": 3} | parameters
    )


def test_a_pipeline_scales_before_the_network():
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(X, Y)
    by_hand = classifier().fit(SCALED, Y)
    np.testing.assert_array_equal(pipeline.predict_proba(X), by_hand.predict_proba(SCALED))
    assert pipeline.score(X, Y) > 0.95
    assert make_pipeline(classifier()).fit(X, Y).score(X, Y) < 0.95  # the columns are of many sizes


def frame(kind):
    """1,000 rows of which a number and a word, each in another way, say what the label is."""
    rng = np.random.default_rng(0)
    numbers, words = rng.normal(100, 30, 1000), rng.choice(["red", "green", "blue"], 1000)
    data = {"number": numbers, "word": words, "noise": rng.normal(size=1000)}
    label = np.where((numbers > 100) ^ (words == "red"), "yes", "no")
    return {"pandas": pandas.DataFrame, "polars": polars.DataFrame}[kind](data), label


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_columns_of_a_table(kind):
    table, label = frame(kind)
    columns = make_column_transformer((OneHotEncoder(), ["word"]), (StandardScaler(), ["number", "noise"]))
    pipeline = make_pipeline(columns, classifier(max_iter=100, learning_rate_init=0.01)).fit(table[:800], label[:800])
    assert pipeline.score(table[800:], label[800:]) > 0.95
    assert set(pipeline.predict(table[:50])) == {"yes", "no"}
    with pytest.raises(ValueError, match="columns are missing"):
        pipeline.predict(table[["number", "noise"]])


NAMES = [f"c{i}" for i in range(13)]
TABLES = {"pandas": pandas.DataFrame(SCALED, columns=NAMES), "polars": polars.DataFrame(SCALED, NAMES)}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_by_itself(kind):
    table = TABLES[kind]
    fitted = classifier().fit(table, Y)
    assert list(fitted.feature_names_in_) == NAMES
    np.testing.assert_array_equal(fitted.predict_proba(table), classifier().fit(SCALED, Y).predict_proba(SCALED))
    renamed = table.rename({"c0": "other"}) if kind == "polars" else table.rename(columns={"c0": "other"})
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        fitted.predict(renamed)


def test_a_grid_search_finds_what_a_loop_finds():
    grid = {"mlp__hidden_layer_sizes": [(2,), (16,)], "mlp__learning_rate_init": [1e-6, 0.01]}
    pipeline = make_pipeline(StandardScaler(), classifier())
    pipeline.steps[-1] = ("mlp", pipeline.steps[-1][1])
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(pipeline, grid, cv=folds).fit(X, Y)
    expected = [
        cross_val_score(clone(pipeline).set_params(**some), X, Y, cv=folds).mean() for some in ParameterGrid(grid)
    ]
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected)
    assert search.best_params_ == {"mlp__hidden_layer_sizes": (16,), "mlp__learning_rate_init": 0.01}
    assert search.score(X, Y) > 0.95


def test_a_halving_search_gives_the_better_more_epochs():
    rates = {"learning_rate_init": [1e-6, 1e-5, 1e-4, 0.02]}
    search = HalvingRandomSearchCV(
        classifier(), rates, n_candidates=4, resource="max_iter", min_resources=5, max_resources=20, factor=2, cv=3,
        random_state=0,
    ).fit(SCALED, Y)  # fmt: skip
    assert search.n_resources_ == [5, 10, 20]
    assert search.n_candidates_ == [4, 2, 1]
    assert search.best_params_ == {"learning_rate_init": 0.02, "max_iter": 20}
    assert search.best_estimator_.n_iter_ == 20


@pytest.mark.parametrize("ensemble", [True, False])
def test_calibration(ensemble):
    calibrated = CalibratedClassifierCV(classifier(max_iter=5), cv=3, ensemble=ensemble).fit(SCALED, Y)
    assert len(calibrated.calibrated_classifiers_) == (3 if ensemble else 1)
    probabilities = calibrated.predict_proba(SCALED)
    raw = classifier(max_iter=5).fit(SCALED, Y).predict_proba(SCALED)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    of_truth = [p[np.arange(len(Y)), Y] for p in (probabilities, raw)]
    assert np.log(of_truth[0]).mean() > np.log(of_truth[1]).mean() + 0.1  # five epochs leave it too unsure


def test_stacking_learns_from_the_probabilities():
    stack = StackingClassifier([("narrow", classifier(hidden_layer_sizes=(4,))), ("wide", classifier())], cv=3)
    stack.fit(SCALED, Y)
    assert isinstance(stack.final_estimator_, LogisticRegression)
    assert stack.transform(SCALED).shape == (len(Y), 6)  # three classes of two networks
    expected = np.hstack([network.predict_proba(SCALED) for network in stack.estimators_])
    np.testing.assert_array_equal(stack.transform(SCALED), expected)
    assert stack.score(SCALED, Y) > 0.95


def test_permutation_importance_finds_the_columns_that_count():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 5))
    fitted = classifier(max_iter=80).fit(x, x[:, 1] + x[:, 3] > 0)
    importance = permutation_importance(fitted, x, x[:, 1] + x[:, 3] > 0, n_repeats=3, random_state=0).importances_mean
    assert importance[[1, 3]].min() > 0.15
    assert np.abs(importance[[0, 2, 4]]).max() < 0.03


def test_words_of_documents_are_never_an_array():
    rng = np.random.default_rng(2)
    words = np.array([f"word{i}" for i in range(500)])
    documents = [" ".join(rng.choice(words[half : half + 300], 40)) for half in [0, 200] * 1000]
    topics = ["first", "second"] * 1000
    pipeline = make_pipeline(HashingVectorizer(n_features=2**16), classifier(hidden_layer_sizes=(4,), max_iter=5))
    pipeline.fit(documents, topics)  # compiles
    tracemalloc.start()
    pipeline.fit(documents, topics)
    assert pipeline.score(documents, topics) > 0.95
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2000 * 2**16 * 8 / 8  # an eighth of the array


# Copies and files. What comes back must predict the same bits and go on training in the same way.


def by_pickle(fitted):
    return pickle.loads(pickle.dumps(fitted))


def by_joblib(fitted):
    file = io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(fitted):
    data = skops.io.dumps(fitted)
    unknown = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("fastnn.") for name in unknown), unknown
    return skops.io.loads(data, trusted=unknown)


@pytest.mark.parametrize("copied", [by_pickle, by_joblib, by_skops])
@pytest.mark.parametrize("labels", [Y, np.array(["a", "b", "c"])[Y]], ids=["numbers", "words"])
def test_copies_and_files(copied, labels):
    fitted = classifier().fit(SCALED, labels)
    loaded = copied(fitted)
    assert type(loaded) is MLPClassifier
    assert loaded.get_params() == fitted.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(SCALED), fitted.predict_proba(SCALED))
    np.testing.assert_array_equal(loaded.predict(SCALED), fitted.predict(SCALED))
    assert loaded.loss_curve_ == fitted.loss_curve_
    for own, expected in zip(loaded.coefs_, fitted.coefs_, strict=True):
        np.testing.assert_array_equal(own, expected)
    assert not np.shares_memory(loaded.coefs_[0], fitted.coefs_[0])
    before = fitted.predict_proba(SCALED)
    loaded.coefs_[0][...] = 0
    assert (loaded.predict_proba(SCALED) != before).any()  # they are the network's own weights
    np.testing.assert_array_equal(fitted.predict_proba(SCALED), before)


def test_a_pickle_is_about_as_large_as_its_weights():
    x, y = load_breast_cancer(return_X_y=True)
    fitted = classifier(hidden_layer_sizes=(2000,), max_iter=1).fit(x, y)
    weights = sum(w.nbytes for w in fitted.coefs_ + fitted.intercepts_)
    assert len(pickle.dumps(fitted)) < 3.2 * weights  # with Adam's two means


def test_clone_has_the_parameters_and_nothing_else():
    fitted = classifier(alpha=0.5).fit(SCALED, Y)
    fresh = clone(fitted)
    assert fresh.get_params() == fitted.get_params()
    assert not hasattr(fresh, "coefs_")
    np.testing.assert_array_equal(fresh.fit(SCALED, Y).predict_proba(SCALED), fitted.predict_proba(SCALED))


def test_html():
    html = make_pipeline(StandardScaler(), classifier(alpha=0.25))._repr_html_()
    assert "MLPClassifier" in html
    assert "alpha" in html
    assert "0.25" in html
    assert "fitted" in classifier().fit(SCALED, Y)._repr_html_()
