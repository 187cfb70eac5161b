"""Learning-rate schedules: their numbers, and training by them."""

import inspect

import numpy as np
import pytest

import fastnn
from fastnn import optimizers, schedules
from fastnn.configured import decode, describe
from fastnn.saving import load_model
from fastnn.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

from ..cases import OPTIMIZERS
from ..layers.test_own_layers import Scale
from ..small_models import assert_same_weights, classifier, dense, labels, samples

X, Y = samples(), labels()

# What keras 3.15.1 with JAX gives at these steps, in float32: getattr(keras.optimizers.schedules, name)(**arguments).
STEPS = (0, 1, 4, 5, 6, 9, 10, 19, 20, 37, 100)
KERAS = [
    (
        ExponentialDecay(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5),
        [0.1, 0.0933033, 0.07578583, 0.07071068, 0.06597539, 0.053588677, 0.05, 0.026794339, 0.025, 0.007694653,
         9.765625e-05],
    ),
    (
        ExponentialDecay(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5, staircase=True),
        [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.0125, 9.765625e-05],
    ),
    (
        InverseTimeDecay(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5),
        [0.1, 0.095238104, 0.08333333, 0.08, 0.07692308, 0.06896552, 0.06666667, 0.051282052, 0.05, 0.03508772,
         0.016666668],
    ),
    (
        InverseTimeDecay(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5, staircase=True),
        [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.06666667, 0.06666667, 0.05, 0.04, 0.016666668],
    ),
    (
        PiecewiseConstantDecay(boundaries=[5, 19], values=[0.1, 0.05, 0.01]),
        [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.01, 0.01, 0.01],
    ),
    (
        PolynomialDecay(initial_learning_rate=0.1, decay_steps=20),
        [0.1, 0.095005, 0.08002, 0.075025, 0.070030004, 0.055045, 0.05005, 0.005095001, 0.0001, 0.0001, 0.0001],
    ),
    (
        PolynomialDecay(initial_learning_rate=0.1, decay_steps=20, end_learning_rate=0.01, power=2.0, cycle=True),
        [0.1, 0.091225, 0.067600004, 0.060625, 0.0541, 0.037225, 0.0325, 0.010225, 0.01, 0.01050625, 0.01],
    ),
    (
        CosineDecay(initial_learning_rate=0.1, decay_steps=20),
        [0.1, 0.09938442, 0.090450846, 0.08535534, 0.07938927, 0.05782173, 0.049999997, 0.00061558187, 0.0, 0.0, 0.0],
    ),
    (
        CosineDecay(initial_learning_rate=0.01, decay_steps=20, alpha=0.1, warmup_target=0.1, warmup_steps=10),
        [0.01, 0.019, 0.046, 0.055, 0.064, 0.091, 0.1, 0.062039554, 0.054999996, 0.010000001, 0.010000001],
    ),
    (
        CosineDecayRestarts(initial_learning_rate=0.1, first_decay_steps=6),
        [0.1, 0.093301274, 0.024999997, 0.006698731, 0.1, 0.08535534, 0.075, 0.09957224, 0.09829629, 0.010332334,
         0.09734651],
    ),
    (
        CosineDecayRestarts(initial_learning_rate=0.1, first_decay_steps=10, t_mul=1.0, m_mul=0.5, alpha=0.1),
        [0.1, 0.09779754, 0.06890576, 0.054999996, 0.041094225, 0.012202458, 0.055000003, 0.01110123, 0.0325,
         0.012318707, 0.0100878915],
    ),
    (
        CosineDecayRestarts(initial_learning_rate=0.1, first_decay_steps=7, t_mul=1.5, m_mul=0.8, alpha=0.05),
        [0.1, 0.09529602, 0.04193025, 0.022884225, 0.009703977, 0.07439708, 0.06669261, 0.06444942, 0.062097944,
         0.050678354, 0.03455057],
    ),
]  # fmt: skip

