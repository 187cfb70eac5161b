"""Constraints that weights satisfy after every training step. Names and defaults are Keras 3's.

Initial weights, and those that `set_weights` sets, are left unchanged until the next step. The equations are in
`kernels/updating.py`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import checks
from .configured import without_own_call
from .engine.tables import table
from .kernels import instructions
from .kernels.penalties import LANES
from .kernels.updating import constrain
from .settings import Fixed, Guarded, within


class Constraint(Guarded, module="fastnn.constraints", abstract=True):
    """Base class. Called with an array, it returns a constrained copy.

    >>> fastnn.layers.Dense(4, kernel_constraint=fastnn.constraints.MaxNorm(1)).kernel_constraint
    MaxNorm(axis=0, max_value=1.0)
    """

    def fields(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """The fields of `instructions.PARAMETER` that describe this constraint, for a weight of this shape."""
        raise NotImplementedError(f"{type(self).__name__} is not a constraint that the kernels can apply")

    def check(self, shape: tuple[int, ...], owner: str) -> None:
        """A ValueError unless it can be applied to a weight of this shape; the message calls the weight `owner`."""
        self.fields(shape)

    def __call__(self, w: object) -> np.ndarray:
        """A copy, constrained.

        Args:
            w: an array of weights.
        """
        array = np.asarray(checks.numeric_array(w, "w"))
        self.check(array.shape, "an array")
        result = np.array(array, array.dtype if array.dtype in (np.float32, np.float64) else np.float64, order="C")
        columns = result.shape[-1] if result.ndim else 1
        place = {"rows": result.size // max(1, columns), "stride": columns}
        record = table([place | self.fields(result.shape)], instructions.PARAMETER)[0]
        constrain(record, result.reshape(-1), np.zeros(LANES, result.dtype), 0, 1)
        return result

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class NonNeg(Constraint):
    """w = max(w, 0).

    >>> fastnn.constraints.NonNeg()([[1.0, -2.0], [-0.5, 3.0]])
    array([[1., 0.],
           [0., 3.]])
    """

    def fields(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """The kind of constraint."""
        return {"constraint": instructions.NON_NEGATIVE}


class _Norm(Constraint):
    """Brings the norms along `axis` into [low, high]: w = w desired / (norm + 1e-7)."""

    axis = Fixed[int | list[int] | tuple[int, ...]]()

    def __init__(self, axis: int | Sequence[int] = 0):
        axes = [axis] if isinstance(axis, (int, np.integer)) else axis
        if not isinstance(axes, (list, tuple)) or not axes:
            raise TypeError(f"axis must be an integer or a list of integers such as [0, 1, 2], received {axis!r}")
        known = [checks.integer(a, "axis", -32) for a in axes]
        if len(set(known)) < len(known):
            raise ValueError(f"axis must name each axis once, received {axis!r}")
        self.axis = known[0] if not isinstance(axis, (list, tuple)) else type(axis)(known)

    def _numbers(self) -> tuple[float, float, float]:
        """The smallest and the largest norm, and the rate."""
        raise NotImplementedError

    def _together(self, shape: tuple[int, ...]) -> int | None:
        """Norms per column of the weight seen as a matrix; 0: one norm in all; None: these axes do not work."""
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        if any(not -len(shape) <= a < len(shape) for a in axes):
            return None
        count = len({a % len(shape) for a in axes})
        if {a % len(shape) for a in axes} != set(range(count)) or count < len(axes):
            return None
        return 0 if count == len(shape) else math.prod(shape[count:-1])

    def check(self, shape: tuple[int, ...], owner: str) -> None:
        """A ValueError unless the axes are the first one or the first few of a weight of this shape."""
        if self._together(shape) is None:
            raise ValueError(
                f"the axis of {self!r} must be 0 or the first few axes, such as [0, 1, 2] for a convolution's kernel; "
                f"{owner} has shape {shape}"
            )

    def fields(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """The norms, and their bounds."""
        low, high, rate = self._numbers()
        return {
            "constraint": instructions.NORM,
            "together": self._together(shape),
            "low": low,
            "high": high,
            "rate": rate,
        }


class MaxNorm(_Norm):
    """Norms are at most `max_value` (Srebro & Shraibman 2005).

    Args:
        max_value: the largest norm.
        axis: the axes along which norms are computed: 0 for the incoming weights of each unit of a dense layer,
            [0, 1, 2] for the weights of each filter of a 2D convolution. Only the first axis or the first few.

    >>> w = [[3.0, 0.3], [4.0, 0.4]]  # column norms 5 and 0.5
    >>> fastnn.constraints.MaxNorm(1)(w).round(3)
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """

    max_value = within(0)

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0):
        super().__init__(axis)
        self.max_value = max_value

    def _numbers(self) -> tuple[float, float, float]:
        return 0.0, self.max_value, 1.0


class UnitNorm(_Norm):
    """Norms are 1.

    Args:
        axis: as in `MaxNorm`.

    >>> fastnn.constraints.UnitNorm()([[3.0, 0.3], [4.0, 0.4]]).round(3)
    array([[0.6, 0.6],
           [0.8, 0.8]])
    """

    def _numbers(self) -> tuple[float, float, float]:
        return 1.0, 1.0, 1.0


class MinMaxNorm(_Norm):
    """Norms lie in [min_value, max_value], or move towards it: desired = rate clip(norm) + (1 - rate) norm.

    Args:
        min_value: the smallest norm.
        max_value: the largest norm.
        rate: how far each step moves a norm towards the interval, in [0, 1]; 1: all the way.
        axis: as in `MaxNorm`.

    >>> w = [[3.0, 0.3], [4.0, 0.4]]  # column norms 5 and 0.5
    >>> fastnn.constraints.MinMaxNorm(1, 2)(w).round(3)
    array([[1.2, 0.6],
           [1.6, 0.8]])
    >>> fastnn.constraints.MinMaxNorm(1, 2, rate=0.5)(w).round(3)
    array([[2.1 , 0.45],
           [2.8 , 0.6 ]])
    """

    min_value, max_value, rate = within(0), within(0), within(0, 1)

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ):
        super().__init__(axis)
        self.min_value, self.max_value, self.rate = min_value, max_value, rate
        self._numbers()

    def _numbers(self) -> tuple[float, float, float]:
        checks.number(self.max_value, "max_value", self.min_value)
        return self.min_value, self.max_value, self.rate


_BY_NAME: dict[str, type[Constraint]] = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}


def get(identifier: object) -> Constraint | None:
    """A constraint from its name; a `Constraint` or None is returned unchanged.

    Args:
        identifier: a name, a `Constraint` or None.

    Raises:
        TypeError: for a function or a class of your own that overrides `__call__`, which the kernels could not run.
        ValueError: for an unknown name; suggests the nearest known one.

    >>> fastnn.constraints.get("non_neg")
    NonNeg()
    """
    if identifier is None:
        return None
    return without_own_call(identifier, Constraint, _BY_NAME)
