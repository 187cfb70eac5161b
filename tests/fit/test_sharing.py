"""Copies and pickles of models, layers that belong to two models, layers that are not trained."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers

from ..cases import OPTIMIZERS
from ..small_models import FEATURES, ROWS, assert_same_weights, classifier, dense, labels, regressor, samples

X, Y = samples(), labels()


def fit(model, y=Y, epochs=2):
    return model.fit(X, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history


COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda model: pickle.loads(pickle.dumps(model))}


@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.name)
@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES.keys())
def test_a_copy_goes_on_where_the_model_was(duplicate, case):
    model = classifier(case.make())
    fit(model)
    other = duplicate(model)
    assert_same_weights(other, model)
    assert other.optimizer.iterations == model.optimizer.iterations == 10
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    before = model.get_weights()
    history = fit(other)
    for weight, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)  # the copy has weights and slots of its own
    assert fit(model) == history
    assert_same_weights(other, model)


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES.keys())
def test_copies_of_models_in_any_state(duplicate):
    for make in (
        fastnn.Sequential,
        lambda: classifier(known_shape=False),
        lambda: classifier(dtype="float64"),
        classifier,
    ):
        model = make()
        other = duplicate(model)
        assert other.built == model.built
        assert_same_weights(other, model)
        if model.layers:
            fit(other)
            assert not model.built or (other.weights[0] != model.weights[0]).any()


def test_a_copy_has_dropout_of_the_same_seed():
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(8, "relu", 1), layers.Dropout(0.5), dense(1, None, 2)])
    model.compile("adam", "mse")
    other = copy.deepcopy(model)
    y = (Y > 1).astype(float)
    assert fit(model, y) == fit(other, y)
    assert_same_weights(model, other)


def test_a_model_can_be_pickled_after_every_use_and_stays_small():
    model = classifier("adam")
    fit(model)
    model.evaluate(X, Y, verbose=0)
    model.predict(X)
    model(X[:1])
    assert len(pickle.dumps(model)) < 20_000


def test_a_copy_knows_its_history_and_has_a_list_of_layers_of_its_own():
    model = classifier("adam")
    fit(model)
    deep, shallow = copy.deepcopy(model), copy.copy(model)
    assert deep.history.model is deep
    assert shallow.history is model.history
    assert model.history.model is model
    for other in (deep, shallow):
        other.pop()
        assert len(model.layers) == 2
    assert fastnn.callbacks.History().model is None


# ---------------------------------------------------------------------------------------------------------------------
# Layers of two models.


def autoencoder(optimizer="adam"):
    model = fastnn.Sequential(
        [
            fastnn.Input((FEATURES,)),
            dense(4, "tanh", 1),
            dense(2, "tanh", 2),
            dense(4, "tanh", 3),
            dense(FEATURES, None, 4),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def test_training_the_whole_changes_the_part():
    model = autoencoder()
    encoder = fastnn.Sequential(model.layers[:2])
    fit(model, X)
    codes = encoder.predict(X)
    assert codes.shape == (ROWS, 2)
    fit(model, X)
    assert (encoder.predict(X) != codes).any()
    decoder = fastnn.Sequential([fastnn.Input((2,)), *model.layers[2:]])
    np.testing.assert_array_equal(decoder.predict(encoder.predict(X)), model.predict(X))
    np.testing.assert_array_equal(encoder(X[:1]), encoder.predict(X)[:1])


def test_training_the_part_changes_the_whole():
    model = autoencoder()
    encoder = fastnn.Sequential(model.layers[:2])
    encoder.compile("adam", "mse")
    before, decoder_weights = model.predict(X), model.get_weights()[4:]
    fit(encoder, X[:, :2])
    assert (model.predict(X) != before).any()
    assert_same_weights(encoder, fastnn.Sequential(model.layers[:2]))
    for weight, expected in zip(model.get_weights()[4:], decoder_weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_a_part_taken_between_two_fits_does_not_disturb_training():
    """The optimizer's slots stay with their weights."""
    model, other = autoencoder(), autoencoder()
    fit(model, X)
    fit(other, X)
    part = fastnn.Sequential(model.layers[:2])
    part.add(dense(3, None, 5))  # brings weights of another storage together with the model's
    part.predict(X)
    assert fit(model, X) == fit(other, X)
    assert_same_weights(model, other)


