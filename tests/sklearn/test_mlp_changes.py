"""Multi-layer perceptrons from one training to the next: what is kept, what changes, what an interruption leaves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import neural_network
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

import fastnn
from fastnn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS_X, IRIS_Y = load_iris(return_X_y=True)
X, Y = StandardScaler().fit_transform(IRIS_X)[::2], IRIS_Y[::2]
VALIDATION = {"X_val": X[1::3], "y_val": Y[1::3]}


def classifier(**parameters):
    return MLPClassifier(**{"hidden_layer_sizes": (5,), "random_state": 0, "max_iter": 10} | parameters)


def same_weights(a, b):
    return all(np.array_equal(v, w) for v, w in zip(a.model_.weights, b.model_.weights, strict=True))


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_fit_forgets_the_best_weights_of_partial_fit(solver):
    """No score is better than that of the first epoch: the weights after the last `fit` are restored."""
    ours = classifier(early_stopping=lambda *_: 1.0, n_iter_no_change=1, solver="sgd")
    ours.partial_fit(X, Y, classes=[0, 1, 2], **VALIDATION)
    ours.set_params(hidden_layer_sizes=(7,), solver=solver).fit(X, Y)
    ours.set_params(solver="sgd")
    expected = [np.copy(weight) for weight in ours.coefs_]
    for _ in range(2 if solver == "lbfgs" else 1):
        ours.partial_fit(X, Y, **VALIDATION)
    assert ours.stopped_early_
    assert all(map(np.array_equal, ours.coefs_, expected))


class Interrupted(fastnn.losses.MeanSquaredError):
    """Asked by `fit` while it prepares: as if Ctrl-C came then."""

    def prepare(self, y, outputs, dtype, argument="y"):
        if Interrupted.on:
            raise KeyboardInterrupt
        return super().prepare(y, outputs, dtype, argument)


def test_ctrl_c_before_the_first_epoch():
    """As in scikit-learn: a warning, and the initial weights; later training continues with them."""
    Interrupted.on = False
    ours = MLPRegressor(Interrupted(), max_iter=3, random_state=0, warm_start=True)
    for epochs in (0, 3):
        Interrupted.on = True
        with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
            ours.fit(X, X[:, 0])
        assert ours.n_iter_ == 0
        assert len(ours.loss_curve_) == epochs
        assert ours.predict(X).shape == (75,)
        Interrupted.on = False
        ours.fit(X, X[:, 0])
        assert len(ours.loss_curve_) == epochs + 3


@pytest.mark.parametrize("normalizes", [False, True])
def test_another_activation(normalizes):
    """It counts from the next training on, with the weights that there are: in scikit-learn's way without a norm."""
    for kind in (neural_network.MLPClassifier, MLPClassifier):
        norm = {"batch_norm": True} if normalizes and kind is MLPClassifier else {}
        ours = kind((5, 4), "relu", shuffle=False, random_state=0, max_iter=5, warm_start=True, **norm).fit(X, Y)
        curves = [ours.loss_curve_]
        for activation in ("tanh", "logistic"):
            curves.append(ours.set_params(activation=activation).fit(X, Y).loss_curve_)
        curves.append(ours.set_params(activation="identity").partial_fit(X, Y).loss_curve_)
        if kind is not MLPClassifier:
            expected = curves
    if normalizes:
        assert [layer.activation for layer in ours.model_.layers[2::3]] == ["linear", "linear"]
    else:
        assert_allclose(curves[-1], expected[-1], rtol=1e-9)


def test_activations_that_are_objects():
    leaky = fastnn.layers.LeakyReLU(0.3)
    for normalizes in (False, True):
        ours = classifier(batch_norm=normalizes, warm_start=True, activation="tanh").fit(X, Y)
        model, mean = ours.model_, ours.model_.layers[1].get_weights()[2:3] if normalizes else []
        ours.set_params(activation=leaky, max_iter=1, learning_rate_init=1e-300).fit(X, Y)
        assert (ours.model_ is model) != normalizes  # a layer of its own cannot become one of another kind
        z = X @ ours.coefs_[0] + ours.intercepts_[0]
        if normalizes:
            gamma, beta, mean, variance = ours.model_.layers[1].get_weights()
            z = gamma * (z - mean) / np.sqrt(variance + 1e-3) + beta
            assert (mean != 0).all()
        assert_allclose(ours.transform(X), np.where(z > 0, z, 0.3 * z), rtol=1e-9)
        ours.partial_fit(X, Y)
        assert ours.activation is leaky