# torch 2.13.0's OneCycleLR(max_lr, total_steps, ..., cycle_momentum=False): the rate of each step's optimizer.step().
TORCH = [
    (
        OneCycle(0.1, 30),
        {0: 0.0040000000000000036, 1: 0.0076537824394582454, 5: 0.0703688047535243, 7: 0.09634621756054176, 8: 0.1,
         9: 0.09944154354509119, 14: 0.0811745653949763, 15: 0.0750001, 20: 0.03887419780637107,
         28: 0.0005588564549088189, 29: 4e-07},
    ),
    (
        OneCycle(0.1, 31, pct_start=0.5, div_factor=10.0, final_div_factor=100.0),
        {0: 0.009999999999999995, 1: 0.011052074993046099, 5: 0.03392162016850944, 7: 0.05256374911365621,
         8: 0.06228018984487441, 9: 0.07165621699029615, 14: 0.09973620807194619, 15: 0.09974372270342516,
         20: 0.07204768787030384, 28: 0.004148057309569482, 29: 0.0011224794344379006, 30: 0.0001},
    ),
]  # fmt: skip

ALL = [schedule for schedule, _ in KERAS + TORCH]


@pytest.mark.parametrize(("schedule", "figures"), KERAS, ids=lambda given: type(given).__name__)
def test_keras_figures(schedule, figures):
    np.testing.assert_allclose([schedule(step) for step in STEPS], figures, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize(("schedule", "figures"), TORCH, ids=["defaults", "arguments"])
def test_torch_figures(schedule, figures):
    np.testing.assert_allclose([schedule(step) for step in figures], list(figures.values()), rtol=1e-12, atol=1e-17)


def test_keras_arguments():
    """In Keras's order, with Keras's defaults."""
    expected = {
        ExponentialDecay: "initial_learning_rate decay_steps decay_rate staircase=False name='ExponentialDecay'",
        InverseTimeDecay: "initial_learning_rate decay_steps decay_rate staircase=False name='InverseTimeDecay'",
        PiecewiseConstantDecay: "boundaries values name='PiecewiseConstant'",
        PolynomialDecay: "initial_learning_rate decay_steps end_learning_rate=0.0001 power=1.0 cycle=False "
        "name='PolynomialDecay'",
        CosineDecay: "initial_learning_rate decay_steps alpha=0.0 name='CosineDecay' warmup_target=None warmup_steps=0",
        CosineDecayRestarts: "initial_learning_rate first_decay_steps t_mul=2.0 m_mul=1.0 alpha=0.0 name='SGDRDecay'",
    }
    for kind, text in expected.items():
        parameters = inspect.signature(kind).parameters.values()
        given = (p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)
        assert " ".join(given) == text
    assert optimizers.schedules is fastnn.schedules  # where Keras has them


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_single_steps_have_the_same_bits_as_many(schedule):
    """The compiled path takes the rates of many steps at once, the eager path that of one."""
    rates = schedule.rates(3, 500)
    assert rates.dtype == np.float64
    assert rates.tolist() == [schedule(step) for step in range(3, 503)]
    np.testing.assert_array_equal(schedule.rates(100, 50), rates[97:147])
    assert type(schedule(7)) is float
    assert schedule.rates(5, 0).shape == (0,)


def test_by_hand():
    assert ExponentialDecay(1.0, 2, 0.25).rates(0, 5).tolist() == [1, 0.5, 0.25, 0.125, 0.0625]
    assert PiecewiseConstantDecay((1, 2.5), (3, 2, 1)).rates(0, 5).tolist() == [3, 3, 2, 1, 1]
    assert PolynomialDecay(1.0, 4, 0.5).rates(0, 6).tolist() == [1, 0.875, 0.75, 0.625, 0.5, 0.5]
    warm = CosineDecay(0.0, 2, warmup_target=1.0, warmup_steps=4, alpha=0.5).rates(0, 9)
    np.testing.assert_allclose(warm, [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.5, 0.5], rtol=1e-15)
    np.testing.assert_allclose(
        CosineDecayRestarts(1.0, 2, m_mul=0.5).rates(0, 7),
        [1, 0.5, 0.5, 0.25 * (1 + 0.5**0.5), 0.25, 0.25 * (1 - 0.5**0.5), 0.25],
    )


@pytest.mark.parametrize("schedule", [OneCycle(0.1, 10), CosineDecay(0.1, 9), PolynomialDecay(0.1, 9)], ids=repr)
def test_the_last_rate_stays(schedule):
    np.testing.assert_allclose(schedule.rates(9, 1000), schedule(9), rtol=1e-12)
    assert schedule(8) > schedule(9)


@pytest.mark.parametrize(("t_mul", "periods"), [(1.0, 40), (2.0, 20), (3.0, 12), (10.0, 6), (1.25, 10)])
def test_restarts_come_in_time(t_mul, periods):
    """Also where a quotient of logarithms is rounded down: log(1000) / log(10) = 2.9999999999999996."""
    first = 4**10 if t_mul == 1.25 else 5
    schedule = CosineDecayRestarts(1.0, first, t_mul=t_mul)
    begin = 0
    for period in range(periods):
        assert schedule(begin) == 1
        if begin:
            assert schedule(begin - 1) < 0.1
        begin += int(first * t_mul**period)


@pytest.mark.parametrize(
    ("pct_start", "total_steps", "expected"),
    [(0.0, 3, [1, 0.5, 0]), (1.0, 3, [0.04, 0.52, 1]), (0.3, 1, [1]), (0.3, 2, [1, 0]), (0.25, 5, [0.04, 1])],
)
def test_one_cycle_of_few_steps(pct_start, total_steps, expected):
    schedule = OneCycle(1.0, total_steps, pct_start, final_div_factor=1e15)
    rates = schedule.rates(0, len(expected))
    assert np.isfinite(schedule.rates(0, 9)).all()
    if pct_start == 0.25:  # turns at step 0.25
        assert rates[0] == pytest.approx(0.04)
        assert 0.8 < rates[1] < 1
    else:
        np.testing.assert_allclose(rates, expected, atol=1e-12)


def test_a_long_schedule_is_made_at_once():
    assert schedules.CosineDecayRestarts(0.1, 100).rates(0, 10**6).shape == (10**6,)


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_plain_data_and_back(schedule):
    other = decode(describe(schedule))
    assert type(other) is type(schedule)
    assert other.get_config() == schedule.get_config()
    assert describe(schedule)["module"] == "fastnn.schedules"
    np.testing.assert_array_equal(other.rates(0, 50), schedule.rates(0, 50))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ExponentialDecay(-1, 10, 0.5), ValueError, "initial_learning_rate must be a finite number >= 0, rec"),
        (lambda: ExponentialDecay(0.1, 0, 0.5), ValueError, "decay_steps must be a finite number > 0, received 0"),
        (lambda: ExponentialDecay(0.1, 10, -0.5), ValueError, "decay_rate must be a finite number >= 0, received -0.5"),
        (lambda: InverseTimeDecay(0.1, "10", 1), TypeError, "decay_steps must be a number, received '10'"),
        (lambda: PiecewiseConstantDecay(5, [1]), TypeError, "boundaries must be a list of numbers, received 5"),
        (
            lambda: PiecewiseConstantDecay([5], [1]),
            ValueError,
            "values must hold one rate more than boundaries, 2, rec.* 1",
        ),
        (
            lambda: PiecewiseConstantDecay([5, 5], [1, 1, 1]),
            ValueError,
            r"boundaries must increase, received \[5, 5\]",
        ),
        (
            lambda: PiecewiseConstantDecay([5], [1, -1]),
            ValueError,
            r"values\[1\] must be a finite number >= 0, rec.* -1",
        ),
        (lambda: PolynomialDecay(0.1, 10, power=-1), ValueError, "power must be a finite number >= 0, received -1"),
        (lambda: CosineDecay(0.1, float("inf")), ValueError, "decay_steps must be a finite number >= 0, received inf"),
        (lambda: CosineDecay(0.1, 10, warmup_target=-1), ValueError, "warmup_target must be a finite number >= 0"),
        (lambda: CosineDecay(0.1, 10, warmup_steps=-1), ValueError, "warmup_steps must be a finite number >= 0"),
        (lambda: CosineDecayRestarts(0.1, 10, t_mul=0.5), ValueError, "t_mul must be a finite number >= 1, rec.* 0.5"),
        (lambda: OneCycle(0.1, 0), ValueError, "total_steps must be at least 1, received 0"),
        (lambda: OneCycle(0.1, 10, pct_start=1.5), ValueError, r"pct_start must be a finite number in \[0, 1\], rec"),
        (lambda: OneCycle(0.1, 10, div_factor=0), ValueError, "div_factor must be a finite number > 0, received 0"),
        (lambda: LearningRateSchedule()(0), NotImplementedError, r"LearningRateSchedule has no __call__\(step\)"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_repr():
    assert repr(PolynomialDecay(0.1, 20)) == (
        "PolynomialDecay(initial_learning_rate=0.1, decay_steps=20, end_learning_rate=0.0001, power=1.0, cycle=False)"
    )
    assert repr(optimizers.Adam(Halving(0.5))) == "Adam(learning_rate=Halving(start=0.5))"


# ---------------------------------------------------------------------------------------------------------------------
# Optimizers with a schedule.


class Halving(LearningRateSchedule):
    """One of the user's."""

    def __init__(self, start):
        self.start = start

    def __call__(self, step):
        return self.start / 2**step


def test_the_learning_rate_is_that_of_the_next_step():
    model = classifier(optimizers.SGD(Halving(0.5)))
    rates = []
    for _ in range(3):
        rates.append(model.optimizer.learning_rate)
        model.train_on_batch(X, Y)
    assert rates == [0.5, 0.25, 0.125]
    assert model.optimizer.hyper()[[0, 1]].tolist() == [0.0625, 0.0625]


def test_rates():
    optimizer = optimizers.Adam(Halving(1.0))
    assert optimizer.rates(2, 3).tolist() == [0.25, 0.125, 0.0625]
    assert optimizer.learning_rate_schedule.start == 1.0
    assert optimizers.Adam(0.25).rates(7, 1000).tolist() == [0.25]
    assert optimizers.Adam(0.25).learning_rate_schedule is None


def test_a_schedule_decides_alone():
    optimizer = optimizers.SGD(ExponentialDecay(0.1, 10, 0.5))
    with pytest.raises(
        TypeError, match=r"learning_rate cannot be set to 0\.3: it follows the schedule ExponentialDeca"
    ):
        optimizer.learning_rate = 0.3
    assert optimizer.learning_rate == 0.1
    optimizer.learning_rate = Halving(0.5)  # as in Keras
    assert optimizer.learning_rate == 0.5
    optimizer = optimizers.SGD(0.1)
    optimizer.learning_rate = Halving(0.25)
    assert optimizer.learning_rate == 0.25


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda step: 1.0 - step, "must give finite rates >= 0, received -1.0 for step 2"),
        (lambda step: [0.1, 0.2, float("nan")][step], "must give finite rates >= 0, received nan for step 2"),
        (lambda step: np.ones(2), r"must give 3 rates, received an array of shape \(3, 2\)"),
    ],
)
def test_a_schedule_that_gives_no_rates(function, message):
    class Mine(LearningRateSchedule):
        def __call__(self, step):
            return function(step)

    with pytest.raises(ValueError, match=message):
        optimizers.SGD(Mine()).rates(0, 3)


