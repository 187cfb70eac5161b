"""From a file to a model. `save.py` says what the file holds.

Classes come from fastnn's own and from `custom_objects`. The tensors' shapes are checked before there is memory of any
size that the file's config asks for.
"""

import os
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import checks
from ..configured import CustomObjects, checked_custom_objects, decode, find_class
from ..engine.parameters import Parameter
from ..layers.base import InputLayer, Layer, assign, weight_source
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
    """The model in a file that `save_model` wrote.

    Args:
        path: the file.
        custom_objects: {name: class} for layers, losses, metrics, optimizers and initializers that are not fastnn's.
        compile: whether to compile the model as it was, optimizer's state included.

    Raises:
        ValueError: for a file that is damaged, foreign, or needs a class that is not in `custom_objects`.
        FileNotFoundError: if there is no file.
    """
    custom_objects = checked_custom_objects(custom_objects)
    with opened(path) as file:
        if "fastnn_format" not in file.metadata:
            raise ValueError("expected fastnn's metadata, received a safetensors file without")
        file.check_format()
        if "config" not in file.metadata:
            raise ValueError("it holds weights only; make the model and call its load_weights")
        model, named = _rebuilt(file, custom_objects)
        _set_state(model, named, file.json("state", dict))
        if "compile" not in file.metadata:
            same_names(file.names, named, "tensors")
        elif compile:
            _recompile(model, named, file, custom_objects)
    return model


def load_weights(model: "Sequential", path: str | os.PathLike[str]) -> None:
    """Set a model's weights from a file of `save_weights` or `save_model`: all of them, or none where they do not fit.

    Weights are found by name. Where layers were named automatically, only the numbers in their names may differ
    (`dense_2` for `dense`): the weights are then found by their order.

    Raises:
        ValueError: for a model that is not built, or a file that is damaged or of another architecture.
        FileNotFoundError: if there is no file.
    """
    model = checked(model)
    require_built(model)
    named = named_parameters(model)
    with opened(path) as file:
        ordered = "fastnn_format" in file.metadata  # else any file with the right names will do
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
        with model._lock:
            assign(list(named.values()), arrays, f"model {model.name}")


def _rebuilt(file: ModelFile, custom_objects: CustomObjects) -> "tuple[Sequential, dict[str, Parameter]]":
    """The model with its weights."""
    description = file.json("config", dict)
    kind = find_class(description, custom_objects)
    config = description.get("config")
    if not issubclass(kind, Stack) or not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise ValueError(f"its 'config' must describe a Sequential, received {kind.__name__}")
    # The layers first and their weights afterwards, when it is known which tensors they should find.
    first, rest = _input_shape(config["layers"])
    if any(isinstance(layer, dict) and layer.get("class_name") == "InputLayer" for layer in rest):
        raise ValueError("its 'config' must have at most one InputLayer, which comes first")  # a second would build now
    model = cast("Sequential", kind.from_config({**config, "layers": rest}, custom_objects))
    if first is not None:
        _build(model, first, file)
    named = named_parameters(model)
    for name, p in named.items():
        p.value[...] = file.weight(name, p.shape, model.dtype.name)
    return model, named


def _input_shape(layers: list[Any]) -> tuple[InputLayer | None, list[Any]]:
    """The `Input` of described layers, if there is one, and the others."""
    if layers and isinstance(layers[0], dict) and layers[0].get("class_name") == "InputLayer":
        first = decode(layers[0])
        if isinstance(first, InputLayer):
            return first, layers[1:]
    return None, layers


def _build(model: "Sequential", first: InputLayer, file: ModelFile) -> None:
    """Build the model where every weight has a tensor of its shape, which is checked before there is memory for it."""

    def zeros(layer: Layer, weight: str, shape: tuple[int, ...]) -> np.ndarray | None:
        if not any(layer is other for other in model.layers):
            return None  # a layer inside a layer of the user's
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
    if checks.positive_integer(value, argument, 0) >= 2**62:
        raise ValueError(f"{argument} must be below 2**62, received {value}")
    return int(value)


def _recompile(
    model: "Sequential", named: dict[str, Parameter], file: ModelFile, custom_objects: CustomObjects
) -> None:
    """Compile the model as it was, and let the optimizer go on where it was."""
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
