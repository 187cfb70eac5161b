"""Loading models from files. `save.py` describes the format.

Only fastnn's own classes and those in `custom_objects` are created. The tensors' shapes are checked before any memory
is allocated whose size the file's config determines.
"""

import os
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import checks
from ..configured import CustomObjects, checked_custom_objects, decode, find_class
from ..engine.parameters import Parameter
from ..layers.base import Layer, assign, weight_source
from ..layers.input import InputLayer
from ..layers.stack import Stack
from .model_file import (
    ModelFile,
    checked,
    named_parameters,
    noise_layers,
    opened,
    require_built,
    same_names,
    slot_names,
    unnumbered,
    weight_names,
)

if TYPE_CHECKING:
    from ..models.sequential import Sequential


def load_model(
    path: str | os.PathLike[str], custom_objects: CustomObjects = None, compile: bool = True
) -> "Sequential":
    """Load a model from a file that `save_model` wrote.

    Args:
        path: the file.
        custom_objects: {name: class} for classes of layers, losses, metrics, ... that are not fastnn's.
        compile: whether to compile the model as it was, with the optimizer's state.

    Raises:
        ValueError: for a file that is damaged, is not from fastnn, or needs a class that is not in `custom_objects`.
        FileNotFoundError: if there is no such file.

    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3)])
    >>> model.save("model.safetensors")
    >>> loaded = fastnn.saving.load_model("model.safetensors")
    >>> x = np.ones((1, 2))
    >>> bool((loaded.predict(x) == model.predict(x)).all())
    True
    """
    custom_objects = checked_custom_objects(custom_objects)
    with opened(path) as file:
        return _loaded(file, custom_objects, compile)


def model_from_bytes(content: bytes) -> "Sequential":
    """A model from what `model_to_bytes` returned."""
    return _loaded(ModelFile(content), None, compile=True)


def _loaded(file: ModelFile, custom_objects: CustomObjects, compile: bool) -> "Sequential":
    if "fastnn_format" not in file.metadata:
        raise ValueError("expected fastnn's metadata, received a safetensors file without it")
    file.check_format()
    if "config" not in file.metadata:
        raise ValueError("it holds only weights; create the model and call its load_weights")
    model, named = _rebuilt(file, custom_objects)
    _set_state(model, named, file.json("state", dict))
    if "compile" not in file.metadata:
        same_names(file.names, named, "tensors")
    elif compile:
        _recompile(model, named, file, custom_objects)
    return model


def load_weights(model: "Sequential", path: str | os.PathLike[str]) -> None:
    """Set a model's weights from a file of `save_weights` or `save_model`; nothing changes if they do not fit.

    Weights are matched by name. If only the numbers in automatic layer names differ (`dense_2` for `dense`), they are
    matched by their order.

    Args:
        model: a built model of the same architecture.
        path: the file.

    Raises:
        ValueError: for a model that is not built, or a file that is damaged or from another architecture.
        FileNotFoundError: if there is no such file.

    >>> trained, new = (fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3)]) for _ in range(2))
    >>> fastnn.saving.save_weights(trained, "weights.safetensors")
    >>> fastnn.saving.load_weights(new, "weights.safetensors")
    >>> bool((new.get_weights()[0] == trained.get_weights()[0]).all())
    True
    """
    model = checked(model)
    require_built(model)
    named = named_parameters(model)
    with opened(path) as file:
        ordered = "fastnn_format" in file.metadata  # otherwise any file with the right names is accepted
        stored = sorted(file.names)
        if ordered:
            file.check_format()
            stored = [str(name) for name in file.json("weights", list)]
        alike = ordered and [*map(unnumbered, stored)] == [*map(unnumbered, named)]
        if set(stored) != named.keys() and not alike:
            same_names(stored, named, "weights")
        source = named if set(stored) == named.keys() else stored
        arrays = [
            file.weight(name, p.shape, "float32", "float64")
            for name, p in zip(source, named.values(), strict=True)
        ]  # fmt: skip
        with model._turns.lock:
            assign(list(named.values()), arrays, f"model {model.name}")


