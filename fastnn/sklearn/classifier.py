"""scikit-learn's multi-layer perceptron for classification."""

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from ..losses import Loss
from . import parameters
from .mlp import MultilayerPerceptron
from .objectives import classification_loss
from .targets import Labels


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    """A multi-layer perceptron that classifies."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = parameters.CONSTRAINTS | parameters.OF_CLASSIFIER

    def __init__(
        self,
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
        loss: Any = "log_loss",
        class_weight: Any = None,
        label_smoothing: float = 0.0,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        optimizer: Any = None,
        learning_rate_schedule: Any = None,
        callbacks: Any = None,
        transform_layer: int = -1,
    ):
        self._take(locals())

    @property
    def _kind(self) -> str:
        return self._labels.kind

    def _take_labels(self, labels: Labels) -> None:
        """Remember labels; two classes are two outputs for a loss that comes after a softmax."""
        if self._loss_for(labels.kind).activation == "softmax":
            labels.as_multiclass()
        self._labels, self.classes_, self.n_outputs_ = labels, labels.classes, labels.outputs

    def _loss_for(self, kind: str) -> Loss:
        return classification_loss(self.loss, self.label_smoothing, kind)

    def _new_loss(self) -> Loss:
        return self._loss_for(self._kind)

    def _check_data(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = self._checked(X, y, reset)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._take_labels(Labels(y))
            return X, y
        classes = unique_labels(y)
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )
        return X, y

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=(np.float64, np.float32), reset=reset
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _check_pair(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = self._checked(X, y, reset)
        unknown = np.setdiff1d(unique_labels(y), self.classes_)
        if len(unknown):
            raise ValueError(f"y_val must have labels among {self.classes_}, received {unknown}")
        return X, y

    def _targets(self, y: Any, loss: Loss) -> np.ndarray:
        return self._labels.targets(y, one_hot=not loss.sparse)

    def _training_weights(self, y: Any, sample_weight: Any, incremental: bool) -> Any:
        """Sample weights times those of the classes; None if there are none."""
        if self.class_weight is None:
            return sample_weight
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight must be a dict for partial_fit, received {self.class_weight!r}: the samples of one call "
                "do not tell how frequent the classes are"
            )
        weights = compute_sample_weight(self.class_weight, y)
        return weights if sample_weight is None else weights * sample_weight

    def _score_outputs(self, outputs: np.ndarray, y: Any, sample_weight: Any) -> float:
        """The accuracy."""
        return self._labels.accuracy(self._likelihoods(outputs), y, sample_weight)

    def predict(self, X: Any) -> Any:
        """The likeliest labels (n,) for samples X, or indicators (n, classes) for a multi-label problem."""
        outputs = self._likelihoods(self._outputs(X))  # before the labels, which there may be none of yet
        return self._labels.labels(outputs)

    def _likelihoods(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs, moved from [-1, 1] to [0, 1] if they are margins."""
        return outputs if self.out_activation_ != "identity" else (outputs + 1) / 2

    def _has_probabilities(self) -> bool:
        if getattr(self, "out_activation_", "") == "identity":
            raise AttributeError(f"probabilities are not available for loss={self.loss!r}")
        return True

    @available_if(lambda estimator: estimator._has_probabilities())
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities of all classes (n, classes), in the order of `classes_`, for samples X."""
        outputs = self._outputs(X)  # before the labels, which there may be none of yet
        return self._labels.probabilities(outputs)

    @available_if(lambda estimator: estimator._has_probabilities())
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`."""
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    @available_if(lambda estimator: estimator._check_solver())
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """One epoch over samples X and labels y, from where earlier training ended.

        With `early_stopping`, which needs X_val and y_val here, the best weights are kept from call to call. When
        nothing has improved in more than `n_iter_no_change` calls they are put back, and `stopped_early_` is True.

        Args:
            X, y, sample_weight: as for `fit`.
            classes: all classes, some of which y may lack; needed in the first call.
            X_val, y_val, sample_weight_val: validation data, as for `fit`.

        Returns:
            The estimator.
        """
        if _check_partial_fit_first_call(self, classes):
            self._take_labels(Labels(y if type_of_target(y).startswith("multilabel") else classes))
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
