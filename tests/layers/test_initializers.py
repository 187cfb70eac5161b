"""Initializers: bounds and moments, fans, seeds, names."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import initializers, layers
from fastnn.utils import set_random_seed

SHAPE = (400, 300)
FAN_IN, FAN_OUT = SHAPE
TRUNCATED_STDDEV = 0.87962566103423978  # of a standard normal number cut off at +-2


def moments(name, stddev, bound, mean=0.0, **options):
    return pytest.param(name, options, mean, stddev, bound, id=name)


GLOROT, HE, LECUN = 2 / (FAN_IN + FAN_OUT), 2 / FAN_IN, 1 / FAN_IN
DISTRIBUTIONS = [
    moments("GlorotUniform", math.sqrt(GLOROT), math.sqrt(3 * GLOROT)),
    moments("GlorotNormal", math.sqrt(GLOROT), 2 * math.sqrt(GLOROT) / TRUNCATED_STDDEV),
    moments("HeUniform", math.sqrt(HE), math.sqrt(3 * HE)),
    moments("HeNormal", math.sqrt(HE), 2 * math.sqrt(HE) / TRUNCATED_STDDEV),
    moments("LecunUniform", math.sqrt(LECUN), math.sqrt(3 * LECUN)),
    moments("LecunNormal", math.sqrt(LECUN), 2 * math.sqrt(LECUN) / TRUNCATED_STDDEV),
    moments("RandomNormal", 0.3, None, mean=0.1, stddev_=0.3),
    moments("TruncatedNormal", 0.3 * TRUNCATED_STDDEV, 0.6, mean=0.1, stddev_=0.3),
    moments("RandomUniform", 0.4 / math.sqrt(12), 0.2, mean=0.1, minval=-0.1, maxval=0.3),
]


@pytest.mark.parametrize(("name", "options", "mean", "stddev", "bound"), DISTRIBUTIONS)
def test_moments_and_bounds(name, options, mean, stddev, bound):
    options = {key.rstrip("_"): value for key, value in options.items()}
    if "stddev" in options:
        options["mean"] = mean
    values = getattr(initializers, name)(seed=1, **options)(SHAPE, "float64")
    n = values.size
    assert values.shape == SHAPE
    assert values.mean() == pytest.approx(mean, abs=5 * stddev / math.sqrt(n))
    assert values.std() == pytest.approx(stddev, rel=0.01)
    largest = np.abs(values - mean).max()
    if bound is None:
        assert largest > 4 * stddev  # the tails are there
    else:
        assert 0.99 * bound < largest <= bound


def test_the_shape_of_the_distributions():
    """Quantiles, which tell a uniform from a normal distribution of the same moments."""
    uniform = initializers.GlorotUniform(seed=2)(SHAPE)
    normal = initializers.RandomNormal(seed=2)(SHAPE)
    truncated = initializers.TruncatedNormal(seed=2)(SHAPE)
    quarter = {"uniform": -0.5 * math.sqrt(3 * GLOROT), "normal": -0.67449 * 0.05, "truncated": -0.64 * 0.05}
    assert np.quantile(uniform, 0.25) == pytest.approx(quarter["uniform"], rel=0.02)
    assert np.quantile(normal, 0.25) == pytest.approx(quarter["normal"], rel=0.02)
    assert np.quantile(truncated, 0.25) == pytest.approx(quarter["truncated"], rel=0.02)


@pytest.mark.parametrize(
    ("shape", "fans"), [((6, 4), (6, 4)), ((5,), (5, 5)), ((3, 3, 2, 8), (18, 72)), ((1, 1), (1, 1))]
)
def test_fans(shape, fans):
    """What the bound of the uniform distributions is made of: for a filter, rows times columns times channels."""
    glorot = [initializers.GlorotUniform(seed)(shape) for seed in range(200)]
    he = [initializers.HeUniform(seed)(shape) for seed in range(200)]
    for values, limit in ((glorot, math.sqrt(6 / sum(fans))), (he, math.sqrt(6 / fans[0]))):
        assert 0.95 * limit < np.abs(values).max() <= limit * (1 + 1e-6)


def test_constants():
    np.testing.assert_array_equal(initializers.Zeros()((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.Ones()((2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(initializers.Constant(0.25)((2,)), [0.25, 0.25])
    np.testing.assert_array_equal(initializers.Constant(np.array([1, 2]))((2,)), [1, 2])
    with pytest.raises(ValueError, match=r"the initial value must have shape \(3,\), received \(2,\)"):
        initializers.Constant(np.array([1, 2]))((3,))
    with pytest.raises(ValueError, match="value must be finite, received nan at index"):
        initializers.Constant(np.array([1, np.nan]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_types(dtype):
    for kind in (initializers.GlorotNormal, initializers.RandomUniform, initializers.Ones):
        assert kind()((2, 3), dtype).dtype == dtype
    assert initializers.HeNormal()((2, 3)).dtype == np.float32
    with pytest.raises(ValueError, match="dtype must be"):
        initializers.HeNormal()((2, 3), "int32")


def test_seeds():
    seeded = initializers.GlorotUniform(seed=3)
    np.testing.assert_array_equal(seeded((4, 5)), seeded((4, 5)))
    np.testing.assert_array_equal(seeded((4, 5)), initializers.GlorotUniform(seed=3)((4, 5)))
    assert (seeded((4, 5)) != initializers.GlorotUniform(seed=4)((4, 5))).all()
    free = initializers.GlorotUniform()
    assert (free((4, 5)) != free((4, 5))).all()
    set_random_seed(5)
    first = [free((4, 5)), free((4, 5))]
    set_random_seed(5)
    np.testing.assert_array_equal(first, [free((4, 5)), free((4, 5))])
    with pytest.raises(TypeError, match="seed must be an integer of at least 0, received 1.5"):
        initializers.HeNormal(seed=1.5)


def test_names():
    expected = {
        "glorot_uniform": initializers.GlorotUniform, "glorot_normal": initializers.GlorotNormal,
        "he_uniform": initializers.HeUniform, "he_normal": initializers.HeNormal,
        "lecun_uniform": initializers.LecunUniform, "lecun_normal": initializers.LecunNormal,
        "random_normal": initializers.RandomNormal, "normal": initializers.RandomNormal,
        "truncated_normal": initializers.TruncatedNormal,
        "random_uniform": initializers.RandomUniform, "uniform": initializers.RandomUniform,
        "zeros": initializers.Zeros, "ones": initializers.Ones, "constant": initializers.Constant,
    }  # fmt: skip
    for name, kind in expected.items():
        assert type(initializers.get(name)) is kind
    own = initializers.Ones()
    assert initializers.get(own) is own
    np.testing.assert_array_equal(initializers.get(np.arange(3))((3,)), [0, 1, 2])
    assert repr(initializers.RandomNormal(1.0, 0.5, seed=2)) == "RandomNormal(seed=2, mean=1.0, stddev=0.5)"


@pytest.mark.parametrize("wrong", [{"stddev": -1}, {"stddev": math.nan}, {"mean": math.inf}])
def test_numbers_that_make_no_distribution(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be a finite number"):
        initializers.RandomNormal(**wrong)
    with pytest.raises(ValueError, match="maxval must be a finite number >= 1, received 0"):
        initializers.RandomUniform(1, 0)


def test_in_a_layer():
    kernel = np.arange(6).reshape(3, 2)
    layer = layers.Dense(2, kernel_initializer=kernel, bias_initializer="ones")
    np.testing.assert_array_equal(layer(np.eye(3)), kernel + 1)
    wide = layers.Dense(300)
    wide.build((None, 400))
    assert wide.get_weights()[0].std() == pytest.approx(math.sqrt(GLOROT), rel=0.01)  # Glorot's unless told otherwise
    assert (wide.get_weights()[1] == 0).all()


def test_one_of_your_own():
    class Diagonal(initializers.Initializer):
        def draw(self, rng, shape):
            return np.eye(*shape)

    layer = layers.Dense(3, kernel_initializer=Diagonal())
    np.testing.assert_array_equal(layer(np.eye(3)), np.eye(3))


def _own(values):
    """The same as a class with `draw`, as one that overrides `__call__`, and as functions."""

    class Drawn(initializers.Initializer):
        def draw(self, rng, shape):
            return values(shape)

    class Called(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return values(shape)

    return [Drawn(), Called(), values, lambda shape, dtype: values(shape), lambda shape, **options: values(shape)]


class Own(layers.Layer):
    """One weight."""

    def __init__(self, kernel_initializer, **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = kernel_initializer

    def build(self, input_shape):
        self.add_weight((input_shape[-1], 3), self.kernel_initializer, "kernel")

    def forward(self, x, training=False):
        return x


KINDS = [
    lambda given, **kwargs: layers.Dense(3, kernel_initializer=given, name="d", **kwargs),
    lambda given, **kwargs: layers.Dense(4, bias_initializer=given, name="d", **kwargs),
    lambda given, **kwargs: layers.Conv1D(3, 2, kernel_initializer=given, name="d", **kwargs),
    lambda given, **kwargs: layers.BatchNormalization(gamma_initializer=given, name="d", **kwargs),
    lambda given, **kwargs: Own(given, name="d", **kwargs),
]
WRONG = [
    (lambda shape: np.zeros((9, *shape)), ValueError, r"of layer d, from .*, must have shape \(.*4.*\), rec"),
    (lambda shape: np.zeros(shape).T[..., None], ValueError, "must have shape .*, received"),
    (lambda shape: 0.5, ValueError, r"must have shape .*, received \(\)"),
    (lambda shape: np.full(shape, np.nan), ValueError, "must be finite, received nan at index"),
    (lambda shape: np.full(shape, 1e60), ValueError, "must be finite, received inf at index"),
    (lambda shape: np.full(shape, 1 + 1j), TypeError, "must be an array of numbers, received an array of type complex"),
    (lambda shape: "zeros", TypeError, "must be an array of numbers, received an array of type <U5"),
    (lambda shape: None, TypeError, "must be an array of numbers, received None"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "error", "message"), WRONG)
@pytest.mark.parametrize("kind", KINDS)
def test_wrong_values_of_ones_own_are_refused(kind, values, error, message):
    """Kernels read what has been promised: another shape or type would be memory that is not theirs."""
    shape = (5, 4) if kind(initializers.Zeros()).__class__ is layers.Conv1D else (4,)
    for given in _own(values):
        layer = kind(given)
        with pytest.raises(error, match=message):
            layer.build_once((None, *shape))
        assert not layer.built
        assert layer.parameters == []
        with pytest.raises(error, match=message):
            fastnn.Sequential([fastnn.Input(shape), kind(given)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_right_values_of_ones_own_are_converted(dtype):
    for make in (np.ones, lambda shape: np.ones(shape, np.float32), lambda shape: np.ones(shape, int).tolist()):
        for given in _own(make):
            for kind in (KINDS[0], KINDS[-1]):
                layer = kind(given, dtype=dtype)
                layer.build_once((None, 4))
                assert layer.weights[0].dtype == dtype
                np.testing.assert_array_equal(layer.weights[0], np.ones((4, 3)))
            np.testing.assert_array_equal(layers.Dense(3, kernel_initializer=given)(np.eye(4)), np.ones((4, 3)))


def test_functions_and_classes_stand_for_initializers():
    asked = []

    def alternating(shape, dtype=None):
        asked.append((shape, dtype))
        return (-1.0) ** np.indices(shape).sum(axis=0)

    layer = layers.Dense(3, kernel_initializer=alternating, bias_initializer=initializers.Ones)
    np.testing.assert_array_equal(layer(np.zeros((1, 2))), [[1, 1, 1]])
    np.testing.assert_array_equal(layer.weights[0], [[1, -1, 1], [-1, 1, -1]])
    assert asked == [((2, 3), "float32")]
    assert repr(layer.kernel_initializer) == "the function alternating"
    with pytest.raises(ValueError, match="unknown initializer 3"):
        initializers.get(3)


@pytest.mark.parametrize("shape", [3, (None, 3), (2.5,), (-1, 3), "ab"])
def test_shapes_that_no_weight_has(shape):
    with pytest.raises((TypeError, ValueError), match="the shape of the weight w of layer own must be"):
        layers.Layer(name="own").add_weight(shape, "zeros", "w")
