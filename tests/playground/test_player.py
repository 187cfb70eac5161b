"""A session at the pace of a browser, and the bytes that the browser gets."""

import asyncio
import gc
import json
import sys
import weakref

import numpy as np
import pytest

from fastnn.playground import frames
from fastnn.playground.choices import OWN, Choices
from fastnn.playground.player import Player, pack
from fastnn.playground.session import Session


def unpack(data):
    """As `unpack` in frames.js."""
    length = int.from_bytes(data[:4], sys.byteorder)
    assert length % 4 == 0
    rest = data[4 + length :]

    def array(told):
        assert told["at"] % 4 == 0
        count = int(np.prod(told["shape"]))
        return np.frombuffer(rest, told["type"], count, told["at"]).reshape(told["shape"])

    frame = {}
    for name, value in json.loads(data[4 : 4 + length]).items():
        lists = isinstance(value, list)
        frame[name] = [*map(array, value)] if lists else array(value) if isinstance(value, dict) else value
    return frame


def test_what_is_packed_arrives():
    arrays = [np.arange(5, dtype=np.uint8), np.array([[1.5, np.nan]], np.float32)]
    found = unpack(pack({"one": arrays[0], "many": arrays, "nan": np.nan, "words": "ä", "yes": True, "none": []}))
    np.testing.assert_array_equal(found["one"], arrays[0])
    np.testing.assert_array_equal(found["many"][1], arrays[1])
    assert [found[name] for name in ("nan", "words", "yes", "none")] == [None, "ä", True, []]


def test_only_a_player_that_plays_trains():
    player = Player(Session())
    assert unpack(player.advance())["epoch"] == 0
    player.playing = True
    assert unpack(player.advance())["epoch"] == 1
    player.pace = 7
    assert unpack(player.advance())["epoch"] == 8
    player.pace = None
    player.advance()
    player.playing = False
    found = unpack(player.advance())
    assert found["epoch"] == player.session.epoch > 8
    assert found["stopped"] is False
    assert found["message"] == ""


def test_wishes_are_fulfilled_in_their_order_with_the_next_frame():
    player = Player(Session())
    player.change(hidden=(3,))
    player.change(rate=0.5)
    player.ask(Session.step)
    player.ask(Session.step)
    assert (player.choices.hidden, player.session.choices.hidden) == ((3,), (4, 4))
    found = unpack(player.advance())
    assert found["steps"] == 2
    assert [layer.shape for layer in found["neurons"]] == [(3, 20, 20), (1, 20, 20)]
    assert player.session.choices == player.choices


def test_a_refused_choice_changes_nothing():
    player = Player(Session())
    with pytest.raises(ValueError, match="from 1 to 16"):
        player.change(hidden=(4, 5000))
    player.change(rate=0.5)
    player.advance()
    assert player.session.choices == Choices(rate=0.5)


def test_wishes_do_not_pile_up_for_ever():
    player = Player(Session())
    for _ in range(5000):
        player.ask(Session.reset)
    player.advance()
    assert len(player._wishes) == 0
    count = []
    for _ in range(5000):
        player.ask(count.append)
    player.advance()
    assert len(count) == 1000
    player.change(data=OWN)
    for _ in range(10):
        player.ask(Session.step)  # each is refused
    player.advance()
    assert len(player._wishes) == 0


def test_a_wish_that_is_refused_does_not_end_the_training():
    player = Player(Session())
    player.playing = True
    player.ask(lambda session: session.add_point(9, 9, 0))
    found = unpack(player.advance())
    assert (found["wrong"], found["stopped"], found["epoch"]) == (True, False, 1)


def test_what_cannot_be_done_is_said_and_ends_the_training():
    player = Player(Session(Choices(data=OWN)))
    assert not unpack(player.advance())["wrong"]
    player.playing = True
    found = unpack(player.advance())
    assert found["message"].startswith("There is nothing to train with.")
    assert found["wrong"]
    assert found["stopped"]
    assert not player.playing
    assert unpack(player.advance())["stopped"] is False
    player.ask(lambda session: session.add_point(0.1, 0.2, 1))
    found = unpack(player.advance())
    assert not found["wrong"]
    assert found["message"].startswith("All points to train with belong to class 1")
    player.ask(lambda session: session.add_point("x", 0.2, 1))
    assert "inside the plane" in unpack(player.advance())["message"]


@pytest.mark.filterwarnings("ignore:the loss is no longer a finite number:RuntimeWarning")
def test_weights_that_are_no_numbers_end_the_training():
    player = Player(Session(Choices(activation="linear", rate=100.0)))
    player.playing, player.pace = True, 50
    found = unpack(player.advance())
    assert (found["stopped"], found["wrong"], found["train"]) == (True, True, None)
    assert "too large" in found["message"]
    player.change(seed=1, rate=0.1)
    assert unpack(player.advance())["message"] == ""


def test_another_error_is_said_too(capsys, monkeypatch):
    player = Player(Session())
    monkeypatch.setattr(player.session, "train", lambda *a: [].pop())
    player.playing = True
    found = unpack(player.advance())
    assert "pop from empty list" in found["message"]
    assert "IndexError" in capsys.readouterr().err


def test_what_is_forgotten_is_freed_although_it_is_full_of_cycles():
    player = Player(Session())
    player.page = [player]  # as a page and its controls
    session = weakref.ref(player.session)
    source = frames.source_of(player)

    async def closing():
        gc.disable()  # nobody else may do it
        frames.forget(source)
        assert session().closed
        try:
            await asyncio.sleep(1.5)
        finally:
            gc.enable()

    del player
    asyncio.run(closing())
    assert session() is None
