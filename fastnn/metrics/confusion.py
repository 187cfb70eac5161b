"""The confusion matrix, and the forms in which labels and predictions are accepted."""

from typing import Any

import numpy as np

from .. import checks

_MOST_CLASSES = 1000  # a larger label is a mistake, and would make a huge matrix


def confusion_matrix(y_true: Any, y_pred: Any, classes: int | None = None) -> np.ndarray:
    """How many samples of each true class (row) were predicted as each class (column), int64 (classes, classes).

    Args:
        y_true: labels (n,) or (n, 1), or one-hot rows (n, C).
        y_pred: labels (n,) or (n, 1), scores (n, C), or probabilities of class 1, (n,) or (n, 1), class 1 above 0.5.
        classes: the number of classes; None: as many as occur in the data, at least 2.

    Raises:
        ValueError: if shapes or lengths do not match, labels are not integers >= 0, or a label is not below `classes`.

    >>> fastnn.metrics.confusion_matrix([0, 0, 1, 1, 1], [0, 1, 1, 1, 0])
    array([[1, 1],
           [1, 2]])
    """
    truth, predicted, found = truth_and_prediction(y_true, y_pred)
    if classes is None:
        classes = found
    elif checks.integer(classes, "classes") <= (largest := int(max(truth.max(), predicted.max()))):
        raise ValueError(f"classes must be more than the largest label, {largest}, received {classes}")
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def true_labels(y: Any, argument: str = "y_true") -> tuple[np.ndarray, int]:
    """Labels (n,) and the smallest possible number of classes, from labels (n,) or (n, 1) or one-hot rows (n, C)."""
    array = checks.finite(checks.numeric_array(y, argument, checks.LABELS_HINT), argument)
    if array.ndim == 2 and array.shape[1] > 1 and len(array):
        if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            raise ValueError(f"{argument} must be labels (n,) or one-hot rows (n, C), received other rows")
        return np.argmax(array, axis=1), array.shape[1]
    labels = checks.class_labels(array, argument, _MOST_CLASSES)
    return labels, int(labels.max()) + 1


def truth_and_prediction(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """True labels (n,), predicted labels (n,) and the number of classes, at least 2.

    `y_pred` may be labels (n,) or (n, 1), scores (n, C), or probabilities of class 1, (n,) or (n, 1): floats that
    are not all whole numbers, where more than 0.5 means class 1.
    """
    truth, classes = true_labels(y_true)
    array = checks.finite(checks.numeric_array(y_pred, "y_pred", checks.LABELS_HINT), "y_pred")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"y_pred must be labels (n,) or scores (n, C), received shape {array.shape}")
    if array.ndim == 2:
        if array.shape[1] < classes:
            raise ValueError(f"y_pred must have a column for each of {classes} classes, received shape {array.shape}")
        predicted, classes = np.argmax(array, axis=1), array.shape[1]
    elif (array != np.round(array)).any():
        if classes > 2:
            raise ValueError(f"y_pred must be labels (n,) or scores (n, {classes}), received fractions of shape (n,)")
        predicted = (array > 0.5).astype(np.int64)
    else:
        predicted = checks.class_labels(array, "y_pred", _MOST_CLASSES)
    checks.same_length(truth, "y_true", predicted, "y_pred")
    return truth, predicted, max(classes, int(predicted.max()) + 1, 2)
