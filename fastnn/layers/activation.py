"""Activation functions as layers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import checks
from ..kernels import activations as kernels
from ..kernels import instructions as op
from .base import Layer

if TYPE_CHECKING:
    from ..lowering import Lowering


class _Function(NamedTuple):
    op: int
    forward: Callable[..., None]
    backward: Callable[..., None]
    rows: bool = False  # takes rows and their length rather than elements
    slope: float | None = None  # the default of its number, if it has one


FUNCTIONS: dict[str, _Function | None] = {
    "linear": None,
    "relu": _Function(op.RELU, kernels.relu_forward, kernels.relu_backward),
    "leaky_relu": _Function(op.LEAKY_RELU, kernels.leaky_relu_forward, kernels.leaky_relu_backward, slope=0.2),
    "sigmoid": _Function(op.SIGMOID, kernels.sigmoid_forward, kernels.sigmoid_backward),
    "tanh": _Function(op.TANH, kernels.tanh_forward, kernels.tanh_backward),
    "softmax": _Function(op.SOFTMAX, kernels.softmax_forward, kernels.softmax_backward, rows=True),
}


class Activation(Layer):
    """y = f(x), element by element (softmax: along the last axis).

    Args:
        activation: "linear", "relu", "leaky_relu" (slope 0.2), "sigmoid", "tanh" or "softmax"; None is "linear".

    Raises:
        ValueError: for an unknown name; suggests the nearest known one.
    """

    def __init__(self, activation: str | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = checks.nearest("linear" if activation is None else activation, FUNCTIONS, "activation")
        slope = None if self._function is None else self._function.slope
        self._numbers: tuple[float, ...] = () if slope is None else (slope,)
        self.y: np.ndarray | None = None

    @property
    def _function(self) -> _Function | None:
        return FUNCTIONS[self.activation]

    @property
    def compiled(self) -> bool:
        """Whether the interpreter can execute this layer. It takes a softmax along whole samples only."""
        whole = self._function is None or not self._function.rows or len(self.input_shape or ()) <= 2
        return super().compiled and whole

    @property
    def output_activation(self) -> "Activation":
        """This layer itself."""
        return self

    def as_argument(self) -> Any:
        """The function's name, unless the layer says more than that."""
        return self.activation if type(self) is Activation else super().as_argument()

    def backward_from_logits(self, dz: np.ndarray) -> np.ndarray:
        """dz: for losses that start from the input of the last activation."""
        return dz

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """y = f(x)."""
        self.x = self.as_input(x)
        self.y = self.x
        if self._function is not None:
            self.y = self.x.copy()
            self._apply(self._function.forward, self.y)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = dy f'(x), with f'(x) computed from y."""
        dy = checks.gradient_of(dy, self.y, f"layer {self.name}")
        if self._function is None:
            return dy
        assert self.y is not None
        dx = np.array(dy, self.dtype, order="C")
        self._apply(self._function.backward, dx, self.y)
        return dx

    def _apply(self, kernel: Callable[..., None], *arrays: np.ndarray) -> None:
        if self._function is not None and self._function.rows:
            columns = arrays[0].shape[-1]
            kernel(*(a.reshape(-1, columns) for a in arrays), columns)
        else:
            kernel(*(a.reshape(-1) for a in arrays), *self._numbers)

    def lower(self, lowering: "Lowering") -> None:
        """One instruction."""
        if self._function is not None:
            alpha = self._numbers[0] if self._numbers else 0.0
            lowering.emit(self._function.op, needs_output=True, alpha=alpha)


class ReLU(Activation):
    """y = max(x, 0), or negative_slope x where x < 0.

    Args:
        negative_slope: at least 0.
    """

    _fixed = ("activation",)

    def __init__(self, negative_slope: float = 0.0, **kwargs: Any):
        slope = self.negative_slope = checks.number(negative_slope, "negative_slope", 0)
        # From y alone a slope of 0 cannot tell x < 0 from x = 0: that case has a kernel of its own.
        super().__init__("leaky_relu" if slope > 0 else "relu", **kwargs)
        self._numbers = (slope,) if slope > 0 else ()


class LeakyReLU(ReLU):
    """y = x where x >= 0, else negative_slope x.

    Args:
        negative_slope: at least 0; Keras's default is 0.3 here and 0.2 for `Activation("leaky_relu")`.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(negative_slope, **kwargs)


class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x))."""

    _fixed = ("activation",)

    def __init__(self, **kwargs: Any):
        super().__init__("sigmoid", **kwargs)


class Tanh(Activation):
    """y = tanh(x)."""

    _fixed = ("activation",)

    def __init__(self, **kwargs: Any):
        super().__init__("tanh", **kwargs)


class Softmax(Activation):
    """y = exp(x) / sum exp(x) along the last axis, the maximum subtracted first."""

    _fixed = ("activation",)

    def __init__(self, **kwargs: Any):
        super().__init__("softmax", **kwargs)
