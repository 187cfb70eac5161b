"""What decides between one thread and all while other programs keep the cores busy, with times made up."""

import pytest

from fastnn.engine import threads
from fastnn.engine.crew import crew

LARGE, SMALL = 1e9, 1e3  # operations of a step


@pytest.fixture
def sharing(monkeypatch):
    monkeypatch.setattr(threads, "_asked", None)
    monkeypatch.setattr(crew, "_size", 2)
    return threads.Sharing()


def run(sharing, alone, shared, operations=LARGE):
    """One run with steps of so many seconds; returns its threads."""
    count = sharing.threads(operations)
    sharing.measured(count, alone if count == 1 else shared)
    return count


def test_free_cores_are_shared_after_a_brief_run_alone(sharing):
    assert sharing.brief
    assert run(sharing, 2.0, 1.0) == 1
    assert sharing.brief  # to be compared
    assert [run(sharing, 2.0, 1.0) for _ in range(100)] == [2] * 100
    assert not sharing.brief


def test_busy_cores_are_tried_now_and_then(sharing):
    counts = [run(sharing, 2.0, 50.0) for _ in range(200)]
    assert counts[:2] == [1, 2]
    assert 5 <= counts.count(2) <= 8


def test_the_cores_are_shared_again_when_they_are_free(sharing):
    for _ in range(20):
        run(sharing, 2.0, 50.0)
    assert [run(sharing, 2.0, 1.0) for _ in range(50)][-10:] == [2] * 10


def test_small_work_is_never_brief(sharing):
    assert [run(sharing, 2.0, 1.0, SMALL) for _ in range(10)] == [1] * 10
    assert not sharing.brief


def test_a_number_that_was_asked_for_is_kept(sharing, monkeypatch):
    monkeypatch.setattr(threads, "_asked", 2)
    assert [run(sharing, 2.0, 50.0) for _ in range(10)] == [2] * 10
