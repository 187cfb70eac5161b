"""Metrics: one value a sample, shape (B,), in the dtype of y; the metric is their mean.

B batch, O outputs or C classes: y (B, O), labels integers (B,), targets (B, O).
Source: https://github.com/keras-team/keras/tree/master/keras/src/metrics
"""

import numpy as np

ROUNDING = 1e-5  # how far targets of 0 and 1 may be off, which scaled data often are


def sparse_categorical_accuracy(y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1 where the largest output is that of the label, else 0; of equals the first."""
    return (y.argmax(axis=1) == labels).astype(y.dtype)


def categorical_accuracy(y: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """1 where the largest output is that of the largest target, else 0."""
    return (y.argmax(axis=1) == targets.argmax(axis=1)).astype(y.dtype)


def binary_accuracy(y: np.ndarray, targets: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """The share of outputs for which (y > threshold) = t, but for the rounding of t."""
    return (np.abs((y > threshold) - targets) <= ROUNDING).mean(axis=1, dtype=y.dtype)


def mean_squared_error(y: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """mean_j (y - t)^2."""
    return np.square(y - targets).mean(axis=1)


def mean_absolute_error(y: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """mean_j |y - t|."""
    return np.abs(y - targets).mean(axis=1)


def sparse_top_k_categorical_accuracy(y: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """1 where fewer than k outputs are larger than the label's, a number, else 0."""
    at_label = np.take_along_axis(y, labels[:, np.newaxis], axis=1)
    return (((y > at_label).sum(axis=1) < k) & ~np.isnan(at_label[:, 0])).astype(y.dtype)


def top_k_categorical_accuracy(y: np.ndarray, targets: np.ndarray, k: int) -> np.ndarray:
    """The same for the place of the largest target."""
    return sparse_top_k_categorical_accuracy(y, targets.argmax(axis=1), k)


# Sums over the samples, in float64: a vector that a metric is computed from.


def binary_confusion(y: np.ndarray, targets: np.ndarray, threshold: float) -> np.ndarray:
    """True positives, false positives and false negatives of all outputs."""
    said, true = y > threshold, np.abs(targets) > ROUNDING
    return np.array([(said & true).sum(), (said & ~true).sum(), (~said & true).sum()], np.float64)


def _confusion(said: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each class's true positives, then false positives, then false negatives."""
    t = targets.astype(np.float64)
    return np.concatenate([np.where(said, t, 0).sum(0), np.where(said, 1 - t, 0).sum(0), np.where(said, 0, t).sum(0)])


def class_confusion(y: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The outputs that are the largest of their row are a yes, but for 0."""
    return _confusion((y >= y.max(axis=1, keepdims=True)) & (np.abs(y) > 1e-9), targets)


def sparse_class_confusion(y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """class_confusion of the one-hot rows."""
    return class_confusion(y, np.eye(y.shape[1])[labels])


def class_confusion_above(y: np.ndarray, targets: np.ndarray, threshold: float) -> np.ndarray:
    """All outputs above the threshold are a yes."""
    return _confusion(y > threshold, targets)


def score_histogram(y: np.ndarray, targets: np.ndarray, outputs_are_logits: bool, buckets: int) -> np.ndarray:
    """Outputs of targets other than 0, then those of targets 0, in buckets (k, k + 1] / (buckets - 1)."""
    with np.errstate(over="ignore"):
        y = 1 / (1 + np.exp(-y)) if outputs_are_logits else y
    bucket = np.maximum(np.ceil(np.clip(np.nan_to_num(y), 0, 1) * y.dtype.type(buckets - 1)) - 1, 0).astype(int)
    positive = np.abs(targets) > ROUNDING
    return np.concatenate([np.bincount(bucket[t], minlength=buckets) for t in (positive, ~positive)]) * 1.0


def squared_sums(y: np.ndarray, targets: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """The sums of t - origin, of its square and of (y - t)^2 of each output."""
    y, t = y.astype(np.float64), targets.astype(np.float64)
    moved = t - origin
    return np.concatenate([moved.sum(axis=0), (moved**2).sum(axis=0), ((y - t) ** 2).sum(axis=0)])


# Metrics of all samples at once, from (y, targets), by their definitions.


def precision(y: np.ndarray, targets: np.ndarray, threshold: float = 0.5) -> float:
    """Of the outputs above the threshold, the share with a target other than 0; 0 where there are none."""
    said = targets[y > threshold] != 0
    return said.mean() if said.size else 0.0


def recall(y: np.ndarray, targets: np.ndarray, threshold: float = 0.5) -> float:
    """Of the outputs with a target other than 0, the share above the threshold; 0 where there are none."""
    found = y[targets != 0] > threshold
    return found.mean() if found.size else 0.0


def f1_score(
    y: np.ndarray, targets: np.ndarray, average: str | None = None, threshold: float | None = None
) -> np.ndarray | float:
    """2 p r / (p + r + 1e-7) of each class or of all; targets may be labels."""
    if targets.ndim == 1:
        targets = np.eye(y.shape[1])[targets]
    said = (y == y.max(axis=1, keepdims=True)) & (np.abs(y) > 1e-9) if threshold is None else y > threshold
    if average == "micro":
        said, targets = said.reshape(-1, 1), targets.reshape(-1, 1)
    scores, support = [], []
    for c in range(said.shape[1]):
        p, r = precision(said[:, c], targets[:, c]), recall(said[:, c], targets[:, c])
        scores.append(2 * p * r / (p + r + 1e-7))
        support.append(targets[:, c].sum())
    if average == "weighted":
        return np.average(scores, weights=support) if sum(support) else 0.0
    return np.array(scores) if average is None else np.mean(scores)


def auc(
    y: np.ndarray,
    targets: np.ndarray,
    num_thresholds: int = 200,
    curve: str = "ROC",
    summation_method: str = "interpolation",
    from_logits: bool = False,
) -> float:
    """The area under the curve through the points of num_thresholds thresholds, one threshold at a time.

    Between two points of the precision-recall curve the true positives are linear in the
    outputs above the threshold; their integral is computed from 10,000 steps.
    """
    if from_logits:
        y = 1 / (1 + np.exp(-y))
    y, t = y.reshape(-1).astype(np.float64), targets.reshape(-1) != 0
    # -1 and 2 are Keras's -epsilon and 1 + epsilon.
    thresholds = [-1, *(i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)), 2]
    tp, fp = (np.array([(y[which] > limit).sum() for limit in thresholds], np.float64) for which in (t, ~t))
    with np.errstate(divide="ignore", invalid="ignore"):
        recalls, precisions = np.nan_to_num(tp / tp[0]), np.nan_to_num(tp / (tp + fp))
        x, heights = (np.nan_to_num(fp / fp[0]), recalls) if curve == "ROC" else (recalls, precisions)
    area = 0.0
    for a in range(num_thresholds - 1):
        pair = heights[a : a + 2]
        if summation_method != "interpolation":
            height = pair.min() if summation_method == "minoring" else pair.max()
        elif curve == "ROC":
            height = pair.mean()
        else:
            middles = (np.arange(10_000) + 0.5) / 10_000
            hits, yeses = (n[a + 1] + (n[a] - n[a + 1]) * middles for n in (tp, tp + fp))
            height = (hits / yeses).mean() if yeses[-1] > 0 else 0.0
        area += (x[a] - x[a + 1]) * height
    return area


def r2_score(
    y: np.ndarray, targets: np.ndarray, class_aggregation: str | None = "uniform_average"
) -> np.ndarray | float:
    """1 - sum (y - t)^2 / sum (t - mean t)^2 of each output, or their mean; 0 for an output whose targets are equal."""
    variation = np.square(targets - targets.mean(axis=0)).sum(axis=0)
    with np.errstate(divide="ignore"):
        scores = 1 - np.square(y - targets).sum(axis=0) / variation
    scores[np.isinf(scores)] = 0
    if class_aggregation == "variance_weighted_average":
        return np.average(scores, weights=variation)
    return scores if class_aggregation is None else scores.mean()
