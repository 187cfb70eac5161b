"""Networks of any layers and sizes: compiled, on any number of threads, they compute what one layer at a time does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import layers
from fastnn.engine import threads
from fastnn.engine.eager import EagerProgram
from fastnn.engine.program import Program

from ..cases import OPTIMIZERS
from ..small_models import assert_same_weights, dense
from .test_same_bits import Identity

SIZES = st.one_of(st.integers(1, 3), st.integers(1, 63), st.sampled_from([7, 8, 9, 15, 16, 17, 31, 32, 33, 64]))
WIDE = st.integers(64, 300)
ACTIVATIONS = st.sampled_from(["linear", "relu", "leaky_relu", "sigmoid", "tanh", "softmax", "elu", "gelu"])
LAYERS = st.one_of(
    st.builds(lambda n, a, b: lambda: dense(n, a, 1, use_bias=b), SIZES, ACTIVATIONS, st.booleans()),
    st.builds(lambda n, a, b: lambda: dense(n, a, 1, use_bias=b, trainable=False), SIZES, ACTIVATIONS, st.booleans()),
    st.builds(lambda a: lambda: layers.Activation(a), ACTIVATIONS),
    st.builds(lambda s: lambda: layers.ReLU(s), st.sampled_from([0.0, 0.01])),
    st.builds(lambda axes: lambda: layers.PReLU("ones", shared_axes=axes), st.sampled_from([None, [1]])),
    st.builds(lambda r: lambda: layers.Dropout(r, seed=5), st.sampled_from([0.0, 0.25, 0.9])),
    st.builds(lambda s: lambda: layers.GaussianNoise(s, seed=6), st.sampled_from([0.0, 0.5])),
    st.just(lambda: layers.Rescaling(0.5, -0.25)),
    st.just(layers.Flatten),
)


@st.composite
def trainings(draw, outputs=SIZES):
    return {
        "layers": draw(st.lists(LAYERS, max_size=5)),
        "features": draw(SIZES),
        "outputs": draw(outputs),
        "rows": draw(SIZES),
        "batch_size": draw(SIZES),
        "optimizer": draw(st.sampled_from(OPTIMIZERS)),
        "pixels": draw(st.booleans()),
        "loss": draw(st.sampled_from(["mse", "binary_crossentropy", "categorical_crossentropy"])),
        "weighted": draw(st.booleans()),
        "shuffle": draw(st.booleans()),
    }


def train(case, eager):
    fastnn.utils.set_random_seed(3)
    rng = np.random.default_rng(4)
    shape = (case["rows"], case["features"])
    x = rng.integers(0, 256, shape, np.uint8) if case["pixels"] else rng.normal(size=shape)
    first = layers.Rescaling(1 / 255) if case["pixels"] else layers.Rescaling(0.75)
    model = fastnn.Sequential([fastnn.Input(shape[1:]), *([Identity()] if eager else []), first])
    for make in case["layers"]:
        model.add(make())
    outputs = max(2, case["outputs"])
    last = {"mse": None, "binary_crossentropy": "sigmoid", "categorical_crossentropy": "softmax"}[case["loss"]]
    model.add(dense(outputs, last, 7))
    model.compile(case["optimizer"].make(), case["loss"], ["mae"])
    y = rng.dirichlet(np.ones(outputs), case["rows"])
    weights = rng.uniform(0, 2, case["rows"]) if case["weighted"] else None
    history = model.fit(
        x, y, batch_size=case["batch_size"], epochs=2, sample_weight=weights, shuffle=case["shuffle"], verbose=0
    )
    assert {type(made.runner) for made in model._programs.values()} == {EagerProgram if eager else Program}
    return model, history.history, model.predict(x)


def train_on(count, case):
    before = threads._asked
    try:
        fastnn.set_num_threads(count)
        return train(case, eager=False)
    finally:
        threads._asked = before


def assert_same(result, expected):
    assert_same_weights(result[0], expected[0])
    np.testing.assert_equal(result[1], expected[1])
    np.testing.assert_array_equal(result[2], expected[2])


@pytest.mark.filterwarnings("ignore:the loss is no longer:RuntimeWarning")
@given(trainings(), st.sampled_from([1, 3]))
def test_any_network(case, count):
    assert_same(train_on(count, case), train(case, eager=True))


@pytest.mark.filterwarnings("ignore:the loss is no longer:RuntimeWarning")
@settings(max_examples=20)
@given(trainings(WIDE))
def test_any_wide_network(case):
    assert_same(train_on(3, case), train(case, eager=True))
