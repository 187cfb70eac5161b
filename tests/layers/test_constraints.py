"""Constraints on weights: what they make of an array, and that weights fulfil them after each step.

Keras's figures for the same stand with all others (`test_keras_figures.py`, cases `constraint_*`).
"""

from functools import partial

import numpy as np
import pytest

import fastnn
from fastnn import constraints, layers, optimizers
from fastnn.saving import load_model

from ..comparing import assert_close, assert_same_bits, exact
from ..limits import BATCH, X, Y, any_threads, assert_same_bits_everywhere, small, wide
from ..reference import updating as reference
from ..small_models import assert_same_weights, labels, samples

__all__ = ["any_threads"]  # a fixture

norm = reference.constrained_norm
# (the object, the same in NumPy for an axis)
NORMS = [
    pytest.param(constraints.MaxNorm, lambda w, axis: norm(w, 0, 2, axis=axis), id="max_norm"),
    pytest.param(partial(constraints.MaxNorm, 0.5), lambda w, axis: norm(w, 0, 0.5, axis=axis), id="max_norm_half"),
    pytest.param(constraints.UnitNorm, lambda w, axis: norm(w, 1, 1, axis=axis), id="unit_norm"),
    pytest.param(constraints.MinMaxNorm, lambda w, axis: norm(w, 0, 1, axis=axis), id="min_max_norm"),
    pytest.param(
        partial(constraints.MinMaxNorm, 0.5, 1.5, 0.25), lambda w, axis: norm(w, 0.5, 1.5, 0.25, axis), id="rate"
    ),
]
# Shapes and the axes that can be asked for, as NumPy would be.
AXES = [
    ((7, 5), 0, 0),
    ((7, 5), -2, 0),
    ((7, 5), [0], (0,)),
    ((7, 5), [0, 1], (0, 1)),
    ((6,), 0, 0),
    ((6,), [-1], 0),
    ((3, 2, 4, 5), 0, 0),
    ((3, 2, 4, 5), [0, 1], (0, 1)),
    ((3, 2, 4, 5), (0, 1, 2), (0, 1, 2)),
    ((3, 2, 4, 5), [2, 0, 1], (0, 1, 2)),
    ((3, 2, 4, 5), [0, 1, 2, 3], (0, 1, 2, 3)),
    ((1, 1, 3), 0, 0),
]


# ---------------------------------------------------------------------------------------------------------------------
# Objects.


@pytest.mark.parametrize(("make", "expected"), NORMS)
@pytest.mark.parametrize(("shape", "axis", "numpys"), AXES, ids=[f"{s} {a}" for s, a, _ in AXES])
def test_called_with_an_array(make, expected, shape, axis, numpys, dtype, rng):
    w = rng.normal(size=shape).astype(dtype)
    before = w.copy()
    result = make(axis=axis)(w)
    assert_close(result, expected(exact(w), numpys))
    assert_same_bits(w, before)
    assert_same_bits(make(axis=axis)(np.asfortranarray(w)), result)


def test_non_neg(dtype, rng):
    w = rng.normal(size=(3, 4, 5)).astype(dtype)
    assert_same_bits(constraints.NonNeg()(w), np.maximum(w, 0))
    assert constraints.NonNeg()([-1.0, 2.0]).tolist() == [0.0, 2.0]


@pytest.mark.parametrize(("make", "expected"), NORMS)
def test_zeros_stay_and_what_is_not_finite_shows_in_its_column_only(make, expected, dtype):
    w = np.ones((5, 4), dtype)
    w[:, 1] = 0
    w[2, 3] = np.nan
    result = make()(w)
    assert (result[:, 1] == 0).all()
    assert np.isnan(result[:, 3]).all()
    assert np.isfinite(result[:, :3]).all()
    assert np.isnan(constraints.NonNeg()(w)).sum() == 1


