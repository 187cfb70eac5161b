"""What the multi-layer perceptrons have beyond scikit-learn's."""

import io
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_sample_weight

import fastnn
from fastnn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS_X, IRIS_Y = load_iris(return_X_y=True)
IRIS_X = StandardScaler().fit_transform(IRIS_X)
ORDER = np.random.default_rng(0).permutation(len(IRIS_X))
X, Y = IRIS_X[ORDER[:100]], IRIS_Y[ORDER[:100]]
X_VAL, Y_VAL = IRIS_X[ORDER[100:]], IRIS_Y[ORDER[100:]]


def classifier(**parameters):
    return MLPClassifier(**{"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 20} | parameters)


def same_weights(a, b):
    return all(np.array_equal(v, w) for v, w in zip(a.model_.weights, b.model_.weights, strict=True))


def test_an_activation_for_each_layer_and_transform():
    """Against the formulas in NumPy."""
    leaky = fastnn.layers.LeakyReLU(0.1)
    ours = classifier(hidden_layer_sizes=(6, 5, 4), activation=["logistic", leaky, "softplus"]).fit(X, Y)
    (a, b, c, _), (p, q, r, _) = ours.coefs_, ours.intercepts_
    first = 1 / (1 + np.exp(-(X @ a + p)))
    second = first @ b + q
    second = np.where(second > 0, second, 0.1 * second)
    third = np.logaddexp(0, second @ c + r)
    assert_allclose(ours.transform(X), third, rtol=1e-12)
    assert_allclose(ours.set_params(transform_layer=0).transform(X), first, rtol=1e-12)
    assert_allclose(ours.set_params(transform_layer=-2).transform(X), second, rtol=1e-12)
    assert list(ours.get_feature_names_out()) == [f"mlpclassifier{i}" for i in range(5)]
    assert clone(ours).fit(X, Y).transform(X).shape == (100, 5)
    assert leaky.name == ours.activation[1].name  # the user's own is not part of the network


@pytest.mark.parametrize("activation", sorted(fastnn.layers.activations.FUNCTIONS))
def test_all_activations_of_fastnn(activation):
    assert classifier(activation=activation).fit(X, Y).model_.layers[0].activation.activation == activation


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_tables_in_and_out(library):
    frames = pytest.importorskip(library)
    names = ["a", "b", "c", "d"]
    table = frames.DataFrame(X, columns=names) if library == "pandas" else frames.DataFrame(X, schema=names)
    labels = np.array(["setosa", "versicolor", "virginica"])[Y]
    ours = classifier().set_output(transform=library).fit(table, labels)
    assert same_weights(ours, classifier().fit(X, Y))
    assert list(ours.feature_names_in_) == names
    assert list(ours.transform(table).columns) == list(ours.get_feature_names_out())
    assert set(ours.predict(table)) <= {"setosa", "versicolor", "virginica"}
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        ours.predict(X)
    with pytest.raises(ValueError, match="feature names should match"):
        ours.predict(table[names[::-1]])


def test_dropout():
    ours = classifier(dropout=[0.5, 0.0], hidden_layer_sizes=(8, 8)).fit(X, Y)
    rates = [layer.rate for layer in ours.model_.layers if isinstance(layer, fastnn.layers.Dropout)]
    assert rates == [0.5]
    assert_array_equal(ours.predict_proba(X), ours.predict_proba(X))
    assert same_weights(ours, clone(ours).fit(X, Y))
    assert not same_weights(ours, clone(ours).set_params(random_state=1).fit(X, Y))
    without = classifier(hidden_layer_sizes=(8, 8)).fit(X, Y)
    assert not np.array_equal(ours.coefs_[0], without.coefs_[0])


def test_batch_norm():
    """Its predictions by the formula, with the statistics that training collected."""
    ours = classifier(batch_norm=True, max_iter=300, activation="tanh", learning_rate_init=0.01).fit(X, Y)
    norm = ours.model_.layers[1]
    gamma, beta, mean, variance = norm.weights
    z = X @ ours.coefs_[0] + ours.intercepts_[0]
    hidden = np.tanh(gamma * (z - mean) / np.sqrt(variance + norm.epsilon) + beta)
    assert_allclose(ours.transform(X), hidden, rtol=1e-12)
    assert ours.score(X_VAL, Y_VAL) > 0.9
    few = classifier(batch_norm=True, max_iter=50, learning_rate_init=0.01, hidden_layer_sizes=(50,))
    assert few.fit(X * 10 + 100, Y).score(X * 10 + 100, Y) > 0.8  # a step per epoch is enough for the statistics


def test_class_weight_multiplies_sample_weight():
    weight = {0: 1.0, 1: 5.0, 2: 0.1}
    own = np.linspace(0.5, 2, len(Y))
    ours = classifier(class_weight=weight).fit(X, Y, sample_weight=own)
    assert same_weights(ours, classifier().fit(X, Y, sample_weight=own * compute_sample_weight(weight, Y)))
    few = np.r_[np.flatnonzero(Y == 0)[:5], np.flatnonzero(Y > 0)]
    ours = classifier(class_weight="balanced").fit(X[few], Y[few])
    weights = compute_sample_weight("balanced", Y[few])
    assert same_weights(ours, classifier().fit(X[few], Y[few], sample_weight=weights))
    partial = classifier(class_weight=weight).partial_fit(X, Y, classes=[0, 1, 2])
    assert same_weights(partial, classifier().partial_fit(X, Y, weights_of(weight), classes=[0, 1, 2]))


def weights_of(weight):
    return compute_sample_weight(weight, Y)


def test_the_loss_on_validation_data():
    """By scikit-learn's metric, for the weights of the last epoch; a weighted mean with weights."""
    weights = np.linspace(0.1, 2, len(Y_VAL))
    ours = classifier(alpha=1.0).fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=weights)
    assert len(ours.validation_loss_curve_) == ours.n_iter_ == 20
    expected = log_loss(Y_VAL, ours.predict_proba(X_VAL), sample_weight=weights)
    assert ours.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-9)
    assert ours.validation_scores_ is None
    assert same_weights(ours, classifier(alpha=1.0).fit(X, Y))
    assert classifier().fit(X, Y).validation_loss_curve_ is None
    many, targets = make_regression(60, 4, n_targets=2, random_state=0)
    ours = MLPRegressor(max_iter=5).fit(many, targets, X_val=many[:20], y_val=targets[:20])
    expected = mean_squared_error(targets[:20], ours.predict(many[:20])) / 2
    assert ours.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-9)


