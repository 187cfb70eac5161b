"""What all estimators share: checked samples, the outputs of the network inside, and a state of plain data."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from ..models import Sequential
from ..saving.load import model_from_bytes
from ..saving.save import model_to_bytes


class NetworkEstimator(BaseEstimator):
    """An estimator around a network.

    Attributes:
        model_: the network, after `fit`.
    """

    model_: Sequential

    def _check_samples(self, X: Any, reset: bool) -> Any:
        """X as scikit-learn checks it: float32 stays float32, other numbers become float64, CSR stays CSR."""
        return validate_data(self, X, accept_sparse=["csr", "csc"], dtype=(np.float64, np.float32), reset=reset)

    def _outputs(self, X: Any) -> np.ndarray:
        """The network's outputs (n, outputs) for samples X."""
        check_is_fitted(self)
        if self._is_checked(X):
            try:
                return self.model_.predict(X)
            except (TypeError, ValueError):  # in scikit-learn's words, by the next line
                pass
        return self.model_.predict(self._check_samples(X, reset=False))

    def _is_checked(self, X: Any) -> bool:
        """Whether X needs none of scikit-learn's checks, which take longer than predicting a few samples."""
        return (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype == self.model_.dtype
            and X.shape[1] == self.n_features_in_
            and len(X) > 0
            and not hasattr(self, "feature_names_in_")
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """For copies, pickles and skops: the network as the bytes of a model file, which hold numbers and text only."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = np.frombuffer(model_to_bytes(self.model_), np.uint8)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        model = state.get("model_")
        super().__setstate__(state)
        if model is not None:
            self.model_ = model_from_bytes(model.tobytes())
