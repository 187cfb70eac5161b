"""What the panel of a step shows, and what it does with messages from the browser."""

import copy
import re

import numpy as np
import pytest

from fastnn import layers
from fastnn.playground import steps_view
from fastnn.playground.number_tables import Chosen, number
from fastnn.playground.session import Session
from fastnn.playground.steps import numbers_of_a_step
from fastnn.playground.steps_html import html_of, sizes, stages
from fastnn.playground.steps_view import clicked, next_step

from .test_steps import NETWORKS, OPTIMIZERS, batch, network


def tables(html):
    """{name: array} of the tables, from the full numbers that hovering shows; NaN where a part is not shown."""
    found = {}
    for table in re.findall(r"<table.*?</table>", html, re.DOTALL):
        name = re.search(r'data-name="(.*?)"', table)[1]
        shape = tuple(map(int, re.search(r"<small>(\d+) × (\d+)", table).groups()))
        found[name] = np.full(shape, np.nan)
        for i, j, full in re.findall(r'data-at="(\d+),(\d+)" title="(.*?)"', table):
            found[name][int(i), int(j)] = float(full)
    return found


def text(html):
    return re.sub(r"<.*?>", "\n", html)


def test_stages_go_forward_to_the_loss_and_back_to_the_updates():
    model = network("tanh-sigmoid-bce", "sgd", layers.Dropout(0.5, dtype="float64"))
    titles = [stage.title for stage in stages(numbers_of_a_step(model, *batch()))]
    assert titles == [
        "Forward: layer 1", "Forward: layer 2", "Forward: layer 3", "Loss",
        "Backward: layer 3", "Backward: layer 2", "Backward: layer 1", "Update: layer 1", "Update: layer 3",
    ]  # fmt: skip


def test_tables_hold_the_numbers_of_the_step():
    step = numbers_of_a_step(network(), *batch())
    first, last = step.layers
    (w, b), (w2, _) = first.weights, last.weights
    shown = {stage.title: tables(html_of(step, stage, Chosen())) for stage in stages(step)}
    expected = {
        "Forward: layer 1": {"x": first.x, "W": w.before, "b": b.before, "z": first.z, "y": first.y},
        "Loss": {"y, the output": last.y, "t, the target": step.targets, "loss": step.losses},
        "Backward: layer 2": {"x": last.x, "dz": last.dz, "dW": w2.gradient, "dx": last.dx},
        "Backward: layer 1": {"dy": first.dy, "dz": first.dz, "dW": w.gradient, "db": b.gradient, "dx": first.dx},
        "Update: layer 1": {"W": w.before, "dW": w.gradient, "new W": w.after, "db": b.gradient, "new b": b.after},
    }
    for title, named in expected.items():
        for name, values in named.items():
            np.testing.assert_array_equal(shown[title][name].ravel(), np.ravel(values), err_msg=f"{title}: {name}")


def test_worked_examples_follow_what_is_chosen():
    step = numbers_of_a_step(network(), *batch())
    first = step.layers[0]
    loss = text(html_of(step, stages(step)[2], Chosen(2)))
    y, t = step.layers[-1].y[2, 0], step.targets[2, 0]
    assert f"−[{number(t)} log {number(y)} + {number(1 - t)} log {number(1 - y)}] = {number(step.losses[2])}" in loss
    forward, *_, update = (html_of(step, stage, Chosen(2, 1, 3)) for stage in stages(step)[:1] + stages(step)[-2:-1])
    assert f"= {number(first.z[2, 3])}" in text(forward)
    assert f"tanh({number(first.z[2, 3])}) = {number(first.y[2, 3])}" in text(forward)
    assert "sample 3, unit 4" in text(forward)
    weight = first.weights[0]
    assert f"new W = {number(weight.before[1, 3])} − 0.3 · " in text(update)
    assert f"= {number(weight.after[1, 3])}" in text(update)
    assert 'class="at" data-at="1,3"' in update


