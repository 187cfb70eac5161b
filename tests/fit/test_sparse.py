"""Sparse matrices as samples: the bits of the same matrix as an array, without ever making one."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import callbacks, constraints, layers, learning_rate_finder, optimizers
from fastnn.engine import threads
from fastnn.engine.program import Program
from fastnn.kernels.instructions import PARAMETERS

from ..cases import OPTIMIZERS
from ..comparing import assert_close
from ..small_models import assert_same_weights, dense
from ..subprocesses import run_python

ROWS, COLUMNS, CLASSES, BATCH = 83, 150, 4, 24


def matrix(rows=ROWS, columns=COLUMNS, density=0.06, seed=1, dtype=np.float32):
    """CSR; the second sample and the last column are empty."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)) * (rng.random((rows, columns)) < density)
    x[1:2], x[:, columns - 1 :] = 0, 0
    return scipy.sparse.csr_array(x.astype(dtype))


X = matrix()
Y = np.random.default_rng(2).integers(CLASSES, size=ROWS)


@pytest.fixture(autouse=True)
def _threads_restored(monkeypatch):
    monkeypatch.setattr(threads, "_asked", 1)


def model_of(optimizer="adam", *first, columns=COLUMNS, units=20, dtype=None, metrics=("accuracy",), **options):
    model = fastnn.Sequential([fastnn.Input((columns,)), *first, dense(units, "relu", 1, dtype=dtype, **options)])
    model.add(dense(CLASSES, "softmax", 2, dtype=dtype))
    model.compile(optimizer, "sparse_categorical_crossentropy", list(metrics))
    return model


def results(model, x, y=Y, **fit):
    """All that training, evaluation and prediction give."""
    fit = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0, **fit}
    history = model.fit(x, y, **fit).history
    slots = [slot.copy() for p in model.parameters for slot in model.optimizer.slots_of(p)]
    outputs = [model.predict(x), model.predict(x[:3]), model(x[:1]), model.predict_on_batch(x)]
    evaluated = model.evaluate(x, y, verbose=0), model.test_on_batch(x, y)
    step = model.train_on_batch(x[:7], y[:7])
    return [*model.get_weights(), *slots, *outputs], (history, evaluated, step)


def assert_like_dense(make, x=X, y=Y, of=None, **fit):
    """A model from `make()` gives for a sparse x exactly what it gives for x (or `of`) as an array."""
    model = make()
    arrays, numbers = results(model, x, y, **fit)
    assert {type(made.runner) for made in model._programs.values()} == {Program}
    expected, wanted = results(make(), x.toarray() if of is None else of, y, **fit)
    for array, exact in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(array, exact)
    assert numbers == wanted
    assert np.isfinite(numbers[0]["loss"]).all()
    return arrays


@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.name)
def test_every_optimizer_on_any_number_of_threads(case):
    alone = assert_like_dense(lambda: model_of(case.make()))
    for count in (2, 3, 4):
        fastnn.set_num_threads(count)
        for array, exact in zip(results(model_of(case.make()), X)[0], alone, strict=True):
            np.testing.assert_array_equal(array, exact)


STEPS = {
    "clipnorm": {"optimizer": lambda: optimizers.Adam(clipnorm=0.05)},
    "global_clipnorm": {"optimizer": lambda: optimizers.SGD(global_clipnorm=0.05)},
    "clipvalue": {"optimizer": lambda: optimizers.Adagrad(clipvalue=0.001)},
    "use_ema": {"optimizer": lambda: optimizers.SGD(use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3)},
    "weight_decay": {"optimizer": lambda: optimizers.SGD(weight_decay=0.1)},
    "schedule": {"optimizer": lambda: optimizers.SGD(fastnn.schedules.ExponentialDecay(0.5, 2, 0.5))},
    "penalty": {"options": {"kernel_regularizer": "l1_l2", "bias_regularizer": "l2"}},
    "penalty_sgd": {"optimizer": lambda: optimizers.SGD(0.5), "options": {"kernel_regularizer": "l2"}},
    "constraint": {"optimizer": lambda: optimizers.SGD(0.5), "options": {"kernel_constraint": "non_neg"}},
    "max_norm": {"options": {"kernel_constraint": constraints.MaxNorm(0.3)}},
    "no_bias": {"options": {"use_bias": False}},
}


