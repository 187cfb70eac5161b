"""Losses and metrics that are operations, in fit and evaluate.

In float32 alone, because each is compiled for each type. (Some in float64, threads and the eager path: test_same_bits.)
"""

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses, metrics, optimizers
from fastnn.engine.eager import EagerProgram
from fastnn.engine.program import Program

from ..cases import LOSSES, METRICS, SUMS, labels
from ..comparing import exact
from ..limits import Own
from ..small_models import FEATURES, ROWS, dense, samples

FUNCTIONS = {case.name: case for case in LOSSES}
LAST = {"poisson": "sigmoid", "kl_divergence": "softmax"}  # after which there are such outputs
NEW = ["mean_absolute_error", "huber", "log_cosh", "poisson", "hinge", "squared_hinge", "kl_divergence"]


def network(outputs, last):
    return fastnn.Sequential([fastnn.Input((FEATURES,)), dense(7, "tanh", 1), dense(outputs, last, 2)])


@pytest.mark.parametrize("name", [*NEW, "softmax_focal_cross_entropy"])
def test_losses(name, rng):
    """Loss and gradient as the reference has them, from padded rows in several batches, and one that trains."""
    case = FUNCTIONS[name]
    y = case.targets(rng, ROWS, 3, np.float32)
    model = network(3, LAST.get(name))
    model.compile(optimizers.SGD(0.0), case.make())
    weights = rng.uniform(0, 2, ROWS)
    outputs = model.predict(samples())
    values, _ = case.reference(*exact(outputs, y, weights), *case.numbers)
    np.testing.assert_allclose(model.evaluate(samples(), y, verbose=0), values.mean(), rtol=1e-5)
    history = model.fit(samples(), y, batch_size=8, sample_weight=weights, verbose=0).history
    np.testing.assert_allclose(history["loss"], [(values * weights).mean()], rtol=1e-5)
    assert {type(made.runner) for made in model._programs.values()} == {Program}
    model.compile(optimizers.SGD(0.05), case.make())
    history = model.fit(samples(), y, batch_size=8, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.99 * history["loss"][0]


@pytest.mark.parametrize("case", SUMS, ids=lambda case: case.name)
@pytest.mark.parametrize("batch_size", [1, 8, ROWS])
def test_sums(case, batch_size, rng):
    """As the reference computes them of all samples at once, whatever the batches."""
    y = case.targets(rng, ROWS, 3, np.float32)
    sparse, logits = case.targets is labels, "logits" in case.name
    loss = losses.SparseCategoricalCrossentropy(from_logits=True) if sparse else "mse"
    last = None if logits or sparse or case.kernel_name == "squared_sums" else "sigmoid"
    model = network(3, last)
    metric = case.make()
    model.compile(optimizers.SGD(0.0), loss, [metric, "accuracy"])
    expected = metric(y, model.predict(samples()))  # test_kernels_metrics compares that with the reference
    history = model.fit(samples(), y, batch_size=batch_size, shuffle=True, verbose=0).history
    np.testing.assert_allclose(history[metric.name][0], expected, rtol=1e-12, atol=1e-15)
    if case.kernel_name != "squared_sums":  # counts are exact
        np.testing.assert_array_equal(history[metric.name][0], expected)
    np.testing.assert_array_equal(model.evaluate(samples(), y, verbose=0)[1], expected)
    assert {type(made.runner) for made in model._programs.values()} == {Program}


@pytest.mark.parametrize("first", [[], [Own(dtype="float64")]], ids=["compiled", "layer by layer"])
def test_r2_score_of_targets_that_vary_little_against_their_mean(first, rng):
    """Of shuffled batches and of validation data, whose first targets are others."""
    x, y = samples(), 1e7 + rng.normal(size=(ROWS, 2))
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), *first, dense(2, None, 1, dtype="float64")])
    model.compile(optimizers.SGD(0.0), "mse", ["r2_score"])
    model.set_weights([0.1 * rng.normal(size=(FEATURES, 2)), [1e7, 1e7]])
    history = model.fit(x, y, batch_size=8, epochs=2, validation_data=(x[20:], y[20:]), verbose=0).history
    for rows, found in ((slice(None), history["r2_score"]), (slice(20, None), history["val_r2_score"])):
        t, outputs = y[rows] - 1e7, model.predict(x[rows]) - 1e7
        expected = np.mean(1 - np.square(outputs - t).sum(axis=0) / np.square(t - t.mean(axis=0)).sum(axis=0))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert {type(made.runner) for made in model._programs.values()} == {EagerProgram if first else Program}


