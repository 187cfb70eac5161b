"""Configs: every class of fastnn's and those of users, as plain data and back."""

import json
import math
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import initializers, layers, losses, metrics, optimizers
from fastnn.configured import decode, describe
from fastnn.saving import load_model

from ..cases import LAYERS, LOSSES, METRICS, OPTIMIZERS, SUMS
from ..layers import test_own_layers as own
from ..small_models import FEATURES, assert_same_weights, dense, regressor, samples

X, TARGETS = samples(), samples(37, 2, seed=5)

INITIALIZERS = (
    initializers.GlorotUniform(3),
    initializers.GlorotNormal(),
    initializers.HeUniform(3),
    initializers.HeNormal(3),
    initializers.LecunUniform(3),
    initializers.LecunNormal(3),
    initializers.RandomNormal(0.5, 0.25, 7),
    initializers.TruncatedNormal(0.5, 0.25, 7),
    initializers.RandomUniform(-1, 2, 7),
    initializers.Constant(0.25),
    initializers.Constant(np.arange(6, dtype=np.float32).reshape(2, 3)),
    initializers.Zeros(),
    initializers.Ones(),
)
OBJECTS = [case.make() for case in (*LAYERS, *LOSSES, *METRICS, *SUMS, *OPTIMIZERS)] + [
    *INITIALIZERS,
    layers.Dense(3, layers.LeakyReLU(0.5), False, "he_normal", initializers.Constant(2), name="d", trainable=False),
    layers.GaussianNoise(0.5),
    layers.Activation("leaky_relu", dtype="float64"),
    metrics.RootMeanSquaredError("rmse"),
    optimizers.SGD(0.5, 0.9, True),
    optimizers.AdamW(0.5, 0.1, amsgrad=True),
]


@pytest.mark.parametrize("made", OBJECTS, ids=lambda made: type(made).__name__)
def test_every_class_is_made_again_from_plain_data(made):
    described = json.loads(json.dumps(describe(made), allow_nan=False))
    assert described["module"].startswith("fastnn.")
    for other in (decode(described), type(made).from_config(made.get_config())):
        assert type(other) is type(made)
        assert describe(other) == described
        kept = {name: vars(made)[name] for name in described["config"] if name in vars(made)}
        for name, value in kept.items():
            if isinstance(value, (bool, int, float, str)):
                assert vars(other)[name] == value
    if isinstance(made, initializers.Initializer) and getattr(made, "seed", 0) is not None:
        np.testing.assert_array_equal(made((2, 3)), decode(described)((2, 3)))


