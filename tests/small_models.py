"""Small networks and data for the tests of the Python side. Nothing here depends on global random state."""

import numpy as np
import pytest

import fastnn
from fastnn import initializers, layers, optimizers

ROWS, FEATURES, HIDDEN, CLASSES = 37, 5, 7, 3


def samples(rows=ROWS, features=FEATURES, seed=1):
    """x (rows, features) float32."""
    return np.random.default_rng(seed).normal(size=(rows, features)).astype(np.float32)


def labels(rows=ROWS, classes=CLASSES, seed=2):
    """y (rows,) int64."""
    return np.random.default_rng(seed).integers(classes, size=rows)


def dense(units, activation=None, seed=0, **options):
    """A Dense layer whose weights repeat, biases included."""
    return layers.Dense(
        units,
        activation,
        kernel_initializer=initializers.GlorotUniform(seed),
        bias_initializer=initializers.RandomNormal(stddev=0.1, seed=seed),
        **options,
    )


def uncompiled(hidden="relu", dtype=None, known_shape=True):
    """5-7-3 with softmax."""
    first = [fastnn.Input((FEATURES,))] if known_shape else []
    return fastnn.Sequential([*first, dense(HIDDEN, hidden, 3, dtype=dtype), dense(CLASSES, "softmax", 4, dtype=dtype)])


def classifier(optimizer="sgd", metrics=("accuracy",), **options):
    """The same, compiled for integer labels."""
    model = uncompiled(**options)
    model.compile(optimizer, "sparse_categorical_crossentropy", list(metrics))
    return model


def regressor(optimizer="sgd", outputs=1, metrics=(), dtype=None, loss="mse"):
    """5-7-outputs with tanh inside, for the mean squared error."""
    model = fastnn.Sequential(
        [fastnn.Input((FEATURES,)), dense(HIDDEN, "tanh", 5, dtype=dtype), dense(outputs, None, 6, dtype=dtype)]
    )
    model.compile(optimizer, loss, list(metrics))
    return model


WIDE_ROWS, WIDE_FEATURES = 600, 300


def wide(seed=1, units=200):
    """Heavy enough that threads share a step also when nobody asked for it."""
    model = fastnn.Sequential([fastnn.Input((WIDE_FEATURES,)), dense(units, "relu", seed), dense(3, "softmax", seed)])
    model.compile(optimizers.Adam(), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def train_wide(model):
    """Weights and predictions as bytes, and the loss: the same bits from this or any other process or thread."""
    x, y = samples(WIDE_ROWS, WIDE_FEATURES), labels(WIDE_ROWS)
    model.fit(x, y, batch_size=128, epochs=2, shuffle=False, verbose=0)
    loss, _ = model.evaluate(x, y, verbose=0)
    return b"".join(w.tobytes() for w in model.get_weights()), model.predict(x).tobytes(), loss


def train_new_wide(seed):
    return train_wide(wide(seed))


def losses_of(model, x, y):
    """Each sample's cross-entropy, from the model's probabilities."""
    return -np.log(model.predict(x)[np.arange(len(x)), y].astype(np.float64))


def assert_same_weights(model, other):
    """Bit by bit."""
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def fitted():
    """A classifier after some training."""
    model = classifier("adam")
    model.fit(samples(), labels(), verbose=0)
    return model


def unbuilt():
    """One that learns from its first data how many features a sample has."""
    return classifier("adam", known_shape=False)


def state(model):
    """All that must not change: weights, slots, steps, shapes, what was compiled, the last history."""
    optimizer = model.optimizer
    return (
        [w.tobytes() for w in model.get_weights()],
        optimizer.iterations,
        [array.tobytes() for array in optimizer.slot_arrays(model.parameters)] if optimizer.has_slots else None,
        optimizer.learning_rate,
        model.built,
        model.input_shape,
        [(layer.name, layer.built, layer.output_shape) for layer in model.layers],
        id(optimizer),
        id(model.loss),
        [metric.name for metric in model.metrics] if model.built else None,
        id(model.history),
        model.history and {name: list(column) for name, column in model.history.history.items()},
    )


def assert_refused(call, error, message, models=(fitted, unbuilt)):
    """`call(model)` raises `error` with `message` in its text, and leaves models in either state as they were."""
    for make in models:
        model = make()
        before = state(model)
        with pytest.raises(error) as caught:
            call(model)
        assert message in str(caught.value)
        assert type(caught.value) is error
        assert state(model) == before
        model.fit(samples(), labels(), verbose=0)  # and are ready for the right thing
