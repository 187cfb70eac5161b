"""`fastnn compile`: kernels that are compiled ahead, as for a container image."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from fastnn import cli
from fastnn.cli import ahead
from fastnn.kernels.jit import JIT_ENABLED

from ..subprocesses import run_python

needs_compiler = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python compiles nothing")

MODELS = """
    from numba.core import event
    compiled = event.RecordingListener()
    event.register("numba:compile", compiled)
    import numpy as np, fastnn
    from fastnn import layers, optimizers
    dense = [fastnn.Input((784,)), layers.Dense(20, "relu"), layers.Dropout(0.1), layers.Dense(10)]
    images = [fastnn.Input((28, 28)), layers.Reshape((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"),
              layers.MaxPooling2D(2), layers.BatchNormalization(), layers.Flatten(), layers.Dense(10)]
    loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    y = np.arange(40) % 10
    for stack, x, optimizer in (
        (dense, np.ones((40, 784), np.float32), optimizers.SGD(0.01, momentum=0.9)),
        (images, np.ones((40, 28, 28), np.uint8), optimizers.Adam(clipnorm=1.0)),
    ):
        model = fastnn.Sequential(stack)
        model.compile(optimizer, loss, ["accuracy"])
        model.fit(x, y, batch_size=8, validation_split=0.2, verbose=0)
        model.evaluate(x, y, verbose=0), model.predict(x), model.predict(x[:1])
    print(sorted({e.data["dispatcher"].py_func.__name__ for _, e in compiled.buffer}))
"""


@pytest.mark.full
@needs_compiler
def test_afterwards_a_new_process_compiles_nothing(tmp_path):
    """All that is there, for one float type; a process that is warm prints no line about compiling."""
    settings = {"FASTNN_CACHE_DIR": str(tmp_path)}
    compiled = run_python(["-m", "fastnn", "compile"], **settings)
    names = compiled.stderr.splitlines()
    assert {"dense", "convolution", "momentum_step", "huber_loss", "run", "update"} <= set(names)
    assert re.fullmatch(rf"float32: {len(set(names)) - 1} kernels in \d+ s\n", compiled.stdout)  # and the headline
    result = run_python(MODELS, **settings)
    assert result.stdout == "[]\n"
    assert result.stderr == ""


@pytest.mark.parametrize(("options", "types"), [([], ["float32"]), (["--float64"], ["float32", "float64"])])
def test_the_float_types_that_are_asked_for(monkeypatch, options, types):
    asked = []
    monkeypatch.setattr(ahead, "compile_everything", lambda dtype, say: asked.append(dtype) or say("dense") or 1)
    result = CliRunner().invoke(cli.app, ["compile", *options])
    assert asked == [np.dtype(name) for name in types]
    assert result.stderr == "dense\n" * len(types)
    assert result.stdout == "".join(f"{name}: 1 kernels in 0 s\n" for name in types)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("JIT_ENABLED", False, "NUMBA_DISABLE_JIT is set"), ("CACHE_FOLDER", None, "there is no folder to keep it in")],
)
def test_where_it_would_be_of_no_use(monkeypatch, name, value, said):
    monkeypatch.setattr(ahead, "JIT_ENABLED", True)
    monkeypatch.setattr(ahead, name, value)
    result = CliRunner().invoke(cli.app, ["compile"])
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
