"""Callbacks that set the learning rate, and the finder."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers, losses, optimizers, schedules
from fastnn.models.rate_finder import _steepest

from ..layers.test_own_layers import Scale
from ..small_models import assert_same_weights, classifier, dense, labels, regressor, samples, state

X, Y = samples(), labels()
NAN = math.nan


class Rates(callbacks.Callback):
    """Notes the rate in the middle of every epoch."""

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        if batch == 0:
            self.seen.append(self.model.optimizer.learning_rate)


# ---------------------------------------------------------------------------------------------------------------------
# LearningRateScheduler.


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (lambda epoch, rate: rate * 0.5, [0.2, 0.1, 0.05]),
        (lambda epoch: 1 / (1 + epoch), [1, 1 / 2, 1 / 3]),
        (schedules.PiecewiseConstantDecay([1], [0.3, 0.1]), [0.3, 0.3, 0.1]),
        (lambda epoch, rate=None: rate, [0.4, 0.4, 0.4]),
        (max, [0.4, 1.0, 2.0]),  # has no signature
    ],
)
def test_scheduler(schedule, expected):
    model, rates = classifier(optimizers.SGD(0.4)), Rates()
    callback = callbacks.LearningRateScheduler(schedule)
    history = model.fit(X, Y, epochs=3, callbacks=[callback, rates], verbose=0).history
    assert rates.seen == expected
    assert history["learning_rate"] == expected
    assert model.optimizer.learning_rate == expected[-1]


def test_scheduler_trains_with_what_it_sets():
    model, other = classifier(optimizers.SGD(0.4)), classifier(optimizers.SGD(0.4))
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0, callbacks=callbacks.LearningRateScheduler(lambda e: 0.1 * e))
    for rate in (0.0, 0.1):
        other.optimizer.learning_rate = rate
        other.fit(X, Y, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_scheduler_says_what_it_sets(capsys):
    callback = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5, verbose=1)
    classifier(optimizers.SGD(0.01)).fit(X, Y, epochs=2, callbacks=callback, verbose=0)
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 1: LearningRateScheduler setting learning rate to 0.005.",
        "Epoch 2: LearningRateScheduler setting learning rate to 0.0025.",
    ]


def test_the_rate_stands_in_the_lines_of_fit(capsys):
    callback = callbacks.LearningRateScheduler(lambda epoch: 1e-7)
    classifier(metrics=()).fit(X, Y, callbacks=callback, verbose=2)
    assert capsys.readouterr().out.strip().endswith(", rate = 1e-07")


def test_an_error_in_the_function_comes_out():
    def mine(epoch, rate):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        classifier().fit(X, Y, callbacks=callbacks.LearningRateScheduler(mine), verbose=0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: callbacks.LearningRateScheduler(0.1), TypeError, "schedule must be a function of the epoch and"),
        (lambda: fit(callbacks.LearningRateScheduler(lambda epoch: None)), TypeError,
         "the schedule's learning rate of epoch 0 must be a number, received None"),
        (lambda: fit(callbacks.LearningRateScheduler(lambda epoch: -1.0)), ValueError,
         "the schedule's learning rate of epoch 0 must be a finite number >= 0, received -1.0"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1.0), ValueError, r"factor must be a finite number in \[0, 1\)"),
        (lambda: callbacks.ReduceLROnPlateau(patience=-1), ValueError, "patience must be at least 0, received -1"),
        (lambda: callbacks.ReduceLROnPlateau(cooldown=0.5), TypeError, "cooldown must be an integer of at least 0"),
        (lambda: callbacks.ReduceLROnPlateau(min_lr=-1), ValueError, "min_lr must be a finite number >= 0, received"),
        (lambda: callbacks.ReduceLROnPlateau(mode="mni"), ValueError, "unknown mode 'mni'; did you mean 'min'?"),
        (lambda: fit(callbacks.ReduceLROnPlateau("lr")), ValueError,
         'ReduceLROnPlateau monitors "lr", but fit logs only'),
        (lambda: fit(callbacks.ReduceLROnPlateau()), ValueError,
         'ReduceLROnPlateau monitors "val_loss", but fit logs only .*pass validation data'),
    ],
)  # fmt: skip
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def fit(callback):
    classifier().fit(X, Y, callbacks=callback, verbose=0)


@pytest.mark.parametrize("callback", [callbacks.LearningRateScheduler(max), callbacks.ReduceLROnPlateau("loss")])
def test_an_optimizer_with_a_schedule_is_refused(callback):
    model = classifier(optimizers.SGD(schedules.OneCycle(0.1, 10)))
    before = model.get_weights()
    message = rf"{type(callback).__name__} sets the learning rate, but the optimizer has the schedule OneCycle\("
    with pytest.raises(TypeError, match=message):
        model.fit(X, Y, callbacks=callback, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


# ---------------------------------------------------------------------------------------------------------------------
# ReduceLROnPlateau.

# keras 3.15.1: keras.callbacks.ReduceLROnPlateau(**options), given these values of "val_loss" epoch by epoch, with a
# learning rate of 0.1 at first. Of each epoch: the rate that is logged, that of the next one, `wait`, and
# `cooldown_counter`.
PLATEAUS = [
    ([1.0, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8], {"patience": 2},
     [(0.1, 0.1, 0, 0), (0.1, 0.1, 0, 0), (0.1, 0.1, 1, 0), (0.1, 0.01, 0, 0), (0.01, 0.01, 0, 0), (0.01, 0.01, 1, 0),
      (0.01, 0.001, 0, 0), (0.001, 0.001, 1, 0)]),
    ([1.0] * 6, {"patience": 0},
     [(0.1, 0.1, 0, 0), (0.1, 0.01, 0, 0), (0.01, 1e-3, 0, 0), (1e-3, 1e-4, 0, 0), (1e-4, 1e-5, 0, 0),
      (1e-5, 1e-6, 0, 0)]),
    ([1.0] * 6, {"patience": 1, "factor": 0.5},
     [(0.1, 0.1, 0, 0), (0.1, 0.05, 0, 0), (0.05, 0.025, 0, 0), (0.025, 0.0125, 0, 0), (0.0125, 0.00625, 0, 0),
      (0.00625, 0.003125, 0, 0)]),
    ([1.0] * 9, {"patience": 2, "cooldown": 2},
     [(0.1, 0.1, 0, 0), (0.1, 0.1, 1, 0), (0.1, 0.01, 0, 2), (0.01, 0.01, 0, 1), (0.01, 0.01, 1, 0),
      (0.01, 0.001, 0, 2), (0.001, 0.001, 0, 1), (0.001, 0.001, 1, 0), (0.001, 0.0001, 0, 2)]),
    ([1.0] * 7, {"patience": 1, "min_lr": 0.03, "factor": 0.5},
     [(0.1, 0.1, 0, 0), (0.1, 0.05, 0, 0), (0.05, 0.03, 0, 0), (0.03, 0.03, 1, 0), (0.03, 0.03, 2, 0),
      (0.03, 0.03, 3, 0), (0.03, 0.03, 4, 0)]),
    ([1.0, 0.99995, 0.9999, 0.9998, 0.95, 0.949], {"patience": 1, "factor": 0.5},
     [(0.1, 0.1, 0, 0), (0.1, 0.05, 0, 0), (0.05, 0.025, 0, 0), (0.025, 0.025, 0, 0), (0.025, 0.025, 0, 0),
      (0.025, 0.025, 0, 0)]),
    ([1.0, 0.95, 0.9, 0.85, 0.8], {"patience": 2, "factor": 0.5, "min_delta": 0.1},
     [(0.1, 0.1, 0, 0), (0.1, 0.1, 1, 0), (0.1, 0.05, 0, 0), (0.05, 0.05, 0, 0), (0.05, 0.05, 1, 0)]),
    ([0.5, 0.6, 0.6, 0.55, 0.7, 0.7], {"patience": 1, "mode": "max", "factor": 0.5},
     [(0.1, 0.1, 0, 0), (0.1, 0.1, 0, 0), (0.1, 0.05, 0, 0), (0.05, 0.025, 0, 0), (0.025, 0.025, 0, 0),
      (0.025, 0.0125, 0, 0)]),
    ([1.0, NAN, NAN, 0.5, 0.6, 0.6], {"patience": 2, "mode": "min", "factor": 0.5},
     [(0.1, 0.1, 0, 0), (0.1, 0.1, 1, 0), (0.1, 0.05, 0, 0), (0.05, 0.05, 0, 0), (0.05, 0.05, 1, 0),
      (0.05, 0.025, 0, 0)]),
    ([1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0], {"patience": 1, "cooldown": 3, "factor": 0.5},
     [(0.1, 0.1, 0, 0), (0.1, 0.05, 0, 3), (0.05, 0.05, 0, 2), (0.05, 0.05, 0, 1), (0.05, 0.025, 0, 3),
      (0.025, 0.025, 0, 2), (0.025, 0.025, 0, 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "options", "figures"), PLATEAUS, ids=lambda given: str(given)[:40])
def test_plateaus_as_in_keras(values, options, figures):
    callback, optimizer = callbacks.ReduceLROnPlateau(**options), optimizers.SGD(0.1)
    callback.set_model(SimpleNamespace(optimizer=optimizer, metrics=()))
    for _ in range(2):  # a second training begins anew
        optimizer.learning_rate = 0.1
        callback.on_train_begin()
        for epoch, (value, expected) in enumerate(zip(values, figures, strict=True)):
            logs = {"val_loss": value}
            callback.on_epoch_end(epoch, logs)
            now = (logs["learning_rate"], optimizer.learning_rate, callback.wait, callback.cooldown_counter)
            np.testing.assert_allclose(now, expected, rtol=1e-6)


def test_plateau_in_fit(capsys):
    """The validation accuracy, of which more is better, stays where it is at a rate of almost nothing."""
    model, rates = classifier(optimizers.SGD(1e-12)), Rates()
    callback = callbacks.ReduceLROnPlateau("val_accuracy", factor=0.5, patience=2, verbose=1)
    history = model.fit(X, Y, epochs=5, validation_data=(X, Y), callbacks=[callback, rates], verbose=0).history
    expected = [1e-12, 1e-12, 1e-12, 5e-13, 5e-13]
    assert rates.seen == expected
    assert history["learning_rate"] == expected
    assert model.optimizer.learning_rate == 2.5e-13
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 3: ReduceLROnPlateau reducing learning rate to 5e-13.",
        "Epoch 5: ReduceLROnPlateau reducing learning rate to 2.5e-13.",
    ]


@pytest.mark.parametrize(("monitor", "better"), [("accuracy", max), ("loss", min)])
def test_plateau_knows_which_way_is_better(monitor, better):
    values = [0.5, 0.4, 0.6, 0.3]
    fake = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update({monitor: values[epoch]}))
    callback = callbacks.ReduceLROnPlateau(monitor)
    classifier().fit(X, Y, epochs=4, callbacks=[fake, callback], verbose=0)
    assert callback.best == better(values)


# ---------------------------------------------------------------------------------------------------------------------
# The finder.


def quadratic(optimizer, curvature=1.0):
    """One weight w = 0 and the loss (sqrt(curvature) w - 1)^2: a step multiplies the error by 1 - 2 rate curvature."""
    model = fastnn.Sequential(
        [fastnn.Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros", dtype="float64")]
    )
    model.compile(optimizer, "mse")
    return model, np.full((4, 1), math.sqrt(curvature)), np.ones((4, 1))


@pytest.mark.parametrize(
    ("start", "stop", "steps", "smoothing"),
    [
        (0.01, 10, 31, 0.5),
        (0.9, 1.2, 200, 0.0),  # diverges so slowly that 4 times differs from 3 and from 5
        (0.2, 2.0, 40, 0.0),  # falls most steeply at once, where no suggestion comes from
    ],
)
def test_finder_by_hand(start, stop, steps, smoothing):
    """Every number of the range test on a model whose losses are known."""
    model, x, y = quadratic("sgd")
    result = fastnn.learning_rate_finder(model, x, y, start=start, stop=stop, steps=steps, smoothing=smoothing)
    rates = start * (stop / start) ** (np.arange(steps) / (steps - 1))
    expected, smoothed, error, mean = [], [], 1.0, 0.0
    for i, rate in enumerate(rates):
        expected.append(error**2)
        mean = smoothing * mean + (1 - smoothing) * expected[-1]
        smoothed.append(mean / (1 - smoothing ** (i + 1)))
        if smoothed[-1] > 4 * min(smoothed):
            break
        error *= 1 - 2 * rate
    assert 10 < len(expected) < steps
    np.testing.assert_allclose(result.rates, rates[: len(expected)], rtol=1e-12)
    np.testing.assert_allclose(result.losses, expected, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(result.smoothed, smoothed, rtol=1e-9, atol=1e-14)
    assert result.diverged == result.rates[-1]
    first, lowest = len(expected) // 10, int(np.argmin(smoothed))
    slopes = [smoothed[i + 1] - smoothed[i - 1] for i in range(first, lowest + 1)]
    assert result.suggestion == result.rates[first + int(np.argmin(slopes))]
    assert result.suggestion < 1  # beyond it the error grows


def test_finder_at_the_end_of_its_range():
    model, x, y = quadratic("sgd")
    result = fastnn.learning_rate_finder(model, x, y, start=1e-4, stop=1e-2, steps=20)
    assert result.diverged is None
    assert result.rates[0] == 1e-4
    assert result.rates[-1] == pytest.approx(1e-2)
    assert len(result.rates) == len(result.losses) == len(result.smoothed) == 20


def test_finder_where_the_loss_becomes_infinite():
    model, x, y = quadratic("sgd", curvature=1e300)
    result = fastnn.learning_rate_finder(model, x, y, start=1.0, stop=10, steps=20)
    assert len(result.losses) == 1
    assert np.isfinite(result.losses).all()
    assert result.diverged == pytest.approx(10 ** (1 / 19))
    assert result.suggestion is None
    model.set_weights([np.full((1, 1), 1e200)])
    result = fastnn.learning_rate_finder(model, x, y, start=1.0, stop=10, steps=20)
    assert result.diverged == 1.0
    assert len(result.rates) == 0


def test_finder_without_descent_suggests_nothing():
    model, x, y = quadratic("sgd")
    model.set_weights([np.ones((1, 1))])  # at the minimum
    result = fastnn.learning_rate_finder(model, x, y)
    assert result.suggestion is None
    assert (result.losses == 0).all()


def test_finder_looks_for_the_descent_before_the_lowest_point():
    assert _steepest(np.geomspace(1e-3, 1, 7), np.array([6.0, 5, 3, 2, 9, 8, 2])) == pytest.approx(10**-2.5)


def test_finder_goes_on_with_a_loss_below_0():
    class Negative(losses.Loss):
        def forward(self, y_true, y_pred, sample_weight=None):
            self.gradient = np.full_like(y_pred, 1 / len(y_pred))
            return float(y_pred.mean()) - 1

        def backward(self):
            return self.gradient

    model, x, y = quadratic("sgd")
    model.compile("sgd", Negative())
    result = fastnn.learning_rate_finder(model, x, y, steps=20)
    assert len(result.losses) == 20
    assert result.losses[-1] < result.losses[0] == -1


class Counting(Scale):
    """Remembers in an array, in a number and in an inner layer what it has seen."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count, self.sums, self.inner = 0, np.zeros(1), [layers.Dropout(0.5, seed=1)]
        self.inner[0].outer = self

    def forward(self, x, training=False):
        self.count += 1
        self.sums += np.abs(x).sum()
        return super().forward(self.inner[0].forward(x, training), training)