@pytest.mark.parametrize("case", STEPS.values(), ids=STEPS.keys())
@pytest.mark.parametrize("count", [1, 3])
def test_what_else_a_step_does(case, count):
    fastnn.set_num_threads(count)
    make = case.get("optimizer", optimizers.Adam)
    assert_like_dense(lambda: model_of(make(), **case.get("options", {})))


FITS = {
    "shuffled": {"shuffle": True},
    "whole batch": {"batch_size": ROWS},
    "one at a time": {"batch_size": 1, "epochs": 1},
    "sample_weight": {"sample_weight": np.random.default_rng(3).uniform(0, 2, ROWS)},
    "class_weight": {"class_weight": {0: 3.0, 2: 0.5}},
    "balanced": {"class_weight": "balanced"},
    "validation_split": {"validation_split": 0.3},
    "callback": {"callbacks": [callbacks.LambdaCallback(on_train_batch_end=lambda *_: None)]},
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS.keys())
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_arguments_of_fit(fit, optimizer):
    def make():
        fastnn.utils.set_random_seed(4)
        return model_of(optimizer)

    assert_like_dense(make, **fit)


def test_validation_data_may_be_sparse_or_not():
    histories = [
        model_of().fit(X, Y, validation_data=(x[:9], Y[:9]), epochs=2, shuffle=False, verbose=0).history
        for x in (X, X.toarray())
    ]
    assert histories[0] == histories[1]
    assert "val_loss" in histories[0]


def test_float64():
    assert_like_dense(lambda: model_of("adam", dtype="float64"), matrix(dtype=np.float64))
    assert_like_dense(lambda: model_of("sgd", dtype="float64"), matrix(dtype=np.float64))


NUMBERS = ["bool", "int8", "uint8", "int16", "uint16", "int32", "int64", "uint64", "float32", "float64", "longdouble"]


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_of_any_type(kind, dtype):
    x = kind((abs(X) * 3).astype(dtype))
    assert x.dtype == dtype
    assert_like_dense(model_of, x, of=x.toarray().astype(np.float32))


