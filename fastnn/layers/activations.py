"""Activation functions as layers."""

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import checks
from ..kernels import activations as kernels
from .base import Layer
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class _Function(NamedTuple):
    operation: Any
    number: float | None = None  # the default of its parameter, if it has one
    from_input: bool = False  # backward reads x, so y needs a buffer of its own


FUNCTIONS: dict[str, _Function | None] = {
    "linear": None,
    "relu": _Function(kernels.relu),
    "leaky_relu": _Function(kernels.leaky_relu, number=0.2),
    "sigmoid": _Function(kernels.sigmoid),
    "tanh": _Function(kernels.tanh),
    "softmax": _Function(kernels.softmax),
    "elu": _Function(kernels.elu, number=1.0),
    "selu": _Function(kernels.selu),
    "softplus": _Function(kernels.softplus),
    "hard_sigmoid": _Function(kernels.hard_sigmoid),
    "gelu": _Function(kernels.gelu, from_input=True),
    "silu": _Function(kernels.silu, from_input=True),
}
_OTHER_NAMES = {"swish": "silu"}


class Activation(KernelLayer):
    """y = f(x), element by element (softmax: along the last axis).

    Args:
        activation: "linear", "relu", "leaky_relu" (slope 0.2), "elu", "selu", "gelu", "silu" or "swish", "softplus",
            "sigmoid", "hard_sigmoid", "tanh" or "softmax"; None is "linear". "gelu" is exact, not approximated by tanh;
            "selu" is meant for the initializer "lecun_normal".

    Raises:
        ValueError: for an unknown name; suggests the nearest known one.

    >>> layer = fastnn.layers.Activation("hard_sigmoid")
    >>> layer.forward(np.array([[-4.0, 0.0, 4.0]]))
    array([[0. , 0.5, 1. ]], dtype=float32)
    """

    any_shape = True

    def __init__(self, activation: str | None, **kwargs: Any):
        super().__init__(**kwargs)
        name = checks.nearest("linear" if activation is None else activation, FUNCTIONS | _OTHER_NAMES, "activation")
        self.activation = _OTHER_NAMES.get(name, name)
        number = None if self._function is None else self._function.number
        self._numbers: tuple[float, ...] = () if number is None else (number,)

    @property
    def _function(self) -> _Function | None:
        return FUNCTIONS[self.activation]

    @property
    def output_activation(self) -> "Activation":
        """This layer itself."""
        return self

    def as_argument(self) -> Any:
        """The function's name, unless the layer has further settings."""
        return self.activation if type(self) is Activation else super().as_argument()

    def logits(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """x itself, for losses that are computed from it."""
        return self.as_input(x)

    def backward_from_logits(self, dz: np.ndarray) -> np.ndarray:
        """dz itself."""
        return dz

    def lower(self, lowering: "Lowering") -> None:
        """One instruction."""
        if self._function is not None:
            alpha = self._numbers[0] if self._numbers else 0.0
            if self._function.from_input:
                lowering.emit(self._function.operation, outputs=lowering.shape, alpha=alpha)
            else:
                lowering.emit(self._function.operation, needs_output=True, alpha=alpha)


def own_activation(layer: Layer, activation: str | Activation | None) -> Activation:
    """A layer's own activation: a copy, because two layers may be given the same object."""
    if not isinstance(activation, Activation):
        return Activation(activation, name="", dtype=layer.dtype)
    own = copy.copy(activation)
    own.dtype = layer.dtype
    return own


class ReLU(Activation):
    """y = max(x, 0), or negative_slope x where x < 0.

    Args:
        negative_slope: at least 0.

    >>> fastnn.layers.ReLU().forward(np.array([[-2.0, 3.0]]))
    array([[0., 3.]], dtype=float32)
    """

    _fixed = ("activation",)

    def __init__(self, negative_slope: float = 0.0, **kwargs: Any):
        slope = self.negative_slope = checks.number(negative_slope, "negative_slope", 0)
        # With slope 0, y does not tell x < 0 from x = 0, so that case has its own kernel.
        super().__init__("leaky_relu" if slope > 0 else "relu", **kwargs)
        self._numbers = (slope,) if slope > 0 else ()


class LeakyReLU(ReLU):
    """y = x where x >= 0, else negative_slope x.

    Args:
        negative_slope: at least 0; Keras's default is 0.3 here and 0.2 for `Activation("leaky_relu")`.

    >>> fastnn.layers.LeakyReLU(0.5).forward(np.array([[-2.0, 3.0]]))
    array([[-1.,  3.]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(negative_slope, **kwargs)


class ELU(Activation):
    """y = x where x > 0, else alpha (exp(x) - 1) (Clevert et al. 2016).

    Args:
        alpha: at least 0; y tends to -alpha as x tends to minus infinity.

    >>> fastnn.layers.ELU().forward(np.array([[-2.0, 3.0]])).round(3)
    array([[-0.865,  3.   ]], dtype=float32)
    """

    _fixed = ("activation",)

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        self.alpha = checks.number(alpha, "alpha", 0)
        super().__init__("elu", **kwargs)
        self._numbers = (self.alpha,)


class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)).

    >>> fastnn.layers.Sigmoid().forward(np.array([[-2.0, 0.0, 2.0]])).round(3)
    array([[0.119, 0.5  , 0.881]], dtype=float32)
    """

    _fixed = ("activation",)

    def __init__(self, **kwargs: Any):
        super().__init__("sigmoid", **kwargs)


class Tanh(Activation):
    """y = tanh(x).

    >>> fastnn.layers.Tanh().forward(np.array([[-1.0, 1.0]])).round(3)
    array([[-0.762,  0.762]], dtype=float32)
    """

    _fixed = ("activation",)

    def __init__(self, **kwargs: Any):
        super().__init__("tanh", **kwargs)


class Softmax(Activation):
    """y = exp(x) / sum exp(x) along the last axis, the maximum subtracted first.

    >>> fastnn.layers.Softmax().forward(np.array([[0.0, 1.0, 2.0]])).round(3)
    array([[0.09 , 0.245, 0.665]], dtype=float32)
    """

    _fixed = ("activation",)

    def __init__(self, **kwargs: Any):
        super().__init__("softmax", **kwargs)
