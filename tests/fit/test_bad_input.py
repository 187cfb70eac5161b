"""Data that fit, evaluate, predict and the rest refuse: the error names the argument, and nothing has changed."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses, metrics, model_selection

from ..small_models import (
    FEATURES,
    ROWS,
    assert_refused,
    classifier,
    fitted,
    labels,
    regressor,
    samples,
    state,
    unbuilt,
)

X, Y = samples(), labels()


def with_value(array, place, value, dtype=None):
    array = np.array(array, dtype)
    array[place] = value
    return array


class Batches:
    """Like Keras's Sequence: NumPy would ask it for items for ever."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X, Y


NUMBER_THEM = "; number labels that are text first: classes, y = numpy.unique(y, return_inverse=True)"

# What is wrong with x: for every function that takes it. The messages are those of a model that knows its shape.
BAD_X = {
    "none": (None, TypeError, "x must be an array of numbers, received None"),
    "sequence": (Batches(), TypeError, "received <class 'tests.fit.test_bad_input.Batches'>, which gives out items"),
    "sequences": ([Batches()], TypeError, "received a list of <class 'tests.fit.test_bad_input.Batches'>, which gives"),
    "inside lists": ([[Batches()] * 3] * 2, TypeError, "received a list of <class 'tests.fit.test_bad_input.Batches'>"),
    "generator": ((x for x in X), TypeError, "received <class 'generator'>, which gives out items one after another"),
    "objects": (X.astype(object), TypeError, "x must be an array of numbers, received an array of type object"),
    "strings": (X.astype(str), TypeError, "x must be an array of numbers, received an array of type <U"),
    "dates": (X.astype("M8[s]"), TypeError, "x must be an array of numbers, received an array of type datetime64[s]"),
    "records": (np.zeros(ROWS, [("a", "f4")]), TypeError, "x must be an array of numbers, received an array of"),
    "complex": (X + 1j, TypeError, "x must be an array of numbers, received an array of type complex64"),
    "too_large_integers": ([[2**70] * FEATURES] * ROWS, TypeError, "received an array of type object"),
    "ragged": ([[1.0] * FEATURES] * 3 + [[1.0]], ValueError, "array of numbers, received rows of different lengths"),
    "masked": (np.ma.masked_greater(X, 1), TypeError, "x must be an array of numbers, received one with masked values"),
    "scalar": (3.0, ValueError, "x must have shape (n, "),
    "vector": (X[:, 0], ValueError, "x must have shape (n, "),
    "no_rows": (X[:0], ValueError, "received shape (0, 5)"),
    "no_columns": (X[:, :0], ValueError, "x must have shape (n, "),
    "nan": (with_value(X, (30, 2), np.nan), ValueError, "x must be finite, received nan at index (30, 2)"),
    "infinity": (with_value(X, (0, 4), -np.inf), ValueError, "x must be finite, received -inf at index (0, 4)"),
    "nan_float64": (with_value(X, (36, 4), np.nan, "f8"), ValueError, "must be finite, received nan at index (36, 4)"),
    "nan_float16": (with_value(X, (7, 0), np.nan, "f2"), ValueError, "x must be finite, received nan at index (7, 0)"),
    "nan_fortran": (np.asfortranarray(with_value(X, (7, 0), np.nan)), ValueError, "received nan at index (7, 0)"),
    "nan_other_bytes": (with_value(X, (7, 0), np.nan, ">f4"), ValueError, "received nan at index (7, 0)"),
}  # fmt: skip


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "predict", "call"])
@pytest.mark.parametrize("bad", BAD_X.values(), ids=BAD_X.keys())
def test_x(bad, call):
    x, error, message = bad
    calls = {
        "fit": lambda model: model.fit(x, Y, verbose=0),
        "evaluate": lambda model: model.evaluate(x, Y, verbose=0),
        "train_on_batch": lambda model: model.train_on_batch(x, Y),
        "predict": lambda model: model.predict(x),
        "call": lambda model: model(x),
    }
    assert_refused(calls[call], error, message)


def test_everything_else_that_takes_data_refuses_what_gives_out_batches():
    layer, loss, metric = layers.Dense(2), losses.MeanSquaredError(), metrics.F1Score()
    for call in (
        lambda: classifier().fit(Batches()),  # Keras's call: it has no y
        lambda: classifier().evaluate(Batches()),
        lambda: classifier().forward(Batches()),
        lambda: layer(Batches()),
        lambda: loss(Batches(), X),
        lambda: metric(Batches(), X),
        lambda: model_selection.train_test_split(Batches()),
        lambda: [*model_selection.KFold(2).split(Batches())],
        lambda: model_selection.cross_validate(classifier, Batches(), Y),
        lambda: fastnn.utils.to_categorical(Batches()),
    ):
        with pytest.raises(TypeError, match="which gives out items one after another"):
            call()


