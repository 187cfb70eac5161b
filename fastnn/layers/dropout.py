"""Dropout and Gaussian noise: active during training, the identity otherwise."""

from typing import TYPE_CHECKING, Any

from .. import checks
from ..kernels import dropout as kernels
from ..randomness import draw_seed
from ..settings import Setting, within
from .base import Shape, image_of
from .kernel_layer import KernelLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering


def _seed(seed: int | None, argument: str) -> int:
    return draw_seed() if seed is None else checks.integer(seed, argument, 0)


class Noise(KernelLayer, abstract=True):
    """A layer whose randomness is a function of (seed, step, sample, unit).

    Args:
        seed: makes the noise reproducible; None: a random one.
    """

    _operation: Any
    seed = Setting(_seed)

    def __init__(self, seed: int | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed

    def _amount(self) -> float:
        """The strength of the noise; with 0 the layer does nothing."""
        raise NotImplementedError

    def lower(self, lowering: "Lowering") -> None:
        """One instruction during training, unless there is no noise."""
        amount, fields = self._amount(), None
        if lowering.training:
            if amount > 0:
                scratch = self._scratch_size(lowering)
                fields = lowering.emit(self._operation, alpha=amount, seed=self.seed, scratch_size=scratch)
            lowering.clocks.append((self, fields))

    def _scratch_size(self, lowering: "Lowering") -> int:
        return 0


class Dropout(Noise):
    """During training: y = x / (1 - rate) with probability 1 - rate, else 0 (Srivastava et al. 2014).

    Args:
        rate: the fraction of the numbers that is dropped, in [0, 1).
        seed: makes the masks reproducible; None: a random one.

    >>> layer = fastnn.layers.Dropout(0.5, seed=1)
    >>> np.unique(layer.forward(np.ones((100, 8)), training=True)).tolist()
    [0.0, 2.0]
    >>> np.unique(layer.forward(np.ones((100, 8)))).tolist()
    [1.0]
    """

    keeps_bounds = True
    _operation = staticmethod(kernels.dropout_layer)
    rate = within(0, 1, open_high=True)

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, **kwargs)
        self.rate = rate

    def _amount(self) -> float:
        return self.rate


class GaussianNoise(Noise):
    """During training: y = x + Gaussian noise with mean 0.

    Args:
        stddev: the standard deviation of the noise, at least 0.
        seed: makes the noise reproducible; None: a random one.

    >>> layer = fastnn.layers.GaussianNoise(0.1, seed=1)
    >>> noise = layer.forward(np.zeros((1000, 10)), training=True)
    >>> round(float(noise.std()), 2)
    0.1
    """

    _operation = staticmethod(kernels.gaussian_noise_layer)
    stddev = within(0)

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, **kwargs)
        self.stddev = stddev

    def _amount(self) -> float:
        return self.stddev


class _SpatialDropout(Noise):
    """During training: whole channels are dropped with probability `rate`; the others are scaled by 1 / (1 - rate)."""

    keeps_bounds = True
    _operation = staticmethod(kernels.spatial_dropout)
    _axes: int
    rate = within(0, 1, open_high=True)

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, **kwargs)
        self.rate = rate

    def _amount(self) -> float:
        return self.rate

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the input."""
        image_of(self, input_shape, self._axes)
        return input_shape

    def _scratch_size(self, lowering: "Lowering") -> int:
        return lowering.shape[-1]


class SpatialDropout2D(_SpatialDropout):
    """During training: y = x / (1 - rate) with probability 1 - rate, else 0, for whole channels of x (B, H, W, C).

    Neighbouring pixels are strongly correlated, so dropping single ones would remove little information (Tompson et
    al. 2015, "Efficient Object Localization Using Convolutional Networks", arxiv.org/abs/1411.4280).

    Args:
        rate: the fraction of the channels that is dropped, in [0, 1).
        seed: makes the masks reproducible; None: a random one.

    Raises:
        TypeError, ValueError: for a rate outside [0, 1) or a seed that is not an integer >= 0.

    >>> layer = fastnn.layers.SpatialDropout2D(0.5, seed=1)
    >>> y = layer.forward(np.ones((1, 2, 2, 4)), training=True)
    >>> bool((y == y[:, :1, :1]).all())  # all pixels of a channel are kept or dropped together
    True
    """

    _axes = 2


class SpatialDropout1D(_SpatialDropout):
    """During training: y = x / (1 - rate) with probability 1 - rate, else 0, for whole channels of x (B, L, C).

    Args:
        rate, seed: as for `SpatialDropout2D`.

    >>> layer = fastnn.layers.SpatialDropout1D(0.5, seed=1)
    >>> y = layer.forward(np.ones((1, 3, 4)), training=True)
    >>> bool((y == y[:, :1]).all())
    True
    """

    _axes = 1