@pytest.mark.parametrize("types", [("f2", "i4", "i4"), (">f4", ">i4", ">i8"), ("f8", "u2", "u8"), ("f4", "i8", "i2")])
def test_arrays_of_types_that_scipy_itself_does_not_make(types):
    x = X.copy()
    x.data, x.indices, x.indptr = (a.astype(t) for a, t in zip((x.data, x.indices, x.indptr), types, strict=True))
    model, other = model_of(), model_of()
    model.fit(x, Y, epochs=2, shuffle=False, verbose=0)
    dense = X.toarray().astype(types[0])
    other.fit(dense, Y, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    np.testing.assert_array_equal(model.predict(x), other.predict(dense))


@pytest.mark.parametrize("form", ["csc", "coo", "bsr", "lil", "dok", "dia"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
def test_other_formats_are_converted(form, kind):
    x = getattr(scipy.sparse, f"{form}_{kind}")(X)
    assert x.format == form
    model, other = model_of(), model_of()
    assert (
        model.fit(x, Y, epochs=2, shuffle=False, verbose=0).history
        == other.fit(X, Y, epochs=2, shuffle=False, verbose=0).history
    )
    np.testing.assert_array_equal(model.predict(x), other.predict(X.toarray()))


def unsorted(x, seed=5):
    """The same matrix, the entries of each row in any order."""
    indices, data = x.indices.copy(), x.data.copy()
    for start, stop in zip(x.indptr, x.indptr[1:], strict=False):
        order = start + np.random.default_rng(seed + start).permutation(stop - start)
        indices[start:stop], data[start:stop] = x.indices[order], x.data[order]
    return scipy.sparse.csr_array((data, indices, x.indptr), x.shape)


def twice(x):
    """The same matrix, each entry as two halves."""
    indptr = 2 * x.indptr
    return unsorted(scipy.sparse.csr_array((np.repeat(x.data / 2, 2), np.repeat(x.indices, 2), indptr.copy()), x.shape))


def with_zeros(x):
    """The same matrix with zeros among its entries."""
    dense = x.toarray()
    stored = (dense != 0) | (np.random.default_rng(1).random(dense.shape) < 0.1)
    rows, columns = np.nonzero(stored)
    indptr = np.searchsorted(rows, np.arange(len(dense) + 1))
    return scipy.sparse.csr_array((dense[rows, columns], columns, indptr), x.shape)


def longer(x):
    """The same matrix with room for more entries, in which there is garbage."""
    x = x.copy()
    x.data, x.indices = np.append(x.data, [np.nan] * 3), np.append(x.indices, [-7, 10**6, 5]).astype(np.int32)
    return x


FORMS = {
    "unsorted": unsorted,
    "twice": twice,
    "zeros": with_zeros,
    "longer": longer,
    "int64 indices": lambda x: scipy.sparse.csr_array((x.data, x.indices.astype(np.int64), x.indptr), x.shape),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_any_form_of_a_matrix_which_is_not_changed(form):
    x = form(X)
    x.indices.flags.writeable = x.indptr.flags.writeable = x.data.flags.writeable = False
    kept = [a.copy() for a in (x.indptr, x.indices, x.data)]
    assert_like_dense(model_of, x, of=X.toarray())
    for array, before in zip((x.indptr, x.indices, x.data), kept, strict=True):
        np.testing.assert_array_equal(array, before)


def test_sums_of_entries_that_are_there_twice():
    def of(data):
        data = np.array(data)
        return scipy.sparse.csr_array((data, np.array([2, 0, 2]), np.array([0, 3])), (1, 3))

    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(3, kernel_initializer=np.eye(3))])
    assert model.predict(of([1.5, 2.0, 3.0])).tolist() == [[2, 0, 4.5]]
    assert model.predict(of(np.array([100, 1, 100], np.int8))).tolist() == [[1, 0, 200]]
    assert model.predict(of([True, True, True])).tolist() == [[1, 0, 1]]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (30, 1), (3, 2), (700, 20)])
def test_any_shape(shape, optimizer):
    x, y = matrix(*shape, density=0.5, seed=shape[0]), np.arange(shape[0]) % CLASSES
    for some in (x, x * 0, 0 * x.tocoo()):
        rows = some.tocsr()
        arrays = [make_trained(rows if sparse else rows.toarray(), y, optimizer) for sparse in (True, False)]
        for array, exact in zip(*arrays, strict=True):
            np.testing.assert_array_equal(array, exact)


def make_trained(x, y, optimizer):
    model = model_of(optimizer, columns=x.shape[1])
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return [*model.get_weights(), model.predict(x)]


@settings(max_examples=30)
@given(
    seed=st.integers(0, 999), rows=st.integers(1, 60), columns=st.integers(1, 90), units=st.integers(1, 70),
    batch=st.integers(1, 40), density=st.sampled_from([0.0, 0.03, 0.5, 1.0]), count=st.integers(1, 4),
    optimizer=st.sampled_from(["sgd", "adagrad", "adam"]),
)  # fmt: skip
def test_any_network(seed, rows, columns, units, batch, density, count, optimizer):
    x = matrix(rows, columns, density, seed)
    y = np.arange(rows) % CLASSES
    trained = []
    for data, number in ((x, count), (x.toarray(), 1)):
        fastnn.set_num_threads(number)
        model = model_of(optimizer, columns=columns, units=units)
        model.fit(data, y, batch_size=batch, epochs=2, shuffle=False, verbose=0)
        trained.append([*model.get_weights(), model.predict(data)])
    for array, exact in zip(*trained, strict=True):
        np.testing.assert_array_equal(array, exact)


