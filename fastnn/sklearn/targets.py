"""Labels: what a network learns for them, and back."""

from typing import Any, Self

import numpy as np
from sklearn.preprocessing import LabelBinarizer


class Labels:
    """Classes, and the targets that a network learns for them.

    Args:
        classes: the classes, sorted.
        kind: "binary": a single output; "multiclass": one output per class, of which one is right; or "multilabel":
            one output per class, of which any number are right.
        sparse: whether labels are sparse indicators.
    """

    def __init__(self, classes: np.ndarray, kind: str, sparse: bool = False):
        self.classes, self.kind, self.sparse = classes, kind, sparse

    @classmethod
    def of(cls, y: Any) -> Self:
        """The labels of y (n,) or indicators (n, classes), among which all classes appear.

        Raises:
            ValueError: in scikit-learn's words, for y that are no labels.
        """
        binarizer = LabelBinarizer().fit(y)
        kind = "multilabel" if binarizer.y_type_.startswith("multilabel") else binarizer.y_type_
        return cls(binarizer.classes_, kind, bool(binarizer.sparse_input_))

    @property
    def outputs(self) -> int:
        """The number of outputs that they need."""
        return 1 if self.kind == "binary" else len(self.classes)

    def targets(self, y: Any, one_hot: bool = False) -> np.ndarray:
        """What the network learns: indices of classes (n,), or (n, outputs) of 0 and 1.

        Args:
            y: labels, all of them among the classes.
            one_hot: whether the targets of several classes are rows, too.
        """
        if self.kind == "multilabel":
            return np.asarray(y.toarray() if hasattr(y, "toarray") else y, np.float64)
        codes = np.searchsorted(self.classes, y)
        if self.kind == "binary":  # a single class is 0
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

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """The probabilities of all classes (n, classes)."""
        return np.hstack([1 - outputs, outputs]) if self.kind == "binary" else outputs

    def accuracy(self, outputs: np.ndarray, targets: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """The (weighted) part of the samples whose labels are all right, from `targets(y)`."""
        right = self.codes(outputs) == (targets[:, 0] if self.kind == "binary" else targets)
        return float(np.average(right.all(axis=1) if right.ndim == 2 else right, weights=sample_weight))
