"""Sparse matrices that nothing can be done with: an error before any kernel runs, and the model is as it was."""

import numpy as np
import pytest
import scipy.sparse

import fastnn
from fastnn import layers, losses, metrics, model_selection
from fastnn.sparse_rows import SparseRows, sparse_rows

from ..limits import Own
from ..small_models import FEATURES, ROWS, assert_refused, classifier, dense, fitted, labels, samples, state, unbuilt

DENSE = samples() * (np.random.default_rng(7).random((ROWS, FEATURES)) < 0.6)
X, Y = scipy.sparse.csr_array(DENSE), labels()
LAST = len(X.data)


def changed(**arrays):
    """X with other arrays, set after SciPy has checked those of the constructor."""
    x = X.copy()
    for name, array in arrays.items():
        setattr(x, name, array)
    return x


def put(name, at, value, dtype=None):
    array = getattr(X, name).astype(dtype or getattr(X, name).dtype)
    array[at] = value
    return changed(**{name: array})


def bad_values():
    for value in (np.nan, np.inf, -np.inf):
        yield f"{value}", put("data", 4, value), ValueError, f"x must be finite, received {value} at index ("
    yield "too large", put("data", 4, 1e300, np.float64), ValueError, "x must be finite, received inf at index ("
    yield (
        "complex",
        X.astype(complex),
        TypeError,
        "x must be a matrix of numbers, received a sparse one of type complex",
    )
    yield "objects", changed(data=X.data.astype(object)), TypeError, "received a sparse one of type object"
    yield "text", changed(data=X.data.astype(str)), TypeError, "received a sparse one of type <U"
    yield "complex csc", X.astype(complex).tocsc(), TypeError, "x must be a matrix of numbers, received a sparse one"


def bad_shapes():
    wide = scipy.sparse.csr_array((ROWS, FEATURES + 1), dtype=np.float32)
    yield "columns", wide, ValueError, f"x must have shape (n, {FEATURES}), received ({ROWS}, {FEATURES + 1})"
    empty = scipy.sparse.csr_array((0, FEATURES), dtype=np.float32)
    yield "no rows", empty, ValueError, "x must have shape (n, features) and hold samples, received shape (0, 5)"
    narrow = scipy.sparse.csr_array((ROWS, 0), dtype=np.float32)
    yield "no columns", narrow, ValueError, "x must have shape (n, features) and hold samples"
    yield "one axis", scipy.sparse.coo_array(DENSE[0]), ValueError, "received shape (5,)"
    other = scipy.sparse.csr_array(DENSE[:-1])
    yield "rows", other, ValueError, f"x and y must have the same length, received {ROWS - 1} and {ROWS}"


def bad_arrays():
    yield "begins late", put("indptr", 0, 1), ValueError, "x.indptr must begin with 0, received 1"
    yield "begins below", put("indptr", 0, -1), ValueError, "x.indptr must begin with 0, received -1"
    yield "falls", put("indptr", 7, 0), ValueError, "x.indptr must not decrease, received"
    yield (
        "ends late",
        put("indptr", -1, LAST + 1),
        ValueError,
        f"the last number of indptr, {LAST + 1}; received {LAST}",
    )
    far = put("indptr", -1, 2**62, np.int64)
    yield "ends far away", far, ValueError, "x.indices and x.data must have the same length, at least the last number"
    around = np.array(X.indptr, np.uint64)
    around[4:6] = 2**63 - 1, 2**64 - 2
    yield "wraps around", changed(indptr=around), ValueError, "x.indptr must not decrease, received 9223372036854775807"
    yield (
        "too short",
        changed(indptr=X.indptr[:-1]),
        ValueError,
        f"x.indptr must hold {ROWS + 1} integers for the shape",
    )
    yield "too long", changed(indptr=np.append(X.indptr, LAST)), ValueError, f"received {ROWS + 2}"
    yield "negative", put("indices", 3, -1), ValueError, "x must have indices in [0, 5) for its shape, received -1 at"
    yield "beyond", put("indices", 3, FEATURES), ValueError, "received 5 at position 3"
    yield "wraps", put("indices", 3, 2**32, np.int64), ValueError, "received 4294967296 at position 3"
    yield "unsigned", put("indices", 3, 2**32 - 1, np.uint32), ValueError, "received 4294967295 at position 3"
    yield "fewer indices", changed(indices=X.indices[:-1]), ValueError, f"received {LAST - 1} and {LAST}"
    yield "fewer values", changed(data=X.data[:-1]), ValueError, f"received {LAST} and {LAST - 1}"
    floats = changed(indices=X.indices.astype(float))
    yield "indices of floats", floats, TypeError, f"integers, received float64 of shape ({LAST},)"
    yield "indptr of floats", changed(indptr=X.indptr.astype(float)), TypeError, "x.indptr must be a vector of integers"
    yield "list", changed(indices=X.indices.tolist()), TypeError, "must be a vector of integers, received list"
    yield "no data", changed(data=None), TypeError, "x.data must be a vector of numbers, received None"
    yield "two axes", changed(data=X.data[:, np.newaxis]), TypeError, "x.data must be a vector of numbers"
    columns = X.tocsc()
    columns.indices[2] = ROWS
    yield "csc", columns, ValueError, f"x must have indices in [0, {ROWS}) for its shape, received {ROWS} at position 2"
    triples = X.copy().tocoo()
    triples.coords[1][2] = FEATURES
    yield "coo", triples, ValueError, "x must have indices in [0, 5) for its shape, received 5 at position 2"
    blocks = X.copy().tobsr((1, 1))
    blocks.indices[2] = FEATURES
    yield "bsr", blocks, ValueError, "x must be a valid matrix in the format bsr: axis 1 index 5 exceeds"
    diagonals = scipy.sparse.dia_array((np.ones((7, FEATURES), np.float32), np.arange(-3, 4)), X.shape)
    diagonals.offsets = diagonals.offsets[:1].copy()
    yield "dia", diagonals, ValueError, "x.offsets must have one number for each row of x.data, received shapes (1,)"
    lists = X.tolil()
    lists.rows = lists.rows[:5].copy()
    yield "lil", lists, ValueError, f"x.rows must hold a list for each of the {ROWS} rows"
    uneven = X.tolil()
    uneven.data[2] = [*uneven.data[2], 1.0, 2.0]
    yield "lil lengths", uneven, ValueError, "x.rows and x.data must have lists of the same lengths"
    short = X.copy().tocoo()
    short.data = short.data[:-1]
    yield "coo lengths", short, ValueError, "x must be a valid matrix in the format coo: all index and data arrays"