def _rebuilt(file: ModelFile, custom_objects: CustomObjects) -> "tuple[Sequential, dict[str, Parameter]]":
    """The model with its weights."""
    description = file.json("config", dict)
    kind = find_class(description, custom_objects)
    config = description.get("config")
    if not issubclass(kind, Stack) or not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise ValueError(f"its 'config' must describe a Sequential, received {kind.__name__}")
    # Layers first, then their weights: only then the names and shapes of the expected tensors are known.
    first, rest = _input_shape(config["layers"])
    if any(isinstance(layer, dict) and layer.get("class_name") == "InputLayer" for layer in rest):
        raise ValueError("its 'config' must have at most one InputLayer, which comes first")  # a second builds at once
    model = cast("Sequential", kind.from_config({**config, "layers": rest}, custom_objects))
    if first is not None:
        _build(model, first, file)
    named = named_parameters(model)
    for name, p in named.items():
        p.value[...] = file.weight(name, p.shape, model.dtype.name)
    return model, named


def _input_shape(layers: list[Any]) -> tuple[InputLayer | None, list[Any]]:
    """The `Input` among described layers, if there is one, and the other layers."""
    if layers and isinstance(layers[0], dict) and layers[0].get("class_name") == "InputLayer":
        first = decode(layers[0])
        if isinstance(first, InputLayer):
            return first, layers[1:]
    return None, layers


def _build(model: "Sequential", first: InputLayer, file: ModelFile) -> None:
    """Build the model, checking for each weight that the file has a tensor of its shape before allocating it."""

    def zeros(layer: Layer, weight: str, shape: tuple[int, ...]) -> np.ndarray | None:
        if not any(layer is other for other in model.layers):
            return None  # a layer inside a user's layer
        name = weight_names(layer.name, [*(p.name for p in layer.parameters), weight])[-1]
        file.check_tensor(name, shape, [layer.dtype.name])
        return np.zeros(shape, layer.dtype)

    token = weight_source.set(zeros)
    try:
        model.build((None, *first.shape))
    finally:
        weight_source.reset(token)


def _set_state(model: "Sequential", named: dict[str, Parameter], state: dict[str, Any]) -> None:
    frozen, steps = state.get("frozen"), state.get("steps")
    noise = {layer.name: layer for layer in noise_layers(model)}
    if not isinstance(frozen, list) or not isinstance(steps, dict) or not set(frozen) <= named.keys():
        raise ValueError("'state' in its metadata must have a list of frozen weights, and steps")
    same_names(steps, noise, "noise layers")
    for name, p in named.items():
        p.trainable = name not in frozen
    for name, layer in noise.items():
        layer.step = _count(steps[name], f"steps[{name!r}]")


def _count(value: Any, argument: str) -> int:
    return checks.integer(value, argument, 0, 2**62 - 1)


def _recompile(
    model: "Sequential", named: dict[str, Parameter], file: ModelFile, custom_objects: CustomObjects
) -> None:
    """Compile the model as it was, and restore the state of the optimizer."""
    how = file.json("compile", dict)
    same_names(how, ("optimizer", "iterations", "loss", "metrics"), "entries of 'compile'")
    model.compile(*(decode(how[name], custom_objects) for name in ("optimizer", "loss", "metrics")))
    optimizer = model.optimizer
    optimizer.iterations = _count(how["iterations"], "iterations")
    slots = [slot_names(place, named) for place in range(optimizer.all_slots)]
    others = file.names - named.keys()
    if others or (optimizer.iterations and model.built):
        same_names(others, [name for names in slots for name in names], "tensors")
    if others:
        optimizer.build(model.parameters)
        for p, names in zip(named.values(), zip(*slots, strict=True), strict=True):
            for name, slot in zip(names, optimizer.slots_of(p), strict=True):
                slot[...] = file.tensor(name, p.shape, model.dtype.name)
