"""The loss around a network's weights."""

import warnings

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.engine.threads import get_num_threads
from fastnn.models import programs
from fastnn.plots import directions, loss_landscape, panels
from fastnn.plots.figure import Figure

from ..small_models import classifier, labels, regressor, samples, state, unbuilt

X, Y = samples(), labels()


def surface_of(figure):
    """The bits of a drawn map: all corners of its contours."""
    return b"".join(path.vertices.tobytes() for c in figure.axes[0].collections for path in c.get_paths())


def trained():
    model = classifier("adam")
    model.fit(X, Y, epochs=5, verbose=0)
    return model


def test_random_directions_have_the_norms_of_the_filters():
    model = fastnn.Sequential(
        [fastnn.Input((6, 6, 2)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(4), layers.BatchNormalization()]
    )
    plane = directions.random_plane(model.parameters, seed=0)
    assert [p.name for p in plane.parameters] == ["kernel", "kernel"]  # neither biases nor gamma
    for direction in (plane.first, plane.second):
        for weight, d in zip(plane.centre, direction, strict=True):
            for j in range(weight.shape[-1]):  # one unit, or one output channel
                assert np.linalg.norm(d[..., j]) == pytest.approx(np.linalg.norm(weight[..., j]))
    one, other = (np.concatenate([part.ravel() for part in d]) for d in (plane.first, plane.second))
    assert abs(one @ other) < 0.5 * np.linalg.norm(one) * np.linalg.norm(other)
    again, different = (directions.random_plane(model.parameters, seed).first for seed in (0, 1))
    assert all(map(np.array_equal, again, plane.first))
    assert not any(map(np.array_equal, different, plane.first))


def test_a_filter_of_zeros_is_not_moved():
    weight = np.array([[0.0, 3.0], [0.0, 4.0]])
    found = directions.filter_normalized(weight, np.array([[1.0, 0.0], [1.0, 2.0]]))
    assert found.tolist() == [[0, 0], [0, 5]]


def test_the_losses_are_those_of_evaluate(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "fastnn.plots.landscape._draw_map", lambda panel, across, up, losses, scale: seen.update(losses=losses)
    )
    model = trained()
    loss_landscape(model, X, Y, span=0.5, resolution=3, seed=4)
    plane = directions.random_plane(model.parameters, 4)
    for row, b in enumerate((-0.5, 0, 0.5)):
        for column, a in enumerate((-0.5, 0, 0.5)):
            plane.move(a, b)
            assert seen["losses"][row, column] == model.evaluate(X, Y, verbose=0)[0]


def test_the_model_stays_as_it_was_and_the_picture_is_the_same_for_any_number_of_threads():
    model, before = trained(), get_num_threads()
    known = state(model)
    one = surface_of(loss_landscape(model, X, Y, resolution=5))
    try:
        for threads in (1, 2, 3):
            fastnn.set_num_threads(threads)
            assert surface_of(loss_landscape(model, X, Y, resolution=5)) == one
    finally:
        fastnn.set_num_threads(before)
    assert surface_of(loss_landscape(model, X, Y, resolution=5, seed=1)) != one
    assert state(model) == known
    assert [metric.name for metric in model.metrics] == ["accuracy"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError], ids=lambda error: error.__name__)
def test_the_model_stays_as_it_was_after_an_error(monkeypatch, error):
    model, calls = trained(), []
    known, evaluate = state(model), programs.evaluate

    def failing(*args):
        calls.append(1)
        if len(calls) == 4:
            raise error
        return evaluate(*args)

    monkeypatch.setattr(programs, "evaluate", failing)
    with pytest.raises(error):
        loss_landscape(model, X, Y, resolution=5)
    assert state(model) == known


def test_frozen_layers_and_the_global_random_state_are_left_alone():
    model = classifier()
    model.layers[0].trainable = False
    assert len(directions.random_plane(fastnn.engine.parameters.trained_weights(model.layers), 0).parameters) == 1
    fastnn.utils.set_random_seed(3)
    expected = fastnn.randomness.draw_seed()
    fastnn.utils.set_random_seed(3)
    loss_landscape(model, X, Y, resolution=3)
    assert fastnn.randomness.draw_seed() == expected


def test_a_path_lies_in_its_own_plane():
    """Two steps in two directions: the plane holds both, so the coordinates give the weights back."""
    model = regressor()
    own = [w.astype(np.float64) for w in model.get_weights()]
    rng = np.random.default_rng(0)
    path = [[w + rng.normal(size=w.shape) for w in own] for _ in range(2)]
    plane = directions.plane_of_path(model.parameters, path)
    lengths = [sum(np.square(part).sum() for part in d) for d in (plane.first, plane.second)]
    assert lengths == pytest.approx([1, 1])
    assert sum((a * b).sum() for a, b in zip(plane.first, plane.second, strict=True)) == pytest.approx(0, abs=1e-12)
    for weights, (a, b) in zip(path, plane.path, strict=True):
        for w, theta, d1, d2 in zip(weights, own, plane.first, plane.second, strict=True):
            np.testing.assert_allclose(theta + a * d1 + b * d2, w)
    assert plane.path[0].min() >= 0  # of the two possible signs
    shares = [float(name.split("(")[1].split(" ")[0]) for name in plane.names]
    assert shares[0] >= shares[1]
    assert sum(shares) == pytest.approx(100, abs=1)


