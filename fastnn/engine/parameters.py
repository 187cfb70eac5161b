"""Where weights live: the parameters of a model side by side in one flat array, and their gradients in another.

The interpreter and the optimizers work on the flat arrays; a `Parameter` is the window through which a layer, and its
user, see their part.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.arrays import CACHE_LINE, padded, stride

if TYPE_CHECKING:
    from ..constraints import Constraint
    from ..regularizers import Regularizer


def aligned_zeros(size: int, dtype: np.dtype) -> np.ndarray:
    """A flat array of zeros that begins at a cache line."""
    itemsize = np.dtype(dtype).itemsize
    raw = np.zeros(size + CACHE_LINE // itemsize, dtype)
    skip = -raw.ctypes.data % CACHE_LINE // itemsize
    return raw[skip : skip + size]


class Parameter:
    """One weight of a layer, `shape` elements of `dtype`, with its gradient.

    Its last axis is padded to whole vectors, and the rows before it to whole tiles (`kernels/tile.py`); `value` and
    `gradient` are live views without the padding, so that writing into them changes the layer.

    Args:
        name: what the layer calls it.
        initial: its values at the start.
        trainable: whether training changes it, in a layer that is trainable too.
        regularizer: whose penalty for it joins the loss, or None.
        constraint: what is done to it after each step, or None.
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
        self.shape = initial.shape
        self.trainable = trainable
        self.regularizer, self.constraint = regularizer, constraint
        self.stride = stride(self.shape[-1] if self.shape else 1, initial.dtype)
        self.rows = int(np.prod(self.shape[:-1]))  # 1 for a vector
        self.size = (padded(self.rows) if self.rows > 1 else 1) * self.stride
        self.offset = 0
        self.storage: Storage
        Storage([self], initial.dtype)
        self.value[...] = initial

    def view_in(self, flat: np.ndarray) -> np.ndarray:
        """This weight's part of an array that is laid out like the storage's, as a view of `shape`."""
        part = flat[self.offset : self.offset + self.rows * self.stride]
        if not self.shape:
            return part[:1].reshape(())
        return part.reshape(*self.shape[:-1], self.stride)[..., : self.shape[-1]]

    @property
    def value(self) -> np.ndarray:
        """The weight, as a view of `shape`."""
        return self.view_in(self.storage.values)

    @property
    def gradient(self) -> np.ndarray:
        """The loss's gradient with respect to the weight, as a view of `shape`; `backward` fills it."""
        return self.view_in(self.storage.gradients)

    def padded_value(self) -> np.ndarray:
        """The weight as the kernels take it: a matrix (or a vector) with its padding."""
        part = self.storage.values[self.offset : self.offset + self.rows * self.stride]
        return part.reshape(self.rows, self.stride) if len(self.shape) > 1 else part

    def padded_gradient(self) -> np.ndarray:
        """The gradient as the kernels write it: with its padding, whole tiles of rows included."""
        part = self.storage.gradients[self.offset : self.offset + self.size]
        return part.reshape(-1, self.stride) if len(self.shape) > 1 else part

    def __repr__(self) -> str:
        return f"<Parameter {self.name} {self.shape} {self.storage.values.dtype}>"


class Storage:
    """The flat arrays that hold some parameters, which are moved here with their values and gradients.

    Attributes:
        values, gradients: the flat arrays.
        current: whether the parameters are still here; when they move on, programs for these arrays end.
    """

    def __init__(self, parameters: Sequence[Parameter], dtype: np.dtype):
        self.parameters = list(parameters)
        self.current = True
        size = sum(p.size for p in parameters)
        self.values = aligned_zeros(size, dtype)
        self.gradients = aligned_zeros(size, dtype)
        offset = 0
        for p in self.parameters:
            moved = hasattr(p, "storage")
            if moved:
                value, gradient, p.storage.current = p.value, p.gradient, False
            p.storage, p.offset = self, offset
            if moved:
                p.value[...], p.gradient[...] = value, gradient
            offset += p.size


def shared_storage(parameters: Iterable[Parameter], dtype: np.dtype) -> Storage:
    """The one storage that holds all of `parameters`, made by joining theirs where they live in several.

    A layer may belong to two models (an autoencoder and its encoder). Joining takes all parameters of the storages
    involved along, so that models which share layers end up in one storage instead of moving layers to and fro.
    """
    parameters = list(parameters)
    storages = list(dict.fromkeys(p.storage for p in parameters))
    if len(storages) == 1:
        return storages[0]
    return Storage(list(dict.fromkeys(p for s in storages for p in s.parameters)) if storages else [], dtype)