def test_top_k(rng):
    for case in METRICS:
        if "top_k" not in case.name:
            continue
        y = case.targets(rng, ROWS, 4, np.float32)
        model = network(4, "softmax")
        loss = "sparse_categorical_crossentropy" if y.ndim == 1 else "categorical_crossentropy"
        model.compile(optimizers.SGD(0.0), loss, [case.make()])
        expected = case.reference(model.predict(samples()), y, *case.numbers).mean()
        assert 0.2 < expected < 0.8
        assert model.fit(samples(), y, batch_size=8, verbose=0).history[case.name] == [pytest.approx(expected)]


def test_a_metric_of_several_numbers(capsys):
    """As in Keras, an array in the logs."""
    y = np.arange(ROWS) % 3
    model = network(3, "softmax")
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy", "f1_score"])
    history = model.fit(samples(), y, epochs=2, validation_split=0.3, verbose=2).history
    assert [score.shape for score in history["val_f1_score"]] == [(3,), (3,)]
    _, accuracy, scores = model.evaluate(samples(), y)
    np.testing.assert_array_equal(scores, metrics.F1Score()(y, model.predict(samples())))
    shown = ", ".join(f"{score:.5f}" for score in scores)
    assert f"acc = {accuracy:.5f}, f1_score = [{shown}]" in capsys.readouterr().out.splitlines()[-1]
    assert model.train_on_batch(samples(), y)[2].shape == (3,)
    stop = fastnn.callbacks.EarlyStopping("f1_score")
    with pytest.raises(ValueError, match='EarlyStopping monitors "f1_score", which has 3 values per epoch'):
        model.fit(samples(), y, callbacks=[stop], verbose=0)


def test_metrics_see_the_targets_that_were_given():
    """Not those that a loss has smoothed, nor -1 where hinge takes a 0 for it."""
    x, y = samples(), np.random.default_rng(3).integers(2, size=(ROWS, 2)).astype(np.float32)
    for loss in (losses.BinaryCrossentropy(True, 0.5), "hinge", "squared_hinge"):
        model = network(2, None)
        model.compile(optimizers.SGD(0.0), loss, ["binary_accuracy", "mae", "precision", "r2_score"])
        outputs, got = model.predict(x), model.evaluate(x, y, verbose=0, return_dict=True)
        assert got["binary_accuracy"] == pytest.approx(((outputs > 0.5) == y).mean())
        assert got["mae"] == pytest.approx(np.abs(outputs - y).mean())
        assert got["precision"] == pytest.approx(y[outputs > 0.5].mean())
        assert got["r2_score"] == pytest.approx(metrics.R2Score()(y, outputs))


class Spread(metrics.Metric):
    """Of a user: the variance of the outputs."""

    default_name = "spread"
    per_sample = False

    def state_size(self, outputs):
        return 2

    def add(self, state, targets, y):
        state += [y.sum(), (y**2).sum()]

    def result(self, state):
        return float(state[1] - state[0] ** 2)


def test_sums_of_the_users_own():
    x, y = samples(), samples(ROWS, 1, 4)
    model = network(1, None)
    model.compile(optimizers.SGD(0.0), "mse", [Spread(), "mse"])
    spread = model.evaluate(x, y, verbose=0)[1]
    assert spread == pytest.approx(model.predict(x).var(), rel=1e-5)
    assert model.fit(x, y, batch_size=8, verbose=0).history["spread"] == [pytest.approx(spread, rel=1e-5)]


def test_a_subclass_that_adds_otherwise_runs_in_python():
    class Twice(metrics.Precision):
        def add(self, state, targets, y):
            super().add(state, targets, y)
            state[1] = 0

    model = network(1, "sigmoid")
    model.compile("sgd", "binary_crossentropy", [Twice()])
    y = np.arange(ROWS) % 2
    assert model.evaluate(samples(), y, verbose=0)[1] == 1


@pytest.mark.parametrize("layer", [layers.Activation("softmax"), layers.Dense(3, "softmax")], ids=["alone", "in dense"])
def test_focal_loss_learns_where_a_probability_rounds_to_0(layer):
    """It starts from the logits, as the other losses after a softmax do."""
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(3, use_bias=False), layer])
    model.compile("sgd", "categorical_focal_crossentropy")
    model.set_weights([np.diag([300, -300, 0.0]), *[np.eye(3), np.zeros(3)][: len(model.weights) - 1]])
    x, y = np.array([[1.0, 1, 0]]), np.array([[0.0, 1, 0]])
    assert model.evaluate(x, y, verbose=0) == pytest.approx(0.25 * 600)
