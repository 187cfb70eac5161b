"""Every row of `cases.LAYERS` through the layer objects, one layer at a time: what a reader who learns would write."""

from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import layers, optimizers
from fastnn.engine import threads
from fastnn.engine.eager import EagerProgram
from fastnn.engine.run import Run, Samples
from fastnn.kernels.jit import JIT_ENABLED

from ..cases import LAYERS
from ..comparing import assert_close, assert_same_bits, exact
from ..reference.gradients import central_difference

ROWS = st.sampled_from([1, 2, 3, 7, 8, 9, 17])
_COLUMNS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 129, 255, 256, 257]
COLUMNS = st.sampled_from(_COLUMNS if JIT_ENABLED else _COLUMNS[:9])
SEEDS = st.integers(0, 2**32 - 1)

each_layer = pytest.mark.parametrize("case", LAYERS, ids=attrgetter("name"))


def run(case, layer, x, dy=None):
    """Output, input gradient and gradients of the weights of a training step; the same noise in each."""
    if hasattr(layer, "step"):
        layer.step = 0
    y = layer(x, training=True)
    if dy is None:
        return y
    return y, layer.backward(dy), *(g.copy() for g in layer.gradients)


def example(case, seed, rows, columns, dtype):
    """A built layer, an input and an output gradient."""
    rng = np.random.default_rng(seed)
    layer = case.make(dtype=dtype)
    x = case.samples(rng, (rows, *case.shape(columns)), dtype)
    shape = layer.build_once(x.shape)
    if layer.weights:
        layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    return layer, x, rng.normal(size=(rows, *shape[1:])).astype(dtype)


@each_layer
@settings(max_examples=min(15, settings().max_examples))  # of each of many layers
@given(seed=SEEDS, rows=ROWS, columns=COLUMNS)
def test_agrees_with_the_reference(case, dtype, seed, rows, columns):
    layer, x, dy = example(case, seed, rows, columns, dtype)
    x_before, dy_before = x.copy(), dy.copy()
    y, *gradients = run(case, layer, x, dy)
    weights = [w.astype(np.float64) for w in layer.weights]
    expected = case.forward(exact(x), *weights)
    sums = bool(weights or case.linear or case.tolerance)  # whose terms may cancel
    terms = 0 if case.linear is None else case.linear(np.abs(exact(x)), *map(np.abs, weights))
    magnitude = np.abs(expected) + terms + 1 if sums else None
    assert_close(y, expected, magnitude, case.tolerance)
    for got, wanted in zip(gradients, case.backward(exact(dy), exact(x), expected, *weights), strict=True):
        assert_close(got, wanted, np.abs(wanted).max() + np.abs(dy).max())
    assert_same_bits(x, x_before)
    assert_same_bits(dy, dy_before)


@each_layer
@pytest.mark.parametrize("columns", [1, 3])
def test_gradients_are_central_differences(case, columns):
    layer, x, dy = example(case, 5, 4, columns, np.float64)
    y, dx, *gradients = run(case, layer, x, dy)
    y_before = y.copy()
    moved = central_difference(lambda x: run(case, layer, case.with_whole_indices(x)), x, dy, 1e-5)
    np.testing.assert_allclose(dx, moved, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(y, y_before)

    weights = layer.get_weights()
    for place, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):

        def with_weight(value, place=place):
            layer.set_weights([*weights[:place], value, *weights[place + 1 :]])
            return run(case, layer, x)

        np.testing.assert_allclose(gradient, central_difference(with_weight, weight, dy, 1e-5), rtol=1e-6, atol=1e-8)
        layer.set_weights(weights)


def _reversed(a):
    return np.ascontiguousarray(a[::-1])[::-1]


def _every_other(a):
    wide = np.zeros((2 * len(a), *a.shape[1:]), a.dtype)
    wide[::2] = a
    return wide[::2]


def _columns_of_a_wider_one(a):
    wide = np.full((*a.shape[:-1], 2 * a.shape[-1] + 1), 99, a.dtype)
    wide[..., 1::2] = a
    return wide[..., 1::2]


def _read_only(a):
    view = a.view()
    view.flags.writeable = False
    return view


LAYOUTS = {
    "fortran": np.asfortranarray,
    "reversed": _reversed,
    "every other row": _every_other,
    "some columns": _columns_of_a_wider_one,
    "read-only": _read_only,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
}


one_type = pytest.mark.parametrize("dtype", [np.dtype(np.float32)], ids=str)


@each_layer
@one_type
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_any_layout(case, layout, dtype):
    layer, x, dy = example(case, 1, 5, 7, dtype)
    expected = run(case, layer, x, dy)
    for got, wanted in zip(run(case, layer, layout(x), layout(dy)), expected, strict=True):
        assert_same_bits(np.ascontiguousarray(got, dtype), np.ascontiguousarray(wanted))


