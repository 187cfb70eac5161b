"""A classifier around any network."""

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets

from .. import losses
from ..utils import to_categorical
from .building import complete
from .neural import NeuralEstimator
from .objectives import check_several_labels, has_margins, needs_distributions
from .targets import Labels
from .training import Data


def _cross_entropy(kind: str) -> str:
    return "sparse_categorical_crossentropy" if kind == "multiclass" else "binary_crossentropy"


class NeuralClassifier(ClassifierMixin, NeuralEstimator):
    """A classifier around any network, which lives in pipelines and searches like scikit-learn's own.

    The network ends with one output for two classes, or with one for each class, without an activation: the one that
    the labels need, sigmoid or softmax, is added. It may also stand there already. After a last layer that is written
    in Python nothing is added: it must give probabilities itself.

    Args:
        model: a `fastnn.Sequential`, of which every `fit` trains a copy, from its initial weights if it has
            some; or a function of (input_shape, outputs, further arguments) that returns one or a list of layers, like
            `build` below. Its further arguments are parameters: `model__units=32`. What the function makes computes in
            float64 if X is float64: cast X to float32 for half the time. None: one hidden layer, of `model__units` =
            100 units with `model__activation` = "relu".
        input_shape: the shape of one sample, to which rows of X are reshaped, such as (28, 28, 1) for images that come
            out of a `StandardScaler`; None: the model's, or else as X has it.
        loss: a name, a `fastnn.losses` object or a function, as for `fastnn.Sequential.compile`; None: the
            cross-entropy that fits the labels.
        optimizer: a name or a `fastnn.optimizers` object, of which a copy is used; its arguments are parameters, too:
            `optimizer__learning_rate=0.01`.
        metrics: names, `fastnn.metrics` objects or functions, whose values are in `history_`.
        batch_size: samples per step; "auto": 200, or all if they are fewer.
        epochs: how often to see all samples.
        shuffle: whether to shuffle them each time.
        class_weight: {label: weight}, where other labels have weight 1; a list of such dicts for several labels a
            sample, one dict for each of them; or "balanced": n / (classes * samples of the class). Samples for
            validation are not weighted by class.
        callbacks: `fastnn.callbacks` objects, of which copies are used.
        early_stopping: whether to end when the loss of a part of the samples that is set aside has not become less by
            `tol` for `n_iter_no_change` epochs, and to take the weights of the best epoch.
        validation_fraction: the size of that part, unless `fit` gets samples for validation.
        n_iter_no_change: see `early_stopping`.
        tol: see `early_stopping`.
        random_state: decides initial weights, shuffling, dropout and the part set aside. What a `Sequential` has
            already, weights and seeds of dropout, stays as it is.
        verbose: 2: a line per epoch; 1 or True: also a progress bar, on a terminal; in a notebook a bar, and few
            lines.
        warm_start: whether `fit` goes on with the network that there is. Parameters of the training may be others then:
            a new optimizer begins anew, and loss and metrics may change. Those of the network may not.
        **model__arguments: arguments of the function, `model__...`, and of the optimizer, `optimizer__...`.

    Attributes:
        model_: the trained network, a `fastnn.Sequential`.
        classes_: the labels, sorted.
        n_outputs_: the number of outputs of the network.
        history_: {"loss": [a number per epoch], ...}, with the metrics and the "val_..." values.
        callbacks_: the copies of `callbacks` that were last used; pickles and other copies are without them.
        n_iter_: the number of epochs of training.
        n_features_in_, feature_names_in_: of X, as in scikit-learn's estimators.
        loss_curve_: the loss of each epoch.

    >>> from fastnn.sklearn import NeuralClassifier
    >>> def build(input_shape, outputs, *, units=16):
    ...     return [fastnn.layers.Dense(units, "tanh"), fastnn.layers.Dense(outputs)]
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same sign", "other sign")
    >>> classifier = NeuralClassifier(build, model__units=32, optimizer__learning_rate=0.05, random_state=0).fit(X, y)
    >>> classifier.predict([[1.0, 1.0], [1.0, -1.0]]).tolist(), bool(classifier.score(X, y) > 0.95)
    (['same sign', 'other sign'], True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "class_weight": [None, dict, list, StrOptions({"balanced"})],
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
            sample_weight: (n,) weights of the samples, which are used as they are, times those of their classes; or
                None.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit, because one part of the data does not tell "
                "how frequent the classes are; pass a dict"
            )
        return self._partial_fit(X, y, sample_weight, classes)

    def _know(self, classes: Any) -> Any:
        _check_partial_fit_first_call(self, classes)
        return self.classes_

    def _new(self, X: Any, y: Any) -> None:
        check_classification_targets(y)
        labels = Labels(y)
        loss = self._own_loss(labels.kind)
        if loss is not None and needs_distributions(loss):
            labels.as_multiclass()
        model = self._network(X, labels.outputs)
        if model.output_shape == (None, 2):
            labels.as_multiclass()
        multiclass = labels.kind == "multiclass"
        activation = None if isinstance(loss, losses.Hinge) else "softmax" if multiclass else "sigmoid"
        meaning = "one for two classes" if labels.outputs == 1 else "one for each class"
        complete(model, labels.outputs, activation, meaning, X)
        self._begin(model, loss or _cross_entropy(labels.kind))
        self._labels, self.classes_, self.n_outputs_ = labels, labels.classes, labels.outputs

    def _own_loss(self, kind: str) -> losses.Loss | None:
        """The loss that is asked for; None for the cross-entropy."""
        loss = None if self.loss is None else losses.get(self.loss)
        if getattr(loss, "from_logits", False):
            raise ValueError(f"loss must take probabilities, which predict_proba returns, received {loss!r}")
        if loss is not None:
            check_several_labels(loss, kind)
        return loss

    def _other_loss(self) -> Any:
        kind = self._labels.kind
        loss = self._own_loss(kind) or losses.get(_cross_entropy(kind))
        both = loss, self.model_.loss
        if len({isinstance(one, losses.Hinge) for one in both}) > 1 or (kind == "binary" and needs_distributions(loss)):
            raise ValueError(
                "loss must suit the outputs of the network that there is while warm_start or partial_fit goes on with "
                f"it, expected one like {self.model_.loss!r}, received {loss!r}"
            )
        return loss

    def _targets(self, y: Any, name: str = "y") -> np.ndarray:
        if (y.ndim > 1) != (self._labels.kind == "multilabel"):
            raise ValueError(f"{name} must be {self._labels.kind} labels as before, received shape {y.shape}")
        if y.ndim == 1 and len(unknown := np.setdiff1d(y, self.classes_)):
            raise ValueError(f"`{name}` has classes not in `self.classes_`: {unknown}, expected among {self.classes_}")
        targets = self._labels.targets(y)
        loss = self.model_.loss
        if self._labels.kind == "multiclass" and loss is not None and not loss.sparse:
            return to_categorical(targets, self.n_outputs_)
        return targets

    def _weighed(self, data: Data) -> Data:
        y, weights = data.targets, data.weights
        data = super()._weighed(data)
        if self.class_weight is None:
            return data
        _check_class_weight(self.class_weight)
        by_class = compute_sample_weight(self.class_weight, y)
        if weights is not None and self.class_weight == "balanced" and y.ndim == 1:
            # A weight of 2 is as good as two samples: classes have the same weight in sum with those of the samples.
            codes = np.unique(y, return_inverse=True)[1]
            by_class = 1 / np.bincount(codes, weights).clip(np.finfo(float).tiny)[codes]
        return data._replace(weights=by_class if weights is None else by_class * weights)

    def _strata(self, y: Any) -> Any:
        return None if self._labels.kind == "multilabel" else y

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest labels (n,), or indicators (n, classes) for a multi-label problem.

        Args:
            X: samples, as for `fit`.
        """
        outputs = self._outputs(X)
        return self._labels.labels((outputs + 1) / 2 if isinstance(self.model_.loss, losses.Hinge) else outputs)

    def _has_margins(self) -> bool:
        """Whether the loss (after `fit`, the network's) is one for margins, of which there are no probabilities."""
        return has_margins(self.model_.loss if self.__sklearn_is_fitted__() else self.loss)

    def _has_probabilities(self) -> bool:
        return not self._has_margins()

    @available_if(_has_margins)
    def decision_function(self, X: Any) -> np.ndarray:
        """The outputs (n,) for two classes, else (n, classes), with the losses "hinge" and the like.

        Args:
            X: samples, as for `fit`.
        """
        outputs = self._outputs(X)
        if len(self.classes_) == 2 and self._labels.kind == "multiclass":  # a network with an output for each of them
            return outputs[:, 1] - outputs[:, 0]
        return outputs[:, 0] if self._labels.kind == "binary" else outputs

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities of all classes (n, classes); not for the losses "hinge" and the like.

        Args:
            X: samples, as for `fit`.
        """
        outputs = self._outputs(X)
        return self._labels.probabilities(outputs)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`.

        Args:
            X: samples, as for `fit`.
        """
        with np.errstate(divide="ignore"):  # -inf for 0
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _check_class_weight(given: Any) -> None:
    """A ValueError unless it is "balanced", or has numbers of at least 0."""
    for each in given if isinstance(given, list) else [given]:
        if each != "balanced" and not isinstance(each, dict):
            raise ValueError(f"class_weight must have a dict {{label: weight}} for each label, received {each!r} in it")
        for label, weight in each.items() if isinstance(each, dict) else ():
            if not isinstance(weight, Real) or not 0 <= float(weight) < np.inf:
                raise ValueError(f"class_weight must have weights of at least 0, received {weight!r} for {label!r}")
