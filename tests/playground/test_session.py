"""What a browser tab trains, without a browser."""

import threading
import time

import numpy as np
import pytest

from fastnn.playground import pictures, points
from fastnn.playground.choices import ACTIVATIONS, MOST_LAYERS, MOST_POINTS, MOST_UNITS, OPTIMIZERS, OWN, Choices
from fastnn.playground.session import Session

explodes = pytest.mark.filterwarnings("ignore:the loss is no longer a finite number:RuntimeWarning")
# A network without bounds, at a rate that is far too large.
TOO_FAST = Choices(activation="linear", rate=100.0)


@pytest.mark.parametrize("problem", points.PROBLEMS)
def test_points_are_in_the_picture_and_in_both_classes(problem):
    x, y = points.generate(problem, 200, 0.0, seed=1)
    assert x.shape == (200, 2)
    assert x.dtype == np.float32
    assert np.abs(x).max() <= 1
    assert 60 < y.sum() < 140
    again, moved = points.generate(problem, 200, 0.0, 1)[0], points.generate(problem, 200, 0.1, 1)[0]
    np.testing.assert_array_equal(again, x)
    assert 0.05 < np.abs(moved - x).mean() < 0.12  # 0.1 sqrt(2 / pi)


def test_a_straight_line_separates_linear_and_not_xor():
    for data, expected in (("linear", 1.0), ("xor", 0.6)):
        session = Session(Choices(data=data, hidden=(), rate=1.0))
        session.train(10, 100)
        assert session.accuracy() == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("data", "hidden", "epochs"), [("xor", (4, 4), 200), ("circles", (4,), 200)])
def test_it_learns(data, hidden, epochs):
    session = Session(Choices(data=data, hidden=hidden))
    session.train(60, epochs)
    assert session.epoch == epochs
    assert session.accuracy() > 0.95
    assert session.accuracy(test=True) > 0.9
    assert session.records[-1].train < 0.2
    assert session.note == ""


def test_the_spiral_is_learned_by_a_larger_network():
    session = Session(Choices(data="spiral", hidden=(8, 8), activation="gelu", optimizer="adam", rate=0.01))
    session.train(60, 500)
    assert session.accuracy() > 0.95


def test_the_same_seed_gives_the_same_training():
    one, other = Session(), Session()
    for session in (one, other):
        session.step()
        session.train(60, 3)
    for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.records == other.records


def test_training_takes_about_the_time_that_it_is_given():
    session = Session()
    session.train(0.01)  # loads the kernels
    before, began = session.epoch, time.perf_counter()
    session.train(0.1)
    assert 0.05 < time.perf_counter() - began < 5
    assert session.epoch > before + 5


def test_steps_are_batches():
    session = Session(Choices(points=100, test=0.3, batch=30))
    assert len(session.x) == 70
    for step, (size, epoch) in enumerate([(30, 0), (30, 0), (10, 1), (30, 1)], start=1):
        x, y = session.next_batch()
        assert len(x) == len(y) == size
        np.testing.assert_array_equal(x, session.next_batch()[0])  # it is the next one, however often one looks
        session.step()
        assert (session.steps, session.epoch) == (step, epoch)
    assert [round(record.epoch, 2) for record in session.records] == [0.43, 0.86, 1.0, 1.43]
    session.train(60, 1)  # the rest of the epoch that was begun
    assert (session.steps, session.epoch) == (6, 2)


