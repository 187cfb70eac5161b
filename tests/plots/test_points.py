"""Points of the plane: ground truth, predictions and decision surfaces."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

import fastnn
from fastnn.plots import decision_surface, panels, predictions, scatter
from fastnn.plots.style import class_colour, class_marker

X = np.array([[0.0, 0.0], [1.0, 0.2], [0.2, 1.0], [0.9, 0.9], [0.5, 0.4]])
Y = np.array([0, 1, 1, 0, 0])
WRONG_AT_2_AND_3 = np.array([0, 1, 0, 1, 0])


def scattered(panel):
    """The drawn points by label."""
    found = [c for c in panel.collections if type(c) is PathCollection]
    return {c.get_label(): np.asarray(c.get_offsets()).tolist() for c in found}


def colours(panel):
    return {c.get_label(): to_hex(c.get_facecolor()[0]) for c in panel.collections if len(c.get_facecolor())}


def test_truth_stands_beside_the_prediction():
    figure = predictions(X, Y, WRONG_AT_2_AND_3)
    truth, prediction = figure.axes
    assert [panel.get_title() for panel in figure.axes] == ["ground truth", "prediction"]
    assert scattered(truth) == {"class 0": X[[0, 3, 4]].tolist(), "class 1": X[[1, 2]].tolist()}
    drawn = scattered(prediction)
    assert drawn.pop("wrong (2)") == X[[2, 3]].tolist()
    assert drawn == {"class 0": X[[0, 2, 4]].tolist(), "class 1": X[[1, 3]].tolist()}
    assert truth.get_xlim() == prediction.get_xlim()
    assert truth.get_ylim() == prediction.get_ylim()
    assert (truth.get_xlabel(), truth.get_ylabel()) == ("$x_1$", "$x_2$")


def test_data_before_training_look_as_the_truth_does_later():
    figure = scatter(X, Y[:, np.newaxis], title="raw")
    (panel,), truth = figure.axes, predictions(X, Y, Y).axes[0]
    assert panel.get_title() == "raw"
    assert scattered(panel) == scattered(truth)
    assert colours(panel) == colours(truth)
    assert panel.get_xlim() == truth.get_xlim()
    with pytest.raises(ValueError, match="x and y must have the same length, received 5 and 4"):
        scatter(X, Y[:4])
    figure, axes = panels(1, 2)
    assert scatter(X, Y, axes=axes[0, 1]) is figure
    assert not axes[0, 0].collections


def test_classes_differ_in_colour_and_marker_and_look_alike_in_both_panels():
    truth, prediction = predictions(X, Y, Y).axes
    assert colours(truth) == {"class 0": class_colour(0).lower(), "class 1": class_colour(1).lower()}
    assert colours(truth).items() <= colours(prediction).items()
    zero, one = truth.collections
    assert zero.get_paths()[0].vertices.shape != one.get_paths()[0].vertices.shape
    assert len({class_colour(label) for label in range(10)}) == 10
    assert len({(class_colour(label), class_marker(label)) for label in range(90)}) == 90


P = np.array([0.1, 0.9, 0.5, 0.6, 0.2])  # 0.5 is class 0
SAME = [
    WRONG_AT_2_AND_3.astype(float),
    WRONG_AT_2_AND_3.astype(bool),
    WRONG_AT_2_AND_3[:, np.newaxis],
    P,
    P[:, np.newaxis].astype(np.float32),
    np.stack([1 - P, P], axis=1),
]


@pytest.mark.parametrize("y_pred", SAME)
@pytest.mark.parametrize("y_true", [Y, Y[:, np.newaxis], Y.astype(float), np.eye(2)[Y]])
def test_every_form_of_label_and_score_rings_the_same_points(y_true, y_pred):
    assert scattered(predictions(X, y_true, y_pred).axes[1])["wrong (2)"] == X[[2, 3]].tolist()


def test_more_classes_and_classes_only_predicted():
    truth, prediction = predictions(X, [0, 1, 2, 0, 0], [0, 1, 2, 0, 4]).axes
    assert scattered(truth)["class 4"] == []
    assert scattered(prediction)["class 4"] == X[[4]].tolist()
    assert scattered(prediction)["wrong (1)"] == X[[4]].tolist()


@pytest.mark.parametrize("title", [None, "XOR"])
def test_predictions_draw_on_given_axes(title):
    figure, axes = panels(2, 2)
    assert predictions(X, Y, P, axes=axes[1], title=title) is figure
    assert len(figure.axes) == 4
    assert [len(panel.collections) for panel in figure.axes] == [0, 0, 2, 3]
    assert axes[1, 0].get_title() == ("XOR: ground truth" if title else "ground truth")


def test_titles_stand_at_one_height_above_the_legends():
    figure, axes = panels(1, 2, size=(2.4, 3))
    predictions(X, Y, P, axes=axes)
    figure.draw_without_rendering()
    left, right = (panel.title.get_window_extent() for panel in figure.axes)
    assert left.y0 == pytest.approx(right.y0)
    for panel in figure.axes:
        assert panel.get_legend().get_window_extent().y1 <= left.y0 + 3
        assert panel.get_legend().get_window_extent().y0 >= panel.get_window_extent().y1 - 1


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        ((X[:, :1], Y, Y), ValueError, r"x must have shape \(n, 2\), received \(5, 1\)"),
        ((X, Y[:4], Y), ValueError, "y_true and y_pred must have the same length, received 4 and 5"),
        ((X[:4], Y, Y), ValueError, "x and y_true must have the same length, received 4 and 5"),
        ((X, Y, Y[:3]), ValueError, "y_true and y_pred must have the same length, received 5 and 3"),
        ((X, Y - 1, Y), ValueError, r"y_true must be integers in \[0, 1000\), received -1 at index 0"),
        ((X, Y + 0.5, Y), ValueError, r"y_true must be integers in \[0, 1000\), received 0.5 at index 0"),
        ((X, Y, Y * 5000), ValueError, r"y_pred must be integers in \[0, 1000\), received 5000 at index 1"),
        ((X, Y * 2, P), ValueError, r"y_pred must be labels \(n,\) or scores \(n, 3\), received fractions"),
        ((X, Y * 2, np.ones((5, 2))), ValueError, r"a column for each of 3 classes, received shape \(5, 2\)"),
        ((X, np.ones((5, 2)), Y), ValueError, r"y_true must be labels \(n,\) or one-hot rows \(n, C\), received other"),
        ((X, Y, np.ones((5, 2, 2))), ValueError, r"y_pred must be labels .* received shape \(5, 2, 2\)"),
        ((X, Y, np.ones(0)), ValueError, r"y_pred must be labels .* received shape \(0,\)"),
        ((X, Y, [0, 1, np.nan, 0, 0]), ValueError, r"y_pred must be finite, received nan at index \(2,\)"),
        ((X + np.inf, Y, Y), ValueError, "x must be finite"),
        ((X, ["a"] * 5, Y), TypeError, "y_true must be an array of numbers"),
    ],
)
def test_points_that_do_not_fit_are_refused(arguments, error, expected):
    figure, axes = panels(1, 2)
    with pytest.raises(error, match=expected):
        predictions(*arguments, axes=axes)
    assert not any(panel.collections for panel in figure.axes)


def test_predictions_need_two_axes():
    with pytest.raises(ValueError, match="axes must be two, for the ground truth and the prediction, received 1"):
        predictions(X, Y, Y, axes=panels()[1])


def to_the_right(points):
    """Class 1 where x1 > 0.25."""
    return 1 / (1 + np.exp(-8 * (points[:, :1] - 0.25)))


def contours(panel):
    """The filled contour set and the decision lines."""
    return panel.collections[0], [c for c in panel.collections[1:] if not isinstance(c, PathCollection)]


def test_the_surface_asks_for_the_predictions_and_draws_the_line_at_one_half():
    asked = []

    def predict(points):
        asked.append(points)
        return to_the_right(points)

    figure = decision_surface(predict, X, Y, resolution=40)
    panel, bar = figure.axes
    (places,) = asked
    assert places.shape == (1600, 2)
    assert (places.min(axis=0), places.max(axis=0)) == (pytest.approx([-0.08, -0.08]), pytest.approx([1.08, 1.08]))
    assert panel.get_xlim() == pytest.approx((-0.08, 1.08))

    filled, (line,) = contours(panel)
    assert filled.levels.tolist() == pytest.approx(np.linspace(0, 1, 21).tolist())
    assert filled.get_array().min() == pytest.approx(0.025)
    assert line.levels.tolist() == [0.5]
    along = line.get_paths()[0].vertices
    np.testing.assert_allclose(along[:, 0], 0.25, atol=0.002)
    assert along[:, 1].min() == pytest.approx(-0.08)
    assert along[:, 1].max() == pytest.approx(1.08)

    assert scattered(panel) == {"class 0": X[[0, 3, 4]].tolist(), "class 1": X[[1, 2]].tolist()}
    assert bar.get_ylabel() == "probability of class 1"
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["class 0", "class 1", "decision"]


@pytest.mark.parametrize(
    "predict",
    [
        lambda p: to_the_right(p)[:, 0],
        lambda p: np.concatenate([1 - to_the_right(p), to_the_right(p)], axis=1),
        lambda p: 3 * (to_the_right(p) - 0.5) + 0.5,  # leaves [0, 1]
    ],
)
def test_other_forms_of_probability_give_the_same_line(predict):
    filled, (line,) = contours(decision_surface(predict, X, Y, resolution=40).axes[0])
    np.testing.assert_allclose(line.get_paths()[0].vertices[:, 0], 0.25, atol=0.01)
    steps = [path.vertices for path in filled.get_paths()]
    low, high = np.concatenate(steps[:10]), np.concatenate(steps[10:])
    assert low[:, 0].max() < 0.26
    assert high[:, 0].min() > 0.24


def test_a_model_draws_its_surface():
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1, "sigmoid")])
    model.set_weights([np.array([[8.0], [0.0]]), np.array([-2.0])])
    _, (line,) = contours(decision_surface(model, X, Y, resolution=40).axes[0])
    np.testing.assert_allclose(line.get_paths()[0].vertices[:, 0], 0.25, atol=0.002)


def test_a_surface_without_a_decision_has_no_line():
    _, lines = contours(decision_surface(lambda p: np.full((len(p), 1), 0.2), X, Y, resolution=5).axes[0])
    assert lines == []


def test_three_classes_give_regions():
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    figure = decision_surface(lambda p: p @ corners.T - (corners**2).sum(1) / 2, X, [0, 1, 2, 0, 0], resolution=30)
    panel, bar = figure.axes
    ground = panel.collections[0]
    assert ground.get_array().shape == (30, 30)
    assert (ground.get_array()[0, 0], ground.get_array()[0, -1], ground.get_array()[-1, 0]) == (0, 1, 2)
    assert len({tuple(colour) for colour in ground.cmap(np.arange(3))}) == 3
    assert bar.get_ylabel() == "predicted class"
    assert [tick.get_text() for tick in bar.get_yticklabels()] == ["0", "1", "2"]
    _, lines = contours(panel)
    assert len(lines) == 3
    assert list(scattered(panel)) == ["class 0", "class 1", "class 2"]


def test_the_surface_is_drawn_on_given_axes():
    figure, axes = panels(1, 2)
    assert decision_surface(to_the_right, X, Y, axes=axes[0, 1], resolution=9, title="line") is figure
    assert len(axes[0, 0].collections) == 0
    assert len(figure.axes) == 3  # and the colour bar
    assert axes[0, 1].get_title() == "line"


def test_one_point_has_a_surface():
    panel = decision_surface(to_the_right, X[:1], Y[:1], resolution=9).axes[0]
    assert panel.get_xlim() == (-0.5, 0.5)


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        ((3, X, Y), TypeError, "predict must be a model or a function, received int"),
        ((to_the_right, X, Y[:2]), ValueError, "x and y must have the same length, received 5 and 2"),
        ((to_the_right, X, Y * 2), ValueError, r"y must be labels of the 2 classes of predict\(x\), received 3"),
        ((lambda p: p[:3], X, Y), ValueError, r"shape \(81, 1\) or \(81, C\) for 81 points, received \(3, 2\)"),
        ((lambda p: p[:, :1] * np.nan, X, Y), ValueError, r"predict\(x\) must be finite, received nan"),
        ((lambda p: ["a"], X, Y), TypeError, r"predict\(x\) must be an array of numbers"),
    ],
)
def test_surfaces_that_cannot_be_drawn_are_refused(arguments, error, expected):
    figure, axes = panels()
    with pytest.raises(error, match=expected):
        decision_surface(*arguments, axes=axes, resolution=9)
    assert len(figure.axes) == 1
    assert not axes[0, 0].collections


def test_the_resolution_is_checked():
    with pytest.raises(ValueError, match="resolution must be at least 2, received 1"):
        decision_surface(to_the_right, X, Y, resolution=1)


def test_arguments_stay_as_they_are():
    copies = X.copy(), Y.copy(), P.copy()
    predictions(*copies)
    decision_surface(to_the_right, copies[0], copies[1], resolution=9)
    for copy, original in zip(copies, (X, Y, P), strict=True):
        np.testing.assert_array_equal(copy, original)
