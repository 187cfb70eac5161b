"""What callbacks do to the model while it trains."""

import pickle

import pytest

import fastnn
from fastnn import callbacks, optimizers

from ..small_models import assert_same_weights, classifier, dense, labels, samples

X, Y = samples(), labels()


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.compile("adam", "sparse_categorical_crossentropy"),
        lambda model: model.add(fastnn.layers.Softmax()),
        lambda model: model.pop(),
    ],
    ids=["compile", "add", "pop"],
)
def test_the_model_cannot_be_rebuilt_while_it_trains(change):
    model = classifier("sgd")
    with pytest.raises(RuntimeError, match="compile, add and pop cannot be called during fit"):
        model.fit(X, Y, callbacks=callbacks.LambdaCallback(on_epoch_end=lambda *_: change(model)), verbose=0)
    assert len(model.layers) == 2
    change(model)  # and now it can


@pytest.mark.parametrize(
    ("make", "name"),
    [(optimizers.SGD, "momentum"), (optimizers.RMSprop, "momentum"), (optimizers.RMSprop, "centered"),
     (optimizers.Adam, "amsgrad")],
)  # fmt: skip
def test_what_would_take_more_slots_than_there_are_changes_nothing(make, name):
    model, other = classifier(make()), classifier(make())
    for each in (model, other):
        each.fit(X, Y, shuffle=False, verbose=0)
    setattr(model.optimizer, name, 0.9)
    for each in (model, other):
        each.fit(X, Y, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_another_optimizer_trains_from_the_next_fit_on():
    """Its slots are made when fit begins."""
    model, adam = classifier("sgd"), optimizers.Adam()
    swap = callbacks.LambdaCallback(on_epoch_begin=lambda *_: setattr(model, "optimizer", adam))
    other = classifier("sgd")
    model.fit(X, Y, epochs=2, shuffle=False, callbacks=swap, verbose=0)
    other.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    model.fit(X, Y, verbose=0)
    assert adam.iterations == 2


def test_layers_may_be_put_into_another_model_meanwhile():
    """The new model brings weights of its own, and all of them move to one place: training follows."""
    model, other = classifier("adam"), classifier("adam")

    def look_inside(*_):
        fastnn.Sequential([*model.layers[:1], dense(2)]).predict(X)

    history = model.fit(
        X, Y, epochs=3, shuffle=False, callbacks=callbacks.LambdaCallback(on_epoch_end=look_inside), verbose=0
    )
    assert history.history == other.fit(X, Y, epochs=3, shuffle=False, verbose=0).history
    assert_same_weights(model, other)


def test_a_model_pickled_by_a_callback_can_be_used():
    kept = []
    model = classifier("adam")
    keep = callbacks.LambdaCallback(on_epoch_end=lambda *_: kept.append(pickle.dumps(model)))
    model.fit(X, Y, epochs=2, shuffle=False, callbacks=keep, verbose=0)
    loaded = pickle.loads(kept[1])
    assert_same_weights(loaded, model)
    loaded.compile("sgd", "sparse_categorical_crossentropy")
    loaded.fit(X, Y, verbose=0)


def test_a_callback_may_use_the_model():
    model, other, seen = classifier("adam"), classifier("adam"), []

    def use(*_):
        seen.append((model.predict(X[:2]).shape, model.evaluate(X, Y, verbose=0)[0]))

    model.fit(
        X,
        Y,
        batch_size=8,
        epochs=2,
        shuffle=False,
        callbacks=callbacks.LambdaCallback(on_train_batch_end=use),
        verbose=0,
    )
    other.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    assert len(seen) == 10
    assert seen[-1] == ((2, 3), model.evaluate(X, Y, verbose=0)[0])