def test_early_stopping_by_the_loss_restores_the_best_weights():
    ours = classifier(
        early_stopping="loss", hidden_layer_sizes=(60,), learning_rate_init=0.05, alpha=0, max_iter=500, tol=0
    ).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert ours.stopped_early_
    assert ours.validation_scores_ == [-loss for loss in ours.validation_loss_curve_]
    best = min(ours.validation_loss_curve_)
    assert ours.best_validation_score_ == -best
    assert ours.validation_loss_curve_.index(best) == ours.n_iter_ - 12  # one more than n_iter_no_change, and the last
    assert log_loss(Y_VAL, ours.predict_proba(X_VAL)) == pytest.approx(best, rel=1e-9)


def own_scorer(estimator, samples, labels):
    return -log_loss(labels, estimator.predict_proba(samples))


@pytest.mark.parametrize("monitor", [True, "balanced_accuracy", "neg_log_loss", own_scorer])
def test_early_stopping_by_a_score(monitor):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    ours = classifier(early_stopping=monitor, max_iter=100, n_iter_no_change=5, learning_rate_init=0.01)
    ours.fit(table, Y, X_val=pandas.DataFrame(X_VAL, columns=table.columns), y_val=Y_VAL)
    assert len(ours.validation_scores_) == ours.n_iter_
    assert ours.best_validation_score_ == max(ours.validation_scores_)
    if monitor in ("neg_log_loss", own_scorer):
        assert ours.validation_scores_ == pytest.approx([-loss for loss in ours.validation_loss_curve_], rel=1e-9)
    if monitor is True:
        assert ours.score(pandas.DataFrame(X_VAL, columns=table.columns), Y_VAL) == ours.best_validation_score_


def test_a_score_that_needs_all_classes():
    """Those rows are stratified, where the rule is not scikit-learn's."""
    few = np.r_[np.flatnonzero(Y == 0)[:3], np.flatnonzero(Y > 0)]
    for seed in range(5):
        ours = classifier(early_stopping="neg_log_loss", validation_fraction=0.3, random_state=seed)
        assert np.isfinite(ours.fit(X[few], Y[few]).validation_scores_).all()


def test_partial_fit_with_validation_data():
    """A loop ends where `fit` does, with the same weights."""
    settings = {
        "early_stopping": "loss",
        "learning_rate_init": 0.05,
        "shuffle": False,
        "n_iter_no_change": 3,
        "tol": 1e-3,
    }
    whole = classifier(**settings, max_iter=1000).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    ours, calls = classifier(**settings), 0
    while not getattr(ours, "stopped_early_", False):
        ours.partial_fit(X, Y, classes=[0, 1, 2], X_val=X_VAL, y_val=Y_VAL)
        calls += 1
        if calls == 7:
            ours = pickle.loads(pickle.dumps(ours))
    assert calls == whole.n_iter_
    assert ours.validation_loss_curve_ == whole.validation_loss_curve_
    assert same_weights(ours, whole)


