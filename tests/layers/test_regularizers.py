"""Penalties on weights: their values, their gradients, and the loss that they join.

Keras's figures for the same stand with all others (`test_keras_figures.py`, cases `regularizer_*`).
"""

import numpy as np
import pytest

import fastnn
from fastnn import constraints, layers, optimizers, regularizers
from fastnn.engine.program import Program
from fastnn.kernels import instructions
from fastnn.saving import load_model

from ..comparing import assert_same_bits
from ..limits import BATCH, X, Y, any_threads, assert_same_bits_everywhere, small, wide
from ..reference import updating as reference
from ..small_models import FEATURES, assert_same_weights, dense, labels, samples

__all__ = ["any_threads"]  # a fixture

BOTH = {
    "kernel_regularizer": regularizers.L1L2(1e-3, 1e-2),
    "bias_regularizer": regularizers.L2(0.05),
}


def penalty_of(model):
    """The penalties of a model that has `BOTH` on every layer, from its weights."""
    return sum(
        reference.penalty(w.astype(np.float64), *((1e-3, 1e-2) if w.ndim == 2 else (0.0, 0.05))) for w in model.weights
    )


# ---------------------------------------------------------------------------------------------------------------------
# Objects.


def test_names_and_defaults():
    assert regularizers.get(None) is None
    assert isinstance(regularizers.get("l1"), regularizers.L1)
    assert isinstance(regularizers.get("l2"), regularizers.L2)
    assert isinstance(regularizers.get("l1_l2"), regularizers.L1L2)
    assert (regularizers.L1().l1, regularizers.L1().l2) == (0.01, 0)
    assert (regularizers.L2().l1, regularizers.L2().l2) == (0, 0.01)
    assert (regularizers.L1L2().l1, regularizers.L1L2().l2) == (0, 0)
    own = regularizers.L1L2(0.5, 2)
    assert regularizers.get(own) is own
    assert repr(own) == "L1L2(l1=0.5, l2=2)"
    assert own.get_config() == {"l1": 0.5, "l2": 2.0, "per_sample": False}
    assert repr(regularizers.L2(0.5, per_sample=True)) == "L2(l2=0.5, per_sample=True)"


@pytest.mark.parametrize("x", [[[1.0, -2.0], [3.0, 0.0]], np.float32([[1, -2], [3, 0]]), np.array([[1, -2], [3, 0]])])
def test_called_with_an_array(x):
    assert regularizers.L1(0.5)(x) == 3.0
    assert regularizers.L2(0.5)(x) == 7.0
    assert regularizers.L1L2(1, 0.5)(np.asfortranarray(x)) == 13.0
    assert regularizers.L1L2()(x) == 0.0


