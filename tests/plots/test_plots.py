"""Curves of one run and of several, and figures drawn without a display."""

import io
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

import fastnn
from fastnn.plots import compare, learning_curves, one_legend, panels
from fastnn.plots.style import BLUE, VERMILION, readable_on, run_style, signed, two_classes

from ..subprocesses import run_python

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


def test_a_notebook_shows_the_figure_as_it_is_when_asked():
    figure = learning_curves(LOGGED)
    before = figure._repr_png_()
    assert before[1:4] == b"PNG"
    figure.axes[0].set_title("added by the user")
    assert figure._repr_png_() != before
    assert repr(figure).startswith("<Figure size")  # for where no pictures can be shown


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


def test_other_axes_than_those_of_matplotlib_are_refused():
    with pytest.raises(TypeError, match="axes must be matplotlib Axes, received Figure"):
        learning_curves({"loss": [1.0]}, axes=Figure())


def test_train_and_validation_have_colours_of_their_own():
    train, validation = learning_curves(HISTORY, metrics="loss").axes[0].lines
    assert (train.get_color(), validation.get_color()) == (BLUE, VERMILION)
    assert {run_style(i)["color"] for i in range(140)}.isdisjoint({BLUE, VERMILION})


def test_other_names_for_epochs_and_validation_data():
    (panel,) = learning_curves(HISTORY, "loss", unit="iteration", validation="test").axes
    assert panel.get_xlabel() == "iteration"
    assert list(lines(panel)) == ["train", "test"]
    (panel,) = compare({"a": HISTORY}, "val_accuracy", unit="iteration", validation="test").axes
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("iteration", "test accuracy (fraction)")


def test_curves_have_titles():
    assert [panel.get_title() for panel in learning_curves(HISTORY).axes] == ["loss", "accuracy"]
    titles = [panel.get_title() for panel in learning_curves(HISTORY, title="wide").axes]
    assert titles == ["wide: loss", "wide: accuracy"]
    assert compare({"a": HISTORY}, "val_accuracy", validation="test").axes[0].get_title() == "test accuracy"
    assert compare({"a": HISTORY}, title="both").axes[0].get_title() == "both"


RUNS = {"wide": HISTORY, "deep": {"loss": [0.8, 0.0], "accuracy": [0.5, 0.6]}}


def test_compare_draws_a_curve_a_run():
    figure = compare(RUNS, "accuracy")
    (panel,) = figure.axes
    drawn = lines(panel)
    assert list(drawn) == ["wide", "deep"]
    assert drawn["wide"].get_ydata().tolist() == LOGGED["accuracy"]
    assert drawn["deep"].get_xdata().tolist() == [1, 2]
    assert drawn["deep"].get_ydata().tolist() == [0.5, 0.6]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("epoch", "accuracy (fraction)")
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["wide", "deep"]
    assert panel.get_xlim()[1] > 3
    assert compare({"only": HISTORY}, "val_loss").axes[0].get_ylabel() == "validation loss"


def test_runs_differ_in_more_than_colour():
    wide, deep = compare(RUNS).axes[0].lines
    for look in ("get_color", "get_linestyle", "get_marker"):
        assert getattr(wide, look)() != getattr(deep, look)()
    looks = {(s["color"], s["linestyle"], s["marker"]) for s in map(run_style, range(140))}
    assert len(looks) == 140


def test_compare_with_a_log_axis_leaves_out_what_has_no_logarithm():
    given = np.array([0.8, 0.0])
    panel = compare({"wide": HISTORY, "deep": {"loss": given}}, log=True).axes[0]
    assert panel.get_yscale() == "log"
    np.testing.assert_array_equal(lines(panel)["deep"].get_ydata(), [0.8, np.nan])
    assert given.tolist() == [0.8, 0.0]
    assert compare(RUNS).axes[0].get_yscale() == "linear"


def test_compare_draws_on_given_axes():
    figure, axes = panels(1, 2)
    assert compare(RUNS, axes=axes[0, 1], title="both") is figure
    assert len(figure.axes) == 2
    assert [len(panel.lines) for panel in figure.axes] == [0, 2]


@pytest.mark.parametrize("count", [1, 4, 16])
def test_title_legend_and_panel_stand_one_above_the_other(count):
    figure = compare({f"a run with the number {i}": LOGGED for i in range(count)}, title="every run")
    figure.draw_without_rendering()
    (panel,) = figure.axes
    legend, title = panel.get_legend().get_window_extent(), panel.title.get_window_extent()
    assert panel.title.get_text() == "every run"
    assert panel.get_window_extent().y1 - 1 <= legend.y0
    assert legend.y1 <= title.y0 + 3  # the legend has an empty rim
    assert title.y1 <= figure.bbox.y1
    assert legend.x0 >= figure.bbox.x0
    assert panel.get_window_extent().height > 200


@pytest.mark.parametrize(
    ("histories", "error", "expected"),
    [
        ([LOGGED], TypeError, "histories must be a dict from names to histories, received list"),
        ({}, ValueError, "histories must hold at least one history, received none"),
        ({"a": {}}, ValueError, r"histories\['a'\] must hold at least one epoch"),
        ({"a": LOGGED, "b": [1]}, ValueError, r"histories\['b'\] must be what fit returns or a dict, received list"),
        ({"a": LOGGED, "b": {"los": [1]}}, ValueError, r"unknown quantity of histories\['b'\] 'loss'; .* 'los'"),
        ({"a": {"loss": ["x"]}}, ValueError, r"histories\['a'\]\['loss'\] must be a list of numbers"),
    ],
)
def test_histories_that_cannot_be_compared_are_refused(histories, error, expected):
    figure, axes = panels()
    with pytest.raises(error, match=expected):
        compare(histories, axes=axes)
    assert len(figure.axes[0].lines) == 0


