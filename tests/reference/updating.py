"""What a step does besides gradient and equation: penalties, clipping, weight decay, averages, constraints.

Weights and gradients are lists of arrays of any shape, in the model's order. Formulas and their order are Keras 3's:
https://github.com/keras-team/keras/blob/master/keras/src/optimizers/base_optimizer.py, with regularizers.py and
constraints.py, version 3.15.
"""

from collections.abc import Callable, Sequence

import numpy as np

EPSILON = 1e-7
"""keras.backend.epsilon()."""


def sum_of_squares(x: np.ndarray) -> float:
    """The sum of x^2."""
    return float((x * x).sum())


def sum_of_absolutes(x: np.ndarray) -> float:
    """The sum of |x|."""
    return float(np.abs(x).sum())


def penalty(w: np.ndarray, l1: float, l2: float) -> float:
    """l1 sum |w| + l2 sum w^2."""
    return l1 * sum_of_absolutes(w) + l2 * sum_of_squares(w)


def penalty_backward(w: np.ndarray, l1: float, l2: float) -> np.ndarray:
    """The gradient of the penalty; that of |w| at 0 is 0."""
    return l1 * np.sign(w) + 2 * l2 * w


def clipped_norm(g: np.ndarray, largest: float) -> np.ndarray:
    """g, shortened where its norm is larger than that."""
    return g * largest / max(np.sqrt(sum_of_squares(g)), largest)


def clipped_global_norm(gradients: Sequence[np.ndarray], largest: float) -> list[np.ndarray]:
    """All gradients, shortened alike where the norm of all of them together is larger than that."""
    norm = np.sqrt(sum(sum_of_squares(g) for g in gradients))
    return [g * largest / max(norm, largest) for g in gradients]


def clip_values(g: np.ndarray, largest: float) -> np.ndarray:
    """Each number in [-largest, largest]."""
    return np.clip(g, -largest, largest)


def average(a: np.ndarray, w: np.ndarray, momentum: float) -> np.ndarray:
    """The moving average after w."""
    return momentum * a + (1 - momentum) * w


def non_negative(w: np.ndarray) -> np.ndarray:
    """max(w, 0)."""
    return np.maximum(w, 0)


def constrained_norm(
    w: np.ndarray, low: float, high: float, rate: float = 1.0, axis: int | tuple[int, ...] = 0
) -> np.ndarray:
    """w with its norms along `axis` brought into [low, high], or nearer with a rate below 1."""
    norms = np.sqrt((w * w).sum(axis=axis, keepdims=True))
    desired = rate * np.clip(norms, low, high) + (1 - rate) * norms
    return w * desired / (EPSILON + norms)


class Step:
    """The steps of a training, weight by weight.

    weights: changed in place by `step`; averages: their moving averages.
    update: (p, g, *slots, step=...) as in `optimizers.py`, flat, in place; slots start at `slot_start`.
    penalties: (l1, l2) or None for each weight. constraints: a function of the weight or None for each.
    clipnorm, clipvalue, global_clipnorm, ema_momentum, ema_overwrite_frequency: as in Keras, None for none.
    decay: learning rate times weight decay; spared: the weights' numbers that it leaves alone.
    """

    def __init__(
        self,
        weights: Sequence[np.ndarray],
        update: Callable[..., None],
        slots: int = 0,
        slot_start: float = 0.0,
        penalties: Sequence[tuple[float, float] | None] | None = None,
        constraints: Sequence[Callable[[np.ndarray], np.ndarray] | None] | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        decay: float = 0.0,
        spared: Sequence[int] = (),
        ema_momentum: float | None = None,
        ema_overwrite_frequency: int | None = None,
    ):
        self.weights = [np.array(w, np.float64) for w in weights]
        self.update = update
        self.slots = [[np.full(w.size, slot_start) for _ in range(slots)] for w in self.weights]
        self.penalties = penalties or [None] * len(self.weights)
        self.constraints = constraints or [None] * len(self.weights)
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.decay, self.spared = decay, spared
        self.ema_momentum, self.ema_overwrite_frequency = ema_momentum, ema_overwrite_frequency
        self.averages = [w.copy() for w in self.weights]
        self.steps = 0

    def penalty(self) -> float:
        """What joins the loss."""
        pairs = zip(self.weights, self.penalties, strict=True)
        return sum(penalty(w, *factors) for w, factors in pairs if factors is not None)

    def step(self, gradients: Sequence[np.ndarray]) -> None:
        """One step from the gradients of the loss without its penalty."""
        self.steps += 1
        given = [np.array(g, np.float64) for g in gradients]
        for i, factors in enumerate(self.penalties):
            if factors is not None:
                given[i] += penalty_backward(self.weights[i], *factors)
        if self.clipnorm is not None:
            given = [clipped_norm(g, self.clipnorm) for g in given]
        if self.global_clipnorm is not None:
            given = clipped_global_norm(given, self.global_clipnorm)
        if self.clipvalue is not None:
            given = [clip_values(g, self.clipvalue) for g in given]
        for i, w in enumerate(self.weights):
            if i not in self.spared:
                w -= self.decay * w
            self.update(w.reshape(-1), given[i].reshape(-1), *self.slots[i], step=self.steps)
            if self.ema_momentum is not None:
                self.averages[i] = average(self.averages[i], w, 0.0 if self.steps == 1 else self.ema_momentum)
                if self.ema_overwrite_frequency and self.steps % self.ema_overwrite_frequency == 0:
                    w[...] = self.averages[i]
            constraint = self.constraints[i]
            if constraint is not None:
                w[...] = constraint(w)
