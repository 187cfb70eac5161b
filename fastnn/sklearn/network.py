"""The network of a multi-layer perceptron, from scikit-learn's parameters."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .. import layers, regularizers
from ..layers import Activation, BatchNormalization
from ..models import Sequential
from .objectives import ACTIVATIONS


@dataclass(frozen=True)
class Plan:
    """What a network is made of.

    Attributes:
        units: of the samples, of each hidden layer, and of the outputs.
        activations: of each layer but the first, scikit-learn's or fastnn's names, or `Activation` layers.
        drawn_for: the activation that the outputs' initial weights are drawn for, which is that of hidden layers.
        dropout: the rate after each hidden layer.
        batch_norm: whether hidden layers normalize before their activation.
    """

    units: list[int]
    activations: list[Any]
    drawn_for: Any
    dropout: list[float]
    batch_norm: bool

    @property
    def given(self) -> list[Any]:
        """`activations` by fastnn's names."""
        return [ACTIVATIONS.get(one, one) if isinstance(one, str) else one for one in self.activations]

    def initial_weights(self, random: np.random.RandomState) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Kernels and biases as scikit-learn draws them: uniform in [-b, b], b^2 = 6 / (inputs + outputs).

        For "logistic", b^2 = 2 / (inputs + outputs) (Glorot & Bengio 2010).
        """
        kernels, biases = [], []
        for (inputs, outputs), activation in zip(
            pairwise(self.units), [*self.activations[:-1], self.drawn_for], strict=True
        ):
            named = isinstance(activation, str) and activation in ("logistic", "sigmoid")
            bound = np.sqrt((2.0 if named else 6.0) / (inputs + outputs))
            kernels.append(random.uniform(-bound, bound, (inputs, outputs)))
            biases.append(random.uniform(-bound, bound, outputs))
        return kernels, biases

    def build(self, dtype: np.dtype, before: Sequential | None = None) -> Sequential:
        """The network, with weights of zero; it normalizes as the network `before` did, if there was one that does."""
        model = Sequential([layers.Input((self.units[0],))])
        last = len(self.units) - 2
        for i, (outputs, given) in enumerate(zip(self.units[1:], self.given, strict=True)):
            # Initial weights are not its own business; an array as initializer would be stored with the model.
            penalty = regularizers.L2(0.0, per_sample=True)
            own: dict[str, Any] = {"kernel_initializer": "zeros", "kernel_regularizer": penalty, "dtype": dtype.name}
            if self.batch_norm and i < last:
                model.add(layers.Dense(outputs, **own))
                # PyTorch's momentum: with Keras's, 0.99, the statistics of small data, of a step per epoch, come late.
                model.add(BatchNormalization(momentum=0.9, dtype=dtype.name))
                model.add(_as_layer(given, dtype))
            else:
                model.add(layers.Dense(outputs, given, **own))
            if i < last and self.dropout[i]:
                model.add(layers.Dropout(self.dropout[i], dtype=dtype.name))
        if before is not None:
            for new, old in zip(_normalizing(model), _normalizing(before), strict=False):
                new.set_weights(old.get_weights())
        return model


def _normalizing(model: Sequential) -> list[BatchNormalization]:
    return [layer for layer in model.layers if isinstance(layer, BatchNormalization)]


def _same(layer: Activation, given: str | Activation) -> bool:
    """Whether an activation, as part of a network, is what a name or an object asks for."""
    if isinstance(given, str):
        return type(layer) is Activation and layer.activation == Activation(given, name="").activation
    if type(layer) is not type(given):
        return False
    apart = {"name": None, "dtype": None}
    try:
        return layer.get_config() | apart == given.get_config() | apart
    except ValueError:  # a class of the user's own that says nothing of its arguments
        return True


def _as_layer(given: str | Activation, dtype: np.dtype) -> Activation:
    """An activation as a layer of its own, which shares no object with the user's."""
    if isinstance(given, str):
        return Activation(given, dtype=dtype.name)
    return type(given).from_config(given.get_config() | {"name": None, "dtype": dtype.name})


