"""The layers. Each class wraps the kernels of the same name in `fastnn.kernels`."""

from .activations import ELU, Activation, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from .base import Layer
from .batch_normalization import BatchNormalization
from .conv import Conv1D, Conv2D
from .dense import Dense
from .dropout import Dropout, GaussianNoise, SpatialDropout1D, SpatialDropout2D
from .embedding import CategoricalEmbedding, Embedding
from .input import Input
from .layer_normalization import LayerNormalization
from .padding import ZeroPadding1D, ZeroPadding2D
from .pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from .prelu import PReLU
from .rescaling import Rescaling
from .reshaping import Flatten, Reshape

__all__ = [
    "ELU",
    "Activation",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "CategoricalEmbedding",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Input",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPooling1D",
    "MaxPooling2D",
    "PReLU",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Tanh",
    "ZeroPadding1D",
    "ZeroPadding2D",
]
