"""The base class of the normalization layers: a scale gamma and an offset beta for each channel."""

from typing import Any

from .. import checks, constraints, initializers, regularizers
from ..engine.parameters import Parameter
from ..settings import Fixed, within
from .base import Shape
from .kernel_layer import KernelLayer


class GammaAndBeta(KernelLayer, abstract=True):
    """Base class of both: gamma and beta have one number for each of the C channels of the last axis.

    Args:
        axis: must be -1, the last axis.
        epsilon: added to the variance, at least 0.
        center: whether to add beta.
        scale: whether to multiply by gamma.
        beta_initializer, gamma_initializer: names, `fastnn.initializers` objects or arrays.
        beta_regularizer, gamma_regularizer: names or `fastnn.regularizers` objects, or None.
        beta_constraint, gamma_constraint: names or `fastnn.constraints` objects, or None.
    """

    epsilon = within(0)
    axis = Fixed[int]()
    center = Fixed[bool]()
    scale = Fixed[bool]()
    beta_initializer = Fixed[initializers.Initializer]()
    gamma_initializer = Fixed[initializers.Initializer]()
    beta_regularizer = Fixed[regularizers.Regularizer | None]()
    gamma_regularizer = Fixed[regularizers.Regularizer | None]()
    beta_constraint = Fixed[constraints.Constraint | None]()
    gamma_constraint = Fixed[constraints.Constraint | None]()

    def __init__(
        self,
        axis: int,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: object,
        gamma_initializer: object,
        beta_regularizer: object,
        gamma_regularizer: object,
        beta_constraint: object,
        gamma_constraint: object,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if isinstance(axis, bool) or axis != -1:
            raise ValueError(f"{self._called('axis')} must be -1 (the last axis), received {axis!r}")
        self.axis = -1
        self.epsilon = epsilon
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Parameter | None = None
        self.beta: Parameter | None = None

    def _called(self, argument: str) -> str:
        return f"layer {self.name} ({type(self).__name__}): {argument}"

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the input."""
        if len(input_shape) < 2:
            raise ValueError(
                f"layer {self.name} ({type(self).__name__}) expects inputs of shape (batch, ..., channels), "
                f"received {input_shape}"
            )
        return input_shape

    def build(self, input_shape: Shape) -> None:
        """Make gamma (C,) and beta (C,)."""
        shape = (checks.integer(input_shape[-1], "input_shape"),)
        self.gamma = self.beta = None
        if self.scale:
            penalty, limit = self.gamma_regularizer, self.gamma_constraint
            self.gamma = self.add_weight(shape, self.gamma_initializer, "gamma", True, penalty, limit)
        if self.center:
            penalty, limit = self.beta_regularizer, self.beta_constraint
            self.beta = self.add_weight(shape, self.beta_initializer, "beta", True, penalty, limit)
