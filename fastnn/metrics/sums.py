"""Metrics computed from counts and other sums over all samples."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import checks
from ..kernels import metrics as kernels
from ..settings import Fixed, optional, switch
from .base import SumsMetric

_EPSILON = 1e-7  # keras.config.epsilon()
_ROUNDING = 1e-13  # relative rounding error of E[t^2] - E[t]^2, for t - t_0 in the place of t


def _ratio(part: Any, whole: Any) -> Any:
    """part / whole, or 0 where the whole is 0."""
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    return np.divide(part, whole, out=np.zeros(shape), where=np.not_equal(whole, 0))


class Precision(SumsMetric):
    """true positives / (true positives + false positives), over all outputs; 0 if there are no positive predictions.

    Args:
        thresholds: outputs above it are positive predictions; None: 0.5. For outputs that are logits pass 0.

    >>> y_true, y_pred = [[1], [0], [1], [1]], [[0.9], [0.8], [0.7], [0.2]]
    >>> round(fastnn.metrics.Precision()(y_true, y_pred), 3)  # 2 of 3 positive predictions are right
    0.667
    """

    default_name = "precision"
    better = "max"
    operation = staticmethod(kernels.binary_confusion_metric)
    _kernel = kernels.binary_confusion

    thresholds = optional(checks.number, 0, 1)

    def __init__(self, thresholds: float | None = None, name: str | None = None):
        super().__init__(name)
        self.thresholds = thresholds

    @property
    def numbers(self) -> tuple[float, ...]:
        """The threshold."""
        return (0.5 if self.thresholds is None else self.thresholds,)

    def state_size(self, outputs: int) -> int:
        """True positives, false positives, false negatives."""
        return 3

    def result(self, state: np.ndarray) -> float:
        """The ratio of the sums."""
        return float(_ratio(state[0], state[0] + state[1]))


class Recall(Precision):
    """true positives / (true positives + false negatives), over all outputs; targets beyond 1e-5 are positive.

    Args:
        thresholds: outputs above it are positive predictions; None: 0.5. For outputs that are logits pass 0.

    >>> y_true, y_pred = [[1], [0], [1], [0]], [[0.9], [0.8], [0.2], [0.1]]
    >>> fastnn.metrics.Recall()(y_true, y_pred)  # 1 of 2 positive targets is found
    0.5
    """

    default_name = "recall"

    def result(self, state: np.ndarray) -> float:
        """The ratio of the sums."""
        return float(_ratio(state[0], state[0] + state[2]))


class F1Score(SumsMetric):
    """2 precision recall / (precision + recall) of each class, or one average of them.

    Targets may be one-hot rows, as in Keras, or integer labels.

    Args:
        average: None: an array with one score per class; "macro": their mean; "weighted": their mean weighted by the
            number of samples of each class; "micro": the score of the counts summed over all classes.
        threshold: in (0, 1]; outputs above it are positive predictions; None: the largest output of each sample is.

    >>> scores = [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]]
    >>> fastnn.metrics.F1Score()([0, 1, 1], scores).round(3)
    array([0.667, 0.667])
    >>> round(fastnn.metrics.F1Score("macro")([0, 1, 1], scores), 3)
    0.667
    """

    default_name = "f1_score"
    operation = staticmethod(kernels.class_confusion_metric)
    better = "max"

    average, threshold = Fixed[str | None](), Fixed[float | None]()

    def __init__(self, average: str | None = None, threshold: float | None = None, name: str | None = None):
        super().__init__(name)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f'average must be None, "micro", "macro" or "weighted", received {average!r}')
        self.average = average
        self.threshold = None if threshold is None else checks.number(threshold, "threshold", 0, 1)
        if self.threshold == 0:
            raise ValueError("threshold must be above 0, received 0")
        self.sparse = None if self.threshold is None else False

    @property
    def numbers(self) -> tuple[float, ...]:
        """The threshold, if there is one."""
        return () if self.threshold is None else (self.threshold,)

    def kernel(self, sparse: bool) -> Callable[..., None]:
        """The kernel for labels, for rows, or for rows with a threshold."""
        by_rows = kernels.class_confusion if self.threshold is None else kernels.class_confusion_above
        chosen: Callable[..., None] = kernels.sparse_class_confusion if sparse else by_rows
        return chosen

    def state_size(self, outputs: int) -> int:
        """The true positives of each class, then the false positives, then the false negatives."""
        return 3 * outputs

    def result(self, state: np.ndarray) -> Any:
        """Keras's formula, with its epsilon."""
        hits, false_alarms, misses = state.reshape(3, -1)
        if self.average == "micro":
            hits, false_alarms, misses = hits.sum(), false_alarms.sum(), misses.sum()
        precision, recall = _ratio(hits, hits + false_alarms), _ratio(hits, hits + misses)
        scores = 2 * precision * recall / (precision + recall + _EPSILON)
        if self.average is None:
            return scores
        if self.average == "weighted":
            return float((scores * _ratio(hits + misses, (hits + misses).sum())).sum())
        return float(np.mean(scores))