def network(optimizer, eager=False):
    layers = [fastnn.Input((5,)), dense(7, "tanh", 1), *([Scale()] if eager else []), dense(3, "softmax", 2)]
    model = fastnn.Sequential(layers)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


SCHEDULE = CosineDecay(0.01, 12, warmup_target=0.1, warmup_steps=6)


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.name)
def test_fit_takes_the_rate_of_each_step(case, eager):
    """The bits of a training in which the rate is set by hand before every step."""
    optimizer = case.make()
    optimizer.learning_rate = SCHEDULE
    model, other = network(optimizer, eager), network(case.make(), eager)
    model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    assert model.optimizer.iterations == 15
    step = 0
    for _ in range(3):
        for first in range(0, len(X), 8):
            other.optimizer.learning_rate = SCHEDULE(step)
            other.train_on_batch(X[first : first + 8], Y[first : first + 8])
            step += 1
    assert_same_weights(model, other)


def test_a_schedule_is_not_asked_for_steps_that_do_not_come():
    class Ends(LearningRateSchedule):
        def __call__(self, step):
            return [0.3, 0.2, 0.1, 0.1, 0.1, 0.1][step]

    model = network(optimizers.SGD(Ends()))
    model.fit(X, Y, batch_size=20, epochs=3, verbose=0)
    with pytest.raises(IndexError):
        model.train_on_batch(X, Y)


