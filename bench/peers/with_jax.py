"""JAX: a whole epoch is one jitted function that scans over the shuffled batches; data and weights stay on the device.

With full batches, where there is nothing to shuffle, all epochs are one jitted loop.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from bench.workloads import Prediction, Product, Training, Workload

ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}


def version() -> str:
    return f"JAX {jax.__version__}"


def make(workload: Workload):
    maker = {Training: Trainer, Prediction: Predictor, Product: Multiplier}.get(type(workload))
    if maker is None or getattr(workload, "sparse", False):  # no convolutions, no sparse matrices
        return None
    return maker(workload)


def logits(weights, x, activations):
    """The last layer's output before its activation."""
    for (w, b), activation in zip(weights[:-1], activations[:-1], strict=True):
        x = ACTIVATIONS[activation](x @ w + b)
    w, b = weights[-1]
    return x @ w + b


def mean_loss(weights, x, y, activations, loss):
    z = logits(weights, x, activations)
    if loss == "sparse_cross_entropy":
        return (jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]).mean()
    if loss == "binary_cross_entropy":
        return (jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()
    return jnp.square(jax.nn.sigmoid(z) - y).mean()


def sgd(weights, gradients, state, step, learning_rate):
    return jax.tree.map(lambda p, g: p - learning_rate * g, weights, gradients), state


def momentum(weights, gradients, state, step, learning_rate, momentum):
    state = jax.tree.map(lambda m, g: momentum * m - learning_rate * g, state, gradients)
    return jax.tree.map(lambda p, m: p + m, weights, state), state


def adam(weights, gradients, state, step, learning_rate, beta_1, beta_2, epsilon):
    ms, vs = state
    ms = jax.tree.map(lambda m, g: m + (1 - beta_1) * (g - m), ms, gradients)
    vs = jax.tree.map(lambda v, g: v + (1 - beta_2) * (g * g - v), vs, gradients)
    rate = learning_rate * jnp.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + epsilon), weights, ms, vs), (ms, vs)


OPTIMIZERS = {"sgd": sgd, "momentum": momentum, "adam": adam}


class Trainer:
    def __init__(self, workload: Training):
        self.workload, self.rng = workload, np.random.default_rng(0)
        x, y = workload.float_data()
        self.own_targets = x is y
        self.x = jnp.asarray(x)
        self.y = self.x if self.own_targets else jnp.asarray(y, jnp.int32 if y.dtype == np.int64 else None)
        weights = jax.tree.map(jnp.asarray, workload.initial_weights())
        zeros = partial(jax.tree.map, jnp.zeros_like, weights)
        name, numbers = workload.optimizer
        state = {"sgd": tuple, "momentum": zeros, "adam": lambda: (zeros(), zeros())}[name]()
        self.carry = (weights, state, jnp.float32(0))
        self.update = partial(OPTIMIZERS[name], **numbers)
        value = partial(mean_loss, activations=workload.activations, loss=workload.loss)
        self.value_and_grad = jax.value_and_grad(value)
        self.epoch = jax.jit(self._epoch, donate_argnums=0)
        self.full_batch_epochs = jax.jit(self._full_batch_epochs, donate_argnums=0)
        self.loss = np.nan

    def _step(self, carry, x, y):
        weights, state, step = carry
        loss, gradients = self.value_and_grad(weights, x, y)
        weights, state = self.update(weights, gradients, state, step + 1)
        return (weights, state, step + 1), loss

    def _epoch(self, carry, x, y, order):
        """All batches of one epoch; the last one may be smaller."""
        rows = self.workload.batch_size
        whole = len(order) // rows * rows

        def batch(carry, chosen):
            x_batch = x[chosen]
            carry, loss = self._step(carry, x_batch, x_batch if self.own_targets else y[chosen])
            return carry, loss * len(chosen)

        carry, losses = jax.lax.scan(batch, carry, order[:whole].reshape(-1, rows))
        total = losses.sum()
        if whole < len(order):
            carry, loss = batch(carry, order[whole:])
            total += loss
        return carry, total / len(order)

    def _full_batch_epochs(self, carry, x, y, epochs):
        def body(_, both):
            return self._step(both[0], x, y)

        return jax.lax.fori_loop(0, epochs, body, (carry, jnp.float32(0)))

    def check(self) -> list[float]:
        if self.workload.batch_size is None:
            self.run(self.workload.check_epochs)
        else:
            order = jnp.arange(len(self.x))
            for _ in range(self.workload.check_epochs):
                self.carry, self.loss = self.epoch(self.carry, self.x, self.y, order)
        return [float(self.loss)]

    def run(self, epochs: int) -> None:
        if self.workload.batch_size is None:
            self.carry, self.loss = self.full_batch_epochs(self.carry, self.x, self.y, epochs)
        else:
            for _ in range(epochs):
                # NumPy shuffles ten times as fast as jax.random.permutation.
                order = self.rng.permutation(len(self.x)).astype(np.int32)
                self.carry, self.loss = self.epoch(self.carry, self.x, self.y, order)
        jax.block_until_ready(self.loss)


class Predictor:
    def __init__(self, workload: Prediction):
        self.x = workload.x()
        self.weights = jax.tree.map(jnp.asarray, workload.weights())
        self.predict = jax.jit(lambda weights, x: jax.nn.softmax(logits(weights, x, ("relu", "softmax"))))

    def check(self) -> list[float]:
        return np.asarray(self.predict(self.weights, self.x))[-1].tolist()

    def run(self, calls: int) -> None:
        for _ in range(calls):
            np.asarray(self.predict(self.weights, self.x))


class Multiplier:
    def __init__(self, workload: Product):
        self.a, self.b = map(jnp.asarray, workload.matrices())
        self.product = jax.jit(jnp.matmul)

    def check(self) -> list[float]:
        return np.asarray(self.product(self.a, self.b))[-1, :10].tolist()

    def run(self, products: int) -> None:
        for _ in range(products):
            self.product(self.a, self.b).block_until_ready()
