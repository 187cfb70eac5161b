"""A loss that is no longer a number is reported with epoch, batch and likely cause; it never is silent garbage."""

import warnings

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers, optimizers
from fastnn.model_selection import cross_validate

from ..small_models import classifier, dense, labels, regressor, samples

X, Y = samples(), labels()
NAN = float("nan")
DIVERGES = 1e38  # a learning rate after whose first step the weights are beyond all bounds


def diverging():
    return classifier(optimizers.SGD(DIVERGES))


@pytest.mark.parametrize(
    ("batch_size", "where"), [(8, "epoch 1, batch 2"), (37, "epoch 2, batch 1"), (20, "epoch 1, batch 2")]
)
@pytest.mark.parametrize("waited_for", ["on_epoch_end", "on_train_batch_end", None])
def test_nan_is_reported_once_with_epoch_batch_and_likely_cause(batch_size, where, waited_for):
    hooks = callbacks.LambdaCallback(**{waited_for: lambda *_: None}) if waited_for else None
    with pytest.warns(RuntimeWarning) as caught:
        history = diverging().fit(X, Y, batch_size=batch_size, epochs=3, callbacks=hooks, verbose=0).history
    assert len(caught) == 1
    text = str(caught[0].message)
    assert f"no longer a finite number since {where}." in text
    assert "learning rate that is too large" in text
    assert "SGD(learning_rate=1e+38)" in text
    assert caught[0].filename == __file__  # where fit was called
    assert len(history["loss"]) == 3
    assert np.isnan(history["loss"][-1])


def test_nan_from_the_first_batch_on():
    model = classifier()
    model.weights[0][0, 0] = NAN
    with pytest.warns(RuntimeWarning, match="since epoch 1, batch 1"):
        model.fit(X, Y, verbose=0)


def test_infinity_is_reported_too():
    model = regressor(optimizers.SGD(0.0))
    with pytest.warns(RuntimeWarning, match="since epoch 1, batch 1"):
        history = model.fit(X, np.full(37, 1e30), verbose=0)
    assert history.history["loss"] == [float("inf")]


def test_evaluate_and_train_on_batch_return_what_they_find():
    model = classifier()
    model.weights[0][0, 0] = NAN
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(model.evaluate(X, Y, verbose=0)[0])
        assert np.isnan(model.train_on_batch(X, Y)[0])


@pytest.mark.parametrize(("batch_size", "batch", "epochs"), [(8, 1, 1), (37, 0, 2), (20, 1, 1)])
@pytest.mark.parametrize("others", [[], [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)]])
@pytest.mark.filterwarnings("ignore:the loss is no longer:RuntimeWarning")
def test_terminate_on_nan(batch_size, batch, epochs, others, capsys):
    model = diverging()
    ends = [callbacks.TerminateOnNaN(), *others]
    history = model.fit(X, Y, batch_size=batch_size, epochs=9, callbacks=ends, verbose=0)
    assert history.epoch == list(range(epochs))
    assert np.isnan(history.history["loss"]).tolist() == [False] * (epochs - 1) + [True]
    assert model.optimizer.iterations == 2
    assert capsys.readouterr().out == f"Batch {batch}: Invalid loss, terminating training\n"


@pytest.mark.filterwarnings("ignore:the loss is no longer:RuntimeWarning")
def test_terminate_on_nan_as_an_error():
    model = diverging()
    with pytest.raises(RuntimeError, match="NaN or infinite loss in epoch 1, batch 2"):
        model.fit(X, Y, batch_size=8, epochs=9, callbacks=callbacks.TerminateOnNaN(raise_error=True), verbose=0)
    assert model.optimizer.iterations == 2
    assert model.history.history == {}


ENDINGS = {"alone": [], "beside TerminateOnNaN": [callbacks.TerminateOnNaN()]}


@pytest.mark.parametrize("others", ENDINGS.values(), ids=ENDINGS.keys())
@pytest.mark.parametrize("by_layer", [False, True], ids=["compiled", "layer by layer"])
@pytest.mark.filterwarnings("ignore:the loss is no longer:RuntimeWarning")
def test_best_weights_that_are_not_finite_are_restored(others, by_layer):
    """The first monitored epoch is the best so far, whatever it did to the weights, and the history comes back."""
    model = fastnn.Sequential([fastnn.Input((5,)), *([Identity()] if by_layer else []), dense(3, "softmax")])
    model.compile(optimizers.SGD(DIVERGES), "sparse_categorical_crossentropy")
    stop = callbacks.EarlyStopping("loss", restore_best_weights=True, patience=2)
    with np.errstate(all="ignore"):
        history = model.fit(1000 * X, Y, batch_size=37, epochs=9, callbacks=[stop, *others], verbose=0)
    assert np.isfinite(history.history["loss"]).tolist() == [True] + (len(history.epoch) - 1) * [False]
    assert (stop.best_epoch, model.history) == (0, history)
    assert not all(np.isfinite(w).all() for w in model.get_weights())
    for weight, best in zip(model.get_weights(), stop.best_weights, strict=True):
        np.testing.assert_array_equal(weight, best)


@pytest.mark.filterwarnings("ignore:the loss is no longer:RuntimeWarning")
def test_best_weights_that_are_not_finite_in_cross_validation():
    stop = callbacks.EarlyStopping("loss", restore_best_weights=True)
    found = cross_validate(diverging, 1000 * X, Y, cv=2, callbacks=[stop, callbacks.TerminateOnNaN()], epochs=3)
    assert [len(history.epoch) for history in found["histories"]] == [2, 2]
    assert np.isnan(found["test_loss"]).all()


class Identity(layers.Layer):
    """Written in Python: the model runs one layer at a time."""

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


def test_one_layer_at_a_time_it_is_reported_alike():
    model = fastnn.Sequential([fastnn.Input((5,)), Identity(), dense(3, "softmax")])
    model.compile(optimizers.SGD(DIVERGES), "sparse_categorical_crossentropy")
    model.weights[0][0, 0] = NAN
    with pytest.warns(RuntimeWarning, match="since epoch 1, batch 1"), np.errstate(all="ignore"):
        history = model.fit(X, Y, batch_size=8, epochs=3, callbacks=callbacks.TerminateOnNaN(), verbose=0)
    assert np.isnan(history.history["loss"]).tolist() == [True]
