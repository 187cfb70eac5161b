"""Multi-layer perceptrons from one training to the next: what is kept, what changes, what an interruption leaves."""

import os
import signal

import numpy as np
import pytest
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


class InterruptedCompiler(fastnn.losses.MeanSquaredError):
    """Asked by `fit` while it prepares: as if Ctrl-C came then."""

    def prepare(self, y, outputs, dtype, argument="y"):
        if InterruptedCompiler.on:
            os.kill(os.getpid(), signal.SIGINT)
        return super().prepare(y, outputs, dtype, argument)


def test_ctrl_c_before_the_first_epoch():
    """As in scikit-learn: a warning, and the initial weights; later training continues with them."""
    InterruptedCompiler.on = False
    ours = MLPRegressor(InterruptedCompiler(), max_iter=3, random_state=0, warm_start=True)
    for epochs in (0, 3):
        InterruptedCompiler.on = True
        with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
            ours.fit(X, X[:, 0])
        assert ours.n_iter_ == 0
        assert len(ours.loss_curve_) == epochs
        assert ours.predict(X).shape == (75,)
        InterruptedCompiler.on = False
        ours.fit(X, X[:, 0])
        assert len(ours.loss_curve_) == epochs + 3
