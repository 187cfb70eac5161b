"""The dense layer."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..kernels import dense as kernels
from ..kernels.arrays import padded, stride
from .activations import Activation, own_activation
from .base import Shape
from .kernel_and_bias import KernelAndBias

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class Dense(KernelAndBias):
    """y = activation(x kernel + bias), x (B, I), kernel (I, O), bias (O,), y (B, O).

    Args:
        units: O, the number of outputs.
        activation: the name of an activation function, or None for none.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: names, `fastnn.initializers` objects or arrays.
        kernel_regularizer, bias_regularizer: names or `fastnn.regularizers` objects, or None.
        kernel_constraint, bias_constraint: names or `fastnn.constraints` objects, or None.

    Raises:
        TypeError, ValueError: if `units` is no positive integer, or a name is unknown.
    """

    def __init__(
        self,
        units: int,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: object = "glorot_uniform",
        bias_initializer: object = "zeros",
        kernel_regularizer: object = None,
        bias_regularizer: object = None,
        kernel_constraint: object = None,
        bias_constraint: object = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = checks.positive_integer(units, "units")
        self.activation = own_activation(self, activation)
        self._take_options(
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, O) for (B, I)."""
        if len(input_shape) != 2:
            raise ValueError(
                f"layer {self.name} (Dense) expects inputs of shape (batch, features), received {input_shape}; "
                "put a Flatten layer before it"
            )
        return (input_shape[0], self.units)

    def build(self, input_shape: Shape) -> None:
        """Make the kernel (I, O) and the bias (O,)."""
        inputs = checks.positive_integer(input_shape[-1], "input_shape")
        self.add_kernel_and_bias((inputs, self.units))

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """y = activation(x kernel + bias)."""
        self.build_once(x.shape)
        self.batch = len(x)
        self.x = self._padded(x)
        z = np.zeros((padded(self.batch), self.kernel.stride), self.dtype)
        zeros = np.zeros(self.kernel.stride, self.dtype)
        bias = zeros if self.bias is None else self.bias.padded_value()
        kernels.dense_forward(
            z, self.x, self.kernel.padded_value(), bias, self.batch, self.kernel.shape[0], self.units
        )  # fmt: skip
        return self.activation.forward(z[: self.batch, : self.units], training)

    @property
    def compiled(self) -> bool:
        """Whether the interpreter can execute this layer with its activation."""
        return super().compiled and self.activation.compiled

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dkernel = x^T dz, dbias = column sums of dz, dx = dz kernel^T, with dz = dy activation'."""
        dy = checks.gradient_of(dy, self.activation.y, f"layer {self.name}")
        return self.backward_from_logits(self.activation.backward(dy))

    @property
    def output_activation(self) -> Activation:
        """The activation of this layer's output."""
        return self.activation

    def backward_from_logits(self, dz: np.ndarray) -> np.ndarray:
        """`backward` from the gradient with respect to z = x kernel + bias, for losses that start from it."""
        inputs = self.kernel.shape[0]
        dz = self._padded(checks.gradient_of(dz, self.activation.y, f"layer {self.name}"))
        dx = np.zeros((padded(self.batch), self.x.shape[1]), self.dtype)
        zeros = np.zeros(max(dz.shape[1], dx.shape[1]), self.dtype)
        kernels.dense_backward_kernel(
            self.kernel.padded_gradient(), self.x, dz, zeros, 0, inputs, self.batch, self.units
        )  # fmt: skip
        if self.bias is not None:
            db, one = self.bias.padded_gradient()[np.newaxis], np.ones(1, self.dtype)
            kernels.dense_backward_bias(db, dz, one, zeros, self.batch, self.units)
        w_transposed = np.zeros((self.units, dx.shape[1]), self.dtype)
        kernels.transpose(w_transposed, self.kernel.padded_value(), 0, inputs, self.units)
        kernels.dense_backward_input(dx, dz, w_transposed, zeros, self.batch, inputs, self.units)
        return np.ascontiguousarray(dx[: self.batch, :inputs])

    def _padded(self, x: np.ndarray) -> np.ndarray:
        """x with whole tiles of rows and whole vectors of columns, the rest zero."""
        result = np.zeros((padded(len(x)), stride(x.shape[1], self.dtype)), self.dtype)
        result[: len(x), : x.shape[1]] = x
        return result

    def lower(self, lowering: "Lowering") -> None:
        """The product with its bias, then the activation."""
        lowering.emit(
            kernels.dense,
            outputs=self.units,
            parameters=(self.kernel, self.bias),
            trainable=self.trainable,
            flops=2.0 * self.kernel.shape[0] * self.units,
            copies=self.units * lowering.y_stride,
        )
        self.activation.lower(lowering)
