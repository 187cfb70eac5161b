"""Saving models: safetensors files with the weights, and the architecture as JSON in the metadata; no pickles.

Tensors, in the model's float type, without padding:

    dense/kernel                 a weight, named after its layer and itself
    optimizer/0/dense/kernel     the optimizer's first slot for it, if the model was trained

Metadata, all of them strings, and all but the first two JSON:

    fastnn_format                "1"
    fastnn_version               the version that wrote the file
    weights                      the weights' names in the model's order
    config                       the model: {"module", "class_name", "config"} (`fastnn/configured.py`)
    state                        {"frozen": [weight, ...], "steps": {noise layer: step}}
    compile                      {"optimizer", "iterations", "loss", "metrics"}, if the model is compiled

`save_weights` writes only the first three. Loading creates only fastnn's own classes and those in `custom_objects`, and
checks the shapes of the tensors before it allocates anything whose size the config determines.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..configured import describe, encode
from ..engine.parameters import Parameter
from ..files import mode_of_file
from .model_file import (
    check_distinct,
    checked,
    encoded,
    named_parameters,
    noise_layers,
    require_built,
    slot_names,
    write,
)

if TYPE_CHECKING:
    from ..models.sequential import Sequential


def save_model(model: "Sequential", path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model to a file: architecture, weights, and the arguments of `compile` with the optimizer's state.

    The loaded model makes bit-identical predictions, and continues training as if it had never stopped.

    Args:
        model: built or not, compiled or not.
        path: by convention it ends in ".safetensors"; names of other formats, such as "m.keras", are refused. The file
            is written completely or not at all. Links are followed, and an existing file keeps its permissions.
        overwrite: whether to replace an existing file.

    Raises:
        ValueError: for the name of another format, for a folder, device or pipe, if the file exists and `overwrite` is
            False, for weights that are not finite, and for an argument of a layer, loss, metric or optimizer that
            cannot be stored. Nothing is written then.

    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3)])
    >>> fastnn.saving.save_model(model, "model.safetensors")
    >>> fastnn.saving.load_model("model.safetensors").count_params()
    9
    """
    write(_target(path, overwrite), *_contents(checked(model)))


def model_to_bytes(model: "Sequential") -> bytes:
    """What `save_model` writes."""
    return encoded(*_contents(model))


def _contents(model: "Sequential") -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors and the metadata of a model."""
    if model.parameters and not model.built:
        raise ValueError(f"model {model.name} has weights but no input shape; call model.build(input_shape) first")
    with model._turns.lock:
        named = named_parameters(model)
        tensors, metadata = _weights(named)
        metadata |= {"config": _json(describe(model)), "state": _json(_state(model, named))}
        if model.loss is not None:
            if model.built:
                model._finish_compile()  # as loading will: the loss or an activation may have been changed since
            metadata["compile"] = _json(_compiled_with(model))
            slots = _slots(model, named)
            check_distinct(slots, tensors)
            tensors |= slots
    return tensors, metadata


def save_weights(model: "Sequential", path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write only a model's weights; errors are those of `save_model`.

    Args:
        model: a built model.
        path: as for `save_model`.
        overwrite: whether to replace an existing file.

    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3, name="first")])
    >>> fastnn.saving.save_weights(model, "weights.safetensors")
    >>> import safetensors.numpy
    >>> sorted(safetensors.numpy.load_file("weights.safetensors"))
    ['first/bias', 'first/kernel']
    """
    model, path = checked(model), _target(path, overwrite)
    require_built(model)
    with model._turns.lock:
        named = named_parameters(model)
        tensors, metadata = _weights(named)
    write(path, tensors, metadata)


# Names of other formats: a file that is none of them would deceive whoever reads it.
_OTHER_FORMATS = {
    ".keras", ".h5", ".hdf5", ".tflite", ".pb", ".pt", ".pth", ".ckpt", ".onnx", ".npy", ".npz", ".pkl", ".pickle",
    ".joblib", ".json", ".csv",
}  # fmt: skip


def _target(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """The path, after checking that a file may be written there."""
    path = Path(path)
    if path.suffix.lower() in _OTHER_FORMATS:
        right = path.with_suffix(".safetensors").name
        raise ValueError(f"models are saved as safetensors files: path must be named {right!r}, received {path.name!r}")
    if mode_of_file(path) is not None and not overwrite:
        raise ValueError(f"the file {path} exists already; pass overwrite=True to replace it")
    return path


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _weights(named: dict[str, Parameter]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Copies of the weights, and their metadata."""
    tensors = {name: p.value.copy(order="C") for name, p in named.items()}
    for name, array in tensors.items():
        checks.finite(array, f"to be saved, {name}")
    return tensors, {"weights": _json(list(named))}


def _state(model: "Sequential", named: dict[str, Parameter]) -> dict[str, Any]:
    """The state of a model besides its arguments and weights."""
    frozen = [name for name, p in named.items() if not p.trainable]
    return {"frozen": frozen, "steps": {layer.name: layer.step for layer in noise_layers(model)}}


def _compiled_with(model: "Sequential") -> dict[str, Any]:
    """The arguments of `compile`, and the number of steps of the optimizer."""
    optimizer = model.optimizer
    return {
        "optimizer": describe(optimizer),
        "iterations": optimizer.iterations,
        "loss": encode(model.loss, "loss"),
        "metrics": encode(model._metrics_asked, "metrics"),
    }


def _slots(model: "Sequential", named: dict[str, Parameter]) -> dict[str, np.ndarray]:
    """Copies of the optimizer's slots, if the model was trained."""
    optimizer = model.optimizer
    if not optimizer.has_slots:
        return {}
    optimizer.build(model.parameters)
    slots = zip(*(optimizer.slots_of(p) for p in named.values()), strict=True)
    return {
        name: view.copy(order="C")
        for place, views in enumerate(slots)
        for name, view in zip(slot_names(place, named), views, strict=True)
    }
