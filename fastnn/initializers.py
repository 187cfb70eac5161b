"""Initial values of weights, with Keras 3's names and defaults. An initializer maps a shape to an array.

A layer takes an initializer by its name, as an object, as an array of values, or as a function of (shape, dtype). With
a `seed` an initializer returns the same values each time it is called; without one, it draws from the generator that
`fastnn.utils.set_random_seed` seeds.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import checks
from .config import standard_dtype
from .configured import Configured, encode_function, from_identifier, function_name, is_function
from .randomness import generator

# The standard deviation of the standard normal distribution truncated at +-2.
_TRUNCATED_STDDEV = 0.87962566103423978


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """The numbers of inputs and outputs (fan-in and fan-out) of a weight of this shape."""
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class Initializer(Configured, module="fastnn.initializers", abstract=True):
    """Base class: `initializer(shape, dtype)` returns a new array. One of your own overrides `draw`.

    Args:
        seed: makes the values reproducible; None: draw from the generator that `fastnn.utils.set_random_seed` seeds.

    >>> class Alternating(fastnn.initializers.Initializer):
    ...     def draw(self, rng, shape):
    ...         return (-1.0) ** np.indices(shape).sum(axis=0)
    >>> Alternating()((2, 3))
    array([[ 1., -1.,  1.],
           [-1.,  1., -1.]], dtype=float32)
    """

    def __init__(self, seed: int | None = None):
        self.seed = seed if seed is None else checks.integer(seed, "seed", 0)

    def __call__(self, shape: tuple[int, ...], dtype: object = None) -> np.ndarray:
        """A new array of initial values.

        Args:
            shape: its shape; for a dense kernel (inputs, outputs).
            dtype: "float32" or "float64"; None: `fastnn.config.floatx()`.
        """
        rng = generator() if self.seed is None else np.random.default_rng(self.seed)
        values = checks.numeric_array(self.draw(rng, tuple(shape)), f"the values of {self!r}")
        return checks.as_type(values, standard_dtype(dtype))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """The values, in float64; what an initializer of your own overrides.

        Args:
            rng: the random generator to draw from.
            shape: the shape of the array to return.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if v is not None)
        return f"{type(self).__name__}({settings})"


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, ...], mean: float, stddev: float) -> np.ndarray:
    """Normal numbers; those beyond two standard deviations are drawn again."""
    values = rng.standard_normal(shape)
    while (far := np.abs(values) > 2).any():
        values[far] = rng.standard_normal(int(far.sum()))
    return mean + stddev * values


class GlorotUniform(Initializer):
    """Uniform in [-l, l], l = sqrt(6 / (inputs + outputs)) (Glorot & Bengio 2010). The default of `Dense`.

    >>> w = fastnn.initializers.GlorotUniform(seed=1)((300, 100))
    >>> round(float(np.abs(w).max()), 3)  # just below sqrt(6 / 400)
    0.122
    """

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Uniform numbers."""
        limit = math.sqrt(6 / sum(_fans(shape)))
        return rng.uniform(-limit, limit, shape)


class GlorotNormal(Initializer):
    """Truncated normal of standard deviation sqrt(2 / (inputs + outputs)) (Glorot & Bengio 2010).

    >>> w = fastnn.initializers.GlorotNormal(seed=1)((300, 100))
    >>> round(float(w.std()), 2)  # about sqrt(2 / 400)
    0.07
    """

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Truncated normal numbers."""
        return _truncated_normal(rng, shape, 0, math.sqrt(2 / sum(_fans(shape))) / _TRUNCATED_STDDEV)


class HeUniform(Initializer):
    """Uniform in [-l, l], l = sqrt(6 / inputs) (He et al. 2015).

    >>> w = fastnn.initializers.HeUniform(seed=1)((300, 100))
    >>> round(float(np.abs(w).max()), 3)  # just below sqrt(6 / 300)
    0.141
    """

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Uniform numbers."""
        limit = math.sqrt(6 / _fans(shape)[0])
        return rng.uniform(-limit, limit, shape)


class HeNormal(Initializer):
    """Truncated normal of standard deviation sqrt(2 / inputs) (He et al. 2015).

    >>> w = fastnn.initializers.HeNormal(seed=1)((300, 100))
    >>> round(float(w.std()), 2)  # about sqrt(2 / 300)
    0.08
    """

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Truncated normal numbers."""
        return _truncated_normal(rng, shape, 0, math.sqrt(2 / _fans(shape)[0]) / _TRUNCATED_STDDEV)


