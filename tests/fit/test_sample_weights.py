"""sample_weight and class_weight: what they do to losses, steps and validation."""

import numpy as np
import pytest

from fastnn import losses, optimizers

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


def test_weights_in_a_column():
    weights = np.linspace(0, 3, ROWS).astype(np.float32)
    model, other = classifier(), classifier()
    column, row = weights[:, np.newaxis], weights
    assert model.evaluate(X, Y, sample_weight=column, verbose=0) == other.evaluate(X, Y, sample_weight=row, verbose=0)
    history = model.fit(X, Y, sample_weight=column, validation_data=(X, Y, column), shuffle=False, verbose=0)
    expected = other.fit(X, Y, sample_weight=row, validation_data=(X, Y, row), shuffle=False, verbose=0)
    assert history.history == expected.history
    assert losses.Huber()(Y[:, np.newaxis], X[:, :1], column) == losses.Huber()(Y[:, np.newaxis], X[:, :1], row)


@pytest.mark.parametrize("keys", [(0.0, 1.0, 2.0), np.arange(3.0), np.arange(3), np.array([0, 1, 2], np.float32)])
def test_labels_of_class_weights_may_be_whole_floats(keys):
    model, other = classifier(), classifier()
    model.fit(X, Y, class_weight=dict(zip(keys, (3, 1, 0.5), strict=True)), shuffle=False, verbose=0)
    other.fit(X, Y, class_weight={0: 3, 1: 1, 2: 0.5}, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_balanced_class_weights_are_scikit_learns():
    """n / (classes * samples of the class), of the classes that are there, and only among the samples to train on."""
    y = np.repeat([0, 2], [30, 7])[np.random.default_rng(1).permutation(ROWS)]
    frequent, rare = ROWS / (2 * 30), ROWS / (2 * 7)
    for make, targets in [
        (classifier, y),
        (lambda: regressor(outputs=3), np.eye(3)[y]),
        (regressor, y / 2),
    ]:
        model, other = make(), make()
        history = model.fit(X, targets, class_weight="balanced", shuffle=False, verbose=0)
        expected = other.fit(X, targets, sample_weight=np.where(y == 2, rare, frequent), shuffle=False, verbose=0)
        assert history.history == expected.history
        assert_same_weights(model, other)
    model, other = classifier(), classifier()
    model.fit(X, y, class_weight="balanced", validation_split=0.3, shuffle=False, verbose=0)
    counts = np.bincount(y[:25])
    other.fit(X[:25], y[:25], class_weight={0: 25 / (2 * counts[0]), 2: 25 / (2 * counts[2])}, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_classes_of_a_hinge_loss():
    """Its targets may be -1 and 1; {0: ...} would then be without effect."""
    y = np.where(Y > 1, 1, -1)
    model, other = regressor(loss="hinge"), regressor(loss="hinge")
    model.fit(X, y, class_weight={-1: 3.0}, shuffle=False, verbose=0)
    other.fit(X, y, sample_weight=np.where(Y > 1, 1, 3), shuffle=False, verbose=0)
    assert_same_weights(model, other)
    with pytest.raises(ValueError, match=r"class_weight must have labels among \[-1, 1\], received 0"):
        model.fit(X, y, class_weight={0: 3.0}, verbose=0)


def test_a_batch_may_lack_classes():
    """What is refused does not depend on what a batch happens to hold."""
    model = regressor(loss="hinge")
    model.train_on_batch(X, np.ones(len(X)), class_weight={-1: 1.0, 1: 5.0})
    model.train_on_batch(X, np.ones(len(X)), class_weight={0: 1.0, 1: 5.0})
    model = regressor()
    model.train_on_batch(X, Y * 0.0, class_weight={0: 1.0, 2: 5.0})
    with pytest.raises(TypeError, match="a label of class_weight must be an integer, received 0.5"):
        model.train_on_batch(X, Y * 0.0, class_weight={0.5: 1.0})
