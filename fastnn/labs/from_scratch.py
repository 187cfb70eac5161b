"""Backpropagation from scratch: a network of sigmoids in plain NumPy, in one class that imports nothing of fastnn.

Copy this file, read it, change it: `python from_scratch.py` trains 2-4-4-1 on XOR. Samples stand in rows, n of them.

    forward     y = sigmoid(x W + b), layer after layer
    loss        the mean of (y - t)^2
    backward    dy = 2 (y - t) / (n outputs), then from the last layer to the first
                dz = dy y (1 - y),   dW = x^T dz,   db = the column sums of dz,   dx = dz W^T
    update      W -= learning_rate dW,   b -= learning_rate db

The dx of a layer is the dy of the layer before it. `fastnn lab backprop` trains the same network with fastnn's kernels,
and fastnn's tests hold the two against each other.
"""

import numpy as np


class NN:
    """A network of dense layers with sigmoids, trained step by step by gradient descent on the mean squared error.

    Args:
        sizes: the number of inputs, the units of each hidden layer, and the number of outputs.
        seed: makes the initial weights, which are N(0, 1), reproducible.

    Attributes:
        weights, biases: W (inputs, outputs) and b (outputs,) of each layer.
        weight_gradients, bias_gradients: dW and db of each layer, from `backward`.

    >>> network = NN([2, 4, 4, 1], seed=1)
    >>> network.feed([[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]])
    >>> for step in range(4000):
    ...     y = network.forward()
    ...     network.backward()
    ...     network.update(learning_rate=1.0)
    >>> (y > 0.5).astype(int).ravel().tolist(), bool(network.computeLoss() < 0.01)
    ([0, 1, 1, 0], True)
    """

    def __init__(self, sizes: list[int], seed: int | None = None):
        random = np.random.default_rng(seed)
        self.weights = [random.normal(size=(sizes[i], sizes[i + 1])) for i in range(len(sizes) - 1)]
        self.biases = [random.normal(size=o) for o in sizes[1:]]
        self.weight_gradients = [np.zeros_like(w) for w in self.weights]
        self.bias_gradients = [np.zeros_like(b) for b in self.biases]

    def feed(self, x: np.ndarray, t: np.ndarray) -> None:
        """Take samples x (n, inputs) and their targets t (n, outputs)."""
        self.x, self.t = np.asarray(x, float), np.asarray(t, float)
        if self.t.shape != (len(self.x), len(self.biases[-1])):
            raise ValueError(f"t must have shape {(len(self.x), len(self.biases[-1]))}, received {self.t.shape}")

    def forward(self) -> np.ndarray:
        """Compute and return the outputs y (n, outputs), and remember those of every layer for `backward`."""
        self.outputs = [self.x]
        for w, b in zip(self.weights, self.biases, strict=True):
            z = self.outputs[-1] @ w + b
            self.outputs.append(1 / (1 + np.exp(-z)))
        return self.outputs[-1]

    def computeLoss(self) -> float:
        """The mean squared error of the last `forward`."""
        return float(np.mean((self.outputs[-1] - self.t) ** 2))

    def backward(self) -> None:
        """Compute the gradients of the loss of the last `forward`, from the last layer to the first."""
        y = self.outputs[-1]
        dy = 2 * (y - self.t) / y.size
        for i in reversed(range(len(self.weights))):
            x, y = self.outputs[i], self.outputs[i + 1]
            dz = dy * y * (1 - y)
            self.weight_gradients[i] = x.T @ dz
            self.bias_gradients[i] = dz.sum(axis=0)
            dy = dz @ self.weights[i].T

    def update(self, learning_rate: float) -> None:
        """One step of gradient descent, with the gradients of the last `backward`."""
        for i in range(len(self.weights)):
            self.weights[i] -= learning_rate * self.weight_gradients[i]
            self.biases[i] -= learning_rate * self.bias_gradients[i]


def main() -> None:
    """Train on XOR: two diagonals of the unit square, their crossing only once; label 0 on the rising one."""
    i = np.arange(11) / 10
    falling = np.stack([i, 1 - i], axis=1)[i != 0.5]
    x = np.concatenate([np.stack([i, i], axis=1), falling])
    t = np.concatenate([np.zeros((11, 1)), np.ones((10, 1))])

    network = NN([2, 4, 4, 1], seed=1)
    network.feed(x, t)
    for epoch in range(1, 10_001):
        y = network.forward()
        loss = network.computeLoss()
        network.backward()
        network.update(learning_rate=1.0)
        if epoch % 200 == 0 or loss < 0.005:
            print(f"[{epoch:4d}] XOR loss : {loss:.4f}")
        if loss < 0.005:
            break

    print("prediction, truth")
    for row in range(len(x)):
        print(f"{y[row, 0]:.5f} {t[row, 0]:.0f}")
    print(f"accuracy : {np.mean((y > 0.5) == t):.2%}")


if __name__ == "__main__":
    main()
