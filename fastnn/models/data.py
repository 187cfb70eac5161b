"""Checks and converts the arguments of fit and evaluate, before anything is changed."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..engine.run import Samples

if TYPE_CHECKING:
    from .sequential import Sequential


def prepare_samples(
    model: "Sequential",
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: dict[int, float] | None = None,
    names: tuple[str, str, str] = ("x", "y", "sample_weight"),
) -> Samples:
    """Checked samples with their targets and sample weights."""
    loss = model._require_compiled()
    rows = model._prepare_x(x, names[0])
    model._finish_compile()
    assert model.output_shape is not None
    assert model.output_shape[-1] is not None
    targets = loss.prepare(y, model.output_shape[-1], model.dtype, names[1])
    checks.same_length(rows, names[0], targets, names[1])
    targets = checks.read_only(targets)
    if class_weight is not None and sample_weight is not None:
        raise ValueError("class_weight and sample_weight cannot be used together: multiply them into sample_weight")
    weights = None
    if class_weight is not None:
        weights = _weights_of_classes(class_weight, targets, model.dtype)
    elif sample_weight is not None:
        weights = checks.sample_weights(sample_weight, len(rows), model.dtype, names[2])
    return Samples(rows, targets, weights)


def _weights_of_classes(class_weight: dict[int, float], targets: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Each sample's weight by its label: an integer target, the index of the largest, or the nearer of 0 and 1."""
    if not isinstance(class_weight, dict):
        raise TypeError(f"class_weight must be a dict of {{label: weight}}, received {class_weight!r}")
    if targets.ndim == 1:
        labels = targets
    else:
        labels = targets.argmax(axis=1) if targets.shape[1] > 1 else np.rint(targets[:, 0]).astype(np.int64)
    weights = np.ones(len(labels), dtype)
    for label, weight in class_weight.items():
        key = checks.integer(label, "a label of class_weight", 0)
        weights[labels == key] = checks.number(weight, f"class_weight[{label}]", 0, float(np.finfo(dtype).max))
    return checks.read_only(weights)


def prepare_fit(
    model: "Sequential",
    x: Any,
    y: Any,
    batch_size: int | None,
    validation_split: float,
    validation_data: Any,
    class_weight: dict[int, float] | None,
    sample_weight: Any,
) -> tuple[Samples, Samples | None, int]:
    """Checked training and validation samples, and the batch size."""
    batch_size = 32 if batch_size is None else checks.integer(batch_size, "batch_size")
    share = checks.number(validation_split, "validation_split", 0, 1, open_high=True)
    samples = prepare_samples(model, x, y, sample_weight, class_weight)
    validation = None
    if validation_data is not None:
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ValueError("validation_data must be (x, y) or (x, y, sample_weight)")
        x_val, y_val, *rest = validation_data
        names = ("validation_data x", "validation_data y", "validation_data sample_weight")
        validation = prepare_samples(model, x_val, y_val, rest[0] if rest else None, names=names)
    elif share > 0:
        split = math.floor(len(samples) * (1 - share))
        if split in (0, len(samples)):
            raise ValueError(f"validation_split={share:g} of {len(samples)} samples leaves one of the parts empty")
        samples, validation = samples.part(0, split), samples.part(split, len(samples))
        if class_weight is not None:  # class weights are for training only
            validation.sample_weight = None
    return samples, validation, min(batch_size, len(samples))
