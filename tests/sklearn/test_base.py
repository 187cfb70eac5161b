"""The state of estimators: copies, pickles, skops; the same bits; and predictions without checks."""

import io
import pickle
import pickletools

import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

import fastnn
from fastnn import layers, losses, metrics, optimizers
from fastnn.sklearn import Autoencoder, NeuralClassifier, NeuralRegressor, base

from .networks import BINARY, NUMBERS, SEVERAL, THREE, Scale, X, dense, scaled

WORDS = np.array(["low", "middle", "high"])[THREE]


def outputs(estimator, x=X):
    for name in ("predict_proba", "transform", "predict"):
        if hasattr(estimator, name):
            return getattr(estimator, name)(x)
    raise AssertionError


def network():
    return fastnn.Sequential([fastnn.Input((4,)), layers.Dense(5, "relu"), layers.Dropout(0.1), layers.Dense(3)])


PLAIN = [
    (NeuralClassifier(epochs=2), WORDS),
    (NeuralClassifier(epochs=2), WORDS.astype(object)),
    (NeuralClassifier(epochs=2), SEVERAL),
    (NeuralClassifier(network(), epochs=2, metrics=["accuracy"]), WORDS),
    (
        NeuralClassifier(
            network(), epochs=2, loss=losses.CategoricalCrossentropy(label_smoothing=0.1),
            optimizer=optimizers.SGD(fastnn.schedules.ExponentialDecay(0.1, 10, 0.5), momentum=0.9),
            metrics=[metrics.CategoricalAccuracy()], optimizer__clipnorm=1.0,
            optimizer__learning_rate=fastnn.schedules.ExponentialDecay(0.2, 10, 0.5),
        ),
        WORDS,
    ),
    (NeuralRegressor(epochs=2, loss="huber"), NUMBERS),
    (Autoencoder(3, epochs=2), None),
]  # fmt: skip
IDS = [f"{type(estimator).__name__}{i}" for i, (estimator, _) in enumerate(PLAIN)]


def pickled(estimator):
    return pickle.loads(pickle.dumps(estimator))


def dumped(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


def through_skops(estimator):
    content = skops.io.dumps(estimator)
    unknown = skops.io.get_untrusted_types(data=content)
    assert unknown == [f"{type(estimator).__module__}.{type(estimator).__name__}"]  # nothing but the estimator itself
    return skops.io.loads(content, trusted=unknown)


@pytest.mark.parametrize("copied", [pickled, dumped, through_skops])
@pytest.mark.parametrize(("estimator", "y"), PLAIN, ids=IDS)
def test_copies(estimator, y, copied):
    estimator = clone(estimator).set_params(random_state=0)
    unfitted = copied(estimator)
    with pytest.raises(NotFittedError):
        check_is_fitted(unfitted)
    estimator.fit(X, y)
    expected = outputs(estimator)
    for other in (copied(estimator), unfitted.fit(X, y)):
        assert_array_equal(outputs(other), expected)
        assert other.history_ == estimator.history_
    # Training goes on as if there were no copy: with the optimizer's state.
    other, arguments = copied(estimator), (X,) if y is None else (X, y)
    assert_array_equal(outputs(other.partial_fit(*arguments)), outputs(estimator.partial_fit(*arguments)))
    assert not np.array_equal(outputs(other), expected)


def test_states_name_no_class_of_fastnn_but_the_estimator():
    for estimator, y in PLAIN:
        content = pickle.dumps(clone(estimator).fit(X, y), protocol=2)
        named = {argument for code, argument, _ in pickletools.genops(content) if code.name == "GLOBAL"}
        assert [name for name in named if name.startswith("fastnn")] == [
            f"{type(estimator).__module__} {type(estimator).__name__}"
        ]


def test_parts_of_the_network_are_stored_once():
    large = Autoencoder(200, 300, epochs=1).fit(np.random.default_rng(0).normal(size=(50, 400)))
    weights = large.model_.count_params()
    assert len(pickle.dumps(large)) < 3.1 * 8 * weights  # the weights and Adam's two slots
    assert_array_equal(pickled(large).encoder_.get_weights()[0], large.model_.get_weights()[0])


@pytest.mark.parametrize("model", [scaled, fastnn.Sequential([fastnn.Input((4,)), Scale(), layers.Dense(3)])])
def test_users_own_classes_are_left_to_pickle(model):
    estimator = NeuralClassifier(model, epochs=2, random_state=0).fit(X, THREE)
    with_a_function = NeuralClassifier(epochs=2, metrics=[zero], random_state=0).fit(X, THREE)
    assert pickled(with_a_function).history_["zero"] == [0, 0]
    for copied in (pickled, dumped):
        other = copied(estimator)
        assert isinstance(other.model_.layers[0], Scale)
        assert_array_equal(outputs(other), outputs(estimator))
        assert_array_equal(outputs(other.partial_fit(X, THREE)), outputs(pickled(estimator).partial_fit(X, THREE)))


def zero(y_true, y_pred):
    return np.zeros(len(y_true))


def test_memory_mapped(tmp_path):
    estimator = NeuralClassifier(epochs=1).fit(X, THREE)
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    mapped = joblib.load(tmp_path / "estimator.joblib", mmap_mode="r")
    assert_array_equal(outputs(mapped), outputs(estimator))


@pytest.mark.parametrize(("estimator", "y"), PLAIN, ids=IDS)
def test_clones_know_nothing_of_the_fit(estimator, y):
    fitted = clone(estimator).fit(X, y)
    again = clone(fitted)
    assert not [name for name in vars(again) if name.endswith("_")]
    assert again.get_params().keys() == estimator.get_params().keys()
    for name in ("model", "optimizer"):
        value = getattr(fitted, name, None)
        assert isinstance(value, str | None) or getattr(again, name) is not value
    assert type(estimator).__name__ in repr(fitted)
    assert type(estimator).__name__ in fitted._repr_html_()


# Randomness.


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"shuffle": False}], ids=str)
def test_same_bits(parameters):
    model = NeuralClassifier(fastnn.Sequential(network().layers[:0] + dropped()), epochs=3, batch_size=16, **parameters)
    first, second, third = (outputs(clone(model).set_params(random_state=seed).fit(X, THREE)) for seed in (0, 0, 1))
    assert_array_equal(first, second)
    assert not np.array_equal(first, third)
    fastnn.utils.set_random_seed(7)
    expected = fastnn.initializers.GlorotUniform()((2, 2))
    fastnn.utils.set_random_seed(7)
    model.set_params(random_state=0).fit(X, THREE)  # draws nothing from the generator that all share
    assert_array_equal(fastnn.initializers.GlorotUniform()((2, 2)), expected)


