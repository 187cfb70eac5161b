"""Losses and metrics as objects: names, shapes, weights, errors. (Values: test_kernels_*, test_keras_figures.)"""

import math

import numpy as np
import pytest

from fastnn import losses, metrics

RNG = np.random.default_rng(8)
LABELS = RNG.integers(4, size=6)
ONE_HOT = np.eye(4)[LABELS]
PROBABILITIES = RNG.dirichlet(np.ones(4), 6)
LOGITS = RNG.normal(size=(6, 4))
SAMPLE_WEIGHT = np.array([0, 1, 2, 3, 0.5, 1])


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["mse", "MSE", "mean_squared_error"], losses.MeanSquaredError),
        (["bce", "BCE", "binary_crossentropy"], losses.BinaryCrossentropy),
        (["categorical_crossentropy"], losses.CategoricalCrossentropy),
        (["sparse_categorical_crossentropy"], losses.SparseCategoricalCrossentropy),
    ],
)
def test_losses_by_name(names, kind):
    for name in names:
        assert type(losses.get(name)) is kind
    own = kind()
    assert losses.get(own) is own
    assert repr(own) == f"{kind.__name__}()"


def test_losses_by_hand():
    sparse, categorical = losses.SparseCategoricalCrossentropy(), losses.CategoricalCrossentropy()
    expected = -np.log(PROBABILITIES[np.arange(6), LABELS])
    assert sparse(LABELS, PROBABILITIES) == pytest.approx(expected.mean(), rel=1e-12)
    assert categorical(ONE_HOT, PROBABILITIES) == pytest.approx(expected.mean(), rel=1e-12)
    weighted = (expected * SAMPLE_WEIGHT).sum() / 6
    assert sparse(LABELS, PROBABILITIES, SAMPLE_WEIGHT) == pytest.approx(weighted, rel=1e-12)
    assert sparse(LABELS[:, None], PROBABILITIES, SAMPLE_WEIGHT.tolist()) == pytest.approx(weighted, rel=1e-12)
    assert sparse(LABELS.tolist(), PROBABILITIES.tolist()) == pytest.approx(expected.mean(), rel=1e-12)
    mse = losses.MeanSquaredError()
    assert mse(np.zeros(6), LABELS) == pytest.approx((LABELS**2).mean(), rel=1e-6)
    assert type(mse(np.zeros(6), LABELS)) is float
    assert mse.backward().shape == (6, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [losses.SparseCategoricalCrossentropy, losses.CategoricalCrossentropy])
def test_from_logits(kind, dtype):
    y = LABELS if kind is losses.SparseCategoricalCrossentropy else ONE_HOT
    loss = kind(from_logits=True)
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    value = loss(y, LOGITS.astype(dtype))
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    assert value == pytest.approx(-np.log(probabilities[np.arange(6), LABELS]).mean(), rel=rtol)
    gradient = loss.backward()
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, (probabilities - ONE_HOT) / 6, rtol=10 * rtol, atol=rtol)
    assert repr(loss) == f"{kind.__name__}(from_logits=True)"


def test_backward_is_of_the_last_forward():
    loss = losses.MeanSquaredError()
    with pytest.raises(RuntimeError, match="call forward before backward"):
        loss.backward()
    loss(np.zeros((2, 1)), np.ones((2, 1)))
    np.testing.assert_array_equal(loss.backward(), [[1], [1]])
    loss(np.zeros((2, 1)), -np.ones((2, 1)))
    np.testing.assert_array_equal(loss.backward(), [[-1], [-1]])


def test_the_gradient_is_zero_where_the_weight_is():
    loss = losses.SparseCategoricalCrossentropy()
    loss(LABELS, PROBABILITIES, SAMPLE_WEIGHT)
    assert (loss.backward()[0] == 0).all()
    assert (loss.backward()[1:] != 0).any(axis=1).all()