@each_layer
@one_type
@pytest.mark.parametrize("given_type", [np.uint8, np.int64, np.bool_, np.float16, np.float32, np.float64])
def test_any_type_of_numbers(case, given_type, dtype):
    layer, x, dy = example(case, 1, 5, 7, dtype)
    x, dy = (np.round(a * 40).astype(np.int64) % 7 for a in (x, dy))  # numbers that every type holds
    if given_type == np.bool_:
        x, dy = x % 2, dy % 2
    expected = run(case, layer, x.astype(dtype), dy.astype(dtype))
    got = run(case, layer, x.astype(given_type), dy.astype(given_type))
    assert got[0].dtype == dtype
    for array, wanted in zip(got, expected, strict=True):
        assert_same_bits(np.ascontiguousarray(array, dtype), np.ascontiguousarray(wanted))


@each_layer
def test_float64_numbers_are_rounded_once(case):
    layer, x, dy = example(case, 1, 5, 7, np.float32)
    wide = case.samples(np.random.default_rng(2), x.shape, np.float64)
    for got, wanted in zip(run(case, layer, wide, dy), run(case, layer, wide.astype(np.float32), dy), strict=True):
        assert_same_bits(got, wanted)


@each_layer
def test_a_second_batch_does_not_disturb_the_first(case, dtype):
    """Outputs are the caller's own: neither backward nor a later forward changes them."""
    layer, x, dy = example(case, 1, 9, 7, dtype)
    results = run(case, layer, x, dy)
    copies = [a.copy() for a in results]
    run(case, layer, case.samples(np.random.default_rng(2), (3, *x.shape[1:]), dtype), 1 - dy[:3])
    for array, copy in zip(results, copies, strict=True):
        assert_same_bits(np.ascontiguousarray(array), np.ascontiguousarray(copy))


@each_layer
def test_batches_after_each_other_are_independent(case, dtype):
    """A large batch leaves nothing behind that a smaller one could see."""
    layer, x, dy = example(case, 1, 3, 7, dtype)
    expected = run(case, layer, x, dy)
    large_x, large_dy = np.full((40, *x.shape[1:]), np.nan, dtype), np.full((40, *dy.shape[1:]), np.nan, dtype)
    case.with_indices(np.random.default_rng(2), large_x)
    run(case, layer, large_x, large_dy)
    for got, wanted in zip(run(case, layer, x, dy), expected, strict=True):
        assert_same_bits(np.ascontiguousarray(got), np.ascontiguousarray(wanted))


@each_layer
@pytest.mark.parametrize("thread_count", [1, 3])
def test_the_interpreter_gives_the_same_bits(case, dtype, thread_count, rng, monkeypatch):
    """Steps of `fit` on any number of threads, with a smaller last batch, against the same layers one at a time."""
    monkeypatch.setattr(threads, "_asked", thread_count)
    # Before it something to be trained, so that a gradient passes; behind it something that works in place.
    flat = case.shape(6) == (6,)
    first = layers.Dense(6, "tanh", dtype=dtype) if flat else layers.PReLU("ones", dtype=dtype)
    before = [] if case.indices else [first]
    after = [layers.Dropout(0.3, seed=5, dtype=dtype), layers.Flatten(dtype=dtype), layers.Dense(2, dtype=dtype)]
    model = fastnn.Sequential(
        [fastnn.Input((5,) if before and flat else case.shape(6)), *before, case.make(dtype=dtype), *after]
    )
    model.compile(optimizers.SGD(0.1), "mse")
    shape = (19, *model.input_shape[1:])
    x = rng.normal(size=shape).astype(dtype) if before else case.samples(rng, shape, dtype)
    targets = rng.normal(size=(19, 2)).astype(dtype)
    start = model.get_weights()
    model.fit(x, targets, batch_size=8, epochs=2, shuffle=False, verbose=0)
    trained, predicted = model.get_weights(), model.predict(x)

    model.set_weights(start)
    for layer in model.layers:
        layer.step = 0  # the same noise again
    one_by_one = EagerProgram(model.layers, shape[1:], True, model.loss)
    one_by_one.run(Run(Samples(x.reshape(19, -1), targets), 8, np.zeros((2, 1)), optimizers.SGD(0.1)))
    for got, wanted in zip(model.get_weights(), trained, strict=True):
        assert_same_bits(got, wanted)
    assert_same_bits(model.forward(x), predicted)
    assert any((a != b).any() for a, b in zip(start, trained, strict=True))