def test_label_smoothing():
    """The first loss by the formula, of the initial weights, which one epoch in a single batch begins with."""
    for labels, classes in ((Y, 3), (Y == 1, 2)):
        ours = classifier(label_smoothing=0.1, max_iter=1, batch_size=100, alpha=0).fit(X, labels)
        initial = classifier(max_iter=1, learning_rate_init=1e-300, alpha=0).fit(X, labels).predict_proba(X)
        smoothed = np.eye(classes)[labels.astype(int)] * 0.9 + 0.1 / classes
        assert ours.loss_curve_[0] == pytest.approx(-(smoothed * np.log(initial)).sum(axis=1).mean(), rel=1e-9)


LOSSES = sorted({kind.name for kind in fastnn.losses._BY_NAME.values()})


@pytest.mark.parametrize("loss", LOSSES)
def test_all_losses_of_fastnn(loss):
    """All that fit classes do for two, and all that fit numbers, with an output activation that suits them."""
    many, _ = make_regression(60, 4, random_state=0)
    labels = many[:, 0] > 0
    if loss != "half_poisson_deviance":
        ours = classifier(loss=loss, max_iter=100, learning_rate_init=0.05).fit(many, labels)
        assert ours.score(many, labels) > 0.9
    others = ("hinge", "squared_hinge", "kl_divergence")
    if fastnn.losses.get(loss).activation in (None, "exponential") and loss not in others:
        numbers = np.exp(many[:, 0])
        regressor = MLPRegressor(loss, max_iter=300, random_state=0, learning_rate_init=0.01).fit(many, numbers)
        assert regressor.score(many, numbers) > 0.8


def test_losses_by_name_object_and_function():
    many, targets = make_regression(60, 4, random_state=0)
    targets = targets / targets.std()
    huber = fastnn.losses.Huber(delta=1.0)
    found = [
        MLPRegressor(loss, max_iter=5, random_state=0, alpha=0).fit(many, targets)
        for loss in ("huber", huber, lambda t, y: np.where(abs(y - t) < 1, (y - t) ** 2 / 2, abs(y - t) - 0.5)[:, 0])
    ]
    assert_allclose(found[1].predict(many), found[0].predict(many), rtol=1e-12)
    assert_allclose(found[2].predict(many), found[0].predict(many), rtol=1e-6)
    assert found[1].model_.loss is not huber
    assert found[1].loss is huber
    hinge = classifier(loss="hinge", max_iter=300, learning_rate_init=0.01).fit(X, Y == 1)
    assert hinge.score(X, Y == 1) > 0.9
    assert not hasattr(hinge, "predict_proba")
    two = classifier(loss=fastnn.losses.CategoricalCrossentropy(), max_iter=100, learning_rate_init=0.05).fit(X, Y > 0)
    assert two.n_outputs_ == 2
    assert two.score(X, Y > 0) > 0.9
    assert_allclose(two.predict_proba(X).sum(axis=1), 1)


def test_optimizers_and_schedules_are_copied():
    schedule = fastnn.schedules.ExponentialDecay(0.1, 1, 0.5)
    optimizer = fastnn.optimizers.RMSprop(schedule)
    ours = classifier(optimizer=optimizer, max_iter=3, batch_size=100).fit(X, Y)
    assert optimizer.iterations == 0
    assert ours._optimizer.iterations == 3
    assert ours._optimizer.learning_rate == pytest.approx(0.1 / 8)
    assert same_weights(ours, clone(ours).fit(X, Y))
    assert same_weights(ours, ours.__class__(**ours.get_params()).fit(X, Y))
    named = classifier(optimizer="rmsprop", learning_rate_schedule=schedule, max_iter=3, batch_size=100).fit(X, Y)
    assert same_weights(ours, named)
    plain = classifier(optimizer="rmsprop", learning_rate_init=0.03).fit(X, Y)
    assert same_weights(plain, classifier(optimizer=fastnn.optimizers.RMSprop(0.03)).fit(X, Y))
    slowing = classifier(
        optimizer=fastnn.optimizers.RMSprop(0.5), learning_rate="adaptive", max_iter=2000, tol=1e-3
    ).fit(X, Y)
    assert slowing._optimizer.learning_rate < 1e-6


class Recorder(fastnn.callbacks.Callback):
    """Sums what it sees in a list that copies share."""

    seen: list = []  # noqa: RUF012

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(dict(logs))


def test_callbacks():
    recorder = Recorder()
    stop = fastnn.callbacks.LossThreshold(0.9, "val_loss")
    ours = classifier(
        callbacks=[recorder, stop], max_iter=500, early_stopping=True, n_iter_no_change=500, learning_rate_init=0.01
    ).fit(X, Y)
    assert [logs["val_loss"] for logs in recorder.seen] == ours.validation_loss_curve_
    assert [logs["val_score"] for logs in recorder.seen] == ours.validation_scores_
    assert ours.validation_loss_curve_[-1] < 0.9 <= ours.validation_loss_curve_[-2]
    assert stop.reached is None
    assert not hasattr(recorder, "model")


