"""The network in plain NumPy, held against the fast engine, and as a file that a student hands in."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers
from fastnn.datasets import points
from fastnn.labs import from_scratch
from fastnn.labs.from_scratch import NN

from ..subprocesses import run_python

FILE = Path(from_scratch.__file__)


def fast_network(sizes, scratch, dtype):
    """The same network for the engine, with the same weights."""
    model = fastnn.Sequential([fastnn.Input((sizes[0],))])
    for units in sizes[1:]:
        model.add(layers.Dense(units, activation="sigmoid", dtype=dtype))
    model.set_weights(in_order(scratch))
    model.compile(optimizers.SGD(1.0), "mse")
    return model


def in_order(scratch):
    return [array for pair in zip(scratch.weights, scratch.biases, strict=True) for array in pair]


@pytest.mark.parametrize("sizes", [[2, 4, 4, 1], [2, 1], [2, 5, 3, 7, 1]], ids=str)
@pytest.mark.parametrize(
    "data", [points.generate_linear(100, seed=3), points.generate_xor_easy()], ids=["linear", "XOR"]
)
def test_weights_are_those_of_the_fast_engine_after_some_steps(dtype, sizes, data):
    x, t = data
    scratch = NN(sizes, seed=7)
    model = fast_network(sizes, scratch, dtype)
    before = [w.copy() for w in in_order(scratch)]
    scratch.feed(x, t)
    losses = []
    for _ in range(100):
        scratch.forward()
        losses.append(scratch.computeLoss())
        scratch.backward()
        scratch.update(1.0)
    history = model.fit(x, t, batch_size=len(x), epochs=100, shuffle=False, verbose=0)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for mine, fast, old in zip(in_order(scratch), model.get_weights(), before, strict=True):
        np.testing.assert_allclose(mine, fast, atol=tolerance)
        assert np.abs(mine - old).max() > 100 * tolerance  # they have moved
    np.testing.assert_allclose(losses, history.history["loss"], atol=tolerance)
    np.testing.assert_allclose(scratch.forward(), model.predict(x), atol=tolerance)


def test_gradients_are_those_of_central_differences(rng):
    scratch = NN([3, 4, 2], seed=1)
    scratch.feed(rng.normal(size=(5, 3)), rng.random((5, 2)))
    scratch.forward()
    scratch.backward()
    for values, gradients in (
        *zip(scratch.weights, scratch.weight_gradients, strict=True),
        *zip(scratch.biases, scratch.bias_gradients, strict=True),
    ):
        for place in np.ndindex(values.shape):
            kept, around = values[place], []
            for values[place] in (kept + 1e-5, kept - 1e-5):
                scratch.forward()
                around.append(scratch.computeLoss())
            values[place] = kept
            assert gradients[place] == pytest.approx((around[0] - around[1]) / 2e-5, abs=1e-9)


def test_targets_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"t must have shape \(3, 1\), received \(3,\)"):
        NN([2, 1]).feed(np.zeros((3, 2)), np.zeros(3))


def test_it_imports_numpy_and_nothing_else():
    imports = [node for node in ast.walk(ast.parse(FILE.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [alias.name for node in imports for alias in node.names] == ["numpy"]


def test_a_copy_of_the_file_alone_learns_xor(tmp_path):
    copy = tmp_path / "homework.py"
    copy.write_text(FILE.read_text())
    stdout = run_python([str(copy)], cwd=tmp_path, PYTHONPATH=None).stdout
    assert re.search(r"^\[ 200\] XOR loss : 0\.\d{4}$", stdout, re.MULTILINE)
    rows = re.findall(r"^([01]\.\d{5}) ([01])$", stdout, re.MULTILINE)
    assert len(rows) == 21
    assert all((float(prediction) > 0.5) == (truth == "1") for prediction, truth in rows)
    assert stdout.endswith("accuracy : 100.00%\n")
