"""The layer PReLU: its slopes in large batches, on threads, in files, and what it refuses."""

import numpy as np
import pytest

import fastnn
from fastnn import initializers, layers, optimizers
from fastnn.engine import threads
from fastnn.saving import load_model

from ..comparing import assert_close, assert_same_bits, exact
from ..reference import activations as reference
from ..small_models import assert_same_weights

SHAPE = (3, 5, 4)
# The shape of the slopes for samples of shape (3, 5, 4).
SHARED = {
    (): (3, 5, 4),
    (1,): (1, 5, 4),
    (3,): (3, 5, 1),
    (1, 2): (1, 1, 4),
    (2, 3): (3, 1, 1),
    (1, 2, 3): (1, 1, 1),
}
each_sharing = pytest.mark.parametrize(("axes", "slopes"), SHARED.items(), ids=str)


@each_sharing
def test_shapes(axes, slopes):
    layer = layers.PReLU(shared_axes=axes)
    assert layer.build_once((None, *SHAPE)) == (None, *SHAPE)
    assert [w.shape for w in layer.get_weights()] == [slopes]


@each_sharing
@pytest.mark.parametrize("rows", [1, 8, 300])  # one row, one group of rows, and groups of more than 8
def test_gradients(axes, slopes, rows, dtype, rng):
    layer = layers.PReLU(initializers.RandomNormal(seed=3), shared_axes=axes, dtype=dtype)
    x, dy = (rng.normal(size=(rows, *SHAPE)).astype(dtype) for _ in range(2))
    y, dx = layer(x, training=True), layer.backward(dy)
    (alpha,) = layer.get_weights()
    expected_dx, expected_dalpha = reference.prelu_backward(*exact(dy, x, alpha))
    _, magnitude = reference.prelu_backward(*exact(np.abs(dy), -np.abs(x), alpha))
    assert_close(y, reference.prelu_forward(*exact(x, alpha)))
    assert_close(dx, expected_dx)
    assert_close(layer.gradients[0], expected_dalpha, magnitude)


@each_sharing
def test_any_number_of_threads_gives_the_same_bits(axes, slopes, rng, monkeypatch):
    x, targets = rng.normal(size=(301, *SHAPE)).astype(np.float32), rng.normal(size=(301, 2)).astype(np.float32)

    def train(count):
        monkeypatch.setattr(threads, "_asked", count)
        first, last = layers.PReLU(0.25 * np.ones(slopes), shared_axes=axes), layers.Dense(2, kernel_initializer="ones")
        model = fastnn.Sequential([fastnn.Input(SHAPE), first, layers.PReLU(shared_axes=axes), layers.Flatten(), last])
        model.compile(optimizers.SGD(1e-3), "mse")
        model.fit(x, targets, batch_size=130, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    expected = train(1)
    assert (expected[0] != 0.25).any()
    for got, wanted in zip(train(3), expected, strict=True):
        assert_same_bits(got, wanted)


def test_frozen_slopes_stay(rng):
    x, targets = rng.normal(size=(20, 4)).astype(np.float32), rng.normal(size=(20, 2)).astype(np.float32)
    slopes = layers.PReLU(initializers.Constant(0.5), trainable=False)
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3), slopes, layers.Dense(2)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(x, targets, epochs=1, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(after[2], before[2])
    assert (after[0] != before[0]).any()


def test_saved_and_loaded(tmp_path, rng):
    x = rng.normal(size=(9, *SHAPE)).astype(np.float32)
    targets = rng.normal(size=(9, 2)).astype(np.float32)
    model = fastnn.Sequential(
        [
            fastnn.Input(SHAPE),
            layers.PReLU("ones", shared_axes=[1, 2]),
            layers.Flatten(),
            layers.Dense(3, "gelu"),
            layers.ELU(0.5),
            layers.Dense(3, "swish"),
            layers.PReLU(initializers.Constant(0.25)),
            layers.Dense(2, "selu", kernel_initializer="lecun_normal"),
        ]
    )
    model.compile("sgd", "mse")
    model.fit(x, targets, epochs=2, verbose=0)
    model.save(tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in model.layers]
    assert loaded.layers[0].shared_axes == [1, 2]
    assert_same_weights(loaded, model)
    assert_same_bits(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    for each in (model, loaded):
        each.fit(x, targets, epochs=1, shuffle=False, verbose=0)
    assert_same_weights(loaded, model)


@pytest.mark.parametrize(
    ("shared_axes", "error", "message"),
    [
        ("channels", TypeError, "shared_axes must be an integer of at least 1, received 'channels'"),
        ([1, 2.5], TypeError, r"shared_axes must be an integer of at least 1, received 2\.5"),
        ([0], ValueError, "shared_axes must be at least 1, received 0"),
        ([1, -1], ValueError, "shared_axes must be at least 1, received -1"),
    ],
)
def test_axes_that_are_none(shared_axes, error, message):
    with pytest.raises(error, match=message):
        layers.PReLU(shared_axes=shared_axes)


def test_an_axis_that_a_sample_has_not():
    with pytest.raises(
        ValueError, match=r"\(PReLU\) has the shared_axes \[1, 2\], received inputs of shape \(None, 4\)"
    ):
        fastnn.Sequential([fastnn.Input((4,)), layers.PReLU(shared_axes=[1, 2])])


@pytest.mark.parametrize("alpha", [-1, np.nan, "1"])
def test_an_elu_needs_an_alpha_that_is_not_negative(alpha):
    with pytest.raises((TypeError, ValueError), match="alpha must be a (finite )?number"):
        layers.ELU(alpha)
