"""What a notebook shows of models, histories, metrics and profiles."""

import re
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest

import fastnn
from fastnn import layers, markup
from fastnn.callbacks import History
from fastnn.models.profile import Profile, ProfileRow

from ..small_models import classifier, labels, samples, uncompiled

X, Y = samples(), labels()
EVIL = "<script>alert(1)</script>&\x1b\"'"


def parsed(thing):
    """The HTML as a tree: well-formed, and without anything that acts or has an effect elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = thing._repr_html_()
    tree = ElementTree.fromstring(source)
    tags = {element.tag for element in tree.iter()}
    assert tags <= {
        *("div", "b", "table", "thead", "tbody", "tr", "th", "td"),
        *("svg", "rect", "path", "circle", "text"),
    }
    attributes = {name for element in tree.iter() for name in element.attrib}
    assert not [name for name in attributes if name in ("id", "class", "href") or name.startswith("on")]
    assert "url(" not in source
    assert "\x1b" not in source
    assert not re.search(r'\b(nan|inf)\b[^"<>]*"', source)  # in coordinates
    return tree


def cells(tree):
    return [["".join(cell.itertext()) for cell in row] for row in tree.iter("tr")]


def texts(tree):
    """The words in its pictures."""
    return [element.text for element in tree.iter("text")]


def logged(**columns):
    history = History()
    history.extend(range(max(map(len, columns.values()))), columns)
    return history


def test_a_small_model_is_drawn_by_neurons_with_its_weights():
    model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(3, "relu"), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.layers[0].kernel.value[...] = [[1, -2, 0], [4, 0, 1]]
    tree = parsed(model)
    assert ": 13 parameters, " in "".join(tree.itertext())
    assert "compiled with SGD and mean_squared_error" in "".join(tree.itertext())
    assert cells(tree) == [
        ["layer", "type", "output shape", "parameters"],
        [model.layers[0].name, "Dense", "(None, 3)", "9"],
        [model.layers[1].name, "Dropout", "(None, 3)", "0"],
        [model.layers[2].name, "Dense", "(None, 1)", "4"],
    ]
    assert len([*tree.iter("circle")]) == 2 + 3 + 1
    lines = [line.attrib for line in tree.iter("path")]
    assert len(lines) == 2 * 3 + 3
    assert lines[1]["stroke"] == markup.BLUE  # -2
    assert "stroke-dasharray" in lines[1]
    assert lines[3]["stroke"] == markup.VERMILION  # 4, the largest
    assert "stroke-dasharray" not in lines[3]
    assert float(lines[3]["stroke-width"]) > float(lines[1]["stroke-width"]) > float(lines[0]["stroke-width"])
    assert {"input", "2", "3, relu", "1"} <= set(texts(tree))


def test_a_convnet_is_drawn_by_blocks():
    model = fastnn.Sequential(
        [
            fastnn.Input((28, 28, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.BatchNormalization(trainable=False),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    tree = parsed(model)
    found = texts(tree)
    assert {"28 × 28 × 1", "26 × 26 × 8", "3 × 3, relu", "2 × 2, Dropout 0.25", "1,352", "softmax"} <= set(found)
    assert f"{model.layers[3].name} (not trained)" in [row[0] for row in cells(tree)]
    assert "of them trainable" in "".join(tree.itertext())


@pytest.mark.parametrize(
    "make",
    [
        fastnn.Sequential,
        lambda: fastnn.Sequential([fastnn.Input((3,))]),
        lambda: uncompiled(known_shape=False),
        lambda: fastnn.Sequential([fastnn.Input((4,)), layers.Embedding(3, 2)]),
        lambda: fastnn.Sequential([fastnn.Input((9, 2)), layers.Conv1D(3, 2), layers.GlobalMaxPooling1D()]),
        lambda: fastnn.Sequential([fastnn.Input((1,)), layers.Dense(1, kernel_initializer="zeros", use_bias=False)]),
    ],
    ids=["empty", "input", "unbuilt", "embedding", "sequence", "zeros"],
)
def test_all_kinds_of_models(make):
    parsed(make())


def test_weights_that_are_not_finite_are_left_out():
    model = uncompiled()
    model.layers[0].kernel.value[0, 0] = np.nan
    model.layers[0].kernel.value[0, 1] = np.inf
    parsed(model)


def test_hundreds_of_layers_are_shortened():
    model = fastnn.Sequential([fastnn.Input((30,)), *(layers.Dense(30, "relu") for _ in range(200))])
    tree = parsed(model)
    assert len(cells(tree)) == 1 + 12 + 1 + 12
    assert cells(tree)[13] == ["… 176 more layers …", "", "", f"{176 * 930:,}"]
    assert "193 more" in texts(tree)
    assert len(model._repr_html_()) < 20_000


@pytest.mark.parametrize(("inputs", "letters"), [(2, 30), (2, 300), (200, 300)], ids=["room", "cut", "blocks"])
def test_long_names_do_not_overlap(inputs, letters):
    sizes = [layers.Dense(2, name=letter * letters) for letter in "abc"]
    tree = parsed(fastnn.Sequential([fastnn.Input((inputs,)), *sizes]))
    names = [word for word in tree.iter("text") if word.text.strip("…") in {c * min(letters, 40) for c in "abc"}]
    places = [float(name.attrib["x"]) for name in names]
    assert len(places) == 3
    assert min(np.diff(places)) > 5.5 * len(names[0].text)
    (picture,) = tree.iter("svg")
    assert float(picture.attrib["width"]) > places[-1] + 2.75 * len(names[0].text)


def test_names_have_no_effect():
    model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(1, name=EVIL)], name=EVIL)
    tree = parsed(model)
    shown = EVIL.replace("\x1b", "\\x1b")
    assert cells(tree)[1][0] == shown
    assert shown in texts(tree)
    row = ProfileRow(EVIL, "forward", EVIL, 1.0, 1.0, 0.0, 0.0, 0.0, None, None, (1.0,))
    parsed(Profile((row,), 1.0, 5, 32, 1, None, True, 0.1))
    parsed(fastnn.metrics.BinaryAccuracy(name=EVIL))
    tree = parsed(logged(**{EVIL: [1.0, 2.0]}))
    assert cells(tree)[1][0] == shown


def test_a_history_has_curves_and_numbers():
    history = classifier().fit(X, Y, epochs=4, validation_data=(X, Y), verbose=0)
    tree = parsed(history)
    assert len([*tree.iter("svg")]) == 2
    assert {"loss", "accuracy", "train", "validation", "epoch"} <= set(texts(tree))
    head, *rows = cells(tree)
    assert head[2:] == ["after epoch 4", "lowest (epoch)", "highest (epoch)"]
    assert [row[:2] for row in rows] == [[n, part] for n in ("loss", "accuracy") for part in ("train", "validation")]
    losses = history.history["loss"]
    assert rows[0][2:] == [f"{losses[-1]:.5g}", f"{min(losses):.5g} (4)", f"{max(losses):.5g} (1)"]


def curves(tree):
    """The drawn points of each curve: pairs of numbers."""
    paths = [path.attrib["d"] for path in tree.iter("path") if "H" not in path.attrib["d"]]
    return [[tuple(map(float, pair.split())) for pair in re.split("[ML]", d)[1:]] for d in paths]


def test_numbers_of_some_epochs_are_shown_at_these():
    history = classifier().fit(X, Y, epochs=17, validation_data=(X, Y), validation_freq=5, verbose=0)
    tree = parsed(history)
    places = {row[1]: {cell.rpartition(" ")[2] for cell in row[3:]} for row in cells(tree)[1:3]}
    assert places["validation"] <= {"(5)", "(10)", "(15)"}
    dots = [float(dot.attrib["cx"]) for dot in tree.iter("circle")]
    train = dots[:17]
    np.testing.assert_allclose(dots[17:20], [train[4], train[9], train[14]])


def test_a_curve_goes_through_its_numbers():
    tree = parsed(logged(loss=[4.0, 1.0, 2.0], val_loss=[3.0, 3.0, 1.0]))
    one, other = curves(tree)
    assert [x for x, _ in one] == [x for x, _ in other] == sorted(x for x, _ in one)
    highest, lowest = one[0][1], one[1][1]
    assert lowest > highest  # y grows downwards
    assert one[2][1] == pytest.approx(lowest + (highest - lowest) / 3, abs=0.1)
    assert other[2][1] == lowest


def test_gaps_and_odd_numbers():
    nan, inf = np.nan, np.inf
    tree = parsed(logged(loss=[1.0, 2.0, nan, inf, 3.0, 2.0]))
    assert [path.attrib["d"].count("M") for path in tree.iter("path")][-1] == 2  # a gap
    assert cells(tree)[1][3:] == ["1 (1)", "3 (5)"]
    assert "no finite numbers" in texts(parsed(logged(loss=[nan, nan])))
    parsed(logged(loss=[1e308, -1e308, 0.0]))
    parsed(logged(loss=[2.0]))
    parsed(logged(loss=[2.0, 2.0]))
    parsed(logged(loss=[0.5, 0.4], f1=[np.ones(12), np.ones(12)]))
    parsed(logged(loss=[1.0] * 12, val_loss=[0.9, 0.8, 0.7]))  # validation_freq=4
    assert cells(parsed(History())) == []


def test_a_wide_range_has_a_logarithmic_axis():
    tree = parsed(logged(loss=[1.0, 1e-2, 1e-4]))
    assert "epoch, log scale" in texts(tree)
    ((_, top), (_, middle), (_, bottom)) = curves(tree)[0]
    assert middle == pytest.approx((top + bottom) / 2, abs=0.1)
    assert "epoch" in texts(parsed(logged(loss=[1.0, 1e-2, -1.0])))


def test_a_long_history_is_thinned_and_keeps_its_peaks():
    values = np.linspace(1, 2, 100_000)
    values[12_345], values[54_321] = 5.0, 0.5
    assert len(logged(loss=values.tolist())._repr_html_()) < 20_000
    kept = markup.thinned(values)
    assert {0, 12_345, 54_321, 99_999} <= set(kept.tolist())
    assert len(kept) <= 402
    assert markup.thinned(np.full(1000, np.nan)).size  # gaps stay gaps


@pytest.mark.parametrize("name", sorted(fastnn.metrics._BY_NAME))
def test_metrics(name):
    metric = fastnn.metrics._BY_NAME[name]()
    rows = {row[0]: row[1] for row in cells(parsed(metric))}
    assert rows[f"metric {metric.name}"] == ""
    assert rows["class"] == type(metric).__name__
    assert ("k = 5" in rows.get("arguments", "")) == ("top_k" in name)


def test_a_function_as_metric():
    def mean_error(y_true, y_pred):
        return np.abs(y_true - y_pred).mean(axis=1)

    assert ["metric mean_error", ""] in cells(parsed(fastnn.metrics.get(mean_error, 1, False)))


def test_a_profile_shows_what_it_prints(monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")  # in narrower tables names may have two lines
    found = classifier().profile(X, Y, steps=10, verbose=0)
    tree = parsed(found)
    printed = str(found)
    for row in cells(tree)[1:]:
        for cell in row:
            assert cell in printed
    bars = [float(bar.attrib["width"]) for bar in tree.iter("rect")]
    assert max(bars) == 120
    assert len(bars) == len(cells(tree)) - 2  # all rows but the head and the sum


def test_what_is_printed_stays():
    model = classifier()
    assert repr(model) == f"<Sequential name={model.name}, built=True>"
    assert repr(logged(loss=[1.0])) == "<History of 1 epochs: loss>"