class Cubes(regularizers.Regularizer):
    """In Python, which no kernel calls."""

    def __call__(self, x):
        return float((np.abs(x) ** 3).sum())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: regularizers.L1(-0.1), ValueError, "l1 must be a finite number >= 0, received -0.1"),
        (lambda: regularizers.L2(np.nan), ValueError, "l2 must be a finite number >= 0, received nan"),
        (lambda: regularizers.L1L2(0, -1), ValueError, "l2 must be a finite number >= 0, received -1"),
        (lambda: regularizers.L1L2("l2"), TypeError, "l1 must be a number, received 'l2'"),
        (lambda: regularizers.L2(None), TypeError, "l2 must be a number, received None"),
        (lambda: layers.Dense(3, kernel_regularizer="l3"), ValueError, "unknown regularizer 'l3'; did you mean 'l"),
        (lambda: layers.Dense(3, kernel_regularizer=Cubes()), TypeError, "regularizer must be one of l1, l2, l1_l2, r"),
        (lambda: layers.Dense(3, bias_regularizer=0.1), ValueError, "unknown regularizer 0.1. Known: l1, l1_l2, l2"),
        (lambda: layers.Dense(3, bias_regularizer="l1l2"), ValueError, "did you mean 'l1_l2'?"),
        (lambda: regularizers.L1()(["a"]), TypeError, "x must be an array of numbers"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


# ---------------------------------------------------------------------------------------------------------------------
# In the loss.


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
def test_the_loss_has_the_penalty_from_before_the_step(eager):
    x, y = samples(), labels()
    plain, model = small(eager=eager), small(options=BOTH, eager=eager)
    assert_same_weights(plain, model)
    weight = np.random.default_rng(1).uniform(0, 2, len(x))
    for options in ({}, {"sample_weight": weight}):  # samples weigh in the loss, not in the penalty
        before = penalty_of(model)
        loss = plain.evaluate(x, y, verbose=0, **options)
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0, **options), loss + before, rtol=1e-6)
        np.testing.assert_allclose(model.test_on_batch(x, y, **options), loss + before, rtol=1e-6)
        np.testing.assert_allclose(model.train_on_batch(x, y, **options), loss + before, rtol=1e-6)
        assert penalty_of(model) < before
        plain.set_weights(model.get_weights())


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
def test_the_penalty_of_many_rows(eager):
    """More than one thread's, and than those of one sum."""
    plain, model = wide("sgd", eager=eager), wide("sgd", BOTH, eager=eager)
    expected = plain.evaluate(X, Y, verbose=0)[0] + penalty_of(model)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0)[0], expected, rtol=1e-6)
    np.testing.assert_allclose(model.train_on_batch(X, Y)[0], expected, rtol=1e-6)


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
def test_an_epochs_loss_is_the_mean_over_its_samples(eager):
    """The last batch is a smaller one, and its penalty counts as much less."""
    x, y = samples(), labels()
    model, by_hand = (small("adam", BOTH, eager) for _ in range(2))
    history = model.fit(x, y, batch_size=16, epochs=1, shuffle=False, validation_data=(x, y), verbose=0).history
    batches = [slice(i, i + 16) for i in range(0, len(x), 16)]
    sizes = [len(x[b]) for b in batches]
    assert sizes == [16, 16, 5]
    losses = [by_hand.train_on_batch(x[b], y[b]) for b in batches]
    np.testing.assert_allclose(history["loss"], [np.average(losses, weights=sizes)], rtol=1e-6)
    assert history["val_loss"] == [by_hand.evaluate(x, y, verbose=0)]
    assert_same_weights(model, by_hand)


def test_a_loop_of_ones_own_steps_with_the_penalty():
    """`backward` leaves the gradients of the loss alone; the step adds the penalty's, and takes nothing from them."""
    x, y = samples(), labels()
    model, by_hand = small(options=BOTH), small(options=BOTH)
    for _ in range(3):
        model.train_on_batch(x, y)
        by_hand.loss.forward(y, by_hand.forward(x, training=True))
        by_hand.backward(by_hand.loss.backward())
        left = [g.copy() for g in by_hand.gradients]
        by_hand.optimizer.step(by_hand)
        for gradient, expected in zip(by_hand.gradients, left, strict=True):
            assert_same_bits(gradient, expected)
    for weight, expected in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)


