"""Freezing a whole model, as for transfer learning and adversarial training."""

import warnings

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers
from fastnn.saving import load_model

from ..small_models import CLASSES, FEATURES, HIDDEN, assert_same_weights, classifier, dense, labels, samples

X, Y = samples(), labels()

pytestmark = pytest.mark.filterwarnings("ignore:model .* has no trainable weights")


class Python(layers.ReLU):
    """Makes its model run layer by layer."""

    def forward(self, x, training=False):
        return super().forward(x, training)


def network(own):
    """5-7-3, compiled or layer by layer, with weights of both kinds."""
    activation = Python() if own else layers.ReLU()
    model = fastnn.Sequential(
        [
            fastnn.Input((FEATURES,)),
            dense(HIDDEN),
            layers.BatchNormalization(),
            activation,
            dense(CLASSES, "softmax", 1),
        ]
    )
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def trained(model):
    """What is new in its weights after some steps, by their places."""
    before = model.get_weights()
    model.fit(X, Y, batch_size=8, verbose=0)
    model.train_on_batch(X, Y)
    return [i for i, (old, new) in enumerate(zip(before, model.get_weights(), strict=True)) if (old != new).any()]


KERNEL, BIAS, GAMMA, BETA, MEAN, VARIANCE, LAST_KERNEL, LAST_BIAS = range(8)


@pytest.mark.parametrize("own", [False, True], ids=["compiled", "layer by layer"])
def test_a_frozen_model_trains_nothing(own):
    model = network(own)
    assert model.trainable
    model.trainable = False
    assert not model.trainable
    assert [layer.trainable for layer in model.layers] == [False] * 4
    assert trained(model) == []  # nor the moving statistics: a frozen BatchNormalization only uses them
    model.trainable = True
    assert trained(model) == list(range(8))


@pytest.mark.parametrize("own", [False, True], ids=["compiled", "layer by layer"])
def test_also_when_it_is_frozen_after_training_or_in_it(own):
    model = network(own)
    model.fit(X, Y, epochs=2, verbose=0)
    model.trainable = False
    assert trained(model) == []

    class Freeze(fastnn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.trainable = False
                self.kept = self.model.layers[-1].get_weights()

    model.trainable, freeze = True, Freeze()
    model.fit(X, Y, epochs=4, verbose=0, callbacks=freeze)
    for weight, kept in zip(model.layers[-1].get_weights(), freeze.kept, strict=True):
        np.testing.assert_array_equal(weight, kept)


@pytest.mark.parametrize("own", [False, True], ids=["compiled", "layer by layer"])
def test_a_new_head_on_a_frozen_model(own):
    model = network(own)
    model.trainable = False
    model.pop()
    model.add(dense(CLASSES, "softmax", 2))
    assert model.trainable
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert trained(model) == [LAST_KERNEL, LAST_BIAS]
    model.trainable = False
    model.layers[0].trainable = True
    assert trained(model) == [KERNEL, BIAS]


def test_a_frozen_discriminator():
    """Two models over the same layers: what is frozen in one is frozen in the other."""
    base = classifier()
    both = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(FEATURES, "tanh", 7), *base.layers])
    both.compile("sgd", "sparse_categorical_crossentropy")
    base.trainable = False
    assert trained(both) == [0, 1]


def test_trainable_weights():
    model = network(False)
    assert [w.shape for w in model.trainable_weights] == [(5, 7), (7,), (7,), (7,), (7, 3), (3,)]
    assert [w.shape for w in model.non_trainable_weights] == [(7,), (7,)]
    normalization = model.layers[1]
    assert (len(normalization.trainable_weights), len(normalization.non_trainable_weights)) == (2, 2)
    normalization.trainable = False
    assert (len(normalization.trainable_weights), len(normalization.non_trainable_weights)) == (0, 4)
    model.layers[0].parameters[1].trainable = False
    assert [w.shape for w in model.trainable_weights] == [(5, 7), (7, 3), (3,)]
    model.trainable_weights[0][...] = 3  # live
    assert (model.get_weights()[0] == 3).all()
    model.trainable = False
    assert model.trainable_weights == []
    assert len(model.non_trainable_weights) == len(model.weights)


@pytest.mark.parametrize("own", [False, True], ids=["compiled", "layer by layer"])
def test_files_and_configs_keep_it(tmp_path, own):
    model = network(own)
    model.trainable = False
    model.save(tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors", {"Python": Python})
    assert not loaded.trainable
    assert trained(loaded) == []
    again = fastnn.Sequential.from_config(model.get_config(), {"Python": Python})
    assert [layer.trainable for layer in again.layers] == [False] * 4
    assert_same_weights(model, load_model(tmp_path / "m.safetensors", {"Python": Python}))


def test_without_layers():
    """Freezing them would change nothing, neither now nor for layers that are added."""
    model = fastnn.Sequential()
    with pytest.raises(ValueError, match="has no layers yet that could be frozen; add them first"):
        model.trainable = False
    model.trainable = True
    model.add(dense(2))
    assert model.trainable
    model.trainable = False
    assert not model.layers[0].trainable


@pytest.mark.parametrize("own", [False, True], ids=["compiled", "layer by layer"])
def test_training_without_trainable_weights_is_said(own):
    """As where a discriminator is frozen for good after it was compiled."""
    model = network(own)
    model.trainable = False
    with pytest.warns(UserWarning, match=r"has no trainable weights, so training changes none: layer\.trainable"):
        model.train_on_batch(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.train_on_batch(X, Y)  # once is enough
        model.evaluate(X, Y, verbose=0)