BAD = {name: rest for cases in (bad_values(), bad_shapes(), bad_arrays()) for name, *rest in cases}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_what_is_wrong_with_a_matrix_is_said(bad):
    x, error, message = bad
    calls = [lambda m: m.fit(x, Y, verbose=0), lambda m: m.evaluate(x, Y, verbose=0), lambda m: m.train_on_batch(x, Y)]
    if "x and y" not in message:
        calls.append(lambda m: m.predict(x))
    # A model that is not built yet takes any number of columns.
    models = (fitted,) if "(n, 5)" in message else (fitted, unbuilt)
    for call in calls:
        assert_refused(call, error, message, models)


def test_validation_data_is_named():
    x = put("indices", 3, -1)
    message = "validation_data x must have indices in [0, 5) for its shape, received -1 at position 3"
    assert_refused(lambda m: m.fit(X, Y, validation_data=(x, Y), verbose=0), ValueError, message)


def test_what_the_caller_changes_later_reaches_no_kernel():
    """Indices are copies: a callback, or another thread, may do to its own matrix what it likes."""
    x = X.copy()

    def spoil(*_):
        x.indices[:] = 2**31 - 1
        x.indptr[:] = 2**30

    model, other = classifier("adam"), classifier("adam")
    hooks = fastnn.callbacks.LambdaCallback(on_train_batch_begin=spoil)
    model.fit(x, Y, batch_size=8, epochs=2, shuffle=False, callbacks=[hooks], verbose=0)
    other.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_batches_with_too_many_entries():
    many = 3 * 2**30
    indptr = np.array([0, many, 2 * many])
    rows = SparseRows(indptr, np.zeros(0, np.int32), np.zeros(0, np.float32), 5)
    with pytest.raises(ValueError, match=r"a batch of 1 sparse samples may have 3221225472 entries; use a smaller"):
        rows.most_entries(1)


# ---------------------------------------------------------------------------------------------------------------------
# Models and methods that need dense samples.


def network(*first, loss="sparse_categorical_crossentropy", last="softmax", measured=()):
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), *first, dense(3, last, 1)])
    model.compile("adam", loss, list(measured))
    return model


def own_loss(y_true, y_pred):
    return ((y_pred - y_true) ** 2).sum(axis=1)


def own_metric(y_true, y_pred):
    return y_pred[:, 0]


class OwnActivation(layers.Activation):
    def __init__(self):
        super().__init__("relu")

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


FIRST = {
    "offset": (
        lambda: layers.Rescaling(2.0, -1.0, name="r"),
        "layer r (Rescaling) needs dense samples in x for its off",
    ),
    "dropout": (lambda: layers.Dropout(0.5, name="d"), "layer d (Dropout) needs dense samples in x, received a sparse"),
    "noise": (lambda: layers.GaussianNoise(0.5, name="n"), "layer n (GaussianNoise) needs dense samples in x"),
    "activation": (lambda: layers.ReLU(name="a"), "layer a (ReLU) needs dense samples in x"),
    "normalization": (lambda: layers.BatchNormalization(name="b"), "layer b (BatchNormalization) needs dense samples"),
    "own": (lambda: Own(name="o"), "layer o (Own) needs dense samples in x"),
    "embedding": (
        lambda: layers.CategoricalEmbedding([(0, 3)], name="e"),
        "layer e (CategoricalEmbedding) needs dense",
    ),
}


