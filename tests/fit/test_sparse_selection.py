"""Sparse samples in `fastnn.model_selection`: the same splits and the same bits as for the array, in little memory."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse
import sklearn.model_selection

import fastnn
from fastnn import layers
from fastnn.model_selection import KFold, StratifiedKFold, cross_validate, train_test_split
from fastnn.sparse_rows import checked_csr

from .test_sparse_bad_input import BAD

ROWS, COLUMNS = 90, 40
DENSE = np.random.default_rng(3).normal(size=(ROWS, COLUMNS)).astype(np.float32)
DENSE *= np.random.default_rng(4).random(DENSE.shape) < 0.2
X = scipy.sparse.csr_array(DENSE)
Y = (DENSE.sum(axis=1) > 0).astype(np.int64) + (DENSE[:, 0] > 0)
FORMATS = ["csr", "csc", "coo", "bsr", "lil", "dok", "dia"]


def build():
    model = fastnn.Sequential([fastnn.Input((COLUMNS,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


@pytest.mark.parametrize("options", [{"test_size": 20}, {"stratify": Y}, {"shuffle": False}], ids=str)
def test_a_split_is_scikit_learns(options):
    own = train_test_split(X, Y, random_state=5, **options)
    theirs = sklearn.model_selection.train_test_split(X, Y, random_state=5, **options)
    for part, expected in zip(own[:2], theirs[:2], strict=True):
        assert part.format == "csr"
        np.testing.assert_array_equal(part.toarray(), expected.toarray())
    np.testing.assert_array_equal(own[3], theirs[3])


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
def test_other_formats_become_csr_of_their_kind(form, kind):
    x = getattr(scipy.sparse, f"{form}_{kind}")(X)
    train, _ = train_test_split(x, random_state=1)
    assert type(train) is getattr(scipy.sparse, f"csr_{kind}")
    np.testing.assert_array_equal(train.toarray(), train_test_split(DENSE, random_state=1)[0])


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, bool])
def test_the_type_of_the_values_stays(dtype):
    train, test = train_test_split(X.astype(np.float32).astype(bool) if dtype is bool else with_type(dtype))
    # SciPy has no rows of float16, so these become float32.
    assert train.dtype == test.dtype == (np.float32 if dtype is np.float16 else dtype)


def with_type(dtype):
    x = X.copy()
    x.data = x.data.astype(dtype)
    return x


@pytest.mark.parametrize("splitter", [KFold(4), KFold(4, shuffle=True, random_state=1), StratifiedKFold(4)])
def test_splitters_count_the_rows(splitter):
    for own, of_array in zip(splitter.split(X, Y), splitter.split(DENSE, Y), strict=True):
        for part, expected in zip(own, of_array, strict=True):
            np.testing.assert_array_equal(part, expected)


KINDS_OF_CV = ["number", "own splitter", "scikit-learn's"]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("cv", [3, KFold(4), sklearn.model_selection.ShuffleSplit(3, random_state=0)], ids=KINDS_OF_CV)
def test_folds_have_the_bits_of_the_array(cv, n_jobs):
    found = []
    for x in (X, DENSE):
        fastnn.utils.set_random_seed(2)
        weights = np.arange(ROWS) % 3
        found.append(cross_validate(build, x, Y, cv=cv, n_jobs=n_jobs, epochs=3, sample_weight=weights, batch_size=16))
    np.testing.assert_array_equal(found[0]["test_loss"], found[1]["test_loss"])
    np.testing.assert_array_equal(found[0]["test_accuracy"], found[1]["test_accuracy"])
    for model, dense in zip(found[0]["models"], found[1]["models"], strict=True):
        for weight, expected in zip(model.get_weights(), dense.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)


def test_nothing_is_made_dense():
    columns, rows = 300_000, 10 * ROWS  # 1.08 GB as an array
    x = scipy.sparse.vstack([scipy.sparse.csr_array((X.data, X.indices * 7000, X.indptr), (ROWS, columns))] * 10, "csr")
    y = np.tile(Y, 10)

    def small():
        model = fastnn.Sequential([fastnn.Input((columns,)), layers.Dense(1), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    small().train_on_batch(x[:3], y[:3])  # compiles
    tracemalloc.start()
    train_test_split(x, y)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    cross_validate(small, x, y, cv=2, batch_size=9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < rows * columns * 4 / 8


# What SciPy would believe, and index memory with.
CALLS = {
    "cross_validate": ("x", lambda x, y: cross_validate(build, x, y, cv=2)),
    "train_test_split": ("array 1", lambda x, y: train_test_split(y, x)),
}


@pytest.mark.parametrize("bad", [BAD[name] for name in BAD if name not in ("rows", "columns")])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_matrices_that_lie_are_refused(call, bad):
    argument, take = call
    x, error, message = bad
    if "finite" in message:  # a matter for fit
        return
    with pytest.raises(error) as caught:
        take(x, np.arange(x.shape[0]) % 3)
    assert message.replace("x.", f"{argument}.").replace("x must", f"{argument} must") in str(caught.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cross_validate(build, X, Y[:5]), "x and y must have the same length, received 90 and 5"),
        (lambda: cross_validate(build, X, Y, sample_weight=Y[:5]), "x and sample_weight must have the same length"),
        (lambda: train_test_split(Y, X[:7]), r"same length, received 90 and 7 \(array 1\)"),
        (lambda: train_test_split(X, test_size=90), "of 90 samples give parts of 0 and 90"),
        (lambda: list(KFold(91).split(X)), "at most the number of samples, 90, received 91"),
        (lambda: cross_validate(build, X, Y, cv=[([0], [1]), ([0], [90])]), r"indices in \[0, 90\), received 90"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_others_do_to_the_matrix_later_does_not_matter():
    """Indices are copies: another thread may change its own matrix while SciPy takes rows of ours."""
    x = X.copy()
    rows = checked_csr(x, "x")
    x.indices[:], x.indptr[:] = 2**31 - 1, 2**30
    np.testing.assert_array_equal(rows.toarray(), DENSE)
