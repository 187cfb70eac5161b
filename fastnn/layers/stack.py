"""Layers in a row: their shapes, their weights, and running them one at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Self

import numpy as np

from .. import checks, habits
from ..config import standard_dtype
from ..configured import CustomObjects, checked_custom_objects, decode, describe, is_function
from ..engine import eager
from ..engine.parameters import Parameter
from ..settings import Guarded
from .activations import FUNCTIONS
from .base import Layer, Shape, assign, automatic_name, keep_free
from .input import InputLayer

_SO_FAR = "; the shapes so far: "  # separates a layer's error message from the shapes that led to it


class Stack(Guarded, module="fastnn", abstract=True):
    """A network without training: the base class of `Sequential`.

    Args:
        layers: `Layer`s; `fastnn.Input(shape)` before them builds the model at once instead of at the first data.
        name: the model's name in `summary`.

    Raises:
        TypeError: for something that is not a layer.
        ValueError: for two layers of the same name or of different float types, or shapes that do not fit.
    """

    _inside = False
    _settable: tuple[str, ...] = ("name", "trainable")
    _never_called = {  # noqa: RUF012 (annotated in the base class)
        "call": ("forward", "a model is a row of layers; write a layer of your own, derived from fastnn.layers.Layer"),
        "train_step": ("fit", f"a step of your own: {habits.OWN_STEP}"),
    }

    def __init__(self, layers: Sequence[Layer | InputLayer] | None = None, name: str | None = None):
        self.name = automatic_name(type(self)) if name is None else str(name)
        self._layers: list[Layer] = []
        self._names: set[str] = set()
        self._sample_shape: tuple[int, ...] = ()
        if isinstance(layers, Stack):
            raise TypeError(_not_a_layer(layers))
        if isinstance(layers, str) or not isinstance(layers, Iterable | None):
            raise TypeError(f"layers must be a list of layers, received {layers!r}; put brackets around all of them")
        for layer in () if layers is None else layers:
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers in their order. The list is a copy: `add` and `pop` change the model, edits of the list do not."""
        return list(self._layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name, or at this index.

        Args:
            name: the layer's name; or
            index: its place in `layers`, from 0.

        Raises:
            ValueError: for neither or both of the two, or if there is no such layer; suggests the nearest name.
        """
        if (name is None) == (index is None):
            raise ValueError(f"get_layer takes a name or an index, received name={name!r} and index={index!r}")
        if index is None:
            names = [layer.name for layer in self._layers]
            return self._layers[names.index(checks.nearest(name, names, "layer"))]
        if checks.integer(index, "index", 0) >= len(self._layers):
            raise ValueError(f"index must be below {len(self._layers)}, the number of layers, received {index}")
        return self._layers[index]

    @property
    def trainable(self) -> bool:
        """Whether training changes any layer. Setting it sets `trainable` of each layer that there is now.

        Layers that are set one by one or added afterwards count by themselves: `base.trainable = False` and then
        `base.add(Dense(10))` trains the new layer only. (In Keras a frozen model then trains nothing.)
        """
        return not self._layers or any(layer.trainable for layer in self._layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if not self._layers and not value:
            raise ValueError(f"model {self.name} has no layers yet that could be frozen; add them first")
        for layer in self._layers:
            layer.trainable = bool(value)

    def _changing(self) -> AbstractContextManager[None]:
        """Within it layers are added or removed."""
        return nullcontext()

    def add(self, layer: Layer | InputLayer) -> None:
        """Append a layer; it is built at once if its input shape is known.

        Args:
            layer: the layer, or at the beginning an `Input`.

        Raises:
            TypeError: for something that is not a layer.
            ValueError: for a name that another layer has, another float type, or a shape that does not fit.
        """
        if isinstance(layer, InputLayer):
            if self._layers or self._sample_shape:
                raise ValueError(f"Input must come first, received {layer!r} after {len(self._layers)} layers")
            self._sample_shape = layer.shape
            return
        if not isinstance(layer, Layer):
            raise TypeError(_not_a_layer(layer))
        # The set says quickly that a name is new; a layer may have been renamed since.
        if layer.name in self._names and any(layer.name == other.name for other in self._layers):
            raise ValueError(f"layer names must differ, received {layer.name!r} twice")
        self._check_dtype(layer)
        before = next((other for other in self._layers if not other.shape_only), None)
        if layer.takes_indices and before is not None:
            raise ValueError(
                f"layer {layer.name} ({type(layer).__name__}) takes integers from the data and must come first, or "
                f"after layers that only change the shape; {before.name} ({type(before).__name__}) comes before it"
            )
        if not self._layers and layer.input_shape is not None and not self._sample_shape:
            self._sample_shape = tuple(n for n in layer.input_shape[1:] if n is not None)
        if self._sample_shape:
            self._build_layer(layer, len(self._layers), self._sample_shape)
        with self._changing():
            self._layers.append(layer)
            self._names.add(layer.name)

    def pop(self) -> Layer:
        """Remove the last layer and return it."""
        if not self._layers:
            raise IndexError("there are no layers to remove")
        with self._changing():
            layer = self._layers.pop()
            self._names = {other.name for other in self._layers}
            return layer

    def build(self, input_shape: Shape) -> None:
        """Build all layers, which makes their weights: `model.build((None, 784))`.

        Args:
            input_shape: the shape of inputs, whose first axis is the batch.

        Raises:
            ValueError: for a shape that a layer cannot take, or other than that of `Input`.
        """
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 2:
            raise ValueError(f"input_shape must be (None, features, ...), received {input_shape!r}")
        shape = tuple(checks.size(n, "input_shape") for n in input_shape[1:])
        if self._sample_shape and shape != self._sample_shape:
            raise ValueError(f"{self.name} takes samples of shape {self._sample_shape}, received {shape}")
        with self._unchanged_on_error():
            for i, layer in enumerate(self._layers):
                self._build_layer(layer, i, shape)
        self._sample_shape = shape

    def _check_dtype(self, layer: Layer) -> None:
        if self._layers and layer.dtype != self.dtype:
            raise ValueError(f"layer {layer.name} computes in {layer.dtype}, the layers before it in {self.dtype}")

    def _build_layer(self, layer: Layer, place: int, sample_shape: tuple[int, ...]) -> None:
        """Build a layer after the first `place` ones; if it cannot take what they give, the error lists all shapes."""
        now: Shape | None = self._layers[place - 1].output_shape if place else (None, *sample_shape)
        assert now is not None
        self._check_dtype(layer)  # it may have been set since the layer was added
        try:
            layer.build_once(now)
        except ValueError as error:
            if _SO_FAR not in str(error):  # otherwise a model inside the layer has listed its own shapes
                before = ((other.name, other.sample_output_shape) for other in self._layers[:place])
                shapes = [("Input", sample_shape), *before]
                chain = " -> ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in shapes)
                error.args = (f"{error}{_SO_FAR}{chain}",)
            raise

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """After an error within the block, undo that layers were built."""
        before = self._sample_shape
        layers = [] if self.built else [(x, list(x.parameters), x._shapes) for x in self._layers]
        try:
            yield
        except Exception:
            self._sample_shape = before
            for layer, parameters, shapes in layers:
                layer.parameters, layer._shapes = parameters, shapes
            raise

    @property
    def built(self) -> bool:
        """Whether all shapes are known and all weights exist."""
        return bool(self._layers and self._sample_shape)

    @property
    def input_shape(self) -> Shape | None:
        """(None, ...), the input shape of the first layer; None if it is not known yet."""
        return (None, *self._sample_shape) if self._sample_shape else None

    @property
    def output_shape(self) -> Shape | None:
        """(None, ...), the output shape of the last layer; None if it is not known yet."""
        return self._layers[-1].output_shape if self.built else None

    @property
    def dtype(self) -> np.dtype:
        """The float type of the layers."""
        return self._layers[0].dtype if self._layers else standard_dtype(None)

    @property
    def parameters(self) -> list[Parameter]:
        """All weights as `Parameter` objects, layer by layer."""
        return [p for layer in self._layers for p in layer.parameters]

    @property
    def weights(self) -> list[np.ndarray]:
        """All weights, layer by layer, as live views."""
        return [w for layer in self._layers for w in layer.weights]

    @property
    def trainable_weights(self) -> list[np.ndarray]:
        """Those of the weights that training changes, as live views."""
        return [w for layer in self._layers for w in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[np.ndarray]:
        """The other weights, as live views."""
        return [w for layer in self._layers for w in layer.non_trainable_weights]

    @property
    def gradients(self) -> list[np.ndarray]:
        """The gradients of the last `backward`, in the order of `weights`, as live views."""
        return [g for layer in self._layers for g in layer.gradients]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in Keras's order: kernel (inputs, outputs), bias, kernel, ..."""
        return [w.copy() for w in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Replace all weights.

        Args:
            weights: a list of arrays, as many and of the same shapes as `get_weights()` returns.

        Raises:
            ValueError: if number, shapes or values do not fit; the weights are then unchanged.
        """
        assign(self.parameters, weights, f"model {self.name}")

    def count_params(self) -> int:
        """The number of parameters: the elements of all weights."""
        return sum(layer.count_params() for layer in self._layers)

    def get_config(self) -> dict[str, Any]:
        """The architecture as plain data: name, input shape and the layers' configs, without weights and `compile`."""
        first = [InputLayer(self._sample_shape)] if self._sample_shape else []
        return {"name": self.name, "layers": [describe(layer) for layer in [*first, *self._layers]]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: CustomObjects = None) -> Self:
        """A new model of the architecture that `get_config` described, with new weights.

        Args:
            config: what `get_config` returned.
            custom_objects: {name: class} for classes in it that are not fastnn's own.

        Raises:
            ValueError: for an unknown class, or arguments that are invalid for its constructor.
        """
        custom_objects = checked_custom_objects(custom_objects)
        described = config.get("layers") if isinstance(config, Mapping) else None
        if not isinstance(described, list):
            raise ValueError('a model\'s config must be a dict with a list of "layers"')
        model = cls([decode(layer, custom_objects) for layer in described], name=config.get("name"))
        for layer in model.layers:
            keep_free(type(layer), layer.name)
        return model

    def _build_for(self, shape: tuple[int, ...]) -> None:
        """Build the layers for x of this shape, if they are not built yet."""
        if not self._layers:
            raise ValueError(f"model {self.name} has no layers; add some first")
        if not self.built:
            if len(shape) < 2 or 0 in shape:
                raise ValueError(f"x must have shape (n, features, ...) and hold samples, received shape {shape}")
            self.build((None, *shape[1:]))

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        """The output, one layer at a time; each layer keeps what its `backward` needs.

        Args:
            x: inputs (n, ...).
            training: whether to do what is done in training only, such as dropout.
        """
        y = checks.numeric_array(x, "x")
        self._build_for(y.shape)
        if y.shape[1:] != self._sample_shape or y.ndim == 0:
            raise ValueError(f"x must have shape (n, {', '.join(map(str, self._sample_shape))}), received {y.shape}")
        return eager.forward(self._layers, y, training)

    def backward(self, dy: Any) -> np.ndarray:
        """The loss's gradient with respect to the last `forward`'s x; sets the `gradients` of all layers.

        Args:
            dy: the loss's gradient with respect to that `forward`'s output, of its shape.
        """
        return eager.backward(self._layers, np.ascontiguousarray(checks.numeric_array(dy, "dy"), self.dtype))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


habits.explain_attributes(Stack, habits.MODEL_AND_LAYER | habits.MODEL)


def _not_a_layer(thing: object) -> str:
    """The message for anything else than a layer among a model's layers."""
    received, remedy = repr(thing), ""
    if isinstance(thing, Stack):
        remedy = "a model is one row of layers, so put in those of the other: [*base.layers, ...]"
    elif isinstance(thing, type) and issubclass(thing, Layer):
        received, remedy = f"the class {thing.__name__}", f"put its arguments behind it: {thing.__name__}(...)"
    elif isinstance(thing, str):
        activation = thing.lower() in FUNCTIONS
        remedy = f'name a layer\'s activation, Dense(10, activation="{thing}"), or use Activation("{thing}")'
        remedy = remedy if activation else "write the layer itself, such as fastnn.layers.Flatten()"
    elif isinstance(thing, (list, tuple)):
        received, remedy = f"a {type(thing).__name__}", "put its layers in with a star: [*block, ...]"
    elif isinstance(shape := getattr(thing, "shape", None), tuple):
        received = f"an array of shape {shape}"
        remedy = "put in the layers themselves, without calling them on data, which are for fit and predict"
    elif is_function(thing):
        remedy = "a layer of your own derives from fastnn.layers.Layer"
    return f"a Sequential takes fastnn layers, received {received}{remedy and '; '}{remedy}"