# ---------------------------------------------------------------------------------------------------------------------
# The layers before the first Dense, and that one.


SHAPES = {
    "flatten": [layers.Flatten],
    "reshape": [lambda: layers.Reshape((10, 15)), layers.Flatten],
    "rescaling": [lambda: layers.Rescaling(0.3)],
    "rescaling and flatten": [lambda: layers.Rescaling(1 / 7), layers.Flatten],
}


@pytest.mark.parametrize("first", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_layers_before_the_first_dense(first, optimizer):
    assert_like_dense(lambda: model_of(optimizer, *(make() for make in first)))


def test_two_rescalings_are_one():
    """Their product is rounded once, so the last bits may be others than for the array."""
    model = fastnn.Sequential([fastnn.Input((COLUMNS,)), layers.Rescaling(0.3), layers.Rescaling(7.0), dense(5)])
    expected = model.predict(X.toarray())
    assert_close(model.predict(X), expected, magnitude=np.abs(expected).max())


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_frozen_layer(optimizer):
    def make():
        model = model_of(optimizer)
        model.layers[0].trainable = False
        return model

    before = make().get_weights()[0]
    np.testing.assert_array_equal(assert_like_dense(make)[0], before)


def test_a_frozen_kernel_whose_bias_is_trained():
    def make():
        model = model_of("sgd")
        model.layers[0].kernel.trainable = False
        return model

    assert_like_dense(make)


def test_regression_and_targets_with_many_columns():
    y = np.random.default_rng(1).normal(size=(ROWS, 3))

    def make():
        model = fastnn.Sequential([fastnn.Input((COLUMNS,)), dense(9, "tanh", 1), dense(3, None, 2)])
        model.compile("adam", "mse", ["mae"])
        return model

    assert_like_dense(make, y=y)


def test_only_one_layer():
    def make():
        model = fastnn.Sequential([fastnn.Input((COLUMNS,)), dense(CLASSES, "softmax", 1)])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    arrays = [results(make(), x)[0] for x in (X, X.toarray())]
    for array, exact in zip(*arrays, strict=True):
        np.testing.assert_array_equal(array, exact)


def test_a_model_that_is_not_built():
    model = fastnn.Sequential([dense(7, "relu", 1), dense(CLASSES, "softmax", 2)])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(X, Y, verbose=0)
    assert model.input_shape == (None, COLUMNS)


def test_sparse_and_dense_samples_in_turn():
    model, other = model_of("sgd"), model_of("sgd")
    for x in (X, X.toarray(), X):
        model.fit(x, Y, batch_size=BATCH, shuffle=False, verbose=0)
        other.fit(X.toarray(), Y, batch_size=BATCH, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_samples_with_more_entries_than_before():
    few, many = matrix(density=0.01), matrix(density=0.9)
    model, other = model_of("adam"), model_of("adam")
    for x in (few, many, few):
        model.fit(x, Y, batch_size=BATCH, shuffle=False, verbose=0)
        other.fit(x.toarray(), Y, batch_size=BATCH, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_learning_rate_finder():
    found = [learning_rate_finder(model_of(), x, Y, steps=10) for x in (X, X.tocoo(), X.toarray())]
    np.testing.assert_array_equal(found[0].losses, found[2].losses)
    np.testing.assert_array_equal(found[1].losses, found[2].losses)


# ---------------------------------------------------------------------------------------------------------------------
# What is not touched costs nothing.


TOUCHED_ONLY = {"sgd", "adagrad"}


def kernel_record(model):
    plan = model._programs["train"].runner.plan
    assert PARAMETERS in plan.stages["kind"]
    return next(record for record in plan.parameters if record["prepared"])


@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.name)
def test_which_optimizers_leave_the_other_rows_alone(case):
    model = model_of(case.make())
    model.train_on_batch(X, Y)
    assert kernel_record(model)["touched_only"] == (case.name in TOUCHED_ONLY)


@pytest.mark.parametrize(
    "options",
    [{"weight_decay": 0.1}, {"clipnorm": 1.0}, {"clipvalue": 1.0}, {"use_ema": True}, {"momentum": 0.5}],
    ids=lambda options: next(iter(options)),
)
def test_what_goes_through_all_rows(options):
    model = model_of(optimizers.SGD(0.1, **options))
    model.train_on_batch(X, Y)
    assert not kernel_record(model)["touched_only"]


def test_adagrad_without_epsilon_goes_through_all_rows():
    """0 / sqrt(0) is NaN, where there was never a gradient."""
    model = model_of(optimizers.Adagrad(0.1, initial_accumulator_value=0.0, epsilon=0.0))
    with pytest.warns(RuntimeWarning, match="no longer a finite number"):
        model.fit(X, Y, verbose=0)
    assert np.isnan(model.get_weights()[0][-1]).all()


def test_the_rows_that_a_step_goes_through():
    """As many as the batch has columns, and of the others neither weight nor gradient is looked at."""
    model = model_of("sgd", columns=COLUMNS + 10_000)
    x = scipy.sparse.hstack([X, scipy.sparse.csr_array((ROWS, 10_000), dtype=np.float32)], format="csr")
    model.train_on_batch(x, Y)
    kernel = model.layers[0].kernel
    others = np.setdiff1d(np.arange(COLUMNS + 10_000), x.indices)
    assert len(others) > 10_000
    kernel.value[others] = kernel.gradient[...] = np.nan
    touched = len(set(X[:BATCH].indices))
    model.train_on_batch(x[:BATCH], Y[:BATCH])
    lists = model._programs["train"].runner.buffers.batch.lists
    assert sorted(lists[:touched]) == sorted(set(X[:BATCH].indices))
    assert lists[touched] == -1
    assert np.isfinite(kernel.value[X.indices]).all()
    # Gradients are written to the first rows, whichever they belong to.
    assert not np.isfinite(kernel.gradient[64:]).any()


def test_settings_that_change_which_rows_a_step_goes_through():
    model, other = model_of(optimizers.SGD(0.2)), model_of(optimizers.SGD(0.2))
    for name, value in (("weight_decay", 0.1), ("weight_decay", None), ("momentum", 0.9), ("clipnorm", 0.1)):
        for one, x in ((model, X), (other, X.toarray())):
            setattr(one.optimizer, name, value)
            one.fit(x, Y, batch_size=BATCH, shuffle=False, verbose=0)
        assert_same_weights(model, other)


def test_memory_is_bounded_by_model_and_input():
    columns = 300_000  # 100 MB as an array
    x = matrix(83, 2000, 0.05)
    x = scipy.sparse.csr_array((x.data, x.indices * 150, x.indptr), (83, columns))
    for optimizer in ("sgd", "adam"):
        model = model_of(optimizer, columns=columns, units=2)
        model.train_on_batch(x[:3], Y[:3])  # compiles, and makes the slots
        tracemalloc.start()
        model.fit(x, Y, batch_size=40, verbose=0)
        model.evaluate(x, Y, verbose=0)
        model.predict(x)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        kernel = model.layers[0].kernel.flat.nbytes  # three times with a row of zeros as long as the longest one
        assert peak < 2 * kernel
        assert peak < 83 * columns * 4 / 2


def test_weights_that_are_not_finite_where_nothing_reads_them():
    """The dense product sees them in the first loss, 0 times infinity; here the end of `fit` tells."""
    for x in (X, X.toarray()):
        model = model_of("sgd")
        model.layers[0].kernel.value[-1, 0] = np.inf
        with pytest.warns(RuntimeWarning, match="the loss is no longer a finite number since epoch"):
            model.fit(x, Y, verbose=0)


def test_scipy_is_not_imported():
    code = "import sys, fastnn, fastnn.sparse_rows; assert 'scipy.sparse' not in sys.modules"
    assert run_python(["-c", code]).returncode == 0
