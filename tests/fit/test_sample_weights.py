"""sample_weight and class_weight: what they do to losses, steps and validation."""

import numpy as np

from fastnn import optimizers

from ..small_models import ROWS, assert_same_weights, classifier, labels, losses_of, regressor, samples

X, Y = samples(), labels()


def still():
    """A model that training does not change: every loss is that of the first weights."""
    return classifier(optimizers.SGD(0.0))


def test_sample_weights_scale_the_losses():
    model, weights = still(), np.linspace(0, 3, ROWS).astype(np.float32)
    history = model.fit(X, Y, sample_weight=weights, verbose=0)
    expected = (weights * losses_of(model, X, Y)).sum() / ROWS  # by the rows, not by the sum of weights
    np.testing.assert_allclose(history.history["loss"], [expected], rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(X, Y, sample_weight=weights, verbose=0)[0], expected, rtol=1e-6)


def test_samples_of_weight_zero_do_not_count():
    weights = np.ones(ROWS)
    weights[20:] = 0
    model, other = classifier(), classifier()
    model.fit(X, Y, batch_size=ROWS, sample_weight=weights, verbose=0)
    other.fit(X[:20], Y[:20], batch_size=20, sample_weight=np.full(20, 20 / ROWS), verbose=0)
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)


def test_class_weight_is_a_sample_weight_by_label():
    model, other = classifier(), classifier()
    history = model.fit(X, Y, class_weight={0: 3, 2: 0.5}, shuffle=False, verbose=0)
    expected = other.fit(X, Y, sample_weight=np.choose(Y, [3, 1, 0.5]), shuffle=False, verbose=0)
    assert history.history == expected.history
    assert_same_weights(model, other)


def test_class_weight_of_one_output_and_of_one_hot_rows():
    for model, y in [
        (regressor(optimizers.SGD(0.0), loss="mse"), (Y > 1).astype(np.float32)),
        (regressor(optimizers.SGD(0.0), outputs=2, loss="mse"), np.eye(2)[(Y > 1).astype(int)]),
    ]:
        targets = y.reshape(ROWS, -1)
        values = ((model.predict(X) - targets) ** 2).mean(axis=1)
        history = model.fit(X, y, class_weight={1: 4.0}, verbose=0)
        expected = (values * np.where(Y > 1, 4, 1)).mean()
        np.testing.assert_allclose(history.history["loss"], [expected], rtol=1e-6)


def test_class_weights_are_for_training_only():
    model = still()
    values = losses_of(model, X, Y)
    history = model.fit(X, Y, class_weight={0: 9, 1: 9, 2: 9}, validation_split=0.3, verbose=0)
    np.testing.assert_allclose(history.history["loss"], [9 * values[:25].mean()], rtol=1e-6)
    np.testing.assert_allclose(history.history["val_loss"], [values[25:].mean()], rtol=1e-6)
