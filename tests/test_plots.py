"""Learning curves, drawn without a display."""

import io
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from fastnn.plots import learning_curves

LOGGED = {
    "loss": [0.9, 0.5, 0.3],
    "accuracy": [0.7, 0.8, 0.9],
    "val_loss": [0.8, 0.6, 0.5],
    "val_accuracy": [0.75, 0.8, 0.85],
}
HISTORY = SimpleNamespace(history=LOGGED, epoch=[0, 1, 2])


def lines(panel):
    return {line.get_label(): line for line in panel.lines}


def test_one_panel_a_quantity_with_both_parts():
    figure = learning_curves(HISTORY)
    assert isinstance(figure, Figure)
    assert [panel.get_ylabel() for panel in figure.axes] == ["loss", "accuracy (fraction)"]
    for panel, quantity in zip(figure.axes, ("loss", "accuracy"), strict=True):
        drawn = lines(panel)
        assert list(drawn) == ["train", "validation"]
        assert panel.get_xlabel() == "epoch"
        assert drawn["train"].get_xdata().tolist() == [1, 2, 3]
        assert drawn["train"].get_ydata().tolist() == LOGGED[quantity]
        assert drawn["validation"].get_ydata().tolist() == LOGGED[f"val_{quantity}"]
        assert [text.get_text() for text in panel.get_legend().get_texts()] == ["train", "validation"]


def test_a_dict_draws_the_same_picture():
    assert picture(learning_curves(LOGGED)) == picture(learning_curves(HISTORY))
    assert picture(learning_curves(LOGGED)) != picture(learning_curves(LOGGED | {"loss": [1, 2, 3]}))


def picture(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def test_the_parts_differ_in_more_than_colour_and_look_alike_in_every_panel():
    looks = []
    for panel in learning_curves(HISTORY).axes:
        train, validation = panel.lines
        for look in ("get_color", "get_linestyle", "get_marker"):
            assert getattr(train, look)() != getattr(validation, look)()
        looks.append([(line.get_color(), line.get_linestyle(), line.get_marker()) for line in panel.lines])
    assert looks[0] == looks[1]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 15, 50, 200, 5000])
def test_epoch_ticks_are_integers_within_the_run(count):
    figure = learning_curves({"loss": np.linspace(1, 0, count)})
    picture(figure)
    ticks = figure.axes[0].get_xticks()
    assert 1 <= ticks.size <= 9
    assert all(tick == round(tick) and 1 <= tick <= count for tick in ticks)
    left, right = figure.axes[0].get_xlim()
    assert left < 1
    assert right > count


def test_later_epochs_keep_their_numbers():
    figure = learning_curves(SimpleNamespace(history={"loss": [3.0, 2.0]}, epoch=[5, 6]))
    assert figure.axes[0].lines[0].get_xdata().tolist() == [6, 7]


@pytest.mark.parametrize("logged", [LOGGED, {"loss": [0.0, 1e6, -1e6]}, {"loss": [1.0]}])
def test_the_legend_covers_no_data(logged):
    figure = learning_curves(logged)
    figure.draw_without_rendering()
    for panel in figure.axes:
        legend = panel.get_legend().get_window_extent()
        assert legend.y0 >= panel.get_window_extent().y1 - 1
        assert legend.y1 <= figure.bbox.y1 + 1  # and is not cut off


def test_metrics_choose_the_panels():
    figure = learning_curves(HISTORY, metrics="accuracy")
    assert [panel.get_ylabel() for panel in figure.axes] == ["accuracy (fraction)"]
    figure = learning_curves(HISTORY, metrics=["accuracy", "loss"])
    assert [panel.get_ylabel() for panel in figure.axes] == ["accuracy (fraction)", "loss"]


def test_validation_alone_is_drawn():
    (panel,) = learning_curves({"val_mean_squared_error": [2.0, 1.0]}).axes
    assert list(lines(panel)) == ["validation"]
    assert panel.get_ylabel() == "mean squared error"


def test_given_axes_are_drawn_on():
    figure = Figure()
    axes = figure.subplots(1, 2)
    assert learning_curves(HISTORY, axes=axes) is figure
    assert [len(panel.lines) for panel in axes] == [2, 2]

    figure = Figure()
    panel = figure.subfigures(1, 2)[0].subplots()
    assert learning_curves(HISTORY, metrics="loss", axes=panel) is figure
    assert len(panel.lines) == 2


def test_a_second_run_on_the_same_axes_keeps_the_first_in_view():
    panel = Figure().subplots()
    learning_curves({"loss": np.ones(30)}, axes=panel)
    learning_curves({"loss": np.ones(3)}, axes=panel)
    assert panel.get_xlim()[1] > 30
    assert panel.get_xticks()[-1] > 3


def test_the_wrong_number_of_axes_is_refused():
    with pytest.raises(ValueError, match=r"one for each of the 2 quantities \(loss, accuracy\), received 1"):
        learning_curves(HISTORY, axes=Figure().subplots())


@pytest.mark.parametrize("bad", [[np.nan, 1.0, np.inf], [np.nan] * 3])
def test_a_run_that_diverged_is_drawn_to_its_last_epoch(bad):
    figure = learning_curves({"loss": bad})
    picture(figure)
    assert figure.axes[0].get_xlim()[1] > 3


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ({}, "history must hold at least one epoch, received an empty one"),
        ({"loss": []}, "history must hold at least one epoch, received an empty one"),
        (SimpleNamespace(history={}, epoch=[]), "history must hold at least one epoch"),
        ({"loss": [1, 2], "val_loss": [1]}, r"one value per epoch .* 2 epochs and \{'loss': 2, 'val_loss': 1\}"),
        ({"loss": [], "val_loss": [1]}, r"one value per epoch .*, received 0 epochs"),
        (SimpleNamespace(history=LOGGED, epoch=[0, 1]), "one value per epoch .*, received 2 epochs"),
        ({"loss": ["a", "b"]}, r"history\['loss'\] must be a list of numbers, received \['a', 'b'\]"),
        ({"loss": [[1, 2], [3, 4]]}, r"\['loss'\] must be a list of numbers, received an array of shape \(2, 2\)"),
        ({"loss": 1.0}, r"history\['loss'\] must be a list of numbers, received an array of shape \(\)"),
        ([1, 2], "history must be what fit returns or a dict, received list"),
        (None, "history must be what fit returns or a dict, received NoneType"),
    ],
)
def test_a_history_without_curves_is_refused(history, expected):
    with pytest.raises(ValueError, match=expected):
        learning_curves(history)


@pytest.mark.parametrize("metrics", ["acuracy", ["loss", "acuracy"]])
def test_an_unknown_metric_is_refused(metrics):
    with pytest.raises(ValueError, match="unknown metric 'acuracy'; did you mean 'accuracy'.* Known: accuracy, loss"):
        learning_curves(HISTORY, metrics=metrics)


def test_no_metric_is_refused():
    with pytest.raises(ValueError, match=r"metrics must name at least one of \['loss', 'accuracy'\], received none"):
        learning_curves(HISTORY, metrics=[])


def test_no_display_is_needed_and_matplotlib_comes_late(tmp_path):
    code = f"""
import sys
import fastnn.plots
assert "matplotlib" not in sys.modules
fastnn.plots.learning_curves({LOGGED}).savefig("curves.png")
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment |= {"MPLBACKEND": "TkAgg", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
