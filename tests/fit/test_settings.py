"""What is set on a layer, loss, regularizer, constraint or metric after training counts from the next call on, or is
refused; in compiled programs and one layer at a time."""

import copy
import inspect

import numpy as np
import pytest

import fastnn
from fastnn import constraints, layers, losses, metrics, optimizers, regularizers
from fastnn.configured import Configured, arguments
from fastnn.settings import Fixed, Setting

from ..limits import Own, small
from ..small_models import CLASSES, FEATURES, classifier, dense, labels, samples

X, Y = samples(), labels()
PATHS = pytest.mark.parametrize("eager", [False, True], ids=["compiled", "layer by layer"])
IMAGE = (4, 4, 2)


def with_layer(layer, eager, loss="sparse_categorical_crossentropy", metric="accuracy"):
    """The layer between two dense ones, on rows or on images."""
    image = [layers.Dense(32, kernel_initializer=fastnn.initializers.GlorotUniform(9)), layers.Reshape(IMAGE)]
    before = image if isinstance(layer, layers.SpatialDropout2D) else [dense(7, "tanh", 1)]
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), *([Own()] if eager else []), *before, layer])
    model.add(layers.Flatten())
    model.add(dense(CLASSES, "softmax", 2))
    model.compile(optimizers.SGD(0.1), loss, [metric])
    return model


# A layer, and another value of one of its settings.
LAYERS = [
    (lambda: layers.Dropout(0.5, seed=1), "rate", 0.1),
    (lambda: layers.Dropout(0.0, seed=1), "rate", 0.5),
    (lambda: layers.Dropout(0.5, seed=1), "rate", 0.0),
    (lambda: layers.Dropout(0.5, seed=1), "seed", 7),
    (lambda: layers.GaussianNoise(0.5, seed=1), "stddev", 2.0),
    (lambda: layers.SpatialDropout2D(0.5, seed=1), "rate", 0.2),
    (lambda: layers.Rescaling(0.5), "scale", 2.0),
    (lambda: layers.Rescaling(0.5), "offset", 1.0),
    (lambda: layers.BatchNormalization(), "momentum", 0.5),
    (lambda: layers.BatchNormalization(), "epsilon", 0.5),
    (lambda: layers.LayerNormalization(), "epsilon", 0.5),
    (lambda: layers.LeakyReLU(0.3), "negative_slope", 0.9),
    (lambda: layers.ReLU(), "negative_slope", 0.9),
    (lambda: layers.LeakyReLU(0.3), "negative_slope", 0.0),
    (lambda: layers.ELU(), "alpha", 3.0),
    (lambda: layers.Activation("tanh"), "activation", "relu"),
    (lambda: dense(7, "tanh", 4), "activation", "gelu"),
    (lambda: dense(7, "tanh", 4), "activation", layers.LeakyReLU(0.5)),
]


def used(model):
    """All programs are made."""
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.predict(X)
    model.forward(X)


def results(model):
    history = model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    by_hand = model.forward(X, training=True)
    return history, model.evaluate(X, Y, verbose=0), [*model.get_weights(), model.predict(X), model.forward(X), by_hand]


def assert_same(model, other):
    for got, expected in zip(results(model), results(other), strict=True):
        if isinstance(got, list) and isinstance(got[0], np.ndarray):
            for array, wanted in zip(got, expected, strict=True):
                np.testing.assert_array_equal(array, wanted)
        else:
            assert got == expected


@PATHS
@pytest.mark.parametrize(("make", "name", "value"), LAYERS, ids=lambda x: str(x) if not callable(x) else "")
def test_layers(make, name, value, eager):
    """As in a model that was made with the value, and has the same weights."""
    model, new = with_layer(make(), eager), make()
    used(model)
    layer = model.layers[-3]
    before = results(copy.deepcopy(model))[2][-2]
    setattr(layer, name, value)
    setattr(new, name, value)
    other = with_layer(new, eager)
    other.set_weights(model.get_weights())
    for one, another in zip(model.layers, other.layers, strict=True):
        if isinstance(one, layers.Dropout | layers.GaussianNoise | layers.SpatialDropout2D):
            another.step = one.step
    assert_same(model, other)
    assert (model.forward(X) != before).any()


@PATHS
@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (lambda: {"kernel_regularizer": regularizers.L2(0.01)}, "l2", 0.5),
        (lambda: {"kernel_regularizer": regularizers.L1(0.01)}, "l1", 0.0),
        (lambda: {"kernel_regularizer": regularizers.L1L2(0.01, 0.01)}, "l1", 0.5),
        (lambda: {"kernel_constraint": constraints.MaxNorm(2.0)}, "max_value", 0.1),
        (lambda: {"kernel_constraint": constraints.MinMaxNorm(0.1, 2.0)}, "rate", 0.5),
    ],
    ids=["l2", "l1 away", "l1 of both", "max_value", "rate"],
)
def test_regularizers_and_constraints(make, name, value, eager):
    options, others = make(), make()
    model = small(optimizers.SGD(0.1), options, eager=eager)
    used(model)
    for each in (options, others):
        setattr(next(iter(each.values())), name, value)
    other = small(optimizers.SGD(0.1), others, eager=eager)
    other.set_weights(model.get_weights())
    assert_same(model, other)


