"""Points in two classes: the two diagonals listed by hand, the uniform ones by their rule."""

import numpy as np
import pytest

import fastnn
from fastnn.datasets import points

# The course's XOR data, for i = 0 ... 10: (i/10, i/10) in class 0, (i/10, 1 - i/10) in class 1, the centre once.
XOR = [
    (0.0, 0.0, 0),
    (0.0, 1.0, 1),
    (0.1, 0.1, 0),
    (0.1, 0.9, 1),
    (0.2, 0.2, 0),
    (0.2, 0.8, 1),
    (0.3, 0.3, 0),
    (0.3, 0.7, 1),
    (0.4, 0.4, 0),
    (0.4, 0.6, 1),
    (0.5, 0.5, 0),
    (0.6, 0.6, 0),
    (0.6, 0.4, 1),
    (0.7, 0.7, 0),
    (0.7, 0.3, 1),
    (0.8, 0.8, 0),
    (0.8, 0.2, 1),
    (0.9, 0.9, 0),
    (0.9, 0.1, 1),
    (1.0, 1.0, 0),
    (1.0, 0.0, 1),
]
FAR_HALF = [(3 / 4, 3 / 4, 0), (3 / 4, 1 / 4, 1), (1, 1, 0), (1, 0, 1)]
FAR_THIRDS = [(2 / 3, 2 / 3, 0), (2 / 3, 1 / 3, 1), (1, 1, 0), (1, 0, 1)]


def rows(x, y):
    assert (x.dtype, y.dtype) == (np.float64, np.int64)
    assert x.shape == (len(x), 2)
    assert y.shape == (len(x), 1)
    return [(x1, x2, label) for (x1, x2), (label,) in zip(x.tolist(), y.tolist(), strict=True)]


def test_xor_is_the_21_points_of_the_course():
    assert rows(*points.generate_xor_easy()) == XOR


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (2, [(0, 0, 0), (0, 1, 1), (1, 1, 0), (1, 0, 1)]),  # exclusive or itself
        (3, [(0, 0, 0), (0, 1, 1), (0.5, 0.5, 0), (1, 1, 0), (1, 0, 1)]),
        (5, [(0, 0, 0), (0, 1, 1), (1 / 4, 1 / 4, 0), (1 / 4, 3 / 4, 1), (1 / 2, 1 / 2, 0), *FAR_HALF]),
        (4, [(0, 0, 0), (0, 1, 1), (1 / 3, 1 / 3, 0), (1 / 3, 2 / 3, 1), *FAR_THIRDS]),
    ],
)
def test_xor_of_other_sizes(n, expected):
    assert rows(*points.generate_xor_easy(n)) == expected


@pytest.mark.parametrize("n", [11, 12, 101])
def test_xor_has_no_point_twice(n):
    x, _ = points.generate_xor_easy(n)
    assert len(np.unique(x, axis=0)) == len(x) == 2 * n - n % 2


def test_linear_points_fill_the_square_and_the_diagonal_parts_them():
    x, y = points.generate_linear(5000, seed=1)
    assert all(label == (0 if x1 > x2 else 1) for x1, x2, label in rows(x, y))
    assert x.min() >= 0
    assert x.max() < 1
    cells, *_ = np.histogram2d(x[:, 0], x[:, 1], bins=5, range=[(0, 1), (0, 1)])
    assert abs(cells - 200).max() < 6 * np.sqrt(200)  # six standard deviations
    assert abs(y.mean() - 0.5) < 6 * 0.5 / np.sqrt(5000)


def test_points_on_the_diagonal_have_label_1(monkeypatch):
    class Even:
        def random(self, shape):
            return np.full(shape, 0.25)

    monkeypatch.setattr(points.randomness, "generator", Even)
    assert rows(*points.generate_linear(2)) == [(0.25, 0.25, 1)] * 2


def test_linear_has_a_hundred_points_by_default():
    assert len(points.generate_linear()[0]) == 100


def test_the_seed_decides():
    def of(seed):
        return points.generate_linear(20, seed)[0]

    np.testing.assert_array_equal(of(3), of(3))
    assert not np.array_equal(of(3), of(4))
    assert not np.array_equal(of(None), of(None))


def test_without_a_seed_fastnns_own_generator_decides():
    def after(seed):
        fastnn.utils.set_random_seed(seed)
        return points.generate_linear(20)[0]

    np.testing.assert_array_equal(after(5), after(5))
    assert not np.array_equal(after(5), after(6))


@pytest.mark.parametrize(
    ("generate", "arguments", "error", "expected"),
    [
        (points.generate_linear, (0,), ValueError, "n must be at least 1, received 0"),
        (points.generate_linear, (-3,), ValueError, "n must be at least 1, received -3"),
        (points.generate_linear, (2.5,), TypeError, "n must be an integer of at least 1, received 2.5"),
        (points.generate_linear, (10, -1), ValueError, "seed must be at least 0, received -1"),
        (points.generate_linear, (10, "x"), TypeError, "seed must be an integer of at least 0, received 'x'"),
        (points.generate_xor_easy, (1,), ValueError, "n must be at least 2, received 1"),
        (points.generate_xor_easy, ("11",), TypeError, "n must be an integer of at least 2, received '11'"),
        (points.generate_xor_easy, (True,), TypeError, "n must be an integer of at least 2, received True"),
    ],
)
def test_bad_arguments(generate, arguments, error, expected):
    with pytest.raises(error, match=f"^{expected}$"):
        generate(*arguments)
