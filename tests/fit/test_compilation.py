"""Each kernel is compiled once for each float type, when a model first uses it: not again for another kind of data."""

import ast
import importlib
import pkgutil

import numpy as np
import pytest

import fastnn
from fastnn import kernels, layers, losses, optimizers
from fastnn.engine import threads
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.kernels.operations import OPERATIONS

from ..cases import OPTIMIZERS
from ..subprocesses import run_python

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python has nothing to compile")


def signatures():
    """What has been compiled, or loaded from the disk, so far: {"module.function": its argument types}."""
    found = {}
    for info in pkgutil.iter_modules(kernels.__path__):
        module = importlib.import_module(f"fastnn.kernels.{info.name}")
        for name, value in vars(module).items():
            if hasattr(value, "signatures"):
                found[f"{info.name}.{name}"] = [*value.bare().signatures, *value.signatures]
    assert found
    return found


def use(inputs, units, activation, loss, y, optimizer, x=None, dtype=None, **fit):
    """Everything that a model can be asked to do."""
    model = fastnn.Sequential([fastnn.Input(inputs), layers.Flatten(dtype=dtype)])
    for n in units[:-1]:
        model.add(layers.Dense(n, "relu", dtype=dtype))
        model.add(layers.Dropout(0.2, dtype=dtype))
    model.add(layers.Dense(units[-1], activation, dtype=dtype))
    model.compile(optimizer, loss, ["mse" if np.ndim(y) > 1 else "accuracy"])
    x = np.random.default_rng(0).normal(size=(len(y), *inputs)) if x is None else x
    model.fit(x, y, verbose=0, **fit)
    model.train_on_batch(x, y)
    model.evaluate(x, y, verbose=0)
    model.predict(x)
    model(x[:1])
    model(x[:3])


def first_use(dtype=None):
    use((5,), [4, 3], "softmax", "sparse_categorical_crossentropy", np.arange(20) % 3, "sgd", dtype=dtype)


LABELS, ONE_HOT = np.arange(30) % 3, np.eye(3)[np.arange(30) % 3]
PIXELS = np.zeros((30, 4, 6), np.uint8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_compilation_for_all_networks_and_data(dtype, monkeypatch):
    monkeypatch.setattr(threads, "_asked", None)
    drivers = len(signatures().get("interpreter.run", []))
    first_use(dtype)
    before = signatures()
    sparse = ("softmax", "sparse_categorical_crossentropy", LABELS)
    use((7,), [3], *sparse, "adam", dtype=dtype)  # another shape and depth
    use((7,), [9, 8, 7, 3], *sparse, "rmsprop", batch_size=7, epochs=2, dtype=dtype)
    for case in OPTIMIZERS:
        use((5,), [4, 3], *sparse, case.make(), dtype=dtype)
    use((5,), [4, 3], "softmax", "categorical_crossentropy", ONE_HOT, "sgd", dtype=dtype)
    use((5,), [4, 3], "sigmoid", "binary_crossentropy", ONE_HOT, "sgd", dtype=dtype)
    use((5,), [4, 3], None, "mse", ONE_HOT, "sgd", dtype=dtype)
    use((5,), [4, 3], "softmax", "mse", ONE_HOT, "sgd", dtype=dtype)
    use((5,), [4, 3], None, losses.SparseCategoricalCrossentropy(from_logits=True), LABELS, "sgd", dtype=dtype)
    use((4, 6), [4, 3], *sparse, "sgd", PIXELS, dtype=dtype)  # uint8
    for x in (np.ones((30, 5), np.float32), np.ones((30, 5)), np.ones((30, 5), int), np.ones((30, 5), bool)):
        use((5,), [4, 3], *sparse, "sgd", x, dtype=dtype)
        x.flags.writeable = False
        use((5,), [4, 3], *sparse, "sgd", x, dtype=dtype)
        use((5,), [4, 3], *sparse, "sgd", np.asfortranarray(x), dtype=dtype)
    use((5,), [4, 3], *sparse, "sgd", sample_weight=np.ones(30), dtype=dtype)
    use((5,), [4, 3], *sparse, "sgd", class_weight={0: 2.0}, shuffle=False, validation_split=0.5, dtype=dtype)
    fastnn.set_num_threads(2)
    use((5,), [4, 3], *sparse, "sgd", dtype=dtype)
    grown = {name: len(found) - len(before.get(name, [])) for name, found in signatures().items()}
    assert max(grown.values()) <= 1  # the operations and steps that first_use has not used
    assert not any(grown[name] for name in before if name.partition(".")[0] in ("interpreter", "dense", "tile"))
    # Compiled ahead for examples (`entries.py`), it must be what programs call; other tests may have called it as well.
    assert len(signatures()["interpreter.run"]) - drivers <= 1


def test_one_compilation_one_layer_at_a_time():
    """A kernel that is called by itself is compiled once for a float type, too."""

    class Own(layers.Layer):
        def forward(self, x, training=False):
            return x

        def backward(self, dy):
            return dy

    def train(features, units, rows, readonly):
        x, y = np.random.default_rng(1).normal(size=(rows, features)).astype(np.float32), np.arange(rows) % 3
        x.flags.writeable = not readonly
        model = fastnn.Sequential([fastnn.Input((features,)), Own()])
        for activation in ("linear", "relu", "leaky_relu", "sigmoid", "tanh", "softmax"):
            model.add(layers.Dense(units, activation))
        model.add(layers.Rescaling(2.0))
        model.add(layers.Dropout(0.2))
        model.add(layers.GaussianNoise(0.1))
        model.add(layers.Dense(3, "softmax"))
        model.compile(optimizers.Adam(), "sparse_categorical_crossentropy", ["accuracy"])
        model.fit(x, y, batch_size=8, verbose=0)
        model.evaluate(x, y, verbose=0)
        model.predict(x)

    train(5, 4, 20, readonly=False)
    before = signatures()
    train(7, 1, 33, readonly=True)
    train(1, 20, 1, readonly=False)
    assert signatures() == before


LATER_PROCESS = """
import importlib, pkgutil
from numba.core import event
compiled = event.RecordingListener()
event.register("numba:compile", compiled)
import numpy as np, fastnn
from fastnn import kernels, layers
x, y = np.ones((20, 5), np.float32), np.arange(20) % 3
model = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(4, "relu"), layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
model.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
model.evaluate(x, y, verbose=0), model.predict(x), model(x[:1])
print(sorted({str(e.data["dispatcher"].__name__) for _, e in compiled.buffer if e.is_start}))
modules = [importlib.import_module(f"fastnn.kernels.{info.name}") for info in pkgutil.iter_modules(kernels.__path__)]
found = {name: value for m in modules for name, value in vars(m).items() if hasattr(value, "bare")}
print(sorted({name for name, value in found.items() if value.signatures or value.bare().signatures}))
"""


def test_a_later_process_compiles_nothing_and_loads_what_it_uses():
    """`test_jit.py` shows that such a listener hears of what is compiled."""
    first_use()
    run = run_python(LATER_PROCESS)
    assert run.stderr == ""
    compiled, loaded = (set(ast.literal_eval(line)) for line in run.stdout.splitlines())
    assert compiled == set()
    assert "run" in loaded
    # No model waits for operations that it does not use.
    operations = {operation.py_func.__name__ for operation in OPERATIONS}
    assert loaded & operations == {
        "features_to_batch", "labels_to_batch", "batch_to_predictions", "dense", "relu", "softmax",
        "sparse_softmax_cross_entropy_loss", "sparse_categorical_accuracy_metric",
    }  # fmt: skip
    assert {name for name in loaded if name.endswith("_step")} == {"adam_step"}
