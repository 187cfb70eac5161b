"""Rescaling."""

from typing import TYPE_CHECKING, Any

from ..kernels import rescaling as kernels
from ..settings import within
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


class Rescaling(KernelLayer):
    """y = scale x + offset: `Rescaling(1 / 255)` maps bytes to [0, 1].

    As a model's first layer it costs nothing: the samples are scaled while they are gathered into the batch.

    Args:
        scale: the factor.
        offset: what is added.

    >>> fastnn.layers.Rescaling(2.0, offset=-1.0).forward(np.array([[0.0, 0.5, 1.0]]))
    array([[-1.,  0.,  1.]], dtype=float32)
    """

    any_shape = True
    scale, offset = within(), within()

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset

    def check_sparse(self, argument: str) -> bool:
        """True; a TypeError with an offset, which makes all zeros other numbers."""
        if self.offset:
            raise TypeError(
                f"layer {self.name} (Rescaling) needs dense samples in {argument} for its offset of {self.offset:g}, "
                "received a sparse matrix; use no offset, or the matrix's toarray()"
            )
        return True

    def lower(self, lowering: "Lowering") -> None:
        """No instruction if gathering the batch can scale it, otherwise one."""
        if not lowering.rescale_gather(self.scale, self.offset):
            lowering.emit(kernels.rescaling, alpha=self.scale, beta=self.offset)