def test_names_and_defaults():
    assert constraints.get(None) is None
    for name, kind in {
        "non_neg": constraints.NonNeg,
        "max_norm": constraints.MaxNorm,
        "unit_norm": constraints.UnitNorm,
        "min_max_norm": constraints.MinMaxNorm,
    }.items():
        assert type(constraints.get(name)) is kind
    assert constraints.MaxNorm().get_config() == {"max_value": 2.0, "axis": 0}
    assert constraints.UnitNorm().get_config() == {"axis": 0}
    assert constraints.MinMaxNorm().get_config() == {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": 0}
    assert constraints.NonNeg().get_config() == {}
    own = constraints.MaxNorm(3, [0, 1, 2])
    assert constraints.get(own) is own
    assert constraints.MaxNorm.from_config(own.get_config()).axis == [0, 1, 2]
    assert repr(own) == "MaxNorm(axis=[0, 1, 2], max_value=3.0)"


class Halved(constraints.Constraint):
    """In Python, which no kernel calls."""

    def __call__(self, w):
        return w / 2


class Own(layers.Layer):
    """With a weight of a shape and a constraint that tests choose."""

    def __init__(self, shape, constraint):
        super().__init__()
        self.shape, self.constraint = shape, constraint

    def build(self, input_shape):
        self.add_weight(self.shape, "ones", "scale", constraint=self.constraint)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: constraints.MaxNorm(-1), ValueError, "max_value must be a finite number >= 0, received -1"),
        (lambda: constraints.MaxNorm("2"), TypeError, "max_value must be a number, received '2'"),
        (lambda: constraints.MinMaxNorm(-1), ValueError, "min_value must be a finite number >= 0, received -1"),
        (lambda: constraints.MinMaxNorm(2, 1), ValueError, "max_value must be a finite number >= 2, received 1"),
        (lambda: constraints.MinMaxNorm(rate=1.5), ValueError, "rate must be a finite number in [0, 1], received 1.5"),
        (lambda: constraints.UnitNorm("0"), TypeError, "axis must be an integer or a list of integers"),
        (lambda: constraints.UnitNorm(0.5), TypeError, "axis must be an integer or a list of integers"),
        (lambda: constraints.UnitNorm([]), TypeError, "axis must be an integer or a list of integers"),
        (lambda: constraints.UnitNorm([0, 0]), ValueError, "axis must name each axis once, received [0, 0]"),
        (lambda: constraints.UnitNorm([0, 1.5]), TypeError, "axis must be an integer"),
        (lambda: constraints.UnitNorm(1)(np.ones((2, 2))), ValueError, "the axis of UnitNorm(axis=1) must be 0"),
        (lambda: constraints.UnitNorm([0, 2])(np.ones((2, 2, 2))), ValueError, "an array has shape (2, 2, 2)"),
        (lambda: constraints.UnitNorm([0, -2])(np.ones((2, 2))), ValueError, "must be 0 or the first few axes"),
        (lambda: constraints.UnitNorm()(np.float32(1)), ValueError, "an array has shape ()"),
        (lambda: constraints.NonNeg()("a"), TypeError, "w must be an array of numbers"),
        (
            lambda: Own((2, 3), constraints.MaxNorm(axis=1)).build_once((None, 3)),
            ValueError,
            "such as [0, 1, 2] for a convolution's kernel; the weight scale of layer own",
        ),
        (
            lambda: Own((2, 3), constraints.Constraint()).build_once((None, 3)),
            NotImplementedError,
            "Constraint is not a constraint that the kernels can apply",
        ),
        (lambda: layers.Dense(3, kernel_constraint=Halved()), TypeError, "constraint must be one of max_norm, min_max"),
        (lambda: layers.Dense(3, kernel_constraint="nonneg"), ValueError, "did you mean 'non_neg'?"),
        (
            lambda: layers.Dense(3, bias_constraint=abs),
            TypeError,
            "received <built-in function abs>, which is written in Python",
        ),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


