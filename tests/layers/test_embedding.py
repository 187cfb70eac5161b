"""Embeddings in models: Keras's figures, gradients of any table, and data that no kernel sees."""

import json

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers
from fastnn.engine import threads
from fastnn.engine.lowering import Lowering
from fastnn.kernels import embedding as kernels
from fastnn.layers.embedding import embedding_dim

from ..comparing import assert_close, assert_same_bits, canaries
from ..reference import embedding as reference
from ..small_models import dense, state

WORDS, SIZE, LENGTH = 7, 3, 4  # of a small table


@pytest.fixture(autouse=True)
def _threads_restored(monkeypatch):
    monkeypatch.setattr(threads, "_asked", None)


# ---------------------------------------------------------------------------------------------------------------------
# Keras 3.15.1 on JAX 0.10.2 (NumPy 2.4.6): Input((4,)), Embedding(7, 3), Flatten(), Dense(1), the mean squared error,
# fit(X, Y, batch_size=4, epochs=3, shuffle=False) from the weights below. A float is what np.float32 reads back.

X = np.array([[0, 3, 6, 2], [1, 5, 2, 6], [4, 2, 0, 5], [2, 1, 0, 6], [2, 2, 2, 2], [4, 5, 6, 0]])
Y = np.array([-0.75, -0.25, 0.25, 0.75, -0.75, -0.25])
START = [
    (np.arange(WORDS * SIZE).reshape(WORDS, SIZE) % 5 - 2) / 4,
    (np.arange(LENGTH * SIZE).reshape(LENGTH * SIZE, 1) % 7 - 3) / 8,
    np.array([0.125]),
]
BEFORE = [0.34375, -0.3125, 0.03125, -0.0625, 0.15625, 0.0625]
KERAS = {
    "sgd": {
        "loss": [0.46837774, 0.34097898, 0.2743573],
        "table": [
            *(-0.3947039, -0.28943917, -0.023698207, 0.24611795, 0.5168953, -0.47545072, -0.2523454, 0.07149571),
            *(0.24719103, 0.49883893, -0.5214591, -0.27960438, -0.0084822895, 0.2435862, 0.49528256, -0.5025745),
            *(-0.24846976, 0.0013811173, 0.1869153, 0.56386185, -0.4556423),
        ],
        "after": [-0.19177504, -0.38582987, -0.12137718, 0.051412843, -0.17230323, -0.38990957],
    },
    "momentum": {
        "loss": [0.46837774, 0.25478268, 0.17590201],
        "table": [
            *(-0.17645948, -0.37290686, -0.08718627, 0.23745361, 0.5623154, -0.42228574, -0.2700044, 0.16245262),
            *(0.22999409, 0.50062, -0.5634216, -0.34264728, -0.038102847, 0.22081916, 0.47473818, -0.5051448),
            *(-0.20492461, 0.006854663, 0.0815297, 0.638265, -0.38674465),
        ],
        "after": [-0.94628304, -0.3749357, -0.09417561, 0.43379188, -0.46243137, -0.82465696],
    },
    "adam": {
        "loss": [0.47390294, 0.22033851, 0.12463396],
        "table": [
            *(-0.28364447, -0.471649, -0.2437684, 0.21126723, 0.72937936, -0.29486167, -0.3525668, 0.0729035),
            *(0.1750423, 0.60822463, -0.7280248, -0.44977108, -0.053173218, 0.19882156, 0.39412233, -0.54301065),
            *(-0.25650537, -0.016278394, 0.03499025, 0.7239446, -0.28942248),
        ],
        "after": [-0.68692446, -0.13503942, 0.063743986, 0.6489942, -0.21897867, -0.6529247],
    },
}
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1),
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: optimizers.Adam(0.05),
}


