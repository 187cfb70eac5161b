"""The gradient check of the notebook `own_layer`: it finds a wrong backward, and only what is wrong."""

import jupytext
import numpy as np
import pytest

from fastnn import layers, notebooks

LIMIT = 1e-7


@pytest.fixture(scope="module")
def notebook():
    """What the cells define, up to the training."""
    node = jupytext.read(notebooks.FOLDER / "own_layer.py", fmt="py:percent")
    names = {}
    for cell in node.cells:
        if "Training hides mistakes" in cell.source:
            return names
        if cell.cell_type == "code":
            exec(compile(cell.source, "own_layer.py", "exec"), names)
    raise AssertionError("the notebook has no cell of the heading 'Training hides mistakes'")


def wrong_gradients(notebook, layer, x=None):
    x = np.random.default_rng(1).normal(size=(5, 2)) if x is None else x
    checked = notebook["gradients"](layer, x)
    assert set(checked) == {"x", *(weight.name for weight in layer.parameters)}
    return {name for name, pair in checked.items() if notebook["relative_error"](*pair) > LIMIT}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("Gaussian", set()),
        ("NoTwo", {"centre"}),
        ("WrongSign", {"sharpness"}),
        ("MeanOfSamples", {"sharpness"}),
        ("NoChain", {"x"}),
    ],
    ids=["right", "no factor 2", "wrong sign", "mean", "no chain"],
)
def test_the_check_finds_what_is_wrong(notebook, kind, wrong):
    assert wrong_gradients(notebook, notebook[kind](3, dtype="float64")) == wrong


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(3, activation="gelu", dtype="float64"),
        layers.LayerNormalization(dtype="float64"),
        layers.PReLU(dtype="float64"),
    ],
    ids=["dense", "layer_normalization", "prelu"],
)
def test_it_can_check_the_layers_of_fastnn(notebook, layer):
    assert wrong_gradients(notebook, layer) == set()


def test_a_kink_looks_like_a_mistake(notebook):
    """Exercise 3."""
    layer = layers.ReLU(dtype="float64")
    assert wrong_gradients(notebook, layer, np.zeros((1, 1))) == {"x"}
    by_backward, by_differences = notebook["gradients"](layer, np.zeros((1, 1)))["x"]
    assert by_backward == 0
    assert by_differences != 0  # half of the slope on the right


class Swish(layers.Layer):
    """The solution of exercise 1."""

    def build(self, input_shape):
        self.beta = self.add_weight((input_shape[-1],), "ones", name="beta")

    def forward(self, x, training=False):
        self.x, self.s = x, 1 / (1 + np.exp(-self.beta.value * x))
        return x * self.s

    def backward(self, dy):
        slope = self.s * (1 - self.s)
        self.beta.gradient[:] = (dy * self.x**2 * slope).sum(axis=0)
        return dy * (self.s + self.beta.value * self.x * slope)


def test_the_hint_of_the_first_exercise_is_right(notebook):
    assert wrong_gradients(notebook, Swish(dtype="float64")) == set()