def test_a_loop_of_ones_own_takes_the_rate_of_each_step():
    model, other = network(optimizers.Adam(SCHEDULE)), network(optimizers.Adam(SCHEDULE))
    for _ in range(5):
        model.loss.forward(Y, model.forward(X, training=True))
        model.backward(model.loss.backward())
        model.optimizer.step(model)
        other.train_on_batch(X, Y)
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-5)


# keras 3.15.1 with JAX: kernel of ones, 4 epochs without shuffling, batches of 4; the schedule, the optimizer, the
# losses, then kernel and bias.
WARM = CosineDecay(0.01, 6, warmup_target=0.2, warmup_steps=3)
STAIRS = PiecewiseConstantDecay([1, 4], [0.1, 0.05, 0.2])
TRAININGS = [
    (WARM, "SGD", [0.799122, 0.51574224, 0.06666668, 0.005004523], [0.5261683, 0.525439, 0.52470976, -0.008386965]),
    (WARM, "Adam", [0.79567826, 0.42529798, 0.010428603, 0.12950933],
     [0.26898724, 0.25815278, 0.25865942, 0.062481407]),
    (WARM, "RMSprop", [0.7783246, 0.25300926, 0.0032372295, 0.00028389314],
     [0.5152973, 0.49932083, 0.4915806, 0.0014188353]),
    (WARM, "AdamW", [0.7956146, 0.4240395, 0.0103496965, 0.13153052], [0.26761597, 0.2568041, 0.25729677, 0.062358715]),
    (STAIRS, "SGD", [0.76033604, 0.26641947, 0.16578075, 0.046630897],
     [0.5236431, 0.52173954, 0.5198359, -0.021891268]),
    (STAIRS, "AdamW", [0.72621024, 0.2552054, 0.11441292, 0.033985883],
     [0.24149823, 0.22786096, 0.2251368, 0.039674133]),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "name", "losses", "weights"), TRAININGS)
