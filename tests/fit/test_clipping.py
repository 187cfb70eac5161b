"""What every optimizer takes besides its equation: clipping, weight decay, moving averages; and whole steps of it all.

Keras's figures for the same stand with all others (`test_keras_figures.py`, cases of `keras_cases.UPDATES`).
"""

import json
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, constraints, optimizers, regularizers
from fastnn.saving import load_model

from ..cases import OPTIMIZERS
from ..comparing import assert_same_bits
from ..limits import BATCH, X, Y, any_threads, assert_same_bits_everywhere, images, small, wide
from ..reference import keras_cases
from ..reference import updating as reference
from ..small_models import FEATURES, assert_same_weights, dense, labels, samples

__all__ = ["any_threads"]  # a fixture


# ---------------------------------------------------------------------------------------------------------------------
# Whole steps against NumPy.

RATE, DECAY = 0.05, 0.2
PENALTIES = [(1e-3, 1e-2), (0.0, 0.05)]


def norm_at_most(w):
    return reference.constrained_norm(w, 0, 0.6)


LIMITS = {
    "kernel_regularizer": regularizers.L1L2(*PENALTIES[0]),
    "bias_regularizer": regularizers.L2(PENALTIES[1][1]),
    "kernel_constraint": constraints.MaxNorm(0.6),
    "bias_constraint": "non_neg",
}
IN_NUMPY = {"penalties": PENALTIES * 2, "constraints": [norm_at_most, reference.non_negative] * 2}
EMA = {"use_ema": True, "ema_momentum": 0.8}
# (the optimizer's arguments, the layers', the reference's)
STEPS = {
    "clipnorm": ({"clipnorm": 0.05}, {}, {"clipnorm": 0.05}),
    "clipvalue": ({"clipvalue": 0.01}, {}, {"clipvalue": 0.01}),
    "global_clipnorm": ({"global_clipnorm": 0.05}, {}, {"global_clipnorm": 0.05}),
    "weight_decay": ({"weight_decay": DECAY}, {}, {"decay": RATE * DECAY}),
    "ema": (EMA, {}, {"ema_momentum": 0.8}),
    "ema_overwritten": (
        {**EMA, "ema_overwrite_frequency": 3},
        {},
        {"ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    ),
    "limits": ({}, LIMITS, IN_NUMPY),
    "limits_clipnorm": ({"clipnorm": 0.05}, LIMITS, {"clipnorm": 0.05, **IN_NUMPY}),
    "all": (
        {"weight_decay": DECAY, "global_clipnorm": 0.05, **EMA, "ema_overwrite_frequency": 2},
        LIMITS,
        {"decay": RATE * DECAY, "global_clipnorm": 0.05, "ema_momentum": 0.8, "ema_overwrite_frequency": 2, **IN_NUMPY},
    ),
}


def gradients_of(model, x, y):
    """The loss's gradients, by the layers."""
    model.loss.forward(y, model.forward(x, training=True))
    model.backward(model.loss.backward())
    return [g.copy() for g in model.gradients]


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
def test_steps_agree_with_the_reference(name, eager, dtype):
    own, limits, theirs = STEPS[name]
    model, other = (small(optimizers.SGD(RATE, **own), limits, e, dtype) for e in (eager, False))
    momentum = {"learning_rate": RATE}

    def sgd(p, g, step):
        p -= momentum["learning_rate"] * g

    steps = reference.Step(model.get_weights(), sgd, **theirs)
    x, y = samples().astype(dtype), labels()
    for _ in range(7):
        other.set_weights(steps.weights)
        gradients = gradients_of(other, x, y)
        loss = other.loss.forward(y, other.forward(x)) + steps.penalty()
        steps.step(gradients)
        np.testing.assert_allclose(model.train_on_batch(x, y), loss, rtol=1e-5)
        for weight, expected in zip(model.get_weights(), steps.weights, strict=True):
            np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)
    if "ema_momentum" in theirs:
        for p, expected in zip(model.parameters, steps.averages, strict=True):
            np.testing.assert_allclose(model.optimizer.slots_of(p)[-1], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("case", OPTIMIZERS, ids=attrgetter("name"))
def test_every_optimizer_takes_them(case, dtype):
    """The equation's slots stay its own, and come before the averages."""
    optimizer = case.make()
    config = optimizer.get_config() | {"clipnorm": 0.05, "use_ema": True, "ema_momentum": 0.8}
    optimizer = type(optimizer).from_config(config)
    model, other = small(optimizer, LIMITS, dtype=dtype), small("sgd", LIMITS, dtype=dtype)
    theirs = {"clipnorm": 0.05, "ema_momentum": 0.8, **IN_NUMPY}
    steps = reference.Step(model.get_weights(), case.reference, case.slots, case.slot_start, **theirs)
    x, y = samples().astype(dtype), labels()
    for _ in range(4):
        other.set_weights(steps.weights)
        steps.step(gradients_of(other, x, y))
        model.train_on_batch(x, y)
    for i, p in enumerate(model.parameters):
        np.testing.assert_allclose(p.value, steps.weights[i], rtol=1e-3, atol=1e-5)
        *slots, average = model.optimizer.slots_of(p)
        np.testing.assert_allclose(average, steps.averages[i], rtol=1e-3, atol=1e-5)
        for slot, expected in zip(slots, steps.slots[i], strict=True):
            np.testing.assert_allclose(slot.reshape(-1), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("own", [{"clipnorm": 0.05}, {"global_clipnorm": 0.05}], ids=str)
def test_norms_of_weights_of_many_rows(own, dtype):
    """More than one group of rows, whose sums have to be added up."""
    model = wide(optimizers.SGD(RATE, **own), LIMITS, dtype=dtype)
    steps = reference.Step(model.get_weights(), lambda p, g, step: np.subtract(p, RATE * g, out=p), **own, **IN_NUMPY)
    x, y = X.astype(dtype), Y
    steps.step(gradients_of(model, x, y))
    loss = model.loss.forward(y, model.forward(x)) + steps_penalty(model)
    np.testing.assert_allclose(model.train_on_batch(x, y)[0], loss, rtol=1e-5)
    for weight, expected in zip(model.get_weights(), steps.weights, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


def steps_penalty(model):
    """The penalties of a model that has `LIMITS`."""
    pairs = zip(model.get_weights(), PENALTIES * 2, strict=True)
    return sum(reference.penalty(w.astype(np.float64), *factors) for w, factors in pairs)


# ---------------------------------------------------------------------------------------------------------------------
# Clipping.


@pytest.mark.parametrize("name", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_a_clip_that_nothing_reaches_changes_no_bit(name):
    plain, clipped = small(optimizers.Adam(0.01)), small(optimizers.Adam(0.01, **{name: 1e6}))
    for model in (plain, clipped):
        model.fit(samples(), labels(), batch_size=8, shuffle=False, verbose=0)
    assert_same_weights(plain, clipped)


@pytest.mark.parametrize("name", ["clipnorm", "global_clipnorm"])
def test_a_gradient_that_is_not_a_number_reaches_all_that_its_norm_is_for(name):
    model = small(optimizers.SGD(0.1, **{name: 1.0}))
    gradients_of(model, samples(), labels())
    model.gradients[1][2] = np.nan
    model.optimizer.step(model)
    bad = [np.isnan(w).all() for w in model.weights]
    assert bad == ([True] * 4 if name == "global_clipnorm" else [False, True, False, False])


@pytest.mark.parametrize("name", ["clipnorm", "global_clipnorm"])
def test_an_infinite_gradient(name):
    """As in Keras: with an infinite norm of all nothing can be saved, with one of a weight its other numbers stay."""
    model = small(optimizers.SGD(0.1, **{name: 1.0}))
    gradients_of(model, samples(), labels())
    before = model.get_weights()[1]
    model.gradients[1][2] = np.inf
    model.optimizer.step(model)
    if name == "global_clipnorm":
        assert all(np.isnan(w).all() for w in model.weights)
    else:
        before[2] = np.nan
        np.testing.assert_array_equal(model.weights[1], before)
        assert all(np.isfinite(w).all() for i, w in enumerate(model.weights) if i != 1)


# ---------------------------------------------------------------------------------------------------------------------
# Weight decay.


def test_adamw_is_adam_with_a_decay():
    models = [small(o) for o in (optimizers.AdamW(0.01), optimizers.Adam(0.01, weight_decay=0.004))]
    for model in models:
        model.fit(samples(), labels(), shuffle=False, verbose=0)
    assert_same_weights(*models)
    assert optimizers.Adam().weight_decay is None
    assert optimizers.AdamW().weight_decay == 0.004


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("by", ["names", "weights"])
def test_excluded_from_weight_decay(eager, by):
    """SGD with a gradient of 0 does nothing but decay."""
    model = small(optimizers.SGD(0.5, weight_decay=0.1), eager=eager)
    spared = [p for p in model.parameters if p.name == "bias"]
    model.optimizer.exclude_from_weight_decay(*([spared] if by == "weights" else [None, ["bia"]]))
    reference_model = small(optimizers.SGD(0.5), eager=eager)
    before = model.get_weights()
    for each in (model, reference_model):
        each.train_on_batch(samples(), labels())
    for start, weight, plain in zip(before, model.get_weights(), reference_model.get_weights(), strict=True):
        factor = 1 if weight.ndim == 1 else 1 - 0.5 * 0.1
        np.testing.assert_allclose(weight, start * factor + plain - start, rtol=1e-5, atol=1e-7)


def test_what_is_excluded_is_settled_before_training(tmp_path):
    model = small(optimizers.AdamW(0.01))
    optimizer = model.optimizer
    with pytest.raises(TypeError, match=r"var_list must hold weights such as those in layer\.parameters, received"):
        optimizer.exclude_from_weight_decay(model.get_weights())
    with pytest.raises(TypeError, match=r'var_names must hold strings such as "bias", received \[3\]'):
        optimizer.exclude_from_weight_decay(var_names=[3])
    optimizer.exclude_from_weight_decay(model.layers[0].parameters)
    with pytest.raises(ValueError, match=r"can hold exclude_from_weight_decay\(var_names=\.\.\.\) only"):
        model.save(tmp_path / "model")
    optimizer.exclude_from_weight_decay(var_names="bias")
    model.fit(samples(), labels(), batch_size=8, shuffle=False, verbose=0)
    with pytest.raises(RuntimeError, match="must be called before training"):
        optimizer.exclude_from_weight_decay(var_names="kernel")
    model.save(tmp_path / "model")
    other = load_model(tmp_path / "model")
    for each in (model, other):
        each.fit(samples(), labels(), batch_size=8, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    assert other.optimizer.get_config() == optimizer.get_config()


# ---------------------------------------------------------------------------------------------------------------------
# Averages.


class Watch(callbacks.Callback):
    """Keeps the weights of the end of each epoch, and of the end of the training."""

    def __init__(self):
        super().__init__()
        self.epochs, self.end = [], None

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.model.get_weights())

    def on_train_end(self, logs=None):
        self.end = self.model.get_weights()


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
def test_averages_become_the_weights_at_the_end_of_fit(eager):
    model, plain = small(optimizers.SGD(0.1, **EMA), eager=eager), small(optimizers.SGD(0.1), eager=eager)
    watches = Watch(), Watch()
    for each, watch in zip((model, plain), watches, strict=True):
        each.fit(samples(), labels(), epochs=3, batch_size=64, shuffle=False, verbose=0, callbacks=[watch])
    for got, expected in zip(watches[0].epochs, watches[1].epochs, strict=True):
        for weight, own in zip(got, expected, strict=True):
            assert_same_bits(weight, own)  # as long as it trains, the weights are their own
    for i, weight in enumerate(model.get_weights()):
        first, second, third = (weights[i].astype(np.float64) for weights in watches[1].epochs)
        expected = reference.average(reference.average(first, second, 0.8), third, 0.8)
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-7)
        assert_same_bits(watches[0].end[i], weight)


def test_averages_wait_on_single_batches_and_when_nothing_was_done():
    model, plain = small(optimizers.SGD(0.1, **EMA)), small(optimizers.SGD(0.1))
    for each in (model, plain):
        each.train_on_batch(samples(), labels())
        each.train_on_batch(samples(), labels())
    assert_same_weights(model, plain)
    model.fit(samples(), labels(), epochs=1, initial_epoch=1, verbose=0)
    assert_same_weights(model, plain)
    model.optimizer.finalize_variable_values(model.parameters)
    for p, weight in zip(model.parameters, plain.weights, strict=True):
        assert_same_bits(p.value, model.optimizer.slots_of(p)[-1])
        assert (p.value != weight).any()
    plain.optimizer.finalize_variable_values(plain.parameters)  # it has none


def test_averages_become_the_weights_when_fit_is_interrupted():
    class Interrupt(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    model = small(optimizers.SGD(0.1, **EMA))
    with pytest.raises(KeyboardInterrupt):
        model.fit(samples(), labels(), batch_size=8, verbose=0, callbacks=[Interrupt()])
    for p in model.parameters:
        assert_same_bits(p.value, model.optimizer.slots_of(p)[-1])


def test_the_best_weights_win_over_the_averages():
    """As in Keras: `restore_best_weights` comes last."""
    model, watch = small(optimizers.SGD(0.1, **EMA)), Watch()
    stop = callbacks.EarlyStopping("loss", mode="max", restore_best_weights=True)
    model.fit(samples(), labels(), epochs=5, shuffle=False, verbose=0, callbacks=[watch, stop])
    for weight, expected in zip(model.get_weights(), watch.epochs[0], strict=True):
        assert_same_bits(weight, expected)


def test_frozen_weights_have_no_averages():
    model = small(optimizers.SGD(0.1, **EMA))
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()
    model.fit(samples(), labels(), verbose=0)
    model.layers[0].set_weights([w + 1 for w in before])
    model.fit(samples(), labels(), verbose=0)
    for weight, expected in zip(model.layers[0].weights, before, strict=True):
        assert_same_bits(weight, expected + 1)


def test_averages_that_come_later_begin_with_the_weights():
    """Other slots stay what they are."""
    model, plain = small(optimizers.Adam(0.1)), small(optimizers.Adam(0.1))
    for each in (model, plain):
        each.train_on_batch(samples(), labels())
    before = model.get_weights()
    model.optimizer.use_ema = True
    for each in (model, plain):
        each.train_on_batch(samples(), labels())
    assert_same_weights(model, plain)
    for p, start in zip(model.parameters, before, strict=True):
        *slots, average = model.optimizer.slots_of(p)
        np.testing.assert_allclose(average, 0.99 * start + 0.01 * p.value, rtol=1e-5, atol=1e-7)
        q = plain.parameters[model.parameters.index(p)]
        for slot, expected in zip(slots, plain.optimizer.slots_of(q), strict=True):
            assert_same_bits(slot, expected)


# ---------------------------------------------------------------------------------------------------------------------
# Everywhere the same.

ALL = {"weight_decay": 0.01, "global_clipnorm": 0.1, **EMA, "ema_overwrite_frequency": 3}


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({"clipnorm": 0.02}, {}),
        ({"global_clipnorm": 0.02}, {}),
        ({"clipvalue": 0.001, "weight_decay": 0.1}, {}),
        (EMA, {}),
        (ALL, LIMITS),
    ],
)
def test_bits_depend_neither_on_threads_nor_on_the_path(options, limits, any_threads):
    make = optimizers.RMSprop if "clipnorm" in options else optimizers.Adam
    assert_same_bits_everywhere(lambda eager: wide(make(0.01, **options), limits, eager=eager))


def test_models_without_any_of_it_stay_on_the_short_path():
    """One stage computes the gradients and updates; a decay alone is part of the equation."""
    for optimizer in ("sgd", "adam", optimizers.AdamW(0.01), optimizers.SGD(0.1, weight_decay=0.1)):
        model = small(optimizer)
        model.fit(samples(), labels(), verbose=0)
        model.evaluate(samples(), labels(), verbose=0)
        for kind in ("train", "evaluate"):
            plan = model._programs[kind].runner.plan
            assert plan.update == 0
            assert len(plan.stages) == 1 + (kind == "train")
    model = small(optimizers.SGD(clipvalue=1.0))
    model.fit(samples(), labels(), verbose=0)
    assert model._programs["train"].runner.plan.update != 0


@pytest.mark.parametrize("change", [{"clipnorm": 0.01}, {"use_ema": True}, {"weight_decay": 0.5}], ids=str)
def test_numbers_that_change_between_two_trainings(change):
    """The program is made anew where its stages change."""
    model, other = small(optimizers.SGD(0.1)), small(optimizers.SGD(0.1))
    for each in (model, other):
        each.train_on_batch(samples(), labels())
    for name, value in change.items():
        setattr(model.optimizer, name, value)
    with_it = optimizers.SGD(0.1, **change)
    with_it.iterations = 1
    other.compile(with_it, "sparse_categorical_crossentropy")
    for each in (model, other):
        each.train_on_batch(samples(), labels())
    assert_same_weights(model, other)


def test_training_goes_on_after_loading(tmp_path):
    model = wide(optimizers.Adam(0.01, **ALL), LIMITS)
    model.train_on_batch(X[:BATCH], Y[:BATCH])
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    model.save(tmp_path / "model")
    other = load_model(tmp_path / "model")
    assert other.optimizer.get_config() == model.optimizer.get_config()
    for p, q in zip(model.parameters, other.parameters, strict=True):
        slots, others = model.optimizer.slots_of(p), other.optimizer.slots_of(q)
        assert len(slots) == len(others) == 3
        for slot, expected in zip(others, slots, strict=True):
            assert_same_bits(slot, expected)
    for each in (model, other):
        each.fit(X, Y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_cross_validation_trains_as_fit_does():
    def build():
        fastnn.utils.set_random_seed(3)
        return small(optimizers.Adam(0.01, **ALL), LIMITS)

    x, y = samples(), labels()
    folds = fastnn.model_selection.KFold(2)
    result = fastnn.model_selection.cross_validate(build, x, y, cv=folds, epochs=2, shuffle=False, verbose=0)
    for fold, (train, test) in enumerate(folds.split(x, y)):
        model = build()
        model.fit(x[train], y[train], epochs=2, shuffle=False, verbose=0)
        assert model.evaluate(x[test], y[test], verbose=0) == result["test_loss"][fold]


def test_an_optimizer_for_another_model_is_refused_also_where_only_averages_are_kept():
    optimizer = optimizers.SGD(0.1, **EMA)
    small(optimizer).fit(samples(), labels(), verbose=0)
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(3, "softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="can only continue with the model that it has trained"):
        model.fit(samples(), labels(), verbose=0)


# ---------------------------------------------------------------------------------------------------------------------
# Arguments.


@pytest.mark.parametrize("make", [optimizers.SGD, optimizers.Adagrad, optimizers.RMSprop, optimizers.Adam])
def test_defaults_and_config(make):
    config = make().get_config()
    given = {
        "weight_decay": 0.1, "clipnorm": None, "clipvalue": 0.5, "global_clipnorm": None, "use_ema": True,
        "ema_momentum": 0.5, "ema_overwrite_frequency": 7,
    }  # fmt: skip
    without = {"weight_decay": None, "clipvalue": None, "use_ema": False, "ema_momentum": 0.99}
    assert {name: config[name] for name in given} == given | without | {"ema_overwrite_frequency": None}
    assert {name: make(**given).get_config()[name] for name in given} == given
    assert make.from_config(make(**given).get_config()).get_config() == make(**given).get_config()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"clipnorm": 1.0, "clipvalue": 0.5}, ValueError, "only one of clipnorm, clipvalue and global_clipnorm can"),
        ({"clipnorm": 1.0, "clipvalue": 0.5}, ValueError, "be set, received clipnorm=1.0, clipvalue=0.5"),
        ({"clipvalue": 1, "global_clipnorm": 2}, ValueError, "received clipvalue=1.0, global_clipnorm=2"),
        ({"clipnorm": -1}, ValueError, "clipnorm must be a finite number > 0, received -1"),
        ({"clipnorm": 0}, ValueError, "clipnorm must be a finite number > 0, received 0"),
        ({"clipvalue": "1"}, TypeError, "clipvalue must be a number, received '1'"),
        ({"global_clipnorm": np.inf}, ValueError, "global_clipnorm must be a finite number, received inf"),
        ({"weight_decay": -0.1}, ValueError, "weight_decay must be a finite number >= 0, received -0.1"),
        ({"ema_momentum": 1.5}, ValueError, "ema_momentum must be a finite number in [0, 1], received 1.5"),
        ({"use_ema": True, "ema_momentum": -1}, ValueError, "ema_momentum must be a finite number in [0, 1]"),
        ({"ema_overwrite_frequency": 0}, ValueError, "ema_overwrite_frequency must be at least 1, received 0"),
        ({"ema_overwrite_frequency": 1.5}, TypeError, "ema_overwrite_frequency must be an integer"),
        ({"clipnrom": 1.0}, TypeError, "clipnrom"),
    ],
)
@pytest.mark.parametrize("make", [optimizers.SGD, optimizers.AdamW])
def test_bad_arguments(make, options, error, message):
    with pytest.raises(error) as caught:
        make(**options)
    assert message in str(caught.value)


def test_kerass_figures_differ_from_case_to_case():
    """Each of what Keras recorded does something to its network."""
    figures = json.loads((Path(__file__).parents[1] / "reference" / "keras.json").read_text())["cases"]
    names = [case["name"] for case in keras_cases.UPDATES] + ["optimizer_sgd", "activation_tanh"]
    for i, name in enumerate(names):
        for other in names[:i]:
            assert not np.allclose(figures[name]["weights"][0], figures[other]["weights"][0], atol=1e-4), (name, other)


@pytest.mark.parametrize(
    ("options", "limits"),
    [({"clipnorm": 0.1}, {}), ({}, {"kernel_regularizer": "l2"}), ({}, {"kernel_constraint": "unit_norm"})],
)
def test_a_step_leaves_the_borders_of_images_as_they_are(any_threads, options, limits):
    """Norms are added up in the space that convolutions pad their images in."""
    assert_same_bits_everywhere(lambda eager: images(optimizers.SGD(0.1, **options), limits, eager))