@pytest.mark.parametrize("case", FIRST.values(), ids=FIRST.keys())
def test_layers_before_the_first_dense(case):
    make, message = case
    model = network(make())
    before = state(model)
    for call in (lambda: model.fit(X, Y, verbose=0), lambda: model.evaluate(X, Y), lambda: model.predict(X)):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value).startswith(message)
        assert "toarray()" in str(caught.value)
    assert state(model) == before


def test_a_convolution():
    model = fastnn.Sequential([layers.Reshape((FEATURES, 1)), layers.Conv1D(2, 3, name="c"), layers.Flatten()])
    model.add(dense(3, "softmax"))
    with pytest.raises(TypeError, match=r"^layer c \(Conv1D\) needs dense samples in x, received a sparse matrix"):
        model.predict(X)
    assert not model.built


def test_a_model_without_a_dense_layer():
    with pytest.raises(TypeError, match=r"^x must be dense for a model without a Dense layer; .*toarray\(\)"):
        fastnn.Sequential([layers.Flatten()]).predict(X)


IN_PYTHON = {
    "layer": (lambda: network(dense(4), Own(name="o")), "layer o (Own) is written in Python, and models with such"),
    "activation": (lambda: network(dense(4, OwnActivation(), name="d")), "layer d (Dense) is written in Python, and"),
    "loss": (lambda: network(loss=own_loss), "the loss <loss of the function own_loss> is written in Python"),
    "metric": (
        lambda: network(measured=[own_metric]),
        "the metric own_metric is written in Python, and models with su",
    ),
}


@pytest.mark.parametrize("case", IN_PYTHON.values(), ids=IN_PYTHON.keys())
def test_models_that_run_layer_by_layer(case):
    make, message = case
    model = make()
    y = np.eye(3)[Y] if model.loss.name == "own_loss" else Y
    for call in (lambda: model.fit(X, y, verbose=0), lambda: model.evaluate(X, y), lambda: model.train_on_batch(X, y)):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value).startswith(message)
        assert "toarray()" in str(caught.value)
    model.fit(DENSE, y, verbose=0)


def test_a_layer_whose_settings_change_in_fit():
    rescaling = layers.Rescaling(2.0, name="r")
    model = network(rescaling)

    def set_offset(*_):
        rescaling.offset = 1.0

    with pytest.raises(TypeError, match=r"^layer r \(Rescaling\) needs dense samples in x for its offset of 1, "):
        model.fit(X, Y, callbacks=[fastnn.callbacks.LambdaCallback(on_epoch_begin=set_offset)], verbose=0)


ELSEWHERE = {
    "y": lambda: network(loss="categorical_crossentropy").fit(DENSE, scipy.sparse.csr_array(np.eye(3)[Y]), verbose=0),
    "sample_weight": lambda: network().fit(DENSE, Y, sample_weight=scipy.sparse.csr_array(np.ones((ROWS, 1)))),
    "forward": lambda: network().forward(X),
    "training": lambda: network()(X, training=True),
    "layer": lambda: dense(3)(X),
    "loss": lambda: losses.MeanSquaredError()(DENSE, X),
    "metric": lambda: metrics.MeanSquaredError()(DENSE, X),
    "targets of folds": lambda: model_selection.cross_validate(classifier, X, scipy.sparse.csr_array(np.eye(3)[Y])),
    "stratify": lambda: model_selection.train_test_split(X, stratify=X),
    "weights": lambda: network().set_weights([X, Y]),
}


@pytest.mark.parametrize("take", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_where_only_an_array_will_do(take):
    with pytest.raises(
        TypeError, match=r" must be an array of numbers, received the sparse csr_array; its toarray\(\)"
    ):
        take()


def test_what_sparse_rows_are():
    rows = sparse_rows(X, "x", np.dtype(np.float64))
    assert (rows.shape, rows.dtype, rows.entries, len(rows)) == ((ROWS, FEATURES), np.float64, LAST, ROWS)
    part = rows[3:9]
    assert np.shares_memory(part.values, rows.values)
    assert part.entries == np.count_nonzero(DENSE[3:9])
    assert part.most_entries(2) == min(part.entries, 2 * np.count_nonzero(DENSE[3:9], axis=1).max())
    assert not any(array.flags.writeable for array in (rows.indptr, rows.indices, rows.values))
    assert np.shares_memory(sparse_rows(X, "x", np.dtype(np.float32)).values, X.data)
