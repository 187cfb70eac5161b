"""What layers with a kernel have in common."""

from .. import constraints, initializers, regularizers
from ..engine.parameters import Parameter
from .base import Layer


class KernelAndBias(Layer):
    """A layer with a kernel, whose last axis is its outputs, and a bias for each of them."""

    def _take_options(
        self,
        *,
        use_bias: bool,
        kernel_initializer: object,
        bias_initializer: object,
        kernel_regularizer: object,
        bias_regularizer: object,
        kernel_constraint: object,
        bias_constraint: object,
    ) -> None:
        """Keep the constructor's arguments about them."""
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