@PATHS
@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (lambda: losses.Huber(1.0), "delta", 0.05),
        (lambda: losses.CategoricalFocalCrossentropy(0.25), "alpha", 2.0),
        (lambda: losses.CategoricalFocalCrossentropy(0.25), "gamma", 0.5),
        (lambda: losses.CategoricalCrossentropy(), "label_smoothing", 0.3),
        (lambda: losses.CategoricalCrossentropy(label_smoothing=0.3), "label_smoothing", 0.0),
    ],
    ids=["delta", "alpha", "gamma", "smoothing", "no smoothing"],
)
def test_losses(make, name, value, eager):
    y = fastnn.utils.to_categorical(Y, CLASSES)
    model, changed = with_layer(layers.ReLU(), eager, make(), "mse"), make()
    model.fit(X, y, verbose=0)
    model.evaluate(X, y, verbose=0)
    setattr(model.loss, name, value)
    setattr(changed, name, value)
    other = with_layer(layers.ReLU(), eager, changed, "mse")
    other.set_weights(model.get_weights())
    for _ in range(2):
        assert model.evaluate(X, y, verbose=0) == other.evaluate(X, y, verbose=0)
        assert model.fit(X, y, shuffle=False, verbose=0).history == other.fit(X, y, shuffle=False, verbose=0).history


@PATHS
def test_metrics(eager):
    y = (Y > 0).astype(float)
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), *([Own()] if eager else []), dense(1, "sigmoid", 1)])
    model.compile("sgd", "binary_crossentropy", [metrics.BinaryAccuracy(), metrics.Recall()])
    before = model.evaluate(X, y, verbose=0)[1:]
    for metric, name in zip(model.metrics, ("threshold", "thresholds"), strict=True):
        setattr(metric, name, 0.9)
    predicted = model.predict(X)[:, 0]
    after = model.evaluate(X, y, verbose=0)[1:]
    assert after == pytest.approx([((predicted > 0.9) == y).mean(), (predicted[y == 1] > 0.9).mean()])
    assert before != after