def test_a_log_axis_needs_something_above_0():
    with pytest.raises(ValueError, match="log=True needs a loss above 0 in at least one history, received none"):
        compare({"a": {"loss": [0.0, -1.0, np.nan]}}, log=True)
    with pytest.raises(ValueError, match="axes must be one matplotlib Axes, received 2"):
        compare(RUNS, axes=panels(1, 2)[1])


def test_one_legend_takes_the_place_of_many():
    figure, axes = panels(2, 2, size=(3, 2.5))
    given = {"sgd": HISTORY, "adam": HISTORY}
    for i, panel in enumerate(axes.flat):
        compare(given | ({"only here": HISTORY} if i == 3 else {}), axes=panel, title=f"panel {i}")
    assert one_legend(axes) is figure
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["sgd", "adam", "only here"]
    figure.draw_without_rendering()
    box = legend.get_window_extent()
    for i, panel in enumerate(axes.flat):
        assert panel.get_legend() is None
        assert panel.get_title() == f"panel {i}"
        assert panel.title.get_window_extent().y1 <= box.y0 + 3
    assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1 + 1
    for line, shown in zip(axes[1, 1].lines, legend.legend_handles, strict=True):
        assert line.get_color() == shown.get_color()
    with pytest.raises(ValueError, match="axes must be panels with a legend, received 2 without one"):
        one_legend(panels(1, 2)[1])
    with pytest.raises(TypeError, match="axes must be matplotlib Axes, received Figure"):
        one_legend(figure)


def test_panels_makes_an_array_of_axes():
    figure, axes = panels(2, 3, size=(4, 2))
    assert axes.shape == (2, 3)
    assert list(axes.flat) == figure.axes
    assert figure.get_size_inches().tolist() == [12, 4]
    with pytest.raises(ValueError, match="columns must be at least 1, received 0"):
        panels(1, 0)
    with pytest.raises(TypeError, match="size must be a number, received 'x'"):
        panels(size=("x", 1))


def luminance(colours):
    return np.asarray(colours)[:, :3] @ [0.299, 0.587, 0.114]


@pytest.mark.parametrize("colour_map", [signed, two_classes])
def test_colour_maps_around_a_middle_read_in_grey(colour_map):
    grey = luminance(colour_map()(np.linspace(0, 1, 50)))
    assert (np.diff(grey) > 0).all()


@pytest.mark.parametrize(("colour", "ink"), [((0, 0, 0), "white"), ((1, 1, 1), "black"), ((0.03, 0.19, 0.42), "white")])
def test_ink_stands_out(colour, ink):
    assert readable_on(colour) == ink


def test_all_is_what_there_is():
    assert fastnn.plots.__all__ == sorted(fastnn.plots.__all__)
    assert all(callable(getattr(fastnn.plots, name)) for name in fastnn.plots.__all__)


DRAW_ALL = f"""
import sys
import numpy as np
import fastnn
from fastnn import RangeTest, plots, schedules
assert "matplotlib" not in sys.modules
model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
model.compile("sgd", "mse")
x, y = np.random.default_rng(0).random((20, 2)), np.arange(20) % 2
images, drawn = np.zeros((20, 8, 8)), {{
    "activation": lambda: plots.activation("tanh"),
    "compare": lambda: plots.compare({{"a": {LOGGED}}}),
    "confusion_matrix": lambda: plots.confusion_matrix(y, 1 - y),
    "decision_surface": lambda: plots.decision_surface(lambda points: points[:, :1], x, y, resolution=9),
    "feature_maps": lambda: plots.feature_maps(np.ones((4, 4, 3))),
    "filters": lambda: plots.filters(np.ones((64, 3))),
    "images": lambda: plots.images(images),
    "learning_curves": lambda: plots.learning_curves({LOGGED}),
    "learning_rate_finder": lambda: plots.learning_rate_finder(RangeTest(x[:3, 0], x[:3, 1], x[:3, 1], None, None)),
    "loss_landscape": lambda: plots.loss_landscape(model, x, y, resolution=3, surface=True),
    "misclassified": lambda: plots.misclassified(images, y, 1 - y),
    "network": lambda: plots.network(model),
    "one_legend": lambda: plots.one_legend(plots.learning_curves({LOGGED}).axes),
    "panels": lambda: plots.panels(2, 2)[0],
    "predictions": lambda: plots.predictions(x, y, 1 - y),
    "profile": lambda: plots.profile(fastnn.Sequential([fastnn.layers.Dense(3)]).profile(x, verbose=0)),
    "reconstructions": lambda: plots.reconstructions(images, images),
    "scatter": lambda: plots.scatter(x, y),
    "schedule": lambda: plots.schedule(schedules.OneCycle(0.1, 10), 10),
}}
assert list(drawn) == plots.__all__
for name, draw in drawn.items():
    figure = draw()
    figure.savefig(name + ".png")
    assert open(name + ".png", "rb").read(4)[1:] == b"PNG"
    assert figure._repr_png_()[1:4] == b"PNG"  # what a notebook asks for
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""


def test_no_display_is_needed_matplotlib_comes_late_and_a_notebook_can_show_all(tmp_path):
    environment = {"DISPLAY": None, "WAYLAND_DISPLAY": None, "MPLBACKEND": "TkAgg"}
    run_python(DRAW_ALL, cwd=tmp_path, PYTHONPATH=os.pathsep.join(sys.path), **environment)
