"""Batch and layer normalization: what they compute, what they remember, and that they give the same bits everywhere."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers, saving
from fastnn.engine import threads
from fastnn.engine.eager import EagerProgram
from fastnn.engine.program import Program
from fastnn.kernels import batch_normalization as kernels
from fastnn.kernels import layer_normalization as layer_kernels

from ..comparing import assert_close, canaries
from ..reference import normalization as reference
from ..small_models import assert_same_weights, dense


@pytest.fixture(autouse=True)
def _settings_restored(monkeypatch):
    monkeypatch.setattr(threads, "_asked", None)


class Identity(layers.Layer):
    """Written in Python: a model that begins with it runs one layer at a time."""

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


def samples(*shape, seed=0):
    """Channels of different means and deviations."""
    rng, channels = np.random.default_rng(seed), np.arange(1, shape[-1] + 1)
    return (rng.normal(size=shape) * channels + 3 * channels).astype(np.float32)


def own_weights(layer, channels, seed=5):
    """Numbers that are not the defaults, the variance positive."""
    rng = np.random.default_rng(seed)
    layer.build_once((None, channels))
    layer.set_weights([rng.uniform(0.5, 2, channels) for _ in layer.weights])
    return [w.astype(np.float64) for w in layer.get_weights()]


# ---------------------------------------------------------------------------------------------------------------------
# By hand: of 0, 0, 3 the mean is 1 and the variance 2; with epsilon 2 the denominator is 2.

X_BY_HAND = np.array([[0.0], [0.0], [3.0]])


def test_batch_normalization_by_hand():
    layer = layers.BatchNormalization(epsilon=2.0, momentum=0.75, dtype="float64")
    np.testing.assert_allclose(layer(X_BY_HAND, training=True), [[-0.5], [-0.5], [1]])
    gamma, beta, moving_mean, moving_variance = layer.weights
    np.testing.assert_allclose([gamma, beta, moving_mean, moving_variance], [[1], [0], [0.25], [1.25]])
    # The mean of dy is 4/3 and that of dy y -2/3: dx = (dy - 4/3 + 2/3 y) / 2.
    np.testing.assert_allclose(layer.backward(np.array([[4.0], [0], [0]])), [[7 / 6], [-5 / 6], [-1 / 3]])
    np.testing.assert_allclose(layer.gradients, [[-2], [4], [0], [0]])
    np.testing.assert_allclose(layer(np.array([[4.0]])), [[3.75 / np.sqrt(3.25)]])


def test_layer_normalization_by_hand():
    layer = layers.LayerNormalization(
        epsilon=2.0, gamma_initializer=np.array([1.0, 2, 3]), beta_initializer=np.array([0.0, 0, 1]), dtype="float64"
    )
    for training in (False, True):
        np.testing.assert_allclose(layer(X_BY_HAND.T, training), [[-0.5, -1, 4]])
    # d = gamma dy = 4, 0, 0, as above.
    np.testing.assert_allclose(layer.backward(np.array([[4.0, 0, 0]])), [[7 / 6, -5 / 6, -1 / 3]])
    np.testing.assert_allclose(layer.gradients, [[-2, 0, 0], [4, 0, 0]])


# ---------------------------------------------------------------------------------------------------------------------
# Numbers.


@pytest.mark.parametrize("shape", [(8, 16), (300, 16), (20, 13, 13, 16)], ids=str)
def test_a_large_mean_costs_no_digits(shape):
    """Mean 1000, deviation 1: naive sums of squares have no digit of the variance left in float32."""
    rng = np.random.default_rng(3)
    x = (1000 + rng.normal(size=shape)).astype(np.float32)
    dy = rng.normal(size=shape).astype(np.float32)
    for layer, name in (
        (layers.BatchNormalization(momentum=0.0), "batch_normalization"),
        (layers.LayerNormalization(), "layer_normalization"),
    ):
        gamma, beta = np.ones(shape[-1]), np.zeros(shape[-1])
        expected = getattr(reference, f"{name}_forward")(x.astype(np.float64), gamma, beta, 1e-3)
        backward = getattr(reference, f"{name}_backward")(dy.astype(np.float64), x.astype(np.float64), gamma, 1e-3)
        np.testing.assert_allclose(layer(x, training=True), expected, atol=2e-4)
        np.testing.assert_allclose(layer.backward(dy), backward[0], atol=1e-3)
        np.testing.assert_allclose(layer.gradients[0], backward[1], atol=2e-4 * np.abs(dy).sum())
        if name == "batch_normalization":
            mean, variance = reference.batch_statistics(x.astype(np.float64))
            np.testing.assert_allclose(layer.moving_mean.value, mean, rtol=1e-7)
            np.testing.assert_allclose(layer.moving_variance.value, variance, rtol=1e-5)


def test_a_large_mean_of_a_long_row():
    x = (1000 + np.random.default_rng(3).normal(size=(2, 20_000))).astype(np.float32)
    expected = reference.layer_normalization_forward(x.astype(np.float64), 1.0, 0.0, 1e-3)
    np.testing.assert_allclose(layers.LayerNormalization()(x), expected, atol=1e-4)


def test_rounding_leaves_no_negative_variance():
    parts = np.zeros((kernels.PARTS * kernels.GROUPS, 2), np.float32)
    # In each lane two numbers that are 1.5 more than the shift.
    parts[kernels.SUM], parts[kernels.SQUARES] = [3, 3], [4.5, 4.4999995]
    mean, variance = np.zeros(2, np.float32), np.zeros(2, np.float32)
    kernels.merge_statistics(mean, variance, parts, 2, 8, 2)
    np.testing.assert_array_equal(mean, 1.5)
    np.testing.assert_array_equal(variance, 0)


@pytest.mark.parametrize("shape", [(5, 4), (2, 9, 9, 2), (300, 1)], ids=str)
def test_moving_statistics(shape):
    layer, axes = layers.BatchNormalization(momentum=0.7, dtype="float64"), tuple(range(len(shape) - 1))
    mean, variance = np.zeros(shape[-1]), np.ones(shape[-1])
    for seed in range(3):
        x = samples(*shape, seed=seed)
        layer(x, training=True)
        mean = reference.moving_statistic(mean, x.mean(axes, np.float64), 0.7)
        variance = reference.moving_statistic(variance, x.var(axes, np.float64), 0.7)
        assert_close(layer.moving_mean.value, mean)
        assert_close(layer.moving_variance.value, variance)
    before = layer.get_weights()
    layer(x)
    for weight, expected in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("shape", [(7, 4), (17, 3, 5, 4)], ids=str)
def test_with_the_moving_statistics(frozen, shape):
    """At inference, and where the layer is not trained also while training; the way back is of the same function."""
    layer = layers.BatchNormalization(epsilon=0.1, dtype="float64", trainable=not frozen)
    gamma, beta, mean, variance = own_weights(layer, 4) if len(shape) == 2 else (None,) * 4
    if gamma is None:
        layer.build_once((None, *shape[1:]))
        layer.set_weights([w + 0.3 * i + np.arange(4) for i, w in enumerate(layer.get_weights())])
        gamma, beta, mean, variance = layer.get_weights()
    x, dy = samples(*shape).astype(np.float64), samples(*shape, seed=1).astype(np.float64)
    assert_close(layer(x, training=frozen), reference.normalize(x, mean, variance, gamma, beta, 0.1), 10, 1e-12)
    dx, dgamma, dbeta = reference.normalize_backward(dy, x, mean, variance, gamma, 0.1)
    assert_close(layer.backward(dy), dx)
    if not frozen:
        assert_close(layer.gradients[0], dgamma)
        assert_close(layer.gradients[1], dbeta)
    for weight, expected in zip(layer.weights, (gamma, beta, mean, variance), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_freezing_between_two_batches():
    layer, x = layers.BatchNormalization(), samples(6, 3)
    trained = layer(x, training=True)
    layer.trainable = False
    frozen = layer(x, training=True)
    np.testing.assert_array_equal(frozen, layer(x))
    assert not np.allclose(frozen, trained)
    layer.trainable = True
    np.testing.assert_array_equal(layer(x, training=True), trained)


def test_a_single_row_has_no_variance():
    layer = layers.BatchNormalization(beta_initializer=np.array([1.0, 2]))
    np.testing.assert_array_equal(layer(samples(1, 2), training=True), [[1, 2]])
    np.testing.assert_array_equal(layer.backward(np.ones((1, 2))), [[0, 0]])
    np.testing.assert_allclose(layer.moving_variance.value, 0.99)


def test_a_constant_channel_of_a_large_batch():
    """Its variance is 0 and not some small number of either sign, which the root would make large."""
    x = np.full((300, 3), 1e6 / 3, np.float32)
    layer = layers.BatchNormalization(epsilon=1e-12, momentum=0.0)
    np.testing.assert_array_equal(layer(x, training=True), np.zeros_like(x))
    np.testing.assert_array_equal(layer.moving_variance.value, 0)


@pytest.mark.parametrize("kind", [layers.BatchNormalization, layers.LayerNormalization])
def test_without_gamma_and_beta(kind):
    layer, x, dy = kind(center=False, scale=False, dtype="float64"), samples(5, 4), samples(5, 4, seed=1)
    full = kind(dtype="float64")
    np.testing.assert_array_equal(layer(x, training=True), full(x, training=True))
    np.testing.assert_array_equal(layer.backward(dy), full.backward(dy))
    assert len(layer.weights) == len(full.weights) - 2


@pytest.mark.parametrize(
    ("columns", "channels", "expected"),
    [(7, 7, 7), (600, 600, 600), (28 * 28 * 8, 8, 448), (13 * 13 * 32, 32, 416), (101 * 8, 8, 8), (5, 1, 5), (0, 3, 3)],
)
def test_lanes_are_whole_pixels(columns, channels, expected):
    assert kernels.lanes_of(columns, channels) == expected


def test_nothing_is_written_outside():
    """Rows are wider than their columns, as in a program."""
    columns, width, rows = 12, 19, 11
    rng = np.random.default_rng(1)
    with canaries() as place:
        lanes = [place(rng.normal(size=6), kept=True) for _ in range(5)]
        x, dy = (place(rng.normal(size=(rows, width)), kept=True) for _ in range(2))
        results = [place(np.full((rows, width), 7.0)) for _ in range(4)]
        parts = place(np.zeros((kernels.PARTS * kernels.GROUPS, 6)))
        kernels.group_statistics(parts, x, 0, 8, columns)
        kernels.batch_normalization_forward(results[0], x, *lanes[:3], columns)
        kernels.batch_normalization_backward(parts, dy, x, lanes[0], 0, 8, columns)
        kernels.batch_statistics_backward(results[1], dy, x, *lanes[:4], columns)
        kernels.moving_normalization_backward(results[2], dy, lanes[0], columns)
        sums = place(np.zeros((2 * kernels.GROUPS, 6)))
        ones = place(np.ones(6), kept=True)
        layer_kernels.layer_normalization_forward(results[3], x, *lanes[:2], ones, 1e-3, columns)
        layer_kernels.layer_normalization_backward(results[3], sums, dy, x, lanes[0], ones, 1e-3, 0, 8, columns)
    for result in results:
        assert (result[:, :columns] != 7).all()
        assert (result[:, columns:] == 7).all()
    assert (parts[kernels.SUM + 2 : kernels.SUM + kernels.GROUPS] == 0).all()  # there were two groups


# ---------------------------------------------------------------------------------------------------------------------
# In a model: the same bits for any number of threads, and one layer at a time.


def images():
    return [
        lambda: layers.BatchNormalization(momentum=0.8),
        layers.ReLU,
        lambda: layers.BatchNormalization(scale=False),
        layers.Flatten,
        lambda: dense(9, None, 1, use_bias=False),
        layers.BatchNormalization,
        layers.Tanh,
        layers.LayerNormalization,
        lambda: dense(3, "softmax", 2),
    ]


def rows():
    return [
        lambda: dense(7, "relu", 1),
        layers.LayerNormalization,
        lambda: layers.BatchNormalization(momentum=0.8),
        lambda: dense(3, None, 2),
        layers.BatchNormalization,
        layers.Softmax,
    ]


# Samples, batch and shape: a smaller last batch; groups of 16 rows; groups of more rows than a thread takes at once.
SIZES = {
    "images": (images, 77, 20, (5, 4, 3)),
    "groups of 16": (images, 300, 300, (2, 5, 3)),
    "rows": (rows, 331, 49, (5,)),
    "one at a time": (rows, 9, 1, (5,)),
    "parts of groups": (rows, 5003, 4500, (3,)),
}


def train(size, eager=False, frozen=False, **options):
    make, count, batch, shape = SIZES[size]
    model = fastnn.Sequential([fastnn.Input(shape), *([Identity()] if eager else []), *(part() for part in make())])
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    norms[0].trainable = not frozen
    norms[-1].gamma.trainable = False
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"])
    x = samples(count, *shape)
    y = np.random.default_rng(1).integers(3, size=count)
    fit = {"epochs": 2, "validation_split": 0.1, "shuffle": True, "verbose": 0, **options}
    fastnn.utils.set_random_seed(4)
    history = model.fit(x, y, batch_size=batch, **fit).history
    assert {type(made.runner) for made in model._programs.values()} == {EagerProgram if eager else Program}
    return model, history, model.predict(x), model.evaluate(x, y, verbose=0)


def assert_same(got, expected):
    assert_same_weights(got[0], expected[0])
    assert got[1] == expected[1]
    np.testing.assert_array_equal(got[2], expected[2])
    assert got[3] == expected[3]


@pytest.mark.parametrize(
    ("size", "frozen"), [*((size, False) for size in SIZES), *((size, True) for size in ("images", "rows"))]
)
def test_the_same_bits(size, frozen):
    fastnn.set_num_threads(1)
    expected = train(size, frozen=frozen)
    assert np.isfinite(expected[1]["loss"]).all()
    fastnn.set_num_threads(3)
    assert_same(train(size, frozen=frozen), expected)
    assert_same(train(size, eager=True, frozen=frozen), expected)


def test_training_batch_by_batch_is_fit():
    model, *_ = train("rows", epochs=1, validation_split=0.0, shuffle=False)
    other, *_ = train("rows", epochs=1, initial_epoch=1)
    x, y = samples(331, 5), np.random.default_rng(1).integers(3, size=331)
    for first in range(0, 331, 49):
        other.train_on_batch(x[first : first + 49], y[first : first + 49])
    assert_same_weights(other, model)


def moving(model):
    return [
        p.value.copy()
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization)
        for p in (layer.moving_mean, layer.moving_variance)
    ]


@pytest.mark.parametrize("eager", [False, True])
def test_only_training_moves_the_statistics(eager):
    model, *_ = train("rows", eager)
    x, y = samples(40, 5), np.zeros(40, np.int64)
    before = moving(model)
    model.predict(x)
    model.evaluate(x, y, verbose=0)
    model(x)
    np.testing.assert_array_equal(np.concatenate(moving(model)), np.concatenate(before))
    model.train_on_batch(x, y)
    assert all((a != b).any() for a, b in zip(moving(model), before, strict=True))


def test_sample_weights_do_not_matter_to_the_statistics():
    results = []
    for weights in (None, np.linspace(0, 2, 12)):
        model = fastnn.Sequential([fastnn.Input((3,)), layers.BatchNormalization(), dense(2, None, 1)])
        model.compile("sgd", "mse")
        model.train_on_batch(samples(12, 3), np.ones((12, 2)), sample_weight=weights)
        results.append(model)
    np.testing.assert_array_equal(moving(results[0]), moving(results[1]))
    assert (results[0].layers[0].beta.value != results[1].layers[0].beta.value).any()


def test_a_frozen_layer_stays_as_it_is():
    model, *_ = train("images", frozen=True)
    for weight, initial in zip(model.layers[0].get_weights(), (1, 0, 0, 1), strict=True):
        np.testing.assert_array_equal(weight, initial)
    last = model.layers[5]
    np.testing.assert_array_equal(last.gamma.value, 1)  # frozen by itself
    assert (last.beta.value != 0).all()


def test_what_is_nobodys_is_left_alone():
    """The layer before needs its output on the way back, and so does the one after."""
    x, y = samples(10, 4), samples(10, 2, seed=1)
    model = fastnn.Sequential(
        [fastnn.Input((4,)), dense(4, "sigmoid", 1), layers.BatchNormalization(epsilon=0.1), layers.Tanh(),
         dense(2, None, 2)]
    )  # fmt: skip
    model.compile(optimizers.SGD(1.0), "mse")
    w1, b1, gamma, beta, _, _, w2, b2 = (w.astype(np.float64) for w in model.get_weights())
    a = 1 / (1 + np.exp(-(x @ w1 + b1)))
    t = np.tanh(reference.batch_normalization_forward(a, gamma, beta, 0.1))
    dz = 2 * (t @ w2 + b2 - y) / y.size
    da, dgamma, dbeta = reference.batch_normalization_backward(dz @ w2.T * (1 - t * t), a, gamma, 0.1)
    model.train_on_batch(x, y)
    expected = [w1 - x.T @ (da * a * (1 - a)), b1 - (da * a * (1 - a)).sum(axis=0), gamma - dgamma, beta - dbeta]
    for weight, wanted in zip(model.get_weights(), expected, strict=False):
        np.testing.assert_allclose(weight, wanted, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------------------------------------------------------------
# Files, tables, errors.


def test_a_loaded_model_goes_on_alike(tmp_path):
    model, *_ = train("images")
    model.save(tmp_path / "m.safetensors")
    other = saving.load_model(tmp_path / "m.safetensors")
    assert_same_weights(other, model)
    x, y = samples(77, 5, 4, 3, seed=8), np.random.default_rng(2).integers(3, size=77)
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    for each in (model, other):
        each.fit(x, y, batch_size=20, shuffle=False, verbose=0)
    assert_same_weights(other, model)
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    assert (moving(other)[0] != 0).all()


def test_configs():
    layer = layers.BatchNormalization(momentum=0.5, epsilon=0.25, scale=False, moving_mean_initializer="ones")
    other = layers.BatchNormalization.from_config(layer.get_config())
    assert other.get_config() == layer.get_config()
    assert (other.axis, other.momentum, other.epsilon, other.center, other.scale) == (-1, 0.5, 0.25, True, False)
    other.build_once((None, 2))
    np.testing.assert_array_equal(other.get_weights(), [[0, 0], [1, 1], [1, 1]])
    layer = layers.LayerNormalization(epsilon=0.25, center=False)
    assert layers.LayerNormalization.from_config(layer.get_config()).get_config() == layer.get_config()


def test_summary_and_count():
    model = fastnn.Sequential([fastnn.Input((4,)), dense(3), layers.BatchNormalization(), layers.LayerNormalization()])
    assert [layer.count_params() for layer in model.layers] == [15, 12, 6]
    lines = []
    model.summary(print_fn=lines.append)
    assert lines[0].splitlines()[-3:] == [
        " Total params: 33 (132.00 B)",
        " Trainable params: 27 (108.00 B)",
        " Non-trainable params: 6 (24.00 B)",
    ]


@pytest.mark.parametrize("kind", [layers.BatchNormalization, layers.LayerNormalization])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"axis": 1}, ValueError, r"layer n .*: axis must be -1 \(the last axis\), received 1"),
        ({"axis": [-1]}, ValueError, r"layer n .*: axis must be -1 \(the last axis\), received \[-1\]"),
        ({"epsilon": -1e-3}, ValueError, r"layer n .*: epsilon must be a finite number >= 0, received -0\.001"),
        ({"epsilon": "1"}, TypeError, r"layer n .*: epsilon must be a number, received '1'"),
        ({"gamma_initializer": "one"}, ValueError, "unknown initializer 'one'"),
    ],
)
def test_arguments(kind, options, error, message):
    with pytest.raises(error, match=message):
        kind(name="n", **options)


@pytest.mark.parametrize("momentum", [-0.1, 1.1, np.nan])
def test_momentum(momentum):
    with pytest.raises(ValueError, match=r"layer n .*: momentum must be a finite number in \[0, 1\], received "):
        layers.BatchNormalization(momentum=momentum, name="n")


@pytest.mark.parametrize("kind", [layers.BatchNormalization, layers.LayerNormalization])
def test_shapes(kind):
    layer = kind(name="n")
    with pytest.raises(
        ValueError, match=r"layer n .* expects inputs of shape \(batch, ..., channels\), received \(None,\)"
    ):
        layer(np.ones(5))
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"layer n was built for input shape \(None, 3\), received \(None, 4\)"):
        layer(np.ones((2, 4)))
