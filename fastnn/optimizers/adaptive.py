"""Optimizers that adapt the step to each weight: Adagrad, RMSprop and the Adam family."""

from typing import Any

import numpy as np

from ..kernels import optimizers as kernels
from ..kernels.instructions import BETA_1, BETA_2, EPSILON, MOMENTUM, RHO
from ..settings import switch, within
from .base import LearningRate, Optimizer


class Adagrad(Optimizer):
    """a += g^2; w -= learning_rate g / sqrt(a + epsilon) (Duchi, Hazan & Singer 2011).

    Args:
        learning_rate: 0.001 unless given.
        initial_accumulator_value: the initial value of a.
        epsilon: added inside the root, against division by 0.

    >>> layer = fastnn.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    >>> model = fastnn.Sequential([fastnn.Input((1,)), layer])
    >>> model.compile(fastnn.optimizers.Adagrad(0.1), "mse")
    >>> history = model.fit(np.ones((1, 1)), np.ones(1), epochs=2, verbose=0)
    >>> round(float(layer.get_weights()[0][0, 0]), 4)
    0.1653
    """

    initial_accumulator_value, epsilon = within(0), within(0)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    @property
    def slot_count(self) -> int:
        """1: a."""
        return 1

    @property
    def slot_start(self) -> float:
        """The initial value of a."""
        return self.initial_accumulator_value

    @property
    def step_kernel(self) -> Any:
        """`adagrad_step`."""
        return kernels.adagrad_step

    @property
    def idle_without_gradient(self) -> bool:
        """True without weight decay; but an epsilon that is 0 in float32 may make 0 / 0."""
        return not self.weight_decay and bool(np.float32(self.epsilon) > 0)

    def _numbers(self) -> dict[int, float]:
        return {EPSILON: self.epsilon}


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g^2; w -= learning_rate g / sqrt(v + epsilon) (Hinton, Coursera lecture 6e).

    Args:
        learning_rate: 0.001 unless given.
        rho: how much of v is kept, in [0, 1].
        momentum: of the step, in [0, 1].
        epsilon: added inside the root.
        centered: divide by the variance v - mean(g)^2 instead of v (Graves 2013).

    >>> layer = fastnn.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    >>> model = fastnn.Sequential([fastnn.Input((1,)), layer])
    >>> model.compile(fastnn.optimizers.RMSprop(0.1), "mse")
    >>> history = model.fit(np.ones((1, 1)), np.ones(1), epochs=1, verbose=0)
    >>> round(float(layer.get_weights()[0][0, 0]), 4)  # 0.1 * 2 / sqrt(0.1 * 4)
    0.3162
    """

    rho, momentum, epsilon, centered = within(0, 1), within(0, 1), within(0), switch()

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    @property
    def slot_count(self) -> int:
        """v, with momentum also its step, centered also the mean of g."""
        return 3 if self.centered else 2 if self.momentum > 0 else 1

    @property
    def step_kernel(self) -> Any:
        """`rmsprop_step`; with momentum `rmsprop_momentum_step`, centered `rmsprop_centered_step`."""
        steps = {1: kernels.rmsprop_step, 2: kernels.rmsprop_momentum_step, 3: kernels.rmsprop_centered_step}
        return steps[self._slots_now]

    def _numbers(self) -> dict[int, float]:
        return {RHO: self.rho, MOMENTUM: self.momentum, EPSILON: self.epsilon}


class Adam(Optimizer):
    """m and v are running means of g and g^2; w -= rate m / (sqrt(v) + epsilon) (Kingma & Ba 2015).

    rate = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) at step t: epsilon is the paper's "epsilon hat".

    Args:
        learning_rate: 0.001 unless given.
        beta_1, beta_2: how much of m and v is kept, in [0, 1).
        epsilon: added outside the root.
        amsgrad: divide by the root of the largest v so far (Reddi, Kale & Kumar 2018).

    >>> layer = fastnn.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    >>> model = fastnn.Sequential([fastnn.Input((1,)), layer])
    >>> model.compile(fastnn.optimizers.Adam(0.1), "mse")
    >>> history = model.fit(np.ones((1, 1)), np.ones(1), epochs=1, verbose=0)
    >>> round(float(layer.get_weights()[0][0, 0]), 4)  # the first step is as long as the learning rate
    0.1
    """

    beta_1, beta_2 = within(0, 1, open_high=True), within(0, 1, open_high=True)
    epsilon, amsgrad = within(0), switch()

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad

    @property
    def slot_count(self) -> int:
        """m and v; with amsgrad also the largest v."""
        return 3 if self.amsgrad else 2

    @property
    def step_kernel(self) -> Any:
        """`adam_step` or `amsgrad_step`."""
        return kernels.amsgrad_step if self._slots_now == 3 else kernels.adam_step

    def _numbers(self) -> dict[int, float]:
        return {BETA_1: self.beta_1, BETA_2: self.beta_2, EPSILON: self.epsilon}


class AdamW(Adam):
    """Adam with weight decay by default (Loshchilov & Hutter 2019).

    Args:
        learning_rate: 0.001 unless given.
        weight_decay: 0.004 unless given.
        beta_1, beta_2, epsilon, amsgrad: as in Adam.

    >>> layer = fastnn.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    >>> model = fastnn.Sequential([fastnn.Input((1,)), layer])
    >>> model.compile(fastnn.optimizers.AdamW(0.1, weight_decay=0.1), "mse")
    >>> history = model.fit(np.ones((1, 1)), np.ones(1), epochs=1, verbose=0)
    >>> round(float(layer.get_weights()[0][0, 0]), 4)  # no gradient: only the decay 1 - 0.1 * 0.1
    0.99
    """

    weight_decay = within(0)  # not None, unlike elsewhere

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)
