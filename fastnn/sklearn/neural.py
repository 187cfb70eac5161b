"""What the classifier and the regressor around any network share."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils._param_validation import Interval

from ..models import Sequential
from .building import network, sample_shape
from .nested import check_argument, defaults
from .training import Data, TrainedEstimator


class NeuralEstimator(TrainedEstimator):
    """The base class of `NeuralClassifier` and `NeuralRegressor`."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [None, callable],
        "input_shape": [None, "array-like", Interval(Integral, 1, None, closed="left")],
        **TrainedEstimator._parameter_constraints,
    }

    n_outputs_: int

    # Images, too, and bytes as they are: a Rescaling layer costs nothing.
    _sample_checks: ClassVar[Mapping[str, Any]] = {
        "accept_sparse": ["csr", "csc"],
        "dtype": (np.float64, np.float32, np.uint8),
        "allow_nd": True,
    }

    def __init__(
        self,
        model: Any = None,
        *,
        input_shape: Any = None,
        loss: Any = None,
        optimizer: Any = "adam",
        metrics: Any = None,
        batch_size: Any = "auto",
        epochs: int = 100,
        shuffle: bool = True,
        callbacks: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        random_state: Any = None,
        verbose: Any = False,
        warm_start: bool = False,
        **model__arguments: Any,
    ):
        self.model, self.input_shape = model, input_shape
        self.loss, self.optimizer, self.metrics = loss, optimizer, metrics
        self.batch_size, self.epochs, self.shuffle, self.callbacks = batch_size, epochs, shuffle, callbacks
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction
        self.n_iter_no_change, self.tol = n_iter_no_change, tol
        self.random_state, self.verbose, self.warm_start = random_state, verbose, warm_start
        self._take(model__arguments)

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train a new network, or with `warm_start` the one that there is, for `epochs` epochs.

        Args:
            X: samples (n, features) or (n, ...): an array, a table, or a sparse matrix, which is not made dense.
            y: labels or numbers (n,), or (n, outputs) for several at once.
            sample_weight: (n,) weights of the samples, of which only the ratios count; or None.
            X_val: samples for validation, of which "val_..." values in `history_` come; or None.
            y_val: their labels or numbers.
            sample_weight_val: their weights, or None.

        Raises:
            ValueError: for parameters out of range, and for data that do not fit them or each other.
        """
        self._validate_params()
        fresh = not (self.warm_start and self.__sklearn_is_fitted__())
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together, received only one of them")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val must come with X_val and y_val, received it alone")
        with self._fitting(fresh) as seed:
            X, y = self._check_pair(X, y, reset=fresh)
            if fresh:
                self._new(X, y)
            else:
                self._go_on(self._other_loss())
            data, validation = Data(X, y, self._weights(sample_weight, X)), None
            if X_val is not None:
                X_val, y_val = self._check_pair(X_val, y_val, reset=False)
                validation = Data(X_val, y_val, self._weights(sample_weight_val, X_val))
            elif self.early_stopping:
                data, validation = self._held_out(data, self._strata(y), seed)
            if validation is not None:
                name = "y" if y_val is None else "y_val"
                validation = validation._replace(targets=self._targets(validation.targets, name)).normalized()
                # Else the network would say "validation_data y".
                self.model_._require_compiled().prepare(validation.targets, self.n_outputs_, self.model_.dtype, name)
            self._train(self._weighed(data).normalized(), validation, self.epochs, self.early_stopping)
        self._free_memory()
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        """One epoch."""
        self._validate_params()
        fresh = not self.__sklearn_is_fitted__()
        with self._fitting(fresh):
            known = self._know(classes)
            X, y = self._check_pair(X, y, reset=fresh)
            if fresh:
                self._new(X, y if known is None or y.ndim > 1 else known)
            else:
                self._go_on(self._other_loss())
            return self._train(self._weighed(Data(X, y, self._weights(sample_weight, X))), None, 1, stopping=False)

    def _know(self, classes: Any) -> Any:
        """The classes that there are, of which y may lack some; None where there are none."""
        return None

    def _network(self, X: Any, outputs: int) -> Sequential:
        """A new network, which is told the number of outputs."""
        for name in self._given("model"):
            check_argument("model", self.model, name)
        shape = sample_shape(X, self.input_shape, self.model)
        return network(self.model, shape, outputs, self._given("model"), X.dtype)

    def _new(self, X: Any, y: Any) -> None:
        """Make a network for these samples and targets."""
        raise NotImplementedError

    def _targets(self, y: Any, name: str = "y") -> np.ndarray:
        """What the network learns."""
        raise NotImplementedError

    def _other_loss(self) -> Any:
        """The loss for the network that there is, as the parameters are now."""
        raise NotImplementedError

    def _weighed(self, data: Data) -> Data:
        """The data for training, with labels in the place of targets so far."""
        return data._replace(targets=self._targets(data.targets))

    def _of_network(self) -> dict[str, Any]:
        of_model = (defaults("model", self.model) or {}) | self._given("model")
        return {"model": self.model} | {f"model__{name}": value for name, value in of_model.items()}

    def _strata(self, y: Any) -> Any:
        """Labels of which each part of a split has the same share, or None."""
        return None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        shape = self.model.input_shape[1:] if self.input_shape is None and _has_shape(self.model) else self.input_shape
        tags.input_tags.sparse = np.size(shape) < 2
        tags.input_tags.three_d_array = True
        return tags


def _has_shape(model: Any) -> bool:
    return isinstance(model, Sequential) and model.input_shape is not None
