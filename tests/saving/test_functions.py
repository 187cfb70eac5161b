"""Models with functions of the user's in them, in files: by name, and found again in `custom_objects`."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers
from fastnn.configured import decode, encode
from fastnn.saving import load_model

from ..small_models import FEATURES, assert_same_weights, dense, samples

X, TARGETS = samples(), samples(37, 2, seed=5)


def squared_error(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2, axis=-1)


def largest_error(y_true, y_pred):
    return np.abs(y_true - y_pred).max(axis=-1)


def ascending(shape, dtype=None):
    return np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)


KNOWN = {f.__name__: f for f in (squared_error, largest_error, ascending)}


def trained():
    model = fastnn.Sequential(
        [fastnn.Input((FEATURES,)), layers.Dense(4, "tanh", kernel_initializer=ascending), dense(2, None, 1)]
    )
    model.compile(optimizers.Adam(0.01), squared_error, [largest_error, "mse"])
    model.fit(X, TARGETS, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


def test_training_goes_on(tmp_path):
    model = trained()
    model.save(tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors", KNOWN)
    assert loaded.loss.function is squared_error
    assert loaded.layers[0].kernel_initializer.function is ascending
    assert loaded.evaluate(X, TARGETS, verbose=0, return_dict=True) == model.evaluate(
        X, TARGETS, verbose=0, return_dict=True
    )
    for each in (model, loaded):
        each.fit(X, TARGETS, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(model, loaded)


@pytest.mark.parametrize("missing", KNOWN)
def test_what_to_pass(tmp_path, missing):
    path = tmp_path / "m.safetensors"
    trained().save(path)
    with pytest.raises(
        ValueError, match=rf"unknown function '{missing}': pass .* custom_objects=\{{\"{missing}\": {missing}"
    ):
        load_model(path, {name: f for name, f in KNOWN.items() if name != missing})
    with pytest.raises(ValueError, match=f"unknown function '{missing}'"):  # a class is not a function
        load_model(path, KNOWN | {missing: layers.Dense})
    assert load_model(path, {"ascending": ascending}, compile=False).loss is None


def test_a_function_without_a_name(tmp_path):
    """Nothing is written; what to do is said."""
    for compiled in (
        {"loss": lambda t, y: (t - y) ** 2},
        {"loss": "mse", "metrics": [lambda t, y: (t - y) ** 2]},
    ):
        model = trained()
        model.compile("sgd", **compiled)
        with pytest.raises(ValueError, match=r"must have a name, .*: define it with def, .* custom_objects"):
            model.save(tmp_path / "m.safetensors")
        assert list(tmp_path.iterdir()) == []
    model.save_weights(tmp_path / "w.safetensors")
    model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(2, kernel_initializer=lambda shape: np.eye(2))])
    with pytest.raises(ValueError, match="the function lambda must have a name"):
        model.save(tmp_path / "m.safetensors")


def test_a_file_cannot_name_a_function_that_was_not_passed():
    described = encode(squared_error, "loss")
    assert described == {"class_name": "__function__", "config": {"name": "squared_error"}}
    assert decode(described, KNOWN) is squared_error
    for name in ("print", "eval", "__import__", 3, None, ["print"]):
        with pytest.raises(ValueError, match="unknown function"):
            decode({"class_name": "__function__", "config": {"name": name}}, KNOWN)
