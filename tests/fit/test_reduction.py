"""Losses that are divided by the sum of the sample weights: `reduction="mean_with_sample_weight"`."""

import json

import numpy as np
import pytest

import fastnn
from fastnn import losses, optimizers

from ..cases import LOSSES
from ..limits import BATCH, Own, X, Y, any_threads
from ..small_models import FEATURES, assert_same_weights, dense, labels, samples
from ..test_public_api import subclasses

__all__ = ["any_threads"]  # a fixture

BY_WEIGHT = "mean_with_sample_weight"
W = np.random.default_rng(5).uniform(0, 3, len(X)).astype(np.float32)
PATHS = pytest.mark.parametrize("eager", [False, True], ids=["compiled", "layer by layer"])


def model_of(eager=False, reduction=BY_WEIGHT, optimizer=None, features=X.shape[1]):
    first = [Own()] if eager else []
    model = fastnn.Sequential([fastnn.Input((features,)), *first, dense(9, "tanh", 1), dense(3, "softmax", 2)])
    loss = losses.SparseCategoricalCrossentropy(reduction=reduction)
    model.compile(optimizers.SGD(0.1) if optimizer is None else optimizer, loss, ["accuracy"])
    return model


def losses_of(model, x, y):
    return -np.log(model.predict(x).astype(np.float64)[np.arange(len(y)), y])


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)
def test_every_loss_divides_by_the_weights(case, rng):
    y, targets = case.outputs(rng, 7, 4, np.float64), case.targets(rng, 7, 4, np.float64)
    weights, loss = rng.uniform(0, 2, 7), case.make(reduction=BY_WEIGHT)
    values, gradient = case.reference(y.copy(), targets, weights / weights.sum(), *case.numbers)
    assert loss.forward(targets, y, weights) == pytest.approx((values * weights).sum() / weights.sum(), rel=1e-12)
    np.testing.assert_allclose(loss.backward(), gradient, rtol=1e-9, atol=1e-12)
    plain = case.make()
    assert loss.forward(targets, y) == plain.forward(targets, y)  # without weights each counts as 1
    np.testing.assert_array_equal(loss.backward(), plain.backward())


def test_every_loss_takes_it():
    for kind in subclasses(losses.Loss):
        if kind.__module__.startswith("fastnn.losses") and kind.__name__ not in ("FunctionLoss", "KernelLoss"):
            loss = kind(reduction=BY_WEIGHT)
            assert json.loads(json.dumps(loss.get_config()))["reduction"] == BY_WEIGHT
            assert kind.from_config(loss.get_config()).reduction == BY_WEIGHT
            assert repr(loss) == f"{kind.__name__}(reduction='{BY_WEIGHT}')"
            assert kind().reduction == "sum_over_batch_size"


@pytest.mark.parametrize("wrong", ["sum", "none", None, "mean", 3])
def test_other_reductions_are_refused(wrong):
    expected = f"reduction must be 'sum_over_batch_size' or '{BY_WEIGHT}', received {wrong!r}"
    with pytest.raises(ValueError, match=expected):
        losses.MeanSquaredError(reduction=wrong)


@PATHS
def test_a_step_is_that_of_weights_with_the_mean_1(eager):
    model, other = model_of(eager), model_of(eager, "sum_over_batch_size")
    weights = W[:BATCH]
    got = model.train_on_batch(X[:BATCH], Y[:BATCH], sample_weight=weights)
    scaled = (weights.astype(np.float64) * BATCH / weights.sum(dtype=np.float64)).astype(np.float32)
    expected = other.train_on_batch(X[:BATCH], Y[:BATCH], sample_weight=scaled)
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-6)
    for weight, wanted in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-5, atol=1e-7)


