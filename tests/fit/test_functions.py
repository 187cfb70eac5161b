"""Plain functions of (y_true, y_pred) as losses and metrics, as in Keras."""

import functools

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers, losses, metrics, optimizers

from ..small_models import FEATURES, ROWS, classifier, dense, labels, regressor, samples, uncompiled

X, TARGETS, LABELS = samples(), samples(ROWS, 2, seed=5), labels()
ONE_HOT = np.eye(3)[LABELS]
WEIGHTS = np.linspace(0.1, 2, ROWS)


def squared_error(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2, axis=-1)


def crossentropy(y_true, y_pred):
    return -np.sum(y_true * np.log(y_pred), axis=-1)


def clipped_crossentropy(y_true, y_pred):
    return -np.sum(y_true * np.log(np.clip(y_pred, 1e-7, 1 - 1e-7)), axis=-1)


def binary_crossentropy(y_true, y_pred):
    return -np.mean(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred), axis=-1)


def whole_error(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)


def each_error(y_true, y_pred):
    return (y_true - y_pred) ** 2


def largest_error(y_true, y_pred):
    return np.abs(y_true - y_pred).max(axis=-1)


def binary():
    return fastnn.Sequential([fastnn.Input((FEATURES,)), dense(2, "sigmoid", 4)])


REGRESSION = lambda: regressor(outputs=2)  # noqa: E731
PAIRS = [
    (squared_error, "mse", REGRESSION, TARGETS),
    (whole_error, "mse", REGRESSION, TARGETS),
    (each_error, "mse", REGRESSION, TARGETS),
    (lambda t, y: np.abs(t - y).mean(axis=-1), "mae", REGRESSION, TARGETS),
    (crossentropy, "categorical_crossentropy", uncompiled, ONE_HOT),
    (clipped_crossentropy, "categorical_crossentropy", uncompiled, ONE_HOT),
    (binary_crossentropy, "binary_crossentropy", binary, ONE_HOT[:, :2]),
    (lambda t, y: y - t * np.log(y + 1e-7), "poisson", lambda: regressor_above_0(), np.abs(TARGETS)),
]


def regressor_above_0():
    return fastnn.Sequential([fastnn.Input((FEATURES,)), dense(2, "softplus", 4)])


@pytest.mark.parametrize(
    ("function", "name", "network", "y", "weights"),
    [
        (*pair, weights)
        for pair in PAIRS
        for weights in (None, WEIGHTS)
        if pair[0] is not whole_error or weights is None  # one number cannot be weighted
    ],
)
def test_a_function_trains_like_the_loss_of_fastnn(function, name, network, y, weights):
    """30 steps of Adam: weights within 1e-4 of each other, in float32."""
    models = [network(), network()]
    histories = []
    for model, loss in zip(models, [function, name], strict=True):
        model.compile(optimizers.Adam(0.01), loss)
        data = model.fit(X, y, batch_size=8, epochs=6, shuffle=False, sample_weight=weights, verbose=0)
        histories.append(data.history["loss"])
        histories.append(model.evaluate(X, y, sample_weight=weights, verbose=0))
    for weight, expected in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(histories[0], histories[2], rtol=1e-4)
    assert histories[1] == pytest.approx(histories[3], rel=1e-4)
    assert histories[0][-1] < histories[0][0]


# Without the categorical cross-entropy of fastnn, which divides the outputs by their sum first, as Keras's does.
@pytest.mark.parametrize(("function", "name", "network", "y"), [p for p in PAIRS if p[2] is not uncompiled])
def test_its_gradient(function, name, network, y):
    """To eight digits, beside the loss of fastnn in float64."""
    model, expected = network(), losses.get(name)
    model.compile("sgd", function)
    y_pred = model.predict(X).astype(np.float64)
    loss = model.loss
    assert loss(y, y_pred) == pytest.approx(expected(y, y_pred), rel=1e-9)
    np.testing.assert_allclose(loss.backward(), expected.backward(), rtol=1e-8, atol=1e-10)


def test_the_gradient_where_a_logarithm_nearly_ends():
    """A probability of 1e-9 would become negative in a step of 6e-6."""
    model = uncompiled()
    model.compile("sgd", crossentropy)
    y = np.array([[1e-9, 0.25, 0.75 - 1e-9]])
    t = np.array([[1.0, 0.0, 0.0]])
    assert model.loss(t, y) == pytest.approx(-np.log(1e-9))
    np.testing.assert_allclose(model.loss.backward(), [[-1e9, 0, 0]], rtol=1e-8)


