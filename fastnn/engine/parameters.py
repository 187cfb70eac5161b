"""Weights: each owns its memory, which is freed with the last layer, model or program that uses it.

Two models that share a layer share its weights' memory. Programs reach it through tables of addresses
(`kernels/weights.py`).
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.arrays import CACHE_LINE, padded, stride
from ..kernels.jit import JIT_ENABLED

if TYPE_CHECKING:
    from ..constraints import Constraint
    from ..layers.base import Layer
    from ..regularizers import Regularizer


def aligned_zeros(size: int, dtype: np.dtype) -> np.ndarray:
    """A flat array of zeros that begins at a cache line."""
    itemsize = np.dtype(dtype).itemsize
    raw = np.zeros(size + CACHE_LINE // itemsize, dtype)
    skip = -raw.ctypes.data % CACHE_LINE // itemsize
    return raw[skip : skip + size]


class Parameter:
    """One weight of a layer, with its gradient.

    In memory its last axis is padded to whole vectors, and the rows before it to whole tiles (`kernels/arrays.py`);
    `value` and `gradient` are live views without the padding: writing into them changes the layer.

    Args:
        name: what the layer calls it.
        initial: its initial values, which determine shape and float type.
        trainable: whether training changes it, in a layer that is trainable too.
        regularizer: its penalty is added to the loss; or None.
        constraint: applied after each step; or None.

    Attributes:
        flat, flat_gradient: the memory itself, of `size` elements.
        address, gradient_address: where it begins, as `address` gives it.
        rows, stride: the weight as a matrix: the number of rows, and the elements from one row to the next.
    """

    def __init__(
        self,
        name: str,
        initial: np.ndarray,
        trainable: bool = True,
        regularizer: "Regularizer | None" = None,
        constraint: "Constraint | None" = None,
    ):
        self.name = name
        self.trainable = trainable
        self.regularizer, self.constraint = regularizer, constraint
        self._allocate(initial, None)

    def _allocate(self, value: np.ndarray, gradient: np.ndarray | None) -> None:
        self.shape, self.dtype = value.shape, value.dtype
        self.stride = stride(self.shape[-1] if self.shape else 1, self.dtype)
        self.rows = int(np.prod(self.shape[:-1]))  # 1 for a vector
        self.size = (padded(self.rows) if self.rows > 1 else 1) * self.stride
        self.flat, self.flat_gradient = aligned_zeros(self.size, self.dtype), aligned_zeros(self.size, self.dtype)
        self.address, self.gradient_address = address(self.flat), address(self.flat_gradient)
        self.value[...] = value
        if gradient is not None:
            self.gradient[...] = gradient

    def view_in(self, flat: np.ndarray) -> np.ndarray:
        """A flat array with the layout of the weight's memory, as a view of `shape`."""
        part = flat[: self.rows * self.stride]
        if not self.shape:
            return part[:1].reshape(())
        return part.reshape(*self.shape[:-1], self.stride)[..., : self.shape[-1]]

    @property
    def value(self) -> np.ndarray:
        """The weight, as a view of `shape`."""
        return self.view_in(self.flat)

    @property
    def gradient(self) -> np.ndarray:
        """The loss's gradient with respect to the weight, as a view of `shape`; `backward` fills it."""
        return self.view_in(self.flat_gradient)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: without the padding, whose size depends on the processor."""
        kept = ("name", "trainable", "regularizer", "constraint")
        arrays = {"value": self.value.copy(), "gradient": self.gradient.copy()}
        return {name: getattr(self, name) for name in kept} | arrays

    def __setstate__(self, state: dict[str, Any]) -> None:
        value, gradient = state.pop("value"), state.pop("gradient")
        self.__dict__.update(state)
        self._allocate(value, gradient)

    def __repr__(self) -> str:
        return f"<Parameter {self.name} {self.shape} {self.dtype}>"


def trained_weights(layers: "Iterable[Layer]") -> list[Parameter]:
    """The weights that training changes."""
    return [p for layer in layers if layer.trainable for p in layer.parameters if p.trainable]


def address(array: np.ndarray) -> Any:
    """Where an array begins in memory, for kernels; in plain Python the array itself.

    The caller has to keep the array as long as the address.
    """
    return array.__array_interface__["data"][0] if JIT_ENABLED else array


def address_table(addresses: Sequence[Any]) -> np.ndarray:
    """A vector of addresses."""
    if JIT_ENABLED:
        return np.array(addresses, np.int64)
    table = np.empty(len(addresses), object)
    for i, array in enumerate(addresses):
        table[i] = array
    return table
