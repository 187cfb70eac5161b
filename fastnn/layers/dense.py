"""The dense layer."""

from typing import TYPE_CHECKING, Any

from .. import checks
from ..kernels import dense as kernels
from ..kernels.sparse import sparse_dense
from ..settings import Fixed
from .activations import Activation
from .base import Shape
from .kernel_and_bias import KernelAndBias

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class Dense(KernelAndBias):
    """y = activation(x kernel + bias), x (B, I), kernel (I, O), bias (O,), y (B, O).

    Args:
        units: O, the number of outputs.
        activation: the name of an activation function or an `Activation` layer; None: no activation.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: names, `fastnn.initializers` objects or arrays.
        kernel_regularizer, bias_regularizer: names or `fastnn.regularizers` objects, or None.
        kernel_constraint, bias_constraint: names or `fastnn.constraints` objects, or None.

    Raises:
        TypeError, ValueError: if `units` is not a positive integer, or a name is unknown.

    >>> layer = fastnn.layers.Dense(2, activation="relu", kernel_initializer=np.array([[1.0, -1.0], [2.0, 1.0]]))
    >>> layer.forward(np.array([[3.0, 1.0]]))  # relu([3 + 2, -3 + 1])
    array([[5., 0.]], dtype=float32)
    >>> [w.shape for w in layer.get_weights()]  # kernel and bias
    [(2, 2), (2,)]
    """

    units = Fixed[int]()

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
        self.units = checks.size(units, "units")
        self._take_options(
            activation=activation,
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
        inputs = checks.integer(input_shape[-1], "input_shape")
        self.add_kernel_and_bias((inputs, self.units))

    def check_sparse(self, argument: str) -> bool:
        """False: it takes sparse samples, and its outputs are dense."""
        return False

    def lower_logits(self, lowering: "Lowering") -> None:
        """Append z = x kernel + bias."""
        if lowering.sparse_scale is not None:
            weights = self.kernel, self.bias
            lowering.emit_sparse(sparse_dense, self.units, weights, self.trainable, entry_flops=2.0 * self.units)
            return
        lowering.emit(
            kernels.dense,
            outputs=self.units,
            parameters=(self.kernel, self.bias),
            trainable=self.trainable,
            flops=2.0 * self.kernel.shape[0] * self.units,
            copies=self.units * lowering.y_stride,
            skips=True,
        )
