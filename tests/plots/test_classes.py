"""Confusion matrices and misclassified images."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fastnn.plots import confusion_matrix, misclassified, panels

TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
PREDICTED = np.array([0, 0, 0, 2, 1, 0, 2, 2, 2, 2])
COUNTS = [[3, 0, 1], [1, 1, 0], [0, 0, 4]]
PERCENT = [[75, 0, 25], [50, 50, 0], [0, 0, 100]]


def cells(panel, classes=3):
    """The texts by row and column."""
    found = {(round(t.get_position()[1]), round(t.get_position()[0])): t for t in panel.texts}
    return [[found[row, column].get_text() for column in range(classes)] for row in range(classes)]


def test_cells_hold_the_counts_and_are_coloured_by_their_share_of_the_row():
    panel, *bars = confusion_matrix(TRUTH, PREDICTED).axes
    assert cells(panel) == [[str(count) for count in row] for row in COUNTS]
    right, wrong = panel.images
    diagonal = np.eye(3, dtype=bool)
    for image, shown in ((right, diagonal), (wrong, ~diagonal)):
        share = image.get_array()
        np.testing.assert_array_equal(np.ma.getmaskarray(share), ~shown)
        np.testing.assert_allclose(share.compressed(), np.array(PERCENT)[shown])
    assert right.get_cmap().name != wrong.get_cmap().name
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("prediction", "truth")
    assert [bar.get_ylabel() for bar in bars] == ["right (% of the true class)", "wrong (% of the true class)"]
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["0", "1", "2"]
    bottom, top = panel.get_ylim()
    assert bottom > top  # class 0 is the first row


def test_errors_have_a_colour_scale_of_their_own():
    """Of a classifier that is nearly always right they could not be seen on that of the diagonal."""
    truth = np.repeat([0, 1, 2], 1000)
    predicted = truth.copy()
    predicted[:7], predicted[1000:1003] = 1, 2  # 0.7 % of class 0, 0.3 % of class 1
    panel = confusion_matrix(truth, predicted).axes[0]
    right, wrong = panel.images
    assert (right.norm.vmin, right.norm.vmax) == (0, 100)
    assert (wrong.norm.vmin, wrong.norm.vmax) == (0, pytest.approx(0.7))
    none, some, most = (relative_luminance(wrong.cmap(wrong.norm(share))) for share in (0, 0.3, 0.7))
    assert none > 1.2 * some > 2 * most
    _, nothing_wrong = confusion_matrix(truth, truth).axes[0].images
    assert nothing_wrong.norm.vmax == 1


def test_cells_hold_percent():
    panel = confusion_matrix(TRUTH, PREDICTED, normalize=True).axes[0]
    assert cells(panel) == [["75.0", "0", "25.0"], ["50.0", "50.0", "0"], ["0", "0", "100.0"]]


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [(np.eye(3)[TRUTH], np.eye(3)[PREDICTED] * 0.4), (TRUTH[:, np.newaxis], PREDICTED.astype(np.uint8))],
)
def test_rows_and_scores_give_the_same_matrix(truth, predicted):
    assert cells(confusion_matrix(truth, predicted).axes[0]) == [[str(count) for count in row] for row in COUNTS]


def test_probabilities_of_class_1():
    panel = confusion_matrix([0, 1, 1], np.array([[0.2], [0.9], [0.4]], np.float32)).axes[0]
    assert cells(panel, 2) == [["1", "0"], ["1", "1"]]


def test_one_class_alone_has_two_rows():
    assert cells(confusion_matrix([0, 0], [0, 0]).axes[0], 2) == [["2", "0"], ["0", "0"]]


def test_classes_have_names_also_those_that_do_not_occur():
    panel = confusion_matrix(TRUTH, PREDICTED, labels=["A", "$B", "C", "D"]).axes[0]
    for ticks in (panel.get_xticklabels(), panel.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == ["A", "$B", "C", "D"]
    assert cells(panel, 4)[3] == ["0"] * 4


def relative_luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


def test_counts_stand_out_from_light_and_dark_cells():
    n = 21
    truth = np.repeat(np.arange(n), n - 1)
    predicted = np.concatenate([[row] * row + [(row + 1) % n] * (n - 1 - row) for row in range(n)])
    panel = confusion_matrix(truth, predicted).axes[0]
    contrasts = []
    for text in panel.texts:
        if text.get_text() != "0":
            column, row = text.get_position()
            image = panel.images[int(row != column)]
            ground = relative_luminance(image.cmap(image.norm(image.get_array()[row, column])))
            ink = relative_luminance(to_rgb(text.get_color()))
            contrasts.append((max(ground, ink) + 0.05) / (min(ground, ink) + 0.05))
    assert len(contrasts) > n
    assert min(contrasts) >= 4.5  # WCAG AA


@pytest.mark.parametrize("classes", [2, 10, 20])
@pytest.mark.parametrize("names", [None, "class with a long name {}"])
@pytest.mark.parametrize("given", [False, True])
def test_texts_stay_in_their_cells_and_in_the_figure(classes, names, given):
    every = np.repeat(np.arange(classes), 2000)
    labels = None if names is None else [names.format(i) for i in range(classes)]
    axes = panels(1, 2, size=(6, 5))[1][0, 1] if given else None
    figure = confusion_matrix(every, every, labels=labels, axes=axes)
    figure.draw_without_rendering()
    panel = figure.axes[1 if given else 0]
    cell = panel.get_window_extent().width / classes
    for text in panel.texts[: classes + 2]:
        assert text.get_window_extent().width < cell
    outside = [panel.xaxis.label, panel.yaxis.label, *panel.get_xticklabels(), *panel.get_yticklabels()]
    for text in [*outside, *(bar.yaxis.label for bar in figure.axes[-2:])]:
        extent = text.get_window_extent()
        assert -1 <= extent.x0 < extent.x1 <= figure.bbox.x1 + 1
        assert -1 <= extent.y0 < extent.y1 <= figure.bbox.y1 + 1


def test_the_matrix_is_drawn_on_given_axes():
    figure, axes = panels(1, 2)
    assert confusion_matrix(TRUTH, PREDICTED, axes=axes[0, 0]) is figure
    assert len(axes[0, 1].images) == 0
    assert len(figure.axes) == 4  # and two colour bars


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        ((TRUTH, PREDICTED[:5]), ValueError, "y_true and y_pred must have the same length, received 10 and 5"),
        ((TRUTH, PREDICTED, ["A", "B"]), ValueError, "labels must have one entry for each class, 3 in all, received 2"),
        ((TRUTH, PREDICTED, "ABC"), TypeError, "labels must be a list with one string for each class, received 'ABC'"),
        (([0, 100], [0, 100]), ValueError, "y_true and y_pred must have at most 100 classes, received 101"),
        (([], []), ValueError, "y_true must hold at least one label, received none"),
    ],
)
def test_classes_that_do_not_fit_are_refused(arguments, error, expected):
    with pytest.raises(error, match=expected):
        confusion_matrix(*arguments)


IMAGES = np.linspace(0, 1, 10)[:, np.newaxis, np.newaxis] * np.ones((1, 28, 28))


def shown(panel):
    """The grey value of each image that is drawn."""
    mosaic = np.asarray(panel.images[0].get_array())
    values = mosaic[np.isfinite(mosaic)].reshape(-1)
    return [float(value) for value in dict.fromkeys(values.tolist())]


def test_misclassified_images_with_truth_and_prediction():
    (panel,) = misclassified(IMAGES, TRUTH, PREDICTED).axes
    assert [text.get_text() for text in panel.texts] == ["0 → 2", "1 → 0"]
    assert shown(panel) == pytest.approx([3 / 9, 5 / 9])
    assert panel.get_title() == "2 of 10 wrong\ntruth → prediction"


@pytest.mark.parametrize("count", [1, 6, 25])
def test_the_heading_above_misclassified_images_is_not_cut_off(count):
    figure = misclassified(np.repeat(IMAGES, 5, 0), np.repeat(TRUTH, 5), np.repeat(2 - TRUTH, 5), count)
    figure.draw_without_rendering()
    heading = figure.axes[0].title.get_window_extent()
    assert figure.bbox.y0 <= heading.y0 < heading.y1 <= figure.bbox.y1 + 1
    assert figure.bbox.x0 - 1 <= heading.x0 < heading.x1 <= figure.bbox.x1 + 1


def test_the_first_misclassified_images_with_names():
    (panel,) = misclassified(IMAGES.reshape(10, -1), TRUTH, np.eye(3)[PREDICTED], count=1, labels=list("ABC")).axes
    assert [text.get_text() for text in panel.texts] == ["A → C"]
    assert shown(panel) == pytest.approx([3 / 9])
    assert panel.get_title() == "2 of 10 wrong, the first 1\ntruth → prediction"


def test_no_misclassified_image_is_said_so():
    figure, axes = panels(1, 2)
    assert misclassified(IMAGES, TRUTH, TRUTH, axes=axes[0, 1]) is figure
    assert [text.get_text() for text in axes[0, 1].texts] == ["none of 10 predictions is wrong"]
    assert not axes[0, 1].axison
    assert len(axes[0, 0].texts) == 0
    assert misclassified(IMAGES, TRUTH, TRUTH).axes[0].texts


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((IMAGES[:4], TRUTH, PREDICTED), "images and y_true must have the same length, received 4 and 10"),
        ((IMAGES, TRUTH, PREDICTED, 0), "count must be at least 1, received 0"),
        ((IMAGES, TRUTH, TRUTH, 5, None, None, 0), "columns must be at least 1, received 0"),
    ],
)
def test_images_that_do_not_fit_are_refused(arguments, expected):
    with pytest.raises(ValueError, match=expected):
        misclassified(*arguments)


def test_arguments_stay_as_they_are():
    copies = IMAGES.copy(), TRUTH.copy(), PREDICTED.copy()
    misclassified(*copies)
    confusion_matrix(*copies[1:])
    for copy, original in zip(copies, (IMAGES, TRUTH, PREDICTED), strict=True):
        np.testing.assert_array_equal(copy, original)
