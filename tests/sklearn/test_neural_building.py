"""What NeuralClassifier and NeuralRegressor make of their parameters: float types, last layers, weights of classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils import compute_sample_weight

import fastnn
from fastnn import layers
from fastnn.sklearn import Autoencoder, NeuralClassifier, NeuralRegressor

from .networks import BINARY, NUMBERS, SEVERAL, THREE, X, dense


class Same(layers.Layer):
    """y = x, in Python."""

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


def given_layers():
    base = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(8, "relu")])
    return lambda shape, outputs: [*base.layers, layers.Dense(outputs)]


def given_activation():
    activation = layers.LeakyReLU(0.1)
    return lambda shape, outputs, act=activation: fastnn.Sequential([layers.Dense(8), act, layers.Dense(outputs)])


@pytest.mark.parametrize("model", [given_layers(), given_activation()], ids=["layers", "activation"])
def test_layers_from_elsewhere_decide_the_float_type(model):
    """A function may take them together with layers of its own, which would compute in float64 for such samples."""
    estimator = NeuralClassifier(model, epochs=60, optimizer__learning_rate=0.03, random_state=0)
    assert estimator.fit(X, THREE).model_.dtype == np.float32
    assert estimator.score(X, THREE) > 0.9
    assert NeuralClassifier(dense, epochs=1).fit(X, THREE).model_.dtype == np.float64
    assert fastnn.config.floatx() == "float32"


def test_layers_of_two_float_types_are_refused_as_ever():
    def mixed(shape, outputs):
        return [layers.Dense(3, dtype="float32"), layers.Dense(outputs, dtype="float64")]

    with pytest.raises(ValueError, match="computes in float64, the layers before it in float32"):
        NeuralClassifier(mixed).fit(X, THREE)


def test_errors_of_the_function_are_its_own():
    def fails(shape, outputs):
        raise ValueError("no such width")

    with pytest.raises(ValueError, match="no such width"):
        NeuralClassifier(fails).fit(X, THREE)


def test_generators_are_no_lists():
    def generator(shape, outputs):
        yield layers.Dense(outputs)

    with pytest.raises(TypeError, match="must return a Sequential or a list of layers, received <generator"):
        NeuralClassifier(generator).fit(X, THREE)


# A last layer that is written in Python.


@pytest.mark.parametrize(
    ("y", "outputs", "activation", "message"),
    [
        (THREE, 3, "softmax", r"model must give probabilities in \[0, 1\] that add up to 1, received \[.*'softmax'"),
        (BINARY, 1, "sigmoid", r"model must give probabilities in \[0, 1\], received \[.*Activation\('sigmoid'\)"),
        (SEVERAL, 3, "sigmoid", r"model must give probabilities in \[0, 1\], received \["),
    ],
)
def test_a_last_layer_in_python_gives_probabilities_itself(y, outputs, activation, message):
    with pytest.raises(ValueError, match=message):
        NeuralClassifier(lambda *_: [layers.Dense(outputs), Same()], random_state=0).fit(X, y)
    estimator = NeuralClassifier(
        lambda *_: [layers.Dense(outputs, activation), Same()], epochs=60, optimizer__learning_rate=0.1, random_state=0
    )
    assert estimator.fit(X, y).score(X, y) > 0.8
    assert len(estimator.model_.layers) == 2
    NeuralRegressor(lambda shape, outputs: [layers.Dense(outputs), Same()], epochs=1).fit(X, NUMBERS)


def test_probabilities_must_add_up_to_one():
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3, "sigmoid"), Same()])
    with pytest.raises(ValueError, match="that add up to 1"):
        NeuralClassifier(model).fit(X, THREE)
    margins = NeuralClassifier(lambda *_: [layers.Dense(1), Same()], loss="hinge", epochs=1)
    assert margins.fit(X, BINARY).decision_function(X).shape == (len(X),)


# Weights of classes.


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_several_labels_have_a_dict_each(kind):
    weights = [{0: 1, 1: 3}, {0: 2, 1: 1}, {0: 1, 1: 0}]
    by_class = NeuralClassifier(class_weight=weights, epochs=3, random_state=0).fit(X, kind(SEVERAL))
    by_sample = NeuralClassifier(epochs=3, random_state=0)
    by_sample.fit(X, SEVERAL, sample_weight=compute_sample_weight(weights, SEVERAL))
    assert_allclose(by_class.predict_proba(X), by_sample.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize(
    ("weights", "y", "message"),
    [
        ({0: -1}, BINARY, "class_weight must have weights of at least 0, received -1 for 0"),
        ({0: "x"}, BINARY, "class_weight must have weights of at least 0, received 'x' for 0"),
        ({0: np.nan}, BINARY, "class_weight must have weights of at least 0, received nan for 0"),
        ([{0: 1}, {0: 1}, {0: -2}], SEVERAL, "class_weight must have weights of at least 0, received -2 for 0"),
        ([{0: 1}, 3, {0: 1}], SEVERAL, "class_weight must have a dict .* for each label, received 3"),
        ({0: 1}, SEVERAL, "class_weight"),
        ([{0: 1}, {0: 1}], BINARY, "class_weight"),
    ],
)
def test_weights_of_classes_that_are_none(weights, y, message):
    with pytest.raises(ValueError, match=message):
        NeuralClassifier(class_weight=weights).fit(X, y)


# Parameters of parts.


def wide(input_shape, outputs, *, width=3, activation="relu"):
    return [layers.Dense(width, activation), layers.Dense(outputs)]


def test_a_part_that_is_replaced_takes_arguments_along_that_only_it_has():
    estimator = NeuralClassifier(optimizer="sgd", optimizer__momentum=0.5, optimizer__learning_rate=0.1, epochs=1)
    made = estimator.set_params(optimizer="adam").fit(X, BINARY).model_.optimizer
    assert "optimizer__momentum" not in estimator.get_params()
    assert made.learning_rate == 0.1  # Adam has that, too
    estimator = NeuralClassifier(dense, model__units=5, model__activation="tanh", epochs=1)
    estimator.set_params(model=wide, model__width=4)
    assert estimator.get_params(deep=False)["model__width"] == 4
    assert "model__units" not in estimator.get_params()
    layer = clone(estimator).fit(X, BINARY).model_.layers[0]
    assert (layer.units, layer.activation.activation) == (4, "tanh")
    with pytest.raises(ValueError, match="Invalid parameter 'model__units'"):
        estimator.set_params(model=wide, model__units=4)
    grid = [{"model": [dense], "model__units": [3]}, {"model": [wide], "model__width": [2]}]
    GridSearchCV(NeuralClassifier(dense, model__units=6, epochs=1), grid, cv=2, error_score="raise").fit(X, BINARY)


class Small(NeuralClassifier):
    """A constructor without **."""

    def __init__(self, units=3, epochs=2, random_state=0):
        super().__init__(dense, epochs=epochs, model__units=units, random_state=random_state)
        self.units = units


def test_subclasses_with_parameters_of_their_own():
    small = Small(units=7)
    assert sorted(small.get_params()) == sorted(small.get_params(deep=False)) == ["epochs", "random_state", "units"]
    copied = clone(small).fit(X, BINARY)
    assert copied.model_.layers[0].units == 7
    assert_array_equal(copied.predict(X), small.fit(X, BINARY).predict(X))
    with pytest.raises(ValueError, match=r"Invalid parameter 'model__units' for estimator Small: expected .*'units'"):
        small.set_params(model__units=4)


# Shapes.


def test_an_input_shape_may_be_a_number():
    assert NeuralClassifier(input_shape=4, epochs=1).fit(X, BINARY).model_.input_shape == (None, 4)
    with pytest.raises(ValueError, match=r"expected \(3,\), received samples of shape \(4,\) in X"):
        NeuralClassifier(input_shape=3).fit(X, BINARY)


def test_numbers_of_another_shape():
    two, one = NeuralRegressor(epochs=1).fit(X, NUMBERS), NeuralRegressor(epochs=1).fit(X, NUMBERS[:, 0])
    with pytest.raises(ValueError, match=r"y must have 2 numbers for each sample, .* received shape \(120,\)"):
        two.partial_fit(X, NUMBERS[:, 0])
    with pytest.raises(ValueError, match=r"y must have 1 numbers for each sample, .* received shape \(120, 2\)"):
        one.partial_fit(X, NUMBERS)
    with pytest.raises(ValueError, match=r"y_val must have 2 numbers for each sample, .* received shape \(5,\)"):
        two.fit(X, NUMBERS, X_val=X[:5], y_val=NUMBERS[:5, 0])
    with pytest.raises(ValueError, match=r"^y_val must be finite, received -inf at index \(0, 0\)"):
        two.fit(X.astype(np.float32), NUMBERS, X_val=X[:5], y_val=NUMBERS[:5] * 1e300)


@pytest.mark.parametrize("sizes", [(2.9, True), ["3"], [(3, 2)], (0,), -1])
def test_hidden_layers_of_an_autoencoder_have_whole_numbers_of_units(sizes):
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        Autoencoder(2, sizes).fit(X)


def test_score_of_constant_samples():
    constant = np.ones((10, 3))
    made = Autoencoder(2, (), epochs=1, random_state=0).fit(constant)
    assert made.score(constant) == 0
    for layer in made.model_.layers:
        layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    assert made.score(0 * constant) == 1