def test_a_number_that_is_set_is_the_number_that_is_described():
    assert layers.Dropout(0.5).get_config()["seed"] is not None
    assert layers.LeakyReLU().get_config()["negative_slope"] == 0.3
    assert "activation" not in layers.Softmax().get_config()
    assert metrics.BinaryAccuracy(threshold=0.25).get_config() == {"name": "binary_accuracy", "threshold": 0.25}
    optimizer = optimizers.SGD()
    optimizer.learning_rate = 0.25
    config = optimizer.get_config()
    assert {name: config[name] for name in ("learning_rate", "momentum", "nesterov", "weight_decay")} == {
        "learning_rate": 0.25, "momentum": 0.0, "nesterov": False, "weight_decay": None
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Classes of the user's.


class Everything(layers.Layer):
    """Has all kinds of arguments, changes nothing."""

    def __init__(self, a, b=(1, (2, None)), c=None, initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        self.a, self.b, self.c, self.initializer = a, b, c, initializers.get(initializer)

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


class NoKeywords(own.Scale):
    """Takes neither name nor type."""

    def __init__(self, factor):
        super().__init__(dtype="float64")
        self.factor_at_start = factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor_at_start}

    def build(self, input_shape):
        for _ in range(2):
            self.factor = self.add_weight((input_shape[-1],), initializers.Constant(self.factor_at_start))


class Wide(layers.Dense):
    """A Dense with one more argument."""

    def __init__(self, units, extra=1, **kwargs):
        super().__init__(units, **kwargs)
        self.extra = extra


class Around(own.Scale):
    """A layer with a layer inside, whose weights are its own."""

    def build(self, input_shape):
        super().build(input_shape)
        self.inner = layers.Dense(input_shape[-1], kernel_initializer="ones")
        self.inner.build_once(input_shape)
        self.parameters += self.inner.parameters

    def forward(self, x, training=False):
        return self.inner.forward(super().forward(x))


class Half(initializers.Initializer):
    def draw(self, rng, shape):
        return np.full(shape, 0.5)


class Network(fastnn.Sequential):
    """A model of the user's."""


def save_and_load(model, path, *kinds, **options):
    model.save(path)
    return load_model(path, {kind.__name__: kind for kind in kinds}, **options)


def test_arguments_of_all_kinds(tmp_path):
    values = {
        "a": {"x": [1, 2.5, "three", None, True], "y": -math.inf, "z": {}},
        "b": (1, (2, [3]), ()),
        "c": np.array([[np.nan, 1], [np.inf, -0.0]], np.float32),
    }
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), Everything(**values, initializer=Half(3), name="all")])
    model.add(Everything(np.float32(0.1), np.int64(3), np.arange(3)))
    other = save_and_load(model, tmp_path / "m", Everything, Half)
    first, second = other.layers
    assert (first.a, first.b, first.name) == (values["a"], values["b"], "all")
    np.testing.assert_array_equal(first.c, values["c"])
    assert (first.c.dtype, second.c.dtype) == (np.float32, np.int64)
    assert type(first.initializer) is Half
    assert first.initializer.seed == 3
    assert (second.a, second.b) == (float(np.float32(0.1)), 3)


def test_own_classes_need_custom_objects(tmp_path):
    path = tmp_path / "m"
    model = own.own_network()
    model.compile(optimizers.Adam(0.02), own.AbsoluteError(), [own.LargestError(), "mse"])
    model.fit(X, TARGETS, batch_size=8, epochs=1, shuffle=False, verbose=0)
    other = save_and_load(model, path, own.Scale, own.Square, own.Pairs, own.AbsoluteError, own.LargestError)
    assert_same_weights(model, other)
    assert other.predict(X).tobytes() == model.predict(X).tobytes()
    assert other.evaluate(X, TARGETS, verbose=0) == model.evaluate(X, TARGETS, verbose=0)
    for each in (model, other):
        each.fit(X, TARGETS, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    with pytest.raises(ValueError, match=r"unknown class 'Scale': .* custom_objects=\{\"Scale\": Scale\}"):
        load_model(path)
    kinds = {"Scale": own.Scale, "Square": own.Square, "Pairs": own.Pairs}
    with pytest.raises(ValueError, match=r"unknown class 'AbsoluteError': .* custom_objects=\{"):
        load_model(path, kinds)
    assert load_model(path, kinds, compile=False).loss is None
    for wrong in ([own.Scale], {"Scale": own.Scale()}, {1: own.Scale}, {"f": int}):
        with pytest.raises(TypeError, match="custom_objects must be"):
            load_model(path, wrong)
    with pytest.raises(ValueError, match="unknown class 'Scale'"):  # a function is not a class
        load_model(path, {"Scale": lambda: 1})


def test_constructors_of_ones_own(tmp_path):
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), NoKeywords(0.5), NoKeywords(2.0)])
    for i, p in enumerate(model.parameters):
        p.value[...] = i
    other = save_and_load(model, tmp_path / "m", NoKeywords)
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
    assert [layer.factor_at_start for layer in other.layers] == [0.5, 2.0]
    assert_same_weights(model, other)
    wide = Wide(4, 7, activation="tanh", use_bias=False, dtype="float64", trainable=False)
    other = save_and_load(fastnn.Sequential([fastnn.Input((3,)), wide]), tmp_path / "m", Wide).layers[0]
    assert other.get_config() == wide.get_config()
    assert list(wide.get_config())[:5] == ["name", "trainable", "dtype", "units", "activation"]
    assert (other.extra, other.activation.activation, other.use_bias, other.trainable) == (7, "tanh", False, False)


