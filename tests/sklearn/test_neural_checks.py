"""scikit-learn's own checks of estimators, for those around any network. None of them may fail."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data, estimator_checks_generator

import fastnn
from fastnn import callbacks, layers, losses, optimizers
from fastnn.sklearn import Autoencoder, NeuralClassifier, NeuralRegressor, training

from .networks import dense, scaled


class OfEpochs(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass


ESTIMATORS = {
    "classifier": NeuralClassifier(),
    "network": NeuralClassifier(
        dense, model__units=20, optimizer=optimizers.SGD(0.1, momentum=0.9), metrics=["accuracy"]
    ),
    "margins": NeuralClassifier(loss="hinge", callbacks=OfEpochs()),
    "squares": NeuralClassifier(loss=losses.MeanSquaredError(), optimizer__learning_rate=0.01),
    "regressor": NeuralRegressor(),
    "regression": NeuralRegressor(dense, loss="huber", optimizer=optimizers.Adam(0.01), batch_size=300),
    "autoencoder": Autoencoder(),
    "deep": Autoencoder(3, (10, 5), activation="tanh", output_activation="linear", batch_size=300),
}

# Not by `parametrize_with_checks`, whose names of tests have addresses in memory.
CHECKS = [
    pytest.param(made, check, id=f"{name}-{getattr(check, 'func', check).__name__}")
    for name, estimator in ESTIMATORS.items()
    for made, check in estimator_checks_generator(estimator)
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_check_estimator(estimator, check):
    check(estimator)


def test_no_check_is_left_out():
    assert len(CHECKS) > 50 * len(ESTIMATORS)


def test_balanced_classes_count_the_weights_of_samples():
    balanced = NeuralClassifier(class_weight="balanced")
    check_sample_weight_equivalence_on_dense_data("NeuralClassifier", balanced)


def test_tags_say_what_takes_sparse_samples():
    images = fastnn.Sequential([fastnn.Input((2, 2)), layers.Flatten(), layers.Dense(1)])
    rows = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(1)])
    for estimator in (NeuralClassifier(input_shape=(2, 2)), NeuralRegressor(images)):
        assert not get_tags(estimator).input_tags.sparse
    for estimator in (NeuralClassifier(), NeuralClassifier(images, input_shape=4), NeuralRegressor(rows)):
        assert get_tags(estimator).input_tags.sparse


def test_weights_that_are_all_zero_in_older_versions(monkeypatch):
    monkeypatch.setattr(training, "_check_sample_weight", lambda weights, X, **options: np.asarray(weights))
    with pytest.raises(ValueError, match="Sample weights must contain at least one non-zero number"):
        NeuralClassifier().fit([[0.0], [1.0]], [0, 1], sample_weight=[0.0, 0.0])


@pytest.mark.parametrize("kind", [NeuralClassifier, NeuralRegressor])
def test_layers_of_ones_own_say_that_samples_must_be_dense(kind):
    with pytest.raises(TypeError, match="received a sparse matrix"):
        kind(scaled).fit(csr_array([[0.0, 1.0], [1.0, 0.0]]), [0, 1])
