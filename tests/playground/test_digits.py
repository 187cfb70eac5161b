"""Drawings as MNIST has them, and what the networks make of them."""

import threading
import time
import tracemalloc

import numpy as np
import pytest

import fastnn
from fastnn.playground import digits as module
from fastnn.playground.centring import centred
from fastnn.playground.digits import Digits


@pytest.fixture(scope="module")
def test_set():
    return fastnn.datasets.mnist.load_data()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def digits(folder):
    digits = Digits(folder)
    digits.start()
    ready(digits)
    return digits


def ready(digits, seconds=200):
    until = time.monotonic() + seconds
    while not digits.ready:
        assert not digits.problem
        assert time.monotonic() < until
        time.sleep(0.02)


def few():
    """A few images, for trainings that take no time."""
    (x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data()
    return (x[:2000], y[:2000]), (x_test[:10], y_test[:10])


def on_a_sheet(image, size, rng):
    """An image enlarged smoothly to `size` pixels, somewhere on a sheet as the page has it."""
    at = (np.arange(size) + 0.5) * len(image) / size - 0.5
    wide = np.stack([np.interp(at, np.arange(len(image)), row) for row in image.astype(float)])
    large = np.stack([np.interp(at, np.arange(len(image)), column) for column in wide.T], axis=1)
    sheet = np.zeros((112, 112), np.uint8)
    top, left = rng.integers(113 - size, size=2)
    sheet[top : top + size, left : left + size] = np.rint(large)
    return sheet


# ---------------------------------------------------------------------------------------------------------------------
# centring


def test_a_digit_of_mnist_stays_as_it_is(test_set):
    images = test_set[0][:500]
    same = [np.array_equal(centred(image), image) for image in images]
    assert np.mean(same) > 0.95  # the others round the other way


@pytest.mark.parametrize("shift", [(0, 0), (5, 40), (60, 3), (70, 70)], ids=str)
def test_a_shifted_digit_gives_the_same(test_set, shift):
    digit = np.kron(test_set[0][0], np.ones((1, 1), np.uint8))
    sheet = np.zeros((112, 112), np.uint8)
    sheet[shift[0] : shift[0] + 28, shift[1] : shift[1] + 28] = digit
    np.testing.assert_array_equal(centred(sheet), centred(digit))


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_a_digit_of_another_size_gives_the_same(test_set, times):
    digit = test_set[0][1]
    np.testing.assert_array_equal(centred(np.kron(digit, np.ones((times, times), np.uint8))), centred(digit))


def test_what_is_drawn_is_twenty_pixels_long_and_its_mass_is_in_the_middle():
    sheet = np.zeros((90, 200), np.uint8)
    sheet[20:30, 11:171] = 255  # 10 high, 160 wide: 8 times smaller, 1.25 high and so 1
    sheet[25:27, 171:176] = 3  # too faint to be part of it
    seen = centred(sheet)
    rows, columns = np.nonzero(seen)
    assert (set(rows), columns.min(), columns.max()) == ({14}, 4, 23)
    assert (seen[seen > 0] == 255).all()


def test_ink_at_one_end_only_stays_inside():
    sheet = np.zeros((112, 112), np.uint8)
    sheet[:, 0] = 255  # a thin line as long as the sheet
    sheet[0, :] = 40
    seen = centred(sheet)
    assert (seen.shape, seen.dtype) == ((28, 28), np.uint8)
    assert seen.any()


@pytest.mark.parametrize("ink", [0, 5], ids=["empty", "faint"])
def test_without_ink_there_is_nothing_to_centre(ink):
    assert centred(np.full((112, 112), ink, np.uint8)) is None


def test_one_pixel_becomes_a_square():
    sheet = np.zeros((112, 112), np.uint8)
    sheet[100, 3] = 255
    assert (centred(sheet) > 0).sum() == 400


# ---------------------------------------------------------------------------------------------------------------------
# the networks


@pytest.mark.parametrize("size", [28, 45, 80, 112])
def test_digits_anywhere_and_of_any_size_are_recognized(digits, test_set, size):
    rng = np.random.default_rng(size)
    images, labels = (part[:1000] for part in test_set)
    found = [digits.look(on_a_sheet(image, size, rng)).probabilities.argmax() for image in images]
    assert np.mean(found == labels) >= 0.95


def test_what_a_look_holds(digits, test_set):
    errors = []
    for image in test_set[0][:200]:
        look = digits.look(image)
        np.testing.assert_array_equal(look.seen, centred(image))
        assert look.probabilities.shape == (10,)
        assert look.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert look.probabilities.min() >= 0
        weights, bias = digits._classifier.layers[1].get_weights()
        expected = np.maximum(look.seen.reshape(784) / np.float32(255) @ weights + bias, 0)
        np.testing.assert_allclose(look.response, expected, atol=1e-4)
        assert (look.drawn_again.shape, look.drawn_again.dtype) == ((28, 28), np.uint8)
        errors.append(((look.drawn_again / 255.0 - look.seen / 255.0) ** 2).mean())
    assert np.mean(errors) < 0.02  # 0.067 for the mean image


def test_filters_are_the_weights_of_the_units(digits):
    assert digits.filters.shape == (128, 28, 28)
    weights = digits._classifier.layers[1].get_weights()[0]
    np.testing.assert_array_equal(digits.filters[5].ravel(), weights[:, 5])
    edge = np.abs(digits.filters[:, 0]).max()  # no digit has ink there
    assert edge < 0.01 * np.abs(digits.filters).max()


def test_an_empty_sheet_gives_nothing(digits):
    assert digits.look(np.zeros((112, 112), np.uint8)) is None


def test_examples_are_test_images(digits, test_set):
    shown = [digits.example() for _ in range(5)]
    assert all((test_set[0] == image).all(axis=(1, 2)).any() for image in shown)
    assert len({image.tobytes() for image in shown}) > 1


def test_weights_that_are_not_finite_are_told_in_words(test_set):
    digits = Digits(load=few, epochs=(1, 1))
    digits.start()
    ready(digits)
    digits._classifier.layers[-1].kernel.value[:] = np.nan
    with pytest.raises(ValueError, match="not finite.*Restart"):
        digits.look(test_set[0][0])


@pytest.mark.filterwarnings("ignore:the loss is no longer a finite number")
def test_a_training_that_fails_is_told_in_words_and_can_be_tried_again(monkeypatch):
    digits = Digits(load=few, epochs=(1, 1))
    whole = module.classifier

    def exploding(steps):
        model = whole(steps)
        model.layers[1].kernel.value[:] = np.inf
        return model

    monkeypatch.setattr(module, "classifier", exploding)
    digits.start()
    digits._thread.join()
    assert "could not be trained: the weights are no longer finite" in digits.problem
    assert not digits.ready
    assert digits.look(np.full((28, 28), 255, np.uint8)) is None
    monkeypatch.setattr(module, "classifier", whole)
    digits.start()
    ready(digits)
    assert digits.problem == ""


def test_kept_networks_are_read_and_damaged_ones_trained_again(digits, folder, test_set):
    files = sorted(folder.iterdir())
    assert [file.suffix for file in files] == [".safetensors"] * 2
    again = Digits(folder)
    again.start()
    ready(again, 30)
    look, same = digits.look(test_set[0][0]), again.look(test_set[0][0])
    np.testing.assert_array_equal(look.probabilities, same.probabilities)
    np.testing.assert_array_equal(look.drawn_again, same.drawn_again)


@pytest.mark.parametrize("damage", ["half", "other", "folder"])
def test_a_damaged_file_is_no_reason_to_fail(tmp_path, damage):
    first = Digits(tmp_path, few, (1, 1))
    first.start()
    ready(first)
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        if damage == "half":
            file.write_bytes(content[: len(content) // 2])
        elif damage == "other":
            fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(2)]).save_weights(file)
        else:
            file.unlink()
            file.mkdir()
    second = Digits(tmp_path, few, (1, 1))
    second.start()
    ready(second)
    for a, b in zip(first._classifier.weights, second._classifier.weights, strict=True):
        np.testing.assert_array_equal(a, b)  # trained with the same seed


def test_progress_rises_and_a_stop_ends_the_training_at_once():
    digits, seen = Digits(), []
    digits.start()
    digits.start()  # under way: no second training
    until = time.monotonic() + 120
    while digits.progress < 0.02:
        assert time.monotonic() < until
        seen.append(digits.progress)
        time.sleep(0.01)
    assert sum(thread.name == "digits" and thread.is_alive() for thread in threading.enumerate()) == 1
    model, *_ = digits._training
    digits.stop()
    assert model.optimizer.iterations < 469  # within the first epoch
    assert seen == sorted(seen)
    assert not digits.ready
    assert digits.problem == ""
    digits.start()  # the server is ending
    assert not digits._thread.is_alive()


def test_looks_keep_nothing(digits, test_set):
    image = test_set[0][0]
    digits.look(image)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            digits.look(image)
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()