@pytest.mark.parametrize(
    ("function", "t", "y", "slope"),
    [
        (lambda t, y: (-t * np.log(y))[:, 0], 1.0, 2e-6, -5e5),
        (lambda t, y: (-t * np.log(y))[:, 0], 1.0, 3e-11, -1 / 3e-11),
        (lambda t, y: np.sqrt(y)[:, 0], 0.0, 1e-8, 5e3),
        (lambda t, y: (np.abs(y - t) / np.maximum(np.abs(t), 1e-7))[:, 0], 1e-6, 2e-6, 1e6),
        (lambda t, y: np.where(np.abs(y) < 1e-6, y**2 / 2e-6, np.abs(y) - 5e-7)[:, 0], 0.0, 5e-7, 0.5),
        (lambda t, y: np.abs(y - t)[:, 0], 0.5, 0.5, 0.0),
        (lambda t, y: np.abs(y - t)[:, 0], 0.5, 0.5 + 1e-7, 1.0),
        (lambda t, y: (100 + (y - t) ** 2)[:, 0], 0.5, 0.5 + 1e-5, 2e-5),
        (lambda t, y: np.log1p(y)[:, 0], 0.0, -1 + 1e-9, 1e9),
    ],
    ids=["log", "log of less", "sqrt", "relative", "small Huber", "kink", "beside a kink", "near a minimum", "log1p"],
)
def test_the_gradient_where_the_function_bends(function, t, y, slope):
    loss = losses.get(function)
    loss([[t], [t], [t]], [[y], [0.7], [y]])
    np.testing.assert_allclose(loss.backward()[::2, 0] * 3, slope, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("activation", ["softplus", "relu", "hard_sigmoid"])
def test_outputs_near_0(activation):
    """A step to below -1e-7 gave NaN, and NaN for all weights after one batch."""
    models = []
    for loss in (lambda t, y: np.mean(y - t * np.log(y + 1e-7), axis=-1), "poisson"):
        model = fastnn.Sequential([fastnn.Input((FEATURES,))])
        model.add(layers.Dense(2, activation, kernel_initializer=fastnn.initializers.RandomNormal(stddev=6, seed=1)))
        model.compile(optimizers.SGD(1e-3), loss)
        before = model.get_weights()
        model.fit(X, np.abs(TARGETS), batch_size=ROWS, shuffle=False, verbose=0)
        models.append([after - start for after, start in zip(model.get_weights(), before, strict=True)])
    assert np.min(np.abs(model.predict(X))) < 1e-6
    for change, expected in zip(*models, strict=True):
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(change, expected, rtol=1e-2, atol=np.abs(expected).max() * 1e-3)


def test_a_function_without_a_gradient_is_named():
    loss = losses.get(lambda t, y: np.sqrt(y).mean(axis=-1))
    loss([[1.0]], [[0.0]])
    with pytest.raises(ValueError, match="the loss lambda has no gradient at the output 0: its values next to it"):
        loss.backward()


def gaussian(t, y):
    return 0.5 * (y[:, 1] + (t[:, 0] - y[:, 0]) ** 2 / np.exp(y[:, 1]))


def pinball(t, y):
    q = np.array([0.1, 0.5, 0.9])
    return np.maximum(q * (t - y), (q - 1) * (t - y)).mean(axis=-1)


def of_labels(t, y):
    return -np.log(y[np.arange(len(y)), t[:, 0].astype(int)])


def test_targets_of_other_shapes_than_the_outputs():
    for outputs, function, y in ((2, gaussian, X[:, :1]), (3, pinball, X[:, 0]), (2, gaussian, X[:, 0])):
        model = regressor(outputs=outputs)
        model.compile(optimizers.Adam(0.01), function, [lambda t, y: np.abs(t[:, 0] - y[:, 0])])
        history = model.fit(X, y, epochs=20, validation_split=0.2, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
        assert model.evaluate(X, y, verbose=0)[0] == pytest.approx(
            function(X[:, :1], model.predict(X)).mean(), rel=1e-5
        )
        model.compile("adam", function, ["mse"])
        with pytest.raises(ValueError, match=r"the metric mse expects y of the outputs' shape, \(n, [23]\), received"):
            model.evaluate(X, y, verbose=0)


def test_labels_for_a_function():
    models = uncompiled(), uncompiled()
    for model, loss in zip(models, (of_labels, "sparse_categorical_crossentropy"), strict=True):
        model.compile("adam", loss)
        model.fit(X, LABELS, epochs=3, shuffle=False, class_weight={0: 2.0, 2: 0.5}, verbose=0)
    for weight, expected in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-5)


def test_functions_as_metrics():
    model = regressor(outputs=2)
    signs = lambda t, y: np.sign(t) == np.sign(y)  # noqa: E731
    model.compile("sgd", "mse", [largest_error, "mse", whole_error, signs])
    predicted = model.predict(X)
    results = model.evaluate(X, TARGETS, verbose=0, return_dict=True)
    assert results["largest_error"] == pytest.approx(np.abs(predicted - TARGETS).max(axis=1).mean(), rel=1e-6)
    assert results["whole_error"] == pytest.approx(results["mse"], rel=1e-6)
    assert results["lambda"] == pytest.approx((np.sign(predicted) == np.sign(TARGETS)).mean())
    history = model.fit(X, TARGETS, batch_size=8, epochs=2, validation_split=0.5, verbose=0).history
    assert set(history) == {f"{v}{n}" for n in ("loss", *results) for v in ("", "val_")}
    np.testing.assert_allclose(history["whole_error"], history["mse"], rtol=1e-5)


def test_a_metric_of_integer_labels():
    def hits(y_true, y_pred):
        assert y_true.dtype == np.int64
        return y_pred.argmax(axis=1) == y_true

    model = classifier(metrics=("accuracy", hits))
    _, accuracy, own = model.evaluate(X, LABELS, verbose=0)
    assert own == pytest.approx(accuracy)


def test_names():
    named = [functools.partial(squared_error), largest_error, lambda y_true, y_pred: 0.0]
    assert [metrics.get(f, 2, False).name for f in named] == ["squared_error", "largest_error", "lambda"]
    with pytest.raises(ValueError, match=r"metric names must differ .*\['lambda', 'lambda'\]"):
        regressor().compile("sgd", "mse", [lambda t, y: 0.0, lambda t, y: 1.0])
    assert repr(losses.get(squared_error)) == "<loss of the function squared_error>"


def test_wrong_results_are_refused():
    for wrong in (lambda t, y: np.zeros(len(y) + 1), lambda t, y: np.zeros((2, len(y), 2))):
        model = regressor(outputs=2)
        model.compile("sgd", wrong)
        with pytest.raises(ValueError, match=r"values of the loss lambda must have shape \(32,\), one per sample"):
            model.fit(X, TARGETS, verbose=0)
        model.compile("sgd", "mse", [wrong])
        with pytest.raises(ValueError, match=r"values of the metric lambda must have shape \(32,\), one per sample"):
            model.fit(X, TARGETS, verbose=0)
    model = regressor()
    model.compile("sgd", lambda t, y: None)
    with pytest.raises(TypeError, match="the values of the loss lambda must be an array of numbers"):
        model.fit(X, TARGETS[:, 0], verbose=0)
    model.compile("sgd", whole_error)
    with pytest.raises(ValueError, match="returned one number for the whole batch, so it cannot weight its samples"):
        model.fit(X, TARGETS[:, 0], sample_weight=WEIGHTS, verbose=0)
    with pytest.raises(RuntimeError, match="call forward before backward"):
        losses.get(squared_error).backward()


def test_a_function_cannot_change_its_arguments():
    def greedy(y_true, y_pred):
        y_pred -= y_true
        return np.mean(y_pred**2, axis=-1)

    for compiled in ({"loss": greedy}, {"loss": "mse", "metrics": [greedy]}):
        model = regressor(outputs=2)
        model.compile("sgd", **compiled)
        with pytest.raises(ValueError, match="read-only"):
            model.fit(X, TARGETS, verbose=0)


def test_no_gradient_is_computed_where_none_is_needed():
    calls = []

    def counted(y_true, y_pred):
        calls.append(len(y_pred))
        return squared_error(y_true, y_pred)

    model = regressor(outputs=2)
    model.compile("sgd", counted)
    model.evaluate(X, TARGETS, verbose=0)
    assert calls == [ROWS]
    model.train_on_batch(X, TARGETS)
    assert calls == [ROWS] * 6  # two more for each of two outputs


def test_early_stopping_cannot_know_the_direction_of_a_function():
    model = regressor(outputs=2)
    model.compile("sgd", "mse", [largest_error])
    with pytest.raises(ValueError, match='mode="min" or "max"'):
        model.fit(X, TARGETS, verbose=0, callbacks=callbacks.EarlyStopping("largest_error"))
    model.fit(X, TARGETS, verbose=0, callbacks=callbacks.EarlyStopping("largest_error", mode="min"))


def test_classes_stand_for_their_objects():
    """As in Keras: compile(Adam, MeanSquaredError)."""
    model = regressor()
    model.compile(optimizers.Adam, losses.MeanSquaredError, [metrics.MeanAbsoluteError])
    kinds = type(model.optimizer), type(model.loss), type(model.metrics[0])
    assert kinds == (optimizers.Adam, losses.MeanSquaredError, metrics.MeanAbsoluteError)


@pytest.mark.parametrize("own", [None, layers.ReLU])
def test_functions_beside_layers_of_any_kind(own):
    """Both in a compiled network and in one with a layer in Python."""

    class Python(layers.ReLU):
        def forward(self, x, training=False):
            return super().forward(x, training)

    model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(4), Python() if own else layers.ReLU(), dense(2)])
    model.compile(optimizers.Adam(0.01), squared_error, [largest_error])
    history = model.fit(X, TARGETS, epochs=10, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