def words(optimizer="sgd", dtype=None, known_shape=True):
    """Embedding, Flatten, Dense with the weights that Keras started from."""
    first = [fastnn.Input((LENGTH,))] if known_shape else []
    model = fastnn.Sequential(
        [
            *first,
            layers.Embedding(WORDS, SIZE, START[0], dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(1, kernel_initializer=START[1], bias_initializer=START[2], dtype=dtype),
        ]
    )
    model.compile(OPTIMIZERS[optimizer](), "mse")
    return model


@pytest.mark.parametrize("given_type", [np.int64, np.uint8, np.float32])
@pytest.mark.parametrize("optimizer", KERAS)
def test_trains_as_in_keras(optimizer, given_type):
    model, figures, x = words(optimizer), KERAS[optimizer], X.astype(given_type)
    np.testing.assert_array_equal(model.predict(x)[:, 0], BEFORE)
    history = model.fit(x, Y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    # Keras's Adam corrects its rate in float32; ours has the same weights in float32 and float64 to 2e-8.
    close = {"rtol": 1e-5, "atol": 1e-5} if optimizer == "adam" else {"rtol": 2e-6, "atol": 2e-7}
    np.testing.assert_allclose(history.history["loss"], figures["loss"], **close)
    np.testing.assert_allclose(model.get_weights()[0].ravel(), figures["table"], **close)
    np.testing.assert_allclose(model.predict(x)[:, 0], figures["after"], **close)


def test_starts_as_in_keras():
    layer = layers.Embedding(1000, 8)
    layer.build_once((None, 1))
    table = layer.weights[0]  # "uniform": in [-0.05, 0.05)
    assert 0.049 < np.abs(table).max() <= 0.05
    assert abs(table.mean()) < 0.002
    assert layers.Embedding(10, 4).compute_output_shape((None, 5, 6)) == (None, 5, 6, 4)


# ---------------------------------------------------------------------------------------------------------------------
# The gradient, whatever the sizes of table and batch: lists of their own for each 16 rows, lists that are shared, one.


@pytest.mark.parametrize("most", [None, 3], ids=["anywhere", "few rows"])
@pytest.mark.parametrize(
    ("table", "samples", "length"), [(1, 9, 2), (40, 300, 3), (5000, 40, 1), (5000, 530, 2), (131, 8, 33)]
)
def test_gradient_of_a_table(table, samples, length, most, dtype, rng):
    x = rng.integers(min(table, most or table), size=(samples, length))
    y = rng.normal(size=(samples, 1))
    batch_size = samples * 2 // 5  # three batches, the last of which must not see what the others leave behind
    last = slice(2 * batch_size, samples)

    def gradient(threads):
        fastnn.set_num_threads(threads)
        model = fastnn.Sequential(
            [
                fastnn.Input((length,)),
                layers.Embedding(table, 2, "ones", dtype=dtype),
                layers.Flatten(dtype=dtype),
                dense(1, None, 1, dtype=dtype),
            ]
        )
        model.compile(optimizers.SGD(0.0), "mse")
        model.fit(x, y, batch_size=batch_size, shuffle=False, verbose=0)
        return model, model.layers[0].gradients[0].copy()

    model, got = gradient(1)
    error = 2 * (model.predict(x[last]) - y[last]) / len(x[last])
    dy = (error.astype(np.float64) @ model.get_weights()[1].T.astype(np.float64)).reshape(*x[last].shape, 2)
    _, expected = reference.embedding_backward(dy, x[last], model.get_weights()[0])
    _, magnitude = reference.embedding_backward(np.abs(dy), x[last], model.get_weights()[0])
    assert_close(got, expected, magnitude + np.abs(dy).max(), 1e-5 if dtype == np.float32 else 1e-12)
    assert_same_bits(gradient(3)[1], got)


@pytest.mark.parametrize("lists", [1, 2, 4, 64])
@pytest.mark.parametrize("rows", [[(0, 100)], [(0, 7), (7, 40), (40, 100)]], ids=["at once", "in parts"])
def test_gradient_of_any_rows(lists, rows, dtype, rng):
    """Where buckets share a list, each finds its own there, and finds it once."""
    x, dy = rng.integers(100, size=(20, 3)), rng.normal(size=(20, 6)).astype(dtype)
    groups = np.zeros((3, lists + 1 + 8 * 3), dtype)
    for group, samples in enumerate(np.array_split(x.astype(dtype), [8, 16])):
        for first, part in ((0, samples[:5]), (5, samples[5:])):
            kernels.embedding_lists(groups[group, :lists], groups[group, lists:], part, 0, 3, 100, first)
    dw = np.full((100, 2), np.nan, dtype)
    for start, stop in rows:
        kernels.embedding_backward_table(dw[start:stop], dy, x.astype(dtype), groups, lists, 8, start, 0, 3, 0, 2, 100)
    _, expected = reference.embedding_backward(dy.reshape(20, 3, 2).astype(np.float64), x, np.zeros((100, 2)))
    assert_close(dw, expected, np.abs(dy).max())


def test_backward_writes_all_of_its_results():
    for layer in (layers.Embedding(9, 2), layers.CategoricalEmbedding([(0, 9, 2), (2, 5, 3)])):
        y = layer(np.ones((10, 3)), training=True)
        layer._states.own.program._buffers.batch.gradients.fill(np.nan)
        for p in layer.parameters:
            p.flat_gradient.fill(np.nan)
        dx = layer.backward(np.ones_like(y))
        others = [0, 1, 0] if y.ndim == 2 else [0, 0, 0]
        np.testing.assert_array_equal(dx, np.broadcast_to(others, dx.shape))
        assert all(np.isfinite(gradient).all() for gradient in layer.gradients)


def test_a_frozen_table_stays():
    model = words()
    model.layers[0].trainable = False
    model.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], START[0])
    assert (model.get_weights()[1] != START[1]).any()


