"""Small models with normalization layers against Keras: losses, weights, moving statistics and outputs after training.

The figures are Keras 3.15.1's with JAX 0.10.2, recorded once: the models of `MODELS` with keras.layers, weights and
data of `wave`, `train_on_batch` three times, the last time with fewer samples, then `predict` and a call with
training=True.
"""

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers


def wave(*shape, start=0.0, size=1.0):
    """Numbers that need no generator."""
    return (size * np.sin(start + 0.7 * np.arange(np.prod(shape)).reshape(shape) ** 1.1)).astype(np.float32)


def initial(parameter, i):
    """The i-th weight's values: near 1 for gamma, positive for the moving variance."""
    if parameter.name == "moving_variance":
        return np.abs(wave(*parameter.shape, start=i)) + 0.5
    return wave(*parameter.shape, start=i, size=0.5) + (1.0 if parameter.name == "gamma" else 0.0)


# The shape of a sample, and the layers; the frozen model's second layer is not trained.
MODELS = {
    "batch": (
        (2, 2, 2),
        lambda: [
            layers.BatchNormalization(momentum=0.9), layers.Flatten(), layers.Dense(3),
            layers.BatchNormalization(epsilon=0.01, center=False, momentum=0.5), layers.Activation("tanh"),
        ],
    ),
    "frozen": (
        (4,),
        lambda: [layers.Dense(3), layers.BatchNormalization(momentum=0.9, trainable=False), layers.Activation("tanh")],
    ),
    "layer": (
        (2, 2, 3),
        lambda: [
            layers.LayerNormalization(), layers.Flatten(), layers.Dense(3),
            layers.LayerNormalization(epsilon=0.01, scale=False), layers.Activation("tanh"),
        ],
    ),
}  # fmt: skip

FIGURES = {
    "batch": {
        "losses": [1.0106744, 0.81957704, 0.83476543],
        "weights": [
            [0.9560417, 1.354638],
            [0.42073548, 0.4958324],
            [0.603735, 0.4129586],
            [1.0041857, 1.2969452],
            [
                -0.39652723,
                -0.42675892,
                -0.35496637,
                0.061940175,
                0.56134826,
                0.4836739,
                0.23733366,
                -0.19647215,
                -0.49700528,
                -0.30521,
                0.032085106,
                0.46960777,
                0.3777088,
                -0.15868223,
                -0.432999,
                -0.4981191,
                -0.12555796,
                0.40879977,
                0.4470207,
                0.13078868,
                -0.39086324,
                -0.42641693,
                0.09780752,
                0.3873265,
            ],
            [-0.47946215, -0.27534276, 0.10779575],
            [0.8626984, 1.1819344, 1.4666591],
            [-0.7379027, -0.26643306, 0.3003998],
            [0.24262437, 0.66072685, 0.39178148],
            [0.27272257, -0.019368146, -0.31608298, -0.362828, -0.05262479, 0.30325258],
            [-0.2059896, -0.35662773],
        ],
        "predict": [[-0.4069597, -0.030442059], [-0.029018968, -0.08822602], [-0.39945477, -0.28946522]],
        "training": [[-0.45535234, -0.44984722], [0.1727097, -0.312806], [-0.33250722, -0.4005808]],
    },
    "frozen": {
        "losses": [1.2508371, 0.6660003, 0.5364248],
        "weights": [
            [
                -0.008214747,
                0.27824375,
                0.55034214,
                0.35914785,
                -0.15135022,
                -0.3579561,
                -0.4673423,
                -0.29002148,
                0.3197909,
                0.50611216,
                0.21901943,
                -0.16677031,
            ],
            [0.41990098, 0.43069023, 0.3341138],
            [1.4546487, 1.2136899, 0.8243823],
            [0.07056, -0.26491806, -0.4888159],
            [-0.37840125, -0.4999616, -0.35259902],
            [1.4589243, 1.0506855, 0.7155915],
            [-0.25533023, 0.019473389, 0.37904644, 0.27183527, 0.07044751, -0.41704893],
            [0.19077088, 0.28170186],
        ],
        "predict": [[0.3621851, 0.29104885], [0.04058437, 0.18364511], [0.31358862, 0.45622104]],
        "training": [[0.36218512, 0.29104888], [0.04058437, 0.18364511], [0.31358862, 0.45622104]],
    },
    "layer": {
        "losses": [0.78624946, 0.34151968, 0.23494072],
        "weights": [
            [0.99906206, 1.3310119, 1.4970968],
            [0.41138455, 0.5030144, 0.29576603],
            [
                0.4213884,
                0.22458859,
                -0.153256,
                -0.45397273,
                -0.43333933,
                -0.10253986,
                0.35562068,
                0.47051486,
                0.26186928,
                -0.19333202,
                -0.5150673,
                -0.34021398,
                0.07532773,
                0.46429524,
                0.43248042,
                -0.035618745,
                -0.4091412,
                -0.45701137,
                -0.02698049,
                0.44653884,
                0.43476665,
                0.040453017,
                -0.43173683,
                -0.44243047,
                -0.03271862,
                0.3981075,
                0.4721414,
                -0.003744994,
                -0.46934357,
                -0.38672474,
                0.02385944,
                0.48253044,
                0.3857824,
                -0.095472075,
                -0.46899343,
                -0.35976663,
            ],
            [0.058830854, -0.26892132, -0.4730835],
            [-0.40669334, -0.49184743, -0.31936413],
            [-0.44130352, -0.2788569, 0.06145959, 0.43085316, 0.35058284, 0.14152697],
            [0.013075069, 0.23565951],
        ],
        "predict": [[-0.6611563, -0.4044967], [-0.64188737, -0.44756624], [-0.63331175, -0.4498721]],
        "training": [[-0.6611563, -0.40449676], [-0.64188737, -0.44756624], [-0.63331175, -0.4498721]],
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_training(name):
    shape, make = MODELS[name]
    figures = FIGURES[name]
    model = fastnn.Sequential([fastnn.Input(shape), *make(), layers.Dense(2)])
    model.set_weights([initial(p, i) for i, p in enumerate(model.parameters)])
    model.compile(optimizers.SGD(0.1), "mse")
    x, y = wave(13, *shape, start=3.0, size=2.0) + 1, wave(13, 2, start=5.0)
    batches = slice(0, 5), slice(5, 10), slice(10, 13)
    losses = [model.train_on_batch(x[batch], y[batch]) for batch in batches]
    np.testing.assert_allclose(losses, figures["losses"], rtol=1e-5)
    for weight, expected in zip(model.get_weights(), figures["weights"], strict=True):
        np.testing.assert_allclose(weight.reshape(-1), expected, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(model.predict(x[:3]), figures["predict"], rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(model(x[:3], training=True), figures["training"], rtol=2e-5, atol=2e-6)


def test_defaults():
    layer = layers.BatchNormalization()
    assert (layer.axis, layer.momentum, layer.epsilon, layer.center, layer.scale) == (-1, 0.99, 0.001, True, True)
    layer.build_once((None, 2))
    assert [p.name for p in layer.parameters] == ["gamma", "beta", "moving_mean", "moving_variance"]
    np.testing.assert_array_equal(layer.get_weights(), [[1, 1], [0, 0], [0, 0], [1, 1]])
    layer = layers.LayerNormalization()
    assert (layer.axis, layer.epsilon, layer.center, layer.scale) == (-1, 0.001, True, True)
    layer.build_once((None, 2))
    assert [p.name for p in layer.parameters] == ["gamma", "beta"]
    np.testing.assert_array_equal(layer.get_weights(), [[1, 1], [0, 0]])
