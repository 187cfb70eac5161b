"""Drawings as the browser sends them, which may be anything, and what the page says about them."""

import base64

import numpy as np
import pytest

from fastnn.playground import digits_tab
from fastnn.playground.digits import Look
from fastnn.playground.digits_tab import bars, drawing_of, percent, said, strongest

PIXELS = np.arange(112 * 112, dtype=np.uint8).reshape(112, 112)
GOOD = base64.b64encode(PIXELS.tobytes()).decode()


def look(*probabilities):
    return Look(np.zeros((28, 28), np.uint8), np.array(probabilities, np.float32), np.zeros(128), None)


def test_a_drawing_is_read():
    number, pixels = drawing_of({"number": 7, "pixels": GOOD})
    assert number == 7
    np.testing.assert_array_equal(pixels, PIXELS)


MESSAGES = {
    "nothing": None, "list": [1, GOOD], "text": GOOD, "empty": {}, "no pixels": {"number": 1},
    "no number": {"pixels": GOOD}, "number as text": {"number": "1", "pixels": GOOD},
    "bool": {"number": True, "pixels": GOOD},
    "negative": {"number": -1, "pixels": GOOD}, "huge number": {"number": 2**60, "pixels": GOOD},
    "float": {"number": 1.5, "pixels": GOOD}, "bytes": {"number": 1, "pixels": GOOD.encode()},
    "list of pixels": {"number": 1, "pixels": [0] * len(GOOD)}, "short": {"number": 1, "pixels": GOOD[:-4]},
    "long": {"number": 1, "pixels": GOOD + "AAAA"}, "huge": {"number": 1, "pixels": "A" * 10**7},
    "other letters": {"number": 1, "pixels": "é" * len(GOOD)}, "spaces": {"number": 1, "pixels": " " * len(GOOD)},
    "padding": {"number": 1, "pixels": GOOD[:-4] + "===="}, "a byte more": {"number": 1, "pixels": GOOD[:-4] + "AAA="},
}  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_anything_else_is_ignored(message):
    assert drawing_of(message) is None


def test_a_huge_message_is_not_even_decoded(monkeypatch):
    monkeypatch.setattr(digits_tab.base64, "b64decode", lambda *_, **__: pytest.fail("decoded"))
    assert drawing_of(MESSAGES["huge"]) is None


def test_bars_are_as_long_as_the_probabilities():
    html = bars(np.array([0, 0, 0.25, 0.75, 0, 0, 0, 0, 0, 0]))
    assert html.count("width: 0.00%") == 8
    assert "width: 25.00%" in html
    assert 'class="most" style="width: 75.00%"' in html
    assert 'data-most="3"' in html
    assert 'data-most=""' in bars(None)


def test_words_for_what_is_sure_and_what_is_not():
    assert said(look(0, 0.95, 0.05, 0, 0, 0, 0, 0, 0, 0)) == f"This is a 1, says the network ({percent(0.95)})."
    unsure = said(look(0, 0.3, 0.6, 0, 0, 0, 0, 0, 0, 0.1))
    assert unsure == f"Perhaps a 2 ({percent(0.6)}), or else a 1 ({percent(0.3)})."
    assert percent(1.0) == "100.0\N{NO-BREAK SPACE}%"


def test_the_strongest_units_come_first_and_those_that_are_silent_not_at_all():
    response = np.zeros(128, np.float32)
    response[[3, 90, 17]] = 1.0, 4.0, 2.0
    assert strongest(response) == [(90, 1.0), (17, 0.5), (3, 0.25)]
    assert strongest(np.zeros(128, np.float32)) == []
    assert len(strongest(np.ones(128, np.float32))) == 24