class Times(fastnn.layers.Activation):
    """x times a number, of which it tells nobody."""

    def __init__(self, number):
        super().__init__("linear")
        self._number = number

    def forward(self, x, training=False):
        return x * self._number

    def backward(self, dy):
        return dy * self._number


def test_an_activation_that_cannot_be_described():
    ours = MLPClassifier((5,), Times(2.0), random_state=0, max_iter=2, warm_start=True).fit(X, Y)
    ours.partial_fit(X, Y).fit(X, Y)
    assert_allclose(ours.transform(X), 2 * (X @ ours.coefs_[0] + ours.intercepts_[0]), rtol=1e-12)


OTHERS = [
    ({"batch_norm": True}, {"batch_norm": False}),
    ({"dropout": 0.0}, {"dropout": 0.5}),
    ({"loss": "squared_error"}, {"loss": "poisson"}),
]


@pytest.mark.parametrize(("before", "after"), [*OTHERS, *[pair[::-1] for pair in OTHERS]])
def test_other_layers(before, after):
    """`fit` with warm_start makes them and keeps the weights; `partial_fit` would lose the optimizer's state."""
    targets = X[:, 0] ** 2
    ours = MLPRegressor(**before, hidden_layer_sizes=(5,), max_iter=5, random_state=0, warm_start=True)
    ours.fit(X, targets)
    (name,) = after
    with pytest.raises(ValueError, match=f"{name} must have the value of the last fit where training continues, rec"):
        ours.set_params(**after).partial_fit(X, targets)
    kernels = [np.copy(kernel) for kernel in ours.coefs_]
    ours.set_params(max_iter=1, learning_rate_init=1e-300).fit(X, targets)
    assert all(map(np.array_equal, ours.coefs_, kernels))
    fresh = MLPRegressor(**after, hidden_layer_sizes=(5,), max_iter=1).fit(X, targets)
    assert list(map(type, ours.model_.layers)) == list(map(type, fresh.model_.layers))
    assert ours.out_activation_ == fresh.out_activation_
    assert np.isfinite(ours.set_params(learning_rate_init=0.01, max_iter=50).fit(X, targets).loss_)
    ours.partial_fit(X, targets)


def test_other_rates_and_sizes():
    ours = classifier(batch_norm=True, dropout=0.5, warm_start=True).fit(X, Y)
    ours.set_params(dropout=0.25).fit(X, Y).partial_fit(X, Y)
    assert ours.model_.layers[3].rate == 0.25
    ours.set_params(hidden_layer_sizes=(4,))
    for train in (ours.fit, ours.partial_fit):
        with pytest.raises(
            ValueError, match=r"hidden_layer_sizes must have the value of the last fit .* received \(4,\)"
        ):
            train(X, Y)


def attributes(estimator):
    return {name: value for name, value in vars(estimator).items() if name.endswith("_") or name.startswith("_")}


@pytest.mark.parametrize("wrong", [{"loss": "nope"}, {"alpha": -1}, {"dropout": [0.1, 0.1]}])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_error_leaves_nothing_behind(wrong, method):
    ours = classifier(**wrong)
    classes = {} if method == "fit" else {"classes": [0, 1, 2]}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        getattr(ours, method)(X, Y, **classes)
    assert attributes(ours) == {}
    ours = classifier(warm_start=True).fit(X, Y)
    before, curve = attributes(ours), list(ours.loss_curve_)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        getattr(ours.set_params(**wrong), method)(X, Y, **classes)
    assert attributes(ours) == before
    ours.set_params(loss="log_loss", alpha=0.1, dropout=0.0)
    assert getattr(ours, method)(X, Y, **classes).loss_curve_[:10] == curve


def test_an_error_in_training():
    """The record says nothing of the epochs before it."""

    def fail(epoch, logs):
        if epoch == 2:
            raise ZeroDivisionError

    ours = classifier(warm_start=True).fit(X, Y)
    ours.set_params(callbacks=fastnn.callbacks.LambdaCallback(on_epoch_end=fail))
    with pytest.raises(ZeroDivisionError):
        ours.fit(X, Y)
    assert ours.n_iter_ == len(ours.loss_curve_) == 10
    fresh = classifier(callbacks=ours.callbacks)
    with pytest.raises(ZeroDivisionError):
        fresh.fit(X, Y)
    assert not hasattr(fresh, "classes_")


def test_parameters_are_looked_at_before_labels():
    for wrong, message in (({"loss": 3}, "The 'loss' parameter"), ({"solver": "sdg"}, "The 'solver' parameter")):
        with pytest.raises(ValueError, match=message):
            classifier(**wrong).partial_fit(X, Y, classes=[0, 1, 2])
