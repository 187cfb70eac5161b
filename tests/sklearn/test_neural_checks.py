"""scikit-learn's own checks of estimators, for those around any network. None of them may fail."""

import pytest
from scipy.sparse import csr_array
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data, parametrize_with_checks

from fastnn import callbacks, losses, optimizers
from fastnn.sklearn import Autoencoder, NeuralClassifier, NeuralRegressor

from .networks import dense, scaled


class OfEpochs(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass


@parametrize_with_checks(
    [
        NeuralClassifier(),
        NeuralClassifier(dense, optimizer=optimizers.SGD(0.1, momentum=0.9), metrics=["accuracy"]),
        NeuralClassifier(loss="hinge", callbacks=OfEpochs()),
        NeuralClassifier(loss=losses.MeanSquaredError(), optimizer=optimizers.Adam(0.01)),
        NeuralRegressor(),
        NeuralRegressor(dense, loss="huber", optimizer=optimizers.Adam(0.01), batch_size=300),
        Autoencoder(),
        Autoencoder(3, (10, 5), activation="tanh", output_activation="linear", batch_size=300),
    ]
)
def test_check_estimator(estimator, check):
    check(estimator)


def test_balanced_classes_count_the_weights_of_samples():
    balanced = NeuralClassifier(class_weight="balanced")
    check_sample_weight_equivalence_on_dense_data("NeuralClassifier", balanced)


@pytest.mark.parametrize("kind", [NeuralClassifier, NeuralRegressor])
def test_layers_of_ones_own_say_that_samples_must_be_dense(kind):
    with pytest.raises(TypeError, match="received a sparse matrix"):
        kind(scaled).fit(csr_array([[0.0, 1.0], [1.0, 0.0]]), [0, 1])