def with_everything(optimizer, eager):
    """Dropout, a frozen layer, and layers with a memory."""
    fastnn.utils.set_random_seed(3)
    model = fastnn.Sequential(
        [
            fastnn.Input((5,)), dense(7, "tanh", 1), layers.Dropout(0.25), *([Counting()] if eager else []),
            dense(7, "tanh", 2, trainable=False), dense(3, "softmax", 3),
        ]
    )  # fmt: skip
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("trained", [False, True], ids=["new", "trained"])
@pytest.mark.parametrize(
    "make", [lambda: optimizers.Adam(0.01), lambda: optimizers.SGD(SCHEDULE, momentum=0.9)], ids=["Adam", "schedule"]
)
def test_finder_leaves_everything_as_it_was(make, trained, eager):
    model, other = with_everything(make(), eager), with_everything(make(), eager)
    if trained:
        for each in (model, other):
            fastnn.utils.set_random_seed(4)
            each.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    fastnn.utils.set_random_seed(5)
    before, gradients, history = state(model), [g.copy() for g in model.gradients], model.history
    own = [
        (layer.count, layer.sums.copy(), layer.inner[0].step) for layer in model.layers if isinstance(layer, Counting)
    ]
    result = fastnn.learning_rate_finder(model, X, Y, batch_size=8)
    assert len(result.losses) > 20
    assert len(set(result.losses)) == len(result.losses)
    assert state(model) == before
    assert model.history is history
    for gradient, expected in zip(model.gradients, gradients, strict=True):
        np.testing.assert_array_equal(gradient, expected)
    assert own == [(x.count, x.sums, x.inner[0].step) for x in model.layers if isinstance(x, Counting)]
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    fastnn.utils.set_random_seed(5)  # the finder has drawn nothing from the common generator
    other.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert_same_weights(model, other)


