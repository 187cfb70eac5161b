"""The workloads: the same networks, hyperparameters and data for fastnn and for every peer.

Names of activations, losses and optimizers are those of `tests/reference/network.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from fastnn import datasets

Array = np.ndarray
Optimizer = tuple[str, dict[str, float]]

MOMENTUM: Optimizer = ("momentum", {"learning_rate": 0.1, "momentum": 0.9})
# For small batches: with the larger rate rounding errors grow chaotically, so losses could not be compared.
SLOW_MOMENTUM: Optimizer = ("momentum", {"learning_rate": 0.02, "momentum": 0.9})
# Keras's epsilon for all peers; its place in their formulas differs, which makes no difference here.
ADAM: Optimizer = ("adam", {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7})


@cache
def mnist() -> tuple[Array, Array]:
    """60,000 images (n, 784) in uint8, and their labels."""
    (x, y), _ = datasets.mnist.load_data()
    return x.reshape(len(x), -1), y.astype(np.int64)


@cache
def scaled_mnist() -> Array:
    """The images in [0, 1]."""
    return mnist()[0] / np.float32(255)


def images_as_their_own_targets() -> tuple[Array, Array]:
    return scaled_mnist(), scaled_mnist()


def ten_thousand_images() -> tuple[Array, Array]:
    x, y = mnist()
    return x[:10_000], y[:10_000]


def twenty_features() -> tuple[Array, Array]:
    """10,000 rows of two classes that a small network can nearly separate."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((10_000, 20), np.float32)
    hidden = np.tanh(x @ rng.standard_normal((20, 8)))
    return x, (hidden @ rng.standard_normal(8) > 0).astype(np.int64)


def xor_points() -> tuple[Array, Array]:
    """21 points on the two diagonals of the unit square; the diagonal is the label."""
    points = [(i / 10, i / 10) for i in range(11)] + [(i / 10, 1 - i / 10) for i in range(11) if i != 5]
    return np.array(points, np.float32), np.array([0] * 11 + [1] * 10, np.float32)[:, np.newaxis]


@cache
def documents(columns: int = 50_000) -> tuple[Any, Array]:
    """20,000 rows of a CSR matrix with 100 weights of words each, most of them of frequent words, and four classes."""
    from scipy.sparse import csr_matrix  # only who measures this needs SciPy

    rng, rows, words = np.random.default_rng(4), 20_000, 100
    shares = np.cumsum(1 / (np.arange(columns) + 20.0))  # Zipf's law
    order = rng.permutation(columns).astype(np.int32)
    indices = np.empty((rows, words), np.int32)
    for row in indices:
        drawn = np.unique(np.searchsorted(shares, rng.random(4 * words) * shares[-1]))
        row[:] = np.sort(order[rng.choice(drawn, words, replace=False)])
    values = rng.random((rows, words), np.float32) + np.float32(0.1)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    x = csr_matrix((values.ravel(), indices.ravel(), np.arange(0, rows * words + 1, words)), (rows, columns))
    return x, (x @ rng.standard_normal((columns, 4), np.float32)).argmax(axis=1)


@dataclass(frozen=True)
class Training:
    """Epochs of a dense network.

    Attributes:
        name: the name of the workload.
        sizes: the number of inputs, then the outputs of each layer.
        activations: one per layer.
        loss, optimizer: as in `tests/reference/network.py`.
        data: returns x, uint8 or floats, and y; y is x for an autoencoder.
        batch_size: rows per step; None: all rows, without shuffling.
        check_epochs: after this number of epochs without shuffling all losses must agree.
        sparse: whether x is a sparse matrix, for libraries that take one.
    """

    name: str
    sizes: Sequence[int]
    activations: Sequence[str]
    data: Callable[[], tuple[Any, Array]]
    batch_size: int | None
    loss: str = "sparse_cross_entropy"
    optimizer: Optimizer = MOMENTUM
    check_epochs: int = 1
    sparse: bool = False
    unit = "epoch"
    tolerance = 0.01  # rounding makes losses drift apart a little; a mistake makes a larger difference

    @property
    def shuffled(self) -> bool:
        return self.batch_size is not None

    def float_data(self) -> tuple[Any, Array]:
        """The data for peers that need floats in [0, 1]."""
        x, y = self.data()
        return (scaled_mnist()[: len(x)] if x.dtype == np.uint8 else x), y

    def initial_weights(self) -> list[tuple[Array, Array]]:
        """Kernel (inputs, outputs) and bias of each layer, the same every time."""
        rng = np.random.default_rng(1)
        wide = self.sizes[0] < 10  # initial weights of the XOR network are N(0, 1)
        return [
            (
                (rng.standard_normal((i, o)) * (1 if wide else np.sqrt(2 / (i + o)))).astype(np.float32),
                np.zeros(o, np.float32),
            )
            for i, o in pairwise(self.sizes)
        ]


