"""Models in files: safetensors with the weights, and the architecture as JSON in the metadata. Nothing is unpickled.

Tensors, in the model's float type, without padding:

    dense/kernel                 a weight, named after its layer and itself
    optimizer/0/dense/kernel     the optimizer's first slot for it, if the model was trained

Metadata, all of it text, and all but the first two JSON:

    fastnn_format                "1"
    fastnn_version               the version that wrote the file
    weights                      the weights' names in the model's order
    config                       the model: {"module", "class_name", "config"} (`fastnn/configured.py`)
    state                        {"frozen": [weight, ...], "steps": {noise layer: step}}
    compile                      {"optimizer", "iterations", "loss", "metrics"}, if the model is compiled

`save_weights` writes only the first three. Loading creates only fastnn's own classes and those in `custom_objects`, and
checks the shapes of the tensors before it allocates anything of a size that the config asks for.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from .. import checks
from ..configured import CustomObjects, checked_custom_objects, decode, describe, encode, find_class
from ..engine.parameters import Parameter
from ..layers.base import InputLayer, Layer, assign, weight_source
from ..layers.dropout import Noise
from ..layers.stack import Stack
from ..models.sequential import Sequential
from .model_file import (
    ModelFile,
    check_distinct,
    named_parameters,
    opened,
    same_names,
    slot_names,
    unnumbered,
    weight_names,
    write,
)


def save_model(model: Stack, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model to a file: architecture, weights, and how it was compiled with the optimizer's state.

    The loaded model makes bit-identical predictions, and continues training as if it had never stopped.

    Args:
        model: built or not, compiled or not.
        path: by convention it ends in ".safetensors". The file is written completely or not at all.
        overwrite: whether to replace an existing file.

    Raises:
        ValueError: if the file exists and `overwrite` is False, for weights that are not finite, and for an argument
            of a layer, loss, metric or optimizer that cannot be stored. Nothing is written then.

    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3)])
    >>> fastnn.saving.save_model(model, "model.safetensors")
    >>> fastnn.saving.load_model("model.safetensors").count_params()
    9
    """
    model, path = _checked(model), _target(path, overwrite)
    if model.parameters and not model.built:
        raise ValueError(f"model {model.name} has weights but no input shape; call model.build(input_shape) first")
    with model.lock:
        named = named_parameters(model)
        tensors, metadata = _weights(named)
        metadata |= {"config": _json(describe(model)), "state": _json(_state(model, named))}
        if model.loss is not None:
            metadata["compile"] = _json(_compiled_with(model))
            slots = _slots(model, named)
            check_distinct(slots, tensors)
            tensors |= slots
    write(path, tensors, metadata)


def load_model(path: str | os.PathLike[str], custom_objects: CustomObjects = None, compile: bool = True) -> Sequential:
    """Load a model from a file that `save_model` wrote.

    Args:
        path: the file.
        custom_objects: {name: class} for layers, losses, metrics, optimizers and initializers that are not fastnn's.
        compile: whether to compile the model as it was, including the optimizer's state.

    Raises:
        ValueError: for a file that is damaged, is not fastnn's, or needs a class that is not in `custom_objects`.
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


def save_weights(model: Stack, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write only a model's weights; arguments and errors are those of `save_model`.

    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3, name="first")])
    >>> fastnn.saving.save_weights(model, "weights.safetensors")
    >>> import safetensors.numpy
    >>> sorted(safetensors.numpy.load_file("weights.safetensors"))
    ['first/bias', 'first/kernel']
    """
    model, path = _checked(model), _target(path, overwrite)
    _require_built(model)
    with model.lock:
        named = named_parameters(model)
        tensors, metadata = _weights(named)
    write(path, tensors, metadata)


def load_weights(model: Stack, path: str | os.PathLike[str]) -> None:
    """Set a model's weights from a file of `save_weights` or `save_model`; if they do not fit, none is changed.

    Weights are matched by name. If only the numbers in automatic layer names differ (`dense_2` for `dense`), they are
    matched by their order.

    Raises:
        ValueError: for a model that is not built, or a file that is damaged or of another architecture.
        FileNotFoundError: if there is no such file.

    >>> trained, new = (fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3)]) for _ in range(2))
    >>> fastnn.saving.save_weights(trained, "weights.safetensors")
    >>> fastnn.saving.load_weights(new, "weights.safetensors")
    >>> bool((new.get_weights()[0] == trained.get_weights()[0]).all())
    True
    """
    model = _checked(model)
    _require_built(model)
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
        with model.lock:
            assign(list(named.values()), arrays, f"model {model.name}")


# ---------------------------------------------------------------------------------------------------------------------
# From a model to the content of a file.


