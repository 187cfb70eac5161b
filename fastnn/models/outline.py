"""A network in outline, for drawings: its layers as blocks, and a small dense one as columns of neurons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..layers import Activation, Dense, Layer
from ..markup import printable

if TYPE_CHECKING:
    from ..layers.stack import Stack

Item = TypeVar("Item")


@dataclass(frozen=True)
class Block:
    """What one box of a drawing stands for.

    Attributes:
        name: the layer's name; "input" for the samples.
        kind: "input", "dense", "convolution", "pooling" or "other".
        details: what is special, and the layers after it that have no weights and keep its shape.
        shape: of a sample's output; None before the model is built.
        parameters: the number of its parameters, with those layers'.
    """

    name: str
    kind: str
    details: tuple[str, ...]
    shape: tuple[int, ...] | None
    parameters: int


@dataclass(frozen=True)
class Column:
    """The neurons of a layer.

    Attributes:
        name: the layer's name; "input" for the numbers of a sample.
        details: its activation, and the layers after it that keep the shape.
        units: how many.
        kernel: the weights (units before, units) of the connections; None for the input.
        bias: the biases (units,), or None.
    """

    name: str
    details: tuple[str, ...]
    units: int
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None


def blocks(model: "Stack") -> list[Block]:
    """The network as blocks, the input first where it is known."""
    found: list[Block] = []
    if model.input_shape is not None:
        found.append(Block("input", "input", (), _sample(model.input_shape), 0))
    for layer in model.layers:
        shape = _sample(layer.output_shape)
        if found and found[-1].kind != "input" and not layer.parameters and shape == found[-1].shape is not None:
            found[-1] = replace(found[-1], details=(*found[-1].details, _said(layer)))
            continue
        found.append(Block(printable(layer.name), _kind(layer), _details(layer), shape, layer.count_params()))
    return found


def neurons(model: "Stack", most: int) -> list[Column] | None:
    """The network as columns of at most `most` neurons, if it is built of dense layers on vectors; otherwise None."""
    shape = _sample(model.input_shape)
    if not model.built or shape is None or len(shape) != 1:
        return None
    found = [Column("input", (), shape[0])]
    for layer in model.layers:
        now = _sample(layer.output_shape)
        if isinstance(layer, Dense) and now is not None and len(now) == 1:
            kernel, *bias = layer.get_weights()
            found.append(Column(printable(layer.name), _details(layer), now[0], kernel, bias[0] if bias else None))
        elif now == (found[-1].units,):
            found[-1] = replace(found[-1], details=(*found[-1].details, _said(layer)))
        else:
            return None
    return found if len(found) > 1 and max(column.units for column in found) <= most else None


def ends(items: Sequence[Item], most: int) -> tuple[list[Item], list[Item], list[Item]]:
    """All items, or where there are more than `most` those at the beginning, those left out, and those at the end."""
    if len(items) <= most:
        return list(items), [], []
    first, last = most - most // 2, most // 2
    return list(items[:first]), list(items[first : len(items) - last]), list(items[len(items) - last :])


def shape_text(shape: tuple[int, ...] | None) -> str:
    """28 × 28 × 8."""
    return "not built" if shape is None else " × ".join(f"{n:,}" for n in shape)


def extent(block: Block) -> tuple[float, float, float]:
    """Height, depth and width of a block, on a logarithmic scale: of a vector its length and nothing else."""
    *places, channels = block.shape or (1,)
    if not places:
        return float(np.log2(1 + channels)), 0.0, 1.0
    height, depth = places[0], places[1] if len(places) > 1 else 1
    return float(np.log2(1 + height)), float(np.log2(depth)), float(np.log2(1 + channels))


def _sample(shape: Any) -> tuple[int, ...] | None:
    return None if shape is None else tuple(int(n) for n in shape[1:])


def _kind(layer: Layer) -> str:
    known = {"Dense": "dense", "Conv": "convolution", "Pooling": "pooling"}
    names = [base.__name__ for base in type(layer).__mro__]
    return next((kind for part, kind in known.items() for name in names if part in name), "other")


def _details(layer: Layer) -> tuple[str, ...]:
    """The size of the windows and the activation."""
    found = []
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if isinstance(window, tuple):
        found.append(" × ".join(map(str, window)))
    activation = None if type(layer) is Activation else getattr(layer, "activation", None)
    if isinstance(activation, Layer) and (said := _said(activation)) != "linear":
        found.append(said)
    return tuple(found)


def _said(layer: Layer) -> str:
    """A layer in a few words."""
    if type(layer) is Activation:
        return str(layer.activation)
    rate = getattr(layer, "rate", None)
    return f"{type(layer).__name__} {rate:g}" if isinstance(rate, float) else type(layer).__name__