def test_two_models_take_turns_in_training_the_layers_they_share():
    def both():
        body = [dense(6, "tanh", 1), dense(4, "tanh", 2)]
        first = fastnn.Sequential([fastnn.Input((FEATURES,)), *body, dense(1, None, 3)])
        second = fastnn.Sequential([fastnn.Input((FEATURES,)), *body, dense(2, None, 4)])
        first.compile(optimizers.Adam(0.01), "mse")
        second.compile(optimizers.Adam(0.01), "mse")
        return first, second

    first, second = both()
    losses = []
    for _ in range(3):
        losses.append(fit(first, X[:, 0])["loss"])
        losses.append(fit(second, X[:, 1:3])["loss"])
    np.testing.assert_array_equal(first.get_weights()[0], second.get_weights()[0])
    # The same with nothing shared but the numbers, handed over each time.
    alone, other = regressor_like(1, 3), regressor_like(2, 4)
    expected = []
    for _ in range(3):
        expected.append(fit(alone, X[:, 0])["loss"])
        other.set_weights(alone.get_weights()[:4] + other.get_weights()[4:])
        expected.append(fit(other, X[:, 1:3])["loss"])
        alone.set_weights(other.get_weights()[:4] + alone.get_weights()[4:])
    assert losses == expected


def regressor_like(outputs, seed):
    model = fastnn.Sequential(
        [fastnn.Input((FEATURES,)), dense(6, "tanh", 1), dense(4, "tanh", 2), dense(outputs, None, seed)]
    )
    model.compile(optimizers.Adam(0.01), "mse")
    return model


@pytest.mark.parametrize("make", [optimizers.Adam, lambda: optimizers.SGD(momentum=0.9)], ids=["adam", "momentum"])
def test_an_optimizer_with_slots_belongs_to_one_model(make):
    """Two models would take each other's slots away, silently."""
    optimizer = make()
    model, other = classifier(optimizer), classifier(optimizer)
    fit(model)
    before = other.get_weights()
    with pytest.raises(
        ValueError, match="can only continue with the model that it has trained; use a new optimizer for another model"
    ):
        fit(other)
    np.testing.assert_array_equal(other.get_weights()[0], before[0])
    fit(model)
    assert optimizer.iterations == 20


def test_slots_follow_their_weights_when_a_layer_is_added():
    """Another output layer: the layers below go on with their momenta, the new one begins with none."""
    model = regressor(optimizers.SGD(0.01, momentum=0.9))
    y = X[:, 0]
    fit(model, y)
    model.pop()
    kept = model.get_weights()
    model.add(dense(1, None, 9))
    model.compile(model.optimizer, "mse")
    fit(model, y, epochs=1)
    fresh = regressor(optimizers.SGD(0.01, momentum=0.9))
    fresh.pop()
    fresh.add(dense(1, None, 9))
    fresh.set_weights([*kept, *dense_weights(9)])
    fresh.compile(optimizers.SGD(0.01, momentum=0.9), "mse")
    fit(fresh, y, epochs=1)
    assert (model.get_weights()[0] != fresh.get_weights()[0]).any()  # without the old momenta it goes elsewhere
    assert model.optimizer.iterations == 15
    assert fresh.optimizer.iterations == 5


def dense_weights(seed):
    layer = dense(1, None, seed)
    layer.build((None, 7))
    return layer.get_weights()


def test_views_of_the_weights_stay_live():
    layer = dense(3, "softmax", 1)
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(4, "relu", 2), layer])
    views, of_layer = model.weights, layer.weights
    model.compile("sgd", "sparse_categorical_crossentropy")
    fit(model)
    fastnn.Sequential(model.layers[:1]).predict(X)
    for view, weight in zip([*views, *of_layer], [*model.get_weights(), *layer.get_weights()], strict=True):
        np.testing.assert_array_equal(view, weight)


# ---------------------------------------------------------------------------------------------------------------------
# trainable=False.


@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.name)
@pytest.mark.parametrize("frozen", [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]], ids=str)
@pytest.mark.filterwarnings("ignore:model .* has no trainable weights")
def test_frozen_layers_stay_as_they_are(case, frozen):
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(6, "tanh", 1), dense(4, "tanh", 2), dense(1, None, 3)])
    for i in frozen:
        model.layers[i].trainable = False
    model.compile(case.make(), "mse")
    before = model.get_weights()
    fit(model, X[:, 0])
    for i, (weight, first) in enumerate(zip(model.get_weights(), before, strict=True)):
        assert (weight == first).all() == (i // 2 in frozen)


def test_freezing_and_thawing_between_two_fits():
    model = classifier("adam")
    fit(model)
    model.layers[0].trainable = False
    kept = model.get_weights()[0]
    fit(model)
    np.testing.assert_array_equal(model.get_weights()[0], kept)
    model.layers[0].trainable = True
    fit(model)
    assert (model.get_weights()[0] != kept).any()


def test_freezing_the_part_that_was_trained_before():
    """Transfer: a trained body below a new head."""
    body = classifier("adam")
    fit(body)
    head = fastnn.Sequential([*body.layers[:1], dense(1, None, 8)])
    head.layers[0].trainable = False
    head.compile("adam", "mse")
    before = body.predict(X)
    fit(head, X[:, 0])
    np.testing.assert_array_equal(body.predict(X), before)