class AUC(SumsMetric):
    """The area under the ROC curve or the precision-recall curve, approximated by `num_thresholds` points, as in Keras.

    All outputs are pooled, each with its own target; targets beyond 1e-5 are positive.

    Args:
        num_thresholds: the number of points, at least 2; their thresholds are evenly spaced between 0 and 1.
        curve: "ROC": true positive rate over false positive rate; "PR": precision over recall.
        summation_method: the height between two points: "interpolation", or "minoring" and "majoring" for the smaller
            and the larger of the two, which give bounds of the area.
        from_logits: whether outputs are logits x, with the probability sigmoid(x).

    Source of the interpolation of "PR": Davis & Goadrich, "The relationship between precision-recall and ROC curves"
    (2006), https://www.biostat.wisc.edu/~page/rocpr.pdf

    >>> y_true, y_pred = [[0], [0], [1], [1]], [[0.1], [0.4], [0.35], [0.8]]
    >>> round(fastnn.metrics.AUC()(y_true, y_pred), 3)
    0.75
    """

    default_name = "auc"
    better = "max"
    operation = staticmethod(kernels.score_histogram_metric)
    _kernel = kernels.score_histogram

    num_thresholds, from_logits = Fixed[int](), switch()

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        from_logits: bool = False,
    ):
        super().__init__(name)
        self.num_thresholds = checks.integer(num_thresholds, "num_thresholds", 2)
        if curve not in ("ROC", "PR"):
            raise ValueError(f'curve must be "ROC" or "PR", received {curve!r}')
        if summation_method not in ("interpolation", "minoring", "majoring"):
            raise ValueError(
                f'summation_method must be "interpolation", "minoring" or "majoring", received {summation_method!r}'
            )
        self.curve, self.summation_method, self.from_logits = curve, summation_method, bool(from_logits)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Whether outputs are logits, and the number of thresholds."""
        return float(self.from_logits), self.num_thresholds

    def state_size(self, outputs: int) -> int:
        """A histogram of the outputs with positive targets, then one of the outputs with target 0."""
        return 2 * self.num_thresholds

    def result(self, state: np.ndarray) -> float:
        """The area under the points, from the highest threshold to the lowest."""
        positives, negatives = state.reshape(2, -1)
        # How many outputs are above each threshold, from the lowest (all of them) to the highest (none).
        hits, false_alarms = positives[::-1].cumsum()[::-1], negatives[::-1].cumsum()[::-1]
        recall, precision = _ratio(hits, hits[0]), _ratio(hits, hits + false_alarms)
        if self.curve == "ROC":
            x, y = _ratio(false_alarms, false_alarms[0]), recall
        elif self.summation_method == "interpolation":
            return _interpolated(hits, hits + false_alarms)
        else:
            x, y = recall, precision
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2
        else:
            heights = (np.minimum if self.summation_method == "minoring" else np.maximum)(y[:-1], y[1:])
        return float(((x[:-1] - x[1:]) * heights).sum())


def _interpolated(hits: np.ndarray, predicted: np.ndarray) -> float:
    """The area under precision = hits / predicted over recall, with hits linear in predicted between two thresholds.

    `predicted` counts the positive predictions. Between points A and B the area is
    slope (dhits + intercept log(predicted_B / predicted_A)) / all hits.
    """
    more_hits = hits[:-1] - hits[1:]
    slope = _ratio(more_hits, predicted[:-1] - predicted[1:])
    intercept = hits[1:] - slope * predicted[1:]
    growth = np.where(predicted[1:] > 0, _ratio(predicted[:-1], predicted[1:]), 1)
    return float(_ratio((slope * (more_hits + intercept * np.log(growth))).sum(), hits[0]))


class R2Score(SumsMetric):
    """1 - sum (y - t)^2 / sum (t - mean t)^2: the fraction of the targets' variance that the outputs explain.

    Args:
        class_aggregation: with several outputs, "uniform_average" is the mean of their scores,
            "variance_weighted_average" the mean weighted by the variance of their targets; None: an array of scores.

    >>> round(fastnn.metrics.R2Score()([[1.0], [2.0], [3.0]], [[1.1], [2.0], [2.9]]), 3)
    0.99
    """

    default_name = "r2_score"
    better = "max"
    operation = staticmethod(kernels.squared_sums_metric)
    _kernel = kernels.squared_sums

    def __init__(self, class_aggregation: str | None = "uniform_average", name: str | None = None):
        super().__init__(name)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                'class_aggregation must be None, "uniform_average" or "variance_weighted_average", '
                f"received {class_aggregation!r}"
            )
        self.class_aggregation = class_aggregation
        self._origin = np.zeros(0)

    def state_size(self, outputs: int) -> int:
        """The sums of t - t_0 of each output, then those of its square, then those of (y - t)^2."""
        return 3 * outputs

    def begin(self, targets: np.ndarray) -> None:
        """Keep t_0, the first of all targets."""
        self._origin = targets[0].copy()

    def evaluate(self, targets: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The sums over these samples."""
        state = np.zeros(self.state_size(y.shape[1]))
        origin = self._origin if self._origin.size == y.shape[1] else targets[0].copy()
        kernels.squared_sums(state, y, targets, checks.read_only(origin), len(y), y.shape[1])
        return state

    def result(self, state: np.ndarray) -> Any:
        """The score; as in Keras it is 0 for constant targets, or NaN if all outputs are exact, too."""
        # Of t - t_0, which has the variance of t.
        mean, mean_square, residual = state.reshape(3, -1)
        variation = mean_square - mean * mean
        variation = np.where(variation > _ROUNDING * mean_square, variation, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = 1 - residual / variation
            scores = np.where(np.isinf(scores), 0.0, scores)
            if self.class_aggregation is None:
                return scores
            if self.class_aggregation == "variance_weighted_average":
                return float((variation * scores).sum() / variation.sum())
        return float(scores.mean())