SCHEDULE = schedules.CosineDecay(0.01, 12)


def test_finder_repeats():
    model = with_everything("adam", False)
    first, second = (fastnn.learning_rate_finder(model, X, Y, batch_size=8) for _ in range(2))
    np.testing.assert_array_equal(first.losses, second.losses)
    fastnn.utils.set_random_seed(5)
    assert (fastnn.learning_rate_finder(model, X, Y, batch_size=8).losses[:5] != first.losses[:5]).any()


def test_finder_builds_a_model():
    model, other = classifier("adam", known_shape=False), classifier("adam", known_shape=False)
    fastnn.learning_rate_finder(model, X, Y)
    assert model.built
    other.build((None, 5))
    assert_same_weights(model, other)


def test_finder_in_a_callback():
    """It changes nothing of the training that it is called from."""
    model, other, found = classifier("adam"), classifier("adam"), []
    look = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: found.append(fastnn.learning_rate_finder(model, X, Y).suggestion)
    )
    model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, callbacks=look, verbose=0)
    other.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    assert len(found) == 3


def test_finder_is_undone_also_after_an_error():
    class Fails(Scale):
        def backward(self, dy):
            if model.optimizer.iterations == 3:
                raise LookupError("mine")
            return super().backward(dy)

    model = fastnn.Sequential([fastnn.Input((5,)), Fails(), dense(3, "softmax", 2)])
    model.compile("adam", "sparse_categorical_crossentropy")
    before, optimizer = state(model), model.optimizer
    with pytest.raises(LookupError, match="mine"):
        fastnn.learning_rate_finder(model, X, Y)
    assert model.optimizer is optimizer
    assert state(model) == before


