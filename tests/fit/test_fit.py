"""fit, evaluate and the functions on one batch: history, epochs, validation, order of samples."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers, optimizers
from fastnn.utils import set_random_seed

from ..small_models import ROWS, assert_same_weights, classifier, labels, losses_of, samples

X, Y = samples(), labels()


def still(**options):
    """A model that training does not change: every loss is that of the first weights."""
    return classifier(optimizers.SGD(0.0), **options)


# ---------------------------------------------------------------------------------------------------------------------
# History and epochs.


def test_history():
    model = classifier(metrics=["accuracy", "sparse_categorical_accuracy"])
    history = model.fit(X, Y, batch_size=8, epochs=3, validation_data=(X, Y), verbose=0)
    assert isinstance(history, callbacks.History)
    assert model.history is history
    assert history.model is model
    assert list(history.history) == sorted(
        f"{part}{name}" for part in ("", "val_") for name in ("loss", "accuracy", "sparse_categorical_accuracy")
    )
    assert all(len(column) == 3 for column in history.history.values())
    assert all(type(value) is float for column in history.history.values() for value in column)
    assert history.epoch == [0, 1, 2]
    assert history.params == {"verbose": 0, "epochs": 3, "steps": math.ceil(ROWS / 8)}
    assert repr(history).startswith("<History of 3 epochs: accuracy, loss")


def test_every_fit_has_a_history_of_its_own_and_training_goes_on():
    model, together = classifier("adam"), classifier("adam")
    first = model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    second = model.fit(X, Y, epochs=5, initial_epoch=2, shuffle=False, verbose=0)
    assert (first.epoch, second.epoch) == ([0, 1], [2, 3, 4])
    whole = together.fit(X, Y, epochs=5, shuffle=False, verbose=0)
    assert first.history["loss"] + second.history["loss"] == whole.history["loss"]
    assert_same_weights(model, together)
    assert model.optimizer.iterations == together.optimizer.iterations == 5 * math.ceil(ROWS / 32)


def test_no_epochs_left():
    model = classifier()
    before = model.get_weights()
    history = model.fit(X, Y, epochs=2, initial_epoch=2, verbose=0)
    assert history.history == {}
    assert history.epoch == []
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize("verbose", [0, 1, 2])
@pytest.mark.parametrize("options", [{}, {"validation_split": 0.2}], ids=["alone", "validated"])
def test_no_epochs_at_all(options, verbose):
    """An empty history, as in Keras; callbacks begin and end, and weights are as they were, NaN or not."""
    model, calls = classifier(), []
    model.weights[0][0, 0] = np.nan
    before = model.get_weights()
    hooks = callbacks.LambdaCallback(
        on_train_begin=lambda logs: calls.append("begin"),
        on_epoch_begin=lambda epoch, logs: calls.append("epoch"),
        on_train_end=lambda logs: calls.append("end"),
    )
    others = [callbacks.EarlyStopping("loss", restore_best_weights=True), callbacks.ReduceLROnPlateau("loss")]
    history = model.fit(X, Y, epochs=0, callbacks=[hooks, *others], verbose=verbose, **options)
    assert (history.history, history.epoch, calls) == ({}, [], ["begin", "end"])
    assert model.optimizer.iterations == 0
    for weight, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_the_epochs_loss_is_the_mean_over_samples_not_over_batches():
    model = still()
    history = model.fit(X, Y, batch_size=8, epochs=2, verbose=0)  # the last batch has 5 rows
    expected = losses_of(model, X, Y).mean()
    np.testing.assert_allclose(history.history["loss"], [expected, expected], rtol=1e-6)
    accuracy = (model.predict(X).argmax(axis=1) == Y).mean()
    np.testing.assert_allclose(history.history["accuracy"], [accuracy, accuracy], rtol=1e-12)


@pytest.mark.parametrize(("batch_size", "steps"), [(1, 37), (8, 5), (36, 2), (37, 1), (38, 1), (10**9, 1), (None, 2)])
def test_steps(batch_size, steps):
    model = classifier()
    history = model.fit(X, Y, batch_size=batch_size, epochs=2, verbose=0)
    assert history.params["steps"] == steps
    assert model.optimizer.iterations == 2 * steps


def test_one_batch_larger_than_the_data_is_the_data():
    model, other = classifier(), classifier()
    model.fit(X, Y, batch_size=10**6, epochs=3, shuffle=False, verbose=0)
    other.fit(X, Y, batch_size=ROWS, epochs=3, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_learning():
    x = samples(400)
    y = (x[:, 0] + x[:, 1] > 0).astype(int) + 2 * (x[:, 2] > 1)
    y[y > 2] = 2
    model = classifier(optimizers.Adam(0.02))
    before = model.evaluate(x, y, verbose=0)
    history = model.fit(x, y, epochs=40, verbose=0)
    after = model.evaluate(x, y, verbose=0)
    assert history.history["loss"][-1] < 0.25 < 0.8 < before[0]
    assert after[1] > 0.9


# ---------------------------------------------------------------------------------------------------------------------
# Validation.


def test_validation_split_takes_the_last_rows():
    model = still()
    history = model.fit(X, Y, validation_split=0.3, verbose=0)
    split = math.floor(ROWS * 0.7)
    values = losses_of(model, X, Y)
    np.testing.assert_allclose(history.history["loss"], [values[:split].mean()], rtol=1e-6)
    np.testing.assert_allclose(history.history["val_loss"], [values[split:].mean()], rtol=1e-6)


def test_rows_set_aside_are_not_trained_on():
    model, other = classifier(), classifier()
    model.fit(X, Y, validation_split=0.5, shuffle=False, verbose=0)
    other.fit(X[:18], Y[:18], shuffle=False, verbose=0)
    assert_same_weights(model, other)


@pytest.mark.parametrize("kind", [tuple, list])
def test_validation_data(kind):
    model = still()
    weights = np.linspace(0, 2, 11)
    x, y = samples(11, seed=9), labels(11, seed=9)
    values = losses_of(model, x, y)
    history = model.fit(X, Y, validation_data=kind((x, y)), validation_split=0.9, verbose=0)  # the data win
    np.testing.assert_allclose(history.history["val_loss"], [values.mean()], rtol=1e-6)
    np.testing.assert_allclose(history.history["loss"], [losses_of(model, X, Y).mean()], rtol=1e-6)
    weighted = model.fit(X, Y, validation_data=kind((x, y, weights)), verbose=0)
    np.testing.assert_allclose(weighted.history["val_loss"], [(weights * values).mean()], rtol=1e-6)
    assert weighted.history["val_accuracy"] == history.history["val_accuracy"]  # metrics take no weights


def test_validation_after_the_epoch_equals_evaluate():
    model = classifier("adam")
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0)
    loss, accuracy = model.evaluate(X, Y, verbose=0)
    assert history.history["val_loss"][-1] == loss
    assert history.history["val_accuracy"][-1] == accuracy


def test_validation_freq():
    history = classifier().fit(X, Y, epochs=5, validation_data=(X, Y), validation_freq=2, verbose=0)
    assert len(history.history["loss"]) == 5
    assert len(history.history["val_loss"]) == 2


def test_validation_does_not_change_training():
    model, other = classifier("adam"), classifier("adam")
    model.fit(X, Y, epochs=3, shuffle=False, validation_data=(X[:5], Y[:5]), verbose=0)
    other.fit(X, Y, epochs=3, shuffle=False, verbose=0)
    assert_same_weights(model, other)


# ---------------------------------------------------------------------------------------------------------------------
# Order of the samples.


def test_shuffling_changes_the_order_and_the_seed_repeats_it():
    def train(seed, shuffle=True):
        set_random_seed(seed)
        model = classifier(optimizers.SGD(0.5))
        model.fit(X, Y, batch_size=4, epochs=3, shuffle=shuffle, verbose=0)
        return model

    assert_same_weights(train(1), train(1))
    assert_same_weights(train(1, shuffle=False), train(2, shuffle=False))
    assert (train(1).get_weights()[0] != train(2).get_weights()[0]).any()
    assert (train(1).get_weights()[0] != train(1, shuffle=False).get_weights()[0]).any()


def test_every_epoch_sees_every_sample_once_in_an_order_of_its_own():
    seen = []

    class Spy(layers.Layer):
        def forward(self, x, training=False):
            if training:
                seen.extend(x[:, 0].astype(int).tolist())
            return x

        def backward(self, dy):
            return dy

    model = fastnn.Sequential([fastnn.Input((1,)), Spy(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(20.0)[:, np.newaxis]
    model.fit(x, np.zeros(20), batch_size=8, epochs=3, verbose=0)
    epochs = [seen[i : i + 20] for i in range(0, 60, 20)]
    assert all(sorted(order) == list(range(20)) for order in epochs)
    assert len({tuple(order) for order in epochs}) == 3
    assert list(range(20)) not in epochs


def test_everything_random_repeats_after_set_random_seed():
    def train():
        set_random_seed(7)
        model = fastnn.Sequential(
            [
                fastnn.Input((5,)),
                layers.Dense(8, "tanh"),
                layers.Dropout(0.3),
                layers.GaussianNoise(0.1),
                layers.Dense(3),
            ]
        )
        model.compile("adam", fastnn.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model, model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history

    (model, history), (other, expected) = train(), train()
    assert history == expected
    assert_same_weights(model, other)


# ---------------------------------------------------------------------------------------------------------------------
# Results of evaluate and of the functions on one batch.


def test_what_evaluate_returns(capsys):
    model, bare = still(), still(metrics=())
    loss, accuracy = model.evaluate(X, Y, verbose=0)
    assert type(loss) is float
    assert loss == pytest.approx(losses_of(model, X, Y).mean(), rel=1e-6)
    assert bare.evaluate(X, Y, verbose=0) == loss
    assert model.evaluate(X, Y, verbose=0, return_dict=True) == {"accuracy": accuracy, "loss": loss}
    assert list(model.evaluate(X, Y, verbose=0, return_dict=True)) == ["accuracy", "loss"]
    assert model.evaluate(X, Y, batch_size=3, verbose=0) == [loss, accuracy]
    assert capsys.readouterr().out == ""
    model.evaluate(X, Y)
    assert capsys.readouterr().out == f"[ Test ] loss = {loss:.5f}, acc = {accuracy:.5f}\n"


def test_train_on_batch_is_one_step_of_fit():
    model, other = classifier("adam"), classifier("adam")
    for _ in range(3):
        expected = model.evaluate(X, Y, verbose=0)
        assert model.train_on_batch(X, Y) == expected  # from before the step
        other.fit(X, Y, batch_size=ROWS, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    assert model.optimizer.iterations == 3
    assert list(model.train_on_batch(X[:9], Y[:9], return_dict=True)) == ["accuracy", "loss"]


def test_test_on_batch_is_evaluate():
    model = classifier()
    weights = np.linspace(0, 1, ROWS)
    assert model.test_on_batch(X, Y, sample_weight=weights) == model.evaluate(X, Y, sample_weight=weights, verbose=0)
    assert model.test_on_batch(X, Y, return_dict=True) == model.evaluate(X, Y, return_dict=True, verbose=0)


def test_what_fit_prints(capsys):
    model = classifier()
    history = model.fit(X, Y, epochs=2, validation_split=0.3, verbose=2).history
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"[ {part} | {epoch + 1:03d}/002 ] "
        f"loss = {history[prefix + 'loss'][epoch]:.5f}, acc = {history[prefix + 'accuracy'][epoch]:.5f}"
        for epoch in range(2)
        for part, prefix in (("Train", ""), ("Validation", "val_"))
    ]
    model.fit(X, Y, epochs=1, verbose=0)
    assert capsys.readouterr().out == ""


def test_weights_that_are_set_between_two_trainings_count_from_the_first_step():
    """The backward pass reads copies of them, which a training leaves behind."""
    model, other = classifier(), classifier()
    model.fit(X, Y, verbose=0)
    weights = [np.cos(np.arange(w.size)).reshape(w.shape) for w in other.get_weights()]
    for each in (model, other):
        each.set_weights(weights)
        each.fit(X, Y, batch_size=ROWS, shuffle=False, verbose=0)
    assert_same_weights(model, other)
