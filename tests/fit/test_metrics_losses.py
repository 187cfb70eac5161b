"""Losses and metrics as objects: names, shapes, weights, errors. (Values: test_kernels_*, test_keras_figures.)"""

import math

import numpy as np
import pytest

import fastnn
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
        (["mae", "MAE", "mean_absolute_error"], losses.MeanAbsoluteError),
        (["huber"], losses.Huber),
        (["log_cosh"], losses.LogCosh),
        (["poisson"], losses.Poisson),
        (["hinge"], losses.Hinge),
        (["squared_hinge"], losses.SquaredHinge),
        (["kld", "KLD", "kl_divergence"], losses.KLDivergence),
        (["categorical_focal_crossentropy"], losses.CategoricalFocalCrossentropy),
    ],
)
def test_losses_by_name(names, kind):
    for name in names:
        assert type(losses.get(name)) is kind
    own = kind()
    assert losses.get(own) is own
    assert repr(own) == f"{kind.__name__}()"


def test_a_loss_tells_what_is_not_as_usual():
    assert repr(losses.Huber(2)) == "Huber(delta=2.0)"
    assert repr(losses.BinaryCrossentropy(True, 0.25)) == "BinaryCrossentropy(from_logits=True, label_smoothing=0.25)"
    assert repr(losses.CategoricalFocalCrossentropy(gamma=1)) == "CategoricalFocalCrossentropy(gamma=1.0)"
    config = losses.CategoricalFocalCrossentropy(0.5, 1, True, 0.125).get_config()
    assert config == {"alpha": 0.5, "gamma": 1.0, "from_logits": True, "label_smoothing": 0.125} | {
        "reduction": "sum_over_batch_size"
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.Huber(0), "delta must be a finite number > 0, received 0"),
        (lambda: losses.Huber(-1), "delta must be a finite number > 0, received -1"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=1), r"label_smoothing must .* \[0, 1\), received 1"),
        (lambda: losses.CategoricalCrossentropy(label_smoothing=-0.1), r"label_smoothing must .* received -0.1"),
        (lambda: losses.CategoricalFocalCrossentropy(alpha=-1), "alpha must be a finite number >= 0, received -1"),
        (lambda: losses.CategoricalFocalCrossentropy(gamma=math.nan), "gamma must be .* received nan"),
        (lambda: metrics.TopKCategoricalAccuracy(0), "k must be at least 1, received 0"),
        (lambda: metrics.Precision(1.5), r"thresholds must be a finite number in \[0, 1\], received 1.5"),
        (lambda: metrics.F1Score("mean"), "average must be None, .* received 'mean'"),
        (lambda: metrics.F1Score(threshold=0), "threshold must be above 0, received 0"),
        (lambda: metrics.AUC(1), "num_thresholds must be at least 2, received 1"),
        (lambda: metrics.AUC(curve="roc"), 'curve must be "ROC" or "PR", received \'roc\''),
        (lambda: metrics.AUC(summation_method="middle"), "summation_method must be .* received 'middle'"),
        (lambda: metrics.R2Score("mean"), "class_aggregation must be .* received 'mean'"),
    ],
)
def test_arguments_that_losses_and_metrics_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("loss", "y_true", "message"),
    [
        (
            "hinge",
            [[1, -1], [1, 0.5]],
            r"must be -1 and 1, or 0 and 1, for the loss hinge, received 0.5 at index \(1, 1\)",
        ),
        ("hinge", [[1, -1], [1, 2]], r"for the loss hinge, received 2 at index \(1, 1\)"),
        ("squared_hinge", [[1, -1], [1, 0]], "for the loss squared_hinge, received both 0 and -1"),
        ("poisson", [[1, 2], [-1, 3]], r"must not be negative for the loss poisson, received -1 at index \(1, 0\)"),
        (
            "kl_divergence",
            [[0.5, 1.5], [0, 1]],
            r"must be in \[0, 1\] for the loss kl_divergence, received values from 0 to 1.5",
        ),
        ("kl_divergence", [[0.5, 0.5], [-1, 1]], "for the loss kl_divergence, received values from -1 to 1"),
        (
            "categorical_focal_crossentropy",
            [[0.5, 0.5], [0, 0.5]],
            "must have rows that sum to 1, received a sum of 0.5",
        ),
        ("huber", [1, 2], r"must have shape \(n, 2\), received \(2,\)"),
    ],
)
def test_targets_that_losses_refuse(loss, y_true, message):
    with pytest.raises(ValueError, match=f"y_true .*{message}"):
        losses.get(loss)(y_true, np.full((2, 2), 0.5))
    model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(2, "softmax")])
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match=f"y .*{message}"):
        model.fit(np.ones((2, 3)), y_true, verbose=0)


@pytest.mark.parametrize(
    ("loss", "activation", "message"),
    [
        ("poisson", None, "poisson expects outputs of at least 0, but the last activation is linear"),
        ("poisson", "tanh", "poisson expects outputs of at least 0, but the last activation is tanh"),
        ("kld", None, "kl_divergence expects probabilities, but the last activation is linear"),
        ("categorical_focal_crossentropy", "sigmoid", "categorical_focal_crossentropy expects probabilities"),
    ],
)
def test_outputs_that_do_not_fit_a_loss(loss, activation, message):
    model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(2, activation)])
    with pytest.raises(ValueError, match=message):
        model.compile("sgd", loss)


