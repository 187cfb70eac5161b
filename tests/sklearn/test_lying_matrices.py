"""Sparse matrices whose index arrays are wrong, which would end the process in SciPy's or scikit-learn's hands."""

import numpy as np
import pytest

from fastnn.sklearn import Autoencoder, MLPClassifier, MLPRegressor, NeuralClassifier, NeuralRegressor

from ..fit.test_sparse_bad_input import FEATURES, ROWS, put

Y, DENSE = np.arange(ROWS) % 3, np.random.default_rng(0).normal(size=(ROWS, FEATURES))

FAR, BACK = put("indices", 3, 10**8), put("indptr", 5, -3)

CALLS = {
    "Autoencoder.fit": lambda x: Autoencoder(epochs=1).fit(x),
    "Autoencoder.score": lambda x: Autoencoder(epochs=1).fit(DENSE).score(x),
    "NeuralClassifier.fit": lambda x: NeuralClassifier(epochs=1).fit(x, Y),
    "held out": lambda x: NeuralClassifier(epochs=1, early_stopping=True).fit(x, Y),
    "NeuralRegressor.partial_fit": lambda x: NeuralRegressor(epochs=1).partial_fit(x, Y),
    "X_val": lambda x: NeuralClassifier(epochs=1).fit(DENSE, Y, X_val=x, y_val=Y),
    "MLPClassifier.fit": lambda x: MLPClassifier(max_iter=1).fit(x, Y),
    "set aside": lambda x: MLPClassifier(max_iter=1, early_stopping=True).fit(x, Y),
    "lbfgs": lambda x: MLPRegressor(solver="lbfgs", max_iter=1).fit(x, Y),
    "predict": lambda x: NeuralClassifier(epochs=1).fit(DENSE, Y).predict(x),
}


@pytest.mark.parametrize("x", [FAR, BACK], ids=["far", "back"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_they_are_refused(call, x):
    with pytest.raises(ValueError, match=r"X must have indices in \[0, 5\)|X.indptr must not decrease"):
        call(x)