class LecunUniform(Initializer):
    """Uniform in [-l, l], l = sqrt(3 / inputs) (LeCun et al. 1998).

    >>> w = fastnn.initializers.LecunUniform(seed=1)((300, 100))
    >>> round(float(np.abs(w).max()), 3)  # just below sqrt(3 / 300)
    0.1
    """

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Uniform numbers."""
        limit = math.sqrt(3 / _fans(shape)[0])
        return rng.uniform(-limit, limit, shape)


class LecunNormal(Initializer):
    """Truncated normal of standard deviation sqrt(1 / inputs) (LeCun et al. 1998). Use it with "selu".

    >>> w = fastnn.initializers.LecunNormal(seed=1)((300, 100))
    >>> round(float(w.std()), 2)  # about sqrt(1 / 300)
    0.06
    """

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Truncated normal numbers."""
        return _truncated_normal(rng, shape, 0, math.sqrt(1 / _fans(shape)[0]) / _TRUNCATED_STDDEV)


class RandomNormal(Initializer):
    """Normal, N(mean, stddev^2).

    Args:
        mean: the mean.
        stddev: the standard deviation.
        seed: as in `Initializer`.

    >>> w = fastnn.initializers.RandomNormal(mean=1, stddev=0.5, seed=1)((100, 100))
    >>> round(float(w.mean()), 2), round(float(w.std()), 2)
    (0.99, 0.5)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.mean, self.stddev = checks.number(mean, "mean"), checks.number(stddev, "stddev", 0)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Normal numbers."""
        return rng.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Normal; values more than two standard deviations from the mean are drawn again.

    >>> w = fastnn.initializers.TruncatedNormal(stddev=0.5, seed=1)((100, 100))
    >>> bool(np.abs(w).max() <= 1)
    True
    """

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Truncated normal numbers."""
        return _truncated_normal(rng, shape, self.mean, self.stddev)


class RandomUniform(Initializer):
    """Uniform in [minval, maxval).

    Args:
        minval, maxval: the bounds.
        seed: as in `Initializer`.

    >>> w = fastnn.initializers.RandomUniform(0, 1, seed=1)((100, 100))
    >>> round(float(w.min()), 2), round(float(w.max()), 2)
    (0.0, 1.0)
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.minval = checks.number(minval, "minval")
        self.maxval = checks.number(maxval, "maxval", self.minval)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Uniform numbers."""
        return rng.uniform(self.minval, self.maxval, shape)


class Constant(Initializer):
    """The same values every time.

    Args:
        value: one number for all elements, or an array of the weight's shape.

    >>> fastnn.initializers.Constant(0.5)((2, 3))
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]], dtype=float32)
    """

    def __init__(self, value: float | np.ndarray = 0.0):
        super().__init__()
        self.value = checks.finite(checks.numeric_array(value, "value"), "value") if np.ndim(value) else value

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """The given values."""
        if np.ndim(self.value) and np.shape(self.value) != shape:
            raise ValueError(f"the initial value must have shape {shape}, received {np.shape(self.value)}")
        return np.full(shape, self.value)


class Zeros(Constant):
    """0 everywhere.

    >>> fastnn.initializers.Zeros()((2, 3))
    array([[0., 0., 0.],
           [0., 0., 0.]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(0.0)


class Ones(Constant):
    """1 everywhere.

    >>> fastnn.initializers.Ones()((2, 3))
    array([[1., 1., 1.],
           [1., 1., 1.]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(1.0)


class _Function(Initializer):
    """Values from a function of (shape, dtype), or of shape alone."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function = function

    def __call__(self, shape: tuple[int, ...], dtype: object = None) -> np.ndarray:
        """What the function returns, in the layer's float type."""
        wanted = standard_dtype(dtype)
        try:
            inspect.signature(self.function).bind(tuple(shape), dtype=wanted.name)
        except (TypeError, ValueError):  # it does not take a dtype, or does not tell
            given = {}
        else:
            given = {"dtype": wanted.name}
        values = checks.numeric_array(self.function(tuple(shape), **given), f"the values of {self!r}")
        return checks.as_type(values, wanted)

    def as_argument(self) -> Any:
        """The function, by its name."""
        return encode_function(self.function, repr(self))

    def __repr__(self) -> str:
        return f"the function {function_name(self.function)}"


_BY_NAME: dict[str, type[Initializer]] = {
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "random_normal": RandomNormal,
    "normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "random_uniform": RandomUniform,
    "uniform": RandomUniform,
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
}


def get(identifier: object) -> Initializer:
    """An initializer from its name, an array of values or a function; an `Initializer` is returned unchanged.

    Args:
        identifier: a name, an array, an `Initializer`, or a function that returns an array for (shape, dtype) or for
            the shape alone, as Keras's do.

    Raises:
        ValueError: for an unknown name; suggests the nearest known one.

    >>> fastnn.initializers.get("he_normal")
    HeNormal()
    >>> fastnn.layers.Dense(2, kernel_initializer=lambda shape, dtype: np.eye(*shape)).forward(np.array([[3.0, 4.0]]))
    array([[3., 4.]], dtype=float32)
    """
    if isinstance(identifier, np.ndarray):
        return Constant(identifier)
    if is_function(identifier) and not isinstance(identifier, Initializer):
        return _Function(identifier)
    return from_identifier(identifier, Initializer, _BY_NAME, "initializer")
