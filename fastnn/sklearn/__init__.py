"""Estimators for scikit-learn: its own MLP classes on fastnn's engine, and any network of fastnn's.

They live in pipelines and searches like scikit-learn's own. scikit-learn is not a dependency of fastnn: this module
needs `pip install "fastnn-numba[sklearn]"`.
"""

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError('fastnn.sklearn needs scikit-learn: pip install "fastnn-numba[sklearn]"') from error

from .classifier import MLPClassifier
from .neural import NeuralClassifier, NeuralRegressor
from .regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "NeuralClassifier", "NeuralRegressor"]
