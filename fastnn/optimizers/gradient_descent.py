"""Stochastic gradient descent, with and without momentum."""

from typing import Any

from ..kernels import optimizers as kernels
from ..kernels.instructions import MOMENTUM
from ..settings import switch, within
from .base import LearningRate, Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, w -= learning_rate g, or with momentum v = momentum v - learning_rate g; w += v.

    Args:
        learning_rate: 0.01 unless given.
        momentum: in [0, 1].
        nesterov: look ahead: w += momentum v - learning_rate g (Sutskever et al. 2013).

    >>> layer = fastnn.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    >>> model = fastnn.Sequential([fastnn.Input((1,)), layer])
    >>> model.compile(fastnn.optimizers.SGD(0.1, momentum=0.9), "mse")  # the gradient of (w - 1)^2 is 2 (w - 1)
    >>> history = model.fit(np.ones((1, 1)), np.ones(1), epochs=2, verbose=0)
    >>> round(float(layer.get_weights()[0][0, 0]), 4)  # 0.2, then 0.2 + 0.9 * 0.2 + 0.1 * 1.6
    0.54
    """

    momentum, nesterov = within(0, 1), switch()

    def __init__(
        self, learning_rate: LearningRate = 0.01, momentum: float = 0.0, nesterov: bool = False, **kwargs: Any
    ):
        super().__init__(learning_rate, **kwargs)
        self.momentum, self.nesterov = momentum, nesterov

    @property
    def slot_count(self) -> int:
        """1 with momentum, else 0."""
        return 1 if self.momentum > 0 else 0

    @property
    def step_kernel(self) -> Any:
        """`sgd_step`; with momentum `momentum_step` or `nesterov_step`."""
        if self._slots_now == 0:
            return kernels.sgd_step
        return kernels.nesterov_step if self.nesterov else kernels.momentum_step

    @property
    def idle_without_gradient(self) -> bool:
        """True without momentum and weight decay."""
        return self._slots_now == 0 and not self.weight_decay

    def _numbers(self) -> dict[int, float]:
        return {MOMENTUM: self.momentum}