def test_sgd_with_l2_is_a_decay_of_the_weights():
    x, y = np.zeros((4, FEATURES), np.float32), np.zeros((4, 2), np.float32)
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(2, use_bias=False, kernel_regularizer="l2")])
    model.compile(optimizers.SGD(0.5), "mse")
    before = model.get_weights()[0]
    model.train_on_batch(x, y)  # the loss is 0 and has no gradient
    np.testing.assert_allclose(model.get_weights()[0], before * (1 - 0.5 * 2 * 0.01), rtol=1e-6)


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
def test_frozen_weights_have_no_penalty(eager):
    x, y = samples(), labels()
    plain, model = small(eager=eager), small(options=BOTH, eager=eager)
    loss = plain.evaluate(x, y, verbose=0)
    for frozen in (True, False, True):  # the program for evaluation is made anew
        for layer in model.layers:
            layer.trainable = not frozen
        expected = loss if frozen else loss + penalty_of(model)
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected, rtol=1e-6)
    model.layers[-1].trainable = True
    before = model.layers[-2].get_weights()
    hidden = sum(reference.penalty(w, *((1e-3, 1e-2) if w.ndim == 2 else (0, 0.05))) for w in before)
    np.testing.assert_allclose(model.train_on_batch(x, y), loss + penalty_of(model) - hidden, rtol=1e-5, atol=0.01)
    for weight, expected in zip(model.layers[-2].get_weights(), before, strict=True):
        assert_same_bits(weight, expected)
    model.layers[-1].parameters[0].trainable = False
    bias = reference.penalty(model.layers[-1].weights[1], 0, 0.05)
    plain.set_weights(model.get_weights())
    np.testing.assert_allclose(
        model.evaluate(x, y, verbose=0), plain.evaluate(x, y, verbose=0) + bias, rtol=1e-6
    )  # fmt: skip


def test_a_layer_of_ones_own():
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(
                (input_shape[-1],), "ones", "scale", regularizer="l2", constraint=constraints.NonNeg()
            )

        def forward(self, x, training=False):
            self.x = x
            return x * self.scale.value

        def backward(self, dy):
            self.scale.gradient[...] = (dy * self.x).sum(axis=0)
            return dy * self.scale.value

    model = fastnn.Sequential([fastnn.Input((3,)), Scale()])
    model.compile(optimizers.SGD(0.1), "mse")
    x = np.zeros((2, 3), np.float32)
    assert model.evaluate(x, x, verbose=0) == pytest.approx(0.03)
    assert model.train_on_batch(x, x) == pytest.approx(0.03)
    np.testing.assert_allclose(model.get_weights()[0], 0.998, rtol=1e-6)
    x[:] = 1
    for _ in range(40):
        model.train_on_batch(x, -x)  # would go to -1
    np.testing.assert_array_equal(model.get_weights()[0], 0)


def test_a_weight_that_evaluation_does_not_use_by_itself():
    class Folded(layers.Rescaling):
        """What it has learned could stand in the scale."""

        def build(self, input_shape):
            self.add_weight((input_shape[-1],), "ones", "learned", regularizer="l2")

        def lower(self, lowering):
            super().lower(lowering)

    model = fastnn.Sequential([fastnn.Input((3,)), Folded(2.0), dense(2, None)])
    plain = fastnn.Sequential([fastnn.Input((3,)), layers.Rescaling(2.0), dense(2, None)])
    for each in (model, plain):
        each.compile("sgd", "mse")
    x, y = samples(9, 3), samples(9, 2)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(plain.evaluate(x, y, verbose=0) + 0.03, rel=1e-6)
    assert isinstance(model._programs["evaluate"].runner, Program)


PER_SAMPLE = {
    "kernel_regularizer": regularizers.L1L2(0.05, 0.25, per_sample=True),
    "bias_regularizer": regularizers.L2(2.0, per_sample=True),
}


