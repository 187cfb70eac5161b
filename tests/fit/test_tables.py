"""Tables and columns of pandas, polars and pyarrow as data: they become numbers, or the error names the column."""

import datetime
import decimal

import numpy as np
import pandas
import polars
import pyarrow
import pytest

import fastnn
from fastnn import learning_rate_finder, model_selection

from ..small_models import FEATURES, ROWS, assert_same_weights, classifier, labels, regressor, samples, state
from ..subprocesses import run_python

X, Y = samples(), labels()
TOWNS = np.array(["Bonn", "Oslo"])[np.arange(ROWS) % 2]
YES = np.arange(ROWS) % 3 == 0
# Five columns of several kinds, which make the same numbers in every library.
COLUMNS = {
    "a": X[:, 0],
    "b": YES,
    "c": np.arange(ROWS),
    "d": X[:, 1].astype(float),
    "e": (np.arange(ROWS) % 2).astype("u1"),
}
NUMBERS = np.column_stack([c.astype(float) for c in COLUMNS.values()])

TABLES = {
    "pandas": lambda: pandas.DataFrame(COLUMNS),
    "pandas nullable": lambda: pandas.DataFrame(COLUMNS).convert_dtypes(),
    "pandas categories": lambda: pandas.DataFrame(COLUMNS).astype({"c": "category", "e": "category"}),
    "pandas objects": lambda: pandas.DataFrame(COLUMNS).astype({"b": object}),
    "pandas of pyarrow": lambda: pandas.DataFrame(COLUMNS).convert_dtypes(dtype_backend="pyarrow"),
    "pandas dummies": lambda: pandas.get_dummies(pandas.DataFrame(COLUMNS).assign(e=TOWNS)).drop(columns="e_Bonn"),
    "pandas names twice": lambda: pandas.DataFrame(COLUMNS).set_axis(["a", "b", "b", "b", "c"], axis=1),
    "polars": lambda: polars.DataFrame(COLUMNS),
    "pyarrow": lambda: pyarrow.table(COLUMNS),
    "pyarrow chunks": lambda: pyarrow.concat_tables([pyarrow.table(COLUMNS)[:9], pyarrow.table(COLUMNS)[9:]]),
    "pyarrow batch": lambda: pyarrow.RecordBatch.from_pydict(COLUMNS),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_a_table_is_its_numbers(table):
    model, other = classifier("adam"), classifier("adam")
    history = model.fit(table(), Y, validation_data=(table(), Y), shuffle=False, verbose=0).history
    assert history == other.fit(NUMBERS, Y, validation_data=(NUMBERS, Y), shuffle=False, verbose=0).history
    assert_same_weights(model, other)
    np.testing.assert_array_equal(model.predict(table()), other.predict(NUMBERS))
    assert model.evaluate(table(), Y, verbose=0) == other.evaluate(NUMBERS, Y, verbose=0)


LABELS = {
    "pandas": pandas.Series,
    "pandas nullable": lambda y: pandas.Series(y).convert_dtypes(),
    "pandas category": lambda y: pandas.Series(y).astype("category"),
    "pandas array": lambda y: pandas.array(y),
    "pandas index": pandas.Index,
    "pandas table": lambda y: pandas.DataFrame({"y": y}),
    "polars": polars.Series,
    "polars table": lambda y: polars.DataFrame({"y": y}),
    "pyarrow": pyarrow.array,
    "pyarrow chunks": lambda y: pyarrow.chunked_array([y[:5], y[5:]]),
    "pyarrow dictionary": lambda y: pyarrow.array(y).dictionary_encode(),
}


@pytest.mark.parametrize("column", LABELS.values(), ids=LABELS.keys())
def test_a_column_is_its_numbers(column):
    weights = np.linspace(0, 2, ROWS)
    for make, y in ((classifier, Y), (regressor, Y % 2)):
        model, other = make(), make()
        model.fit(X, column(y), sample_weight=column(weights), shuffle=False, verbose=0)
        other.fit(X, y, sample_weight=weights, shuffle=False, verbose=0)
        assert_same_weights(model, other)


@pytest.mark.parametrize("column", [lambda b: pandas.Series(b, dtype="boolean"), polars.Series, pyarrow.array])
def test_booleans_are_targets(column):
    model, other = regressor(), regressor()
    model.fit(X, column(YES), shuffle=False, verbose=0)
    other.fit(X, YES, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def coded(values):
    return pyarrow.array(values).dictionary_encode()


def put(values, row, value):
    changed = list(values)
    changed[row] = value
    return changed


ENCODE = "text in column 'town'; encode it first, for example as a column of 0 and 1 for each word"
MISSING = "x must be finite, received a missing value in column 'age', row 3"
DATES = [datetime.datetime(2020, 1, 1)] * ROWS
PRICES = [decimal.Decimal("1.5")] * ROWS
BAD = {
    "pandas text": (lambda: pandas.DataFrame({"a": YES, "town": TOWNS}), TypeError, ENCODE),
    "pandas text as objects": (lambda: pandas.DataFrame({"town": TOWNS.astype(object)}), TypeError, ENCODE),
    "pandas categories": (lambda: pandas.DataFrame({"town": pandas.Categorical(TOWNS)}), TypeError, ENCODE),
    "polars text": (lambda: polars.DataFrame({"a": YES, "town": TOWNS}), TypeError, ENCODE),
    "polars categories": (
        lambda: polars.DataFrame({"town": polars.Series(TOWNS, dtype=polars.Categorical)}), TypeError, ENCODE,
    ),
    "pyarrow text": (lambda: pyarrow.table({"a": YES, "town": TOWNS}), TypeError, ENCODE),
    "pyarrow dictionary": (lambda: pyarrow.table({"town": coded(TOWNS)}), TypeError, ENCODE),
    "pandas dates": (lambda: pandas.DataFrame({"when": DATES}), TypeError, "values of type datetime64["),
    "polars dates": (lambda: polars.DataFrame({"when": DATES}), TypeError, "in column 'when'"),
    "pyarrow dates": (lambda: pyarrow.table({"when": DATES}), TypeError, "type timestamp[us] in column 'when'"),
    "pandas decimals": (lambda: pandas.DataFrame({"price": PRICES}), TypeError, "type Decimal in column 'price'"),
    "polars decimals": (lambda: polars.DataFrame({"price": PRICES}), TypeError, "in column 'price'"),
    "pyarrow decimals": (lambda: pyarrow.table({"price": PRICES}), TypeError, "in column 'price'"),
    "pandas intervals": (lambda: pandas.DataFrame({"age": pandas.cut(X[:, 0], 3)}), TypeError, "type Interval in"),
    "polars lists": (lambda: polars.DataFrame({"words": X.tolist()}), TypeError, "(Float64) in column 'words'"),
    "polars lazy": (lambda: polars.LazyFrame(COLUMNS), TypeError, "received a LazyFrame; call its collect() first"),
    "pandas missing integer": (
        lambda: pandas.DataFrame({"age": pandas.array(put(range(ROWS), 3, None), "Int64")}), ValueError, MISSING,
    ),
    "pandas missing boolean": (
        lambda: pandas.DataFrame({"age": pandas.array(put(YES, 3, None), "boolean")}), ValueError, MISSING,
    ),
    "pandas missing category": (
        lambda: pandas.DataFrame({"age": pandas.Categorical(put(range(ROWS), 3, None))}), ValueError, MISSING,
    ),
    "pandas missing object": (
        lambda: pandas.DataFrame({"age": pandas.Series(put(YES, 3, None), dtype=object)}), ValueError, MISSING,
    ),
    "polars missing": (lambda: polars.DataFrame({"age": put(range(ROWS), 3, None)}), ValueError, MISSING),
    "pyarrow missing": (lambda: pyarrow.table({"age": put(range(ROWS), 3, None)}), ValueError, MISSING),
    "pandas nan": (
        lambda: pandas.DataFrame({"a": YES, "age": put(X[:, 0], 3, np.nan)}), ValueError, "nan in column 'age', row 3",
    ),
    "polars nan": (
        lambda: polars.DataFrame({"age": put(X[:, 0].tolist(), 3, np.nan)}), ValueError, "nan in column 'age', row 3",
    ),
    "pandas infinity": (
        lambda: pandas.DataFrame({"age": put(X[:, 0], 3, -np.inf)}), ValueError, "received -inf in column 'age', row 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_what_is_no_number_is_named(bad):
    make, error, message = bad
    model = classifier("adam")
    before = state(model)
    for call in (lambda: model.predict(make()), lambda: model.fit(make(), Y, verbose=0)):
        with pytest.raises(error) as caught:
            call()
        assert str(caught.value).startswith("x must be ")
        assert message in str(caught.value)
    assert state(model) == before


@pytest.mark.parametrize("column", [pandas.Series, pandas.Categorical, polars.Series, pyarrow.array])
def test_labels_that_are_text(column):
    with pytest.raises(TypeError, match=r"^y must be .* received text; number labels that are text first: classes, "):
        classifier().fit(X, column(TOWNS), verbose=0)
    classes, y = np.unique(column(TOWNS), return_inverse=True)  # which is what the message recommends
    assert classes.tolist() == ["Bonn", "Oslo"]
    classifier().fit(X, y, verbose=0)


PIXELS = np.zeros((len(TOWNS), 2, 2))
TAKERS = {
    "evaluate": lambda y: classifier().evaluate(X, y),
    "validation": lambda y: classifier().fit(X, Y, validation_data=(X, y), verbose=0),
    "cross_validate": lambda y: model_selection.cross_validate(classifier, X, y),
    "to_categorical": lambda y: fastnn.utils.to_categorical(y),
    "loss": lambda y: fastnn.losses.SparseCategoricalCrossentropy()(y, X),
    "metric": lambda y: fastnn.metrics.SparseCategoricalAccuracy()(y, X),
    "confusion_matrix": lambda y: fastnn.metrics.confusion_matrix(y, Y),
    "predicted": lambda y: fastnn.metrics.confusion_matrix(Y, y),
    "plots.confusion_matrix": lambda y: fastnn.plots.confusion_matrix(y, y),
    "plots.misclassified": lambda y: fastnn.plots.misclassified(PIXELS, y, y),
    "plots.scatter": lambda y: fastnn.plots.scatter(X[:, :2], y),
    "plots.decision_surface": lambda y: fastnn.plots.decision_surface(lambda x: x, X[:, :2], y),
}


@pytest.mark.parametrize("column", [list, np.array, pandas.Series], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS.keys())
def test_labels_that_are_text_anywhere(take, column):
    with pytest.raises(TypeError, match=r"; number labels that are text first: classes, y = numpy\.unique"):
        take(column(TOWNS))


@pytest.mark.parametrize("kind", ["pandas", "pandas nullable", "polars", "pyarrow"])
def test_splitting_and_searching_take_tables(kind):
    table = TABLES[kind]()
    parts = model_selection.train_test_split(table, TOWNS, random_state=1)
    expected = model_selection.train_test_split(NUMBERS, TOWNS, random_state=1)
    for part, wanted in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part, wanted)
    found = model_selection.cross_validate(classifier, table, Y, cv=2, epochs=1)
    assert found["test_loss"].shape == (2,)
    assert learning_rate_finder(classifier(), table, Y, steps=3).losses.shape == (3,)


def test_pixels_of_a_table_stay_bytes():
    pixels = np.arange(3 * FEATURES, dtype=np.uint8).reshape(3, FEATURES)
    for table in (pandas.DataFrame(pixels), polars.DataFrame(pixels)):
        assert classifier()._prepare_x(table).dtype == np.uint8


def test_none_of_the_libraries_is_imported():
    code = "import sys, fastnn; assert not {'pandas', 'polars', 'pyarrow'} & set(sys.modules), sys.modules.keys()"
    assert run_python(["-c", code]).returncode == 0
