"""The estimators of fastnn.sklearn."""

from bench import estimators
from bench.estimators import WORKLOADS as WORKLOADS
from fastnn.sklearn import MLPClassifier

from .with_fastnn import version as version


def make(workload):
    return estimators.make(workload, MLPClassifier)