def test_keras_training(schedule, name, losses, weights):
    x = np.linspace(-1, 1, 24).reshape(8, 3).astype(np.float32)
    y = x.sum(axis=1, keepdims=True) * 0.5
    model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(1, kernel_initializer="ones")])
    model.compile(getattr(optimizers, name)(schedule), "mse")
    history = model.fit(x, y, batch_size=4, epochs=4, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.concatenate([w.ravel() for w in model.get_weights()]), weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("schedule", [SCHEDULE, OneCycle(0.1, 20), STAIRS, Halving(0.5)], ids=repr)
def test_training_goes_on_after_loading(schedule, tmp_path):
    path, own = tmp_path / "model.safetensors", {"Halving": Halving}

    def train(model, first, last):
        model.fit(X, Y, batch_size=8, initial_epoch=first, epochs=last, shuffle=False, verbose=0)

    model = network(optimizers.Adam(schedule))
    train(model, 0, 2)
    model.save(path)
    other = load_model(path, own)
    assert other.optimizer.get_config() == model.optimizer.get_config()
    assert type(other.optimizer.learning_rate_schedule) is type(schedule)
    assert other.optimizer.learning_rate == schedule(10)
    for each in (model, other):
        train(each, 2, 4)
    assert_same_weights(model, other)
    if isinstance(schedule, Halving):
        with pytest.raises(ValueError, match="unknown class 'Halving'"):
            load_model(path)
