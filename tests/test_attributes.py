"""Attributes of models, layers and other objects: Keras's, which say what to use, and misspelt ones."""

import pickle
import re

import pytest

import fastnn
from fastnn import habits, layers, losses, metrics, optimizers

from .cases import LAYERS
from .small_models import FEATURES, regressor, samples

X, Y = samples(), samples(features=1, seed=3)[:, 0]

ATTRIBUTES = [
    ("inputs", "for the shape use input_shape"),
    ("output", "fastnn.Sequential(model.layers[:n]).predict(x)"),
    ("trainable_variables", "use trainable_weights"),
    ("variables", "use weights"),
]


def test_attributes_of_keras():
    model = regressor()
    for owner in (model, model.layers[0]):
        for name, remedy in ATTRIBUTES:
            with pytest.raises(
                AttributeError, match=re.escape(f"has no attribute {name!r}: ") + ".*" + re.escape(remedy)
            ):
                getattr(owner, name)
            assert not hasattr(type(owner), name)
    with pytest.raises(AttributeError, match=r"use predict\(x\).argmax\(axis=1\)"):
        model.predict_classes(X)
    with pytest.raises(AttributeError, match="'SGD' object has no attribute 'lr': use learning_rate"):
        model.optimizer.lr  # noqa: B018
    with pytest.raises(AttributeError, match="'SGD' object has no attribute 'lr': use learning_rate"):
        model.optimizer.lr = 0.1  # it would not be read


def test_attributes_of_keras_are_not_listed(capsys):
    """By `dir`, as in completion by the tab key; `help` says that they are not there."""
    model = regressor()
    for owner, remedies in (
        (model, habits.MODEL_AND_LAYER | habits.MODEL),
        (model.optimizer, habits.OPTIMIZER),
        (model.layers[0], habits.MODEL_AND_LAYER),
    ):
        assert set(dir(owner)) & set(remedies) == set()
        assert {"get_config", "__init__"} <= set(dir(owner))
        assert all(hasattr(owner, name) for name in dir(owner) if name not in ("sample_output_shape", "step_kernel"))
    help(fastnn.Sequential)
    told = capsys.readouterr().out
    assert "get_layer" in told
    assert " |  evaluate_generator\n |      Not in fastnn: use evaluate\n" in told


def test_misspelt_attributes_cannot_be_set():
    """Nothing would read them."""
    model = regressor()
    for name, meant in (("trainble", "trainable"), ("Trainable", "trainable"), ("optimiser", "optimizer")):
        with pytest.raises(
            AttributeError, match=f"'Sequential' object has no attribute '{name}'; did you mean '{meant}'"
        ):
            setattr(model, name, False)
        assert not hasattr(model, name)
    model.description, model.layer_count = "other names are free", 2

    class Own(fastnn.Sequential):
        def __init__(self):
            self.trainables = self.names = []
            super().__init__()

    own = Own()
    own.losses = [1]
    assert (own.losses, own.names) == ([1], [])


@pytest.mark.parametrize(
    ("make", "name", "meant"),
    [
        (optimizers.SGD, "learningrate", "learning_rate"),
        (optimizers.SGD, "momentm", "momentum"),
        (optimizers.Adam, "clip_norm", "clipnorm"),
        (optimizers.Adam, "iteration", "iterations"),
        (losses.Huber, "delt", "delta"),
        (losses.CategoricalCrossentropy, "label_smothing", "label_smoothing"),
        (metrics.AUC, "curv", "curve"),
        (metrics.BinaryAccuracy, "treshold", "threshold"),
        (fastnn.constraints.MaxNorm, "maxvalue", "max_value"),
        (lambda: fastnn.schedules.ExponentialDecay(0.1, 10, 0.5), "decay_rat", "decay_rate"),
    ],
)
def test_misspelt_attributes_of_other_objects_cannot_be_set(make, name, meant):
    thing = make()
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'; did you mean '{meant}'"):
        setattr(thing, name, 1)
    assert not hasattr(thing, name)
    thing.xyzzy = 1  # other names are free
    own = type("Own", (type(thing),), {}).from_config(thing.get_config())
    setattr(own, name, 1)  # a class of one's own may have any
    assert getattr(own, name) == 1


@pytest.mark.parametrize(
    ("layer", "name", "meant"),
    [
        (lambda: layers.Dense(FEATURES), "trainabel", "trainable"),
        (lambda: layers.Dense(FEATURES), "actvation", "activation"),
        (lambda: layers.Dropout(0.5), "rat", "rate"),
        (lambda: layers.BatchNormalization(), "momentun", "momentum"),
    ],
)
def test_misspelt_attributes_of_layers_stop_fit(layer, name, meant):
    """Not earlier, because checking whatever is set would make layers slow to build."""
    fine, misspelt = layer(), layer()
    misspelt.xyzzy = 1  # other names are free
    setattr(misspelt, name, 0)
    own = type("Own", (type(fine),), {}).from_config(fine.get_config() | {"name": "own"})
    setattr(own, name, 0)  # a class of one's own may have any
    for given in (fine, own):
        model = fastnn.Sequential([given, layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(X, Y, verbose=0)
    model = fastnn.Sequential([misspelt, layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(AttributeError, match=f"layer {misspelt.name}: .* '{name}'; did you mean '{meant}'"):
        model.fit(X, Y, verbose=0)
    delattr(misspelt, name)
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)
def test_layers_have_no_attribute_that_looks_misspelt(case):
    layer = case.make()
    layer.build_once((None, *case.shape(8)))
    layer.check_attributes()
    assert layer.built


def test_the_optimizer_is_set_by_name():
    model = regressor()
    model.optimizer = "adam"
    assert isinstance(model.optimizer, optimizers.Adam)
    model.fit(X, Y, verbose=0)
    assert model.optimizer.iterations > 0
    for wrong in ("adm", 3, None):
        with pytest.raises(ValueError, match=f"unknown optimizer {wrong!r}"):
            model.optimizer = wrong
    assert isinstance(model.optimizer, optimizers.Adam)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.optimizer.iterations == model.optimizer.iterations
    with pytest.raises(AttributeError, match="has no optimizer yet; call compile"):
        fastnn.Sequential().optimizer  # noqa: B018


def test_a_class_of_ones_own_may_have_attributes_of_these_names():
    class Wide(layers.Dense):
        def __init__(self, inputs, variables, **kwargs):
            super().__init__(inputs, **kwargs)
            self.inputs, self.variables = inputs, variables

    layer = Wide(3, "abc")
    assert (layer.inputs, layer.variables) == (3, "abc")
    assert fastnn.Sequential.from_config(fastnn.Sequential([layer]).get_config() | {"layers": []}).layers == []
