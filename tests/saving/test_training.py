"""Saved in the middle of training: a loaded model goes on as if it had never stopped."""

import copy

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers, optimizers
from fastnn.saving import load_model

from ..cases import OPTIMIZERS
from ..small_models import FEATURES, assert_same_weights, dense, labels, samples
from ..subprocesses import run_python
from .test_saving import assert_same_model, contents, fit, path

__all__ = ["path"]  # a fixture

X, Y = samples(), labels()


def network(optimizer):
    model = fastnn.Sequential(
        [fastnn.Input((FEATURES,)), dense(9, "tanh", 1), layers.Dropout(0.25), dense(3, "softmax", 2)]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


CONTINUE = """
import sys
from tests.saving.test_training import fit, load_model
for path in sys.argv[1:]:
    model = load_model(path)
    fit(model, 1, 3)
    model.save(path)
"""


def test_training_goes_on_in_another_process(tmp_path):
    """With every optimizer: one epoch here and two there give the bits of three without a pause."""
    whole = {}
    for case in OPTIMIZERS:
        path = tmp_path / f"{case.name}.safetensors"
        model = network(case.make())
        fit(model, 0, 1)
        model.save(path)
        assert len([name for name in contents(path)[0] if name.startswith("optimizer/")]) == 4 * case.slots
        fit(model, 1, 3)
        whole[path] = model
    run_python(["-W", "error", "-c", CONTINUE, *map(str, whole)])
    for path, model in whole.items():
        other = load_model(path)
        assert_same_weights(model, other)
        assert other.optimizer.iterations == model.optimizer.iterations == 15
        for p, q in zip(model.parameters, other.parameters, strict=True):
            for slot, expected in zip(model.optimizer.slots_of(p), other.optimizer.slots_of(q), strict=True):
                np.testing.assert_array_equal(slot, expected)
        assert other.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
        fit(model, 3, 4)
        fit(other, 3, 4)
        assert_same_weights(model, other)


def test_the_random_numbers_go_on(path):
    """Of every layer that has some, where it stands in its sequence is saved."""
    drops = [layers.Dropout(0.25), layers.GaussianNoise(0.1), layers.SpatialDropout1D(0.5)]
    model = fastnn.Sequential([fastnn.Input((FEATURES, 5)), *drops, layers.Flatten(), dense(3, "softmax", 2)])
    x = np.random.default_rng(0).normal(size=(4, FEATURES, 5)).astype(np.float32)
    for times, layer in enumerate(drops, 1):
        for _ in range(times):
            layer.forward(x, training=True)
    model.save(path)
    for layer, loaded in zip(drops, load_model(path).layers, strict=False):
        np.testing.assert_array_equal(loaded.forward(x, training=True), layer.forward(x, training=True))


def test_a_changed_rate_and_a_frozen_layer_stay(path):
    model = network(optimizers.Adam(0.01))
    fit(model)
    model.optimizer.learning_rate = 0.003
    model.layers[0].trainable = False
    model.save(path)
    other = load_model(path)
    assert other.optimizer.learning_rate == 0.003
    for each in (model, other):
        fit(each, 2, 4)
    assert_same_weights(model, other)


def test_loading_without_compiling(path):
    model = network("adam")
    fit(model)
    model.save(path)
    other = load_model(path, compile=False)
    assert other.loss is None
    assert_same_model(model, other, X)


def test_a_loop_of_ones_own_goes_on_with_the_next_masks(path):
    def step(model):
        model.loss.forward(Y, model.forward(X, training=True))
        model.backward(model.loss.backward())
        model.optimizer.step(model)

    model = network("adam")
    step(model)
    model.save(path)
    other = load_model(path)
    step(model)
    step(other)
    assert_same_weights(model, other)


def test_a_callback_may_save(path):
    class Save(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.model.save(path)

    model = network("adam")
    model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0, callbacks=[Save()])
    other = load_model(path)
    fit(other, 1, 3)
    assert_same_weights(model, other)


def test_slots_that_overflowed_are_kept_and_weights_are_not_saved(path):
    model = network("rmsprop")
    fit(model)
    for p in model.parameters:
        for slot in model.optimizer.slots_of(p):
            slot[...] = np.inf
    model.save(path)
    other = load_model(path)
    assert all(np.isinf(slot).all() for p in other.parameters for slot in other.optimizer.slots_of(p))
    model.weights[0][1, 2] = np.nan
    with pytest.raises(ValueError, match=r"to be saved, .*/kernel must be finite, received nan at index \(1, 2\)"):
        model.save(path)


def test_an_optimizer_that_became_another_one(path):
    model = network(optimizers.SGD(0.1, momentum=0.9))
    fit(model)
    for momentum in (0.5, 0.0, 0.9):
        model.optimizer.momentum = momentum
        model.save(path)
        other = load_model(path)
        assert other.optimizer.momentum == momentum
        fit(model)
        fit(other)
        assert_same_weights(model, other)


def test_a_step_count_without_slots_is_not_saved(path):
    """Nobody could load it."""
    model = network("adam")
    fit(model)
    model.compile(copy.deepcopy(model.optimizer), "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="can only continue with the model that it has trained"):
        model.save(path)
    assert not path.exists()
