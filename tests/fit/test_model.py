"""Sequential: structure, names, shapes, weights, summary."""

import re

import numpy as np
import pytest

import fastnn
from fastnn import layers

from ..small_models import CLASSES, FEATURES, HIDDEN, classifier, dense, samples, uncompiled

# ---------------------------------------------------------------------------------------------------------------------
# Structure.


def test_layers_behind_an_input_are_built_at_once():
    model = fastnn.Sequential([fastnn.Input((4, 6))])
    assert not model.built
    assert model.input_shape == (None, 4, 6)
    assert model.output_shape is None
    model.add(layers.Flatten())
    model.add(layers.Dense(3))
    assert model.built
    assert [layer.output_shape for layer in model.layers] == [(None, 24), (None, 3)]
    assert model.output_shape == (None, 3)
    assert "Input" not in repr(model.layers)


USES = {
    "predict": lambda model, x, y: model.predict(x),
    "call": lambda model, x, y: model(x),
    "forward": lambda model, x, y: model.forward(x),
    "fit": lambda model, x, y: model.fit(x, y, verbose=0),
    "evaluate": lambda model, x, y: model.evaluate(x, y, verbose=0),
    "train_on_batch": lambda model, x, y: model.train_on_batch(x, y),
    "build": lambda model, x, y: model.build((None, FEATURES)),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_without_an_input_the_first_data_build_the_model(use):
    model = classifier(known_shape=False)
    assert not model.built
    assert model.get_weights() == []
    assert model.input_shape is None
    use(model, samples(6), np.zeros(6, int))
    assert model.built
    assert [w.shape for w in model.weights] == [(FEATURES, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)]


def test_built_layers_tell_the_model_its_shape():
    first = uncompiled()
    again = fastnn.Sequential(first.layers[:1])
    assert again.built
    assert again.input_shape == (None, FEATURES)
    assert again.output_shape == (None, HIDDEN)


def test_a_built_layer_behind_one_that_is_not():
    """The last layer alone does not tell the shape of a sample."""
    trained = dense(3)
    trained(np.ones((2, 4), np.float32))
    model = fastnn.Sequential([layers.Flatten(), trained])
    assert not model.built
    assert model.predict(np.ones((5, 2, 2), np.float32)).shape == (5, 3)
    assert model.built


def test_pop_and_add():
    model = classifier()
    weights = model.get_weights()
    last = model.pop()
    assert isinstance(last, layers.Dense)
    assert last.units == CLASSES
    assert model.output_shape == (None, HIDDEN)
    hidden = model.predict(samples())
    assert hidden.shape == (37, HIDDEN)
    model.add(layers.Dense(2, name="two"))
    assert model.output_shape == (None, 2)
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])
    model.pop()
    model.pop()
    with pytest.raises(IndexError, match="no layers"):
        model.pop()


def test_names():
    model = fastnn.Sequential([layers.LeakyReLU(), layers.Dense(2), layers.Dense(2), layers.GaussianNoise(0.1)])
    names = [layer.name for layer in model.layers]
    assert re.fullmatch(r"leaky_re_lu(_\d+)?", names[0])
    assert re.fullmatch(r"dense(_\d+)?", names[1])
    assert int(names[2].removeprefix("dense_")) == int("0" + names[1].removeprefix("dense").removeprefix("_")) + 1
    assert re.fullmatch(r"gaussian_noise(_\d+)?", names[3])
    assert re.fullmatch(r"sequential(_\d+)?", model.name)
    assert fastnn.Sequential(name="mine").name == "mine"
    assert repr(layers.Dense(2, name="d")) == "<Dense name=d, built=False>"
    assert repr(fastnn.Sequential(name="m")) == "<Sequential name=m, built=False>"


def test_two_layers_of_one_name():
    model = fastnn.Sequential([layers.Dense(2, name="same")])
    with pytest.raises(ValueError, match="layer names must differ, received 'same' twice"):
        model.add(layers.Dense(3, name="same"))
    with pytest.raises(ValueError, match="layer names must differ"):
        model.add(model.layers[0])
    assert len(model.layers) == 1


def test_one_float_type_for_all_layers():
    with pytest.raises(ValueError, match="layer b computes in float32, the layers before it in float64"):
        fastnn.Sequential([layers.Dense(2, dtype="float64", name="a"), layers.Dense(2, name="b")])


@pytest.mark.parametrize("second", [fastnn.Input((3,)), fastnn.Input((4,))])
def test_input_comes_first_and_once(second):
    with pytest.raises(ValueError, match="Input must come first"):
        fastnn.Sequential([fastnn.Input((3,)), second])
    with pytest.raises(ValueError, match="Input must come first"):
        fastnn.Sequential([layers.Dense(2), second])


def test_only_layers_can_be_added():
    for wrong in (3, "dense", layers.Dense, None):
        with pytest.raises(TypeError, match="takes fastnn layers, received"):
            fastnn.Sequential([wrong])


def test_shapes_that_do_not_fit_are_refused_when_a_layer_is_added():
    model = fastnn.Sequential([fastnn.Input((4, 4))])
    with pytest.raises(ValueError, match=r"expects inputs of shape \(batch, features\).*\(None, 4, 4\).*Flatten"):
        model.add(layers.Dense(3))
    assert model.layers == []
    built = layers.Dense(3, name="d")
    built(np.ones((1, 5)))
    with pytest.raises(ValueError, match=r"layer d was built for input shape \(None, 5\), received \(None, 16\)"):
        fastnn.Sequential([fastnn.Input((4, 4)), layers.Flatten(), built])


