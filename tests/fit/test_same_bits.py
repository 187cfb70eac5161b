"""The same bits for any number of threads, and from the layer-by-layer path; one compilation for everything."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses, metrics, optimizers
from fastnn.engine import threads
from fastnn.engine.eager import EagerProgram
from fastnn.engine.program import Program
from fastnn.layers.activations import FUNCTIONS

from ..cases import OPTIMIZERS
from ..small_models import assert_same_weights, dense

# Not multiples of any tile, vector or share; nor are the last batches.
ROWS, FEATURES, HIDDEN, CLASSES, BATCH = 331, 37, 41, 5, 49


@pytest.fixture(autouse=True)
def _settings_restored(monkeypatch):
    monkeypatch.setattr(threads, "_asked", None)
    yield
    fastnn.config.set_floatx("float32")


class Identity(layers.Layer):
    """Written in Python: a model that begins with it runs one layer at a time."""

    shape_only = True

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


class FromProbabilities(losses.CategoricalFocalCrossentropy):
    """Never starts from the logits."""

    def fuses(self, layers):
        return False


RNG = np.random.default_rng(5)
X = RNG.normal(size=(ROWS, FEATURES))
PIXELS = RNG.integers(0, 256, (ROWS, FEATURES), np.uint8)
INTEGERS = RNG.integers(0, 50, (ROWS, FEATURES))
TABLE = np.where(np.isin(np.arange(FEATURES), [3, 30]), INTEGERS, X)
LABELS = RNG.integers(CLASSES, size=ROWS)
TARGETS = {
    "labels": LABELS,
    "one_hot": np.eye(CLASSES)[LABELS],
    "soft": RNG.dirichlet(np.ones(CLASSES), ROWS),
    "binary": RNG.integers(2, size=(ROWS, CLASSES)),
    "values": RNG.normal(size=(ROWS, CLASSES)),
    "signs": RNG.choice([-1, 1], (ROWS, CLASSES)),
    "counts": RNG.poisson(2, (ROWS, CLASSES)),
}
WEIGHTS = RNG.uniform(0, 2, ROWS)


def network(*inner, output=None, use_bias=True):
    """[37, 41, inner, 5]."""
    return [
        lambda: dense(HIDDEN, None, 1, use_bias=use_bias),
        *inner,
        lambda: dense(CLASSES, output, 2, use_bias=use_bias),
    ]


def case(name, makes, loss, targets, **options):
    return pytest.param({"makes": makes, "loss": loss, "targets": targets, **options}, id=name)


def images(*inner):
    """Images of 6 x 5 pixels with 9 channels between two dense layers."""
    return [lambda: dense(270, "relu", 1), lambda: layers.Reshape((6, 5, 9)), *inner, layers.Flatten, network()[-1]]


SOFTMAX = network(layers.ReLU, output="softmax")
SIGMOID = network(layers.ReLU, output="sigmoid")
SPARSE = ("sparse_categorical_crossentropy", "labels")
YES_OR_NO = [
    "precision",
    metrics.Recall(0.4),
    metrics.F1Score("micro", 0.3),
    "auc",
    metrics.AUC(50, "PR", name="area"),
    "mae",
]
TOP_2 = metrics.SparseTopKCategoricalAccuracy(2)
CLASSES_OF_ROWS = ["accuracy", metrics.F1Score("weighted"), metrics.TopKCategoricalAccuracy(2), "precision"]
CASES = [
    *(
        case(f"activation_{name}", network(lambda name=name: layers.Activation(name), output="softmax"), *SPARSE)
        for name in FUNCTIONS
    ),
    *(case(f"optimizer_{c.name}", SOFTMAX, *SPARSE, optimizer=c.make) for c in OPTIMIZERS),
    case("loss_categorical", SOFTMAX, "categorical_crossentropy", "one_hot"),
    case("loss_categorical_soft", SOFTMAX, "categorical_crossentropy", "soft"),
    case("loss_binary", network(layers.ReLU, output="sigmoid"), "binary_crossentropy", "binary"),
    case("loss_mse", network(layers.Tanh), "mse", "values", metrics=["mae"]),
    case("loss_mse_after_softmax", SOFTMAX, "mse", "one_hot"),
    case("logits_sparse", network(), losses.SparseCategoricalCrossentropy(from_logits=True), "labels"),
    case("logits_categorical", network(), losses.CategoricalCrossentropy(from_logits=True), "soft"),
    case("logits_binary", network(), losses.BinaryCrossentropy(from_logits=True), "binary", metrics=["mae"]),
    case("loss_mae", network(layers.Tanh), "mae", "values", metrics=[metrics.R2Score(), "mae"]),
    case("loss_huber", network(layers.Tanh), losses.Huber(0.5), "values", metrics=["r2_score"]),
    case("loss_log_cosh", network(layers.Tanh), "log_cosh", "values"),
    case("loss_poisson", SIGMOID, "poisson", "counts", metrics=["mae"]),
    case("loss_hinge", network(layers.Tanh), "hinge", "signs"),
    case("loss_squared_hinge", network(layers.Tanh), "squared_hinge", "binary", metrics=["precision", "recall"]),
    case("loss_kl_divergence", SOFTMAX, "kld", "soft"),
    case("loss_focal", SOFTMAX, losses.CategoricalFocalCrossentropy(0.3, 1.5), "one_hot"),
    case("loss_focal_smoothed", SOFTMAX, losses.CategoricalFocalCrossentropy(label_smoothing=0.1), "one_hot"),
    case("logits_focal", network(), losses.CategoricalFocalCrossentropy(from_logits=True), "soft"),
    case("focal_of_probabilities", SOFTMAX, FromProbabilities(), "one_hot"),
    case("smoothed", SOFTMAX, losses.CategoricalCrossentropy(label_smoothing=0.2), "one_hot", metrics=["mae"]),
    case("smoothed_logits", network(), losses.CategoricalCrossentropy(True, 0.2), "soft"),
    case("smoothed_binary", SIGMOID, losses.BinaryCrossentropy(label_smoothing=0.2), "binary"),
    case("smoothed_binary_logits", network(), losses.BinaryCrossentropy(True, 0.2), "binary"),
    case("metrics_of_yes_and_no", SIGMOID, "binary_crossentropy", "binary", metrics=YES_OR_NO),
    case("metrics_of_classes", SOFTMAX, "categorical_crossentropy", "one_hot", metrics=CLASSES_OF_ROWS),
    case("metrics_of_labels", SOFTMAX, *SPARSE, metrics=["accuracy", metrics.F1Score("macro"), TOP_2]),
    case("float64_focal", SOFTMAX, losses.CategoricalFocalCrossentropy(), "one_hot", floatx="float64"),
    case("float64_huber", network(layers.Tanh), "huber", "values", metrics=["r2_score"], floatx="float64"),
    case("softmax_layer", [*network(layers.ReLU), layers.Softmax], *SPARSE),
    case("prelu", network(layers.PReLU, lambda: layers.PReLU(shared_axes=[1]), output="softmax"), *SPARSE),
    case("dropout", network(layers.ReLU, lambda: layers.Dropout(0.4, seed=3), output="softmax"), *SPARSE),
    case("noise", network(lambda: layers.GaussianNoise(0.3, seed=4), layers.ReLU, output="softmax"), *SPARSE),
    case("noise_first", [lambda: layers.GaussianNoise(0.3, seed=4), *SOFTMAX], *SPARSE),
    case("dropout_last", [*network(), lambda: layers.Dropout(0.4, seed=3)], "mse", "values"),
    case("conv", images(lambda: layers.Conv2D(7, 3, padding="same", activation="relu")), "mse", "values"),
    case("conv_strides", images(lambda: layers.Conv2D(16, (3, 2), 2)), "mse", "values"),
    case("conv_dilation", images(lambda: layers.Conv2D(3, 2, dilation_rate=3, use_bias=False)), "mse", "values"),
    # An activation behind it works in place, and must leave the numbers that the way back looks for.
    case("max_pooling", images(layers.MaxPooling2D, layers.Tanh), "mse", "values"),
    case("max_pooling_overlapping", images(lambda: layers.MaxPooling2D(3, 2, "same")), "mse", "values"),
    case("average_pooling", images(lambda: layers.AveragePooling2D(3, 2, "same")), "mse", "values"),
    case("global_max_pooling", images(layers.GlobalMaxPooling2D, layers.Tanh), "mse", "values"),
    case("global_average_pooling", images(layers.GlobalAveragePooling2D), "mse", "values"),
    case("zero_padding", images(layers.ZeroPadding2D), "mse", "values"),
    case("spatial_dropout", images(lambda: layers.SpatialDropout2D(0.4, seed=3)), "mse", "values"),
    case("sample_weight", SOFTMAX, *SPARSE, fit={"sample_weight": WEIGHTS}),
    case("class_weight", SOFTMAX, *SPARSE, fit={"class_weight": {0: 3.0, 2: 0.5}}),
    case("no_bias", network(layers.ReLU, output="softmax", use_bias=False), *SPARSE),
    case("no_hidden", [lambda: dense(CLASSES, "softmax", 1)], *SPARSE),
    case("rescaling", [lambda: layers.Rescaling(0.3, -1.0), *SOFTMAX], *SPARSE),
    case("rescaling_inside", network(lambda: layers.Rescaling(0.3, -1.0), output="softmax"), *SPARSE),
    case("pixels", [lambda: layers.Rescaling(1 / 255), *SOFTMAX], *SPARSE, x=PIXELS),
    case("embedding", [lambda: layers.Embedding(50, 3), layers.Flatten, *SOFTMAX], *SPARSE, x=INTEGERS),
    case("embedding_pixels", [lambda: layers.Embedding(256, 2), layers.Flatten, *SOFTMAX], *SPARSE, x=PIXELS),
    case("categorical_embedding", [lambda: layers.CategoricalEmbedding([(30, 50, 3), (3, 99)]), *SOFTMAX], *SPARSE,
         x=TABLE, optimizer=optimizers.Adam),
    case("frozen", SOFTMAX, *SPARSE, frozen=0),
    case("whole_batch", SOFTMAX, *SPARSE, fit={"batch_size": ROWS}),
    case("one_at_a_time", SOFTMAX, *SPARSE, fit={"batch_size": 1, "epochs": 1}),
    case("shuffled", SOFTMAX, *SPARSE, fit={"shuffle": True}),
    case("float64", network(layers.Tanh, output="softmax"), *SPARSE, optimizer=optimizers.Adam, floatx="float64"),
    case("float64_sigmoid", network(output="sigmoid"), "binary_crossentropy", "binary", floatx="float64"),
    case("float64_noise", network(lambda: layers.GaussianNoise(0.1, seed=1)), "mse", "values", floatx="float64"),
]  # fmt: skip


def train(case, eager=False):
    """The trained model, its history, its predictions and its evaluation."""
    fastnn.utils.set_random_seed(11)
    fastnn.config.set_floatx(case.get("floatx", "float32"))
    x, y = case.get("x", X), TARGETS[case["targets"]]
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), *([Identity()] if eager else [])])
    for make in case["makes"]:
        model.add(make())
    if "frozen" in case:
        model.layers[case["frozen"] + eager].trainable = False
    optimizer = case["optimizer"]() if "optimizer" in case else optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, case["loss"], case.get("metrics", ["accuracy"]))
    fit = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "validation_split": 0.2, **case.get("fit", {})}
    history = model.fit(x, y, **fit, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    programs = {type(made.runner) for made in model._programs.values()}
    assert programs == {EagerProgram if eager else Program}
    return model, history.history, model.predict(x), model.evaluate(x, y, verbose=0)


def assert_same(result, expected):
    assert_same_weights(result[0], expected[0])
    assert result[1] == expected[1]
    np.testing.assert_array_equal(result[2], expected[2])
    assert result[3] == expected[3]


@pytest.mark.parametrize("case", CASES)
def test_threads(case):
    fastnn.set_num_threads(1)
    expected = train(case)
    fastnn.set_num_threads(3)  # which divides nothing evenly, and is more than small networks have shares
    assert_same(train(case), expected)


@pytest.mark.parametrize("case", CASES)
def test_eager(case):
    assert_same(train(case, eager=True), train(case))


def test_noise_goes_on_alike_after_a_forward_by_hand():
    """In fit it is a function of the optimizer's steps, whatever else has used the layer."""

    def go_on(eager):
        own = [Identity()] if eager else []
        drops = layers.Dropout(0.4, seed=3)
        model = fastnn.Sequential([fastnn.Input((FEATURES,)), *own, dense(HIDDEN, "relu", 1), drops, dense(1, None, 2)])
        model.compile("adam", "mse")
        for _ in range(2):
            model.fit(X, X[:, 0], batch_size=BATCH, shuffle=False, verbose=0)
            model(X, training=True)
            model.evaluate(X, X[:, 0], verbose=0)
        return model

    assert_same_weights(go_on(eager=True), go_on(eager=False))
