"""The network of a multi-layer perceptron, from scikit-learn's parameters."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .. import layers, regularizers
from ..models import Sequential

# scikit-learn's names for what fastnn, like Keras, calls otherwise.
ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "exp": "exponential"}


def build(
    units: Sequence[int], activations: Sequence[str], alpha: float, dtype: np.dtype, random: np.random.RandomState
) -> Sequential:
    """A network of dense layers with scikit-learn's initial weights.

    Args:
        units: of the samples, of each hidden layer, and of the outputs.
        activations: of each layer but the first, as scikit-learn names them.
        alpha: the L2 penalty.
        dtype: the float type.
        random: draws the weights as scikit-learn does, so that they are the same ones.
    """
    model = Sequential([layers.Input((units[0],))])
    for (inputs, outputs), activation in zip(pairwise(units), activations, strict=True):
        penalty = regularizers.L2(alpha / 2) if alpha else None
        name = ACTIVATIONS.get(activation, activation)
        # Its own initial weights are not drawn from `random`; an array as initializer would be stored with the model.
        layer = layers.Dense(outputs, name, kernel_initializer="zeros", kernel_regularizer=penalty, dtype=dtype.name)
        model.add(layer)
        layer.set_weights(list(initial_weights(inputs, outputs, activations[0], random)))
    return model


def initial_weights(
    inputs: int, outputs: int, activation: str, random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias, uniform in [-b, b], b^2 = 6 / (inputs + outputs) (Glorot & Bengio 2010); 2 for "logistic"."""
    bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (inputs + outputs))
    return random.uniform(-bound, bound, (inputs, outputs)), random.uniform(-bound, bound, outputs)


def coefs_and_intercepts(model: Sequential) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Kernels and biases of a network's dense layers, as live views."""
    dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
    return [layer.weights[0] for layer in dense], [layer.weights[1] for layer in dense]