@dataclass(frozen=True)
class Convnet:
    """Epochs of a convolutional network on MNIST: 3x3 convolutions that keep the size, each with ReLU and a 2x2
    max-pooling, then a dense layer; Adam."""

    name: str
    filters: Sequence[int]
    batch_size: int
    unit = "epoch"
    tolerance = 0.02

    def initial_weights(self) -> list[tuple[Array, Array]]:
        """Kernel (3, 3, channels, filters) or (inputs, outputs) and bias of each layer, channels last."""
        rng = np.random.default_rng(1)
        shapes: list[tuple[int, ...]] = [(3, 3, i, o) for i, o in pairwise((1, *self.filters))]
        size = 28 // 2 ** len(self.filters)
        shapes.append((size * size * self.filters[-1], 10))
        return [
            (
                (rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32),
                np.zeros(shape[-1], np.float32),
            )
            for shape in shapes
        ]


@dataclass(frozen=True)
class Convolution:
    """The forward pass of one 3x3 convolution that keeps the size, of images (rows, size, size, channels)."""

    name: str
    rows: int
    size: int
    channels: int
    filters: int
    unit = "call"
    tolerance = 1e-4

    def arrays(self) -> tuple[Array, Array]:
        """x, channels last, and the kernel (3, 3, channels, filters)."""
        rng = np.random.default_rng(3)
        x = rng.standard_normal((self.rows, self.size, self.size, self.channels), np.float32)
        return x, rng.standard_normal((3, 3, self.channels, self.filters), np.float32)


@dataclass(frozen=True)
class Prediction:
    """Class probabilities of 784-256-10 for some rows, from a NumPy array to a NumPy array."""

    name: str
    rows: int
    unit = "call"
    tolerance = 1e-4

    def x(self) -> Array:
        return np.ascontiguousarray(scaled_mnist()[: self.rows])

    def weights(self) -> list[tuple[Array, Array]]:
        return WORKLOADS["MNIST, batch 128"].initial_weights()  # type: ignore[union-attr]


@dataclass(frozen=True)
class Product:
    """a b for two square matrices."""

    name: str
    n: int
    unit = "product"
    tolerance = 1e-4

    def matrices(self) -> tuple[Array, Array]:
        rng = np.random.default_rng(2)
        a, b = (rng.standard_normal((self.n, self.n), np.float32) for _ in range(2))
        return a, b


Workload = Training | Convnet | Convolution | Prediction | Product

_mnist = partial(Training, sizes=(784, 256, 10), activations=("relu", "softmax"), data=mnist)
_all: list[Workload] = [
    _mnist("MNIST, batch 32", batch_size=32, optimizer=SLOW_MOMENTUM),
    _mnist("MNIST, batch 128", batch_size=128),
    _mnist("MNIST, batch 1024", batch_size=1024),
    Training(
        "wide-deep, Adam",
        (784, 204, 202, 10),
        ("relu", "relu", "softmax"),
        mnist,
        batch_size=128,
        optimizer=ADAM,
    ),
    Training(
        "autoencoder, Adam",
        (784, 128, 784),
        ("relu", "sigmoid"),
        images_as_their_own_targets,
        batch_size=128,
        loss="binary_cross_entropy",
        optimizer=ADAM,
    ),
    Training(
        "784-1000-10, full batch",
        (784, 1000, 10),
        ("relu", "softmax"),
        ten_thousand_images,
        batch_size=None,
        check_epochs=3,
    ),
    Training(
        "20-64-64-2, Adam",
        (20, 64, 64, 2),
        ("relu", "relu", "softmax"),
        twenty_features,
        batch_size=200,
        optimizer=ADAM,
        check_epochs=3,
    ),
    Training(
        "XOR 2-4-4-1",
        (2, 4, 4, 1),
        ("sigmoid", "sigmoid", "sigmoid"),
        xor_points,
        batch_size=None,
        loss="mean_squared_error",
        optimizer=("sgd", {"learning_rate": 1.0}),
        check_epochs=200,
    ),
    Training(
        "documents, Adam",
        (50_000, 64, 4),
        ("relu", "softmax"),
        documents,
        batch_size=200,
        optimizer=ADAM,
        sparse=True,
    ),
    Convnet("convnet 8-16, Adam", (8, 16), batch_size=128),
    Convolution("convolution 8-16, 14x14", 128, 14, 8, 16),
    Convolution("convolution 64-64, 28x28", 16, 28, 64, 64),
    Prediction("predict 1", 1),
    Prediction("predict 10,000", 10_000),
    Product("product 1024", 1024),
    Product("product 2048", 2048),
]
WORKLOADS = {workload.name: workload for workload in _all}
