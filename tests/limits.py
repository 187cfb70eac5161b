"""Models with penalties, constraints and clips, for the tests of what a step does besides gradient and equation."""

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.engine import threads
from fastnn.engine.eager import EagerProgram
from fastnn.engine.program import Program
from fastnn.kernels.jit import JIT_ENABLED

from .small_models import CLASSES, FEATURES, dense, labels, samples

# Several groups of rows and blocks of columns, and odd ends of both.
WIDE_ROWS, WIDE_FEATURES, WIDE_HIDDEN, BATCH = 101, 137, 141, 24
X, Y = samples(WIDE_ROWS, WIDE_FEATURES), labels(WIDE_ROWS)


class Own(layers.Layer):
    """Written in Python: a model that begins with it runs one layer at a time."""

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


def wide(optimizer, options=None, last=None, eager=False, frozen=False, dtype=None):
    """137-141-3 with tanh inside and softmax."""
    first = [Own(dtype=dtype)] if eager else []
    model = fastnn.Sequential([fastnn.Input((WIDE_FEATURES,)), *first])
    model.add(dense(WIDE_HIDDEN, "tanh", 1, dtype=dtype, **(options or {})))
    model.add(dense(CLASSES, "softmax", 2, dtype=dtype, **(last if last is not None else options or {})))
    model.layers[-2].trainable = not frozen
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def images(optimizer, options=None, eager=False):
    """A convolution whose images have a border of zeros, then 3 outputs."""
    first = [Own()] if eager else []
    model = fastnn.Sequential([fastnn.Input((WIDE_FEATURES,)), *first, layers.Reshape((WIDE_FEATURES, 1))])
    model.add(layers.Conv1D(3, 3, padding="same", kernel_initializer=fastnn.initializers.GlorotUniform(1), **options))
    model.add(layers.Flatten())
    model.add(dense(CLASSES, "softmax", 2, **options))
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def small(optimizer="sgd", options=None, eager=False, dtype=None):
    """5-7-3 with tanh inside and softmax, in few numbers."""
    first = [Own(dtype=dtype)] if eager else []
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), *first, dense(7, "tanh", 1, dtype=dtype, **(options or {}))])
    model.add(dense(CLASSES, "softmax", 2, dtype=dtype, **(options or {})))
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def trained(make):
    """Weights, slots, history, predictions and evaluation of `make(eager)` after a training, with its program."""
    results = []
    for eager, count in ((False, 1), (False, 3), (True, 1)):
        fastnn.set_num_threads(count)
        model = make(eager)
        history = model.fit(X, Y, batch_size=BATCH, epochs=2, shuffle=False, validation_split=0.2, verbose=0).history
        kinds = {type(made.runner) for made in model._programs.values()}
        assert kinds == {EagerProgram if eager else Program}
        slots = [slot.copy() for p in model.parameters for slot in model.optimizer.slots_of(p)]
        evaluated = model.evaluate(X, Y, verbose=0)
        batch = model.train_on_batch(X[:17], Y[:17])
        results.append((model.get_weights(), slots, model.predict(X), history, evaluated, batch))
    return results


def assert_same_bits_everywhere(make):
    """For 1 and 3 threads, and one layer at a time."""
    expected, *others = trained(make)
    for result in others:
        for arrays, wanted in zip(result[:2], expected[:2], strict=True):
            for array, exact in zip(arrays, wanted, strict=True):
                np.testing.assert_array_equal(array, exact)
        np.testing.assert_array_equal(result[2], expected[2])
        if JIT_ENABLED:  # in plain Python the two paths add losses up in different types
            assert result[3:] == expected[3:]
    assert np.isfinite(expected[3]["loss"]).all()
    return expected


@pytest.fixture
def any_threads(monkeypatch):
    """The number of threads is what it was, afterwards."""
    monkeypatch.setattr(threads, "_asked", None)
