"""Pooling, padding and reshaping against the figures of Keras 3: y, and dx for a given dy.

Recorded once with Keras 3.15.1 on JAX 0.10.2 (float32), the gradient with `jax.vjp` of the layer. The numbers repeat,
so that windows have ties. Keras's `AveragePooling2D` has no default for `pool_size`.
"""

import numpy as np
import pytest

from fastnn import layers


def numbers(*shape):
    return ((np.arange(np.prod(shape)) * 37 % 23 - 11) // 4).reshape(shape).astype(np.float32)


# Class, arguments, shape of a sample of x, shape of a sample of y, y, dx for dy = numbers + 4.
FIGURES = [
    ("MaxPooling2D", {}, (5, 4, 1), (2, 2, 1),
        [0, 2, 2, 1],
        [0, 1, 0, 4, 0, 0, 0, 0, 2, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("MaxPooling2D", {"pool_size": 2, "strides": 2, "padding": "same"}, (5, 4, 1), (3, 2, 1),
        [0, 2, 2, 1, 1, 2],
        [0, 1, 0, 4, 0, 0, 0, 0, 2, 0, 0, 6, 0, 0, 0, 0, 3, 0, 1, 0]),
    ("MaxPooling2D", {"pool_size": (3, 2), "strides": (1, 2), "padding": "same"}, (4, 3, 2), (4, 2, 2),
        [2, 2, -1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 1, -1],
        [0, 0, 0, 5, 2, 0, 0, 0, 10, 0, 0, 13, 0, 10, 0, 0, 10, 2, 3, 0, 0, 0, 0, 0]),
    ("MaxPooling2D", {"pool_size": 3, "strides": 1}, (4, 5, 1), (2, 3, 1),
        [1, 2, 2, 1, 2, 2],
        [0, 0, 0, 6, 0, 0, 7, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("MaxPooling2D", {"pool_size": 2, "strides": 3, "padding": "same"}, (5, 7, 1), (2, 3, 1),
        [2, 2, 2, 1, 2, 1],
        [0, 0, 0, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 1]),
    ("MaxPooling1D", {}, (5, 2), (2, 2),
        [-2, 2, 1, -2],
        [0, 0, 1, 4, 0, 0, 2, 6, 0, 0]),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, (6, 2), (3, 2),
        [-1, 2, 2, 0, 2, 1],
        [0, 0, 0, 4, 1, 0, 0, 0, 5, 6, 0, 1]),
    ("AveragePooling2D", {"pool_size": 2}, (5, 4, 1), (2, 2, 1),
        [-1.75, -0.25, 0.75, -1],
        [0.25, 0.25, 1, 1, 0.25, 0.25, 1, 1, 0.5, 0.5, 1.5, 1.5, 0.5, 0.5, 1.5, 1.5, 0, 0, 0, 0]),
    ("AveragePooling2D", {"pool_size": 2, "strides": 2, "padding": "same"}, (5, 3, 1), (3, 2, 1),
        [-0.5, -2.5, -1, 1.5, 0.5, 0],
        [0.25, 0.25, 2, 0.25, 0.25, 2, 0.5, 0.5, 3, 0.5, 0.5, 3, 1.5, 1.5, 1]),
    ("AveragePooling2D", {"pool_size": (3, 2), "strides": (1, 2), "padding": "same"}, (4, 3, 2), (4, 2, 2),
        [-0.5, 0, -2, -1, -0.5, 0, -1, -1, 0.3333333, -0.1666667, -1, -1, -0.25, 0.25, 0, -2],
        [0.75, 1.166667, 0.75, 1.166667, 2.666667, 3.666667, 1.75, 1.833333, 1.75, 1.833333, 3, 5.333333,
         2.25, 2.333333, 2.25, 2.333333, 4, 3.333333, 1.75, 2.166667, 1.75, 2.166667, 2.333333, 2.666667]),
    ("AveragePooling2D", {"pool_size": 2, "strides": 3, "padding": "valid"}, (5, 5, 1), (2, 2, 1),
        [-1.25, 0.75, -0.5, -0.25],
        [0.25, 0.25, 0, 1, 1, 0.25, 0.25, 0, 1, 1, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 1.5, 1.5, 0.5, 0.5, 0, 1.5, 1.5]),
    ("AveragePooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, (6, 2), (3, 2),
        [-2, -0.3333333, 0.6666667, -1.666667, -0.5, 0.5],
        [0.3333333, 1.333333, 0.3333333, 1.333333, 1, 3.333333, 0.6666667, 2, 2.166667, 2.5, 1.5, 0.5]),
    ("GlobalMaxPooling2D", {}, (3, 4, 2), (2,),
        [2, 2],
        [0, 0, 0, 2, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0]),
    ("GlobalMaxPooling1D", {}, (9, 2), (2,),
        [2, 2],
        [0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0]),
    ("GlobalAveragePooling2D", {}, (2, 3, 2), (2,),
        [-1, -0.3333333],
        [0.1666667, 0.6666667, 0.1666667, 0.6666667, 0.1666667, 0.6666667, 0.1666667, 0.6666667, 0.1666667,
         0.6666667, 0.1666667, 0.6666667]),
    ("GlobalAveragePooling1D", {}, (5, 2), (2,),
        [-0.6, -0.6],
        [0.2, 0.8, 0.2, 0.8, 0.2, 0.8, 0.2, 0.8, 0.2, 0.8]),
    ("ZeroPadding2D", {}, (2, 2, 1), (4, 4, 1),
        [0, 0, 0, 0, 0, -3, 0, 0, 0, -2, 2, 0, 0, 0, 0, 0],
        [1, 5, 4, 1]),
    ("ZeroPadding2D", {"padding": (1, 0)}, (2, 2, 1), (4, 2, 1),
        [0, 0, -3, 0, -2, 2, 0, 0],
        [2, 6, 3, 1]),
    ("ZeroPadding2D", {"padding": ((0, 1), (2, 0))}, (2, 2, 1), (3, 4, 1),
        [0, 0, -3, 0, 0, 0, -2, 2, 0, 0, 0, 0],
        [2, 6, 5, 2]),
    ("ZeroPadding1D", {"padding": (1, 2)}, (2, 2), (5, 2),
        [0, 0, -3, 0, -2, 2, 0, 0, 0, 0],
        [2, 6, 3, 1]),
    ("Reshape", {"target_shape": (3, -1)}, (2, 3, 2), (3, 4),
        [-3, 0, -2, 2, -1, -3, 1, -2, 2, 0, -3, 1],
        [1, 4, 2, 6, 3, 1, 5, 2, 6, 4, 1, 5]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "shape", "output_shape", "y", "dx"), FIGURES)
def test_figures(name, options, shape, output_shape, y, dx):
    layer = getattr(layers, name)(**options)
    output = layer(numbers(1, *shape), training=True)
    assert output.shape == (1, *output_shape)
    assert layer.compute_output_shape((None, *shape)) == (None, *output_shape)
    np.testing.assert_allclose(output.reshape(-1), y, rtol=1e-6)
    gradient = layer.backward(numbers(*output.shape) + 4)
    assert gradient.shape == (1, *shape)
    np.testing.assert_allclose(gradient.reshape(-1), dx, rtol=1e-6)


def test_every_layer_without_weights_has_figures():
    kinds = {"Pooling", "Padding", "Reshape"}
    assert {name for name in layers.__all__ if any(kind in name for kind in kinds)} == {case[0] for case in FIGURES}