@pytest.mark.parametrize("shape", [(ROWS, 4), (ROWS, 6), (ROWS, 1, FEATURES), (ROWS, FEATURES, 1), (FEATURES,), (1, 1)])
def test_x_of_another_shape_than_the_model_takes(shape):
    x = np.ones(shape)
    message = f"x must have shape (n, {FEATURES}), received {shape}"
    for call in (
        lambda model: model.fit(x, Y, verbose=0),
        lambda model: model.evaluate(x, Y, verbose=0),
        lambda model: model.predict(x),
        lambda model: model.forward(x),
        lambda model: model(x, training=True),
    ):
        assert_refused(call, ValueError, message, [fitted])


def test_images_where_vectors_are_needed():
    message = "(Dense) expects inputs of shape (batch, features), received (None, 2, 5); put a Flatten layer before it"
    assert_refused(lambda model: model.predict(np.ones((3, 2, 5))), ValueError, message, [unbuilt])


def test_values_that_float32_cannot_hold():
    message = "x must be finite, received inf at index (1, 2)"
    assert_refused(lambda model: model.predict(with_value(X, (1, 2), 1e39, "f8")), ValueError, message, [fitted])
    double = classifier(dtype="float64")
    assert np.isfinite(double.predict(with_value(X, (1, 2), 1e39, "f8"))).all()


IN_RANGE = "y must be integers in [0, 3), received"
BAD_LABELS = {
    "none": (None, TypeError, "y must be an array of numbers, received None"),
    "sequence": (Batches(), TypeError, "received <class 'tests.fit.test_bad_input.Batches'>, which gives out items"),
    "strings": (Y.astype("U1"), TypeError, f"must be an array of numbers, received an array of type <U1{NUMBER_THEM}"),
    "list_of_strings": (Y.astype(str).tolist(), TypeError, f"received an array of type <U1{NUMBER_THEM}"),
    "strings_as_objects": (Y.astype(str).astype(object), TypeError, f"an array of type object{NUMBER_THEM}"),
    "objects": (Y.astype(object), TypeError, "received an array of type object; its astype(float) has numbers"),
    "complex": (Y + 0j, TypeError, "y must be an array of numbers, received an array of type complex128"),
    "dict": ({0: 1}, TypeError, "y must be an array of numbers, received an array of type object"),
    "ragged": ([[0], [1, 2]], ValueError, "y must be an array of numbers, received rows of different lengths"),
    "scalar": (2, ValueError, "y must be integer labels of shape (n,), received shape ()"),
    "empty": ([], ValueError, "y must hold at least one label, received none"),
    "too_short": (Y[:-1], ValueError, "x and y must have the same length, received 37 and 36"),
    "too_long": (np.append(Y, 0), ValueError, "x and y must have the same length, received 37 and 38"),
    "one_hot": (np.eye(3)[Y], ValueError, "(37, 3); for one-hot rows use the loss categorical_crossentropy"),
    "two_columns": (np.eye(2)[Y % 2], ValueError, "y must be integer labels of shape (n,), received shape (37, 2)"),
    "three_axes": (Y[:, None, None], ValueError, "y must be integer labels of shape (n,), received shape (37, 1, 1)"),
    "negative": (with_value(Y, 9, -1), ValueError, f"{IN_RANGE} -1 at index 9"),
    "as_many_as_classes": (with_value(Y, 36, 3), ValueError, f"{IN_RANGE} 3 at index 36"),
    "fraction": (with_value(Y, 4, 1.5, float), ValueError, f"{IN_RANGE} 1.5 at index 4"),
    "nan": (with_value(Y, 4, np.nan, float), ValueError, "y must be finite, received nan at index (4,)"),
    "infinity": (with_value(Y, 0, np.inf, float), ValueError, "y must be finite, received inf at index (0,)"),
    "huge_float": (with_value(Y, 4, 1e300, float), ValueError, f"{IN_RANGE} 1e+300 at index 4"),
    "int64_wraps_to_0": (with_value(Y, 4, 2.0**64, float), ValueError, f"{IN_RANGE} 1.8446744073709552e+19 at index 4"),
    "huge_unsigned": (with_value(Y, 4, 2**64 - 1, np.uint64), ValueError, f"{IN_RANGE} 18446744073709551615 at"),
    "more_than_int32": (with_value(Y, 4, 2**32), ValueError, f"{IN_RANGE} 4294967296 at index 4"),
}  # fmt: skip


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "validation_data"])
@pytest.mark.parametrize("bad", BAD_LABELS.values(), ids=BAD_LABELS.keys())
def test_labels(bad, call):
    y, error, message = bad
    calls = {
        "fit": lambda model: model.fit(X, y, verbose=0),
        "evaluate": lambda model: model.evaluate(X, y, verbose=0),
        "train_on_batch": lambda model: model.train_on_batch(X, y),
        "validation_data": lambda model: model.fit(X, Y, validation_data=(X, y), verbose=0),
    }
    if call == "validation_data":
        message = message.replace("x and y must", "validation_data x and validation_data y must")
    assert_refused(calls[call], error, message)