def test_layers_inside_layers(tmp_path):
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), Around(name="around"), dense(2)])
    model.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in model.weights])
    other = save_and_load(model, tmp_path / "m", Around)
    assert_same_weights(model, other)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_a_class_that_is_called_as_one_of_fastnns(tmp_path):
    """Must not be taken for it."""
    kind = type("Dense", (layers.Dense,), {"forward": lambda self, x, training=False: 2 * x})
    model = fastnn.Sequential([fastnn.Input((3,)), kind(3)])
    other = save_and_load(model, tmp_path / "m", kind)
    assert type(other.layers[0]) is kind
    with pytest.raises(ValueError, match="unknown class 'Dense'"):
        load_model(tmp_path / "m")


def test_a_model_of_ones_own(tmp_path):
    other = save_and_load(Network([fastnn.Input((3,)), dense(2)], name="n"), tmp_path / "m", Network)
    assert type(other) is Network
    assert pickle.loads(pickle.dumps(other)).name == "n"
    with pytest.raises(ValueError, match="unknown class 'Network'"):
        load_model(tmp_path / "m")


class Forgetful(own.Square):
    def __init__(self, power, **kwargs):
        super().__init__(**kwargs)


class Positional(own.Square):
    def __init__(self, *powers):
        super().__init__()


class Tuned(optimizers.SGD):
    def __init__(self, schedule=None):
        super().__init__(0.1)
        self.schedule = schedule


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Forgetful(2), "Forgetful cannot be described: its constructor takes power, but it has no attribute"),
        (lambda: Positional(2, 3), r"Positional cannot be described: its constructor takes \*powers, but it has no"),
        (
            lambda: Everything(lambda x: x),
            "Everything.a must have a name, .* received <function .* define it with",
        ),
        (lambda: Everything({"f": object}), r"Everything.a\['f'\] must be None, a bool, a number, .* received <class"),
        (lambda: Everything({1: 2}), "Everything.a must be None, .* received {1: 2}"),
        (lambda: Everything(np.array(["a"])), "Everything.a must be None"),
        (lambda: Everything(1 + 2j), "Everything.a must be None"),
    ],
)
def test_what_no_file_can_hold(tmp_path, make, message):
    path = tmp_path / "m"
    path.write_text("earlier")
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), make(), dense(2)])
    with pytest.raises(ValueError, match=message):
        model.save(path)
    assert path.read_text() == "earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    model.save_weights(path)
    model.load_weights(path)


def test_an_optimizer_that_no_file_can_hold(tmp_path):
    model = regressor(Tuned(schedule=lambda step: 0.1 / step))
    with pytest.raises(ValueError, match=r"Tuned.schedule must have a name, .* received <function"):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
    model.compile(Tuned(schedule=[0.1, 0.2]), "mse")
    assert save_and_load(model, tmp_path / "m", Tuned).optimizer.schedule == [0.1, 0.2]


def test_names_that_are_the_same_in_a_file(tmp_path):
    a, b = own.Scale(name="a"), own.Scale(name="a/b")
    a.build((None, FEATURES))
    a.parameters[0].name = "b/factor"
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), a, b])
    with pytest.raises(ValueError, match="would be named 'a/b/factor' in a file: give a layer another name"):
        model.save(tmp_path / "m")


def test_losses_and_metrics_of_the_same_name_are_told_apart():
    assert type(decode(describe(losses.MeanSquaredError()))) is losses.MeanSquaredError
    assert type(decode(describe(metrics.MeanSquaredError()))) is metrics.MeanSquaredError
