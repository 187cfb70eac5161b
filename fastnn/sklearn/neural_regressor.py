"""A regressor around any network."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from .building import complete
from .neural import NeuralEstimator


class NeuralRegressor(RegressorMixin, NeuralEstimator):
    """A regressor around any network, which lives in pipelines and searches like scikit-learn's own.

    The network ends with one output for each number to predict, usually without an activation.

    Args:
        model, input_shape, optimizer, metrics, batch_size, epochs, shuffle: as for `NeuralClassifier`.
        loss: as for `NeuralClassifier`; None: the mean squared error.
        callbacks, early_stopping, validation_fraction, n_iter_no_change, tol: as for `NeuralClassifier`.
        random_state, verbose, warm_start, **model__arguments: as for `NeuralClassifier`.

    Attributes:
        model_: the trained network, a `fastnn.Sequential`.
        n_outputs_: the number of outputs of the network.
        history_: {"loss": [a number per epoch], ...}, with the metrics and the "val_..." values.
        callbacks_: the copies of `callbacks` that were last used; pickles and other copies are without them.
        n_iter_: the number of epochs of training.
        n_features_in_, feature_names_in_: of X, as in scikit-learn's estimators.
        loss_curve_: the loss of each epoch.

    >>> from fastnn.sklearn import NeuralRegressor
    >>> X = np.linspace(-1, 1, 200)[:, np.newaxis]
    >>> regressor = NeuralRegressor(optimizer__learning_rate=0.02, random_state=0).fit(X, np.abs(X[:, 0]))
    >>> regressor.predict([[-0.5], [0.5]]).round(1), bool(regressor.score(X, np.abs(X[:, 0])) > 0.99)
    (array([0.5, 0.5]), True)
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch more.

        Args:
            X: samples, as for `fit`.
            y: their numbers.
            sample_weight: (n,) weights of the samples, which are used as they are; or None.
        """
        return self._partial_fit(X, y, sample_weight)

    def _new(self, X: Any, y: Any) -> None:
        outputs = 1 if y.ndim == 1 else y.shape[1]
        model = self._network(X, outputs)
        complete(model, outputs, None, "one for each number in a row of y", X)
        self._begin(model, self._other_loss())
        self.n_outputs_ = outputs

    def _other_loss(self) -> Any:
        return "mean_squared_error" if self.loss is None else self.loss

    def _targets(self, y: np.ndarray, name: str = "y") -> np.ndarray:
        if y.size != len(y) * self.n_outputs_:
            raise ValueError(
                f"{name} must have {self.n_outputs_} numbers for each sample, as in the first fit, received shape "
                f"{y.shape}"
            )
        return y

    def predict(self, X: Any) -> np.ndarray:
        """The predicted numbers (n,), or (n, outputs) for several at once.

        Args:
            X: samples, as for `fit`.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
