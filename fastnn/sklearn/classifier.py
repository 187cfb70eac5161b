"""scikit-learn's multi-layer perceptron for classification."""

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_class_weight, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from ..losses import Loss
from . import parameters
from .mlp import MultilayerPerceptron
from .objectives import classification_loss, has_margins, needs_distributions
from .targets import Labels


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    """A multi-layer perceptron that classifies: scikit-learn's `MLPClassifier`, on fastnn's engine.

    The same parameters give the same weights, step by step, but for the random order of the samples. Two classes have
    one output; multi-label targets are indicators (n, classes). The losses of "adam" and "sgd" are exact where
    scikit-learn's are clipped at -log(eps) = 36, for probabilities that round to 0.

    Args:
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
            training loss, without restoring. True: the accuracy for `validation_fraction` of the samples, or for
            `fit`'s X_val and y_val if given. "loss": the loss for these, as negative score. Or a scorer's name, or a
            function of (estimator, X, y), which gets no weights.
        validation_fraction: the part of the samples that `early_stopping` sets aside.
        beta_1, beta_2, epsilon: of "adam".
        n_iter_no_change: epochs without improvement after which training stops.
        max_fun: the most evaluations of "lbfgs".
        loss: (this and what follows is not in scikit-learn) "log_loss", or one of `fastnn.losses`: a name, an
            object, which is copied, or a function of (y_true, y_pred). A loss by name is divided by the sum of the
            weights, as in scikit-learn, and an object as its `reduction` says.
        class_weight: {label: weight}, "balanced", or None: multiplies `sample_weight`, also of the samples that
            `early_stopping` sets aside.
        label_smoothing: the part of the targets that is spread evenly over all classes, in [0, 1).
        dropout: the rate after each hidden layer, or a list of one for each.
        batch_norm: whether hidden layers normalize over the batch before their activation.
        optimizer: a name, or a `fastnn.optimizers` object, which is copied, instead of the solver's.
        learning_rate_schedule: a `fastnn.schedules` object, which is copied, instead of `learning_rate`.
        callbacks: `fastnn.callbacks` objects, which are copied; logs have "loss", and "val_loss" and "val_score" with
            validation data.
        transform_layer: the hidden layer whose activations `transform` gives: 0 is the first, -1 the last one.

    Attributes:
        classes_: the classes, sorted.
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

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = fastnn.sklearn.MLPClassifier((32,), max_iter=500, learning_rate_init=0.01, random_state=0)
    >>> classifier = classifier.fit(X, y)
    >>> classifier.predict(X[[0, 50, 100]]).tolist(), round(classifier.score(X, y), 2)
    ([0, 1, 2], 0.98)
    >>> classifier.predict_proba(X[:1]).round(2).tolist(), classifier.transform(X).shape
    ([[1.0, 0.0, 0.0]], (150, 32))
    """

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
        if needs_distributions(self._loss_for(labels.kind)):
            labels.as_multiclass()
        self._labels, self.classes_, self.n_outputs_ = labels, labels.classes, labels.outputs

    def _loss_for(self, kind: str) -> Loss:
        return classification_loss(self.loss, self.label_smoothing, kind)

    def _new_loss(self) -> Loss:
        return self._loss_for(self._kind)

    def _check_data(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = super()._check_pair(X, y, reset)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._take_labels(Labels(y))
            return X, y
        self._check_kind(y, "y")
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

    def _check_pair(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = super()._check_pair(X, y, reset)
        self._check_kind(y, "y_val")
        unknown = np.setdiff1d(unique_labels(y), self.classes_)
        if len(unknown):
            raise ValueError(f"y_val must have labels among {self.classes_}, received {unknown}")
        return X, y

    def _check_kind(self, y: Any, name: str) -> None:
        if (y.ndim > 1) != (self._kind == "multilabel"):
            raise ValueError(f"{name} must be {self._kind} labels as before, received shape {y.shape}")

    def _targets(self, y: Any) -> np.ndarray:
        return self._labels.targets(y, one_hot=not getattr(self.model_.loss, "sparse", False))

    def _weigh_classes(self, y: Any, sample_weight: Any, incremental: bool) -> Any:
        """Sample weights times those of the classes; None if there are none."""
        if self.class_weight is None:
            return sample_weight
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight must be a dict for partial_fit, received {self.class_weight!r}: the samples of one call "
                "do not tell how frequent the classes are"
            )
        if self._kind == "multilabel":
            weights = compute_sample_weight(self.class_weight, y)
        else:  # of all classes, some of which y may lack
            by_class = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            weights = by_class[np.searchsorted(self.classes_, y)]
        return weights if sample_weight is None else weights * sample_weight

    def _score_outputs(self, outputs: np.ndarray, y: Any, sample_weight: Any) -> float:
        """The accuracy."""
        return self._labels.accuracy(self._likelihoods(outputs), y, sample_weight)

    def predict(self, X: Any) -> Any:
        """The likeliest labels (n,), or indicators (n, classes) for a multi-label problem.

        Args:
            X: samples, as for `fit`.
        """
        outputs = self._likelihoods(self._outputs(X))  # before the labels, which there may be none of yet
        return self._labels.labels(outputs)

    def _likelihoods(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs, moved from [-1, 1] to [0, 1] if they are margins."""
        return outputs if self.out_activation_ != "identity" else (outputs + 1) / 2

    def _has_margins(self) -> bool:
        return has_margins(self.loss)

    def _has_probabilities(self) -> bool:
        return not self._has_margins()

    @available_if(_has_margins)
    def decision_function(self, X: Any) -> np.ndarray:
        """The outputs (n,) for two classes, else (n, classes), with the losses "hinge" and the like.

        Args:
            X: samples, as for `fit`.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self._kind == "binary" else outputs

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities of all classes (n, classes), in the order of `classes_`.

        With a loss of one probability per class, such as "binary_crossentropy", those of several classes are divided by
        their sum, as in scikit-learn's `OneVsRestClassifier`. Not for the losses "hinge" and the like.

        Args:
            X: samples, as for `fit`.
        """
        outputs = self._outputs(X)  # before the labels, which there may be none of yet
        if self._kind == "multiclass" and self.out_activation_ == "logistic":
            total = outputs.sum(axis=1, keepdims=True)
            outputs = np.divide(outputs, total, out=outputs, where=total != 0)
        return self._labels.probabilities(outputs)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`.

        Args:
            X: samples, as for `fit`.
        """
        with np.errstate(divide="ignore"):  # -inf for 0
            return np.log(self.predict_proba(X))

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
            X: as for `fit`.
            y: as for `fit`.
            sample_weight: as for `fit`.
            classes: all classes, some of which y may lack; needed in the first call.
            X_val: validation samples, as for `fit`.
            y_val: their targets.
            sample_weight_val: their weights.

        Returns:
            The estimator.
        """
        with self._fitting():
            if _check_partial_fit_first_call(self, classes):
                self._take_labels(Labels(y if type_of_target(y).startswith("multilabel") else classes))
            self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
