"""Callbacks: what happens during `fit`. Hooks, arguments and behaviour are Keras 3's."""

from .base import Callback, History, LambdaCallback
from .base import Logs as Logs
from .learning_rate import LearningRateScheduler, ReduceLROnPlateau
from .stopping import EarlyStopping, LossThreshold, TerminateOnNaN

__all__ = [
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "LossThreshold",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
