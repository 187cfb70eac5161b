"""Built-in layers used without a model: inputs of any form, memory that is given back, settings that count at once."""

import copy
import gc

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.layers.activations import FUNCTIONS

from ..limits import Own


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_activation_takes_samples_of_any_shape_one_after_the_other(name, rng):
    layer = layers.Activation(name)
    for shape in ((5, 4), (5, 3), (5, 2, 3), (4,)):
        x, dy = rng.normal(size=shape).astype(np.float32), rng.normal(size=shape).astype(np.float32)
        y, dx = layer.forward(x), layer.backward(dy)
        rows = layers.Activation(name)
        expected = rows.forward(x.reshape(-1, shape[-1]))
        np.testing.assert_array_equal(y, expected.reshape(shape))
        np.testing.assert_array_equal(dx, rows.backward(dy.reshape(-1, shape[-1])).reshape(shape))


def test_softmax_of_a_single_sample():
    np.testing.assert_allclose(layers.Softmax().forward([0.0, np.log(3)]), [0.25, 0.75], rtol=1e-6)


def test_rescaling_takes_samples_of_any_shape_and_its_numbers_count_at_once():
    layer = layers.Rescaling(2.0)
    for shape in ((3, 2), (2, 5), (2, 2, 2)):
        np.testing.assert_array_equal(layer.forward(np.ones(shape)), np.full(shape, 2))
    layer.scale, layer.offset = 3.0, 1.0
    np.testing.assert_array_equal(layer.forward(np.ones((2, 2, 2))), np.full((2, 2, 2), 4))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: layers.Dense(3, "relu"), (4,)),
        (lambda: layers.Conv2D(3, 2, activation="gelu"), (4, 4, 2)),
        (lambda: layers.Activation("silu"), (4, 5, 2)),
        (lambda: layers.Rescaling(2.0), (4,)),
        (lambda: layers.BatchNormalization(), (4,)),
        (lambda: layers.MaxPooling2D(), (4, 4, 2)),
    ],
    ids=["dense", "conv2d", "silu", "rescaling", "batch_normalization", "max_pooling2d"],
)
def test_a_batch_without_samples(make, shape):
    layer = make()
    layer(np.ones((2, *shape)))
    y = layer.forward(np.ones((0, *shape)))
    assert y.shape == (0, *layer.compute_output_shape((None, *shape))[1:])
    assert layer.backward(y).shape == (0, *shape)
    assert not any(gradient.any() for gradient in layer.gradients)


LAYERS_OF = {
    (4,): [
        lambda: layers.Dense(3, "softmax"),
        lambda: layers.Dropout(0.5),
        lambda: layers.GaussianNoise(0.5),
        lambda: layers.LayerNormalization(),
        lambda: layers.PReLU(),
        lambda: layers.ReLU(),
        lambda: layers.Embedding(5, 2),
        lambda: layers.CategoricalEmbedding([(0, 3)]),
    ],
    (4, 2): [lambda: layers.Conv1D(3, 2), lambda: layers.GlobalMaxPooling1D(), lambda: layers.SpatialDropout1D(0.5)],
    (4, 4, 2): [
        lambda: layers.Flatten(),
        lambda: layers.Reshape((8, -1)),
        lambda: layers.ZeroPadding2D(),
        lambda: layers.AveragePooling2D(),
        lambda: layers.GlobalAveragePooling2D(),
    ],
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("make", "shape"), [(make, shape) for shape, makers in LAYERS_OF.items() for make in makers])
def test_a_new_layer_and_a_batch_without_samples(make, shape, training):
    layer = make()
    y = layer.forward(np.ones((0, *shape)), training=training)
    assert y.shape == (0, *layer.compute_output_shape((None, *shape))[1:])
    assert layer.backward(y).shape == (0, *shape)
    with pytest.raises(ValueError, match=r"expects inputs of shape \(batch, .*\), received"):
        make().forward(np.float32(3))


def test_slopes_want_samples_with_an_axis():
    with pytest.raises(ValueError, match=r"\(PReLU\) expects inputs of shape \(batch, ...\), received \(None,\)"):
        layers.PReLU().forward(np.ones(3))


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_slope_at_zero_is_the_same_in_all_leaky_layers(zero):
    """That of the negative side, as in PyTorch; so ReLU has none there."""
    for layer in (
        layers.LeakyReLU(0.25),
        layers.ReLU(0.25),
        layers.PReLU(alpha_initializer=fastnn.initializers.Constant(0.25)),
        layers.PReLU(alpha_initializer=fastnn.initializers.Constant(0.25), shared_axes=[1]),
    ):
        layer.forward(np.full((2, 3), zero))
        np.testing.assert_array_equal(layer.backward(np.ones((2, 3))), np.full((2, 3), 0.25))
    layer = layers.ReLU()
    layer.forward(np.full((2, 3), zero))
    assert not layer.backward(np.ones((2, 3))).any()


def test_large_buffers_are_not_kept():
    layer = layers.Dense(30)
    for rows in (20_000, 19_000, 18_000, 17_000):
        layer.forward(np.ones((rows, 50), np.float32))
        assert len(layer._states.own.programs) == 1
    layer.forward(np.ones((1, 50), np.float32))
    gc.collect()
    assert layer._states.own._bytes_kept() < 1 << 20


@pytest.mark.parametrize("activation", ["relu", "softmax", "gelu", "linear"])
def test_from_the_logits_is_from_the_output_without_the_activation(activation, rng):
    """After `forward` as after `logits`."""
    x, dz = rng.normal(size=(9, 4)).astype(np.float32), rng.normal(size=(9, 3)).astype(np.float32)
    layer, bare = layers.Dense(3, activation), layers.Dense(3)
    layer(x)
    bare(x)
    bare.set_weights(layer.get_weights())
    z = bare.forward(x)
    expected = bare.backward(dz), *bare.gradients
    np.testing.assert_array_equal(layer.logits(x), z)
    for prepare in (lambda: None, lambda: layer.forward(x)):
        prepare()
        for got, wanted in zip((layer.backward_from_logits(dz), *layer.gradients), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_a_copy_wants_a_forward_of_its_own():
    layer = layers.Dense(3, "relu", name="mine")
    layer(np.ones((2, 4)))
    with pytest.raises(RuntimeError, match="layer mine: call forward before backward"):
        copy.deepcopy(layer).backward(np.ones((2, 3)))


class Halved(layers.Activation):
    """Overrides what is around the kernels, which models do not call."""

    def __call__(self, x, training=False):
        return super().__call__(x, training) / 2


class Shifted(layers.Dense):
    """Overrides a part of the way back in Python."""

    def backward_from_logits(self, dz):
        return super().backward_from_logits(2 * dz)


def test_subclasses_do_the_same_in_every_path(rng):
    x = rng.normal(size=(9, 4)).astype(np.float32)
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3, Halved("tanh"))])
    np.testing.assert_array_equal(model.predict(x), model.forward(x))
    histories = []
    for first in ([], [Own()]):
        fastnn.utils.set_random_seed(1)
        model = fastnn.Sequential([fastnn.Input((4,)), *first, layers.Dense(5), Shifted(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        histories.append(model.fit(x, np.arange(9) % 3, epochs=3, shuffle=False, verbose=0).history)
    assert histories[0] == histories[1]
