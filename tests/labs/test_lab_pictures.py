"""What the labs draw, and when: the figures as they are before they become files."""

import numpy as np
import pytest

import fastnn
from fastnn import labs
from fastnn.datasets import mnist
from fastnn.labs.results import Results
from fastnn.model_selection import train_test_split

EPOCHS = {"backprop": 300}


@pytest.fixture
def drawn(lab, not_mnist, monkeypatch):
    """Runs a lab; returns its figures by name, and the names of those that were there when training began."""

    def run(name, *options):
        figures, early, fit = {}, [], fastnn.Sequential.fit

        def noted(model, *args, **settings):
            early.extend(figures)
            return fit(model, *args, **settings)

        monkeypatch.setattr(Results, "figure", lambda self, figure, name, what: figures.update({name: figure}))
        monkeypatch.setattr(fastnn.Sequential, "fit", noted)
        options += ("--data", not_mnist, "--hidden", 5) if name == "letters" else ()
        result = lab(name, "--overwrite", "--epochs", EPOCHS.get(name, 2), *options)
        assert result.exit_code == 0, result.output
        return figures, set(early)

    return run


def captions(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def titles(figure):
    return [panel.get_title() for panel in figure.axes if panel.get_title()]


@pytest.mark.parametrize("name", sorted(labs.COMMANDS))
def test_the_data_are_drawn_before_training_and_every_curve_has_a_title(drawn, name):
    figures, early = drawn(name)
    assert early >= {"letters" if name == "letters" else "data"}
    curves = [figure for key, figure in figures.items() if key in ("curves", "wide", "deep", "compared")]
    assert curves
    for figure in curves:
        assert all(panel.get_title() for panel in figure.axes)


def test_images_stand_below_their_labels(drawn, images, not_mnist):
    figures, _ = drawn("mnist")
    assert captions(figures["data"]) == [str(label) for label in mnist.load_data(images)[0][1][:60]]
    figures, _ = drawn("letters")
    with np.load(not_mnist) as file:
        _, _, y, _ = train_test_split(file["images"], file["labels"], train_size=10_000, random_state=1)
    assert captions(figures["letters"]) == ["ABCDEFGHIJ"[label] for label in y[:100]]


def test_backprop_says_which_points_it_shows(drawn):
    figures, early = drawn("backprop")
    assert early >= {"data", "activation"}
    assert titles(figures["data"]) == ["linear: 100 points to train with", "XOR: 21 points to train with"]
    assert titles(figures["surface"]) == [f"{name}, with the training points" for name in ("linear", "XOR")]
    assert titles(figures["predictions"])[::2] == [
        "linear, new points: ground truth", "XOR, the 21 points: ground truth"
    ]  # fmt: skip
    assert titles(figures["activation"]) == ["sigmoid"]

    def points(figure, panel):
        return [collection.get_offsets().tolist() for collection in figures[figure].axes[panel].collections[-2:]]

    for panel in (0, 1):
        assert points("data", panel) == points("surface", panel)


def test_many_panels_of_the_same_runs_have_one_legend(drawn):
    figures, _ = drawn("backprop", "--compare")
    compared = figures["compared"]
    assert len(compared.axes) == 8
    assert [panel.get_legend() for panel in compared.axes] == [None] * 8
    (legend,) = compared.legends
    assert [text.get_text() for text in legend.get_texts()] == ["sgd", "momentum", "adagrad", "adam"]
    figures, _ = drawn("wide-deep")
    assert [text.get_text() for text in figures["compared"].legends[0].get_texts()] == ["wide", "deep"]
    assert all(panel.get_ylabel() and panel.get_yticklabels()[0].get_visible() for panel in figures["compared"].axes)


@pytest.mark.parametrize(("options", "networks"), [((), ["autoencoder"]), (("--compare",), ["plain", "denoising"])])
def test_the_autoencoders_curves_have_training_and_test_loss(drawn, options, networks):
    figures, _ = drawn("autoencoder", *options)
    panels = [panel for panel in figures["curves"].axes if panel.get_title().endswith(": loss")]
    assert [panel.get_title() for panel in panels] == [f"{name}: loss" for name in networks]
    for panel in panels:
        assert [line.get_label() for line in panel.lines] == ["train", "test"]
        low, high = panel.get_ylim()
        assert all(low < value < high for line in panel.lines for value in line.get_ydata())


def test_filters_and_feature_maps_of_the_convnet_match(drawn):
    figures, _ = drawn("convnet", "--filters", "6,4")
    assert captions(figures["filters"]) == captions(figures["feature_maps"]) == [str(i) for i in range(6)]
