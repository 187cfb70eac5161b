"""Files that are damaged, foreign or made to do harm: one line says which file, what was expected and what came."""

import json

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import layers, optimizers
from fastnn.saving import load_model
from fastnn.saving.model_file import ModelFile

from ..small_models import assert_same_weights, labels, samples
from .test_saving import contents


def good():
    """5-4-3 with dropout, trained with momentum."""
    model = fastnn.Sequential(
        [
            fastnn.Input((5,)),
            layers.Dense(4, "relu", name="a"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(3, "softmax", name="b"),
        ]
    )
    model.compile(optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(samples(), labels(), verbose=0)
    return model


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.safetensors"
    good().save(path)
    return contents(path), path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bad.safetensors"


def refused(path, message, **options):
    with pytest.raises(ValueError, match=message) as caught:
        load_model(path, **options)
    text = str(caught.value)
    assert type(caught.value) is ValueError
    assert text.startswith(f"cannot load {path}: ")
    assert "\n" not in text
    assert len(text) < 1000


# How to spoil the metadata: "entry", then the way to a place in its JSON, and what to put there; `DELETE` takes it out.
DELETE = object()
A = ("config", "config", "layers", 1, "config")
MODEL = {"module": "fastnn", "class_name": "Sequential", "config": {"layers": []}}
SPOILED = [
    (("fastnn_format",), "2", "fastnn_format in its metadata must be '1', received '2'"),
    (("fastnn_format",), DELETE, "expected fastnn's metadata, received a safetensors file without it"),
    (("config",), DELETE, "it holds only weights"),
    (("config",), "{", "'config' in its metadata must be JSON: Expecting"),
    (("config",), "[1]", "'config' in its metadata must be a JSON dict, received list"),
    (("config",), "[" * 100_000, "its metadata is nested too deeply"),
    (("config",), '{"a": ' * 100_000, "its metadata is nested too deeply"),
    (("config",), "9" * 10_000, "'config' in its metadata must be JSON: Exceeds the limit"),
    (("config",), "{}", "a class_name must be a string, received None"),
    (
        ("config", "config", "layers", 1),
        {"module": "fastnn.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 10**15]}},
        "must have at most one InputLayer",
    ),
    (("state",), DELETE, "'state' is missing in its metadata"),
    (("state",), "{}", "'state' in its metadata must have a list of frozen weights"),
    (("state", "frozen"), ["c/kernel"], "'state' in its metadata must have a list of frozen weights"),
    (("state", "frozen"), [["a"]], "unhashable"),
    (("state", "steps"), {}, "noise layers must be those of the model: missing 'drop'"),
    (("state", "steps", "drop"), -1, r"steps\['drop'\] must be at least 0, received -1"),
    (("state", "steps", "drop"), 2**63, r"steps\['drop'\] must be at most 4611686018427387903, received 922"),
    (("compile",), "null", "'compile' in its metadata must be a JSON dict, received NoneType"),
    (("compile", "loss"), DELETE, "entries of 'compile' must be those of the model: missing 'loss'"),
    (("compile", "loss"), "mean_squred_error", "unknown loss 'mean_squred_error'; did you mean 'mean_squared_error'"),
    (("compile", "loss"), None, "compile needs a loss"),
    (("compile", "optimizer"), 3, "unknown optimizer 3"),
    (("compile", "optimizer", "class_name"), "SDG", "unknown class fastnn.optimizers.SDG"),
    (
        ("compile", "optimizer", "config", "momentum"),
        2,
        r"SGD: momentum must be a finite number in \[0, 1\], received 2",
    ),
    (("compile", "optimizer", "config", "rate"), 2, "SGD: .*unexpected keyword argument 'rate'"),
    (
        ("compile", "optimizer", "config", "momentum"),
        0.0,
        "tensors must be those of the model: unexpected 'optimizer/0",
    ),
    *(
        (place, MODEL, "Sequential: it cannot be a part of another object")
        for place in (("config", "config", "layers", 1), ("compile", "optimizer"), (*A, "kernel_initializer"))
    ),
    (("compile", "metrics"), "accuracy", r'metrics must be a list such as \["accuracy"\], received'),
    (("compile", "metrics"), ["acuracy"], "unknown metric 'acuracy'; did you mean 'accuracy'"),
    (("compile", "iterations"), -3, "iterations must be at least 0, received -3"),
    (("compile", "iterations"), "3", "iterations must be an integer of at least 0, received '3'"),
    (("compile", "iterations"), 10**30, r"iterations must be at most 4611686018427387903, received 10000"),
    ((*A, "units"), -3, "Dense 'a': units must be at least 1, received -3"),
    ((*A, "units"), 4.0, "Dense 'a': units must be an integer of at least 1, received 4.0"),
    ((*A, "units"), 5, r"tensor 'a/kernel' must be float32 of shape \(5, 5\), received float32 of shape \(5, 4\)"),
    ((*A, "units"), 10**9, r"tensor 'a/kernel' must be float32 of shape \(5, 1000000000\), received float32"),
    ((*A, "units"), DELETE, "Dense 'a': .*missing 1 required positional argument: 'units'"),
    ((*A, "dtype"), "float64", "computes in float32, the layers before it in float64"),
    ((*A, "dtype"), "float16", "Dense 'a': dtype must be \"float32\" or \"float64\", received 'float16'"),
    ((*A, "unit"), 4, "Dense 'a': .*unexpected keyword argument 'unit'"),
    ((*A, "units\nx"), 4, "Dense 'a': .*unexpected keyword argument 'units.nx'"),
    ((*A, "activation"), "rleu", "Dense 'a': unknown activation 'rleu'; did you mean 'relu'"),
    ((*A, "name"), "c", "tensor 'c/kernel' of shape .* is missing"),
    ((*A, "name"), "b", "layer names must differ, received 'b' twice"),
    ((*A, "name"), None, "is missing"),
    ((*A, "kernel_initializer", "class_name"), "Zeross", "Dense 'a': Zeross: unknown class fastnn.initializers.Zeross"),
    ((*A, "kernel_initializer", "module"), "os", "Dense 'a': GlorotUniform: unknown class os.GlorotUniform"),
    ((*A, "kernel_initializer", "module"), None, "unknown class 'GlorotUniform': pass the class itself"),
    ((*A, "kernel_initializer", "config"), {"seed": -1}, "GlorotUniform: seed must be at least 0, received -1"),
    ((*A, "kernel_initializer", "config"), [], r"the config of class 'GlorotUniform' must be a dict, received \[\]"),
    ((*A, "kernel_initializer"), {"class_name": "__numpy__", "config": {}}, "__numpy__: .*missing 2 required"),
    (
        (*A, "kernel_initializer"),
        {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}},
        "__numpy__: 'object' is missing",
    ),
    ((*A[:-1], "class_name"), "Input", "unknown class fastnn.layers.Input"),
    ((*A[:-1], "class_name"), ["Dense"], r"a class_name must be a string, received \['Dense'\]"),
    ((*A[:-1], "config"), ["long " * 10**6], r"the config of class 'Dense' must be a dict, received .* \.\.\."),
    ((*A[:-2], 1), "Dense", "a Sequential takes fastnn layers, received 'Dense'; write the layer itself"),
    ((*A[:-2], 0, "config", "batch_shape"), [None, 6], r"tensor 'a/kernel' must be float32 of shape \(6, 4\)"),
    (
        (*A[:-2], 0, "config", "batch_shape"),
        [None, 10**30],
        r"InputLayer: shape must be at most 2147483647, received 10000",
    ),
    ((*A[:-2], 0, "config", "batch_shape"), [], "InputLayer: shape must be a tuple of positive integers"),
    ((*A[:-2], 0, "config", "batch_shape"), DELETE, "InputLayer: 'batch_shape' is missing"),
    (A[:-2], {}, "its 'config' must describe a Sequential"),
    (A[:-2], [], "noise layers must be those of the model: unexpected 'drop'"),
    (("config", "class_name"), "Sequentia", "unknown class fastnn.Sequentia"),
    (("config", "module"), "fastnn.layers", "unknown class fastnn.layers.Sequential"),
]


def spoil(metadata, way, value):
    name, *way = way
    metadata = dict(metadata)
    if not way:
        if value is DELETE:
            del metadata[name]
        else:
            metadata[name] = value
        return metadata
    whole = place = json.loads(metadata[name])
    for step in way[:-1]:
        place = place[step]
    if value is DELETE:
        del place[way[-1]]
    else:
        place[way[-1]] = value
    metadata[name] = json.dumps(whole)
    return metadata


@pytest.mark.parametrize(("way", "value", "message"), SPOILED, ids=[str(case[2])[:50] for case in SPOILED])
def test_metadata(path, parts, way, value, message):
    (tensors, metadata), _ = parts
    path.write_bytes(safetensors.numpy.save(tensors, spoil(metadata, way, value)))
    refused(path, message)


def test_a_first_layer_that_nobody_described(path, parts):
    """Weights of an unbuilt model."""
    (tensors, metadata), _ = parts
    path.write_bytes(safetensors.numpy.save(tensors, spoil(metadata, (*A[:-2], 0), DELETE)))
    refused(path, "tensors must be those of the model: unexpected 'a/bias', 'a/kernel', 'b/bias' and 5 more")


def changed(tensors, name, array):
    return {**tensors, name: array} if array is not None else {k: v for k, v in tensors.items() if k != name}


NAN = np.zeros((5, 4), np.float32)
NAN[2, 3] = np.nan
TENSORS = [
    ("a/kernel", None, r"tensor 'a/kernel' of shape \(5, 4\) is missing"),
    ("b/bias", None, r"tensor 'b/bias' of shape \(3,\) is missing"),
    ("c/bias", np.zeros(3, np.float32), "tensors must be those of the model: unexpected 'c/bias'"),
    ("optimizer/0/a/bias", None, "tensors must be those of the model: missing 'optimizer/0/a/bias'"),
    ("optimizer/1/a/bias", np.zeros(4, np.float32), "unexpected 'optimizer/1/a/bias'"),
    ("optimizer/0/a/bias", np.zeros(5, np.float32), r"tensor 'optimizer/0/a/bias' must be float32 of shape \(4,\)"),
    (
        "a/kernel",
        np.zeros((4, 5), np.float32),
        r"must be float32 of shape \(5, 4\), received float32 of shape \(4, 5\)",
    ),
    ("a/kernel", np.zeros((5, 4)), r"must be float32 of shape \(5, 4\), received float64 of shape \(5, 4\)"),
    ("a/kernel", np.zeros((5, 4), np.int32), r"must be float32 of shape \(5, 4\), received I32 of shape"),
    ("a/kernel", np.zeros((5, 4), np.float16), r"must be float32 of shape \(5, 4\), received F16 of shape"),
    ("a/kernel", NAN, r"tensor 'a/kernel' must be finite, received nan at index \(2, 3\)"),
]


@pytest.mark.parametrize(("name", "array", "message"), TENSORS, ids=[case[2][:50] for case in TENSORS])
def test_tensors(path, parts, name, array, message):
    (tensors, metadata), _ = parts
    path.write_bytes(safetensors.numpy.save(changed(tensors, name, array), metadata))
    refused(path, message)


def test_slots_that_are_all_missing(path, parts):
    (tensors, metadata), _ = parts
    weights = {name: array for name, array in tensors.items() if not name.startswith("optimizer/")}
    path.write_bytes(safetensors.numpy.save(weights, metadata))
    refused(path, "tensors must be those of the model: missing 'optimizer/0/a/bias'")
    assert load_model(path, compile=False).built


def test_files_that_are_none_of_ours(path, parts):
    _, whole = parts
    for content in (b"", b"short", b"PK\x03\x04" * 100, b"\xff" * 100, whole[:-1], whole[:100], whole + b"x"):
        path.write_bytes(content)
        refused(path, "expected a complete safetensors file: Error while deserializing")
        with pytest.raises(ValueError, match="cannot load .*: expected a complete safetensors file"):
            good().load_weights(path)
    path.write_bytes(safetensors.numpy.save({"x": np.ones(3)}))
    refused(path, "expected fastnn's metadata, received a safetensors file without it")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=str(path)):
        load_model(path)
    path.mkdir()
    refused(path, "expected a safetensors file, received a folder or a device")
    refused("/dev/zero", "expected a safetensors file, received a folder or a device")


def test_a_file_that_another_process_shortens_meanwhile(path, monkeypatch):
    """A mapped file would end this process (SIGBUS)."""
    model = fastnn.Sequential([fastnn.Input((300,)), layers.Dense(300)])
    model.save(path)
    check_format = ModelFile.check_format

    def shortened(file):
        path.write_bytes(b"")
        check_format(file)

    monkeypatch.setattr(ModelFile, "check_format", shortened)
    assert_same_weights(load_model(path), model)
    model.save_weights(path)
    other = fastnn.Sequential([fastnn.Input((300,)), layers.Dense(300)])
    other.load_weights(path)
    assert_same_weights(other, model)


def test_a_file_that_does_not_fit_in_memory(path, monkeypatch):
    def too_large(self):
        raise MemoryError

    good().save(path)
    monkeypatch.setattr(type(path), "read_bytes", too_large)
    refused(path, "expected a file that fits in memory, received a larger one")


def test_weights_files(path, parts):
    (tensors, metadata), _ = parts
    model = good()
    before = model.get_weights()
    for name, value, message in [
        ("weights", DELETE, "'weights' is missing in its metadata"),
        ("weights", "[[1]]", "its weights must be those of the model"),
        ("weights", "3", "'weights' in its metadata must be a JSON list, received int"),
        ("fastnn_format", "2", "fastnn_format in its metadata must be '1', received '2'"),
    ]:
        path.write_bytes(safetensors.numpy.save(tensors, spoil(metadata, (name,), value)))
        with pytest.raises(ValueError, match=f"cannot load {path}: .*{message}"):
            model.load_weights(path)
    path.write_bytes(safetensors.numpy.save(changed(tensors, "b/bias", None), metadata))
    with pytest.raises(ValueError, match="tensor 'b/bias' of shape .* is missing"):
        model.load_weights(path)
    for weight, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


@settings(max_examples=150)
@given(st.data())
def test_any_byte_changed(tmp_path_factory, parts, data):
    """Gives a model, or the one kind of error."""
    path, (_, whole) = tmp_path_factory.getbasetemp() / "changed.safetensors", parts
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) - 1, len(content) // 2]))])
    message = f"cannot load {path}: "
    try:
        load_model(path)
    except ValueError as error:
        message = str(error)
    assert message.startswith(f"cannot load {path}: ")


def test_a_pickle_is_not_read(path):
    """Not even looked at: it would run code."""
    import pickle

    class Harm:
        def __reduce__(self):
            return (exec, ("raise SystemExit('code of the file was run')",))

    path.write_bytes(pickle.dumps(Harm()))
    refused(path, "expected a complete safetensors file")
