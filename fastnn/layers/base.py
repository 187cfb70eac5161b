"""The base class of all layers: name, float type, weights, and shapes, which are known after building."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Never, Self
from weakref import WeakKeyDictionary

import numpy as np

from .. import checks, constraints, habits, initializers, regularizers
from ..config import standard_dtype
from ..configured import Configured, arguments
from ..engine.lowering import uses_kernels
from ..engine.parameters import Parameter, trained_weights
from ..settings import Fixed, settings_of
from .input import InputLayer

if TYPE_CHECKING:
    from ..engine.lowering import Lowering
    from .activations import Activation

Shape = tuple[int | None, ...]

_names: Counter[str] = Counter()

_FINE: WeakKeyDictionary[type, set[str]] = WeakKeyDictionary()  # names of attributes that `check_attributes` has passed


def automatic_name(kind: type) -> str:
    """`dense`, `dense_1`, ...: the class's name in snake case with a count, as in Keras."""
    base = _snake_case(kind)
    count = _names[base]
    _names[base] += 1
    return base if count == 0 else f"{base}_{count}"


def keep_free(kind: type, name: str) -> None:
    """Prevent `automatic_name` from using the name of a loaded layer again."""
    base = _snake_case(kind)
    if match := re.fullmatch(rf"{re.escape(base)}(?:_([0-9]{{1,9}}))?", name):
        _names[base] = max(_names[base], int(match[1] or 0) + 1)


def _snake_case(kind: type) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", kind.__name__).lower()


# Set while a model is loaded: a function of (layer, weight, shape) that gives `add_weight` its values, or None.
weight_source: ContextVar["Callable[[Layer, str, tuple[int, ...]], np.ndarray | None] | None"] = ContextVar(
    "weight_source", default=None
)