def divided(options, by):
    """The same, divided by a number once and for all."""
    return {name: regularizers.L1L2(r.l1 / by, r.l2 / by) for name, r in options.items()}


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
def test_a_penalty_per_sample(eager, reduction):
    """It is divided by what the batch's losses are divided by: its samples or their weight."""
    x, y, weight = samples(40), labels(40), np.random.default_rng(1).uniform(0.5, 2, 40).astype(np.float32)

    def of(options):
        model = small(optimizers.SGD(0.1), options, eager)
        model.compile(optimizers.SGD(0.1), fastnn.losses.SparseCategoricalCrossentropy(reduction=reduction))
        return model

    model = of(PER_SAMPLE)
    for rows in (slice(0, 16), slice(16, 21)):
        by = len(x[rows]) if reduction == "sum_over_batch_size" else weight[rows].sum()
        other = of(divided(PER_SAMPLE, by))
        other.set_weights(model.get_weights())
        got = model.train_on_batch(x[rows], y[rows], sample_weight=weight[rows])
        np.testing.assert_allclose(got, other.train_on_batch(x[rows], y[rows], sample_weight=weight[rows]), rtol=1e-6)
        for w, expected in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(w, expected, rtol=1e-5, atol=1e-7)
    other = of(divided(PER_SAMPLE, 40 if reduction == "sum_over_batch_size" else weight.sum()))
    other.set_weights(model.get_weights())
    got, expected = (m.evaluate(x, y, sample_weight=weight, verbose=0) for m in (model, other))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_a_step_by_hand_is_told_the_samples():
    x, y = samples(16), labels(16)
    model, by_hand = small(options=PER_SAMPLE), small(options=PER_SAMPLE)
    model.train_on_batch(x, y)
    by_hand.loss.forward(y, by_hand.forward(x, training=True))
    by_hand.backward(by_hand.loss.backward())
    with pytest.raises(ValueError, match="samples must be what the loss was divided by.*received None"):
        by_hand.optimizer.step(by_hand)
    with pytest.raises(ValueError, match="samples must be a finite number >= 0, received -1"):
        by_hand.optimizer.step_on(by_hand.layers, -1)
    with pytest.raises(TypeError, match="samples must be a number, received '16'"):
        by_hand.optimizer.step(by_hand, "16")
    assert by_hand.optimizer.iterations == 0
    by_hand.optimizer.step(by_hand, samples=16)
    for weight, expected in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)


def test_predictions_know_nothing_of_it():
    plain, model = small(), small(options=BOTH)
    assert_same_bits(model.predict(samples()), plain.predict(samples()))
    model.evaluate(samples(), labels(), verbose=0)
    assert model._programs["predict"].runner.plan.update == 0
    assert model._programs["evaluate"].runner.plan.update != 0


def test_bits_depend_neither_on_threads_nor_on_the_path(any_threads):
    assert_same_bits_everywhere(lambda eager: wide(optimizers.Adam(0.01), BOTH, eager=eager))
    assert_same_bits_everywhere(lambda eager: wide(optimizers.Adam(0.01), PER_SAMPLE, eager=eager))
    mixed = {"kernel_regularizer": "l1"}
    assert_same_bits_everywhere(lambda eager: wide("sgd", mixed, {"bias_regularizer": "l2"}, eager))
    assert_same_bits_everywhere(lambda eager: wide("sgd", BOTH, eager=eager, frozen=True))


def test_penalties_alone_are_part_of_the_stage_of_the_gradients():
    """As a stage of its own they cost 5 to 10 % of the training of a network on images."""
    model, clipped = wide("adam", BOTH), wide(optimizers.Adam(clipnorm=1.0), BOTH)
    for each in (model, clipped):
        each.fit(X, Y, batch_size=BATCH, verbose=0)
    together, apart = (each._programs["train"].runner.plan for each in (model, clipped))
    assert together.steps_at_once
    assert not apart.steps_at_once
    assert [s["kind"] for s in together.stages[-2:]] == [instructions.PARAMETERS, instructions.UPDATE_TOGETHER]
    assert instructions.UPDATE not in together.stages["kind"]
    assert instructions.UPDATE in apart.stages["kind"]


# ---------------------------------------------------------------------------------------------------------------------
# In files.


def test_saved_and_loaded(tmp_path):
    model = wide(optimizers.Adam(0.01), {"kernel_regularizer": regularizers.L1(0.003), "bias_regularizer": "l2"})
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    model.save(tmp_path / "model")
    other = load_model(tmp_path / "model")
    assert other.get_config() == model.get_config()
    assert other.layers[0].kernel_regularizer.l1 == 0.003
    assert other.parameters[1].regularizer is other.layers[0].bias_regularizer
    for each in (model, other):
        each.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    assert model.evaluate(X, Y, verbose=0) == other.evaluate(X, Y, verbose=0)
