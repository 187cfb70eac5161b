"""to_categorical, set_random_seed, the float type of new layers. (Keras's own figures: test_keras_figures.py.)"""

import random
import threading

import numpy as np
import pytest

from fastnn import config, layers
from fastnn.utils import set_random_seed, to_categorical


def test_to_categorical():
    labels = np.array([0, 3, 1], np.uint8)
    np.testing.assert_array_equal(to_categorical(labels), np.eye(4)[[0, 3, 1]])
    np.testing.assert_array_equal(to_categorical(labels, 6), np.eye(6)[[0, 3, 1]])
    np.testing.assert_array_equal(to_categorical([1.0, 0.0]), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(to_categorical([False, True]), [[1, 0], [0, 1]])
    np.testing.assert_array_equal(to_categorical(np.zeros((2, 3, 1), int)), np.ones((2, 3, 1)))
    assert to_categorical(np.zeros((2, 3, 4), int), 5).shape == (2, 3, 4, 5)
    assert to_categorical([0], 0).shape == (1, 1)  # 0 means none given, as in Keras
    np.testing.assert_array_equal(labels, [0, 3, 1])


@pytest.mark.parametrize(
    ("x", "num_classes", "error", "message"),
    [
        ([0, -1], None, ValueError, r"x must be integers in \[0, 1\), received -1 at index 1"),
        ([-1], None, ValueError, r"x must be integers in \[0, 1\), received -1 at index 0"),
        ([0, 3], 3, ValueError, r"x must be integers in \[0, 3\), received 3 at index 1"),
        ([0.5], None, ValueError, r"x must be integers in \[0, 1\), received 0\.5 at index 0"),
        ([np.nan], None, ValueError, r"x must be finite, received nan at index \(0,\)"),
        ([], None, ValueError, "x must hold at least one label"),
        (["a"], None, TypeError, "x must be an array of numbers"),
        ([0], -2, ValueError, "num_classes must be at least 1, received -2"),
        ([0], 2.5, TypeError, "num_classes must be an integer of at least 1, received 2.5"),
    ],
)
def test_what_to_categorical_refuses(x, num_classes, error, message):
    with pytest.raises(error, match=message):
        to_categorical(x, num_classes)


def test_set_random_seed():
    def draw():
        set_random_seed(9)
        return (
            random.random(),
            np.random.random(),
            layers.Dropout(0.5).seed,
            layers.Dense(3)(np.ones((1, 4))).tolist(),
        )

    assert draw() == draw()
    first = layers.Dropout(0.5).seed
    assert first != layers.Dropout(0.5).seed
    assert set_random_seed(0) is None
    assert set_random_seed(np.int64(2**32 - 1)) is None


def test_floatx():
    assert config.floatx() == "float32"
    try:
        config.set_floatx("float64")
        assert config.floatx() == "float64"
        assert layers.Dense(2).dtype == np.float64
        assert layers.Dense(2, dtype="float32").dtype == np.float32
    finally:
        config.set_floatx("float32")
    assert layers.Dense(2).dtype == np.float32
    for wrong in ("float16", "int8", "double precision", 32):
        with pytest.raises(ValueError, match='must be "float32" or "float64", received'):
            config.set_floatx(wrong)
        assert config.floatx() == "float32"


def test_float_type_within_a_block():
    seen = []
    with config.using_floatx("float64"):
        with config.using_floatx("float32"):
            seen.append(config.floatx())
        other = threading.Thread(target=lambda: seen.append(config.floatx()))
        other.start()
        other.join()
        seen.append(layers.Dense(1).dtype.name)
    assert seen == ["float32", "float32", "float64"]
    assert config.floatx() == "float32"