@PATHS
def test_a_callback_anneals_the_dropout(eager):
    """From the next step on, as in two trainings."""
    model, other = with_layer(layers.Dropout(0.5, seed=1), eager), with_layer(layers.Dropout(0.5, seed=1), eager)
    halve = fastnn.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(model.layers[-3], "rate", 0.5 / 2**epoch)
    )
    model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, callbacks=halve, verbose=0)
    for epoch in range(3):
        other.layers[-3].rate = 0.5 / 2**epoch
        other.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda m: setattr(m.layers[0], "units", 5000), AttributeError, "units cannot be changed to 5000 any more"),
        (lambda m: setattr(m.layers[0], "units", 5000), AttributeError, "this Dense was made for 7; create a new one"),
        (lambda m: setattr(m.layers[0], "use_bias", False), AttributeError, "use_bias cannot be changed"),
        (lambda m: setattr(m.layers[0], "kernel_regularizer", 1), AttributeError, "kernel_regularizer cannot be"),
        (lambda m: setattr(m.layers[0], "dtype", np.float64), AttributeError, "dtype cannot be changed"),
        (lambda m: setattr(m.layers[0], "output_shape", (None, 9)), AttributeError, "output_shape"),
        (lambda m: setattr(m.layers[0], "activation", "rleu"), ValueError, "did you mean 'relu'?"),
        (lambda m: setattr(m, "loss", "mse"), AttributeError, "loss cannot be set, because optimizer and metrics"),
        (lambda m: setattr(m, "metrics", []), AttributeError, "metrics cannot be set; call compile again"),
        (lambda m: setattr(m.optimizer, "clipnorm", -1), ValueError, "clipnorm must be a finite number > 0"),
        (lambda m: setattr(m.optimizer, "momentum", "0.9"), TypeError, "momentum must be a number, received '0.9'"),
        (lambda m: setattr(layers.Dropout(0.5), "rate", 1), ValueError, "rate must be a finite number in [0, 1)"),
        (lambda m: setattr(regularizers.L2(), "l2", -1), ValueError, "l2 must be a finite number >= 0, received -1"),
        (lambda m: setattr(constraints.MaxNorm(), "axis", 1), AttributeError, "axis cannot be changed"),
        (lambda m: setattr(metrics.AUC(), "num_thresholds", 9), AttributeError, "num_thresholds cannot be changed"),
        (lambda m: setattr(layers.BatchNormalization(name="b"), "momentum", 2), ValueError,
         "layer b (BatchNormalization): momentum must be a finite number in [0, 1], received 2"),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(change, error, message):
    model, other = classifier(), classifier()
    for each in (model, other):
        each.fit(X, Y, shuffle=False, verbose=0)
    with pytest.raises(error) as caught:
        change(model)
    assert message in str(caught.value)
    assert model.get_config()["layers"][1]["config"]["units"] == 7
    for each in (model, other):
        each.fit(X, Y, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


def test_what_a_class_says_of_its_memory_cannot_be_set():
    """It was read from the instance: the metric's values were taken for sums, and memory overwritten."""
    model, y = classifier(metrics=["accuracy", metrics.F1Score()]), Y
    expected = model.evaluate(X, y, verbose=0)[:2]
    model.metrics[0].per_sample, model.metrics[1].per_sample, model.loss.sparse = False, True, False
    model.layers[0].activation = "relu"  # as it was, but set: the program is made anew
    assert model.evaluate(X, y, verbose=0)[:2] == expected


def test_the_list_of_metrics_is_a_copy():
    model = classifier()
    model.metrics.append(metrics.AUC())
    assert [metric.name for metric in model.metrics] == ["accuracy"]
    assert len(model.evaluate(X, Y, verbose=0)) == 2


@pytest.mark.parametrize(
    ("make", "change", "message"),
    [
        (
            lambda: optimizers.SGD(clipnorm=1.0),
            lambda o: setattr(o, "clipvalue", 1.0),
            "only one of clipnorm, clipvalue",
        ),
        (lambda: optimizers.AdamW(), lambda o: setattr(o, "weight_decay", None), "weight_decay must be a number"),
    ],
    ids=["clips", "no decay"],
)
def test_what_a_constructor_refuses_cannot_be_set(make, change, message, tmp_path):
    """Files would hold it, and could not be loaded."""
    model = classifier(make())
    with pytest.raises((ValueError, TypeError), match=message):
        change(model.optimizer)
    model.optimizer.clipnorm = None
    model.optimizer.clipvalue = 1.0
    model.save(tmp_path / "model.safetensors")
    assert fastnn.saving.load_model(tmp_path / "model.safetensors").optimizer.clipvalue == 1.0


def test_a_loss_that_does_not_fit_any_more_is_not_saved(tmp_path):
    model = classifier()
    model.loss.from_logits = True
    with pytest.raises(ValueError, match="expects logits"):
        model.save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_subclasses_may_set_them_themselves():
    class Twice(layers.Dense):
        def __init__(self, units, **kwargs):
            self.units = units
            super().__init__(units, dtype="float64", **kwargs)
            self.units, self.dtype = 2 * units, np.dtype("float32")
            self.kernel_regularizer = regularizers.L2(0.1)

    model = fastnn.Sequential([fastnn.Input((FEATURES,)), Twice(3, activation="relu"), dense(CLASSES, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    assert [w.shape for w in model.get_weights()[:2]] == [(FEATURES, 6), (6,)]
    model.layers[0].units = 6  # what it is
    with pytest.raises(AttributeError, match="units cannot be changed to 7 any more: this Twice was made for 6"):
        model.layers[0].units = 7


def test_the_type_of_a_layer_that_is_not_built_yet():
    model = fastnn.Sequential([dense(3), dense(3, seed=1)])
    model.layers[1].dtype = np.dtype("float64")
    with pytest.raises(ValueError, match="computes in float64, the layers before it in float32"):
        model.predict(X)


def test_what_is_set_while_a_program_is_made_counts_the_next_time(monkeypatch):
    """It was taken for what the program was made for."""
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(3), layers.Rescaling(2.0)])
    lower = layers.Rescaling.lower

    def lower_and_set(self, lowering):
        lower(self, lowering)
        self.scale = 5.0

    monkeypatch.setattr(layers.Rescaling, "lower", lower_and_set)
    first = model.predict(X)
    monkeypatch.setattr(layers.Rescaling, "lower", lower)
    np.testing.assert_allclose(model.predict(X), 2.5 * first, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X), model.forward(X))


def test_a_weight_of_another_layer_is_refused():
    """Its memory may be smaller than the instructions expect."""
    model = classifier()
    model.layers[1].kernel = layers.Dense(2)
    other = layers.Dense(2)
    other.build((None, 3))
    model.layers[1].kernel = other.kernel
    with pytest.raises(ValueError, match=r"<Parameter kernel \(3, 2\) float32>, which is not among its parameters"):
        model.predict(X)


CLASSES_WITH_ARGUMENTS = [
    kind
    for module in (layers, losses, metrics, regularizers, constraints, optimizers)
    for kind in vars(module).values()
    if inspect.isclass(kind) and issubclass(kind, Configured)
]
# Read whenever they are needed, or by Python only.
FREE = {"name", "trainable", "learning_rate", "class_aggregation", "curve", "summation_method"}


@pytest.mark.parametrize("kind", CLASSES_WITH_ARGUMENTS, ids=lambda kind: kind.__name__)
def test_every_argument_is_a_setting_or_fixed(kind):
    """An attribute that could be set but is not read would lie in `get_config` and in files."""
    for name in set(arguments(kind)) - FREE:
        attribute = inspect.getattr_static(kind, name, None)
        assert isinstance(attribute, Setting | Fixed), f"{kind.__name__}.{name}"
