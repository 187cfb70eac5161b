"""Activation functions as layers."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import checks
from ..configured import is_function
from ..kernels import activations as kernels
from ..settings import Setting, within
from .base import Layer
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class _Function(NamedTuple):
    operation: Any
    number: float = 0.0  # the default of its parameter, if it has one
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
    "exponential": _Function(kernels.exponential),
    "hard_sigmoid": _Function(kernels.hard_sigmoid),
    "gelu": _Function(kernels.gelu, from_input=True),
    "silu": _Function(kernels.silu, from_input=True),
}
_OTHER_NAMES = {"swish": "silu"}


def _name(given: str | None, argument: str) -> str:
    if is_function(given) or isinstance(given, type):
        raise TypeError(
            f'{argument} must be a name such as "tanh" or an object such as fastnn.layers.ReLU(), received {given!r}; '
            "one of your own derives from fastnn.layers.Activation, with forward and backward"
        )
    name = checks.nearest("linear" if given is None else given, FUNCTIONS | _OTHER_NAMES, "activation")
    return _OTHER_NAMES.get(name, name)


class Activation(KernelLayer):
    """y = f(x), element by element (softmax: along the last axis).

    Args:
        activation: "linear", "relu", "leaky_relu" (slope 0.2), "elu", "selu", "gelu", "silu" or "swish", "softplus",
            "exponential", "sigmoid", "hard_sigmoid", "tanh" or "softmax"; None is "linear". "gelu" is exact, not
            approximated by tanh; "selu" is meant for the initializer "lecun_normal".

    Raises:
        TypeError: for a function.
        ValueError: for an unknown name; suggests the nearest known one.

    >>> layer = fastnn.layers.Activation("hard_sigmoid")
    >>> layer.forward(np.array([[-4.0, 0.0, 4.0]]))
    array([[0. , 0.5, 1. ]], dtype=float32)
    """

    any_shape = True
    activation = Setting(_name)

    def __init__(self, activation: str | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activation

    @property
    def _function(self) -> _Function | None:
        return FUNCTIONS[self.activation]

    def _number(self) -> float:
        """The function's parameter; 0 if it has none."""
        return 0.0 if self._function is None else self._function.number

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
            alpha = self._number()
            if self._function.from_input:
                lowering.emit(self._function.operation, outputs=lowering.shape, alpha=alpha)
            else:
                lowering.emit(self._function.operation, needs_output=True, alpha=alpha)


def output_activation(layers: Sequence[Layer]) -> str | None:
    """The name of the activation after which the last layer's outputs still lie within its bounds.

    None: a layer or an activation written in Python may give anything.
    """
    for layer in reversed(layers):
        found = layer.output_activation
        if not (layer if found is None else found).compiled:
            return None
        if found is None and not layer.keeps_bounds:
            return "linear"
        if found is not None and (found.activation != "linear" or found is not layer):
            return found.activation
    return "linear"


class OwnActivation(Setting[Activation]):
    """A layer's own activation: a copy, because two layers may be given the same object."""

    def __init__(self) -> None:
        super().__init__(
            lambda given, _: copy.copy(given) if isinstance(given, Activation) else Activation(given, name="")
        )

    def __set__(self, owner: Layer, value: Any) -> None:
        super().__set__(owner, value)
        vars(vars(owner)[self.name])["dtype"] = owner.dtype


class _Named(Activation, abstract=True):
    """A function that has a class of its own."""

    _fixed = ("activation",)
    _name: str

    def __init__(self, **kwargs: Any):
        super(Activation, self).__init__(**kwargs)

    @property
    def activation(self) -> str:  # type: ignore[override]
        """The function's name."""
        return self._name


class ReLU(_Named):
    """y = max(x, 0), or negative_slope x where x < 0. At 0 the slope is negative_slope, as in PyTorch.

    Args:
        negative_slope: at least 0.

    >>> fastnn.layers.ReLU().forward(np.array([[-2.0, 3.0]]))
    array([[0., 3.]], dtype=float32)
    """

    negative_slope = within(0)

    def __init__(self, negative_slope: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    @property
    def activation(self) -> str:  # type: ignore[override]
        """The function's name."""
        # With slope 0, y does not tell x < 0 from x = 0, so that case has its own kernel.
        return "leaky_relu" if self.negative_slope > 0 else "relu"

    def _number(self) -> float:
        return self.negative_slope


class LeakyReLU(ReLU):
    """y = x where x >= 0, else negative_slope x. At 0 the slope is negative_slope, as in PyTorch and for `PReLU`.

    (Keras's own depends on its backend: negative_slope with TensorFlow and PyTorch, 1 with JAX.)

    Args:
        negative_slope: at least 0; Keras's default is 0.3 here and 0.2 for `Activation("leaky_relu")`.

    >>> fastnn.layers.LeakyReLU(0.5).forward(np.array([[-2.0, 3.0]]))
    array([[-1.,  3.]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(negative_slope, **kwargs)


class ELU(_Named):
    """y = x where x > 0, else alpha (exp(x) - 1) (Clevert et al. 2016).

    Args:
        alpha: at least 0; y tends to -alpha as x tends to minus infinity.

    >>> fastnn.layers.ELU().forward(np.array([[-2.0, 3.0]])).round(3)
    array([[-0.865,  3.   ]], dtype=float32)
    """

    _name = "elu"
    alpha = within(0)

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha

    def _number(self) -> float:
        return self.alpha


class Sigmoid(_Named):
    """y = 1 / (1 + exp(-x)).

    >>> fastnn.layers.Sigmoid().forward(np.array([[-2.0, 0.0, 2.0]])).round(3)
    array([[0.119, 0.5  , 0.881]], dtype=float32)
    """

    _name = "sigmoid"


class Tanh(_Named):
    """y = tanh(x).

    >>> fastnn.layers.Tanh().forward(np.array([[-1.0, 1.0]])).round(3)
    array([[-0.762,  0.762]], dtype=float32)
    """

    _name = "tanh"


class Softmax(_Named):
    """y = exp(x) / sum exp(x) along the last axis, the maximum subtracted first.

    >>> fastnn.layers.Softmax().forward(np.array([[0.0, 1.0, 2.0]])).round(3)
    array([[0.09 , 0.245, 0.665]], dtype=float32)
    """

    _name = "softmax"
