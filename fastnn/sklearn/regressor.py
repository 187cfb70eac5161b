"""scikit-learn's multi-layer perceptron for regression."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from ..losses import Loss
from .mlp import MultilayerPerceptron
from .objectives import regression_loss


class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """A multi-layer perceptron that predicts numbers: scikit-learn's `MLPRegressor`, on fastnn's engine.

    The same parameters give the same weights, step by step, but for the random order of the samples. Targets (n,), or
    (n, outputs).

    Args:
        loss: "squared_error"; "poisson": half the deviance, for targets of at least 0, after an exponential; or one of
            `fastnn.losses`: a name, an object, which is copied, or a function of (y_true, y_pred). A loss by name is
            divided by the sum of the weights, as in scikit-learn, and an object as its `reduction` says.
        hidden_layer_sizes: the units of each hidden layer.
        activation: of the hidden layers, or a list of one for each: "relu", "tanh", "logistic", "identity", any of
            `fastnn.layers.Activation`'s names, or objects such as `fastnn.layers.LeakyReLU(0.1)`.
        solver: "adam", "sgd", or "lbfgs" for small data: SciPy's, with loss and gradient from the kernels.
        alpha: the L2 penalty: alpha / 2 times the sum of the squared weights, divided by the samples of a batch.
        batch_size: samples per step; "auto": min(200, n).
        learning_rate: for "sgd" or `optimizer`: "constant"; "invscaling": learning_rate_init / t^power_t, t the samples
            seen; "adaptive": divided by 5 where training would end, until it is 1e-6.
        learning_rate_init: the first learning rate.
        power_t: the exponent of "invscaling".
        max_iter: the most epochs; of "lbfgs", iterations.
        shuffle: whether to shuffle the samples in each epoch.
        random_state: of initial weights, the validation split, the order of the samples, and dropout.
        tol: a smaller improvement of the loss, or of the score, is none.
        verbose: whether to print a line for each epoch, on a terminal above a progress bar; in a notebook those of
            about ten epochs stay.
        warm_start: whether `fit` begins where the last one ended.
        momentum, nesterovs_momentum: of "sgd".
        early_stopping: what decides when to stop, and the weights of the best epoch are restored at the end. False: the
            training loss, without restoring. True: the R^2 for `validation_fraction` of the samples, or for
            `fit`'s X_val and y_val if given. "loss": the loss for these, as negative score. Or a scorer's name, or a
            function of (estimator, X, y), which gets no weights.
        validation_fraction: the part of the samples that `early_stopping` sets aside.
        beta_1, beta_2, epsilon: of "adam".
        n_iter_no_change: epochs without improvement after which training stops.
        max_fun: the most evaluations of "lbfgs".
        dropout: (this and what follows is not in scikit-learn) the rate after each hidden layer, or a list of one
            for each.
        batch_norm: whether hidden layers normalize over the batch before their activation.
        optimizer: a name, or a `fastnn.optimizers` object, which is copied, instead of the solver's.
        learning_rate_schedule: a `fastnn.schedules` object, which is copied, instead of `learning_rate`.
        callbacks: `fastnn.callbacks` objects, which are copied; logs have "loss", and "val_loss" and "val_score" with
            validation data.
        transform_layer: the hidden layer whose activations `transform` gives: 0 is the first, -1 the last one.

    Attributes:
        coefs_, intercepts_: the weights of each layer, live views into `model_`; arrays put in their place are copied.
        n_layers_, n_outputs_, out_activation_: how many layers, with the input, and outputs there are, and the outputs'
            activation.
        n_iter_, t_: epochs, and samples seen.
        loss_, loss_curve_, best_loss_: the last loss, that of each epoch, the least (None if validation data decide).
        validation_loss_curve_: the loss on validation data, without the penalty, after each epoch; or None.
        validation_scores_, best_validation_score_: the scores of `early_stopping`, and the highest; or None.
        stopped_early_: whether training ended before `max_iter`; in a loop of `partial_fit`, whether to end it.
        callbacks_: the copies of `callbacks` that were last used; pickles and other copies are without them.
        model_: the `fastnn.Sequential` inside.
        n_features_in_, feature_names_in_: of the samples.

    >>> X = np.linspace(-1, 1, 100)[:, np.newaxis]
    >>> regressor = fastnn.sklearn.MLPRegressor(solver="lbfgs", alpha=0, tol=1e-5, random_state=0).fit(X, X[:, 0] ** 2)
    >>> regressor.predict([[0.5]]).round(2).tolist()
    [0.25]
    """

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: Any = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        optimizer: Any = None,
        learning_rate_schedule: Any = None,
        callbacks: Any = None,
        transform_layer: int = -1,
    ):
        self._take(locals())

    _kind = "regression"

    def _new_loss(self) -> Loss:
        return regression_loss(self.loss)

    def _check_data(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = self._check_pair(X, y, reset)
        if reset:
            self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        return X, y

    def _targets(self, y: np.ndarray) -> np.ndarray:
        return y

    def _weigh_classes(self, y: np.ndarray, sample_weight: Any, incremental: bool) -> Any:
        return sample_weight

    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, sample_weight: Any) -> float:
        """R^2; not a number if an output is none."""
        if not np.isfinite(outputs).all():
            return np.nan
        return r2_score(y, self._shaped(outputs), sample_weight=sample_weight)

    def _shaped(self, outputs: np.ndarray) -> np.ndarray:
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def predict(self, X: Any) -> np.ndarray:
        """The predicted numbers (n,), or (n, outputs) for several at once.

        Args:
            X: samples, as for `fit`.
        """
        return self._shaped(self._outputs(X))

    @available_if(lambda estimator: estimator._check_solver())
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """One epoch over samples X and numbers y, from where earlier training ended.

        With `early_stopping`, which needs X_val and y_val here, the best weights are kept from call to call. When
        nothing has improved in more than `n_iter_no_change` calls they are put back, and `stopped_early_` is True.

        Args:
            X: as for `fit`.
            y: as for `fit`.
            sample_weight: as for `fit`.
            X_val: validation samples, as for `fit`.
            y_val: their targets.
            sample_weight_val: their weights.

        Returns:
            The estimator.
        """
        with self._fitting():
            self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)
        return self
