"""The layers: each class wraps the kernels of the same name in `fastnn.kernels`."""

from .activation import Activation, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from .base import Input, Layer
from .dense import Dense
from .dropout import Dropout, GaussianNoise
from .rescaling import Rescaling
from .reshaping import Flatten

__all__ = [
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "Input",
    "Layer",
    "LeakyReLU",
    "ReLU",
    "Rescaling",
    "Sigmoid",
    "Softmax",
    "Tanh",
]