def test_smoothing_is_that_of_the_targets():
    smoothed = ONE_HOT * 0.8 + 0.05
    loss, plain = losses.CategoricalCrossentropy(label_smoothing=0.2), losses.CategoricalCrossentropy()
    assert loss(ONE_HOT, PROBABILITIES) == plain(smoothed, PROBABILITIES)
    np.testing.assert_array_equal(loss.backward(), plain.backward())
    loss, plain = losses.BinaryCrossentropy(label_smoothing=0.2), losses.BinaryCrossentropy()
    assert loss(ONE_HOT, PROBABILITIES) == plain(ONE_HOT * 0.8 + 0.1, PROBABILITIES)


def test_hinge_takes_zeros_for_minus_one():
    for kind in (losses.Hinge, losses.SquaredHinge):
        loss = kind()
        assert loss(ONE_HOT, LOGITS) == loss(2 * ONE_HOT - 1, LOGITS)


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
        ("top_k_categorical_accuracy", metrics.TopKCategoricalAccuracy),
        ("precision", metrics.Precision),
        ("recall", metrics.Recall),
        ("f1_score", metrics.F1Score),
        ("auc", metrics.AUC),
        ("AUC", metrics.AUC),
        ("r2_score", metrics.R2Score),
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
    for kind in (metrics.Precision, metrics.Recall, metrics.F1Score, metrics.AUC, metrics.R2Score):
        assert kind.better == "max"
    for kind in (metrics.MeanSquaredError, metrics.RootMeanSquaredError, metrics.MeanAbsoluteError):
        assert kind.better == "min"


def test_metrics_of_sums_by_hand():
    y_true, y_pred = [0, 1, 1, 1, 0], [0.6, 0.9, 0.4, 0.3, 0.1]
    assert metrics.Precision()(y_true, y_pred) == pytest.approx(1 / 2)
    assert metrics.Recall()(y_true, y_pred) == pytest.approx(1 / 3)
    assert metrics.Precision(0.65)(y_true, y_pred) == 1
    assert metrics.Precision()([0, 1], [0.1, 0.2]) == 0  # no yes at all
    assert metrics.Recall()([0, 0], [0.9, 0.2]) == 0  # nothing to find
    assert metrics.AUC()(y_true, y_pred) == pytest.approx(4 / 6)  # of the six pairs of a 1 and a 0, two are in disorder
    assert metrics.AUC()([1, 1], [0.9, 0.2]) == 0
    np.testing.assert_allclose(metrics.F1Score()(np.eye(3)[[0, 0, 1]], np.eye(3)[[0, 1, 1]]), [2 / 3, 2 / 3, 0], 1e-6)
    assert metrics.R2Score()([1, 2, 3], [1, 2, 3]) == 1
    assert metrics.R2Score()([1, 2, 3], [2, 2, 2]) == pytest.approx(0, abs=1e-12)
    assert metrics.R2Score()([0.1, 0.1, 0.1], [0.1, 0.1, 0.3]) == 0  # nothing varies
    assert type(metrics.Precision()(y_true, y_pred)) is float
    assert type(metrics.R2Score()(y_true, y_pred)) is float


def test_f1_score_takes_rows_and_labels():
    for average in (None, "micro", "macro", "weighted"):
        metric = metrics.F1Score(average)
        np.testing.assert_array_equal(metric(LABELS, PROBABILITIES), metric(ONE_HOT, PROBABILITIES))
    assert metrics.get("f1_score", 3, sparse=True).name == "f1_score"
    assert metrics.get("f1_score", 3, sparse=False).name == "f1_score"
    with pytest.raises(
        ValueError, match="the metric f1_score needs rows of targets, but the loss takes integer labels"
    ):
        metrics.get(metrics.F1Score(threshold=0.5), 3, sparse=True)
    with pytest.raises(ValueError, match=r"y_true must have shape \(n, 4\)"):
        metrics.F1Score(threshold=0.5)(LABELS, PROBABILITIES)


# ---------------------------------------------------------------------------------------------------------------------
# The confusion matrix. (The forms that labels and predictions may have: test_plots_classes.)


def test_confusion_matrix():
    truth, predicted = [0, 0, 0, 1, 2, 2], [0, 0, 2, 1, 1, 2]
    counts = metrics.confusion_matrix(truth, predicted)
    np.testing.assert_array_equal(counts, [[2, 0, 1], [0, 1, 0], [0, 1, 1]])  # rows are the truth
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(metrics.confusion_matrix(np.eye(3)[truth], np.eye(3)[predicted] * 0.7), counts)
    wider = metrics.confusion_matrix(truth, predicted, classes=5)
    np.testing.assert_array_equal(wider, np.pad(counts, ((0, 2), (0, 2))))
    np.testing.assert_array_equal(metrics.confusion_matrix([0, 0], [0, 0]), [[2, 0], [0, 0]])


def test_what_the_confusion_matrix_refuses():
    with pytest.raises(ValueError, match="classes must be more than the largest label, 2, received 2"):
        metrics.confusion_matrix([0, 2], [0, 1], classes=2)
    with pytest.raises(ValueError, match="y_true and y_pred must have the same length, received 2 and 3"):
        metrics.confusion_matrix([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="y_true must be integers"):
        metrics.confusion_matrix([0, 0.5], [0, 1])
