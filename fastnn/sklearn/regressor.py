"""scikit-learn's multi-layer perceptron for regression."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from ..losses import Loss
from .mlp import MultilayerPerceptron
from .objectives import regression_loss


class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """A multi-layer perceptron that predicts numbers."""

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

    def _check_pair(self, X: Any, y: Any, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, y_numeric=True,
            dtype=(np.float64, np.float32), reset=reset,
        )  # fmt: skip
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _check_data(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = self._check_pair(X, y, reset)
        if reset:
            self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        return X, y

    def _targets(self, y: np.ndarray, loss: Loss) -> np.ndarray:
        return y

    def _training_weights(self, y: np.ndarray, sample_weight: Any, incremental: bool) -> Any:
        return sample_weight

    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, sample_weight: Any) -> float:
        """R^2; not a number if an output is none."""
        if not np.isfinite(outputs).all():
            return np.nan
        return r2_score(y, self._shaped(outputs), sample_weight=sample_weight)

    def _shaped(self, outputs: np.ndarray) -> np.ndarray:
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def predict(self, X: Any) -> np.ndarray:
        """The predicted numbers (n,), or (n, outputs), for samples X."""
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
            X, y, sample_weight: as for `fit`.
            X_val, y_val, sample_weight_val: validation data, as for `fit`.

        Returns:
            The estimator.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)
