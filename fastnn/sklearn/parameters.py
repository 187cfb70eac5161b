"""Which parameters a multi-layer perceptron takes, and which of them go together."""

import copy
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, InvalidParameterError, Options, StrOptions

from .. import checks, losses, optimizers
from ..callbacks import Callback
from ..layers import Activation, Layer
from ..layers.activations import FUNCTIONS
from ..optimizers import SGD, Adam, Optimizer
from ..schedules import LearningRateSchedule
from .network import Plan
from .objectives import ACTIVATIONS

if TYPE_CHECKING:
    from .mlp import MultilayerPerceptron

_KNOWN_ACTIVATIONS = {*ACTIVATIONS, *FUNCTIONS, "swish"} - {"exp"}

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [str, list, tuple, Layer],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "loss": [str, losses.Loss, callable],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean", StrOptions({"loss", *get_scorer_names()}), callable],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": ["array-like", Interval(Real, 0, 1, closed="left")],
    "batch_norm": ["boolean"],
    "optimizer": [str, Optimizer, None],
    "learning_rate_schedule": [LearningRateSchedule, None],
    "callbacks": [Callback, list, tuple, None],
    "transform_layer": [Integral],
}

OF_CLASSIFIER: dict[str, list[Any]] = {
    "class_weight": [dict, list, StrOptions({"balanced"}), None],
    "label_smoothing": [Interval(Real, 0, 1, closed="left")],
}


def plan(estimator: "MultilayerPerceptron", features: int, outputs: int, last_activation: str) -> Plan:
    """The network that the parameters describe."""
    hidden = hidden_sizes(estimator)
    each = activations_of(estimator, len(hidden))
    return Plan(
        [features, *hidden, outputs],
        [*each, last_activation],
        each[-1] if each else estimator.activation,
        dropout_rates(estimator, len(hidden)),
        estimator.batch_norm,
    )


def hidden_sizes(estimator: Any) -> list[int]:
    """The units of each hidden layer.

    Raises:
        ValueError: in scikit-learn's words, for sizes that are not positive integers.
    """
    given = estimator.hidden_layer_sizes
    sizes = list(given) if hasattr(given, "__iter__") else [given]
    if not all(isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def activations_of(estimator: "MultilayerPerceptron", hidden: int) -> list[Any]:
    """The activation of each of the hidden layers, checked."""
    given = estimator.activation
    if isinstance(given, (list, tuple)):
        if len(given) != hidden:
            raise ValueError(
                f"activation must be one name or have one for each of the {hidden} hidden layers, received {given!r}"
            )
        each = list(given)
    else:
        each = [given] * hidden
    for activation in [*each, given] if isinstance(given, str) else each:
        if isinstance(activation, Layer) and not isinstance(activation, Activation):
            raise InvalidParameterError(
                "activation must be a name or a fastnn.layers.Activation, such as LeakyReLU, ReLU, ELU or Softmax, "
                f"which has no weights; received {activation!r}"
            )
        if not isinstance(activation, Activation):
            try:
                checks.nearest(activation, _KNOWN_ACTIVATIONS, "activation")
            except ValueError as error:
                raise InvalidParameterError(str(error)) from None
    return each


def dropout_rates(estimator: "MultilayerPerceptron", hidden: int) -> list[float]:
    """The dropout rate after each of the hidden layers."""
    given = estimator.dropout
    rates = [given] * hidden if isinstance(given, Real) else list(given)
    if len(rates) != hidden:
        raise ValueError(
            f"dropout must be one rate or have one for each of the {hidden} hidden layers, received {given!r}"
        )
    return [checks.number(rate, "dropout", 0, 1, open_high=True) for rate in rates]


def transform_layer(estimator: "MultilayerPerceptron", hidden: int) -> int:
    """The index of the layer, one of so many hidden ones, whose activations `transform` gives."""
    given = estimator.transform_layer
    if not -hidden <= given < hidden:
        raise ValueError(f"transform_layer must be in [{-hidden}, {hidden}), the hidden layers, received {given}")
    return range(hidden)[given]


def check_call(estimator: "MultilayerPerceptron", validation: tuple[Any, Any, Any], incremental: bool) -> None:
    """A ValueError for parameters and arguments that contradict each other.

    Args:
        estimator: the estimator.
        validation: X_val, y_val and their weights, as given.
        incremental: whether `partial_fit` is called.
    """
    X_val, y_val, weights = validation
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val must be given together, received only one of them")
    if weights is not None and X_val is None:
        raise ValueError("sample_weight_val needs X_val and y_val, received neither")
    if hidden := len(hidden_sizes(estimator)):  # before the data are looked at, as in scikit-learn
        transform_layer(estimator, hidden)
    if incremental and estimator.early_stopping is not False and X_val is None:
        raise ValueError(
            f"partial_fit does not support early_stopping={estimator.early_stopping!r} without X_val and y_val"
        )
    own = estimator
    schedule = own.learning_rate_schedule
    if schedule is not None and own.learning_rate != "constant":
        raise ValueError(
            f'learning_rate must be "constant" with a learning_rate_schedule, received {own.learning_rate!r}'
        )
    if schedule is not None and isinstance(own.optimizer, Optimizer):
        raise ValueError(
            f"learning_rate_schedule belongs into the optimizer object, received {schedule!r} and {own.optimizer!r}"
        )
    followed = getattr(own.optimizer, "learning_rate_schedule", None)
    if followed is not None and own.learning_rate != "constant":
        raise ValueError(
            f'learning_rate must be "constant" for an optimizer with a schedule, received {own.learning_rate!r}'
        )
    if own.solver != "lbfgs":
        return
    unused = {
        "optimizer": own.optimizer is not None,
        "learning_rate_schedule": schedule is not None,
        "callbacks": bool(own.callbacks),
        "dropout": bool(np.any(own.dropout)),
        "batch_norm": bool(own.batch_norm),
        "X_val": X_val is not None,
    }
    for name, given in unused.items():
        if given:
            raise ValueError(f'{name} needs solver="adam" or "sgd", or another optimizer; received solver="lbfgs"')


def new_optimizer(estimator: "MultilayerPerceptron") -> Optimizer:
    """The optimizer that the parameters describe; an object is copied, as it was before any training."""
    own = estimator
    if isinstance(own.optimizer, Optimizer):
        return own.optimizer.from_config(own.optimizer.get_config())
    if own.optimizer is not None:
        try:
            optimizer = optimizers.get(own.optimizer)
        except ValueError as error:
            raise InvalidParameterError(str(error)) from None
    elif own.solver == "sgd":
        optimizer = SGD(momentum=own.momentum, nesterov=own.nesterovs_momentum)
    else:
        optimizer = Adam(beta_1=own.beta_1, beta_2=own.beta_2, epsilon=own.epsilon)
    schedule = own.learning_rate_schedule
    optimizer.learning_rate = own.learning_rate_init if schedule is None else copy.deepcopy(schedule)
    return optimizer