def test_building_for_another_shape():
    model = uncompiled()
    with pytest.raises(ValueError, match=r"takes samples of shape \(5,\), received \(6,\)"):
        model.build((None, 6))
    model.build((None, FEATURES))  # the same again does nothing
    for wrong in ((None,), 784, None, "ab"):
        with pytest.raises(ValueError, match=r"input_shape must be \(None, features, ...\), received"):
            uncompiled(known_shape=False).build(wrong)
    for wrong in ((None, 0), (None, -3)):
        with pytest.raises(ValueError, match="input_shape must be at least 1, received"):
            uncompiled(known_shape=False).build(wrong)
    with pytest.raises(TypeError, match="input_shape must be an integer of at least 1, received None"):
        layers.Dense(2).build((None, None))


def test_a_build_that_fails_half_way_leaves_nothing_behind():
    model = fastnn.Sequential([layers.Dense(3), layers.Dense(2, kernel_initializer=np.ones((9, 2)))])
    with pytest.raises(ValueError, match=r"must have shape \(3, 2\), received \(9, 2\)"):
        model.predict(np.ones((4, 5)))
    assert not model.built
    assert not model.layers[0].built
    assert model.get_weights() == []
    model.pop()
    assert model.predict(np.ones((4, 6))).shape == (4, 3)


# ---------------------------------------------------------------------------------------------------------------------
# Weights.


def test_order_and_shapes_of_the_weights():
    model = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(4, use_bias=False), layers.ReLU(), layers.Dense(2)])
    assert [w.shape for w in model.get_weights()] == [(5, 4), (4, 2), (2,)]
    assert [w.shape for w in model.gradients] == [(5, 4), (4, 2), (2,)]
    assert model.count_params() == 20 + 8 + 2
    assert model.layers[0].bias is None
    assert [len(layer.get_weights()) for layer in model.layers] == [1, 0, 2]
    np.testing.assert_array_equal(model.layers[2].get_weights()[0], model.get_weights()[1])


def test_get_weights_copies_and_weights_are_views():
    model, x = uncompiled(), samples(3)
    before = model.predict(x)
    for weight in model.get_weights():
        weight[...] = 0
    np.testing.assert_array_equal(model.predict(x), before)
    model.weights[3][...] = [5, 0, 0]
    assert (model.predict(x).argmax(axis=1) == 0).all()
    np.testing.assert_array_equal(model.get_weights()[3], [5, 0, 0])
    model.layers[1].weights[1][...] = [0, 0, 6]
    assert (model.predict(x).argmax(axis=1) == 2).all()


def test_set_weights():
    model, x = uncompiled(), samples(3)
    weights = [np.full_like(w, i + 1) for i, w in enumerate(model.get_weights())]
    model.set_weights(weights)
    for weight, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, expected)
    weights[0][...] = 99  # copied in, not referred to
    assert (model.weights[0] == 1).all()
    model.set_weights([w.tolist() for w in weights])
    assert (model.weights[0] == 99).all()
    other = uncompiled()
    other.layers[0].set_weights(model.layers[0].get_weights())
    other.layers[1].set_weights(model.layers[1].get_weights())
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


# ---------------------------------------------------------------------------------------------------------------------
# Summary.


def test_summary(capsys):
    model = fastnn.Sequential(
        [
            fastnn.Input((28, 28)),
            layers.Flatten(name="flatten"),
            layers.Dense(256, activation="relu", name="hidden"),
            layers.Dense(10, activation="softmax", name="output"),
        ],
        name="mnist",
    )
    assert model.summary() is None
    text = capsys.readouterr().out
    assert text.startswith('Model: "mnist"\n')
    rows = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in text.splitlines() if line[0] in "│┃"]
    assert rows == [
        ["Layer (type)", "Output Shape", "Param #"],
        ["flatten (Flatten)", "(None, 784)", "0"],
        ["hidden (Dense)", "(None, 256)", "200,960"],
        ["output (Dense)", "(None, 10)", "2,570"],
    ]
    assert text.splitlines()[-3:] == [
        " Total params: 203,530 (795.04 KB)",
        " Trainable params: 203,530 (795.04 KB)",
        " Non-trainable params: 0 (0.00 B)",
    ]
    assert max(map(len, text.splitlines())) <= 80


def test_the_summary_is_one_text_in_a_notebook_too(monkeypatch):
    """There rich would show the table at once, before the title."""
    lines = []
    model = uncompiled()
    model.summary(print_fn=lines.append)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    model.summary(print_fn=lines.append)
    assert lines[0] == lines[1]


def test_summary_of_frozen_unbuilt_and_empty_models():
    printed = []
    model = uncompiled(dtype="float64")
    model.layers[0].trainable = False
    model.summary(print_fn=printed.append)
    assert len(printed) == 1
    assert " Trainable params: 24 (192.00 B)" in printed[0]
    assert " Non-trainable params: 42 (336.00 B)" in printed[0]
    uncompiled(known_shape=False).summary(print_fn=printed.append)
    assert "?" in printed[1]
    assert "0 (unbuilt)" in printed[1]
    fastnn.Sequential().summary(print_fn=printed.append)
    assert " Total params: 0 (0.00 B)" in printed[2]


def test_names_cannot_control_the_terminal(capsys):
    """They may be from a file of somebody else's."""
    name = "red\x1b[31m\a\n[bold]"
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(1, name=name)], name=name)
    model.compile("sgd", "mse", metrics=[fastnn.metrics.MeanSquaredError(name=name)])
    model.summary()
    model.fit(np.ones((3, 4)), np.ones(3), verbose=2)
    text = capsys.readouterr().out
    shown = r"red\x1b[31m\x07\n[bold]"
    assert f'Model: "{shown}"' in text
    assert f"{shown} (Dense)" in text
    assert f"{shown} = " in text
    assert all(c.isprintable() or c == "\n" for c in text)