def test_large_tables_show_the_part_around_what_is_chosen():
    step = numbers_of_a_step(network(), *batch(samples=300))
    forward = stages(step)[0]
    assert sizes(step, forward) == Chosen(300, 2, 4)
    html = html_of(step, forward, Chosen(sample=299))
    assert "300 × 2, a part of it" in text(html)
    x = tables(html)["x"]
    assert np.isfinite(x[299]).all()
    assert np.isfinite(x).all(axis=1).sum() == 10
    assert len(html) < 20_000


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_and_optimizer_can_be_shown(name, optimizer):
    model = network(name, optimizer, kernel_regularizer="l2")
    for _ in range(2):
        step = numbers_of_a_step(model, *batch(name))
    pages = [html_of(step, stage, Chosen(4, 1, 0)) for stage in stages(step)]
    assert all("None" not in page and "nan" not in page for page in pages)
    assert "the gradient of the penalty" in pages[-2] + pages[-1]
    for slot in step.layers[0].weights[0].slots:
        assert f"new {slot}" in tables(pages[-2])


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (-1.5, "−1.5"), (123456.0, "1.235e+05"), (np.nan, "nan"), (np.inf, "inf")], ids=str
)
def test_numbers_have_four_digits(value, shown):
    assert number(value) == shown


MESSAGES = {
    "nothing": None, "text": "sample", "short": ["sample", "unit", 1], "long": ["sample", "unit", 1, 1, 1],
    "unknown": ["__class__", "", 0, 0], "outside": ["sample", "unit", 5, 4], "negative": ["sample", "unit", -1, -1],
    "float": ["sample", "unit", 1.0, 1.0], "bool": ["sample", "unit", True, True], "nested": [["sample"], {}, 1, 1],
    "no": ["sample", "unit", None, "1"], "dict": {"sample": 1},
}  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_wrong_message_chooses_nothing(message):
    assert clicked(message, Chosen(2, 1, 0), Chosen(5, 2, 4)) == Chosen(2, 1, 0)


def test_a_click_chooses_the_axes_of_its_table():
    assert clicked(["input", "unit", 1, 3], Chosen(2, 0, 0), Chosen(5, 2, 4)) == Chosen(2, 1, 3)
    assert clicked(["sample", "", 4, 0], Chosen(2, 0, 0), Chosen(5, 2, 4)) == Chosen(4, 0, 0)


# ---------------------------------------------------------------------------------------------------------------------
# of a session


@pytest.mark.parametrize("regularization", ["none", "l2", "dropout"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_numbers_are_those_of_the_step_that_the_session_takes(optimizer, regularization):
    session = Session()
    session.change(optimizer=optimizer, regularization=regularization, amount=0.1, hidden=(5, 3))
    for _ in range(3):
        before = session.model.get_weights()
        step = next_step(session)
        assert all((a == b).all() for a, b in zip(before, session.model.weights, strict=True))  # it only shows
        session.step()
        shown = [weight.after for layer in step.layers for weight in layer.weights]
        for a, b in zip(shown, session.model.weights, strict=True):
            np.testing.assert_array_equal(a, b)
        assert step.number == session.steps


def test_one_sample_alone_is_a_batch_of_its_own():
    session = Session()
    x, y = session.next_batch()
    step = next_step(session, 4)
    np.testing.assert_array_equal(step.layers[0].x, x[4:5])
    assert step.targets.ravel().tolist() == [y[4]]


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_numbers_that_are_not_finite_are_shown_and_said_in_words():
    session = Session()
    session.change(activation="linear", hidden=(4, 4), rate=1e6)
    while not session.problem:
        session.step()
    step = next_step(session)
    assert not step.finite
    assert "the learning rate 1e+06 is too large" in steps_view._words(step, alone=False)
    assert "press Reset" in steps_view._words(step, alone=True)
    for stage in stages(step):
        assert "nan" in html_of(step, stage, Chosen())


def test_words_say_what_is_in_view():
    session = Session()
    assert "Step 1, which comes next: a batch of 10 samples, loss 0." in steps_view._words(next_step(session), False)
    assert "one sample alone" in steps_view._words(next_step(session, 3), True)


def test_without_points_there_are_no_numbers():
    session = Session()
    session.change(data="own")
    assert next_step(session) is None


def test_the_network_is_copied_between_two_steps_and_not_within_one(monkeypatch):
    session, copied = Session(), copy.deepcopy

    def under_lock(model):
        assert session.lock._is_owned()
        return copied(model)

    monkeypatch.setattr(steps_view.copy, "deepcopy", under_lock)
    assert next_step(session).finite