class Layer(Configured, module="fastnn.layers", abstract=True):
    """Base class of all layers, and of those you write yourself.

    A layer of your own, in NumPy or Numba, overrides `forward` and `backward`; `build` if it has weights
    (`add_weight`); and `compute_output_shape` if it changes the shape. It then works in `fit`, which runs such models
    one layer at a time. If its constructor keeps its arguments as attributes of the same names, it can be saved; to
    load it, pass the class to `load_model` in `custom_objects`.

    Args:
        name: the layer's name in `summary` and in files; None: its class's name in snake case, with a number.
        trainable: whether `fit` changes the layer's weights.
        dtype: "float32" or "float64"; None: `fastnn.config.floatx()`.

    >>> class Square(fastnn.layers.Layer):
    ...     def forward(self, x, training=False):
    ...         self.x = x
    ...         return x**2
    ...     def backward(self, dy):
    ...         return 2 * self.x * dy
    >>> layer = Square()
    >>> layer.forward(np.array([[3.0]])).tolist(), layer.backward(np.array([[1.0]])).tolist()
    ([[9.0]], [[6.0]])
    """

    _always = ("name", "trainable", "dtype")
    _never_called = {  # noqa: RUF012 (annotated in the base class)
        "call": (
            "forward",
            "name it forward(self, x, training=False), and add backward(self, dy), because there is no automatic "
            "differentiation",
        )
    }

    dtype = Fixed[np.dtype]()

    shape_only = False  # whether it changes only the shape, neither the numbers nor their order
    keeps_bounds = False  # whether numbers of at least 0, and those of at most 1, stay so at least outside training
    takes_indices = False  # whether its inputs are indices, which must come from the data, not from a layer

    def __init__(self, name: str | None = None, trainable: bool = True, dtype: object = None, **unknown: Never):
        habits.refuse_arguments(f"{type(self).__name__}()", unknown, lambda: arguments(type(self)))
        self.name = automatic_name(type(self)) if name is None else str(name)
        self.trainable = bool(trainable)
        self.dtype = standard_dtype(dtype)
        self.parameters: list[Parameter] = []
        self._shapes: tuple[Shape, Shape] | None = None  # of input and output, when it is built

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new layer with new weights.

        Args:
            config: what `get_config` returned.
        """
        apart = {name for name in cls._always if name in config} - set(arguments(cls))
        layer = super().from_config({name: value for name, value in config.items() if name not in apart})
        convert: dict[str, Callable[[Any], Any]] = {"name": str, "trainable": bool, "dtype": standard_dtype}
        for name in apart:  # a constructor without **kwargs does not take these
            vars(layer)[name] = convert[name](config[name])
        return layer

    @property
    def built(self) -> bool:
        """Whether the layer knows its input shape and has its weights."""
        return self._shapes is not None

    @property
    def input_shape(self) -> Shape | None:
        """The shape of the input, (None, ...); None until the layer is built."""
        return None if self._shapes is None else self._shapes[0]

    @property
    def output_shape(self) -> Shape | None:
        """The shape of the output, (None, ...); None until the layer is built."""
        return None if self._shapes is None else self._shapes[1]

    @property
    def sample_output_shape(self) -> tuple[int, ...]:
        """The shape of one sample's output, after the layer is built."""
        return tuple(n for n in (self.output_shape or ())[1:] if n is not None)

    def build(self, input_shape: Shape) -> None:
        """Make the weights, by `add_weight`.

        Args:
            input_shape: the shape of inputs, whose first axis is the batch: (None, 784).
        """

    def build_once(self, input_shape: Shape) -> Shape:
        """Build the layer if it is not built yet, and return its output shape.

        Raises:
            ValueError: if the layer is built already, for another shape, or if samples would be too large.
        """
        shape: Shape = (None, *input_shape[1:])
        if self._shapes is not None:
            known, output_shape = self._shapes
            if shape != known:
                raise ValueError(f"layer {self.name} was built for input shape {known}, received {shape}")
            return output_shape
        output_shape = self.compute_output_shape(shape)
        if (numbers := math.prod(n for n in output_shape[1:] if n is not None)) > checks.LARGEST_SIZE:
            raise ValueError(
                f"layer {self.name} ({type(self).__name__}) would give samples of shape {output_shape[1:]}, "
                f"{numbers} numbers each; at most {checks.LARGEST_SIZE} are possible"
            )
        if not self.parameters:  # otherwise `build` was called directly, and the weights may have been set since
            try:
                self.build(shape)
            except Exception:
                self.parameters = []
                raise
        self._shapes = shape, output_shape
        return output_shape

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output, with the batch as the first axis: (None, 10).

        Args:
            input_shape: the shape of inputs, likewise: (None, 784).
        """
        return input_shape

    def add_weight(
        self,
        shape: tuple[int, ...],
        initializer: object = "glorot_uniform",
        name: str = "weight",
        trainable: bool = True,
        regularizer: object = None,
        constraint: object = None,
    ) -> Parameter:
        """Add a new weight to the layer; to be called in `build`. Its `value` and `gradient` are live views.

        Args:
            shape: its shape.
            initializer: a name, a `fastnn.initializers` object, an array, or a function of (shape, dtype).
            name: the weight's name in files and messages.
            trainable: whether training changes it.
            regularizer: a name or a `fastnn.regularizers` object, whose penalty is added to the loss; or None.
            constraint: a name or a `fastnn.constraints` object, applied after each step; or None.

        Raises:
            TypeError, ValueError: for an unknown name, initial values that are not finite numbers or not of that shape,
                or a constraint that does not fit the shape.
        """
        penalty, limit = regularizers.get(regularizer), constraints.get(constraint)
        owner = f"the weight {name} of layer {self.name}"
        if not isinstance(shape, (tuple, list)):
            raise TypeError(f"the shape of {owner} must be a tuple of integers, received {shape!r}")
        shape = tuple([checks.integer(n, f"the shape of {owner}", 0) for n in shape])
        if limit is not None:
            limit.check(shape, owner)
        source = weight_source.get()
        values = None if source is None else source(self, name, shape)
        if values is None:
            values = self._initial_values(initializers.get(initializer), shape, owner)
        parameter = Parameter(name, values, trainable, penalty, limit)
        self.parameters.append(parameter)
        return parameter

    def _initial_values(self, initializer: initializers.Initializer, shape: tuple[int, ...], owner: str) -> np.ndarray:
        """What an initializer gives, checked: it may be the user's own."""
        given = initializer(shape, self.dtype)
        # By NumPy, because `checks.finite` compiles or loads a kernel.
        if (
            isinstance(given, np.ndarray)
            and (given.shape, given.dtype) == (shape, self.dtype)
            and np.isfinite(given).all()
        ):
            return given
        what = f"the initial value of {owner}, from {initializer!r},"
        values = checks.numeric_array(given, what)
        if values.shape != shape:
            raise ValueError(f"{what} must have shape {shape}, received {values.shape}")
        return checks.finite(checks.as_type(values, self.dtype), what)

    def check_samples(self, x: np.ndarray, argument: str) -> None:
        """Raise a ValueError for samples that the layer cannot take; it names `argument`, layer, position and value.

        Called before a model uses the samples, if only layers that are `shape_only` come before this one.

        Args:
            x: one sample per row, uint8 or of the layer's type, finite; possibly the user's own memory.
            argument: the name of the user's argument.
        """

    def check_sparse(self, argument: str) -> bool:
        """Whether samples that are sparse rows are still sparse after the layer.

        Called before a model uses such samples, for its first layers up to the one that reads them and gives dense
        outputs.

        Args:
            argument: the name of the user's argument.

        Raises:
            TypeError: if the layer needs dense samples.
        """
        raise TypeError(
            f"layer {self.name} ({type(self).__name__}) needs dense samples in {argument}, received a sparse matrix; "
            f"its toarray() is dense. {argument} can be sparse only if a Dense comes first, or after layers that "
            "reshape and a Rescaling without offset"
        )

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """The output; keeps what `backward` needs.

        Args:
            x: inputs (n, ...) of the layer's type.
            training: whether to do what is done in training only, such as dropout.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """The loss's gradient with respect to the last `forward`'s x; overwrites `gradients`.

        Args:
            dy: the loss's gradient with respect to that `forward`'s output, of its shape.
        """
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    @property
    def output_activation(self) -> "Activation | None":
        """The activation that computes the output; None if it is not known."""
        return None

    def logits(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """The input of the output activation, in the place of `forward`."""
        raise NotImplementedError

    def backward_from_logits(self, dz: np.ndarray) -> np.ndarray:
        """`backward` without the output activation, from the gradient with respect to that activation's input."""
        raise NotImplementedError

    def __call__(self, x: Any, training: bool = False) -> np.ndarray:
        """`forward`; builds the layer for x's shape first, if it is not built yet.

        Args:
            x: inputs (n, ...).
            training: as for `forward`.
        """
        habits.refuse_symbols(f"layer {self.name}", x, (InputLayer, Layer))
        array = self.as_input(x)
        self.build_once(array.shape)
        return self.forward(array, training)

    def as_input(self, x: Any) -> np.ndarray:
        """x as a contiguous array of the layer's type; a ValueError for a single number."""
        array = checks.numeric_array(x, "x")
        if array.ndim == 0:
            raise ValueError(
                f"layer {self.name} ({type(self).__name__}) expects inputs of shape (batch, ...), received a number"
            )
        return np.ascontiguousarray(array, self.dtype)

    @property
    def weights(self) -> list[np.ndarray]:
        """The weights, as live views: for a dense layer [kernel (inputs, outputs), bias (outputs,)]."""
        return [p.value for p in self.parameters]

    @property
    def trainable_weights(self) -> list[np.ndarray]:
        """Those of the weights that training changes, as live views; none if the layer is not trainable."""
        return [p.value for p in trained_weights([self])]

    @property
    def non_trainable_weights(self) -> list[np.ndarray]:
        """The other weights, as live views."""
        trained = trained_weights([self])
        return [p.value for p in self.parameters if p not in trained]

    @property
    def gradients(self) -> list[np.ndarray]:
        """The gradients that the last `backward` computed, in the order of `weights`, as live views."""
        return [p.gradient for p in self.parameters]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights."""
        return [w.copy() for w in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Replace all weights.

        Args:
            weights: a list of arrays, as many and of the same shapes as `get_weights()` returns.

        Raises:
            ValueError: if number, shapes or values do not fit; the weights are then unchanged.
        """
        assign(self.parameters, weights, f"layer {self.name}")

    def count_params(self) -> int:
        """The number of parameters: the elements of all weights."""
        return sum(int(np.prod(p.shape)) for p in self.parameters)

    def lower(self, lowering: "Lowering") -> None:
        """Append the layer's instructions to a compiled program. Layers written in Python do not define it."""
        raise NotImplementedError

    def settings(self) -> tuple[object, ...]:
        """What a program for the layer depends on besides its weights: it is made anew when this has changed."""
        return settings_of(self)

    @property
    def compiled(self) -> bool:
        """Whether the interpreter can execute the layer: it has kernels (`lower`) that Python does not override."""
        methods = "forward", "backward", "logits", "backward_from_logits"
        return type(self).lower is not Layer.lower and uses_kernels(type(self), "lower", methods)

    def check_attributes(self) -> None:
        """An AttributeError if an attribute was set that nothing reads, because it is misspelt (not in user's classes).

        Setting it raises none, as in other objects: the check would take half as long as making the layer.
        """
        kind, fine = type(self), _FINE.setdefault(type(self), set())
        if kind._own and not fine.issuperset(vars(self)):
            known = (*self._always, *kind._settings, *arguments(kind))
            for name in vars(self):
                if not (name in fine or name.startswith("_") or hasattr(kind, name)):
                    habits.refuse_unread(kind, name, known, f"layer {self.name}: ")
                fine.add(name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


habits.explain_attributes(Layer, habits.MODEL_AND_LAYER)


def assign(parameters: list[Parameter], weights: list[Any], owner: str) -> None:
    """Set all the parameters' values to `weights`, or none if something does not fit."""
    if not isinstance(weights, (list, tuple)):
        raise TypeError(f"weights must be a list of arrays, received {type(weights).__name__}")
    if len(weights) != len(parameters):
        raise ValueError(f"weights must be a list of {len(parameters)} arrays for {owner}, received {len(weights)}")
    arrays = []
    for i, (p, weight) in enumerate(zip(parameters, weights, strict=True)):
        argument = f"weights[{i}] ({p.name}) of {owner}"
        array = checks.numeric_array(weight, argument)
        if array.shape != p.shape:
            raise ValueError(f"{argument} must have shape {p.shape}, received {array.shape}")
        arrays.append(checks.finite(checks.as_type(checks.finite(array, argument), p.dtype), argument))
    for p, array in zip(parameters, arrays, strict=True):
        p.value[...] = array


# The names of the axes of a sequence and of an image.
AXES = {1: ("length",), 2: ("height", "width")}


def image_of(layer: Layer, input_shape: Shape, axes: int) -> tuple[int, ...]:
    """A sample's shape, which must be that of an image or, with one axis, of a sequence: (H, W, C) or (L, C).

    Raises:
        ValueError: for another number of axes, or an axis of length 0.
    """
    sample = tuple(n for n in input_shape[1:] if n is not None)
    if len(sample) != axes + 1 or 0 in sample:
        raise ValueError(
            f"layer {layer.name} ({type(layer).__name__}) expects inputs of shape (batch, {', '.join(AXES[axes])}, "
            f"channels), received {input_shape}"
        )
    return sample
