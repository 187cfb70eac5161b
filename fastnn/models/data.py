"""Checks and converts the arguments of fit and evaluate, before anything is changed."""

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..engine.run import Samples
from ..sparse_rows import SparseRows, sparse_rows

if TYPE_CHECKING:
    from .sequential import Sequential

ClassWeight = dict[Any, float] | str


def prepare_samples(
    model: "Sequential",
    x: Any,
    y: Any,
    sample_weight: Any = None,
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
    _check_metrics(model, targets, names[1])
    if isinstance(rows, SparseRows):
        if not loss.compiled:
            raise TypeError(_runs_in_python(f"the loss {loss!r}", names[0]))
        for metric in model._metrics:
            if not metric.compiled:
                raise TypeError(_runs_in_python(f"the metric {metric.name}", names[0]))
    weights = None
    if sample_weight is not None:
        weights = checks.sample_weights(sample_weight, len(rows), model.dtype, names[2])
    return Samples(rows, targets, weights)


def prepare_sparse(model: "Sequential", x: Any, argument: str) -> SparseRows:
    """Checked samples from a sparse matrix, which the model's first layers can take; builds the model for them.

    Raises:
        TypeError: for a layer that needs dense samples, or that runs one layer at a time.
    """
    rows = sparse_rows(x, argument, model.dtype)
    model._build_for(rows.shape)
    if model._sample_shape != rows.shape[1:]:
        expected = ", ".join(["n", *map(str, model._sample_shape)])
        raise ValueError(f"{argument} must have shape ({expected}), received {rows.shape}")
    for layer in model._layers:
        if not layer.check_sparse(argument):
            break
    else:
        raise TypeError(f"{argument} must be dense for a model without a Dense layer; a sparse matrix's toarray() is")
    for layer in model._layers:
        if not layer.compiled:
            raise TypeError(_runs_in_python(f"layer {layer.name} ({type(layer).__name__})", argument))
    return rows


def _runs_in_python(what: str, argument: str) -> str:
    return (
        f"{what} is written in Python, and models with such parts need dense samples in {argument}; received a sparse "
        "matrix, whose toarray() is dense"
    )


def _check_metrics(model: "Sequential", targets: np.ndarray, argument: str) -> None:
    """A ValueError for a metric with kernels if the targets, which a function as loss takes, have another shape."""
    assert model.output_shape is not None
    if targets.ndim == 1 or targets.shape[1:] == model.output_shape[1:]:
        return
    for metric in model._metrics:
        if metric.operation is not None:
            raise ValueError(
                f"the metric {metric.name} expects {argument} of the outputs' shape, (n, {model.output_shape[-1]}), "
                f"received {targets.shape}; a function of (y_true, y_pred) as metric takes any"
            )


def weigh_classes(model: "Sequential", samples: Samples, class_weight: ClassWeight) -> None:
    """Give samples the weights of their classes.

    Args:
        model: the model that they are for.
        samples: checked samples without weights. A sample's label is its integer target, the index of the largest one,
            or, for a single output, the nearest integer.
        class_weight: {label: weight}, where other labels have weight 1; or "balanced": n / (classes present * samples
            of the class), as in scikit-learn.
    """
    assert samples.y is not None
    assert model.output_shape is not None
    if samples.sample_weight is not None:
        raise ValueError("class_weight and sample_weight cannot be used together: multiply them into sample_weight")
    labels, outputs, dtype = samples.y, int(model.output_shape[-1] or 1), model.dtype
    if labels.ndim > 2:
        raise ValueError(f"class_weight needs labels (n,) or rows (n, classes), received y of shape {labels.shape}")
    if labels.ndim == 2:
        labels = labels.argmax(axis=1) if labels.shape[1] > 1 else np.rint(labels[:, 0])
    present, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if isinstance(class_weight, str) and class_weight == "balanced":
        samples.sample_weight = checks.read_only((len(labels) / (len(present) * counts)).astype(dtype)[codes])
        return
    if not isinstance(class_weight, dict):
        raise TypeError(f'class_weight must be a dict of {{label: weight}} or "balanced", received {class_weight!r}')
    known = model._require_compiled().labels(outputs, present.tolist())
    weights = np.ones(len(labels), dtype)
    for label, weight in class_weight.items():
        if not isinstance(label, Real) or isinstance(label, bool) or label != label // 1:
            raise TypeError(f"a label of class_weight must be an integer, received {label!r}")
        if known is not None and label not in known:
            expected = f"in [0, {len(known)})" if known == set(range(len(known))) else f"among {sorted(known)}"
            raise ValueError(f"class_weight must have labels {expected}, received {label}")
        weights[labels == label] = checks.number(weight, f"class_weight[{label}]", 0, float(np.finfo(dtype).max))
    samples.sample_weight = checks.read_only(weights)


def prepare_fit(
    model: "Sequential",
    x: Any,
    y: Any,
    batch_size: int | None,
    validation_split: float,
    validation_data: Any,
    class_weight: ClassWeight | None,
    sample_weight: Any,
) -> tuple[Samples, Samples | None, int]:
    """Checked training and validation samples, and the batch size."""
    batch_size = 32 if batch_size is None else checks.integer(batch_size, "batch_size")
    share = checks.number(validation_split, "validation_split", 0, 1, open_high=True)
    samples = prepare_samples(model, x, y, sample_weight)
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
    if class_weight is not None:
        weigh_classes(model, samples, class_weight)  # for training only, and balanced on its samples
    return samples, validation, min(batch_size, len(samples))
