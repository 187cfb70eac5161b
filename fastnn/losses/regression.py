"""Losses for regression: squared and absolute errors, what lies between them, and counts."""

from typing import Any

import numpy as np

from .. import checks
from ..kernels import regression as kernels
from ..settings import Setting
from .base import BY_SAMPLES, KernelLoss, first


class MeanSquaredError(KernelLoss):
    """The mean over the outputs of (y - t)^2.

    >>> loss = fastnn.losses.MeanSquaredError()
    >>> loss.forward([[0.0], [0.0]], [[1.0], [3.0]])
    5.0
    >>> loss.backward().tolist()
    [[1.0], [3.0]]
    """

    name = "mean_squared_error"
    operation = staticmethod(kernels.mean_squared_error_loss)
    _kernel = kernels.mean_squared_error

    def __init__(self, *, reduction: str = BY_SAMPLES):
        super().__init__(reduction=reduction)


class HalfMeanSquaredError(MeanSquaredError):
    """Half the mean over the outputs of (y - t)^2, whose gradient is (y - t) / outputs (not in Keras).

    >>> loss = fastnn.losses.HalfMeanSquaredError()
    >>> loss.forward([[0.0], [0.0]], [[1.0], [3.0]])
    2.5
    >>> loss.backward().tolist()
    [[0.5], [1.5]]
    """

    name = "half_mean_squared_error"
    operation = staticmethod(kernels.half_mean_squared_error_loss)
    _kernel = kernels.half_mean_squared_error


class HalfSquaredError(MeanSquaredError):
    """Half the mean over the outputs of (y - t)^2, with the gradient y - t (not in Keras).

    The gradient is not divided by the number of outputs, so it is that of half the sum of the squares: this is what
    scikit-learn's MLPRegressor reports and trains. For one output it is `HalfMeanSquaredError`.

    >>> loss = fastnn.losses.HalfSquaredError()
    >>> loss.forward([[0.0, 0.0]], [[1.0, 3.0]])
    2.5
    >>> loss.backward().tolist()
    [[1.0, 3.0]]
    """

    name = "half_squared_error"
    operation = staticmethod(kernels.half_squared_error_loss)
    _kernel = kernels.half_squared_error


class MeanAbsoluteError(KernelLoss):
    """The mean over the outputs of |y - t|.

    >>> fastnn.losses.MeanAbsoluteError()([[0.0], [0.0]], [[1.0], [3.0]])
    2.0
    """

    name = "mean_absolute_error"
    operation = staticmethod(kernels.mean_absolute_error_loss)
    _kernel = kernels.mean_absolute_error

    def __init__(self, *, reduction: str = BY_SAMPLES):
        super().__init__(reduction=reduction)


class Huber(KernelLoss):
    """The mean over the outputs of e^2 / 2 where |e| <= delta, else of delta (|e| - delta / 2), with e = y - t.

    Quadratic for small errors and linear for large ones, so that outliers do not dominate.

    Args:
        delta: the error at which it changes from quadratic to linear, above 0.

    >>> fastnn.losses.Huber()([[0.0], [0.0]], [[0.5], [3.0]])  # (0.125 + 2.5) / 2
    1.3125
    """

    name = "huber"
    operation = staticmethod(kernels.huber_loss)
    _kernel = kernels.huber

    delta = Setting(checks.positive)

    def __init__(self, delta: float = 1.0, *, reduction: str = BY_SAMPLES):
        super().__init__(reduction=reduction)
        self.delta = delta

    @property
    def numbers(self) -> tuple[float, ...]:
        """delta."""
        return (self.delta,)


class LogCosh(KernelLoss):
    """The mean over the outputs of log cosh e, e = y - t: about e^2 / 2 if small and |e| - log 2 if large.

    >>> round(fastnn.losses.LogCosh()([[0.0], [0.0]], [[0.1], [3.0]]), 4)
    1.1572
    """

    name = "log_cosh"
    operation = staticmethod(kernels.log_cosh_loss)
    _kernel = kernels.log_cosh

    def __init__(self, *, reduction: str = BY_SAMPLES):
        super().__init__(reduction=reduction)


class Poisson(KernelLoss):
    """The mean over the outputs of y - t log(y + 1e-7), for targets that are counts; they must not be negative.

    >>> round(fastnn.losses.Poisson()([[3.0]], [[2.0]]), 4)  # 2 - 3 log 2
    -0.0794
    """

    name = "poisson"
    operation = staticmethod(kernels.poisson_loss)
    _kernel = kernels.poisson

    def __init__(self, *, reduction: str = BY_SAMPLES):
        super().__init__(reduction=reduction)

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError after an activation whose outputs may be negative."""
        if activation not in (None, "relu", "softplus", "exponential", "sigmoid", "hard_sigmoid", "softmax"):
            raise ValueError(
                f"the loss poisson expects outputs of at least 0, but the last activation is {activation}; "
                "use one whose outputs are never negative, such as softplus"
            )

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets of at least 0; those that lie below by at most 1e-5, by rounding, become 0."""
        return _not_negative(super().prepare(y, outputs, dtype, argument), argument, self.name)


class HalfPoissonDeviance(KernelLoss):
    """The sum over the outputs of t log(t / y) - t + y, half the deviance of counts t from their means y.

    It is not in Keras. The targets must not be negative; 0 log 0 is 0. After the activation "exponential" it is
    computed from what goes into that, with the gradient y - t, as in scikit-learn's MLPRegressor(loss="poisson").

    Args:
        from_logits: whether the outputs are logits x, y = exp(x). Leave it False after the activation "exponential":
            fastnn then computes the loss from the logits automatically.

    >>> loss = fastnn.losses.HalfPoissonDeviance()
    >>> round(loss.forward([[3.0]], [[2.0]]), 4)  # 3 log 1.5 - 3 + 2
    0.2164
    >>> loss.backward().tolist()
    [[-0.5]]
    """

    name = "half_poisson_deviance"
    activation = "exponential"
    operation = staticmethod(kernels.half_poisson_deviance_loss)
    fused_operation = staticmethod(kernels.exponential_half_poisson_deviance_loss)
    _kernel = kernels.half_poisson_deviance
    _fused_kernel = kernels.exponential_half_poisson_deviance

    def labels(self, outputs: int, present: list[int]) -> set[int] | None:
        """The counts of one output may be any."""
        return super().labels(outputs, present) if outputs > 1 else None

    def check_outputs(self, outputs: int, activation: str | None) -> None:
        """A ValueError unless there is either an activation whose outputs are positive or `from_logits`."""
        positive = ("exponential", "softplus", "sigmoid", "softmax")
        if activation is None:
            return
        if self.from_logits and activation in positive:
            raise ValueError(f"{self!r} expects logits, but the last activation is {activation}; drop one of the two")
        if not self.from_logits and activation not in positive:
            raise ValueError(
                f"the loss {self.name} expects outputs above 0, but the last activation is {activation}; "
                "use exponential there, or the loss with from_logits=True"
            )

    def prepare(self, y: Any, outputs: int, dtype: np.dtype, argument: str = "y") -> np.ndarray:
        """Targets of at least 0; those that lie below by at most 1e-5, by rounding, become 0."""
        return _not_negative(super().prepare(y, outputs, dtype, argument), argument, self.name)


def _not_negative(targets: np.ndarray, argument: str, loss: str) -> np.ndarray:
    if (wrong := targets < -checks.ROUNDING).any():
        value, where = first(targets, wrong)
        raise ValueError(f"{argument} must not be negative for the loss {loss}, received {value:.9g} at index {where}")
    return targets if targets.min() >= 0 else targets.clip(0)
