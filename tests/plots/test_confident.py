"""What is easily lost where numbers are large, or where the layers of a network come in an unusual order."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses, optimizers
from fastnn.engine.program import Program


@pytest.mark.parametrize("logit", [10.0, 15.0, 40.0])
def test_a_confident_and_right_output_has_its_tiny_loss(logit):
    x = np.array([[logit, 0.0]], np.float32)
    exact = np.log1p(np.exp(-logit))
    loss = losses.BinaryCrossentropy(from_logits=True)
    np.testing.assert_allclose(loss([[1.0]], x[:, :1]), exact, rtol=1e-5)
    np.testing.assert_allclose(losses.CategoricalCrossentropy(from_logits=True)([[1.0, 0.0]], x), exact, atol=6e-8)


@pytest.mark.parametrize("offset", [300.0, 1e6])
def test_a_common_offset_of_the_logits_changes_nothing(offset):
    x = np.array([[offset, offset - 1.0]], np.float32)
    for loss, target in (
        (losses.CategoricalCrossentropy(from_logits=True), [[1.0, 0.0]]),
        (losses.SparseCategoricalCrossentropy(from_logits=True), [0]),
    ):
        np.testing.assert_allclose(loss(target, x), np.log1p(np.exp(-1.0)), rtol=1e-5)


@pytest.mark.parametrize("last", [layers.Flatten, lambda: layers.Rescaling(2.0), lambda: layers.Dropout(0.5)])
def test_a_cross_entropy_behind_no_activation_is_refused(last):
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3), last()])
    with pytest.raises(ValueError, match="expects probabilities"):
        model.compile("sgd", "sparse_categorical_crossentropy")


def test_a_single_frozen_weight_stays_as_it_is():
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = np.ones((8, 4)), np.ones(8)
    model.fit(x, y, verbose=0)
    assert type(model._programs["train"].runner) is Program
    model.layers[0].kernel.trainable = False
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    assert type(model._programs["train"].runner) is Program
    after = model.get_weights()
    np.testing.assert_array_equal(after[0], before[0])
    assert (after[2] != before[2]).any()


def test_weights_that_overflow_in_the_last_step_are_reported():
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(1)])
    model.compile(optimizers.SGD(3e38), "mse")
    with pytest.warns(RuntimeWarning, match="no longer a finite number since epoch 1"):
        model.fit(np.full((8, 4), 10.0), np.full(8, -100.0), epochs=1, verbose=0)


def test_callbacks_see_the_steps_that_are_done():
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    seen = []
    note = fastnn.callbacks.LambdaCallback(on_train_batch_end=lambda *_: seen.append(model.optimizer.iterations))
    model.fit(np.ones((8, 4)), np.ones(8), batch_size=2, verbose=0, callbacks=[note])
    assert seen == [1, 2, 3, 4]


def test_fit_within_fit_is_refused():
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 4)), np.ones(8)
    again = fastnn.callbacks.LambdaCallback(on_epoch_end=lambda *_: model.fit(x, y, verbose=0))
    with pytest.raises(RuntimeError, match="a callback cannot call fit"):
        model.fit(x, y, verbose=0, callbacks=[again])
    model.fit(x, y, verbose=0)


def test_more_epochs_than_fit_into_one_log():
    model = fastnn.Sequential([fastnn.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(np.ones((1, 1)), np.ones(1), epochs=25_000, verbose=0)
    assert len(history.history["loss"]) == len(history.epoch) == 25_000
    assert history.epoch == list(range(25_000))
