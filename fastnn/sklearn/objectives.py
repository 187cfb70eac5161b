"""The losses of a multi-layer perceptron by scikit-learn's names, and what they ask of the last layer."""

import copy
from typing import Any

from sklearn.utils._param_validation import InvalidParameterError

from .. import losses
from ..losses import Loss

# fastnn's names of activations for scikit-learn's, which `out_activation_` has.
ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "exp": "exponential"}
_SCIKIT_LEARNS = {ours: theirs for theirs, ours in ACTIVATIONS.items()}

# As scikit-learn divides: by the sum of the batch's sample weights.
_PER_WEIGHT: dict[str, Any] = {"reduction": "mean_with_sample_weight"}


def classification_loss(loss: Any, label_smoothing: float, kind: str) -> Loss:
    """The loss for "log_loss", for one of fastnn's names, or a copy of an object.

    Args:
        loss: the estimator's parameter.
        label_smoothing: the part of the targets that is spread evenly; only for "log_loss".
        kind: of `Labels`.

    Raises:
        ValueError: for a loss after whose activation outputs say nothing of classes, such as the deviance of counts.
    """
    if not (isinstance(loss, str) and loss == "log_loss"):
        if label_smoothing:
            raise ValueError(
                f'label_smoothing must be 0 unless loss="log_loss", received {label_smoothing!r}; '
                "give it to the loss object"
            )
        found = _other(loss, ("log_loss",))
        check_several_labels(found, kind)
        last = last_activation(found, kind)
        if last not in ("softmax", "logistic") and not isinstance(found, losses.Hinge):
            raise ValueError(
                f"loss must be one of probabilities or margins, received {loss!r}, whose outputs are any numbers that "
                f'the activation "{last}" gives'
            )
        return found
    if kind != "multiclass":
        return losses.BinaryLogLoss(label_smoothing=label_smoothing, **_PER_WEIGHT)
    if label_smoothing:
        return losses.CategoricalCrossentropy(label_smoothing=label_smoothing, **_PER_WEIGHT)
    return losses.SparseCategoricalCrossentropy(**_PER_WEIGHT)


def regression_loss(loss: Any) -> Loss:
    """The loss for "squared_error" or "poisson", for one of fastnn's names, or a copy of an object."""
    if isinstance(loss, str) and loss == "squared_error":
        return losses.HalfSquaredError(**_PER_WEIGHT)
    if isinstance(loss, str) and loss == "poisson":
        return losses.HalfPoissonDeviance(**_PER_WEIGHT)
    return _other(loss, ("squared_error", "poisson"))


def _other(loss: Any, own: tuple[str, ...]) -> Loss:
    if not isinstance(loss, str):
        found = copy.deepcopy(losses.get(loss))
        if found.from_logits:
            raise ValueError(f"loss must have from_logits=False, because outputs are predictions; received {loss!r}")
        return found
    try:
        found = losses.get(loss)
    except ValueError as error:
        raise InvalidParameterError(f"{error}, {', '.join(own)}") from None
    found.reduction = _PER_WEIGHT["reduction"]
    return found


def needs_distributions(loss: Loss) -> bool:
    """Whether the outputs must be probabilities that add up to 1, so that two classes need two of them."""
    return loss.activation == "softmax" or isinstance(loss, losses.KLDivergence)


def check_several_labels(loss: Loss, kind: str) -> None:
    """A ValueError for several labels a sample, if the loss expects that exactly one is right.

    Args:
        loss: the loss.
        kind: of `Labels`.
    """
    if kind == "multilabel" and needs_distributions(loss):
        raise ValueError(
            'loss must judge each label by itself, such as "binary_crossentropy", for several labels a sample, '
            f"received {loss!r}, which expects probabilities that add up to 1"
        )


def has_margins(loss: Any) -> bool:
    """Whether a parameter `loss` is one for margins, of which there are no probabilities."""
    if isinstance(loss, str):  # not `losses.get`, which looks long for names like an unknown one
        return loss.lower() in (losses.Hinge.name, losses.SquaredHinge.name)
    return isinstance(loss, losses.Hinge) or (isinstance(loss, type) and issubclass(loss, losses.Hinge))


def last_activation(loss: Loss, kind: str) -> str:
    """scikit-learn's name of the last activation: the loss's own, or one that suits the kind of the targets.

    Args:
        loss: the loss.
        kind: of `Labels`, or "regression".
    """
    if loss.activation is not None:
        return _SCIKIT_LEARNS.get(loss.activation, loss.activation)
    if kind == "regression":
        return "softplus" if isinstance(loss, losses.Poisson) else "identity"
    if isinstance(loss, losses.Hinge):
        return "identity"
    return "softmax" if kind == "multiclass" else "logistic"