class Views:
    """Live views of a network's dense layers, and its first layers as a network of their own.

    Attributes:
        coefs, intercepts: the kernels and the biases.
    """

    def __init__(self, model: Sequential):
        self._model = model
        self._dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
        self.coefs = [layer.weights[0] for layer in self._dense]
        self.intercepts = [layer.weights[1] for layer in self._dense]
        self._parts: dict[int, Sequential] = {}

    def adopt(self, given: Any, name: str) -> list[np.ndarray]:
        """Copy arrays that are not the views into the network; returns the list of the views.

        Args:
            given: what a user may have put in the place of `coefs` or `intercepts`.
            name: "coefs_" or "intercepts_".

        Raises:
            ValueError: for another number of arrays, or other shapes.
        """
        own = self.coefs if name == "coefs_" else self.intercepts
        if len(given) != len(own):
            raise ValueError(f"{name} must have {len(own)} arrays, received {len(given)}")
        for i, (view, array) in enumerate(zip(own, given, strict=True)):
            if array is not view:
                if np.shape(array) != view.shape:
                    raise ValueError(f"{name}[{i}] must have shape {view.shape}, received {np.shape(array)}")
                view[...] = array
        return list(own)

    def differ(self, coefs: Any, intercepts: Any) -> bool:
        """Whether these are not all of the views: a user has put in arrays of their own."""
        return [*map(id, coefs)] != [*map(id, self.coefs)] or [*map(id, intercepts)] != [*map(id, self.intercepts)]

    def unlike(self, plan: Plan) -> str | None:
        """The parameter for which a plan needs other layers than there are; None if it needs none."""
        if [layer.units for layer in self._dense] != plan.units[1:]:
            return "hidden_layer_sizes"
        if not _same(self._dense[-1].activation, plan.given[-1]):
            return "loss"
        for group, given, rate in zip(self._hidden, plan.given[:-1], plan.dropout, strict=True):
            kinds = [type(layer) for layer in group]
            if (BatchNormalization in kinds) != plan.batch_norm:
                return "batch_norm"
            if (layers.Dropout in kinds) != (rate > 0):
                return "dropout"
            # An activation that is a layer of its own has settings, but stays of its type.
            if plan.batch_norm and not isinstance(given, str) and not _same(group[2], given):
                return "activation"
            if plan.batch_norm and isinstance(given, str) and type(group[2]) is not Activation:
                return "activation"
        return None

    def take_over(self, plan: Plan) -> None:
        """Set activations and dropout rates as a plan has them, which is not `unlike` this network."""
        for group, given, rate in zip(self._hidden, plan.given[:-1], plan.dropout, strict=True):
            if not plan.batch_norm and not _same(group[0].activation, given):
                group[0].activation = given
            elif plan.batch_norm and not _same(group[2], given):
                group[2].activation = given
            if rate and group[-1].rate != rate:
                group[-1].rate = rate

    @property
    def _hidden(self) -> list[list[Any]]:
        """The layers of each hidden layer: dense, perhaps normalization and activation, perhaps dropout."""
        at = [self._model.layers.index(layer) for layer in self._dense]
        return [self._model.layers[start:stop] for start, stop in pairwise(at)]

    def set_alpha(self, alpha: float) -> None:
        """Set the penalty to alpha / 2 times the sum of the squared kernels, divided by the samples' weight."""
        for layer in self._dense:
            assert layer.kernel_regularizer is not None
            layer.kernel_regularizer.l2 = alpha / 2

    def until(self, hidden: int) -> Sequential:
        """The network up to the activation of a hidden layer, counted from 0; it shares the weights."""
        if hidden not in self._parts:
            before = self._model.layers[: self._model.layers.index(self._dense[hidden + 1])]
            self._parts[hidden] = Sequential([layers.Input(self._dense[0].kernel.shape[:1]), *before])
        return self._parts[hidden]
