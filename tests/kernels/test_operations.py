"""The operations as a whole: their names, and what one does that no layer of the table shows."""

import importlib

import numpy as np
import pytest

from fastnn.kernels import activations
from fastnn.kernels.operations import OPERATIONS
from fastnn.layers.kernel_layer import KernelLayer

from ..comparing import assert_close, exact
from ..reference import activations as reference


def plain(operation):
    return getattr(operation, "py_func", operation)


def test_an_operation_is_found_under_its_name_in_its_module():
    """Those that a factory makes too: the disk cache knows them by both, and by nothing else."""
    ours = [plain(o) for o in OPERATIONS if plain(o).__module__.startswith("fastnn.")]
    for function in ours:
        assert function.__qualname__ == function.__name__
        assert plain(getattr(importlib.import_module(function.__module__), function.__name__)) is function
        assert function.__doc__
    names = [(function.__module__, function.__name__) for function in ours]
    assert len(set(names)) == len(names) > 50


class PixelwiseSoftmax(KernelLayer):
    def lower(self, lowering):
        lowering.emit(activations.softmax, needs_output=True)


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 7), (4, 1)])
def test_softmax_goes_along_the_last_axis(dtype, rng, shape):
    layer = PixelwiseSoftmax(dtype=dtype.name)
    x, dy = (rng.normal(size=(6, *shape)).astype(dtype) for _ in range(2))
    y, dx = layer.forward(x, training=True), layer.backward(dy)
    rows = x.reshape(-1, shape[-1]), dy.reshape(-1, shape[-1]), y.reshape(-1, shape[-1])
    assert_close(rows[2], reference.softmax_forward(exact(rows[0])))
    expected = reference.softmax_backward(*exact(rows[1], rows[2]))
    assert_close(dx.reshape(expected.shape), expected, np.abs(rows[1]).max(axis=1, keepdims=True))
