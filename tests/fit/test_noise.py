"""Random numbers of layers: each layer counts its own steps, so its noise never repeats, even with a seed."""

import copy

import numpy as np
import pytest

import fastnn
from fastnn import layers

from ..limits import Own
from ..small_models import FEATURES, dense, samples

X = np.ones((8, FEATURES), np.float32)
NOISE = [layers.Dropout, layers.GaussianNoise, layers.SpatialDropout1D]


def masks(noise, seed=1, eager=False):
    """A model whose weights' change shows the noise: y = kernel . noise, with the kernel set back by `step`."""
    rows = [layers.Reshape((1, FEATURES))] if noise is layers.SpatialDropout1D else []
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), *([Own()] if eager else []), *rows, noise(0.5, seed=seed)])
    model.add(layers.Flatten())
    model.add(layers.Dense(1, use_bias=False, kernel_initializer="zeros"))
    model.compile(fastnn.optimizers.SGD(1.0), "mse")
    return model


def step(model):
    """The gradient of one step, whose place in the network is after the noise."""
    model.set_weights([np.zeros((FEATURES, 1))])
    model.fit(X[:1], np.ones(1), verbose=0)
    return model.get_weights()[0][:, 0]


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "layer by layer"])
@pytest.mark.parametrize("noise", NOISE)
def test_noise_goes_on_after_another_compile(noise, eager):
    model = masks(noise, eager=eager)
    seen = []
    for _ in range(3):
        seen += [step(model) for _ in range(4)]
        model.compile(fastnn.optimizers.SGD(1.0), "mse")
    uncompiled = masks(noise, eager=eager)
    np.testing.assert_array_equal(seen, [step(uncompiled) for _ in range(12)])
    assert len(np.unique(np.round(seen, 5), axis=0)) > 6


@pytest.mark.parametrize("noise", NOISE)
def test_both_paths_and_by_hand_count_together(noise):
    """A step of any kind takes the next random numbers."""
    compiled, eager = masks(noise), masks(noise, eager=True)
    for _ in range(2):
        np.testing.assert_array_equal(step(compiled), step(eager))
        by_hand = [model.forward(X, training=True) for model in (compiled, eager)]
        np.testing.assert_array_equal(*by_hand)
        compiled.evaluate(X, X[:, 0], verbose=0)
        compiled.predict(X)
        compiled.forward(X)
    layer, other = (next(x for x in m.layers if isinstance(x, noise)) for m in (compiled, eager))
    assert layer.step == other.step == 4


def test_two_models_that_share_a_layer_do_not_repeat_its_noise():
    model = masks(layers.Dropout)
    other = fastnn.Sequential([fastnn.Input((FEATURES,)), model.layers[0], layers.Flatten(), model.layers[-1]])
    other.compile(fastnn.optimizers.SGD(1.0), "mse")
    alone = masks(layers.Dropout)
    expected = [step(alone) for _ in range(6)]
    np.testing.assert_array_equal([step(m) for m in (model, other, other, model, other, model)], expected)


def test_copies_and_files_go_on(tmp_path):
    model = masks(layers.Dropout)
    for _ in range(3):
        step(model)
    twin = copy.deepcopy(model)
    model.save(tmp_path / "model.safetensors")
    loaded = fastnn.saving.load_model(tmp_path / "model.safetensors")
    expected = [step(model) for _ in range(3)]
    np.testing.assert_array_equal([step(twin) for _ in range(3)], expected)
    np.testing.assert_array_equal([step(loaded) for _ in range(3)], expected)


def test_several_epochs_are_like_several_fits():
    def network():
        model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(9, "relu", 1), layers.Dropout(0.5, seed=3)])
        model.add(dense(1, None, 2))
        model.compile("adam", "mse")
        return model

    model, other = network(), network()
    x, y = samples(), samples()[:, 0]
    model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for _ in range(3):
        other.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize("noise", NOISE)
def test_steps_without_noise_count_too(noise):
    """In both paths: the later noise is the same."""
    models = masks(noise), masks(noise, eager=True)
    for amount in (0.5, 0.0, 0.5):
        seen = []
        for model in models:
            layer = next(x for x in model.layers if isinstance(x, noise))
            setattr(layer, "stddev" if noise is layers.GaussianNoise else "rate", amount)
            seen.append([step(model) for _ in range(3)])
        np.testing.assert_array_equal(*seen)
    assert [layer.step for m in models for layer in m.layers if isinstance(layer, noise)] == [9, 9]
