"""A multilayer perceptron and its training loop, as a good NumPy user writes them.

The opponent in the benchmarks of whole epochs, and the oracle for whole training runs.

    network = Network((784, 256, 10), ("relu", "softmax"), "sparse_cross_entropy",
                      "momentum", {"learning_rate": 0.1, "momentum": 0.9})
    for epoch in range(15):
        loss = network.train_epoch(x, labels, 128, rng.permutation(len(x)))
    probabilities = network.predict(x_test)

What makes it fast in NumPy: all parameters lie in one vector and all gradients in another,
so that a step of the optimizer is one call whatever the depth; softmax and sigmoid are
fused with their losses; the first layer's input-gradient is not computed; batches are
gathered into one buffer (a new one for each costs as much again in page faults).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike

from . import activations, optimizers, probabilities, regression
from .dense import dense_forward

LINEAR = (lambda x: x, lambda dy, y: dy)

# name: (forward, backward)
ACTIVATIONS = {
    "linear": LINEAR,
    "relu": (activations.relu_forward, activations.relu_backward),
    "leaky_relu": (activations.leaky_relu_forward, activations.leaky_relu_backward),
    "sigmoid": (activations.sigmoid_forward, activations.sigmoid_backward),
    "tanh": (activations.tanh_forward, activations.tanh_backward),
    "softmax": (activations.softmax_forward, activations.softmax_backward),
}

LOSSES = {
    "sparse_cross_entropy": probabilities.sparse_cross_entropy,
    "cross_entropy": probabilities.cross_entropy,
    "binary_cross_entropy": probabilities.binary_cross_entropy,
    "mean_squared_error": regression.mean_squared_error,
    "half_mean_squared_error": regression.half_mean_squared_error,
}

# (last activation, loss): the same loss computed from what goes into the activation
FUSED_LOSSES = {
    ("softmax", "sparse_cross_entropy"): probabilities.sparse_softmax_cross_entropy,
    ("softmax", "cross_entropy"): probabilities.softmax_cross_entropy,
    ("sigmoid", "binary_cross_entropy"): probabilities.sigmoid_binary_cross_entropy,
}

# name: (function, how many state vectors it has, whether it takes the step's number)
OPTIMIZERS = {
    "sgd": (optimizers.sgd, 0, False),
    "momentum": (optimizers.momentum, 1, False),
    "nesterov": (optimizers.nesterov, 1, False),
    "adam": (optimizers.adam, 2, True),
}


class Network:
    """Dense layers of the given sizes, each followed by its activation.

    sizes: the inputs, then the outputs of each layer. activations: a name a layer.
    hyperparameters: the optimizer function's own arguments, by name.
    Weights are Glorot-uniform drawn from rng, biases 0. weights[i] (I, O) and biases[i] (O,)
    are views into one vector: to set them, assign to weights[i][:].
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activations: Sequence[str],
        loss: str,
        optimizer: str,
        hyperparameters: Mapping[str, float],
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        rng = np.random.default_rng(0) if rng is None else rng
        self.activations = [ACTIVATIONS[name] for name in activations]
        self.output_activation = LINEAR[0]
        if (activations[-1], loss) in FUSED_LOSSES:
            # The loss applies the last activation, so the last layer must not.
            self.output_activation = self.activations[-1][0]
            self.activations[-1] = LINEAR
            self.loss = FUSED_LOSSES[activations[-1], loss]
        else:
            self.loss = LOSSES[loss]

        shapes = list(pairwise(sizes))
        n_parameters = sum((n_in + 1) * n_out for n_in, n_out in shapes)
        self.parameters = np.zeros(n_parameters, dtype)
        self.gradients = np.zeros(n_parameters, dtype)
        self.weights, self.biases = _layer_views(self.parameters, shapes)
        self.dweights, self.dbiases = _layer_views(self.gradients, shapes)
        for w in self.weights:
            limit = np.sqrt(6 / sum(w.shape))
            w[:] = rng.uniform(-limit, limit, w.shape)

        self.update, n_states, self.takes_step = OPTIMIZERS[optimizer]
        self.hyperparameters = hyperparameters
        self.states = [np.zeros(n_parameters, dtype) for _ in range(n_states)]
        self.steps = 0

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """The input and the output of every layer, the last one as the loss takes it."""
        outputs = [x]
        for w, b, (activation, _) in zip(self.weights, self.biases, self.activations, strict=True):
            outputs.append(activation(dense_forward(outputs[-1], w, b)))
        return outputs

    def backward(self, outputs: list[np.ndarray], dy: np.ndarray) -> None:
        """Write the gradients of all weights and biases; dy is the loss's gradient."""
        for layer in reversed(range(len(self.weights))):
            x, y = outputs[layer], outputs[layer + 1]
            dy = self.activations[layer][1](dy, y)
            np.matmul(x.T, dy, out=self.dweights[layer])
            dy.sum(axis=0, out=self.dbiases[layer])
            if layer > 0:
                dy = dy @ self.weights[layer].T

    def step(self) -> None:
        """Apply the optimizer to all parameters."""
        self.steps += 1
        counter = (self.steps,) if self.takes_step else ()
        self.update(
            self.parameters,
            self.gradients,
            *self.states,
            *counter,
            **self.hyperparameters,
        )

    def train_batch(self, x: np.ndarray, y: np.ndarray) -> float:
        """One step on the mean loss of a batch. Returns the sum of the losses before it."""
        outputs = self.forward(x)
        scale = np.full(len(x), 1 / len(x), x.dtype)
        batch_losses, dy = self.loss(outputs[-1], y, scale)
        self.backward(outputs, dy)
        self.step()
        return float(batch_losses.sum())

    def train_epoch(self, x: np.ndarray, y: np.ndarray, batch_size: int, order: np.ndarray) -> float:
        """One pass over the rows of x in the given order; the last batch may be smaller.

        x (N, I) in the network's dtype; y labels (N,) or targets (N, O); order integers (N,).
        Returns the mean of the losses, each taken before its batch's step.
        """
        batch = np.empty((batch_size, x.shape[1]), x.dtype)
        total = 0.0
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            # With mode="raise", take would gather into a buffer of its own first.
            x_batch = x.take(rows, axis=0, out=batch[: len(rows)], mode="clip")
            total += self.train_batch(x_batch, y[rows])
        return total / len(order)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The network's output for each row of x."""
        return self.output_activation(self.forward(x)[-1])


def _layer_views(vector: np.ndarray, shapes: Sequence[tuple[int, int]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The weights (I, O) and biases (O,) of each layer as views into one vector."""
    weights, biases = [], []
    start = 0
    for n_in, n_out in shapes:
        split = start + n_in * n_out
        weights.append(vector[start:split].reshape(n_in, n_out))
        biases.append(vector[split : split + n_out])
        start = split + n_out
    return weights, biases