def test_a_step_is_the_engines():
    session, other = Session(), Session()
    x, y = session.next_batch()
    session.step()
    other.model.train_on_batch(x, y)
    for a, b in zip(session.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_reset_begins_with_the_same_weights_and_another_seed_with_others():
    session = Session()
    first = session.model.get_weights()[0]
    session.train(60, 5)
    session.reset()
    np.testing.assert_array_equal(session.model.get_weights()[0], first)
    assert (session.epoch, session.steps, session.records) == (0, 0, [])
    session.change(seed=1)
    assert not np.array_equal(session.model.get_weights()[0], first)


@pytest.mark.parametrize(
    ("changes", "anew"),
    [
        ({"hidden": (3,)}, True),
        ({"activation": "relu"}, True),
        ({"optimizer": "adam"}, True),
        ({"regularization": "l2"}, True),
        ({"data": "spiral"}, True),
        ({"noise": 0.2}, True),
        ({"rate": 0.3}, False),
        ({"batch": 20}, False),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "anew" if value else "on",
)
def test_what_begins_anew(changes, anew):
    session = Session()
    session.train(60, 2)
    model = session.model
    session.change(**changes)
    assert (session.epoch == 0) == anew
    assert (session.model is not model) == anew
    assert session.model.optimizer.learning_rate == pytest.approx(session.choices.rate)
    session.train(60, 2)


def test_penalties_and_dropout_are_in_the_network():
    plain = Session()
    plain.train(60, 100)
    for regularization, amount in (("l1", 0.003), ("l2", 0.01)):
        session = Session(Choices(regularization=regularization, amount=amount))
        session.train(60, 100)
        sizes = [sum(np.abs(w).sum() for w in s.model.get_weights()) for s in (session, plain)]
        assert sizes[0] < 0.9 * sizes[1]
    session = Session(Choices(regularization="dropout", amount=0.5))
    assert [layer.rate for layer in session.model.layers if "dropout" in layer.name] == [0.5, 0.5]
    session.train(60, 2)
    assert [layer.shape[0] for layer in session.frame()["neurons"]] == [4, 4, 1]


# ---------------------------------------------------------------------------------------------------------------------
# frames


def test_a_frame_shows_the_network():
    session = Session(Choices(hidden=(3, 2)))
    session.train(60, 20)
    frame = session.frame()
    expected = session.model.predict(pictures.grid(pictures.SURFACE)).reshape(50, 50)
    np.testing.assert_array_equal(frame["surface"], np.rint(255 * expected))
    assert [layer.shape for layer in frame["neurons"]] == [(3, 20, 20), (2, 20, 20), (1, 20, 20)]
    small = pictures.grid(20)
    kernel, bias = session.model.get_weights()[:2]
    second = np.tanh(small @ kernel + bias)[:, 1].reshape(20, 20)
    np.testing.assert_allclose(frame["neurons"][0][1], 127.5 * (second + 1), atol=0.51)
    assert [w.shape for w in frame["weights"]] == [(2, 3), (3, 2), (2, 1)]
    assert frame["points"].shape == (200, 4)
    assert frame["points"][:, 3].sum() == len(session.x_test) == 60
    assert frame["train"] == pytest.approx(session.model.evaluate(session.x, session.y, verbose=0), rel=1e-4)
    assert frame["test_accuracy"] == session.accuracy(test=True)


def test_the_first_row_of_a_picture_is_at_the_top():
    grid = pictures.grid(4)
    np.testing.assert_allclose(grid[[0, 3, 12]], [[-0.9, 0.9], [0.9, 0.9], [-0.9, -0.9]], rtol=1e-6)


def test_pictures_of_outputs_without_bounds_are_scaled():
    outputs = np.array([[0.0, 0.0], [-4.0, 0.0], [2.0, 0.0], [np.nan, 0.0]])
    np.testing.assert_array_equal(pictures.picture(outputs, "relu", 2).reshape(2, 4), [[128, 0, 191, 128], [128] * 4])
    outputs = np.array([[0.0], [1.0], [0.25], [np.inf]])
    np.testing.assert_array_equal(pictures.picture(outputs, "sigmoid", 2).ravel(), [0, 255, 64, 128])


def test_records_do_not_grow_for_ever():
    session = Session()
    for _ in range(900):
        session.step()
    assert 100 < len(session.records) <= 400
    assert session.records[-1].epoch == pytest.approx(session.steps / 14)
    assert all(a.epoch < b.epoch for a, b in zip(session.records, session.records[1:], strict=False))


# ---------------------------------------------------------------------------------------------------------------------
# what goes wrong


@explodes
def test_weights_that_are_no_numbers_are_said_and_reset_helps():
    session = Session(TOO_FAST)
    session.train(60, 50)
    assert "the learning rate 100 is too large" in session.problem
    assert np.isnan([session.accuracy(), session.accuracy(test=True)]).all()
    frame = session.frame()
    assert np.isnan(frame["train"])
    with pytest.raises(ValueError, match="Choose a smaller one, then press Reset"):
        session.step()
    session.change(rate=0.1)
    session.reset()
    session.train(60, 2)
    assert session.problem == ""
    assert np.isfinite(session.records[-1].train)


def test_a_loss_that_rises_is_said():
    session = Session(Choices(rate=100.0))
    session.train(60, 20)
    session.records = [session.records[0], *session.records]
    session.records[0] = type(session.records[0])(0, 0.7, 0.7)
    assert session.records[-1].train > 1.4
    assert "try a learning rate below 100" in session.note


def test_own_points():
    session = Session(Choices(data=OWN))
    assert "click into the plane" in session.note
    assert session.frame()["points"].shape == (0, 4)
    for method in (session.step, lambda: session.train(0.01)):
        with pytest.raises(ValueError, match="nothing to train with"):
            method()
    session.add_point(0.5, 0.5, 1)
    session.train(60, 2)
    assert "All points to train with belong to class 1" in session.note
    weights = session.model.get_weights()[0]
    session.add_point(-0.5, -0.5, 0)
    assert session.note == ""
    np.testing.assert_array_equal(session.model.get_weights()[0], weights)
    session.train(60, 200)
    assert session.accuracy() == 1
    kept = session.x.tolist()
    session.add_point(0.9, 0.9, 1)
    session.add_point(0.8, 0.9, 1)
    assert session.x.tolist()[:2] == kept  # a point stays what it is, for training or for the test
    session.clear_points()
    assert (len(session.x), session.epoch) == (0, 0)


def test_one_class_only_can_be_drawn_and_trained():
    session = Session(Choices(data=OWN, test=0.5))
    for i in range(6):
        session.add_point(i / 10, 0, 0)
    session.train(60, 50)
    assert session.frame()["test_accuracy"] == 1


@pytest.mark.parametrize(
    ("x1", "x2", "label", "words"),
    [
        ("0", 0.1, 0, "inside the plane"),
        (float("nan"), 0.1, 0, "inside the plane"),
        (9.0, 0.1, 0, "inside the plane"),
        (None, None, 0, "inside the plane"),
        (0.1, 0.1, 2, "class must be 0 or 1"),
    ],
    ids=["text", "nan", "outside", "nothing", "class"],
)
def test_points_that_are_none(x1, x2, label, words):
    session = Session(Choices(data=OWN))
    with pytest.raises(ValueError, match=words):
        session.add_point(x1, x2, label)
    assert session.own == []


def test_own_points_are_limited():
    session = Session()
    session.own = [(0.0, 0.0, 0)] * MOST_POINTS
    with pytest.raises(ValueError, match="clear them first"):
        session.add_point(0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden": (5000,)}, f"from 1 to {MOST_UNITS}: each is drawn as a picture. Received: 5000"),
        ({"hidden": (2.5,)}, "whole number"),
        ({"hidden": (True,)}, "whole number"),
        ({"hidden": (1,) * (MOST_LAYERS + 1)}, f"At most {MOST_LAYERS} hidden layers"),
        ({"rate": float("nan")}, "The learning rate must be a number from 0"),
        ({"rate": None}, "Received: nothing"),
        ({"rate": -1.0}, "from 0 to"),
        ({"batch": 0}, "The batch size"),
        ({"points": 10**9}, f"from 2 to {MOST_POINTS}"),
        ({"noise": "much"}, "The noise must be a number"),
        ({"test": 1.0}, "The part for the test"),
        ({"amount": 1.0}, "The amount of regularization"),
        ({"data": "moons"}, "the points must be 'linear' or"),
        ({"activation": "swish"}, "the activation must be"),
        ({"optimizer": "lbfgs"}, "the optimizer must be"),
        ({"regularization": "max"}, "the regularization must be"),
    ],
    ids=lambda value: f"{value}"[1:30] if isinstance(value, dict) else "",
)
def test_choices_that_are_refused(changes, words):
    session = Session()
    before = session.choices
    with pytest.raises(ValueError, match=words):
        session.change(**changes)
    assert session.choices is before
    session.step()


def test_the_largest_network_makes_a_frame_quickly():
    session = Session(Choices(hidden=(MOST_UNITS,) * MOST_LAYERS, points=MOST_POINTS, batch=10))
    session.train(0.01)
    session.frame()
    best = min(_seconds(lambda: (session.train(0.01, 1), session.frame())) for _ in range(5))
    assert best < 0.1  # ten frames a second; it takes a tenth of that


def _seconds(function):
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def test_all_activations_and_optimizers_train():
    for activation in ACTIVATIONS:
        Session(Choices(activation=activation)).train(60, 1)
    for optimizer in OPTIMIZERS:
        Session(Choices(optimizer=optimizer)).train(60, 1)


def test_closing_ends_a_training_that_is_under_way():
    session = Session()
    session.train(0.01)
    training = threading.Thread(target=session.train, args=(600,))
    training.start()
    time.sleep(0.05)
    session.close()
    training.join(30)
    assert not training.is_alive()
