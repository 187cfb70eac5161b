"""The base class of layers with a kernel, a bias and an activation."""

from typing import TYPE_CHECKING

import numpy as np

from .. import constraints, initializers, regularizers
from ..engine.parameters import Parameter
from ..settings import Fixed
from .activations import Activation, OwnActivation
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class KernelAndBias(KernelLayer, abstract=True):
    """y = activation(z); z is computed from x, a kernel whose last axis is the outputs, and a bias per output."""

    activation = OwnActivation()
    use_bias = Fixed[bool]()
    kernel_initializer = Fixed[initializers.Initializer]()
    bias_initializer = Fixed[initializers.Initializer]()
    kernel_regularizer = Fixed[regularizers.Regularizer | None]()
    bias_regularizer = Fixed[regularizers.Regularizer | None]()
    kernel_constraint = Fixed[constraints.Constraint | None]()
    bias_constraint = Fixed[constraints.Constraint | None]()

    def _take_options(
        self,
        *,
        activation: str | Activation | None,
        use_bias: bool,
        kernel_initializer: object,
        bias_initializer: object,
        kernel_regularizer: object,
        bias_regularizer: object,
        kernel_constraint: object,
        bias_constraint: object,
    ) -> None:
        """Check and keep the constructor's arguments about kernel, bias and activation."""
        self.activation = activation
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.kernel: Parameter
        self.bias: Parameter | None = None

    def add_kernel_and_bias(self, shape: tuple[int, ...]) -> None:
        """Make the kernel of this shape, and the bias if there is one."""
        penalty, limit = self.kernel_regularizer, self.kernel_constraint
        self.kernel = self.add_weight(shape, self.kernel_initializer, "kernel", True, penalty, limit)
        self.bias = None
        if self.use_bias:
            penalty, limit = self.bias_regularizer, self.bias_constraint
            self.bias = self.add_weight(shape[-1:], self.bias_initializer, "bias", True, penalty, limit)

    def lower_logits(self, lowering: "Lowering") -> None:
        """Append the instructions that give z."""
        raise NotImplementedError

    def lower(self, lowering: "Lowering") -> None:
        """Append the instructions that give z, then the activation."""
        self.lower_logits(lowering)
        lowering.before_activation()
        self.activation.lower(lowering)

    def settings(self) -> tuple[object, ...]:
        """The activation, and its settings."""
        return self.activation, *self.activation.settings()

    @property
    def compiled(self) -> bool:
        """Whether the interpreter can execute this layer with its activation."""
        return super().compiled and self.activation.compiled

    @property
    def output_activation(self) -> Activation:
        """The activation of this layer's output."""
        return self.activation

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """y = activation(z)."""
        if self.activation.compiled:
            return super().forward(x, training)
        self._states.own.y = y = self.activation.forward(self.logits(x, training), training)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx, and the gradients of kernel and bias, from dz = dy activation'(z)."""
        if self.activation.compiled:
            return super().backward(dy)
        dy, _ = self._gradient_of_output(dy)
        return self.backward_from_logits(self.activation.backward(dy))

    def logits(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """z, for losses that are computed from it."""
        x, last = self._prepare(x, training)
        last.y = z = last.program.logits(x, self.step)
        return z

    def backward_from_logits(self, dz: np.ndarray) -> np.ndarray:
        """`backward` from the gradient with respect to z, for losses that are computed from it."""
        dz, last = self._gradient_of_output(dz)
        return last.program.backward_from_logits(dz)