# ---------------------------------------------------------------------------------------------------------------------
# In training.


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_weights_fulfil_them_after_each_step(optimizer, eager, dtype):
    options = {"kernel_constraint": constraints.MinMaxNorm(0.4, 0.5), "bias_constraint": "non_neg"}
    model = small(optimizer, options, eager, dtype)
    before = model.get_weights()
    assert any((np.linalg.norm(w, axis=0) > 0.5).any() for w in before if w.ndim == 2)
    model.evaluate(samples(), labels(), verbose=0)
    for weight, expected in zip(model.get_weights(), before, strict=True):
        assert_same_bits(weight, expected)  # a constraint waits for a step
    for _ in range(3):
        model.train_on_batch(samples(), labels())
        for weight in model.weights:
            if weight.ndim == 2:
                norms = np.linalg.norm(weight, axis=0)
                assert (norms >= 0.4 * (1 - 1e-5)).all()
                assert (norms <= 0.5 * (1 + 1e-5)).all()
            else:
                assert (weight >= 0).all()


def test_frozen_weights_stay_as_they_are():
    model = small(options={"kernel_constraint": "unit_norm"})
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()
    model.fit(samples(), labels(), verbose=0)
    for weight, expected in zip(model.layers[0].get_weights(), before, strict=True):
        assert_same_bits(weight, expected)
    np.testing.assert_allclose(np.linalg.norm(model.layers[1].weights[0], axis=0), 1, rtol=1e-5)


def test_the_next_batch_sees_the_constrained_weights():
    """Also in the copies of them that a program keeps."""
    model, by_hand = (small("adam", {"kernel_constraint": "unit_norm"}) for _ in range(2))
    x, y = samples(), labels()
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for i in range(0, len(x), 8):
            by_hand.train_on_batch(x[i : i + 8], y[i : i + 8])
    assert_same_weights(model, by_hand)


def test_the_padding_stays_zero():
    for constraint in (constraints.MinMaxNorm(1, 2), constraints.UnitNorm(), constraints.NonNeg()):
        limits = {"kernel_constraint": constraint, "bias_constraint": constraint, "kernel_regularizer": "l1"}
        model = small("adam", limits)
        model.fit(samples(), labels(), verbose=0)
        for p in model.parameters:
            flat = p.flat.copy()
            p.view_in(flat)[...] = 0
            assert not flat.any()


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_constraint": "max_norm", "bias_constraint": constraints.MaxNorm(0.1)},
        {"kernel_constraint": constraints.MinMaxNorm(0.1, 0.4, 0.3, axis=[0, 1]), "bias_constraint": "non_neg"},
        {"kernel_constraint": "non_neg", "bias_constraint": "unit_norm", "kernel_regularizer": "l1"},
    ],
)
def test_bits_depend_neither_on_threads_nor_on_the_path(options, any_threads):
    assert_same_bits_everywhere(lambda eager: wide(optimizers.RMSprop(0.01), options, eager=eager))


# ---------------------------------------------------------------------------------------------------------------------
# In files.


def test_saved_and_loaded(tmp_path):
    options = {"kernel_constraint": constraints.MinMaxNorm(0.1, 0.5, 0.5), "bias_constraint": "non_neg"}
    model = wide(optimizers.Adam(0.01), options)
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    model.save(tmp_path / "model")
    other = load_model(tmp_path / "model")
    assert other.get_config() == model.get_config()
    assert repr(other.layers[0].kernel_constraint) == repr(options["kernel_constraint"])
    for each in (model, other):
        each.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_an_axis_in_a_file():
    for axis in (0, [0, 1], (0, 1)):
        layer = layers.Dense(3, kernel_constraint=constraints.UnitNorm(axis))
        config = fastnn.Sequential([fastnn.Input((2,)), layer]).get_config()
        assert fastnn.Sequential.from_config(config).layers[0].kernel_constraint.axis == axis
