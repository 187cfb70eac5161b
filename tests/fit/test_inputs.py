"""What x and y may be: any numbers, in any layout, from anywhere; and they are as they were afterwards."""

import numpy as np
import pytest

import fastnn
from fastnn import config, layers

from ..small_models import CLASSES, FEATURES, ROWS, assert_same_weights, classifier, dense, labels, regressor, samples

X, Y = samples(), labels()


def trained(x, y=Y, model=None):
    model = model or classifier("adam")
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


def assert_trains_alike(x, expected_x=X, y=Y, expected_y=Y):
    """x gives the same weights, losses and predictions as expected_x."""
    model, other = trained(x, y), trained(expected_x, expected_y)
    assert_same_weights(model, other)
    assert model.history.history == other.history.history
    assert model.evaluate(x, y, verbose=0) == other.evaluate(expected_x, expected_y, verbose=0)
    np.testing.assert_array_equal(model.predict(x), other.predict(expected_x))
    np.testing.assert_array_equal(model.predict(x[:3]), other.predict(expected_x[:3]))


WHOLE = np.arange(ROWS * FEATURES).reshape(ROWS, FEATURES) % 11
X_TYPES = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    "longdouble",
]


@pytest.mark.parametrize("dtype", X_TYPES)
def test_numbers_of_any_type(dtype):
    x = (WHOLE % 2 if dtype == "bool" else WHOLE).astype(dtype)
    assert_trains_alike(x, x.astype(np.float32))


def test_float64_is_rounded_once():
    x = X.astype(np.float64) * (1 + 1e-12)
    assert_trains_alike(x, x.astype(np.float32))


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2"])
def test_the_other_byte_order(dtype):
    assert_trains_alike(WHOLE.astype(dtype), WHOLE.astype(np.float32), Y.astype(">i4"))


def strided(x):
    wide = np.full((2 * len(x), 3 * x.shape[1]), 77, x.dtype)
    wide[::2, ::3] = x
    return wide[::2, ::3]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": strided,
    "reversed": lambda x: x[::-1].copy()[::-1],
    "read_only": read_only,
    "unaligned": lambda x: np.frombuffer(b"." + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    "broadcast_of_itself": lambda x: np.broadcast_to(x, x.shape),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_any_layout(layout, dtype):
    plain = WHOLE.astype(dtype)
    x = layout(plain)
    before = x.copy()
    assert_trains_alike(x, plain, layout(Y[:, np.newaxis])[:, 0])
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_a_file_on_disk(tmp_path, dtype):
    path = tmp_path / "x.dat"
    WHOLE.astype(dtype).tofile(path)
    mapped = np.memmap(path, dtype, "r", shape=WHOLE.shape)
    assert_trains_alike(mapped, WHOLE.astype(dtype))
    assert path.read_bytes() == WHOLE.astype(dtype).tobytes()


def test_lists():
    model = trained(X.tolist(), Y.tolist())
    assert_same_weights(model, trained(X))
    np.testing.assert_array_equal(model.predict(X.tolist()), model.predict(X))


def test_what_behaves_like_an_array():
    class Table:
        def __array__(self, dtype=None, copy=None):
            return X.copy()

    assert_same_weights(trained(Table()), trained(X))


def test_nothing_of_the_callers_is_changed():
    x, y, weights = X.copy(), Y.copy(), np.linspace(0, 1, ROWS, dtype=np.float32)
    kept = [a.copy() for a in (x, y, weights)]
    model = classifier("adam")
    model.fit(x, y, sample_weight=weights, validation_data=(x, y, weights), epochs=3, verbose=0)
    model.train_on_batch(x, y, sample_weight=weights)
    model.evaluate(x, y, sample_weight=weights, verbose=0)
    model.predict(x)
    model(x, training=True)
    model.forward(x)
    for array, before in zip((x, y, weights), kept, strict=True):
        np.testing.assert_array_equal(array, before)
        assert array.flags.writeable


def test_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (ROWS, 2, 3), np.uint8)

    def network(scale):
        model = fastnn.Sequential(
            [fastnn.Input((2, 3)), layers.Flatten(), *scale, dense(4, "tanh"), dense(3, "softmax")]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    raw = trained(pixels.astype(np.float32) * np.float32(1 / 255), model=network([]))
    scaled = trained(pixels, model=network([layers.Rescaling(1 / 255)]))
    assert_same_weights(scaled, raw)
    np.testing.assert_array_equal(scaled.predict(pixels), raw.predict(pixels.astype(np.float32) * np.float32(1 / 255)))
    assert np.shares_memory(scaled._prepare_x(pixels), pixels)
    assert np.shares_memory(classifier()._prepare_x(X), X)


@pytest.mark.parametrize(
    "y", [Y[:, np.newaxis], Y.astype(np.uint8), Y.astype(np.float64), Y.astype(np.int16), Y.tolist()]
)
def test_labels_of_any_integer_kind(y):
    assert_same_weights(trained(X, y), trained(X))


def test_two_classes_may_be_true_and_false():
    assert_same_weights(trained(X, Y > 1), trained(X, (Y > 1).astype(int)))


@pytest.mark.parametrize("dtype", [np.int64, bool, np.float64, np.uint8])
def test_targets_of_any_type(dtype):
    y = (Y > 1).astype(dtype)
    expected = trained(X, (Y > 1).astype(np.float32), regressor())
    assert_same_weights(trained(X, y, regressor()), expected)
    assert_same_weights(trained(X, y[:, np.newaxis], regressor()), expected)
    assert_same_weights(trained(X, np.asfortranarray(np.stack([y, y], axis=1))[:, :1], regressor()), expected)


def test_float64_models():
    for make in (lambda: classifier("adam", dtype="float64"), make_by_floatx):
        model = make()
        assert model.dtype == np.float64
        assert all(w.dtype == np.float64 for w in model.get_weights())
        model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        assert model.predict(X).dtype == np.float64
        single = trained(X)
        for weight, rounded in zip(model.get_weights(), single.get_weights(), strict=True):
            np.testing.assert_allclose(weight, rounded, rtol=1e-3, atol=1e-5)
            assert (weight != rounded).any()
    # More digits than float32 has are used.
    nearby = X.astype(np.float64) * (1 + 1e-12)
    assert (model.predict(nearby) != model.predict(X)).any()


def make_by_floatx():
    assert config.floatx() == "float32"
    config.set_floatx("float64")
    try:
        return classifier("adam")
    finally:
        config.set_floatx("float32")


def test_both_float_types_side_by_side():
    single, double = classifier("sgd"), classifier("sgd", dtype="float64")
    for _ in range(3):
        a, b = single.train_on_batch(X, Y), double.train_on_batch(X, Y)
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert single.predict(X).dtype == np.float32
    assert double.predict(X).dtype == np.float64
    assert single.predict(X[:2]).shape == double.predict(X[:2]).shape == (2, CLASSES)


def test_changing_x_between_two_calls_is_seen():
    model, x = classifier(), X.copy()
    for rows in (3, ROWS):
        first = model.predict(x[:rows])
        x *= -1
        assert (model.predict(x[:rows]) != first).any()
        x *= -1
        np.testing.assert_array_equal(model.predict(x[:rows]), first)
