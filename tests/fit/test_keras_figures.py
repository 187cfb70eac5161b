"""The cases of `reference/keras_cases.py` in fastnn, against the figures that Keras gave (`reference/keras.json`).

What Keras has and fastnn has not is left out: `weighted_metrics`, ReLU's `max_value` and `threshold`.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers, losses, metrics, optimizers
from fastnn.utils import to_categorical
from tests.reference import keras_cases as cases
from tests.reference.probabilities import sparse_softmax_cross_entropy

FIGURES = json.loads((Path(__file__).parents[1] / "reference" / "keras.json").read_text())
SATURATED = next(case for case in cases.CASES if case.get("saturated"))


def make(module, spec):
    """A string, or an object of `module` from (class name, keyword arguments)."""
    if isinstance(spec, str):
        return spec
    name, options = spec
    return getattr(module, name)(**{key: inner(value) for key, value in options.items()})


def inner(value):
    """An argument of a layer: ("regularizers.L2", {...}) as an object, others as they are."""
    if not (isinstance(value, tuple) and isinstance(value[0], str)):
        return value
    module, _, name = value[0].partition(".")
    return getattr(getattr(fastnn, module), name)(**value[1])


def build(case, metrics_too=()):
    model = fastnn.Sequential([fastnn.Input(case["shape"]), *(make(layers, spec) for spec in case["layers"])])
    model.compile(
        optimizer=make(optimizers, case["optimizer"]),
        loss=make(losses, case["loss"]),
        metrics=[*(make(metrics, spec) for spec in case["metrics"]), *metrics_too],
    )
    if "excluded" in case:
        model.optimizer.exclude_from_weight_decay(var_names=case["excluded"])
    model.set_weights(cases.initial_weights(case))
    return model


def assert_close(actual, expected, rtol=1e-5, atol=0.0):
    np.testing.assert_allclose(actual, np.asarray(expected, np.float64), rtol=rtol, atol=atol)


def assert_weights(model, expected):
    for weight, figure in zip(model.get_weights(), expected, strict=True):
        assert_close(weight, figure, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", [case for case in cases.CASES if case is not SATURATED], ids=lambda case: case["name"])
def test_training(case):
    figures = FIGURES["cases"][case["name"]]
    # Without sample weights a weighted metric is the metric. (Keras logs it under the class name it was given.)
    unweighted = [] if "sample_weight" in case else case.get("weighted_metrics", [])
    model = build(case, [getattr(metrics, name)(name) for name in unweighted])
    arguments = cases.fit_arguments(case)
    history = model.fit(**arguments, verbose=0)

    assert history.epoch == figures["epoch"]
    assert history.params == figures["params"]
    assert list(history.history) == [key for key in figures["history"] if "weighted_" not in key]
    for key, column in history.history.items():
        assert all(type(value) is float for value in column)
        assert_close(column, figures["history"][key])
    assert_weights(model, figures["weights"])

    x, y = arguments["x"], arguments["y"]
    results = model.evaluate(x, y, batch_size=8, verbose=0)
    assert len(results) == len(model.metrics) + 1
    assert_close(results, figures["evaluate"][: len(results)])
    named = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    assert list(named) == [key for key in figures["evaluate_dict"] if "weighted_" not in key]
    for key, value in named.items():
        assert_close(value, figures["evaluate_dict"][key])
    assert_close(model.predict(x, verbose=0)[:3], figures["predict"], rtol=1e-4, atol=1e-6)


def test_training_where_keras_clips():
    """Beyond [1e-7, 1 - 1e-7] Keras with JAX clips the probabilities, and has no gradient there.

    fastnn starts from the logits: exact, and it learns on. So the expectation is not Keras's but the formula's, in
    float64; that Keras's figures are others shows that the case does reach the clip.
    """
    model, arguments = build(SATURATED), cases.fit_arguments(SATURATED)
    x, y = arguments["x"].astype(np.float64), arguments["y"]
    kernel, bias = (weight.astype(np.float64) for weight in cases.initial_weights(SATURATED))
    batch_size, rate = arguments["batch_size"], SATURATED["optimizer"][1]["learning_rate"]
    expected = []
    for _ in range(arguments["epochs"]):
        total = 0.0
        for first in range(0, len(x), batch_size):
            rows, labels = x[first : first + batch_size], y[first : first + batch_size]
            scale = np.full(len(rows), 1 / len(rows))
            values, gradient = sparse_softmax_cross_entropy(rows @ kernel + bias, labels, scale)
            kernel, bias = kernel - rate * rows.T @ gradient, bias - rate * gradient.sum(axis=0)
            total += values.sum()
        expected.append(total / len(x))

    history = model.fit(**arguments, verbose=0)
    assert_close(history.history["loss"], expected)
    for weight, exact in zip(model.get_weights(), (kernel, bias), strict=True):
        assert_close(weight, exact, rtol=1e-4, atol=1e-4)
    assert not np.allclose(FIGURES["cases"]["saturated"]["history"]["loss"], expected, rtol=0.1)


def test_on_batch():
    figures = FIGURES["on_batch"]
    case = next(case for case in cases.CASES if case["name"] == figures["case"])
    model, x = build(case), cases.inputs(case)
    y, w = cases.targets(case, x), cases.sample_weights(len(x))
    batches = [slice(i, i + 8) for i in range(0, 24, 8)]
    assert_close([model.train_on_batch(x[b], y[b]) for b in batches], figures["train"])
    assert_close(model.train_on_batch(x, y, sample_weight=w), figures["train_sample_weight"])
    assert_close(model.train_on_batch(x, y, class_weight={0: 2.0, 2: 0.25}), figures["train_class_weight"])
    assert_close([model.test_on_batch(x[b], y[b]) for b in batches], figures["test"])
    named = model.test_on_batch(x, y, sample_weight=w, return_dict=True)
    assert list(named) == list(figures["test_return_dict"])
    assert_close(list(named.values()), list(figures["test_return_dict"].values()))
    assert_close(model.evaluate(x, y, sample_weight=w, verbose=0), figures["evaluate_sample_weight"])
    assert_weights(model, figures["weights"])


@pytest.mark.parametrize(
    "value",
    cases.LOSS_VALUES,
    ids=lambda value: value["name"],
)
def test_loss(value):
    figures = FIGURES["losses"][value["name"]]
    loss = getattr(losses, value["loss"])(**value["options"])
    y_true, y_pred, weights = cases.loss_arguments(value)
    assert_close(loss(y_true, y_pred), figures["mean"])
    gradient = loss.backward()
    scale = np.abs(figures["d"]).max(axis=1, keepdims=True)  # next to 1e6 a row's small entries have no more digits
    assert (np.abs(gradient - np.asarray(figures["d"])) <= 1e-6 * scale + 1e-8).all()
    assert_close(loss(y_true, y_pred, sample_weight=weights), figures["weighted_mean"])
    each = [loss(y_true[i : i + 1], y_pred[i : i + 1]) for i in range(cases.LOSS_ROWS)]
    # Keras's own float32 loses 5e-6 where logits of +-100 are subtracted.
    assert_close(each, figures["each"], atol=5e-6)


@pytest.mark.parametrize("value", cases.METRIC_VALUES, ids=lambda value: value["name"])
def test_metric(value):
    metric = getattr(metrics, value["metric"])(**value["options"])
    y_true, y_pred, _ = cases.loss_arguments(value)
    assert_close(metric(y_true, y_pred), FIGURES["metrics"][value["name"]]["mean"], rtol=1e-6)


def assert_activation(layer, figures):
    x = cases.ACTIVATION_INPUTS[:, np.newaxis]
    # Keras's sigmoid of -100 is 0; exp(-100) is below the smallest normal number.
    assert_close(layer(x)[:, 0], figures["y"], rtol=1e-6, atol=np.finfo(np.float32).tiny)
    slopes = layer.backward(np.ones_like(x))[:, 0]
    expected = np.array(figures["d"])
    if layer.activation == "leaky_relu":  # at 0 Keras has 1 with JAX, but the other slope with TensorFlow and PyTorch
        assert expected[x[:, 0] == 0] == 1
        expected[x[:, 0] == 0] = expected[0]
    # From y alone, 1 - y^2 has an error of float32's 1.2e-7 near y = 1.
    assert_close(slopes, expected, rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("name", cases.ACTIVATIONS)
def test_activation(name):
    assert_activation(layers.Activation(name), FIGURES["activations"][name])


@pytest.mark.parametrize("index", [i for i, spec in enumerate(cases.ACTIVATION_LAYERS) if "max_value" not in spec[1]])
def test_activation_layer(index):
    assert_activation(make(layers, cases.ACTIVATION_LAYERS[index]), FIGURES["activation_layers"][index])


def test_softmax():
    logits = cases.predictions(cases.LOGITS)
    assert_close(layers.Softmax()(logits), FIGURES["softmax"], rtol=1e-6, atol=1e-37)
    assert np.array_equal(layers.Activation("softmax")(logits), layers.Softmax()(logits))


@pytest.mark.parametrize("name", FIGURES["optimizers"])
def test_optimizer_defaults(name):
    optimizer = getattr(optimizers, name)()
    config = FIGURES["optimizers"][name]
    missing = {key for key in config if not hasattr(optimizer, key)}
    assert missing == {"loss_scale_factor", "gradient_accumulation_steps"}
    for key in config.keys() - missing:
        expected = config[key]
        number = isinstance(expected, float)
        assert getattr(optimizer, key) == (pytest.approx(expected, rel=1e-6) if number else expected), key
    assert optimizer.iterations == 0


@pytest.mark.parametrize("index", range(len(cases.TO_CATEGORICAL)))
def test_to_categorical(index):
    (x, num_classes), expected = cases.TO_CATEGORICAL[index], np.asarray(FIGURES["to_categorical"][index])
    if x == [1.9, 0.2]:  # Keras cuts the fractions off; a fractional label is a mistake
        with pytest.raises(ValueError, match=r"x must be integers in \[0, 2\), received 1\.9 at index 0"):
            to_categorical(x, num_classes)
        return
    rows = to_categorical(x, num_classes)
    assert rows.dtype == np.float64
    assert rows.shape == expected.shape
    assert np.array_equal(rows, expected)


class EpochCounter:
    """What EarlyStopping needs of a model; its only weight is the number of the epoch."""

    metrics = ()

    def __init__(self):
        self.stop_training = False
        self.weights = [np.array([-1])]

    def get_weights(self):
        return [self.weights[0].copy()]


@pytest.mark.parametrize("index", range(len(cases.EARLY_STOPPING)))
def test_early_stopping(index):
    values, options = cases.EARLY_STOPPING[index]
    callback, model = callbacks.EarlyStopping(**options), EpochCounter()
    callback.set_model(model)
    callback.on_train_begin()
    epochs = 0
    for epoch, value in enumerate(values):
        model.weights[0][0] = epoch
        callback.on_epoch_end(epoch, {"val_loss": value})
        epochs += 1
        if model.stop_training:
            break
    callback.on_train_end()
    result = {
        "epochs": epochs,
        "stopped_epoch": callback.stopped_epoch,
        "best": pytest.approx(callback.best, nan_ok=True),
        "best_epoch": callback.best_epoch,
        "wait": callback.wait,
        "weights_of_epoch": int(model.weights[0][0]),
    }
    assert result == FIGURES["early_stopping"][index]
