"""Terms that are zero are left out: the same bits as without, for any data, and the same end of a training."""

import warnings

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers
from fastnn.engine import lowering, threads
from fastnn.kernels import marks
from fastnn.kernels.jit import JIT_ENABLED

ROWS, INPUTS, BATCH = (300, 100, 64) if JIT_ENABLED else (40, 70, 16)
HIDDEN = 71
RNG = np.random.default_rng(2)
LABELS = RNG.integers(5, size=ROWS)
DENSE = RNG.normal(size=(ROWS, INPUTS)).astype(np.float32)
RARE = np.where(RNG.random(DENSE.shape) < 0.03, DENSE, 0)
ONE_HOT = np.eye(INPUTS, dtype=np.float32)[RNG.integers(INPUTS, size=ROWS)]
PIXELS = np.where(RNG.random(DENSE.shape) < 0.05, 200, 0).astype(np.uint8)
MIXED = np.concatenate([RARE[: ROWS // 2], DENSE[ROWS // 2 :]])
DATA = {"dense": DENSE, "rare": RARE, "one_hot": ONE_HOT, "pixels": PIXELS, "mixed": MIXED, "zeros": 0 * DENSE}


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    monkeypatch.setattr(threads, "_asked", None)
    monkeypatch.setattr(lowering, "SMALLEST_INPUTS", lowering.SMALLEST_INPUTS)
    yield
    fastnn.config.set_floatx("float32")


def network(optimizer="adam", scale=1.0, offset=0.0, **options):
    fastnn.utils.set_random_seed(3)
    model = fastnn.Sequential(
        [
            fastnn.Input((INPUTS,)),
            layers.Rescaling(scale, offset),
            layers.Dense(HIDDEN, activation="relu", **options),
            layers.Dropout(0.5),
            layers.Dense(5, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def marks_of(model, kind="train"):
    """Where the marks of the first dense layer begin, and all marks."""
    program = model._programs[kind].runner
    place = next(int(ins["marks"]) for ins in program.plan.code if (ins["inputs"], ins["outputs"]) == (INPUTS, HIDDEN))
    return place, program.buffers.batch.marks


def skips(model, kind="train"):
    place, all_marks = marks_of(model, kind)
    return place >= 0 and bool(all_marks[place + marks.USED])


def outcome(skipping, data, count=1, epochs=2, x_test=None, **options):
    """The losses, the weights and some predictions of a training."""
    lowering.SMALLEST_INPUTS = marks.SMALLEST_INPUTS if skipping else 2**60
    fastnn.set_num_threads(count)
    model = network(**options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        history = model.fit(data, LABELS, batch_size=BATCH, epochs=epochs, verbose=0).history
    assert skipping or not skips(model)
    results = [*model.get_weights(), np.array(history["loss"]), np.array(model.evaluate(data, LABELS, verbose=0))]
    for rows in (1, 2, ROWS):
        results.append(model.predict(data[:rows], verbose=0))
    return model, results


def assert_equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)  # NaN equals NaN


@pytest.mark.parametrize("floatx", ["float32", "float64"])
@pytest.mark.parametrize("name", DATA)
def test_same_bits_as_without(name, floatx):
    fastnn.config.set_floatx(floatx)
    _, expected = outcome(False, DATA[name])
    for count in (1, 2, 3, 4):
        model, got = outcome(True, DATA[name], count)
        assert_equal(got, expected)
        assert skips(model) or name in ("dense", "mixed")
    assert (name == "dense") <= (not skips(model))


def test_an_offset_leaves_no_zeros_and_a_scale_does():
    assert skips(outcome(True, PIXELS, scale=1 / 255)[0])
    assert not skips(outcome(True, PIXELS, scale=1 / 255, offset=0.5)[0])
    centred, expected = (outcome(s, PIXELS, scale=1 / 100, offset=-2.0) for s in (True, False))
    assert_equal(centred[1], expected[1])


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": optimizers.SGD(0.1, momentum=0.9, clipnorm=0.5)},
        {"kernel_regularizer": "l2", "kernel_constraint": "max_norm"},
        {"use_bias": False},
        {"optimizer": optimizers.Adam(use_ema=True)},
    ],
    ids=["clipped", "penalized", "no_bias", "averaged"],
)
def test_same_bits_with_stages_after_the_gradients(options):
    def fresh():
        return {k: v.from_config(v.get_config()) if k == "optimizer" else v for k, v in options.items()}

    expected = outcome(False, RARE, **fresh())
    got = outcome(True, RARE, 2, **fresh())
    assert skips(got[0])
    assert_equal(got[1], expected[1])


def test_predictions_of_few_samples_leave_out_zeros():
    model = network()
    model.predict(ONE_HOT[:1], verbose=0)
    assert skips(model, "predict")


def never_lit():
    """Data in which one input is always zero, and which one."""
    x = RARE.copy()
    x[:, 17] = 0
    return x, 17


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("trainable", [True, False])
def test_a_weight_that_is_not_finite_and_that_no_sample_reads_ends_a_training_as_without(wrong, trainable):
    """0 times NaN is NaN: a product that leaves it out would train on for ever."""
    x, column = never_lit()
    losses = []
    for skipping in (True, False):
        model, _ = outcome(skipping, x)
        model.layers[1].trainable = trainable
        model.fit(x, LABELS, batch_size=BATCH, verbose=0)
        assert skips(model) == skipping
        model.layers[1].kernel.value[column, 0] = wrong
        with pytest.warns(RuntimeWarning, match="no longer a finite number since epoch 1, batch 1"):
            losses.append(model.fit(x, LABELS, batch_size=BATCH, epochs=2, verbose=0).history["loss"])
        assert np.isnan(model.evaluate(x, LABELS, verbose=0)[0])
    np.testing.assert_array_equal(*losses)


def test_a_training_that_diverges_does_so_in_the_same_step():
    """Its weights too: those that no sample reads become NaN with the others."""
    x, _ = never_lit()
    for rate in (1e3, 1e30, 1e38):
        expected = outcome(False, x, epochs=3, optimizer=optimizers.SGD(rate, momentum=0.9))[1]
        assert not np.isfinite(expected[0]).all() or rate == 1e3
        for count in (1, 3):
            got = outcome(True, x, count, epochs=3, optimizer=optimizers.SGD(rate, momentum=0.9))[1]
            assert_equal(got, expected)


@pytest.mark.parametrize("warm", [True, False])
def test_a_prediction_does_not_read_weights_of_zeros(warm):
    """Documented in `kernels/marks.py`: it reads a fifth of the weights, and never looks at the others."""
    x, column = never_lit()
    model, other = network(), network()
    expected = model.predict(x[:1], verbose=0)
    if not warm:
        model = other
    model.layers[1].kernel.value[column] = np.nan
    for _ in range(2 * marks.PATIENCE):
        np.testing.assert_array_equal(model.predict(x[:1], verbose=0), expected)


def test_layers_by_themselves_leave_out_zeros_too():
    dense = layers.Dense(20)
    y = dense.forward(RARE, training=True)
    dense.backward(np.ones_like(y))
    lowering.SMALLEST_INPUTS = 2**60
    other = layers.Dense(20)
    other.build((None, INPUTS))
    other.set_weights(dense.get_weights())
    np.testing.assert_array_equal(other.forward(RARE, training=True), y)
    other.backward(np.ones_like(y))
    for one, two in zip(dense.gradients, other.gradients, strict=True):
        np.testing.assert_array_equal(one, two)
