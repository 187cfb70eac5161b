"""Training step by step as scikit-learn's perceptrons do, from the same initial weights and in the same order."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network._base import binary_log_loss, log_loss

from fastnn.sklearn import MLPClassifier, MLPRegressor

THEIRS = {MLPClassifier: neural_network.MLPClassifier, MLPRegressor: neural_network.MLPRegressor}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 53  # so that the last batch of 20 is smaller


def binary():
    return make_classification(N, 6, random_state=1)


def multiclass():
    X, y = make_classification(N, 8, n_informative=5, n_classes=4, random_state=2)
    return X, np.array(["b", "a", "d", "c"], object)[y]


def multilabel():
    return make_multilabel_classification(N, 6, n_classes=3, random_state=3)


def regression():
    X, y = make_regression(N, 6, random_state=4)
    return X, y / y.std()


def outputs():
    X, y = make_regression(N, 6, n_targets=3, random_state=5)
    return X, y / y.std(axis=0)


def counts():
    X, _ = regression()
    return X, np.random.default_rng(6).poisson(np.exp(X[:, 0] / 2)).astype(float)


PROBLEMS = {
    "binary": (MLPClassifier, binary, {}),
    "multiclass": (MLPClassifier, multiclass, {}),
    "multilabel": (MLPClassifier, multilabel, {}),
    "regression": (MLPRegressor, regression, {}),
    "outputs": (MLPRegressor, outputs, {}),
    "poisson": (MLPRegressor, counts, {"loss": "poisson"}),
}
SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "learning_rate_init": 0.05, "nesterovs_momentum": False},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0},
    "lbfgs": {"solver": "lbfgs"},
}
FACTS = ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "_no_improvement_count")
NUMBERS = ("loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_")


def both(kind, X, y, weights=None, **parameters):
    parameters = {"random_state": 0, "shuffle": False, "hidden_layer_sizes": (7, 5)} | parameters
    return tuple(made(**parameters).fit(X, y, sample_weight=weights) for made in (kind, THEIRS[kind]))


def assert_same(ours, theirs, rtol=1e-7):
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        assert a.shape == b.shape
        assert_allclose(a, b, rtol=rtol, atol=rtol * 1e-2)
    for name in FACTS:
        assert getattr(ours, name, None) == getattr(theirs, name, None), name
    for name in NUMBERS:
        a, b = getattr(ours, name, None), getattr(theirs, name, None)
        assert (a is None) == (b is None), name
        if a is not None:
            assert_allclose(a, b, rtol=rtol, err_msg=name)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_each_solver_and_kind_of_targets(problem, solver, weighted, rng):
    kind, data, extra = PROBLEMS[problem]
    X, y = data()
    weights = rng.integers(0, 4, N).astype(float) if weighted else None
    ours, theirs = both(kind, X, y, weights, batch_size=20, max_iter=8, alpha=0.3, **SOLVERS[solver], **extra)
    assert_same(ours, theirs)
    assert_allclose(
        ours.predict(X) if kind is MLPRegressor else ours.predict_proba(X),
        getattr(theirs, "predict" if kind is MLPRegressor else "predict_proba")(X),
        rtol=1e-7,
    )
    if kind is MLPClassifier:
        assert_array_equal(ours.predict(X), theirs.predict(X))
        assert ours.predict(X).dtype == theirs.predict(X).dtype
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), rel=1e-7)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("hidden", [(), 9, (4, 4, 4)], ids=["none", "one", "three"])
def test_activations_and_depths(activation, solver, hidden):
    ours, theirs = both(
        MLPClassifier,
        *multiclass(),
        hidden_layer_sizes=hidden,
        activation=activation,
        solver=solver,
        max_iter=10,
        alpha=0,
    )
    assert_same(ours, theirs)


@pytest.mark.parametrize("learning_rate", ["invscaling", "adaptive"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_learning_rates(learning_rate, solver):
    """With a tolerance that ends training after some divisions of the rate by 5."""
    ours, theirs = both(
        MLPRegressor, *regression(), solver=solver, learning_rate=learning_rate, learning_rate_init=0.02, power_t=0.3,
        batch_size=20, tol=0.02, n_iter_no_change=3, max_iter=300,
    )  # fmt: skip
    assert_same(ours, theirs)
    if solver == "sgd":
        assert ours._optimizer.learning_rate == pytest.approx(theirs._optimizer.learning_rate, rel=1e-12)
        assert ours._optimizer.learning_rate < (1e-6 if learning_rate == "adaptive" else 0.01)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "multilabel", "regression", "outputs"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_early_stopping_on_the_same_split(problem, weighted, rng):
    kind, data, extra = PROBLEMS[problem]
    X, y = data()
    weights = rng.uniform(0.5, 2, N) if weighted else None
    ours, theirs = both(
        kind, X, y, weights, early_stopping=True, validation_fraction=0.3, n_iter_no_change=4, tol=1e-3,
        learning_rate_init=0.01, batch_size=10, **extra,
    )  # fmt: skip
    assert_same(ours, theirs)
    assert ours.stopped_early_
    assert len(ours.validation_loss_curve_) == ours.n_iter_


def test_the_end_of_training():
    """Exactly in the epoch in which scikit-learn's ends, with and without a warning."""
    X, y = binary()
    for tol, patience in [(1e-2, 1), (1e-3, 5), (5e-4, 10)]:
        ours, theirs = both(MLPClassifier, X, y, tol=tol, n_iter_no_change=patience, max_iter=2000)
        assert_same(ours, theirs, rtol=1e-5)
        assert ours.stopped_early_
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(5\) reached"):
        assert not MLPClassifier(max_iter=5).fit(X, y).stopped_early_


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_warm_start(solver):
    X, y = regression()
    estimators = both(MLPRegressor, X, y, solver=solver, warm_start=True, max_iter=6, batch_size=20)
    assert_same(*estimators)
    for estimator in estimators:
        estimator.set_params(max_iter=9, alpha=0.5).fit(X, y)
    assert_same(*estimators)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit(solver):
    X, y = multiclass()
    made = [
        kind(solver=solver, random_state=0, shuffle=False, hidden_layer_sizes=6, learning_rate="adaptive")
        for kind in (MLPClassifier, neural_network.MLPClassifier)
    ]
    for estimator in made:
        for part in (slice(0, 20), slice(20, 45), slice(45, N)):
            estimator.partial_fit(X[part], y[part], classes=["a", "b", "c", "d"])
    assert_same(*made)


