"""What all estimators share: checked samples, the outputs of the network inside, and a state of plain data."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from ..frames import is_sparse
from ..models import Sequential
from ..sparse_rows import checked_csr
from .plain import from_plain, to_plain
from .targets import Labels


class NetworkEstimator(BaseEstimator):
    """An estimator around a network.

    Attributes:
        model_: the network, after `fit`.
    """

    model_: Sequential

    # How scikit-learn checks samples: float32 stays float32, other numbers become float64, CSR stays CSR.
    _sample_checks: ClassVar[Mapping[str, Any]] = {
        "accept_sparse": ["csr", "csc"],
        "dtype": (np.float64, np.float32),
    }

    def _check_samples(self, X: Any, reset: bool) -> Any:
        """X as scikit-learn checks it."""
        return validate_data(self, safe(X), reset=reset, **self._sample_checks)

    def _check_pair(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """X and y as scikit-learn checks them; a column of targets becomes a vector, with its warning."""
        numeric = isinstance(self, RegressorMixin)
        X, y = validate_data(self, safe(X), y, multi_output=True, y_numeric=numeric, reset=reset, **self._sample_checks)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _outputs(self, X: Any, model: Any = None) -> np.ndarray:
        """The outputs (n, outputs) of the network, or of another `model` with the same inputs, for samples X."""
        model = model or vars(self).get("model_")
        if model is None:
            check_is_fitted(self)  # which raises; it takes longer than a prediction
        if self._is_checked(X):
            try:
                return model.predict(shaped(X, model))
            except (TypeError, ValueError):  # in scikit-learn's words, by the next line
                pass
        return model.predict(shaped(self._check_samples(X, reset=False), model))

    def _is_checked(self, X: Any) -> bool:
        """Whether X needs none of scikit-learn's checks, which take longer than predicting a few samples."""
        return (
            type(X) is np.ndarray
            and X.ndim > 1
            and X.dtype.type in self._sample_checks["dtype"]
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
        )

    def _free_memory(self) -> None:
        """Drop what only training needs, which is made again: models may be kept for long, and many of them."""
        for kind in ("train", "evaluate"):
            self.model_._programs.pop(kind, None)

    def __sklearn_is_fitted__(self) -> bool:
        return "model_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _parts(self) -> dict[str, Any]:
        """Attributes that are parts of `model_`: a state does not hold them a second time."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """For copies, pickles and skops: plain data (`plain.py`)."""
        state = dict(super().__getstate__())
        state.pop("callbacks_", None)  # they hold the network, too, and have seen what need not be plain
        for name in self._parts() if "model_" in state else ():
            state.pop(name, None)
        if "_labels" in state:
            state["_labels"] = vars(state["_labels"])
        return {name: to_plain(value) for name, value in state.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({name: from_plain(value) for name, value in state.items()})
        if "_labels" in state:
            self._labels = Labels.__new__(Labels)
            self._labels.__dict__.update(state["_labels"])
        if "model_" in state:
            self.__dict__.update(self._parts())


def safe(X: Any) -> Any:
    """X, if sparse as CSR whose index arrays are right: SciPy and scikit-learn believe them."""
    return checked_csr(X, "X") if is_sparse(X) and X.ndim == 2 and 0 not in X.shape else X


def shaped(X: Any, model: Sequential) -> Any:
    """Samples in the shape that the model takes: flat rows are reshaped.

    Raises:
        TypeError: for sparse rows that would have to be reshaped.
        ValueError: for samples of another shape.
    """
    shape = model._sample_shape
    if X.shape[1:] == shape:
        return X
    if not isinstance(X, np.ndarray):
        raise TypeError(f"X must be dense for samples of shape {shape}, received a sparse matrix; its toarray() is")
    if X.shape[1:] != (math.prod(shape),):
        raise ValueError(f"X must have samples of shape {shape}, received {X.shape[1:]}")
    return X.reshape(len(X), *shape)
