"""Autoencoder: against PCA, its parts, and tables in and out."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnn import layers
from fastnn.sklearn import Autoencoder

from .networks import DIGITS, LABELS, X


def test_linear_autoencoder_reaches_pca():
    """Without hidden layers its best codes span the space of the principal components (Baldi & Hornik 1989)."""
    pca = PCA(8).fit(DIGITS)
    best = pca.explained_variance_ratio_.sum()
    errors = {}
    for epochs in (20, 600):
        ours = Autoencoder(8, (), optimizer__learning_rate=0.005, epochs=epochs, random_state=0).fit(DIGITS)
        errors[epochs] = best - ours.score(DIGITS)
        squares = (ours.inverse_transform(ours.transform(DIGITS)) - DIGITS) ** 2
        assert ours.score(DIGITS) == pytest.approx(1 - squares.sum() / (DIGITS.var(axis=0).sum() * len(DIGITS)))
    assert 0 < errors[600] < 0.005 < 0.1 < errors[20]
    # The same space: each principal component is a combination of the decoder's rows.
    basis = ours.decoder_.get_weights()[0]
    projected = pca.components_[:4] @ np.linalg.pinv(basis) @ basis
    assert_allclose(projected, pca.components_[:4], atol=0.1)


def test_hidden_layers_do_better_than_pca():
    curve = np.linspace(-1, 1, 200)[:, np.newaxis]
    samples = np.hstack([curve, curve**2, np.sin(3 * curve)])
    ours = Autoencoder(1, (32,), activation="tanh", optimizer__learning_rate=0.01, epochs=400, random_state=0)
    assert ours.fit(samples).score(samples) > 0.98 > 0.85 > PCA(1).fit(samples).explained_variance_ratio_.sum()


def test_layers():
    made = Autoencoder(2, (5, 3), activation="tanh", code_activation="sigmoid", output_activation="relu", epochs=1)
    made.fit(X)
    dense = made.model_.layers
    assert all(isinstance(layer, layers.Dense) for layer in dense)
    assert [layer.units for layer in dense] == [5, 3, 2, 3, 5, 4]
    functions = [layer.activation.activation for layer in dense]
    assert functions == ["tanh", "tanh", "sigmoid", "tanh", "tanh", "relu"]
    assert [layer.units for layer in made.encoder_.layers] == [5, 3, 2]
    assert [layer.units for layer in Autoencoder(2, 7, epochs=1).fit(X).model_.layers] == [7, 2, 7, 4]


def test_parts_are_the_network():
    made = Autoencoder(2, epochs=2).fit(X)
    assert_array_equal(made.decoder_.predict(made.encoder_.predict(X)), made.model_.predict(X))
    assert_array_equal(made.inverse_transform(made.transform(X)), made.model_.predict(X))
    made.partial_fit(X)
    assert_array_equal(made.inverse_transform(made.transform(X)), made.model_.predict(X))


def test_sparse_samples():
    samples = X * (np.abs(X) > 0.7)
    parameters = {"n_components": 2, "epochs": 5, "random_state": 0}
    dense, sparse = (Autoencoder(**parameters).fit(x) for x in (samples, csr_array(samples)))
    assert_allclose(sparse.transform(csr_array(samples)), dense.transform(samples), rtol=1e-6, atol=1e-12)
    assert sparse.score(csr_array(samples)) == pytest.approx(dense.score(samples))


@pytest.mark.parametrize(("library", "table"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_tables(library, table):
    frame = table({name: X[:, i] for i, name in enumerate("abcd")})
    made = Autoencoder(2, epochs=2, random_state=0).set_output(transform=library)
    codes = made.fit_transform(frame)
    assert isinstance(codes, table)
    assert list(codes.columns) == list(made.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    plain = Autoencoder(2, epochs=2, random_state=0).fit_transform(X)
    assert_array_equal(codes.to_numpy(), plain)
    assert_array_equal(made.inverse_transform(codes), made.inverse_transform(plain))


def test_float_types(dtype):
    made = Autoencoder(2, epochs=1).fit(X.astype(dtype))
    assert made.transform(X.astype(dtype)).dtype == made.inverse_transform(np.ones((1, 2), dtype)).dtype == dtype


def test_pipeline_and_search():
    pipeline = make_pipeline(StandardScaler(), Autoencoder(epochs=40, random_state=0), LogisticRegression(max_iter=500))
    search = GridSearchCV(pipeline, {"autoencoder__n_components": [1, 16]}, cv=2).fit(DIGITS, LABELS)
    assert search.best_params_ == {"autoencoder__n_components": 16}
    components = make_pipeline(StandardScaler(), PCA(16), LogisticRegression(max_iter=500))
    assert search.best_score_ > cross_val_score(components, DIGITS, LABELS, cv=2).mean() - 0.1
    alone = GridSearchCV(Autoencoder(epochs=20), {"optimizer__learning_rate": [1e-5, 0.01]}, cv=2).fit(DIGITS)
    assert alone.best_params_ == {"optimizer__learning_rate": 0.01}


def test_early_stopping_and_validation():
    noise = np.random.default_rng(0).normal(size=(60, 8))
    made = Autoencoder(4, (60,), epochs=500, early_stopping=True, validation_fraction=0.4, n_iter_no_change=4)
    made.set_params(optimizer__learning_rate=0.03, random_state=0).fit(noise)
    assert len(made.history_["val_loss"]) == made.n_iter_ < 200
    made.set_params(early_stopping=False, epochs=3).fit(noise, X_val=noise[:5])
    errors = (made.inverse_transform(made.transform(noise[:5])) - noise[:5]) ** 2
    assert errors.mean() == pytest.approx(made.history_["val_loss"][-1])
    warm = Autoencoder(2, epochs=2, warm_start=True, shuffle=False, random_state=0).fit(noise).fit(noise)
    once = Autoencoder(2, epochs=4, shuffle=False, random_state=0).fit(noise)
    assert_array_equal(warm.transform(noise), once.transform(noise))


def test_sample_weights_of_zero_are_as_good_as_no_samples():
    weights = (X[:, 0] > 0).astype(float)
    parameters = {"n_components": 2, "epochs": 30, "random_state": 0}
    weighted = Autoencoder(**parameters).fit(X, sample_weight=weights)
    fewer = Autoencoder(**parameters).fit(X[weights > 0])
    assert_allclose(weighted.transform(X), fewer.transform(X), rtol=1e-6)
    assert weighted.score(X, sample_weight=weights) == pytest.approx(fewer.score(X[weights > 0]))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, r"'n_components' parameter of Autoencoder must be an int in the range \[1, inf\)"),
        ({"hidden_layer_sizes": (5, 0)}, r"hidden_layer_sizes must be > 0, got \[5, 0\]"),
        ({"activation": "rel"}, "unknown activation 'rel'; did you mean 'relu'"),
        ({"loss": None}, "'loss' parameter of Autoencoder must be"),
        ({"loss": "binary_crossentropy"}, "expects probabilities, but the last activation is linear"),
    ],
    ids=str,
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(**parameters).fit(X)


def test_bad_data():
    with pytest.raises(TypeError, match="unexpected keyword argument 'model__units'"):
        Autoencoder(model__units=3)
    made = Autoencoder(2, epochs=1).fit(X)
    with pytest.raises(ValueError, match="X has 3 features, but Autoencoder is expecting 2 features"):
        made.inverse_transform(X[:, :3])
    with pytest.raises(ValueError, match="X has 3 features, but Autoencoder is expecting 4 features"):
        made.transform(X[:, :3])
