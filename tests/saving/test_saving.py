"""Models in files: what stands in them, and that a loaded model is the one that was saved."""

import json

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import initializers, layers, optimizers
from fastnn.saving import load_model, save_model

from ..fit.test_any_network import LAYERS
from ..small_models import FEATURES, assert_same_weights, classifier, dense, labels, regressor, samples, uncompiled

X, Y = samples(), labels()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def contents(path):
    """Arrays and metadata, by safetensors' own reader."""
    with safetensors.safe_open(path, framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def fit(model, first=0, last=2, y=Y):
    model.fit(X, y, batch_size=8, initial_epoch=first, epochs=last, shuffle=False, verbose=0)


# ---------------------------------------------------------------------------------------------------------------------
# The file.


def test_what_stands_in_a_file(path, dtype):
    model = fastnn.Sequential(
        [
            fastnn.Input((FEATURES,)),
            layers.Dense(7, "relu", name="hidden", dtype=dtype),
            layers.Dense(3, "softmax", use_bias=False, name="output", dtype=dtype),
        ],
        name="letters",
    )
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"])
    fit(model)
    model.save(path)
    tensors, metadata = contents(path)
    shapes = {"hidden/kernel": (5, 7), "hidden/bias": (7,), "output/kernel": (7, 3)}
    slots = {f"optimizer/{s}/{name}": shape for s in (0, 1) for name, shape in shapes.items()}
    assert {name: array.shape for name, array in tensors.items()} == shapes | slots
    assert {array.dtype for array in tensors.values()} == {dtype}
    for name, weight in zip(shapes, model.get_weights(), strict=True):
        np.testing.assert_array_equal(tensors[name], weight)
    assert metadata["fastnn_format"] == "1"
    assert metadata["fastnn_version"] == fastnn.__version__
    assert json.loads(metadata["weights"]) == list(shapes)
    assert json.loads(metadata["state"]) == {"frozen": [], "steps": {}}
    described = json.loads(metadata["config"])
    assert described == {"module": "fastnn", "class_name": "Sequential", "config": model.get_config()}
    assert described["config"]["name"] == "letters"
    assert described["config"]["layers"][1] == {
        "module": "fastnn.layers",
        "class_name": "Dense",
        "config": {
            "name": "hidden",
            "trainable": True,
            "dtype": dtype.name,
            "units": 7,
            "activation": "relu",
            "use_bias": True,
            "kernel_initializer": {
                "module": "fastnn.initializers",
                "class_name": "GlorotUniform",
                "config": {"seed": None},
            },
            "bias_initializer": {"module": "fastnn.initializers", "class_name": "Zeros", "config": {}},
            "kernel_regularizer": None,
            "bias_regularizer": None,
            "kernel_constraint": None,
            "bias_constraint": None,
        },
    }
    compiled = json.loads(metadata["compile"])
    assert compiled["optimizer"]["config"]["learning_rate"] == 0.01
    assert compiled["iterations"] == 10
    assert compiled["loss"]["class_name"] == "SparseCategoricalCrossentropy"
    assert compiled["metrics"] == ["accuracy"]
    assert set(metadata) == {"fastnn_format", "fastnn_version", "weights", "config", "state", "compile"}


def test_weights_alone(path):
    classifier("adam").save_weights(path)
    tensors, metadata = contents(path)
    assert len(tensors) == 4
    assert set(metadata) == {"fastnn_format", "fastnn_version", "weights"}
    with pytest.raises(ValueError, match=r"it holds only weights; create the model and call its load_weights"):
        load_model(path)


# ---------------------------------------------------------------------------------------------------------------------
# The same model.


def assert_same_model(model, other, x):
    assert_same_weights(model, other)
    assert other.get_config() == model.get_config()
    assert [layer.trainable for layer in other.layers] == [layer.trainable for layer in model.layers]
    assert other.predict(x).tobytes() == model.predict(x).tobytes()
    assert other.dtype == model.dtype


def test_every_layer_predicts_the_same_bits(path, dtype):
    def dense(units, activation=None, **options):
        return layers.Dense(units, activation, dtype=dtype, **options)

    model = fastnn.Sequential(
        [
            layers.Flatten(dtype=dtype),
            layers.Rescaling(1 / 255, -0.5, dtype=dtype),
            dense(9, layers.ReLU(0.25), bias_initializer="random_normal"),
            layers.Dropout(0.5, dtype=dtype),
            dense(8, layers.LeakyReLU(0.125), use_bias=False, trainable=False),
            layers.GaussianNoise(0.5, dtype=dtype, trainable=False),
            layers.ReLU(0.5, dtype=dtype),
            dense(7, "leaky_relu", kernel_initializer=initializers.RandomUniform(-1, 1)),
            layers.Sigmoid(dtype=dtype),
            layers.Tanh(dtype=dtype),
            dense(6, bias_initializer=np.linspace(-1, 1, 6)),
            layers.Softmax(dtype=dtype),
            layers.Activation("tanh", dtype=dtype, name="an ü"),
        ]
    )
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    model.predict(images)  # builds it
    model.layers[2].parameters[1].trainable = False
    save_model(model, path)
    other = load_model(path)
    assert_same_model(model, other, images)
    assert other.loss is None
    assert [p.trainable for p in other.parameters] == [p.trainable for p in model.parameters]


@settings(max_examples=40)
@given(st.lists(LAYERS, max_size=5), st.integers(1, 40), st.booleans())
def test_any_network(tmp_path_factory, makers, features, built):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    model = fastnn.Sequential([fastnn.Input((features,)), *(make() for make in makers), dense(2)])
    if not built:
        model = fastnn.Sequential.from_config(model.get_config() | {"layers": model.get_config()["layers"][1:]})
        assert not model.built
    model.save(path)
    other = load_model(path)
    assert other.built == built
    assert_same_weights(model, other)
    assert other.get_config() == model.get_config() == json.loads(json.dumps(model.get_config(), allow_nan=False))
    if built:
        assert_same_model(model, other, samples(7, features))


def test_models_that_are_not_built_or_have_no_layers(path):
    model = classifier("adam", known_shape=False)
    model.save(path)
    other = load_model(path)
    assert not other.built
    fit(other)
    fit(model)
    assert_same_weights(model, other)  # the initializers have seeds
    fastnn.Sequential(name="nothing").save(path)
    assert (load_model(path).layers, load_model(path).name) == ([], "nothing")
    half = fastnn.Sequential([layers.ReLU(), uncompiled().layers[0]])
    with pytest.raises(ValueError, match=r"has weights but no input shape; call model.build\(input_shape\) first"):
        half.save(path)
    with pytest.raises(ValueError, match=r"has no weights yet; give it an Input, or call model.build"):
        model_without_weights().save_weights(path)
    with pytest.raises(ValueError, match="has no weights yet"):
        model_without_weights().load_weights(path)
    assert load_model(path).name == "nothing"


def model_without_weights():
    return uncompiled(known_shape=False)


def test_a_part_of_a_model(path):
    model = regressor("adam", outputs=3)
    fit(model, y=X[:, :3])
    encoder = fastnn.Sequential(model.layers[:1])
    encoder.save(path)
    other = load_model(path)
    assert_same_model(encoder, other, X)
    assert len(contents(path)[0]) == 2
    model.save(path)  # whose storage is shared with nobody else's now: the slots are found all the same
    assert_same_model(model, load_model(path), X)


def test_the_name_of_a_loaded_layer_is_taken(path):
    """Else a layer added to a model from another process would get its name, and be refused."""
    next_number = int(layers.Dense(1).name.removeprefix("dense").removeprefix("_") or 0) + 1
    taken = f"dense_{next_number + 700}"
    model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(2, name=taken), layers.Dense(2, name="dense_x")])
    model.save(path)
    load_model(path)
    assert layers.Dense(1).name == f"dense_{next_number + 701}"


def test_loading_draws_no_random_numbers(path):
    fastnn.Sequential([fastnn.Input((2,)), layers.Dense(3), layers.Dropout(0.5)]).save(path)
    fastnn.utils.set_random_seed(1)
    load_model(path)
    after = initializers.get("random_normal")((4,))
    fastnn.utils.set_random_seed(1)
    np.testing.assert_array_equal(after, initializers.get("random_normal")((4,)))


def test_a_copy_from_the_config_has_new_weights():
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), layers.Dense(4, "relu"), layers.Dense(2)])
    other = fastnn.Sequential.from_config(model.get_config())
    assert other.get_config() == model.get_config()
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
    assert (other.get_weights()[0] != model.get_weights()[0]).all()


def test_equal_models_have_equal_files(path):
    """So that caches which compare pickles of estimators find them again."""
    model = classifier()
    save_model(model, path)
    content = path.read_bytes()
    assert int.from_bytes(content[:8], "little") % 8 == 0
    for _ in range(5):  # safetensors writes the metadata in any order
        save_model(model, path)
        assert path.read_bytes() == content
    assert_same_weights(load_model(path), model)