def dropped():
    return [layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(3)]


def test_generator_goes_on():
    random = np.random.RandomState(0)
    first, second = (outputs(NeuralClassifier(dense, epochs=1, random_state=random).fit(X, THREE)) for _ in range(2))
    assert not np.array_equal(first, second)
    one = NeuralClassifier(dense, epochs=1, random_state=np.random.RandomState(0)).fit(X, THREE)
    assert_array_equal(outputs(one), first)


def test_threads_side_by_side():
    made = NeuralClassifier(dense, epochs=20, batch_size=16, model__units=30)
    seeds = [0, 1, 2, 3, 0, 1]
    alone = [outputs(clone(made).set_params(random_state=seed).fit(X, THREE)) for seed in seeds]
    with joblib.parallel_backend("threading", n_jobs=3):
        together = joblib.Parallel()(
            joblib.delayed(clone(made).set_params(random_state=seed).fit)(X.astype(kind), THREE)
            for seed, kind in zip(seeds, [np.float64, np.float64, np.float32] * 2, strict=True)
        )
    for i, estimator in enumerate(together):
        assert estimator.model_.dtype == (np.float32 if i % 3 == 2 else np.float64)
        if i % 3 != 2:
            assert_array_equal(outputs(estimator), alone[i])


# Metadata.


def test_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        asks = NeuralClassifier(dense, epochs=30, optimizer__learning_rate=0.1, random_state=0).set_fit_request(
            sample_weight=True, X_val=True, y_val=True
        )
        weights = np.where(BINARY, 1.0, 1e-6)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asks)
        pipeline.fit(X, BINARY, sample_weight=weights, X_val=X[:10], y_val=BINARY[:10])
        alone = clone(asks).fit(StandardScaler().fit_transform(X), BINARY, sample_weight=weights)
        assert_array_equal(pipeline.predict_proba(X), outputs(alone, StandardScaler().fit_transform(X)))
        assert pipeline.predict(X).mean() > clone(pipeline).fit(X, BINARY).predict(X).mean() + 0.2
        assert len(pipeline[-1].history_["val_loss"]) == 30
        scores = cross_validate(
            asks.set_score_request(sample_weight=True), X, BINARY, params={"sample_weight": weights}, cv=2
        )
        assert scores["test_score"].min() > 0.95
        refuses = make_pipeline(NeuralClassifier(dense))
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match=r"sample_weight.*NeuralClassifier.fit"):
            refuses.fit(X, BINARY, sample_weight=weights)


# Predictions.


@pytest.mark.parametrize(("estimator", "y"), PLAIN, ids=IDS)
def test_few_samples_are_predicted_without_slow_checks(estimator, y, monkeypatch):
    estimator = clone(estimator).fit(X, y)
    expected = outputs(estimator, X.tolist())[:1]
    with monkeypatch.context() as patch:
        for name in ("validate_data", "check_is_fitted"):
            patch.setattr(base, name, None)
        for kind in (np.float64, np.float32):
            assert outputs(estimator, X[:1].astype(kind)) == pytest.approx(expected, rel=1e-4)
        with pytest.raises(TypeError, match="'NoneType' object is not callable"):
            outputs(estimator, X[:1].tolist())
    for wrong, message in (
        (np.full((1, 4), np.inf), "Input X contains infinity"),
        (X[:1, :2], "X has 2 features"),
        (X[:0], "Found array with 0 sample"),
        (X[0], "Expected 2D array, got 1D array"),
    ):
        with pytest.raises(ValueError, match=message):
            outputs(estimator, wrong)
