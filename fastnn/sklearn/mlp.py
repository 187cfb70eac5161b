"""scikit-learn's multi-layer perceptrons on fastnn's engine."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import validate_data

from .. import optimizers
from ..randomness import drawing_from
from . import network
from .base import NetworkEstimator
from .stopping import Rules
from .targets import Labels


class MultilayerPerceptron(NetworkEstimator):
    """The base class of `MLPClassifier` and `MLPRegressor`."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on samples X (n, features) and targets y.

        Args:
            X: an array, a table, or a sparse matrix, which is not made dense.
            y: labels, or numbers.
            sample_weight: (n,), or None.
        """
        self._validate_params()
        X, y = self._check_data(X, y, reset=True)
        targets = self._targets(y)
        random = check_random_state(self.random_state)
        hidden = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=int)).tolist()
        units = [X.shape[1], *hidden, self.n_outputs_]
        batch_size = min(200, X.shape[0]) if self.batch_size == "auto" else min(self.batch_size, X.shape[0])
        activations = [self.activation] * len(hidden) + [self.out_activation_]
        self.model_ = network.build(units, activations, self.alpha / batch_size, X.dtype, random)
        self.coefs_, self.intercepts_ = network.coefs_and_intercepts(self.model_)
        self.n_layers_ = len(units)
        self._optimizer = optimizers.Adam(self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon)
        self.model_.compile(self._optimizer, self._loss())
        self.n_iter_, self.t_, self.best_loss_, self._no_improvement_count = 0, 0, np.inf, 0
        self.loss_curve_: list[float] = []
        rules = Rules(self, X.shape[0])
        with drawing_from(np.random.default_rng(random.randint(2**31))):
            self.model_.fit(
                X, targets, batch_size=batch_size, epochs=self.max_iter, shuffle=self.shuffle, verbose=0,
                callbacks=rules, sample_weight=sample_weight,
            )  # fmt: skip
        if self.n_iter_ == self.max_iter:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _check_data(self, X: Any, y: Any, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=(np.float64, np.float32), reset=reset,
            y_numeric=isinstance(self, RegressorMixin),
        )  # fmt: skip
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    """A multi-layer perceptron that classifies."""

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
    ):
        self.hidden_layer_sizes, self.activation, self.solver, self.alpha = (
            hidden_layer_sizes, activation, solver, alpha,
        )  # fmt: skip
        self.batch_size, self.learning_rate_init, self.max_iter = batch_size, learning_rate_init, max_iter
        self.shuffle, self.random_state, self.tol, self.verbose = shuffle, random_state, tol, verbose
        self.beta_1, self.beta_2, self.epsilon, self.n_iter_no_change = beta_1, beta_2, epsilon, n_iter_no_change

    def _targets(self, y: np.ndarray) -> np.ndarray:
        self._labels = Labels(y)
        self.classes_, self.n_outputs_ = self._labels.classes, self._labels.outputs
        self.out_activation_ = "softmax" if self._labels.kind == "multiclass" else "logistic"
        return self._labels.targets(y)

    def _loss(self) -> str:
        return "sparse_categorical_crossentropy" if self.out_activation_ == "softmax" else "binary_crossentropy"

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest labels (n,) for samples X, or indicators (n, classes) for a multi-label problem."""
        return self._labels.labels(self._outputs(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities of all classes (n, classes)."""
        return self._labels.probabilities(self._outputs(X))


class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """A multi-layer perceptron that predicts numbers."""