@PATHS
def test_logs(eager):
    """`fit` counts each batch by its samples, as scikit-learn does; `evaluate` weighs all samples together."""
    model = model_of(eager, optimizer=optimizers.SGD(0.0))
    values = losses_of(model, X, Y)
    history = model.fit(
        X, Y, batch_size=BATCH, sample_weight=W, shuffle=False, validation_data=(X, Y, W), verbose=0
    ).history
    parts = [slice(i, i + BATCH) for i in range(0, len(X), BATCH)]
    means = [np.average(values[p], weights=W[p]) for p in parts]
    np.testing.assert_allclose(history["loss"], [np.average(means, weights=[len(X[p]) for p in parts])], rtol=1e-6)
    expected = np.average(values, weights=W)
    np.testing.assert_allclose(history["val_loss"], [expected], rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(X, Y, sample_weight=W, verbose=0)[0], expected, rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0)[0], values.mean(), rtol=1e-6)
    assert history["accuracy"] == [np.mean(model.predict(X).argmax(axis=1) == Y)]


def test_many_batches_of_an_evaluation():
    """More rows than a batch has."""
    x, y = samples(700), labels(700)
    weights = np.random.default_rng(2).uniform(0, 3, 700).astype(np.float32)
    model = model_of(features=FEATURES)
    expected = np.average(losses_of(model, x, y), weights=weights)
    np.testing.assert_allclose(model.evaluate(x, y, sample_weight=weights, verbose=0)[0], expected, rtol=1e-6)


@PATHS
def test_a_batch_without_any_weight(eager):
    model, before = model_of(eager), model_of(eager)
    weights = W.copy()
    weights[:BATCH] = 0
    assert model.train_on_batch(X[:BATCH], Y[:BATCH], sample_weight=weights[:BATCH])[0] == 0
    assert model.evaluate(X[:BATCH], Y[:BATCH], sample_weight=weights[:BATCH], verbose=0)[0] == 0
    assert_same_weights(model, before)
    loss = model.loss
    assert loss.forward(Y[:5], model.predict(X[:5]), np.zeros(5)) == 0
    assert not loss.backward().any()


def test_bits_depend_neither_on_threads_nor_on_the_path(any_threads):
    results = []
    for eager, threads in ((False, 1), (False, 3), (True, 1)):
        fastnn.set_num_threads(threads)
        model = model_of(eager, optimizer=optimizers.Adam(0.01))
        history = model.fit(X, Y, batch_size=BATCH, epochs=3, sample_weight=W, shuffle=False, verbose=0).history
        results.append((model, history, model.evaluate(X, Y, sample_weight=W, verbose=0)))
    for model, history, evaluated in results[1:]:
        assert_same_weights(model, results[0][0])
        assert history == results[0][1]
        assert evaluated == results[0][2]


def test_it_may_be_set_later():
    model, other = model_of(reduction="sum_over_batch_size"), model_of()
    for each in (model, other):
        each.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
        each.loss.reduction = BY_WEIGHT
        each.fit(X, Y, batch_size=BATCH, sample_weight=W, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_a_function_as_a_loss():
    loss = losses.get(lambda t, y: ((t - y) ** 2).mean(axis=-1))
    loss.reduction = BY_WEIGHT
    y, weights = np.array([[1.0], [2.0]]), [1.0, 3.0]
    assert loss.forward(np.zeros((2, 1)), y, weights) == pytest.approx(13 / 4)
    np.testing.assert_allclose(loss.backward(), [[2 / 4], [3 * 4 / 4]], rtol=1e-9)


def test_a_loss_of_ones_own():
    """Which divides by itself."""

    class Own(losses.Loss):
        def forward(self, y_true, y_pred, sample_weight=None):
            self.dy = 2 * (y_pred - y_true) * sample_weight[:, np.newaxis] / sample_weight.sum()
            return float(np.average((y_pred - y_true)[:, 0] ** 2, weights=sample_weight))

    results = []
    for loss in (Own(reduction=BY_WEIGHT), losses.MeanSquaredError(reduction=BY_WEIGHT)):
        model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(1, None, 1)])
        model.compile(optimizers.SGD(0.1), loss)
        x, y, weights = samples(), samples()[:, :1], np.linspace(0, 2, 37)
        history = model.fit(x, y, sample_weight=weights, batch_size=8, epochs=2, shuffle=False, verbose=0).history
        results.append(
            (history["loss"], model.evaluate(x, y, sample_weight=weights, verbose=0), model.get_weights()[0])
        )
    for got, expected in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)