BAD = [
    ((LABELS, PROBABILITIES[None]), ValueError, r"y_pred must have shape \(n, outputs\), received \(1, 6, 4\)"),
    ((LABELS, PROBABILITIES[:0]), ValueError, r"y_pred must have shape \(n, outputs\), received \(0, 4\)"),
    ((LABELS, PROBABILITIES[:5]), ValueError, "y_true and y_pred must have the same length, received 6 and 5"),
    ((LABELS, PROBABILITIES * np.nan), ValueError, "y_pred must be finite, received nan at index"),
    ((LABELS, "no"), TypeError, "y_pred must be an array of numbers"),
    ((LABELS + 1, PROBABILITIES), ValueError, r"y_true must be integers in \[0, 4\), received 4 at index"),
    ((ONE_HOT, PROBABILITIES), ValueError, "y_true must be integer labels of shape"),
    ((None, PROBABILITIES), TypeError, "y_true must be an array of numbers"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD, ids=[case[2] for case in BAD])
def test_what_losses_and_metrics_refuse(arguments, error, message):
    for function in (losses.SparseCategoricalCrossentropy(), metrics.SparseCategoricalAccuracy()):
        with pytest.raises(error, match=message):
            function(*arguments)


@pytest.mark.parametrize("weights", [-SAMPLE_WEIGHT, SAMPLE_WEIGHT[:5], SAMPLE_WEIGHT * np.nan, 1.0, ["1"] * 6])
def test_weights_that_losses_refuse(weights):
    with pytest.raises((ValueError, TypeError), match="sample_weight must"):
        losses.SparseCategoricalCrossentropy()(LABELS, PROBABILITIES, weights)


# ---------------------------------------------------------------------------------------------------------------------
# Metrics.


def test_metrics_by_hand():
    assert metrics.SparseCategoricalAccuracy()(LABELS, ONE_HOT) == 1
    assert metrics.SparseCategoricalAccuracy()((LABELS + 1) % 4, ONE_HOT) == 0
    assert metrics.CategoricalAccuracy()(ONE_HOT, PROBABILITIES) == (PROBABILITIES.argmax(axis=1) == LABELS).mean()
    assert metrics.BinaryAccuracy()([1, 0, 1], [0.5, 0.5, 0.51]) == pytest.approx(2 / 3)  # 0.5 itself is a no
    assert metrics.BinaryAccuracy(threshold=0.2)([1, 0, 1], [0.5, 0.1, 0.3]) == 1
    assert metrics.MeanSquaredError()([0, 0], [1, 3]) == 5
    assert metrics.RootMeanSquaredError()([0, 0], [1, 3]) == pytest.approx(math.sqrt(5))
    assert metrics.MeanAbsoluteError()([0, 0], [1, -3]) == 2
    assert type(metrics.MeanAbsoluteError()([0, 0], [1, -3])) is float


def test_of_equal_outputs_the_first_counts():
    assert metrics.SparseCategoricalAccuracy()([0, 1, 2], np.ones((3, 3))) == pytest.approx(1 / 3)
    assert metrics.CategoricalAccuracy()(np.eye(3), np.ones((3, 3))) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("outputs", "sparse", "kind"),
    [
        (1, False, metrics.BinaryAccuracy),
        (3, True, metrics.SparseCategoricalAccuracy),
        (3, False, metrics.CategoricalAccuracy),
    ],
)
def test_which_accuracy_accuracy_is(outputs, sparse, kind):
    for name in ("accuracy", "acc", "Accuracy"):
        metric = metrics.get(name, outputs, sparse)
        assert type(metric) is kind
        assert metric.name == name  # logged as it was asked for, as in Keras


def test_metrics_by_name():
    for name, kind in [
        ("mse", metrics.MeanSquaredError),
        ("MSE", metrics.MeanSquaredError),
        ("mean_absolute_error", metrics.MeanAbsoluteError),
        ("root_mean_squared_error", metrics.RootMeanSquaredError),
        ("binary_accuracy", metrics.BinaryAccuracy),
    ]:
        metric = metrics.get(name, 2, False)
        assert type(metric) is kind
        assert metric.name == name
    assert metrics.MeanSquaredError().name == "mean_squared_error"
    assert repr(metrics.BinaryAccuracy("mine")) == "BinaryAccuracy(name='mine')"
    with pytest.raises(ValueError, match="threshold must be a finite number"):
        metrics.BinaryAccuracy(threshold=math.nan)


def test_which_way_is_better():
    for kind in (metrics.BinaryAccuracy, metrics.CategoricalAccuracy, metrics.SparseCategoricalAccuracy):
        assert kind.better == "max"
    for kind in (metrics.MeanSquaredError, metrics.RootMeanSquaredError, metrics.MeanAbsoluteError):
        assert kind.better == "min"
