"""Pictures of a range test and of schedules."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from fastnn import RangeTest, schedules
from fastnn.plots import learning_rate_finder, panels, schedule

RATES = np.geomspace(1e-4, 10, 6)
LOSSES = np.array([2.0, 2.2, 1.5, 1.0, 3.0, 90.0])
SMOOTHED = np.array([2.0, 2.1, 1.9, 1.5, 2.0, 7.0])
RESULT = RangeTest(RATES, LOSSES, SMOOTHED, suggestion=float(RATES[2]), diverged=float(RATES[5]))
UNTIL_THE_END = RangeTest(RATES, LOSSES, SMOOTHED, suggestion=None, diverged=None)


def lines(figure):
    return {line.get_label(): line for line in figure.axes[0].lines if not line.get_label().startswith("_")}


def test_losses_over_rates():
    figure = learning_rate_finder(RESULT)
    assert isinstance(figure, Figure)
    (panel,) = figure.axes
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "linear")
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("learning rate", "loss")
    drawn = lines(figure)
    assert list(drawn) == ["loss of a batch", "smoothed", "suggestion: 0.01", "diverged: 10"]
    for name, values in (("loss of a batch", LOSSES), ("smoothed", SMOOTHED)):
        np.testing.assert_array_equal(drawn[name].get_xdata(), RATES)
        np.testing.assert_array_equal(drawn[name].get_ydata(), values)
    assert (drawn["suggestion: 0.01"].get_xdata(), drawn["suggestion: 0.01"].get_ydata()) == ([RATES[2]], [SMOOTHED[2]])
    assert drawn["diverged: 10"].get_xdata() == [10, 10]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == list(drawn)
    assert drawn["loss of a batch"].get_linewidth() < drawn["smoothed"].get_linewidth()


def test_one_wild_loss_does_not_flatten_the_picture():
    low, high = learning_rate_finder(RESULT).axes[0].get_ylim()
    assert low < LOSSES.min()
    assert SMOOTHED.max() < high < 10


def test_what_was_not_found_is_not_drawn():
    assert list(lines(learning_rate_finder(UNTIL_THE_END))) == ["loss of a batch", "smoothed"]


def test_a_flat_curve_can_be_drawn():
    flat = np.full(3, 0.5)
    figure = learning_rate_finder(RangeTest(RATES[:3], flat, flat, None, None))
    low, high = figure.axes[0].get_ylim()
    assert low < 0.5 < high


def test_rates_over_steps():
    made = schedules.PolynomialDecay(1.0, 4, 0.0)
    figure = schedule(made, 6, title="down")
    assert list(lines(figure)) == ["PolynomialDecay"]
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    assert line.get_ydata().tolist() == [1, 0.75, 0.5, 0.25, 0, 0]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("step", "learning rate")
    assert figure.axes[0].get_title() == "down"


def test_several_schedules_on_the_same_axes_differ():
    figure, axes = panels()
    for made in (schedules.OneCycle(0.1, 9), schedules.CosineDecay(0.1, 9)):
        assert schedule(made, 9, axes) is figure
    one, other = figure.axes[0].lines
    assert one.get_color() != other.get_color()
    assert one.get_linestyle() != other.get_linestyle()
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["OneCycle", "CosineDecay"]
    assert learning_rate_finder(RESULT, axes=panels()[1]).axes[0].lines


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (
            lambda: learning_rate_finder([1]),
            TypeError,
            "result must be what fastnn.learning_rate_finder returned, rec.* list",
        ),
        (
            lambda: learning_rate_finder(RangeTest(RATES[:0], LOSSES[:0], SMOOTHED[:0], None, 1.0)),
            ValueError,
            "result must hold at least one loss",
        ),
        (lambda: learning_rate_finder(RESULT, axes=[]), ValueError, "axes must be one matplotlib Axes, received 0"),
        (lambda: schedule(0.1, 5), TypeError, "schedule must be a LearningRateSchedule, received float"),
        (lambda: schedule(schedules.OneCycle(0.1, 9), 0), ValueError, "steps must be at least 1, received 0"),
        (
            lambda: schedule(schedules.OneCycle(0.1, 9), 9, axes=5),
            TypeError,
            "axes must be matplotlib Axes, received int",
        ),
    ],
)
def test_bad_arguments(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
