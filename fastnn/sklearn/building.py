"""From the parameter `model` of an estimator to a network that fits the data."""

import copy
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import checks, layers
from ..config import floatx, using_floatx
from ..layers.activations import output_activation
from ..models import Sequential
from .base import shaped


def hidden_layer(
    input_shape: tuple[int, ...], outputs: int, *, units: int = 100, activation: str = "relu"
) -> list[layers.Layer]:
    """The layers of a network with one hidden layer, which takes samples of any shape.

    Args:
        input_shape: the shape of one sample.
        outputs: the number of outputs.
        units: the number of hidden units.
        activation: their activation.

    >>> from fastnn.sklearn.building import hidden_layer
    >>> [type(layer).__name__ for layer in hidden_layer((8, 8, 1), 10)]
    ['Flatten', 'Dense', 'Dense']
    """
    flat = [layers.Flatten()] if len(input_shape) > 1 else []
    return [*flat, layers.Dense(units, activation), layers.Dense(outputs)]


def builder(model: Any) -> Callable[..., Any] | None:
    """The function that builds a network, or None for a network."""
    if model is None:
        return hidden_layer
    return None if isinstance(model, Sequential) or not callable(model) else model


def network(
    model: Any, input_shape: tuple[int, ...], outputs: int, arguments: Mapping[str, Any], dtype: np.dtype
) -> Sequential:
    """A network of one's own for samples of `input_shape`: a copy, or what the function `model` builds.

    Args:
        model: a `Sequential`, or a function.
        input_shape: the shape of one sample.
        outputs: the number of outputs that the function is told.
        arguments: further arguments of the function.
        dtype: of the samples: layers that a function makes have it if it is a float type, unless the function also
            takes layers from elsewhere that have another one.

    Raises:
        TypeError: if the function takes other arguments, or returns something else than layers.
        ValueError: for a network of another input shape.
    """
    build = builder(model)
    if build is None:
        made = copy.deepcopy(model)
    else:
        try:
            inspect.signature(build).bind(input_shape, outputs, **arguments)
        except TypeError as error:
            raise TypeError(
                f"model must be a function of (input_shape, outputs) and arguments by name, received {build!r}, "
                f"which says: {error}"
            ) from error
        made = _called(build, input_shape, outputs, arguments, dtype.name if dtype.kind == "f" else floatx())
    made.build((None, *input_shape))
    return made


def _called(
    build: Callable[..., Any], input_shape: tuple[int, ...], outputs: int, arguments: Mapping[str, Any], dtype: str
) -> Sequential:
    """What a function builds with layers of this float type, or of `floatx()` where others among them have that."""
    try:
        with using_floatx(dtype):
            made = build(input_shape, outputs, **arguments)
            if isinstance(made, (Sequential, list, tuple)):
                made = copy.deepcopy(made)  # in case the function gives the same objects each time
                return made if isinstance(made, Sequential) else Sequential(made)
    except ValueError:  # which layers of different types are, made by the function and elsewhere
        if dtype == floatx():
            raise
        return _called(build, input_shape, outputs, arguments, floatx())
    raise TypeError(f"the function model must return a Sequential or a list of layers, received {made!r} from it")


def sample_shape(X: Any, asked: Any, model: Any) -> tuple[int, ...]:
    """The shape of one sample for the network.

    Args:
        X: checked samples.
        asked: the parameter `input_shape`.
        model: the parameter `model`, whose input shape counts if none was asked for.

    Raises:
        ValueError: if rows of X cannot be reshaped to it.
    """
    shape = tuple(X.shape[1:])
    wanted, name = asked, "input_shape"
    if asked is None and isinstance(model, Sequential) and model.input_shape is not None:
        wanted, name = model.input_shape[1:], "the model's input_shape"
    if wanted is None:
        return shape
    wanted = tuple(checks.size(n, name) for n in np.atleast_1d(np.asarray(wanted, object)))
    if shape != wanted and (len(shape) != 1 or math.prod(wanted) != shape[0]):
        raise ValueError(
            f"{name} must be the shape of the samples, or have as many numbers as their rows have features, expected "
            f"{wanted}, received samples of shape {shape} in X"
        )
    return wanted


def complete(model: Sequential, outputs: int, activation: str | None, meaning: str, X: Any) -> None:
    """Check the outputs of a network, and add the activation that they need, if it ends without one.

    Args:
        model: a built network.
        outputs: the number of outputs that the targets need.
        activation: what they need it to end with; None: nothing.
        meaning: what the outputs are, for the message.
        X: checked samples, a few of which are predicted by a network that ends with a layer written in Python: that
            must give probabilities itself, if they are needed.

    Raises:
        ValueError: for another output shape or activation, and for outputs of such a layer that are no probabilities.
    """
    if model.output_shape != (None, outputs):
        raise ValueError(
            f"model must give {outputs} outputs a sample, {meaning}, received a network of output shape "
            f"{model.output_shape}"
        )
    last = output_activation(model.layers)
    if activation is None or last == activation:
        return
    if last is None:
        _check_probabilities(model.predict(shaped(X[:10], model)), activation)
    elif last == "linear":
        model.add(layers.Activation(activation, dtype=model.dtype.name))
    else:
        raise ValueError(
            f"model must end with the activation {activation}, or without one, for {outputs} outputs, {meaning}; "
            f"received a network that ends with {last}"
        )


def _check_probabilities(given: np.ndarray, activation: str) -> None:
    """A ValueError for outputs (n, outputs) that cannot be those of the activation "sigmoid" or "softmax"."""
    fine = bool(((given >= -1e-5) & (given <= 1 + 1e-5)).all())
    if not fine or (activation == "softmax" and np.abs(given.sum(axis=1) - 1).max() > 1e-3):
        expected = "probabilities in [0, 1]" + (" that add up to 1" if activation == "softmax" else "")
        raise ValueError(
            f"model must give {expected}, received {given[0].tolist()} for the first sample, from a network that ends "
            f"with a layer or an activation written in Python; add layers.Activation({activation!r}) after it"
        )
