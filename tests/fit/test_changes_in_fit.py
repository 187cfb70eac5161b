"""What callbacks do to the model while it trains."""

import pickle

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, optimizers

from ..limits import small
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


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "layer by layer"])
@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize(
    ("make", "name"),
    [(optimizers.SGD, "momentum"), (optimizers.RMSprop, "momentum"), (optimizers.RMSprop, "centered"),
     (optimizers.Adam, "amsgrad")],
)  # fmt: skip
def test_what_takes_more_slots_begins_with_new_ones(make, name, averaged, eager):
    """The other slots go on: as in an optimizer that had it from the beginning, but whose new slots are new."""
    model, other = small(make(use_ema=averaged), eager=eager), small(make(use_ema=averaged, **{name: 0.9}), eager=eager)
    model.fit(X, Y, shuffle=False, verbose=0)
    setattr(model.optimizer, name, 0.9)
    other.set_weights(model.get_weights())
    other.optimizer.build(other.parameters)
    other.optimizer.iterations = model.optimizer.iterations
    for p, q in zip(model.parameters, other.parameters, strict=True):
        *before, average = model.optimizer.slots_of(p) if averaged else [*model.optimizer.slots_of(p), None]
        for slot, value in zip(other.optimizer.slots_of(q), before, strict=False):
            slot[...] = value
        if averaged:
            other.optimizer.slots_of(q)[-1][...] = average
    for each in (model, other):
        each.fit(X, Y, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    assert len(model.optimizer.slots_of(model.parameters[0])) == model.optimizer.all_slots
    setattr(model.optimizer, name, 0.0)
    model.fit(X, Y, shuffle=False, verbose=0)
    assert len(model.optimizer.slots_of(model.parameters[0])) == model.optimizer.all_slots


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
    """The weights that both use are the same memory."""
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


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "layer by layer"])
@pytest.mark.parametrize("options", [{}, {"clipnorm": 1.0}], ids=["plain", "clipped"])
def test_averages_that_are_switched_on_begin_then(eager, options):
    """They had no slot: the kernels read beyond the slots, or took Adam's for the averages."""
    model = small(optimizers.Adam(0.01, **options), eager=eager)

    def switch_on(*_):
        model.optimizer.use_ema = True

    before = model.get_weights()
    model.fit(X, Y, epochs=3, verbose=0, callbacks=callbacks.LambdaCallback(on_epoch_end=switch_on))
    assert all(len(model.optimizer.slots_of(p)) == 3 for p in model.parameters)
    for weight, average, first in zip(model.get_weights(), averages(model), before, strict=True):
        np.testing.assert_array_equal(weight, average)
        assert 0 < np.abs(weight - first).max() < 0.2


def averages(model):
    return [model.optimizer.slots_of(p)[-1] for p in model.parameters]


def test_averages_that_are_not_there_do_not_become_the_weights():
    model = classifier("adam")
    model.fit(X, Y, verbose=0)
    kept = model.get_weights()
    model.optimizer.use_ema = True
    model.optimizer.finalize_variable_values(model.parameters)
    for weight, expected in zip(model.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(weight, expected)


def frozen(model):
    for layer in model.layers:
        layer.trainable = False


def clipped(model):
    model.optimizer.clipvalue = 1e-30


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "layer by layer"])
@pytest.mark.parametrize("change", [frozen, clipped])
@pytest.mark.filterwarnings("ignore:model .* has no trainable weights")
def test_what_a_callback_changes_counts_from_the_next_step_on(change, eager):
    model, kept = small(optimizers.SGD(0.1), eager=eager), []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda *_: kept.append(model.get_weights()))
    once = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: change(model) if epoch == 1 else None)
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[keep, once])
    for first, last in zip(kept[0], kept[-1], strict=True):
        np.testing.assert_allclose(first, last, atol=1e-25)


def test_weights_that_are_made_again_are_those_that_count():
    model = classifier("adam")
    model.fit(X, Y, verbose=0)
    model.predict(X)
    model.evaluate(X, Y, verbose=0)
    first = model.layers[0]
    first.parameters = []
    first.build(first.input_shape)
    np.testing.assert_array_equal(model.predict(X), model.forward(X))
    before = first.kernel.value.copy()
    model.fit(X, Y, verbose=0)
    assert (first.kernel.value != before).any()
    np.testing.assert_array_equal(model.predict(X), model.forward(X))


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "layer by layer"])
@pytest.mark.parametrize("wrong", [10**9, -(10**9), 7])
def test_labels_that_change_meanwhile_do_not_count(wrong, eager):
    """They index memory, so they are copied when they are checked."""
    model, other, y = small(eager=eager), small(eager=eager), Y.copy()

    def spoil(*_):
        y[:] = wrong

    spoils = callbacks.LambdaCallback(on_epoch_begin=spoil, on_train_batch_begin=spoil)
    history = model.fit(X, y, epochs=2, shuffle=False, validation_data=(X, y), callbacks=spoils, verbose=0).history
    assert history == other.fit(X, Y, epochs=2, shuffle=False, validation_data=(X, Y), verbose=0).history
    assert_same_weights(model, other)


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "layer by layer"])
def test_a_schedule_may_move_the_momentum(eager):
    """As in a one-cycle policy: it is asked in the middle of a step, whose slots have been made."""

    class OneCycle(fastnn.schedules.LearningRateSchedule):
        def __call__(self, step):
            model.optimizer.momentum = 0.9 if step >= 3 else 0.0
            return 0.01

    model = small(eager=eager)
    model.compile(optimizers.SGD(OneCycle()), "sparse_categorical_crossentropy")
    model.fit(X, Y, batch_size=4, epochs=3, verbose=0)
    model.fit(X, Y, batch_size=4, epochs=3, verbose=0)  # compiled, it is asked for many steps at once
    assert np.isfinite(model.get_weights()[0]).all()
    assert len(model.optimizer.slots_of(model.parameters[0])) == 1


def test_the_steps_of_an_optimizer_may_be_set():
    """A warm restart, and single steps in between: schedules and Adam's t follow in both paths."""
    results = []
    for eager in (False, True):
        rate = fastnn.schedules.ExponentialDecay(0.5, 10, 0.1)
        model = small(optimizers.Adam(rate), eager=eager)

        def restart(epoch, logs, model=model):
            model.optimizer.iterations = 0
            model.train_on_batch(X, Y)

        counts = []
        keep = callbacks.LambdaCallback(
            on_epoch_begin=restart, on_epoch_end=lambda *_, m=model, c=counts: c.append(m.optimizer.iterations)
        )
        fastnn.utils.set_random_seed(3)
        history = model.fit(X, Y, batch_size=8, epochs=3, callbacks=keep, verbose=0).history
        assert counts == [6, 6, 6]
        results.append((history, model))
    assert results[0][0] == results[1][0]
    assert_same_weights(results[0][1], results[1][1])


def test_a_restart_does_not_repeat_the_order_of_the_samples():
    model, first = small(optimizers.SGD(0.0)), []

    class First(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            model.optimizer.iterations = 0

        def on_train_batch_end(self, batch, logs=None):
            if batch == 0:
                first.append(logs["loss"])

    model.fit(X, Y, batch_size=4, epochs=5, callbacks=First(), verbose=0)
    assert len(set(first)) == 5  # the weights stay, so that each is the loss of other samples
