"""Which activation a loss sees: the last one whose bounds the outputs still keep, through the layers behind it."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses

from ..limits import Own

X = np.random.default_rng(0).normal(size=(12, 4, 4, 1)).astype(np.float32)
FLAT = layers.Flatten

# What may stand behind a convolution of four channels with a sigmoid, a softmax or a ReLU.
BEHIND = {
    "flatten": lambda: [FLAT()],
    "reshape": lambda: [layers.Reshape((64,))],
    "dropout": lambda: [layers.Dropout(0.5, seed=1), FLAT()],
    "spatial dropout": lambda: [layers.SpatialDropout2D(0.5, seed=1), FLAT()],
    "max pooling": lambda: [layers.MaxPooling2D(), FLAT()],
    "average pooling": lambda: [layers.AveragePooling2D(), FLAT()],
    "global max pooling": lambda: [layers.GlobalMaxPooling2D()],
    "global average pooling": lambda: [layers.GlobalAveragePooling2D()],
    "zero padding": lambda: [layers.ZeroPadding2D(), FLAT()],
    "linear": lambda: [layers.GlobalAveragePooling2D(), layers.Activation("linear")],
    "several": lambda: [
        layers.Activation("linear"),
        FLAT(),
        layers.Reshape((8, 8)),
        layers.Dropout(0.1, seed=2),
        FLAT(),
    ],
}
LOSSES = {
    "binary_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
    "categorical_focal_crossentropy": "softmax",
    "kl_divergence": "softmax",
    "poisson": "relu",
}


def network(activation, behind, first=()):
    conv = layers.Conv2D(
        4, 3, padding="same", activation=activation, kernel_initializer=fastnn.initializers.HeNormal(1)
    )
    return fastnn.Sequential([fastnn.Input((4, 4, 1)), *first, conv, *behind])


def targets(loss, outputs):
    labels = np.arange(len(X)) % outputs
    return labels if loss.startswith("sparse") else np.eye(outputs)[labels]


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND.keys())
@pytest.mark.parametrize("loss", LOSSES)
def test_layers_that_keep_the_bounds_are_seen_through(loss, behind):
    """Compiled and layer by layer alike; the loss is a number also where dropout leaves nothing of a sample."""
    histories = []
    for first in ([], [Own()]):
        model = network(LOSSES[loss], behind(), first)
        model.compile("sgd", loss)
        y = targets(loss, model.output_shape[-1])
        histories.append(model.fit(X, y, epochs=3, batch_size=5, shuffle=False, verbose=0).history)
    assert np.isfinite(histories[0]["loss"]).all()
    assert histories[0] == histories[1]


def test_it_is_the_loss_of_the_same_outputs():
    model, y = network("sigmoid", [FLAT()]), np.random.default_rng(1).integers(2, size=(12, 64))
    model.compile("sgd", "binary_crossentropy")
    expected = losses.BinaryCrossentropy()(y, model.predict(X))
    assert model.evaluate(X, y, verbose=0) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "loss",
    [losses.CategoricalCrossentropy(), losses.SparseCategoricalCrossentropy(), losses.CategoricalFocalCrossentropy(1)],
)
def test_a_row_of_nothing_but_zeros(loss, dtype):
    """It is the worst prediction possible, and no more than that."""
    y_true = [1, 0] if loss.sparse else [[0, 1], [1, 0]]
    y_pred = np.array([[0, 0], [0.5, 0.5]], dtype)
    worst, half = -np.log(1e-7), -np.log(0.5)
    if isinstance(loss, losses.CategoricalFocalCrossentropy):
        half /= 4
    assert loss(y_true, y_pred) == pytest.approx((worst + half) / 2, rel=1e-6)
    assert loss.backward()[0].tolist() == [0, 0]


BREAKING = {
    "linear dense": lambda: [FLAT(), layers.Dense(2)],
    "batch normalization": lambda: [layers.BatchNormalization(), FLAT()],
    "rescaling": lambda: [layers.Rescaling(2.0), FLAT()],
    "noise": lambda: [layers.GaussianNoise(0.1), FLAT()],
}


@pytest.mark.parametrize("behind", BREAKING.values(), ids=BREAKING.keys())
@pytest.mark.parametrize("loss", LOSSES)
def test_layers_that_leave_the_bounds_are_not(loss, behind):
    with pytest.raises(ValueError, match="but the last activation is linear"):
        network(LOSSES[loss], behind()).compile("sgd", loss)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_wrong_activation_is_seen_through_them_too(loss):
    with pytest.raises(ValueError, match="but the last activation is tanh"):
        network("tanh", BEHIND["several"]()).compile("sgd", loss)
    with pytest.raises(ValueError, match="but the last activation is linear"):
        fastnn.Sequential([fastnn.Input((4, 4, 1)), FLAT()]).compile("sgd", loss)


FROM_LOGITS = [
    losses.BinaryCrossentropy(from_logits=True),
    losses.CategoricalCrossentropy(from_logits=True),
    losses.SparseCategoricalCrossentropy(from_logits=True),
    losses.CategoricalFocalCrossentropy(from_logits=True),
]


@pytest.mark.parametrize("loss", FROM_LOGITS)
@pytest.mark.parametrize("activation", ["sigmoid", "softmax", "hard_sigmoid"])
@pytest.mark.parametrize("behind", ["flatten", "several", "linear"])
def test_probabilities_are_no_logits(loss, activation, behind):
    """Keras warns; here it is an error, because nothing good can come of it."""
    with pytest.raises(ValueError, match=f"expects logits, but the last activation is {activation}; drop one"):
        network(activation, BEHIND[behind]()).compile("sgd", loss)


@pytest.mark.parametrize("loss", FROM_LOGITS)
def test_what_may_be_logits_is_taken(loss):
    for activation in (None, "tanh", "relu"):
        network(activation, BEHIND["several"]()).compile("sgd", loss)


class Mine(layers.Activation):
    """A sigmoid of the user's own, written in Python."""

    def forward(self, x, training=False):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, dy):
        return dy * self.y * (1 - self.y)


@pytest.mark.parametrize(
    "behind", [lambda: [Own(), FLAT()], lambda: [FLAT(), Own()], lambda: [FLAT(), layers.Dense(3, Mine("linear"))]]
)
def test_python_may_give_anything(behind):
    model = network(None, behind())
    model.compile("sgd", "binary_crossentropy")
    model = network(None, [*behind(), layers.Dropout(0.5)])
    model.compile("sgd", losses.BinaryCrossentropy(from_logits=True))
    network(Mine("linear"), [FLAT()]).compile("sgd", "binary_crossentropy")