def _target(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """The path, after checking that a file may be written there."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"path must name a file, received the folder {path}")
    if path.exists() and not overwrite:
        raise ValueError(f"the file {path} exists already; pass overwrite=True to replace it")
    return path


def _checked(model: Stack) -> Sequential:
    if not isinstance(model, Sequential):
        raise TypeError(f"model must be a fastnn.Sequential, received {model!r}")
    return model


def _require_built(model: Sequential) -> None:
    if not model.built:
        raise ValueError(f"model {model.name} has no weights yet; give it an Input, or call model.build(input_shape)")


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _weights(named: dict[str, Parameter]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Copies of the weights, and their metadata."""
    tensors = {name: p.value.copy(order="C") for name, p in named.items()}
    for name, array in tensors.items():
        checks.finite(array, f"to be saved, {name}")
    return tensors, {"weights": _json(list(named))}


def _state(model: Sequential, named: dict[str, Parameter]) -> dict[str, Any]:
    """The state of a model besides its arguments and weights."""
    frozen = [name for name, p in named.items() if not p.trainable]
    return {"frozen": frozen, "steps": {layer.name: layer.step for layer in _noise(model)}}


def _noise(model: Sequential) -> list[Noise]:
    return [layer for layer in model.layers if isinstance(layer, Noise)]


def _compiled_with(model: Sequential) -> dict[str, Any]:
    """The arguments of `compile`, and the number of steps of the optimizer."""
    optimizer = model.optimizer
    described = describe(optimizer)
    # A user's own optimizer is recreated by the user's rules. The rate, perhaps a user's schedule, plays no part here.
    config = described["config"] | {"learning_rate": 0.0}
    if described["module"] and type(optimizer).from_config(config).all_slots != optimizer.all_slots:
        raise ValueError(f"{optimizer!r} was changed to another algorithm after it was made; compile with a new one")
    return {
        "optimizer": described,
        "iterations": optimizer.iterations,
        "loss": describe(model.loss),
        "metrics": encode(model.metrics_asked, "metrics"),
    }


def _slots(model: Sequential, named: dict[str, Parameter]) -> dict[str, np.ndarray]:
    """Copies of the optimizer's slots, if the model was trained."""
    optimizer = model.optimizer
    if not optimizer.slots.size:
        return {}
    optimizer.build(model.joined_storage())
    slots = zip(*(optimizer.slots_of(p) for p in named.values()), strict=True)
    return {
        name: view.copy(order="C")
        for place, views in enumerate(slots)
        for name, view in zip(slot_names(place, named), views, strict=True)
    }


# ---------------------------------------------------------------------------------------------------------------------
# From a file to a model.


def _rebuilt(file: ModelFile, custom_objects: CustomObjects) -> tuple[Sequential, dict[str, Parameter]]:
    """The model with its weights."""
    description = file.json("config", dict)
    kind = find_class(description, custom_objects)
    config = description.get("config")
    if not issubclass(kind, Sequential) or not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise ValueError(f"its 'config' must describe a Sequential, received {kind.__name__}")
    # First the layers, then their weights, when the expected tensors are known.
    first, rest = _input_shape(config["layers"])
    if any(isinstance(layer, dict) and layer.get("class_name") == "InputLayer" for layer in rest):
        raise ValueError("its 'config' must have at most one InputLayer, which comes first")  # a second would build now
    model = kind.from_config({**config, "layers": rest}, custom_objects)
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


def _build(model: Sequential, first: InputLayer, file: ModelFile) -> None:
    """Build the model; that every weight has a tensor of its shape is checked before memory is allocated for it."""

    def zeros(layer: Layer, weight: str, shape: tuple[int, ...]) -> np.ndarray | None:
        if not any(layer is other for other in model.layers):
            return None  # a layer inside a layer written by the user
        name = weight_names(layer.name, [*(p.name for p in layer.parameters), weight])[-1]
        file.check_tensor(name, shape, [layer.dtype.name])
        return np.zeros(shape, layer.dtype)

    token = weight_source.set(zeros)
    try:
        model.build((None, *first.shape))
    finally:
        weight_source.reset(token)


def _set_state(model: Sequential, named: dict[str, Parameter], state: dict[str, Any]) -> None:
    frozen, steps = state.get("frozen"), state.get("steps")
    noise = {layer.name: layer for layer in _noise(model)}
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


def _recompile(model: Sequential, named: dict[str, Parameter], file: ModelFile, custom_objects: CustomObjects) -> None:
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
        optimizer.build(model.joined_storage())
        for p, names in zip(named.values(), zip(*slots, strict=True), strict=True):
            for name, slot in zip(names, optimizer.slots_of(p), strict=True):
                slot[...] = file.tensor(name, p.shape, model.dtype.name)
