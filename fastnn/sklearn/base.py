"""What all estimators share: checked samples, the outputs of the network inside, and a state of plain data."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from ..configured import describe, encode
from ..models import Sequential
from ..saving.load import model_from_bytes
from ..saving.save import model_to_bytes
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
        return validate_data(self, X, reset=reset, **self._sample_checks)

    def _outputs(self, X: Any, model: Sequential | None = None) -> np.ndarray:
        """The outputs (n, outputs) of the network, or of another `model` with the same inputs, for samples X."""
        model = model or vars(self).get("model_")
        if model is None:
            check_is_fitted(self)  # which raises, after more time than a prediction takes
        if self._is_checked(X, model):
            try:
                return model.predict(shaped(X, model))
            except (TypeError, ValueError):  # in scikit-learn's words, by the next line
                pass
        return model.predict(shaped(self._check_samples(X, reset=False), model))

    def _is_checked(self, X: Any, model: Sequential) -> bool:
        """Whether X needs none of scikit-learn's checks, which take longer than predicting a few samples."""
        return (
            type(X) is np.ndarray
            and X.ndim > 1
            and X.dtype == model.dtype
            and X.shape[1] == self.n_features_in_
            and len(X) > 0
            and not hasattr(self, "feature_names_in_")
        )

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
        """For copies, pickles and skops: numbers and text only, the network as the bytes of a model file.

        A network with classes or functions of the user's own is left to pickle, which imports them.
        """
        state = dict(super().__getstate__())
        if "model_" in state:
            for name in self._parts():
                state.pop(name, None)
            if is_plain(self.model_):
                state["model_"] = np.frombuffer(model_to_bytes(self.model_), np.uint8)
        if isinstance(state.get("_labels"), Labels):
            state["_labels"] = vars(self._labels)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if isinstance(labels := state.get("_labels"), dict):
            self._labels = Labels.__new__(Labels)
            vars(self._labels).update(labels)
        if "model_" in state:
            if isinstance(content := state["model_"], np.ndarray):
                self.model_ = model_from_bytes(content.tobytes())
            vars(self).update(self._parts())


def shaped(X: Any, model: Sequential) -> Any:
    """Samples, which may be flat rows, in the shape that the model takes; others are its own to refuse."""
    shape = (model.input_shape or ())[1:]
    if len(shape) > 1 and X.ndim == 2 and isinstance(X, np.ndarray) and X.shape[1] == np.prod(shape):
        return X.reshape(len(X), *shape)
    return X


def is_plain(model: Sequential) -> bool:
    """Whether a model file describes the model by fastnn's own classes alone."""
    try:
        compiled = [] if model.loss is None else [model.optimizer, model.loss, model._metrics_asked]
        return _has_own_classes_only([describe(model), encode(compiled, "the model")])
    except ValueError:  # something that no file can describe
        return False


def _has_own_classes_only(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_has_own_classes_only, value))
    if not isinstance(value, dict):
        return True
    unknown = "class_name" in value and value.get("module", "") is None
    function = value.get("class_name") == "__function__"
    return not (unknown or function) and all(map(_has_own_classes_only, value.values()))
