"""Planes in the space of a network's weights, through its own weights: two random directions, or those of a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.parameters import Parameter

Arrays = list[np.ndarray]  # one float64 array for each weight that the plane moves


@dataclass(frozen=True)
class Plane:
    """The weights theta + a d1 + b d2, for all numbers a and b.

    Attributes:
        parameters: the weights that it moves.
        centre: their values theta.
        first, second: the directions d1 and d2, as arrays of the weights' shapes.
        names: what the axes of a and b are called.
        path: the coordinates (n, 2) of the path that the plane was laid through, or None.
    """

    parameters: list[Parameter]
    centre: Arrays
    first: Arrays
    second: Arrays
    names: tuple[str, str]
    path: np.ndarray | None = None

    def move(self, a: float, b: float) -> None:
        """Give the weights their values at (a, b)."""
        for p, theta, one, other in zip(self.parameters, self.centre, self.first, self.second, strict=True):
            p.value[...] = theta + a * one + b * other


def values(parameters: Sequence[Parameter]) -> Arrays:
    """The values of weights in float64, as copies."""
    return [p.value.astype(np.float64) for p in parameters]


def filter_normalized(weight: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """A direction with the norms of the weight's filters: d_j |w_j| / |d_j|.

    A filter is a slice along the last axis: the weights of one unit of a dense layer, or of one output channel of a
    convolution (Li et al. 2018, https://arxiv.org/abs/1712.09913, section 4).
    """
    axes = tuple(range(weight.ndim - 1))
    own, other = (np.sqrt(np.square(a).sum(axis=axes, keepdims=True)) for a in (direction, weight))
    scaled: np.ndarray = direction * np.divide(other, own, out=np.zeros_like(own), where=own > 0)
    return scaled


def random_plane(parameters: Sequence[Parameter], seed: int) -> Plane:
    """Two random normal directions, filter-normalised; biases and other vectors are not moved."""
    kernels = [p for p in parameters if len(p.shape) > 1]
    if not kernels:
        raise ValueError(
            "model must have trainable kernels, whose values the plot changes; it has none: layer.trainable says "
            "what is trained"
        )
    generator, centre = np.random.default_rng(seed), values(kernels)
    first, second = ([filter_normalized(w, generator.normal(size=w.shape)) for w in centre] for _ in range(2))
    names = "first random direction", "second random direction"
    return Plane(kernels, centre, first, second, names)


def plane_of_path(parameters: Sequence[Parameter], path: Sequence[Arrays]) -> Plane:
    """The plane through the weights that is nearest to a path of weights, by its principal directions.

    These are the first two right singular vectors of the matrix with the rows theta_i - theta, where theta_i are the
    path's weights, all of them in one row, and theta the model's own (Li et al. 2018, section 7).

    Args:
        parameters: the weights of the model.
        path: the values of all these weights at some points of the training.
    """
    centre = values(parameters)
    away = np.stack([np.concatenate([(a - c).ravel() for a, c in zip(w, centre, strict=True)]) for w in path])
    _, sizes, directions = np.linalg.svd(away, full_matrices=False)
    if (sizes > 1e-7 * max(sizes[0], np.finfo(float).tiny)).sum() < 2:
        raise ValueError(
            "path must hold weights that lie in at least two different directions from those of the model, for "
            f"example those after each epoch, received {len(path)} entries"
        )
    # The signs of singular vectors are arbitrary: let the path begin on the positive side.
    directions = directions[:2] * np.where(directions[:2] @ away[0] < 0, -1.0, 1.0)[:, np.newaxis]
    shares = np.square(sizes) / np.square(sizes).sum()
    names = tuple(
        f"{which} direction of the path ({100 * share:.0f} %)"
        for which, share in zip(("first", "second"), shares[:2], strict=True)
    )
    ends = np.cumsum([c.size for c in centre])[:-1]
    first, second = (
        [part.reshape(c.shape) for part, c in zip(np.split(d, ends), centre, strict=True)] for d in directions
    )
    return Plane(list(parameters), centre, first, second, (names[0], names[1]), away @ directions.T)


def checked_path(path: Any, model_weights: Sequence[np.ndarray], moved: Sequence[int]) -> list[Arrays]:
    """A path as float64 arrays of the weights that are moved.

    Args:
        path: what the user gave: a list of what `model.get_weights()` returned.
        model_weights: all weights of the model.
        moved: the indices of those that the plane moves.
    """
    shapes = [w.shape for w in model_weights]
    if not isinstance(path, (list, tuple)) or not path:
        raise TypeError(f"path must be a list of what model.get_weights() returned, received {type(path).__name__}")
    for i, weights in enumerate(path):
        received = [np.shape(w) for w in weights] if isinstance(weights, (list, tuple)) else type(weights).__name__
        if received != shapes:
            raise ValueError(
                f"path[{i}] must be what model.get_weights() returns, arrays of {shapes}, received {received}"
            )
    found = [[np.asarray(weights[k], np.float64) for k in moved] for weights in path]
    for i, weights in enumerate(found):
        if not all(np.isfinite(w).all() for w in weights):
            raise ValueError(f"path[{i}] must hold finite numbers, received NaN or infinity")
    return found
