"""Drawings of networks."""

import warnings

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

import fastnn
from fastnn import layers
from fastnn.plots import network, panels, style

from ..small_models import uncompiled


def small():
    model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(2, "tanh"), layers.Dropout(0.5), layers.Dense(1)])
    model.set_weights([[[0.5, -4.0], [0.0, 2.0]], [1.0, -2.0], [[1.0], [-1.0]], [0.25]])
    return model


def words(panel):
    return [text.get_text() for text in panel.texts if text.get_text()]


def test_weights_are_lines_and_biases_circles():
    panel = network(small()).axes[0]
    lines, *circles = panel.collections
    found = {tuple(map(tuple, line)): i for i, line in enumerate(lines.get_segments())}
    widths, styles, colours = lines.get_linewidths(), lines.get_linestyles(), lines.get_colors()
    strongest, weaker = found[(0, 0.5), (1, -0.5)], found[(0, -0.5), (1, -0.5)]  # -4 from x1 and 2 from x2
    assert widths[strongest] == max(widths) > widths[weaker]
    assert styles[strongest][1] is not None  # dashed
    assert styles[weaker][1] is None
    np.testing.assert_allclose(colours[strongest], to_rgba(style.BLUE))
    assert strongest == len(found) - 1  # above the others
    assert len(found) == 2 * 2 + 2
    assert [len(c.get_offsets()) for c in circles] == [2, 2, 1]
    scale = style.signed_on_white()
    np.testing.assert_allclose(circles[1].get_facecolors(), scale([(1 + 4) / 8, (-2 + 4) / 8]))
    assert {"1.0", "-2.0", "0.2", "$x_{1}$", "$x_{2}$", "$y_{1}$"} <= set(words(panel))
    assert any(text.endswith("\n2 units, tanh\nDropout 0.5") for text in words(panel))
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["weight > 0", "weight < 0"]
    assert panel.get_title().endswith(": 9 parameters")


def test_weights_that_are_not_finite_are_dotted():
    model = small()
    model.layers[0].kernel.value[0, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = network(model)
        figure.savefig("/dev/null", format="png")
    assert figure.axes[0].get_legend().get_texts()[-1].get_text() == "weight not finite"
    dotted = LineCollection([[(0, 0), (1, 1)]], linestyles=":", linewidths=1).get_linestyles()[0]
    assert figure.axes[0].collections[0].get_linestyles().count(dotted) == 1


@pytest.mark.parametrize(
    "body",
    [
        [layers.Dense(17)],
        [layers.Dense(2), layers.Reshape((2, 1)), layers.Flatten(), layers.Dense(1)],
        [layers.Embedding(5, 2), layers.Flatten(), layers.Dense(1)],
    ],
    ids=["many units", "other shapes between", "embedding"],
)
def test_other_networks_are_blocks(body):
    panel = network(fastnn.Sequential([fastnn.Input((3,)), *body])).axes[0]
    assert not panel.collections
    assert len(panel.patches) >= len(body)


def test_max_units_decides():
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(17)])
    assert network(model, max_units=17).axes[0].collections
    assert not network(small(), max_units=1).axes[0].collections
    assert not network(small(), max_units=0).axes[0].collections


def test_thousands_of_weights_are_blocks():
    def made(units):
        return fastnn.Sequential([fastnn.Input((100,)), layers.Dense(units, use_bias=False)])

    assert len(network(made(100), max_units=101).axes[0].collections[0].get_segments()) == 10_000
    assert not network(made(101), max_units=101).axes[0].collections


@pytest.mark.parametrize("own", [True, False], ids=["own_axes", "new_figure"])
def test_captions_do_not_overlap(own):
    names = "a_name_of_many_letters_1", "a_name_of_many_letters_2"
    model = fastnn.Sequential([fastnn.Input((3,)), *(layers.Dense(4, name=name) for name in names), layers.Dense(1)])
    figure = Figure(figsize=(14, 3))
    drawn = network(model, axes=figure.subplots(1, 2)[0] if own else None)
    drawn.canvas.draw()
    boxes = [text.get_window_extent() for text in drawn.axes[0].texts if text.get_text().startswith("a_name")]
    assert len(boxes) == 2
    assert boxes[0].x1 < boxes[1].x0


def test_blocks_have_shapes_and_parameters():
    model = fastnn.Sequential(
        [
            fastnn.Input((28, 28, 1)),
            layers.Conv2D(8, 3, activation="relu", name="$odd$"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(10),
            layers.Activation("softmax"),
        ]
    )
    figure = network(model, title="mine")
    panel = figure.axes[0]
    assert panel.get_title() == "mine"
    found = words(panel)
    assert found[0] == "input\n28 × 28 × 1"
    assert found[1] == "$odd$\n26 × 26 × 8\n80 parameters\n3 × 3\nrelu"
    assert found[2].endswith("\n13 × 13 × 8\n2 × 2\nDropout 0.25")
    assert found[4].endswith("\n10\n13,530 parameters\nsoftmax")
    assert len(found) == 5
    figure.savefig("/dev/null", format="png")


def test_hundreds_of_layers_are_shortened():
    model = fastnn.Sequential([fastnn.Input((30,)), *(layers.Dense(30, "relu") for _ in range(200))])
    panel = network(model).axes[0]
    assert f"160 more\n{160 * 930:,} parameters" in words(panel)
    assert len(panel.patches) == 41


def test_given_axes():
    figure, axes = panels(columns=2)
    assert network(small(), axes=axes[0, 0]) is figure
    assert network(uncompiled(), max_units=2, axes=axes[0, 1]) is figure


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (lambda: "m", {}, TypeError, "model must be a fastnn.Sequential, received str"),
        (lambda: uncompiled(known_shape=False), {}, ValueError, "must be built, so that its shapes are known"),
        (fastnn.Sequential, {}, ValueError, "must be built"),
        (small, {"max_units": -1}, ValueError, "max_units must be at least 0, received -1"),
        (small, {"max_units": 1.5}, TypeError, "max_units must be an integer"),
        (small, {"axes": 3}, TypeError, "axes must be matplotlib Axes, received int"),
    ],
    ids=["type", "unbuilt", "empty", "negative", "fraction", "axes"],
)
def test_errors(make, options, error, message):
    with pytest.raises(error, match=message):
        network(make(), **options)