def test_the_random_order_is_ours_but_the_rest_is_not():
    """Shuffled, with one batch per epoch, the sums are the same to rounding."""
    X, y = regression()
    assert_same(*both(MLPRegressor, X, y, shuffle=True, batch_size=N, max_iter=10), rtol=1e-6)
    a, b = (MLPRegressor(batch_size=10, max_iter=3, random_state=7).fit(X, y) for _ in range(2))
    assert all(np.array_equal(v, w) for v, w in zip(a.coefs_, b.coefs_, strict=True))
    c = MLPRegressor(batch_size=10, max_iter=3, random_state=7, shuffle=False).fit(X, y)
    assert not np.array_equal(a.coefs_[0], c.coefs_[0])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_rows_are_the_same_as_dense_ones(solver):
    from scipy import sparse

    X, y = binary()
    X[np.abs(X) < 1] = 0
    for kind in (sparse.csr_matrix, sparse.csc_array):
        dense, rows = (
            MLPClassifier(solver=solver, max_iter=10, random_state=0, batch_size=20).fit(given, y)
            for given in (X, kind(X))
        )
        assert_allclose(rows.coefs_[0], dense.coefs_[0], rtol=1e-7)
        assert_allclose(rows.predict_proba(kind(X)), dense.predict_proba(X), rtol=1e-7)


def test_float32_stays_float32():
    X, y = multiclass()
    ours, theirs = both(MLPClassifier, X.astype(np.float32), y, max_iter=10)
    assert {a.dtype for a in (*ours.coefs_, *ours.intercepts_, ours.predict_proba(X.astype(np.float32)))} == {
        np.dtype(np.float32)
    }
    assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-3, atol=1e-5)


def test_lbfgs_gradient_by_differences():
    from fastnn.sklearn.lbfgs import Objective

    X, y = regression()
    with warnings.catch_warnings(action="ignore"):
        ours = MLPRegressor(solver="lbfgs", hidden_layer_sizes=4, activation="tanh", max_iter=1).fit(X, y)
    weights = np.linspace(0.5, 2, N)
    loss = Objective(ours.model_, [*ours._views.coefs, *ours._views.intercepts], X, y, weights, 0.7)
    flat = loss.start()
    _, gradient = loss(flat)
    for i in range(0, len(flat), 5):
        step = np.zeros_like(flat)
        step[i] = 1e-5
        assert (loss(flat + step)[0] - loss(flat - step)[0]) / 2e-5 == pytest.approx(gradient[i], abs=1e-8)


@pytest.mark.parametrize(
    ("problem", "scale", "theirs"),
    [(multilabel, 2, binary_log_loss), (binary, 60, binary_log_loss), (multiclass, 60, log_loss)],
)
def test_the_loss_of_lbfgs_where_it_is_large(problem, scale, theirs):
    """A probability that rounds to 0 has scikit-learn's finite loss; several labels of a row may add up to more."""
    X, y = problem()
    X = X * scale
    ours = MLPClassifier((5,), "identity", solver="lbfgs", alpha=0, random_state=0, max_fun=1).fit(X, y)
    indicators = np.eye(4)[np.unique(y, return_inverse=True)[1]] if problem is multiclass else y.reshape(N, -1)
    proba = ours.predict_proba(X)[:, 1:] if problem is binary else ours.predict_proba(X)
    rows = [theirs(indicators[i : i + 1], proba[i : i + 1]) for i in range(N)]
    assert max(rows) > 36
    assert ours.loss_ == pytest.approx(np.mean(rows), rel=1e-6)


def test_the_loss_of_lbfgs_with_smoothed_labels():
    """By the formula, from the logits: it is not clipped, as its gradient is not."""
    X, y = binary()
    X = X * 1000
    ours = MLPClassifier((5,), solver="lbfgs", label_smoothing=0.1, max_fun=1, alpha=0, random_state=2).fit(X, y)
    (a, b), (p, q) = ours.coefs_, ours.intercepts_
    logits = (np.maximum(X @ a + p, 0) @ b + q)[:, 0]
    losses = np.logaddexp(0, logits) - (0.9 * y + 0.05) * logits
    assert losses.max() > 36
    assert ours.loss_ == pytest.approx(losses.mean(), rel=1e-9)