def test_kernels_stay_inside_whatever_the_data_become(dtype):
    """Python has checked the indices, but the array is the user's, who may change it in a callback."""
    with canaries() as place:
        x = place(np.array([[-1, 3, np.nan, np.inf], [2**40, -np.inf, 2.9, 0]], dtype), kept=True)
        w = place(np.arange(6, dtype=dtype).reshape(3, 2), kept=True)
        y, last, following = place(np.zeros((2, 8), dtype)), place(np.zeros(1, dtype)), place(np.zeros(9, dtype))
        kernels.embedding_forward(y, x, w, 0, 4, 0, 2)
        np.testing.assert_array_equal(y[:, ::2], [[0, 4, 0, 4], [4, 0, 4, 0]])
        kernels.embedding_lists(last, following, x, 0, 4, 3, 0)
        dw = place(np.full((3, 2), np.nan, dtype))
        groups = np.concatenate([last, following])[np.newaxis]
        kernels.embedding_backward_table(dw, np.ones((2, 8), dtype), x, groups, 1, 8, 0, 0, 4, 0, 2, 3)
        np.testing.assert_array_equal(dw, [[4, 4], [0, 0], [4, 4]])


# ---------------------------------------------------------------------------------------------------------------------
# Data that embeddings refuse.


def table_model(known_shape=True):
    """Columns 1 and 3 of four are categorical."""
    first = [fastnn.Input((4,))] if known_shape else []
    model = fastnn.Sequential([*first, layers.CategoricalEmbedding([(3, 5, 2), (1, 300)], name="table"), dense(1)])
    model.compile("sgd", "mse")
    return model


TABLE = np.column_stack([np.linspace(-1, 1, 6), [0, 299, 7, 7, 1, 200], np.linspace(5, 6, 6), [0, 4, 1, 2, 3, 4]])
CALLS = {
    "fit": lambda model, x: model.fit(x, Y, verbose=0),
    "validation_data": lambda model, x: model.fit(np.zeros_like(x), Y, validation_data=(x, Y), verbose=0),
    "evaluate": lambda model, x: model.evaluate(x, Y, verbose=0),
    "predict": lambda model, x: model.predict(x),
    "train_on_batch": lambda model, x: model.train_on_batch(x, Y),
    "call": lambda model, x: model(x),
    "forward": lambda model, x: model.forward(x),
    "training": lambda model, x: model(x, training=True),
}


def with_value(x, place, value, dtype=float):
    x = np.array(x, dtype)
    x[place] = value
    return x


def refused(make, call, x, message):
    known = (True,) if call in ("forward", "training") else (True, False)
    for known_shape in known:
        model = make(known_shape=known_shape)
        before = state(model)
        with pytest.raises(ValueError, match="received") as caught:
            CALLS[call](model, x)
        assert message in str(caught.value)
        assert state(model) == before


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("value", "dtype", "told"),
    [(7, int, "7"), (-1, int, "-1"), (7, np.uint8, "7"), (1.5, float, "1.5"), (2**40, int, "1.099511628e+12")],
)
def test_index_out_of_range(call, value, dtype, told):
    name = "validation_data x" if call == "validation_data" else "x"
    message = f"(Embedding) takes integers in [0, 7) in {name}, received {told} in row 4, column 2"
    refused(words, call, with_value(X, (4, 2), value, dtype), message)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((2, 3), 5, "integers in [0, 5) in x, received 5 in row 2, column 3"),
        ((2, 1), 300, "integers in [0, 300) in x, received 300 in row 2, column 1"),
        ((5, 1), 0.5, "integers in [0, 300) in x, received 0.5 in row 5, column 1"),
    ],
)
def test_category_out_of_range(call, place, value, message):
    if call == "validation_data":
        message = message.replace("in x", "in validation_data x")
    refused(table_model, call, with_value(TABLE, place, value), f"layer table (CategoricalEmbedding) takes {message}")
    other = with_value(TABLE, (place[0], 2), value)  # the other columns may hold anything
    CALLS[call](table_model(), other)