def refused_targets(model, y, error, message):
    before = state(model)
    with pytest.raises(error) as caught:
        model.fit(X, y, verbose=0)
    assert message in str(caught.value)
    assert state(model) == before


def test_targets_of_a_regression():
    for y, error, message in [
        (Y[:, None, None], ValueError, "y must have shape (n, 1), received (37, 1, 1)"),
        (np.eye(3)[Y], ValueError, "y must have shape (n, 1), received (37, 3)"),  # Keras broadcasts, silently
        (with_value(Y, 3, np.nan, float), ValueError, "y must be finite, received nan at index (3, 0)"),
        (with_value(Y, 3, 1e300, float), ValueError, "y must be finite, received inf at index (3, 0)"),
        (Y[:5], ValueError, "x and y must have the same length, received 37 and 5"),
        (Y[:0], ValueError, "y must hold at least one sample, received shape (0, 1)"),
        (4.0, ValueError, "y must have shape (n, 1), received ()"),
        (["a"] * ROWS, TypeError, f"y must be an array of numbers, received an array of type <U1{NUMBER_THEM}"),
    ]:
        refused_targets(regressor("adam"), y, error, message)
    refused_targets(
        regressor("adam", outputs=3), Y, ValueError,
        "y must have shape (n, 3), received (37,); for integer labels use the loss sparse_categorical_crossentropy",
    )  # fmt: skip


def test_targets_of_the_cross_entropies():
    one_hot = fastnn.Sequential([fastnn.Input((FEATURES,)), layers.Dense(3, "softmax")])
    one_hot.compile("adam", "categorical_crossentropy", ["accuracy"])
    yes_or_no = fastnn.Sequential([fastnn.Input((FEATURES,)), layers.Dense(3, "sigmoid")])
    yes_or_no.compile("adam", "binary_crossentropy")
    good = np.eye(3)[Y]
    for model in (one_hot, yes_or_no):
        for y, message in [
            (np.eye(4)[Y], "y must have shape (n, 3), received (37, 4)"),
            (np.eye(2)[Y % 2], "y must have shape (n, 3), received (37, 2)"),
            (Y, "y must have shape (n, 3), received (37,)"),
            (2 * good, "y must be in [0, 1] for a cross-entropy, received values from 0 to 2"),
            (good - 0.5, "y must be in [0, 1] for a cross-entropy, received values from -0.5 to 0.5"),
            (with_value(good, (2, 1), np.nan), "y must be finite, received nan at index (2, 1)"),
        ]:
            refused_targets(model, y, ValueError, message)
    refused_targets(
        one_hot, with_value(good, 7, [1, 1, 0]), ValueError, "rows that sum to 1, received a sum of 2 at index 7"
    )
    refused_targets(one_hot, with_value(good, 7, 0), ValueError, "rows that sum to 1, received a sum of 0 at index 7")
    one_hot.fit(X, with_value(good, 7, [0.25, 0.25, 0.5]), verbose=0)
    yes_or_no.fit(X, with_value(good, 7, [1, 1, 0.5]), verbose=0)


def test_whole_labels_as_floats_are_fine():
    model, other = classifier(), classifier()
    model.fit(X, Y.astype(float), shuffle=False, verbose=0)
    other.fit(X, Y, shuffle=False, verbose=0)
    assert [w.tobytes() for w in model.get_weights()] == [w.tobytes() for w in other.get_weights()]
