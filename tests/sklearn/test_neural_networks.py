"""Networks of all kinds in NeuralClassifier and NeuralRegressor, their parameters, and what does not fit."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fastnn
from fastnn import layers, losses, optimizers
from fastnn.callbacks import EarlyStopping
from fastnn.sklearn import NeuralClassifier, NeuralRegressor

from .networks import BINARY, DIGITS, LABELS, NUMBERS, SEVERAL, THREE, Scale, X, convnet, dense, linear, scaled


def of_images(**parameters):
    return NeuralClassifier(convnet, input_shape=(8, 8, 1), epochs=10, random_state=0, **parameters)


def test_convnet_in_a_pipeline_and_a_search():
    pipeline = make_pipeline(StandardScaler(), of_images(batch_size=50).set_params(epochs=20))
    grid = {
        "neuralclassifier__model__filters": [1, 8],
        "neuralclassifier__optimizer__learning_rate": [1e-5, 0.01],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(DIGITS, LABELS)
    assert search.best_params_ == dict(zip(grid, (8, 0.01), strict=True))
    linear_one = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    assert search.best_score_ > cross_val_score(linear_one, DIGITS, LABELS, cv=3).mean() - 0.05
    kinds = search.best_estimator_[-1].model_.layers
    assert [type(layer).__name__ for layer in kinds] == ["Conv2D", "Flatten", "Dense", "Activation"]
    assert kinds[0].filters == 8


def test_images_as_they_are():
    images = DIGITS.reshape(-1, 8, 8, 1)
    flat = of_images().fit(DIGITS, LABELS)
    as_they_are = NeuralClassifier(convnet, epochs=10, random_state=0).fit(images, LABELS)
    assert_array_equal(flat.predict_proba(DIGITS), as_they_are.predict_proba(images))
    network = fastnn.Sequential([fastnn.Input((8, 8, 1)), *convnet((8, 8, 1), 10)])
    known = NeuralClassifier(network, epochs=10, random_state=0).fit(DIGITS, LABELS)  # the network knows its shape
    assert_array_equal(known.predict(DIGITS), known.predict(images.reshape(len(images), -1)))
    assert cross_val_score(NeuralClassifier(network, epochs=30, random_state=0), images, LABELS, cv=2).min() > 0.5


def test_layer_of_ones_own():
    built = fastnn.Sequential([fastnn.Input((4,)), Scale(), layers.Dense(3)])
    for model in (scaled, built):
        estimator = NeuralClassifier(model, epochs=100, optimizer__learning_rate=0.05, random_state=0).fit(X, THREE)
        assert not (estimator.model_.layers[0].factor.value == 1).any()
        assert estimator.score(X, THREE) > 0.9
    assert (built.layers[0].factor.value == 1).all()


def test_function_that_gives_the_same_layers_each_time():
    network, again = dense((4,), 3), fastnn.Sequential([fastnn.Input((4,)), *dense((4,), 3)])
    for built in (network, again):
        estimator = NeuralClassifier(lambda shape, outputs, built=built: built, epochs=5, random_state=0)
        first = estimator.fit(X, THREE).predict_proba(X)
        assert_array_equal(estimator.fit(X, THREE).predict_proba(X), first)
    assert not network[0].built


def test_embedding_of_integers():
    words = np.random.default_rng(0).integers(0, 20, (200, 3))
    y = (words < 7).any(axis=1)
    network = [layers.Embedding(20, 4), layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(1)]
    estimator = NeuralClassifier(fastnn.Sequential(network), epochs=100, optimizer__learning_rate=0.05, random_state=0)
    assert estimator.fit(words, y).score(words, y) > 0.95
    with pytest.raises(ValueError, match="20"):
        estimator.predict(words + 20)


def test_columns():
    table = np.column_stack([X.astype(object), np.array(["a", "b"])[BINARY]])
    columns = ColumnTransformer([("numbers", StandardScaler(), [0]), ("words", OneHotEncoder(), [4])])
    pipeline = make_pipeline(columns, NeuralClassifier(dense, epochs=100, optimizer__learning_rate=0.05))
    assert pipeline.fit(table, BINARY).score(table, BINARY) == 1


# Parameters of the function and of the optimizer.


def test_arguments_are_parameters():
    estimator = NeuralClassifier(dense, model__units=3, epochs=1)
    assert estimator.get_params(deep=False)["model__units"] == 3
    assert "model__activation" not in estimator.get_params(deep=False)
    assert estimator.get_params()["model__activation"] == "tanh"
    assert estimator.get_params()["optimizer__learning_rate"] == 0.001
    copied = clone(copy.copy(estimator).set_params(model__activation="relu", optimizer__learning_rate=0.5))
    assert estimator.get_params()["model__activation"] == "tanh"  # which the copy does not share
    made = copied.fit(X, BINARY).model_
    assert (made.layers[0].units, made.layers[0].activation.activation) == (3, "relu")
    assert made.optimizer.learning_rate == 0.5
    assert repr(copied).replace("\n", "").count("model__units=3") == 1
    assert "model__units" in copied._repr_html_()
    defaults = NeuralClassifier().set_params(model__units=7, epochs=1).fit(X, BINARY)
    assert defaults.model_.layers[0].units == 7
    same = NeuralClassifier(**estimator.get_params())
    assert same.get_params() == estimator.get_params()


def test_function_that_takes_anything():
    estimator = NeuralClassifier(lambda shape, outputs, **given: dense(shape, outputs, **given), epochs=1)
    assert estimator.set_params(model__units=5).fit(X, BINARY).model_.layers[0].units == 5


@pytest.mark.parametrize(
    ("model", "name", "message"),
    [
        (dense, "model__unit", r"'model__unit': .*which are \['units', 'activation'\], received 'unit'"),
        (None, "model__layers", r"'model__layers': .*which are \['units', 'activation'\], received 'layers'"),
        (
            fastnn.Sequential(),
            "model__units",
            "'model__units': .*received 'units'; only a function that builds a network has some",
        ),
        (dense, "optimizer__lr", r"'optimizer__lr': .*which are \['learning_rate', .*received 'lr'"),
        (dense, "epoch", "'epoch' for estimator NeuralRegressor"),
    ],
)
def test_unknown_arguments(model, name, message):
    with pytest.raises(ValueError, match=f"Invalid parameter {message}"):
        NeuralRegressor(model).set_params(**{name: 3})
    if "__" in name:
        with pytest.raises(ValueError, match=f"Invalid parameter {message}"):
            NeuralRegressor(model, **{name: 3}).fit(X, NUMBERS)
    else:
        with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
            NeuralRegressor(model, **{name: 3})


# What does not fit.


@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        ([layers.Dense(5)], THREE, r"model must give 3 outputs a sample, one for each class, .* \(None, 5\)"),
        ([layers.Dense(5)], BINARY, r"model must give 1 outputs a sample, one for two classes, .* \(None, 5\)"),
        ([layers.Dense(2)], THREE, r"model must give 3 outputs a sample, one for each class, .* \(None, 2\)"),
        ([layers.Dense(1, "relu")], BINARY, "must end with the activation sigmoid, .* that ends with relu"),
        ([layers.Dense(3, "sigmoid")], THREE, "must end with the activation softmax, .* that ends with sigmoid"),
        ([layers.Dense(3, "softmax")], SEVERAL, "must end with the activation sigmoid, .* that ends with softmax"),
        ([fastnn.Input((3,)), layers.Dense(3)], THREE, r"model's input_shape must .* \(3,\), received .* \(4,\) in X"),
        ([layers.Conv2D(2, 3)], THREE, r"expects inputs of shape \(batch, height, width, channels\)"),
    ],
)
def test_networks_that_do_not_fit(model, y, message):
    with pytest.raises(ValueError, match=message):
        NeuralClassifier(fastnn.Sequential(model)).fit(X, y)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda shape, outputs: None, "must return a Sequential or a list of layers, received None"),
        (lambda shape: [], r"a function of \(input_shape, outputs\) .*too many positional arguments"),
        (lambda shape, outputs, units: [], r"a function of \(input_shape, outputs\) .*missing a required argument"),
        (lambda shape, outputs: [3], "takes fastnn layers, received 3"),
        ("dense", "The 'model' parameter of NeuralClassifier must be None or a callable. Got 'dense' instead."),
    ],
)
def test_functions_that_build_no_network(model, message):
    with pytest.raises((TypeError, ValueError), match=message):
        NeuralClassifier(model).fit(X, THREE)


def test_regressor_needs_an_output_for_each_number():
    with pytest.raises(ValueError, match=r"give 2 outputs a sample, one for each number in a row of y.*\(None, 3\)"):
        NeuralRegressor(fastnn.Sequential([layers.Dense(3)])).fit(X, NUMBERS)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epochs": 0}, r"'epochs' parameter of NeuralClassifier must be an int in the range \[1, inf\). Got 0"),
        ({"batch_size": "all"}, "'batch_size' parameter of NeuralClassifier must be"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter of NeuralClassifier must be"),
        ({"class_weight": "balance"}, "'class_weight' parameter of NeuralClassifier must be"),
        ({"input_shape": "abc"}, "'input_shape' parameter of NeuralClassifier must be"),
        ({"input_shape": (2, 3)}, r"expected \(2, 3\), received samples of shape \(4,\) in X"),
        ({"input_shape": (2, 2.0)}, "input_shape must be an integer of at least 1, received 2.0"),
        ({"loss": "mes"}, "unknown loss 'mes'; did you mean 'mse'"),
        ({"loss": losses.BinaryCrossentropy(from_logits=True)}, "loss must take probabilities.*from_logits=True"),
        ({"optimizer": "adan"}, "unknown optimizer 'adan'; did you mean 'adam'"),
        ({"metrics": ["acuracy"]}, "unknown metric 'acuracy'; did you mean 'accuracy'"),
        ({"callbacks": [3]}, "callbacks must be Callback objects, received 3"),
        ({"random_state": "x"}, "'random_state' parameter of NeuralClassifier must be"),
    ],
    ids=str,
)
def test_parameters_out_of_range(parameters, message):
    estimator = NeuralClassifier(**parameters)
    with pytest.raises((TypeError, ValueError), match=message):
        estimator.fit(X, BINARY)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


def test_data_that_do_not_fit():
    estimator = NeuralClassifier(dense, epochs=1).fit(X, THREE)
    with pytest.raises(ValueError, match=r"`y` has classes not in `self.classes_`: \[3\], expected among \[0 1 2\]"):
        estimator.partial_fit(X, THREE + 1)
    with pytest.raises(ValueError, match="y must be multiclass labels as before"):
        estimator.partial_fit(X, SEVERAL)
    with pytest.raises(ValueError, match="X has 3 features, but NeuralClassifier is expecting 4"):
        estimator.predict(X[:, :3])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        estimator.predict(np.full((1, 4), np.nan))
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        estimator.fit(X, THREE, X_val=X)
    with pytest.raises(ValueError, match="sample_weight_val must come with X_val and y_val"):
        estimator.fit(X, THREE, sample_weight_val=np.ones(len(X)))
    with pytest.raises(ValueError, match="`y_val` has classes not in"):
        estimator.fit(X, BINARY, X_val=X, y_val=THREE)
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        NeuralClassifier().partial_fit(X, THREE)
    with pytest.raises(ValueError, match="class_weight 'balanced' is not supported for partial_fit"):
        NeuralClassifier(class_weight="balanced").partial_fit(X, THREE, classes=[0, 1, 2])
    images = NeuralClassifier(epochs=1).fit(X.reshape(-1, 2, 2), THREE)
    with pytest.raises(ValueError, match="X has 4 features, but NeuralClassifier is expecting 2"):
        images.predict(X)
    with pytest.raises(ValueError, match=r"X must have samples of shape \(2, 2\), received \(2, 3\)"):
        images.predict(np.ones((1, 2, 3)))
    with pytest.raises(TypeError, match=r"X must be dense for samples of shape \(2, 2\), received a sparse matrix"):
        NeuralClassifier(input_shape=(2, 2)).fit(csr_array(X), THREE)


def test_weights_that_are_not_finite():
    estimator = NeuralRegressor(linear, optimizer="sgd", optimizer__learning_rate=1e300, epochs=5)
    with (
        pytest.warns(RuntimeWarning, match="no longer a finite number"),
        pytest.raises(ValueError, match="non-finite parameter weights"),
    ):
        estimator.fit(X, NUMBERS)


def test_fit_that_fails_leaves_all_as_before():
    estimator = NeuralClassifier(dense, epochs=2, random_state=0).fit(X, THREE)
    before = dict(vars(estimator))
    for arguments, message in (
        ((X[:, :2], BINARY, [1.0]), r"sample_weight.shape == \(1,\)"),
        ((X, BINARY, -np.ones(len(X))), "Negative values in data passed to `sample_weight`"),
        ((X, BINARY, np.zeros(len(X))), "Sample weights must contain at least one non-zero number"),
    ):
        with pytest.raises(ValueError, match=message):
            estimator.fit(*arguments)
        assert vars(estimator) == before
    assert estimator.predict(X).shape == (len(X),)


# When training ends.


def test_early_stopping_takes_the_best_epoch():
    estimator = NeuralRegressor(dense, epochs=500, early_stopping=True, validation_fraction=0.3, n_iter_no_change=5)
    estimator.set_params(optimizer__learning_rate=0.1, model__units=50, random_state=1)
    noise = np.random.default_rng(0).normal(size=len(X))
    estimator.fit(X, noise)
    losses_of_epochs = estimator.history_["val_loss"]
    assert estimator.n_iter_ == len(losses_of_epochs) < 100
    held_out = estimator.fit(X[30:], noise[30:], X_val=X[:30], y_val=noise[:30])
    errors = (held_out.predict(X[:30]) - noise[:30]) ** 2
    assert errors.mean() == pytest.approx(min(held_out.history_["val_loss"]))
    assert held_out.n_iter_ - int(np.argmin(held_out.history_["val_loss"])) - 1 == 5


def test_the_part_held_out_has_the_same_share_of_each_class():
    y = np.repeat([0, 1], [100, 20])
    estimator = NeuralClassifier(epochs=1, early_stopping=True, validation_fraction=0.25)
    parts = estimator._held_out
    seen = []
    estimator._held_out = lambda data, labels, seed: seen.append(parts(data, labels, seed)) or seen[-1]
    estimator.fit(X, y, sample_weight=np.arange(1, 121))
    (train, held_out) = seen[0]
    assert (train.targets.sum(), len(train.X)) == (15, 90)
    assert (held_out.targets.sum(), len(held_out.weights)) == (5, 30)


def test_ctrl_c_keeps_what_was_trained():
    class Interrupts(fastnn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator = NeuralClassifier(dense, epochs=9, random_state=0, callbacks=Interrupts()).fit(X, BINARY)
    until_then = NeuralClassifier(dense, epochs=4, random_state=0).fit(X, BINARY)
    assert_array_equal(estimator.predict_proba(X), until_then.predict_proba(X))
    assert estimator.n_iter_ == 4


def test_fit_changes_no_object_of_the_users():
    network = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3)])
    network.compile("sgd", "mse")
    parameters = {
        "model": network,
        "optimizer": optimizers.Adam(0.1),
        "loss": losses.CategoricalCrossentropy(),
        "metrics": [fastnn.metrics.CategoricalAccuracy()],
        "callbacks": [EarlyStopping("loss")],
    }
    before = copy.deepcopy(parameters)
    estimator = NeuralClassifier(**parameters, epochs=3).fit(X, THREE)
    assert_array_equal(network.get_weights()[0], before["model"].get_weights()[0])
    assert isinstance(network.optimizer, optimizers.SGD)
    assert [type(layer) for layer in network.layers] == [layers.Dense]
    for name in ("optimizer", "loss"):
        assert vars(parameters[name]).keys() == vars(before[name]).keys()
    assert parameters["optimizer"].iterations == 0
    assert estimator.model_.loss is not parameters["loss"]
    assert estimator.model_.metrics[0] is not parameters["metrics"][0]
    assert not hasattr(parameters["callbacks"][0], "model")
    assert estimator.model_.optimizer.iterations == 3
    assert all(getattr(estimator, name) is value for name, value in parameters.items())