@pytest.mark.parametrize("call", CALLS)
def test_no_number_as_index(call):
    x = with_value(X, (4, 2), np.nan)
    layer = call in ("forward", "training")
    refused(words, call, x, "received nan in row 4, column 2" if layer else "received nan at index (4, 2)")


def test_index_out_of_range_in_a_layer_alone():
    layer = layers.Embedding(WORDS, SIZE)
    for call in (layer, layer.forward):
        with pytest.raises(ValueError, match=r"\[0, 7\) in x, received 7 in row 1, column 0"):
            call(np.array([[0], [7]]))
    assert layer(np.array([[0], [6]])).shape == (2, 1, SIZE)


def test_the_first_bad_index_of_many_is_told():
    """Also where it is not in the first part of the data that is looked at."""
    x = np.zeros((50_000, LENGTH), np.float32)
    x[41_000:, 3] = 9
    with pytest.raises(ValueError, match="received 9 in row 41000, column 3"):
        words().predict(x)


def test_the_largest_index_counts_as_it_was_given():
    """2^24 + 1 is no float32: it must not become a valid index by rounding."""
    layer = layers.Embedding(2**24, 1, "zeros")
    for value in (2**24, 2**24 + 1):
        with pytest.raises(ValueError, match=r"integers in \[0, 16777216\)"):
            layer.check_samples(np.array([[value]], np.int64).astype(np.float32), "x")
    layer.check_samples(np.array([[2**24 - 1]], np.float32), "x")


# ---------------------------------------------------------------------------------------------------------------------
# Where they may stand, and with what arguments.


class Same(layers.Layer):
    """Written in Python, so that a model with it runs layer by layer."""

    shape_only = True

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


@pytest.mark.parametrize("make", [lambda: layers.Embedding(5, 2), lambda: layers.CategoricalEmbedding([(0, 5)])])
def test_nothing_that_computes_may_come_before(make):
    for before in (layers.Dense(4), layers.Rescaling(2.0), layers.Dropout(0.1), make()):
        for first in ([], [fastnn.Input((4,))]):
            model = fastnn.Sequential([*first, layers.Flatten(), before.from_config(before.get_config())])
            with pytest.raises(ValueError, match=rf"must come first.*{before.name} .*comes before it"):
                model.add(make())
    for before in (layers.Flatten(), Same()):
        model = fastnn.Sequential([fastnn.Input((2, 2)), layers.Flatten(), before, make(), layers.Flatten(), dense(1)])
        assert model.predict(np.zeros((3, 2, 2))).shape == (3, 1)
        with pytest.raises(ValueError, match="received 5 in row 0, column 0"):
            model.predict(np.full((3, 2, 2), 5))


def test_arguments():
    for bad, error in [(0, ValueError), (-3, ValueError), (2.0, TypeError), (True, TypeError), ("a", TypeError)]:
        for arguments in ((bad, 2), (2, bad)):
            with pytest.raises(error, match="put_dim must be"):
                layers.Embedding(*arguments)
    layers.Embedding(2**24, 1)
    with pytest.raises(ValueError, match='input_dim must be at most 16777216.*received 16777217; use dtype="float64'):
        layers.Embedding(2**24 + 1, 1)
    layers.Embedding(2**53, 1, dtype="float64")
    with pytest.raises(ValueError, match=r"at most 9007199254740992.*received 9007199254740993$"):
        layers.Embedding(2**53 + 1, 1, dtype="float64")


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({0: 5}, TypeError, r"columns must be a list of \(column, cardinality\).*received {0: 5}"),
        ([], TypeError, r"received \[\]"),
        ([(0, 5), 3], TypeError, "received 3 at index 1"),
        ([(0,)], TypeError, "at index 0"),
        ([(0, 1, 2, 3)], TypeError, "at index 0"),
        ([(0, 5), (-1, 5)], ValueError, r"the column of columns\[1\] must be at least 0, received -1"),
        ([(0.0, 5)], TypeError, r"the column of columns\[0\] must be an integer"),
        ([(0, 0)], ValueError, r"the cardinality of columns\[0\] must be at least 1, received 0"),
        ([(0, 2**24 + 1)], ValueError, r"the cardinality of columns\[0\] must be at most 16777216"),
        ([(0, 5, 0)], ValueError, r"the size of columns\[0\] must be at least 1, received 0"),
        ([(1, 5), (0, 5), (1, 6)], ValueError, "columns must list each column once, received 1 more than once"),
    ],
)
def test_columns(columns, error, message):
    with pytest.raises(error, match=message):
        layers.CategoricalEmbedding(columns)


