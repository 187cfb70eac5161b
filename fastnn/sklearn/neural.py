"""A classifier and a regressor around any network."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets, type_of_target
from sklearn.utils.validation import validate_data

from .. import losses
from ..models import Sequential
from ..utils import to_categorical
from .building import builder, complete, network, sample_shape
from .nested import check_argument
from .targets import Labels
from .training import Data, TrainedEstimator

_MARGINS = (losses.Hinge, losses.SquaredHinge)  # of outputs that are no probabilities


class NeuralEstimator(TrainedEstimator):
    """The base class of `NeuralClassifier` and `NeuralRegressor`."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [None, callable],
        "input_shape": [None, "array-like"],
        **TrainedEstimator._parameter_constraints,
    }

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
        X, y = self._check_data(X, y, reset=fresh)
        with self._drawing(fresh) as seed:
            if fresh:
                self._new(X, y)
            data, validation = self._data(X, y, sample_weight), None
            if X_val is not None:
                X_val, y_val = self._check_data(X_val, y_val, reset=False)
                weights = self._weights(sample_weight_val, X_val)
                validation = Data(X_val, self._targets(y_val, "y_val"), weights)
            elif self.early_stopping:
                data, validation = self._held_out(data, self._strata(y), seed)
            return self._train(data, validation, self.epochs, self.early_stopping)

    def _check_data(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        numeric = isinstance(self, RegressorMixin)
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=numeric, reset=reset, **self._sample_checks)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

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

    def _data(self, X: Any, y: Any, sample_weight: Any) -> Data:
        """The data for training."""
        return Data(X, self._targets(y), self._weights(sample_weight, X))

    def _strata(self, y: Any) -> Any:
        """Labels of which each part of a split has the same share, or None."""
        return None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class NeuralClassifier(ClassifierMixin, NeuralEstimator):
    """Any network as a classifier: it learns the classes of samples."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "class_weight": [None, dict, StrOptions({"balanced"})],
        **NeuralEstimator._parameter_constraints,
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
        class_weight: Any = None,
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
        super().__init__(
            model, input_shape=input_shape, loss=loss, optimizer=optimizer, metrics=metrics, batch_size=batch_size,
            epochs=epochs, shuffle=shuffle, callbacks=callbacks, early_stopping=early_stopping,
            validation_fraction=validation_fraction, n_iter_no_change=n_iter_no_change, tol=tol,
            random_state=random_state, verbose=verbose, warm_start=warm_start, **model__arguments,
        )  # fmt: skip
        self.class_weight = class_weight

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch more.

        Args:
            X: samples, as for `fit`.
            y: their labels.
            classes: all labels that there are, needed in the first call.
            sample_weight: (n,) weights of the samples, or None.
        """
        self._validate_params()
        fresh = not self.__sklearn_is_fitted__()
        _check_partial_fit_first_call(self, classes)
        X, y = self._check_data(X, y, reset=fresh)
        with self._drawing(fresh):
            if fresh:
                self._new(X, y if type_of_target(y).startswith("multilabel") else self.classes_)
            return self._train(self._data(X, y, sample_weight), None, 1, stopping=False)

    def _new(self, X: Any, y: Any) -> None:
        check_classification_targets(y)
        labels = Labels(y)
        loss = None if self.loss is None else losses.get(copy.deepcopy(self.loss))
        if getattr(loss, "from_logits", False):
            raise ValueError(f"loss must take probabilities, which predict_proba returns, received {loss!r}")
        if loss is not None and loss.activation == "softmax":
            labels.as_multiclass()
        model = self._network(X, labels.outputs)
        if builder(self.model) is None and model.output_shape == (None, 2):
            labels.as_multiclass()
        multiclass = labels.kind == "multiclass"
        activation = None if isinstance(loss, _MARGINS) else "softmax" if multiclass else "sigmoid"
        meaning = "one for two classes" if labels.outputs == 1 else "one for each class"
        complete(model, labels.outputs, activation, meaning)
        default = "sparse_categorical_crossentropy" if multiclass else "binary_crossentropy"
        self._begin(model, loss or losses.get(default))
        self._labels, self.classes_, self.n_outputs_ = labels, labels.classes, labels.outputs

    def _targets(self, y: Any, name: str = "y") -> np.ndarray:
        if (y.ndim > 1) != (self._labels.kind == "multilabel"):
            raise ValueError(f"{name} must be {self._labels.kind} labels as before, received shape {y.shape}")
        if y.ndim == 1 and len(unknown := np.setdiff1d(y, self.classes_)):
            raise ValueError(f"{name} must have labels among classes_, {self.classes_}, received {unknown}")
        targets = self._labels.targets(y)
        loss = self.model_.loss
        if self._labels.kind == "multiclass" and loss is not None and not loss.sparse:
            return to_categorical(targets, self.n_outputs_)
        return targets

    def _data(self, X: Any, y: Any, sample_weight: Any) -> Data:
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            sample_weight = by_class if sample_weight is None else by_class * np.asarray(sample_weight)
        return super()._data(X, y, sample_weight)

    def _strata(self, y: Any) -> Any:
        return None if self._labels.kind == "multilabel" else y

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest labels (n,) for samples X, or indicators (n, classes) for a multi-label problem."""
        outputs = self._outputs(X)
        return self._labels.labels(outputs if self._has_probabilities() else (outputs + 1) / 2)

    def _has_probabilities(self) -> bool:
        """Whether the loss is one for probabilities, so that there are some."""
        loss = self.model_.loss if self.__sklearn_is_fitted__() else losses.get(self.loss) if self.loss else None
        return not isinstance(loss, _MARGINS)

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities of all classes (n, classes) for samples X; not for the losses "hinge" and the like."""
        outputs = self._outputs(X)
        return self._labels.probabilities(outputs)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):  # -inf for 0
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class NeuralRegressor(RegressorMixin, NeuralEstimator):
    """Any network as a regressor: it learns numbers."""

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch more.

        Args:
            X: samples, as for `fit`.
            y: their numbers.
            sample_weight: (n,) weights of the samples, or None.
        """
        self._validate_params()
        fresh = not self.__sklearn_is_fitted__()
        X, y = self._check_data(X, y, reset=fresh)
        with self._drawing(fresh):
            if fresh:
                self._new(X, y)
            return self._train(self._data(X, y, sample_weight), None, 1, stopping=False)

    def _new(self, X: Any, y: Any) -> None:
        outputs = 1 if y.ndim == 1 else y.shape[1]
        model = self._network(X, outputs)
        complete(model, outputs, None, "one for each number in a row of y")
        self._begin(model, losses.get("mean_squared_error" if self.loss is None else copy.deepcopy(self.loss)))
        self.n_outputs_ = outputs

    def _targets(self, y: Any, name: str = "y") -> np.ndarray:
        return y

    def predict(self, X: Any) -> np.ndarray:
        """The numbers (n,), or (n, outputs) for several at once, for samples X."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