def test_a_path_is_drawn_within_the_map():
    model = regressor("adam")
    y, path = samples(features=1), []
    for _ in range(4):
        path.append(model.get_weights())
        model.fit(X, y, epochs=3, verbose=0)
    path.append(model.get_weights())
    panel = loss_landscape(model, X, y, path=path, resolution=7).axes[0]
    line = {drawn.get_label(): drawn for drawn in panel.lines}["path of the training"]
    assert len(line.get_xdata()) == 5
    assert line.get_xydata()[-1] == pytest.approx([0, 0], abs=1e-6)
    (left, right), (low, high) = panel.get_xlim(), panel.get_ylim()
    assert left < min(line.get_xdata()) <= max(line.get_xdata()) < right
    assert low < min(line.get_ydata()) <= max(line.get_ydata()) < high


def test_a_surface_and_given_axes():
    figure = loss_landscape(classifier(), X, Y, surface=True, resolution=5, title="mine")
    assert figure.axes[0].name == "3d"
    assert figure.axes[0].get_title() == "mine"
    figure.savefig("/dev/null", format="png")
    own, axes = panels(columns=2)
    assert loss_landscape(classifier(), X, Y, resolution=3, axes=axes[0, 1]) is own
    third = Figure().add_subplot(projection="3d")
    assert loss_landscape(classifier(), X, Y, surface=True, resolution=3, axes=third) is third.figure


def test_the_star_lies_on_the_surface_and_in_front_of_it():
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    x, y = fastnn.datasets.points.generate_xor_easy()
    panel = loss_landscape(model, x, y, surface=True, resolution=5).axes[0]  # flat: all heights are in the middle
    (star,), (surface, *contours) = panel.lines, panel.collections
    assert [float(coordinate[0]) for coordinate in star.get_data_3d()] == [0, 0, 0.5]
    assert star.zorder > surface.zorder > max((contour.zorder for contour in contours), default=0)
    assert not panel.computed_zorder


def test_models_in_python_with_penalties_and_functions():
    def squared(y_true, y_pred):
        return np.square(y_true - y_pred).mean(axis=1)

    class Twice(layers.Layer):
        def forward(self, x, training=False):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    model = fastnn.Sequential([fastnn.Input((5,)), Twice(), layers.Dense(1, kernel_regularizer="l2")])
    model.compile("sgd", "mse", [squared])
    loss_landscape(model, X, samples(features=1), resolution=3)


@pytest.mark.parametrize(
    ("span", "log"), [(1.0, None), (1e20, None), (1e20, False)], ids=["usual", "exploding", "exploding-linear"]
)
@pytest.mark.parametrize("surface", [False, True], ids=["map", "surface"])
def test_losses_that_are_infinite_are_left_out(span, log, surface):
    model = regressor()
    y = samples(features=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = loss_landscape(model, X, y, span=span, log=log, surface=surface, resolution=5)
        figure.savefig("/dev/null", format="png")
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert ("loss not finite" in texts) == (span > 1 and not surface)


def test_a_flat_loss_is_drawn():
    model = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    loss_landscape(model, X, np.ones(len(X)), resolution=3).savefig("/dev/null", format="png")


def model_without_kernels():
    model = fastnn.Sequential([fastnn.Input((1,)), layers.BatchNormalization()])
    model.compile("sgd", "mse")
    return model


def below_zero(y_true, y_pred):
    return -np.square(y_pred).mean(axis=1)


def model_of_nan():
    model = classifier()
    model.layers[1].bias.value[...] = np.nan
    return model


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (lambda: "m", {}, TypeError, "model must be a fastnn.Sequential, received str"),
        (unbuilt, {}, ValueError, "must be built"),
        (lambda: fastnn.Sequential([fastnn.Input((5,)), layers.Dense(3)]), {}, RuntimeError, "compile"),
        (model_of_nan, {}, ValueError, "model must have a finite loss for x and y, received nan"),
        (classifier, {"span": 0}, ValueError, "span must be a finite number > 0, received 0"),
        (classifier, {"resolution": 2}, ValueError, "resolution must be at least 3, received 2"),
        (classifier, {"seed": 1.5}, TypeError, "seed must be an integer"),
        (classifier, {"axes": 3}, TypeError, "axes must be matplotlib Axes, received int"),
        (
            classifier,
            {"axes": panels()[1], "surface": True},
            ValueError,
            "axes must be a matplotlib Axes made with pro",
        ),
        (classifier, {"path": "w"}, TypeError, "path must be a list of what model.get_weights"),
        (classifier, {"path": [[1.0]]}, ValueError, r"path\[0\] must be what model.get_weights\(\) returns"),
        (classifier, {"path": [classifier().get_weights()]}, ValueError, "at least two different directions"),
        (lambda: regressor(loss=below_zero), {"log": True}, ValueError, "log=True needs losses above 0, received -"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_errors(make, options, error, message):
    with pytest.raises(error, match=message):
        loss_landscape(make(), X, Y, **options)


def test_a_model_without_kernels_is_refused():
    with pytest.raises(ValueError, match="model must have trainable kernels"):
        loss_landscape(model_without_kernels(), np.ones((4, 1)), np.ones(4))