def test_columns_that_the_data_have_not():
    for shape in ((4,), (2, 5)):
        with pytest.raises(ValueError, match=r"layer table .*expects inputs of shape \(batch, at least 5 f"):
            fastnn.Sequential([fastnn.Input(shape), layers.CategoricalEmbedding([(0, 3), (4, 3)], name="table")])


def test_sizes_by_the_rule_of_thumb():
    """fast.ai's `emb_sz_rule`: min(600, round(1.6 n^0.56))."""
    assert [embedding_dim(n) for n in (1, 2, 7, 100, 1115, 10**6)] == [2, 2, 5, 21, 81, 600]
    layer = layers.CategoricalEmbedding([(0, 7), (2, 1115, 10)])
    assert layer.columns == [(0, 7, 5), (2, 1115, 10)]
    assert layer.compute_output_shape((None, 4)) == (None, 2 + 5 + 10)


def test_too_many_indices_for_one_batch():
    """The lists of a group number their entries in floats. Nothing is allocated here."""
    layer = layers.Embedding(3, 1)
    layer.build_once((None, 32))
    layer.lower(Lowering(layer.dtype, 2**23, (32,), layer.parameters, training=True))
    layer.lower(Lowering(layer.dtype, 2**24, (32,), layer.parameters))
    with pytest.raises(ValueError, match=r"(Embedding).*16777216 samples of 32 indices are too many.*batch_size"):
        layer.lower(Lowering(layer.dtype, 2**24, (32,), layer.parameters, training=True))


# ---------------------------------------------------------------------------------------------------------------------
# Saved and loaded.


@pytest.mark.parametrize("make", [words, table_model])
def test_saved_and_loaded(make, tmp_path):
    model, x = make(), X if make is words else TABLE
    model.fit(x, Y, shuffle=False, verbose=0)
    model.save(tmp_path / "model.safetensors")
    loaded = fastnn.saving.load_model(tmp_path / "model.safetensors")
    assert_same_bits(loaded.predict(x), model.predict(x))
    for each in (model, loaded):
        each.fit(x, Y, epochs=2, shuffle=False, verbose=0)
    for got, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        assert_same_bits(got, expected)
    with pytest.raises(ValueError, match="takes integers"):
        loaded.predict(x + 0.5)


def test_the_architecture_is_plain_data():
    config = json.loads(json.dumps(table_model().get_config()))
    layer = fastnn.Sequential.from_config(config).layers[0]
    assert layer.columns == [(3, 5, 2), (1, 300, 39)]
    assert all(type(number) is int for entry in layer.columns for number in entry)
    assert layer.output_shape == (None, 2 + 2 + 39)


# ---------------------------------------------------------------------------------------------------------------------
# What they are for.


def test_a_mixed_table():
    """A shop's sales depend on which shop it is, which its number does not tell, and on two measured features."""
    rng = np.random.default_rng(3)
    shops, days = rng.integers(30, size=900), rng.integers(7, size=900)
    measured = rng.normal(size=(900, 2))
    sales = rng.normal(size=30)[shops] + 0.7 * rng.normal(size=7)[days] + measured @ [0.5, -0.3]
    table = np.column_stack([shops, measured, days])
    sales = sales + 0.1 * rng.normal(size=900)

    def error(first):
        model = fastnn.Sequential([fastnn.Input((4,)), first, dense(16, "relu", 1), dense(1, None, 2)])
        model.compile(optimizers.Adam(0.01), "mse")
        x = table if isinstance(first, layers.CategoricalEmbedding) else table / [15, 1, 1, 3.5] - [1, 0, 0, 1]
        history = model.fit(x, sales, epochs=40, validation_split=0.25, verbose=0)
        return history.history["val_loss"][-1]

    fastnn.utils.set_random_seed(1)
    embedded, plain = error(layers.CategoricalEmbedding([(0, 30), (3, 7)])), error(layers.Flatten())
    assert embedded < 0.1  # the noise is 0.01
    assert plain > 0.5
