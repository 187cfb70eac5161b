"""scikit-learn's own multi-layer perceptrons."""

from sklearn.neural_network import MLPClassifier

from bench import estimators
from bench.estimators import WORKLOADS as WORKLOADS

from .with_sklearn import version as version


def make(workload):
    return estimators.make(workload, MLPClassifier)
