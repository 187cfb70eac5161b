"""Files of weights alone, and files that cannot be written."""

import concurrent.futures
import errno
import os
import re
import stat

import numpy as np
import pytest
import safetensors.numpy

import fastnn
from fastnn import config, layers
from fastnn.saving import load_model, load_weights, save_model, save_weights

from ..small_models import FEATURES, assert_same_weights, classifier, uncompiled
from .test_saving import contents, fit, path

__all__ = ["path"]  # a fixture


def test_weights_are_found_by_name_or_by_order(path, tmp_path):
    model, other = (
        uncompiled(),
        fastnn.Sequential([fastnn.Input((FEATURES,)), layers.Dense(7, "relu"), layers.Dense(3)]),
    )
    assert model.layers[0].name != other.layers[0].name
    model.save_weights(path)
    other.load_weights(path)
    assert_same_weights(model, other)
    full = tmp_path / "full.safetensors"
    trained = classifier("adam")
    fit(trained)
    save_model(trained, full)  # with slots, which are not looked at
    load_weights(other, full)
    assert_same_weights(trained, other)
    names = [f"{layer.name}/{name}" for layer in other.layers for name in ("kernel", "bias")]
    by_hand = dict(zip(names, model.get_weights(), strict=True))
    safetensors.numpy.save_file(by_hand, tmp_path / "foreign")
    other.load_weights(tmp_path / "foreign")
    assert_same_weights(model, other)
    wide = uncompiled(dtype="float64")
    wide.load_weights(path)
    np.testing.assert_array_equal(wide.get_weights()[0], model.get_weights()[0])


def test_weights_that_do_not_fit_change_nothing(path, tmp_path):
    def named(first, second, units=7):
        return fastnn.Sequential(
            [fastnn.Input((FEATURES,)), layers.Dense(units, name=first), layers.Dense(3, name=second)]
        )

    named("a", "b").save_weights(path)
    for model, message in [
        (named("a", "c"), "must be those of the model: missing 'c/bias', 'c/kernel'; unexpected 'b/bias', 'b/kernel'"),
        (named("a", "b", 8), r"tensor 'a/kernel' must be float32 or float64 of shape \(5, 8\), received float32 of"),
    ]:
        before = model.get_weights()
        with pytest.raises(ValueError, match=message):
            model.load_weights(path)
        for weight, expected in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, expected)
    swapped = named("b", "a", 3)
    other = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(3, name="a"), layers.Dense(3, name="b")])
    save_weights(other, path)
    swapped = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(3, name="b"), layers.Dense(3, name="a")])
    swapped.load_weights(path)  # by name, whatever the order
    np.testing.assert_array_equal(swapped.layers[0].get_weights()[0], other.layers[1].get_weights()[0])
    tensors, _ = contents(path)
    tensors["b/kernel"][0, 0] = np.inf
    safetensors.numpy.save_file(tensors, tmp_path / "inf")
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"tensor 'b/kernel' must be finite, received inf at index \(0, 0\)"):
        other.load_weights(tmp_path / "inf")
    np.testing.assert_array_equal(other.get_weights()[0], before[0])


# ---------------------------------------------------------------------------------------------------------------------
# Writing.


def test_an_earlier_file(path):
    model, other = uncompiled(), uncompiled()
    model.save(path)
    other.layers[0].set_weights([np.ones((5, 7)), np.ones(7)])
    for save in (other.save, other.save_weights):
        with pytest.raises(
            ValueError, match=r"the file .*model.safetensors exists already; pass overwrite=True to replace it"
        ):
            save(path, overwrite=False)
    assert_same_weights(load_model(path), model)
    other.save(str(path))
    assert_same_weights(load_model(path), other)
    assert os.listdir(path.parent) == [path.name]
    (path.parent / "any").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((path.parent / "any").stat().st_mode)


def test_a_failing_save_leaves_the_earlier_file(path, monkeypatch):
    model = uncompiled()
    model.save(path)

    def fail(unfinished, content):
        with open(unfinished, "wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(path), "write_bytes", fail)
    with pytest.raises(OSError, match="No space left on device"):
        uncompiled().save(path)
    assert_same_weights(load_model(path), model)
    assert os.listdir(path.parent) == [path.name]


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="path must name a regular file, received the folder"):
        uncompiled().save(tmp_path)
    with pytest.raises(FileNotFoundError):
        uncompiled().save(tmp_path / "none" / "model.safetensors")
    with pytest.raises(TypeError, match=r"model must be a fastnn.Sequential, received <Dense"):
        save_model(layers.Dense(2), tmp_path / "x")


@pytest.mark.parametrize("save", ["save", "save_weights"])
@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("m.keras", "m.safetensors"), ("m.h5", "m.safetensors"), ("m.weights.h5", "m.weights.safetensors"),
        ("M.HDF5", "M.safetensors"), ("v1.0.pt", "v1.0.safetensors"), ("m.npz", "m.safetensors"),
    ],
)  # fmt: skip
def test_names_of_other_formats_are_refused(name, right, save, tmp_path):
    message = f"models are saved as safetensors files: path must be named '{right}', received '{name}'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        getattr(uncompiled(), save)(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    getattr(uncompiled(), save)(tmp_path / right)


@pytest.mark.parametrize("name", ["model", "model.v2", "model.safetensors", "model.SafeTensors", ".hidden"])
def test_other_names_are_the_users_choice(name, tmp_path):
    uncompiled().save(tmp_path / name)
    assert load_model(tmp_path / name).built


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no devices of this kind")
def test_a_device_stays_a_device():
    with pytest.raises(ValueError, match="path must name a regular file, received the device or pipe /dev/null"):
        uncompiled().save("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_floatx_of_another_time(path):
    uncompiled().save(path)
    config.set_floatx("float64")
    try:
        assert load_model(path).dtype == np.float32
    finally:
        config.set_floatx("float32")


def test_saving_the_same_file_from_several_threads(tmp_path):
    """Each file is whole, whoever comes last."""
    model, path = classifier(), tmp_path / "model.safetensors"
    model.save(path)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        saving = [pool.submit(model.save, path) for _ in range(60)]
        for _ in range(60):
            fastnn.saving.load_model(path)
        for done in saving:
            done.result(timeout=60)
    assert list(tmp_path.iterdir()) == [path]


def test_a_foreign_files_weights_are_not_matched_by_their_order(tmp_path):
    def chain(names):
        return fastnn.Sequential([fastnn.Input((4,)), *(fastnn.layers.Dense(4, use_bias=False, name=n) for n in names)])

    names = [f"dense_{i}" for i in range(12)]
    arrays = {f"{name}/kernel": np.full((4, 4), i, np.float32) for i, name in enumerate(names)}
    safetensors.numpy.save_file(arrays, tmp_path / "foreign.safetensors")
    right = chain(names)
    right.load_weights(tmp_path / "foreign.safetensors")
    assert [w[0, 0] for w in right.weights] == list(range(12))
    other = chain([f"dense_{i + 1}" for i in range(12)])
    with pytest.raises(ValueError, match="dense_0/kernel"):
        other.load_weights(tmp_path / "foreign.safetensors")
