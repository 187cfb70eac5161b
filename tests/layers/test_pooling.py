"""Pooling layers beyond the rows of `cases.py`: by hand, ties, NaN, what kernels leave alone, bad input."""

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.kernels import pooling as kernels

from ..comparing import assert_same_bits, canaries
from ..reference import pooling as reference

NAN, INF = np.nan, np.inf


def image(rows, dtype=np.float32):
    """One sample with one channel."""
    return np.array(rows, dtype)[np.newaxis, :, :, np.newaxis]


def plain(array):
    """A sample with one channel as nested lists."""
    return array[0, :, :, 0].tolist()


def both(layer, x, dy):
    """y and dx."""
    y = layer(x, training=True)
    return y, layer.backward(dy)


# ---------------------------------------------------------------------------------------------------------------------
# By hand.


def test_max_by_hand():
    x = image([[1, 2, 5, 3], [4, 3, 0, 5], [-1, -2, 7, 7], [-3, -4, 7, 7]])
    y, dx = both(layers.MaxPooling2D(), x, image([[1, 2], [3, 4]]))
    assert plain(y) == [[4, 5], [-1, 7]]
    assert plain(dx) == [[0, 0, 2, 0], [1, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]  # ties: the first, row by row


def test_max_of_overlapping_windows_adds_up():
    x = image([[0, 1, 0], [0, 9, 0], [0, 0, 2]])
    y, dx = both(layers.MaxPooling2D(2, 1), x, image([[1, 10], [100, 1000]]))
    assert plain(y) == [[9, 9], [9, 9]]
    assert plain(dx) == [[0, 0, 0], [0, 1111, 0], [0, 0, 0]]


def test_average_by_hand():
    x = image([[1, 2, 5, 3], [4, 5, 0, 4], [1, 1, 2, 2]])
    y, dx = both(layers.AveragePooling2D(), x, image([[4, 8]]))
    assert plain(y) == [[3, 3]]
    assert plain(dx) == [[1, 1, 2, 2], [1, 1, 2, 2], [0, 0, 0, 0]]  # the last row is in no window


def test_average_counts_no_padding():
    x = image([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    y, dx = both(layers.AveragePooling2D(2, padding="same"), x, image([[4, 2], [2, 1]]))
    assert plain(y) == [[3, 4.5], [7.5, 9]]
    assert plain(dx) == [[1, 1, 1], [1, 1, 1], [1, 1, 1]]


def test_average_of_overlapping_windows_adds_up():
    y, dx = both(layers.AveragePooling1D(2, 1), np.array([[[1], [3], [7]]]), np.array([[[2], [20]]]))
    assert y[0, :, 0].tolist() == [2, 5]
    assert dx[0, :, 0].tolist() == [1, 11, 10]


def test_a_sequence_is_pooled_along_its_length():
    x = np.array([[[1, 6], [2, 5], [3, 4], [9, 9]]])
    assert layers.MaxPooling1D()(x)[0].tolist() == [[2, 6], [9, 9]]
    assert layers.MaxPooling1D(3)(x)[0].tolist() == [[3, 6]]
    assert layers.AveragePooling1D(2, 2)(x)[0].tolist() == [[1.5, 5.5], [6, 6.5]]


def test_global_by_hand():
    x = image([[1, 2], [8, 8], [-1, 0]])
    y, dx = both(layers.GlobalMaxPooling2D(), x, np.array([[6]]))
    assert y.tolist() == [[8]]
    assert plain(dx) == [[0, 0], [3, 3], [0, 0]]  # ties share, as in Keras
    y, dx = both(layers.GlobalAveragePooling2D(), x, np.array([[6]]))
    assert y.tolist() == [[3]]
    assert plain(dx) == [[1, 1], [1, 1], [1, 1]]


# ---------------------------------------------------------------------------------------------------------------------
# Special values.

KINDS = [layers.MaxPooling2D, layers.AveragePooling2D, layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3, 8, 19])
def test_nan_stays_visible_and_where_it_is(kind, channels, dtype):
    for place in np.ndindex(2, 2):
        for channel in {0, channels // 2, channels - 1}:
            x = np.random.default_rng(0).normal(size=(2, 2, 2, channels)).astype(dtype)
            x[1, *place, channel] = NAN
            layer = kind(dtype=dtype)
            y = layer(x).reshape(2, channels)
            expected = np.zeros((2, channels), bool)
            expected[1, channel] = True
            np.testing.assert_array_equal(np.isnan(y), expected)
            dy = np.zeros((2, channels))
            dy[1, channel] = NAN  # as a loss gives it
            dx = layer.backward(dy.reshape(layer.forward(x, True).shape)).reshape(2, 4, channels)
            np.testing.assert_array_equal(np.isnan(dx).any(axis=1), expected)


@pytest.mark.parametrize("kind", [layers.MaxPooling2D, layers.GlobalMaxPooling2D])
def test_a_window_of_minus_infinity(kind):
    """Not even where the border cuts windows off does a gradient get lost."""
    options = {"strides": 1, "padding": "same"} if kind is layers.MaxPooling2D else {}
    layer = kind(**options)
    y = layer(image([[-INF, -INF], [-INF, -INF]]), training=True)
    assert (y == -INF).all()
    assert layer.backward(np.ones_like(y)).sum() == y.size


def test_an_infinite_gradient_goes_nowhere_else():
    x = image([[1, 2, 0], [0, 0, 0], [0, 0, 0]])
    y = image([[INF, 0], [0, 0]])
    _, dx = both(layers.MaxPooling2D(2, 1), x, y)
    assert plain(dx) == [[0, INF, 0], [0, 0, 0], [0, 0, 0]]


# ---------------------------------------------------------------------------------------------------------------------
# The kernels themselves.

GEOMETRIES = [  # height, width, size, strides, padding
    ((4, 6), (2, 2), (2, 2), "valid"),
    ((5, 7), (2, 2), (2, 2), "valid"),
    ((5, 7), (2, 2), (2, 2), "same"),
    ((4, 4), (3, 3), (1, 1), "same"),
    ((5, 4), (3, 2), (2, 1), "valid"),
    ((7, 5), (1, 2), (3, 3), "same"),
    ((1, 9), (1, 3), (1, 2), "same"),
]


@pytest.mark.parametrize(("pixels", "size", "strides", "padding"), GEOMETRIES)
@pytest.mark.parametrize("channels", [1, 3, 4, 7, 8, 9, 16, 21])
def test_kernels_write_their_numbers_and_nothing_else(pixels, size, strides, padding, channels, dtype):
    rng = np.random.default_rng(channels)
    (height, width), samples, spare = pixels, 2, 5  # numbers behind each row, which belong to nobody
    x = rng.integers(-3, 4, (samples, height, width, channels)).astype(dtype)
    rows, columns = reference.output_size(x, size, strides, padding)
    dy = rng.normal(size=(samples, rows, columns, channels)).astype(dtype)
    before = [0, 0]
    if padding == "same":
        numbers = zip((rows, columns), strides, size, pixels, strict=True)
        before = [max(0, (n - 1) * stride + s - p) // 2 for n, stride, s, p in numbers]
    windows = kernels.Windows(height, width, rows, columns, *size, *strides, *before)

    def rows_of(array):
        return np.pad(array.reshape(samples, -1), ((0, 0), (0, spare)), constant_values=77)

    for name in ("max", "average"):
        forward, backward = (getattr(kernels, f"{name}_pooling_{way}") for way in ("forward", "backward"))
        expected = getattr(reference, f"{name}_pooling_forward")(x, size, strides, padding)
        expected_dx = getattr(reference, f"{name}_pooling_backward")(
            dy.astype(np.float64), x.astype(np.float64), size, strides, padding
        )
        with canaries() as place:
            y, x_rows = place(rows_of(np.full_like(expected, NAN))), place(rows_of(x), kept=True)
            forward(y, x_rows, windows, channels)
        np.testing.assert_allclose(y[:, :-spare], expected.reshape(samples, -1), rtol=1e-6, atol=1e-6)
        assert (y[:, -spare:] == 77).all()
        with canaries() as place:
            dx, dy_rows = place(rows_of(np.full_like(x, NAN))), place(rows_of(dy), kept=True)
            arrays = (place(x_rows, kept=True), place(y, kept=True)) if name == "max" else ()
            backward(dx, dy_rows, *arrays, windows, channels)
        np.testing.assert_allclose(dx[:, :-spare], expected_dx.reshape(samples, -1), rtol=1e-6, atol=1e-6)
        assert (dx[:, -spare:] == 77).all()


@pytest.mark.parametrize("channels", [1, 3, 8, 9, 21])
def test_global_kernels_write_their_numbers_and_nothing_else(channels, dtype):
    rng, samples, pixels = np.random.default_rng(channels), 2, 6
    x = rng.integers(-3, 4, (samples, pixels * channels)).astype(dtype)
    dy = rng.normal(size=(samples, channels)).astype(dtype)
    images = x.astype(np.float64).reshape(samples, 1, pixels, channels)
    for name in ("max", "average"):
        expected = getattr(reference, f"global_{name}_forward")(images)
        with canaries() as place:
            y, x_rows = place(np.full_like(dy, NAN)), place(x, kept=True)
            getattr(kernels, f"global_{name}_forward")(y, x_rows, pixels, channels)
        np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)
        expected_dx = getattr(reference, f"global_{name}_backward")(dy.astype(np.float64), images)
        with canaries() as place:
            dx, dy_rows = place(np.full_like(x, NAN)), place(dy, kept=True)
            arrays = (place(x, kept=True), place(y, kept=True)) if name == "max" else ()
            getattr(kernels, f"global_{name}_backward")(dx, dy_rows, *arrays, pixels, channels)
        np.testing.assert_allclose(dx, expected_dx.reshape(samples, -1), rtol=1e-6, atol=1e-6)


def test_a_channel_does_not_depend_on_the_others(dtype):
    """Whether it lies in a whole vector or in the rest of one."""
    x = np.random.default_rng(0).normal(size=(3, 5, 7, 21)).astype(dtype)
    for kind in KINDS:
        layer = kind(dtype=dtype)
        y = layer(x, training=True)
        dy = np.random.default_rng(1).normal(size=y.shape).astype(dtype)
        dx = layer.backward(dy)
        for c in (0, 7, 8, 16, 20):
            alone = kind(dtype=dtype)
            assert_same_bits(alone(x[..., c : c + 1], training=True), np.ascontiguousarray(y[..., c : c + 1]))
            assert_same_bits(alone.backward(dy[..., c : c + 1]), np.ascontiguousarray(dx[..., c : c + 1]))


# ---------------------------------------------------------------------------------------------------------------------
# Arguments, shapes and files.


def test_arguments_are_kept_as_keras_has_them():
    layer = layers.MaxPooling2D()
    assert (layer.pool_size, layer.strides, layer.padding) == ((2, 2), (2, 2), "valid")
    layer = layers.AveragePooling2D([3, 2], 1, "same")
    assert (layer.pool_size, layer.strides, layer.padding) == ((3, 2), (1, 1), "same")
    layer = layers.MaxPooling1D(3)
    assert (layer.pool_size, layer.strides) == ((3,), (3,))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.MaxPooling2D(0), ValueError, "pool_size must be at least 1, received 0"),
        (lambda: layers.MaxPooling2D((2, -1)), ValueError, "pool_size must be at least 1, received -1"),
        (lambda: layers.MaxPooling2D(2.5), TypeError, "pool_size must be an integer of at least 1, received 2.5"),
        (lambda: layers.MaxPooling2D((2, 2, 2)), ValueError, r"pool_size must be .* 2 .*received \(2, 2, 2\)"),
        (lambda: layers.AveragePooling1D((2, 2)), ValueError, r"pool_size must be .*received \(2, 2\)"),
        (lambda: layers.MaxPooling2D(2, 0), ValueError, "strides must be at least 1, received 0"),
        (lambda: layers.MaxPooling2D(2, padding="sam"), ValueError, "unknown padding 'sam'; did you mean 'same'"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            layers.MaxPooling2D(name="p"),
            (28, 28),
            r"layer p \(MaxPooling2D\) expects inputs of shape \(batch, height, width, channels\), received "
            r"\(None, 28, 28\)",
        ),
        (
            layers.GlobalMaxPooling1D(name="p"),
            (28, 28, 1),
            r"layer p \(GlobalMaxPooling1D\) expects inputs of shape \(batch, length, channels\), received "
            r"\(None, 28, 28, 1\)",
        ),
        (
            layers.AveragePooling2D((2, 4), name="p"),
            (2, 3, 1),
            r"layer p \(AveragePooling2D\) expects inputs of at least its pool_size, \(2, 4\), received "
            r"\(None, 2, 3, 1\)",
        ),
    ],
)
def test_inputs_that_do_not_fit(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        fastnn.Sequential([fastnn.Input(shape), layer])
    with pytest.raises(ValueError, match=message):
        layer(np.zeros((1, *shape)))


def test_same_takes_images_smaller_than_the_window():
    y, dx = both(layers.AveragePooling2D(4, padding="same"), image([[1, 2], [3, 6]]), image([[4]]))
    assert plain(y) == [[3]]
    assert plain(dx) == [[1, 1], [1, 1]]


def test_save_and_load(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (9, 11, 10, 3), np.uint8)
    model = fastnn.Sequential(
        [
            fastnn.Input((11, 10, 3)),
            layers.Rescaling(1 / 255),
            layers.ZeroPadding2D(((1, 0), (2, 3))),
            layers.MaxPooling2D((3, 2), 2, "same"),
            layers.AveragePooling2D(2, 1),
            layers.SpatialDropout2D(0.3, seed=4),
            layers.Reshape((-1, 3)),
            layers.ZeroPadding1D((0, 2)),
            layers.AveragePooling1D(2),
            layers.SpatialDropout1D(0.3, seed=5),
            layers.MaxPooling1D(3, 1, "same"),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )
    model.compile("adam", "mse")
    model.fit(images, np.zeros((9, 4)), epochs=2, batch_size=4, verbose=0)
    model.save(tmp_path / "model.safetensors")
    loaded = fastnn.saving.load_model(tmp_path / "model.safetensors")
    assert loaded.get_config() == model.get_config()
    assert_same_bits(loaded.predict(images), model.predict(images))
    for layer in (layers.GlobalMaxPooling1D, layers.GlobalAveragePooling2D):
        assert type(layer.from_config(layer(name="a").get_config())) is layer