def test_finder_takes_weights_of_samples_and_classes():
    model = classifier("sgd")
    weights = np.where(Y == 1, 2.0, 0.5)
    by_sample = fastnn.learning_rate_finder(model, X, Y, sample_weight=weights)
    by_class = fastnn.learning_rate_finder(model, X, Y, class_weight={0: 0.5, 1: 2.0, 2: 0.5})
    np.testing.assert_array_equal(by_sample.losses, by_class.losses)
    assert (by_sample.losses[:3] != fastnn.learning_rate_finder(model, X, Y).losses[:3]).all()


def test_finder_takes_lists_and_whole_batches_only():
    model, seen = regressor("sgd"), []

    class Sizes(Scale):
        def forward(self, x, training=False):
            seen.append(len(x))
            return super().forward(x, training)

    model = fastnn.Sequential([fastnn.Input((5,)), Sizes(), dense(1, None, 2)])
    model.compile("sgd", "mse")
    fastnn.learning_rate_finder(model, X.tolist(), X[:, 0].tolist(), batch_size=8, steps=9)
    assert set(seen) == {8}
    seen.clear()
    fastnn.learning_rate_finder(model, X, X[:, 0], batch_size=1000, steps=3)
    assert set(seen) == {len(X)}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"start": 0}, ValueError, "start and stop must be rates with 0 < start < stop, received 0 and 10"),
        (
            {"start": 1.0, "stop": 0.1},
            ValueError,
            "start and stop must be rates with 0 < start < stop, received 1 and 0.1",
        ),
        ({"start": "a"}, TypeError, "start must be a number, received 'a'"),
        ({"steps": 1}, ValueError, "steps must be at least 2, received 1"),
        ({"smoothing": 1.0}, ValueError, r"smoothing must be a finite number in \[0, 1\), received 1.0"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, received 0"),
        ({"sample_weight": [1.0]}, ValueError, "sample_weight"),
        ({"y": Y[:3]}, ValueError, "x and y must have the same length, received 37 and 3"),
    ],
)
def test_finder_refuses(options, error, message):
    model = classifier("adam")
    before = state(model)
    with pytest.raises(error, match=message):
        fastnn.learning_rate_finder(model, X, **({"y": Y} | options))
    assert state(model) == before


def test_finder_needs_a_compiled_model():
    model = fastnn.Sequential([fastnn.Input((5,)), dense(3)])
    with pytest.raises(RuntimeError, match="call compile"):
        fastnn.learning_rate_finder(model, X, Y)
    with pytest.raises(TypeError, match=r"model must be a fastnn.Sequential, received 5"):
        fastnn.learning_rate_finder(5, X, Y)


def test_what_a_range_test_found_is_shown_in_a_line():
    rates = np.geomspace(1e-7, 0.5, 100)
    found = fastnn.RangeTest(rates, rates, rates, suggestion=0.01234, diverged=0.5)
    assert repr(found) == "RangeTest(100 rates, 1e-07 to 0.5; suggestion=0.0123, diverged=0.5)"
    none = fastnn.RangeTest(rates[:0], rates[:0], rates[:0], suggestion=None, diverged=1e-7)
    assert repr(none) == "RangeTest(0 rates; suggestion=None, diverged=1e-07)"
