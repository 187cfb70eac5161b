"""Pictures of profiles."""

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from fastnn import Profile
from fastnn.models.profile import ProfileRow
from fastnn.plots import panels, profile


def row(layer, phase, operation, microseconds, gflops=None, skipped=0.0):
    seconds = microseconds * 1e-6
    peak = None if gflops is None else gflops / 200
    return ProfileRow(layer, phase, operation, seconds, seconds / 1e-3, 1e6, 1e6, skipped, gflops, peak, (seconds,))


ROWS = (
    row("", "gather x", "pixels_to_batch", 50),
    row("a $b$", "forward", "dense", 400, 100.0, 0.6),
    row("a $b$", "forward", "relu", 4),
    row("a $b$", "gradient", "dense", 300, 150.0),
    row("a $b$", "update", "adam", 243),
    row("", "Python", "", 3),
)
FOUND = Profile(ROWS, 1e-3, 10, 128, 2, 200.0, True, 0.01)


def bars(figure):
    (panel,) = figure.axes
    return [(label.get_text(), round(bar.get_width(), 6)) for label, bar in zip(
        panel.get_yticklabels(), panel.patches, strict=True)]  # fmt: skip


def notes(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_a_bar_for_each_row_and_one_for_the_small_ones():
    figure = profile(FOUND)
    assert isinstance(figure, Figure)
    assert bars(figure) == [
        ("gather x (pixels_to_batch)", 0.05), ("a $b$ forward", 0.4), ("a $b$ gradient", 0.3),
        ("a $b$ update (adam)", 0.243), ("2 smaller ones", 0.007),
    ]  # fmt: skip
    assert notes(figure) == [
        "5.0 %", "40.0 %, 100 GFLOP/s (50 % of peak), 60 % skipped", "30.0 %, 150 GFLOP/s (75 % of peak)", "24.3 %",
        "0.7 %",
    ]  # fmt: skip
    panel = figure.axes[0]
    assert panel.get_xlabel() == "time of a step (ms)"
    assert panel.get_title() == "a step of training: 128 samples, 1 ms, 2 threads"
    legend = [text.get_text() for text in panel.get_legend().get_texts()]
    assert legend == ["forward", "weight gradient", "update", "around the layers"]
    assert panel.get_ylim()[0] > panel.get_ylim()[1]  # the first row above


def test_no_note_is_cut_off():
    figure = profile(FOUND)
    figure.draw_without_rendering()
    panel = figure.axes[0]
    right = panel.get_window_extent().x1
    assert max(text.get_window_extent().x1 for text in panel.texts) <= right


def test_a_single_small_row_is_shown():
    figure = profile(replace(FOUND, rows=ROWS[:2] + ROWS[3:], seconds=9e-7, threads=1, training=False), title="fast")
    assert bars(figure)[-1] == ("Python", 3 / 1000 * 1000)
    assert figure.axes[0].get_title() == "fast"
    assert figure.axes[0].get_xlabel() == "time of a call (µs)"


def test_axes_of_ones_own():
    figure, axes = panels()
    assert profile(FOUND, axes=axes) is figure


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: profile([1]), TypeError, "result must be what Sequential.profile returned, received list"),
        (lambda: profile(FOUND, axes=[]), ValueError, "axes must be one matplotlib Axes, received 0"),
        (lambda: profile(FOUND, axes=5), TypeError, "axes must be matplotlib Axes, received int"),
    ],
)
def test_bad_arguments(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
