"""Data that are set aside to decide when training ends."""

import inspect
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer

if TYPE_CHECKING:
    from .mlp import MultilayerPerceptron


class Validation:
    """Validation data, and what is computed from one prediction for them after every epoch.

    Args:
        estimator: the estimator, in whose `model_` the network is.
        X: checked samples.
        y: labels or numbers.
        sample_weight: (n,), or None.
    """

    def __init__(self, estimator: "MultilayerPerceptron", X: Any, y: Any, sample_weight: np.ndarray | None):
        self.model, self.X, self.y, self.sample_weight = estimator.model_, X, y, sample_weight
        loss = estimator.model_.loss
        assert loss is not None
        self.loss = loss
        self.estimator = _without_feature_names(estimator)
        dtype = estimator.model_.dtype
        self.targets = loss.prepare(estimator._targets(y), estimator.n_outputs_, dtype, "y_val")
        self.weights = None if sample_weight is None else np.asarray(sample_weight, dtype)
        self.early_stopping = estimator.early_stopping
        self.scorer: Any = None
        if callable(self.early_stopping):
            self.scorer = self.early_stopping
        elif self.early_stopping not in (True, False, "loss"):
            scorer = get_scorer(self.early_stopping)
            # Some metrics, such as the greatest error, have no weights.
            weighs = sample_weight is not None and "sample_weight" in inspect.signature(scorer._score_func).parameters
            self.scorer = partial(scorer, sample_weight=sample_weight) if weighs else scorer

    @property
    def monitors(self) -> bool:
        """Whether these data decide when training ends."""
        return self.early_stopping is not False

    def evaluate(self) -> tuple[float, float | None]:
        """The loss, without alpha's penalty, and the score, or None if it does not decide."""
        outputs = self.model.predict(self.X)
        total, _ = self.loss.evaluate_batch(self.targets, outputs, self.weights, False, False)
        loss = float(total) / self.loss.divisor(len(outputs), self.weights)
        if not self.monitors:
            return loss, None
        if self.early_stopping == "loss":
            return loss, -loss
        if self.scorer is None:
            return loss, self.estimator._score_outputs(outputs, self.y, self.sample_weight)
        return loss, float(self.scorer(self.estimator, self.X, self.y))


def _without_feature_names(estimator: "MultilayerPerceptron") -> Any:
    """The estimator for a scorer that gets checked samples: an array, which has no names."""
    scored = object.__new__(type(estimator))
    scored.__dict__.update((k, v) for k, v in vars(estimator).items() if k != "feature_names_in_")
    return scored


def set_aside(
    estimator: "MultilayerPerceptron", X: Any, y: Any, sample_weight: np.ndarray | None, random: np.random.RandomState
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """X, y and sample weights for training and for validation, split as scikit-learn's MLPs do.

    Classes are stratified as the rule that is scikit-learn's own, early_stopping=True, does it: two of them, also where
    that is an error; for other rules, whose scores may need all classes, where it is possible.

    Raises:
        ValueError: for fewer than two samples for validation.
    """
    arrays = [X, y] if sample_weight is None else [X, y, sample_weight]
    stratify = None
    if is_classifier(estimator) and estimator.early_stopping is not True:
        stratify = y if can_stratify(y, estimator.validation_fraction) else None
    elif is_classifier(estimator) and estimator.n_outputs_ == 1:
        stratify = estimator._labels.targets(y).astype(bool)  # scikit-learn's errors name these
    from sklearn.model_selection import train_test_split  # not at import, which it would slow down

    parts = train_test_split(*arrays, random_state=random, test_size=estimator.validation_fraction, stratify=stratify)
    if parts[1].shape[0] < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    training, validation = parts[0::2], parts[1::2]
    none = () if len(arrays) == 3 else (None,)
    return (*training, *none), (*validation, *none)


def can_stratify(y: Any, fraction: float) -> bool:
    """Whether both parts can have samples of each label (n,): there are two of each, and not fewer than labels."""
    if y.ndim > 1:
        return False
    members = np.unique(y, return_counts=True)[1]
    held = math.ceil(fraction * len(y))
    return bool(members.min() > 1) and len(members) <= min(held, len(y) - held)
