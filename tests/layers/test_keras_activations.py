"""Activations and PReLU against Keras: figures that Keras 3.15.1 gave on JAX 0.10.2, float32."""

import numpy as np
import pytest

import fastnn
from fastnn import initializers, layers, optimizers

X = np.array([-20, -5, -3, -1, -0.5, -1e-3, 0, 1e-3, 0.5, 1.5, 3, 10], np.float32)

# keras.activations.get(name)(X), and the gradient of its sum.
ACTIVATIONS = {
    "elu": (
        [-1.0, -0.99326205, -0.95021296, -0.63212055, -0.39346933, -0.0009995, 0.0, 0.001, 0.5, 1.5, 3.0, 10.0],
        [0.0, 0.0067379475, 0.049787045, 0.36787945, 0.60653067, 0.9990005, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    ),
    "selu": (
        [-1.7580993, -1.7462534, -1.6705688, -1.1113307, -0.6917582, -0.0017572204,
         0.0, 0.001050701, 0.5253505, 1.5760515, 3.152103, 10.50701],
        [0.0, 0.011845981, 0.08753057, 0.6467686, 1.0663412, 1.756342,
         1.7580993, 1.050701, 1.050701, 1.050701, 1.050701, 1.050701],
    ),
    "gelu": (
        [-0.0, -1.4332579e-06, -0.004049696, -0.15865527, -0.15426877, -0.00049960107,
         0.0, 0.000500399, 0.34573123, 1.3997892, 2.9959502, 10.0],
        [0.0, -7.1469467e-06, -0.011945652, -0.08331548, 0.13250488, 0.49920213,
         0.5, 0.50079787, 0.8674951, 1.1274692, 1.0119456, 1.0],
    ),
    "silu": (
        [-4.1223075e-08, -0.033464253, -0.14227763, -0.26894143, -0.18877034, -0.00049975,
         0.0, 0.00050025, 0.31122968, 1.2263616, 2.8577223, 9.999546],
        [-3.916192e-08, -0.026547434, -0.08810411, 0.07232949, 0.26003882, 0.4995,
         0.5, 0.50049996, 0.7399612, 1.0412941, 1.0881041, 1.0004088],
    ),
    "softplus": (
        [2.0611537e-09, 0.0067153485, 0.048587352, 0.3132617, 0.474077, 0.69264734,
         0.6931472, 0.6936473, 0.974077, 1.7014133, 3.0485873, 10.000046],
        [2.0611537e-09, 0.006692851, 0.047425874, 0.2689414, 0.37754068, 0.49975,
         0.5, 0.50025, 0.62245935, 0.8175745, 0.95257413, 0.9999542],
    ),
    "hard_sigmoid": (
        [0.0, 0.0, 0.0, 0.33333334, 0.4166667, 0.49983335, 0.5, 0.50016665, 0.5833334, 0.75, 1.0, 1.0],
        [0.0, 0.0, 0.0, *[0.16666667] * 7, 0.0, 0.0],
    ),
}  # fmt: skip
ACTIVATIONS["swish"] = ACTIVATIONS["silu"]
# keras.layers.ELU(0.5)
ELU = (
    [-0.5, -0.49663103, -0.47510648, -0.31606027, -0.19673467, -0.00049975, 0.0, 0.001, 0.5, 1.5, 3.0, 10.0],
    [0.0, 0.0033689737, 0.024893522, 0.18393973, 0.30326533, 0.49950024, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0],
)


def assert_activation(layer, y, d):
    np.testing.assert_allclose(layer(X), y, rtol=1e-6, atol=1e-12)
    # From y alone y + alpha has an error of float32's 1.2e-7 near y = -alpha; Keras's gelu has one of that size itself.
    np.testing.assert_allclose(layer.backward(np.ones_like(X)), d, rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    assert_activation(layers.Activation(name), *ACTIVATIONS[name])


def test_elu():
    assert_activation(layers.ELU(0.5), *ELU)


def numbers(which, shape):
    """The numbers that the recording drew; `which` counts the weights."""
    return (np.sin(np.arange(1, np.prod(shape) + 1) * (which + 1)) * 0.5).astype(np.float32).reshape(shape)


# SGD(0.1), mse: the losses of three steps of train_on_batch(x, t), and the weights after them.
HIDDEN_PRELU = {
    "each its own slope": (
        None,
        [0.42441785, 0.3012052, 0.22312587],
        [0.07418888, -0.12466932, 0.18751055],
        [0.3739563, 0.42137137, 0.10803296, -0.44980395, -0.4789188, -0.11234377,
         0.26761118, 0.52877575, 0.20984581, -0.29240617, -0.44912747, -0.28994104],
    ),
    "one slope": (
        [1],
        [0.4018467, 0.28836417, 0.21571198],
        [0.06863437],
        [0.37394977, 0.41943425, 0.1070142, -0.44951397, -0.48450384, -0.12243497,
         0.26805493, 0.52229166, 0.195649, -0.29202706, -0.45331907, -0.30125585],
    ),
}  # fmt: skip
IMAGES_PRELU = [0.46051818, 0.18534599, 0.136617], [0.45181707, 0.33866444, 0.1892785]
HIDDEN = {
    "gelu": (
        [0.3644655, 0.32350534, 0.28859013],
        [0.42231458, 0.46385372, 0.0759132, -0.35815614, -0.46905345, -0.11128111,
         0.35743985, 0.5011684, 0.24356787, -0.24860993, -0.50061923, -0.24015746],
    ),
    "selu": (
        [0.69849205, 0.39695156, 0.25590408],
        [0.39928728, 0.45499483, 0.025383312, -0.35792303, -0.4364132, -0.0655455,
         0.38081867, 0.5592424, 0.3630581, -0.2135924, -0.44569522, -0.10572514],
    ),
    "silu": (
        [0.38958678, 0.34091902, 0.29969758],
        [0.4208843, 0.46290943, 0.072474405, -0.36080977, -0.46381456, -0.10674879,
         0.35486898, 0.5100119, 0.2538405, -0.24983267, -0.49252385, -0.22920065],
    ),
    "elu": (
        [0.50299114, 0.38960037, 0.29934096],
        [0.41119096, 0.4562059, 0.0558938, -0.35553643, -0.4483981, -0.07498987,
         0.3725135, 0.5399604, 0.31830734, -0.22850153, -0.46278384, -0.16375615],
    ),
    "softplus": (
        [0.20944256, 0.18588859, 0.16989888],
        [0.413861, 0.44487324, 0.056419548, -0.36869183, -0.46340254, -0.11128551,
         0.35000768, 0.52866936, 0.26305488, -0.24928053, -0.46480414, -0.21077043],
    ),
    "hard_sigmoid": (
        [0.1652759, 0.15972455, 0.15542817],
        [0.4196168, 0.4531866, 0.068819344, -0.37508017, -0.47190237, -0.12838165,
         0.33461952, 0.5075399, 0.22487743, -0.2660945, -0.48816335, -0.2512384],
    ),
}  # fmt: skip


def train(hidden, sample_shape=(4,)):
    """The losses of three steps and the weights after them."""
    model = fastnn.Sequential([fastnn.Input(sample_shape), *hidden, layers.Dense(2)])
    model.compile(optimizers.SGD(0.1), "mse")
    model.set_weights([numbers(i, weight.shape) for i, weight in enumerate(model.get_weights())])
    x, targets = numbers(6, (8, *sample_shape)) * 4, numbers(7, (8, 2))
    return [model.train_on_batch(x, targets) for _ in range(3)], model.get_weights()


def assert_close(actual, expected):
    np.testing.assert_allclose(np.ravel(actual), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", HIDDEN)
def test_training_with(name):
    losses, weights = train([layers.Dense(3, name)])
    assert_close(losses, HIDDEN[name][0])
    assert_close(weights[0], HIDDEN[name][1])


@pytest.mark.parametrize("name", HIDDEN_PRELU)
def test_training_with_prelu(name):
    shared_axes, expected_losses, alpha, kernel = HIDDEN_PRELU[name]
    losses, weights = train([layers.Dense(3), layers.PReLU(shared_axes=shared_axes)])
    assert_close(losses, expected_losses)
    assert_close(weights[2], alpha)
    assert_close(weights[0], kernel)


def test_training_with_prelu_by_channel():
    slopes = layers.PReLU(initializers.Constant(0.25), shared_axes=[1, 2])
    losses, weights = train([slopes, layers.Flatten()], (2, 2, 3))
    assert_close(losses, IMAGES_PRELU[0])
    assert weights[0].shape == (1, 1, 3)
    assert_close(weights[0], IMAGES_PRELU[1])


def test_prelu_defaults():
    layer = layers.PReLU()
    assert layer.name.startswith("p_re_lu")
    assert (layer.shared_axes, type(layer.alpha_initializer)) == (None, initializers.Zeros)
    assert layers.PReLU(shared_axes=1).shared_axes == [1]
    assert layers.ELU().alpha == 1
