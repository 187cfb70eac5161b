"""Labels and numbers: what a network learns for them, and back."""

from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target, unique_labels


class Labels:
    """Classes, and the targets that a network learns for them.

    Binary labels are one output; several classes are one output each, of which one is right (multi-class) or any
    number (multi-label, for y that is a matrix of 0 and 1).

    Args:
        y: labels (n,) or indicators (n, classes) among which all classes appear.

    Attributes:
        classes: the classes, sorted.
        kind: "binary", "multiclass" or "multilabel".
        outputs: the number of outputs that they need.
        sparse: whether y is a sparse matrix.

    Raises:
        ValueError: in scikit-learn's words, for y that are no labels.
    """

    def __init__(self, y: Any):
        kind = type_of_target(y, input_name="y")
        if "multioutput" in kind:
            raise ValueError("Multioutput target data is not supported with label binarization")
        self.classes = unique_labels(y)
        self.kind = "multilabel" if kind.startswith("multilabel") else kind
        self.outputs = 1 if self.kind == "binary" else len(self.classes)
        self.sparse = hasattr(y, "toarray")

    def as_multiclass(self) -> None:
        """Have one output for each of two classes, instead of one for both."""
        if self.kind == "binary" and len(self.classes) == 2:
            self.kind, self.outputs = "multiclass", 2

    def targets(self, y: Any, one_hot: bool = False) -> np.ndarray:
        """What the network learns: indices of classes (n,), or (n, outputs) of 0 and 1.

        Args:
            y: labels, all of them among the classes.
            one_hot: whether the targets of several classes are rows, too.
        """
        if self.kind == "multilabel":
            return np.asarray(y.toarray() if hasattr(y, "toarray") else y, np.float64)
        codes = np.searchsorted(self.classes, y)
        if self.kind == "binary":  # a single class is 0 for the one output that there is
            return codes[:, np.newaxis].astype(np.float64)
        return np.eye(len(self.classes))[codes] if one_hot else codes

    def codes(self, outputs: np.ndarray) -> np.ndarray:
        """The likeliest labels for outputs (n, outputs) as indices of classes (n,), or as indicators (n, classes)."""
        if self.kind == "multilabel":
            return (outputs > 0.5).astype(int)
        if self.kind == "multiclass":
            return outputs.argmax(axis=1)
        return ((outputs[:, 0] > 0.5) & (len(self.classes) > 1)).astype(int)

    def labels(self, outputs: np.ndarray) -> Any:
        """The likeliest labels for outputs (n, outputs)."""
        codes = self.codes(outputs)
        if self.kind != "multilabel":
            return self.classes[codes]
        if not self.sparse:
            return codes
        from scipy.sparse import csr_matrix

        return csr_matrix(codes)

    def accuracy(self, outputs: np.ndarray, y: Any, sample_weight: np.ndarray | None) -> float:
        """The (weighted) part of the samples all of whose labels are right."""
        right = self.codes(outputs) == (self.targets(y)[:, 0] if self.kind == "binary" else self.targets(y))
        return float(np.average(right.all(axis=1) if right.ndim == 2 else right, weights=sample_weight))

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """The probabilities of all classes (n, classes)."""
        return np.hstack([1 - outputs, outputs]) if self.kind == "binary" else outputs
