"""Estimators for scikit-learn: its own MLP classes on fastnn's engine, and any network of fastnn's.

`MLPClassifier` and `MLPRegressor` have scikit-learn's parameters and results. `NeuralClassifier` and `NeuralRegressor`
train any `Sequential`, or what a function builds whose arguments a search can tune; `Autoencoder` is a transformer.

They live in pipelines and searches like scikit-learn's own. scikit-learn is not a dependency of fastnn: this module
needs `pip install "fastnn-numba[sklearn]"`.
"""

from ..kernels.garbage import uncollected as _uncollected

try:
    with _uncollected():
        import sklearn.metrics as _metrics  # noqa: F401 (and with it nearly all that is loaded here)
except ImportError as error:
    raise ImportError('fastnn.sklearn needs scikit-learn: pip install "fastnn-numba[sklearn]"') from error

from .autoencoder import Autoencoder
from .classifier import MLPClassifier
from .neural_classifier import NeuralClassifier
from .neural_regressor import NeuralRegressor
from .regressor import MLPRegressor

__all__ = ["Autoencoder", "MLPClassifier", "MLPRegressor", "NeuralClassifier", "NeuralRegressor"]