@pytest.mark.parametrize("parameters", [
    {"max_iter": 3}, {"early_stopping": True, "max_iter": 30, "tol": 0.1, "n_iter_no_change": 2},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 10, "n_iter_no_change": 2},
])  # fmt: skip
def test_verbose_prints_what_scikit_learn_does(parameters, capsys):
    from sklearn import neural_network

    for kind in (neural_network.MLPClassifier, MLPClassifier):
        kind(shuffle=False, random_state=0, verbose=True, **parameters).fit(X, Y)
        if kind is not MLPClassifier:
            expected = capsys.readouterr().out
    assert capsys.readouterr().out == expected


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_has_a_progress_bar(monkeypatch):
    """Which is removed at the end, also after an error."""
    shown = Terminal()
    monkeypatch.setattr("sys.stdout", shown)
    monkeypatch.setenv("TERM", "xterm")
    classifier(verbose=True, max_iter=3).fit(X, Y)
    assert "epoch 1/3" in shown.getvalue()
    assert "Iteration 3, loss = " in shown.getvalue()
    assert shown.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # the cursor is back, and the bar's line is empty

    def fail(epoch, logs):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        classifier(verbose=True, callbacks=[fastnn.callbacks.LambdaCallback(on_epoch_end=fail)]).fit(X, Y)
    assert shown.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")


def test_ctrl_c_keeps_what_was_trained():
    def interrupt(epoch, logs):
        if epoch == 4:
            raise KeyboardInterrupt

    ours = classifier(callbacks=fastnn.callbacks.LambdaCallback(on_epoch_end=interrupt))
    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        ours.fit(X, Y)
    assert ours.n_iter_ == len(ours.loss_curve_) == 5
    assert same_weights(ours, classifier(max_iter=5).fit(X, Y))


class LateInterrupt(fastnn.callbacks.Callback):
    def epochs_at_once(self):
        return 100

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 4:
            raise KeyboardInterrupt


def test_ctrl_c_while_epochs_are_told_late():
    """More were trained than the callback has seen, as many as could not end the training: they are recorded."""
    ours = classifier(callbacks=LateInterrupt(), max_iter=100)
    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        ours.fit(X, Y)
    assert ours.n_iter_ == len(ours.loss_curve_) == 11
    assert ours.t_ == 1100
    assert same_weights(ours, classifier(max_iter=11).fit(X, Y))


def test_copies_and_pickles():
    ours = classifier(solver="sgd").fit(X, Y)
    again = pickle.loads(pickle.dumps(ours))
    assert_array_equal(again.predict_proba(X), ours.predict_proba(X))
    assert [view.base is not None for view in again.coefs_] == [True, True]
    assert_array_equal(again.coefs_[1], ours.coefs_[1])
    assert same_weights(ours.partial_fit(X, Y), again.partial_fit(X, Y))
    large = MLPClassifier((500,), max_iter=1).fit(X, Y)
    assert len(pickle.dumps(large)) < 1.2 * 8 * 3 * (4 + 1 + 3) * 500 + 5000  # weights, and Adam's two slots


def test_coefs_are_live_and_replaceable():
    ours = classifier().fit(X, Y)
    ours.coefs_[1][...] = 0
    ours.intercepts_[1][...] = [0, np.log(2), 0]
    assert_allclose(ours.predict_proba(X[:1]), [[0.25, 0.5, 0.25]])
    ours.coefs_ = [np.ones((4, 8)), np.ones((8, 3))]
    ours.intercepts_[1] = np.zeros(3)
    assert_allclose(ours.predict_proba(X[:1]), [[1 / 3] * 3])
    assert ours.model_.get_weights()[0].tolist() == np.ones((4, 8)).tolist()
    ours.coefs_[0] = np.ones((4, 9))
    with pytest.raises(ValueError, match=r"coefs_\[0\] must have shape \(4, 8\), received \(4, 9\)"):
        ours.predict(X)


def test_sparse_indicators_of_labels():
    many, labels = make_multilabel_classification(50, 5, random_state=0)
    dense = classifier(max_iter=100).fit(many, labels)
    ours = classifier(max_iter=100).fit(many, sparse.csr_matrix(labels))
    assert sparse.issparse(ours.predict(many))
    assert_array_equal(ours.predict(many).toarray(), dense.predict(many))
    scores = classifier(early_stopping=True).fit(many, labels).validation_scores_
    assert all(0 <= score <= 1 for score in scores)
