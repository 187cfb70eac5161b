"""A `Session` at the pace of a browser: it moves on by one frame whenever the browser has drawn the last one."""

import json
import math
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .session import Session

_SLICE = 0.02  # seconds of training for a frame
_MOST_WISHES = 1000


class Player:
    """What the page does with a session. Only `advance` takes time, in a thread of its own.

    Attributes:
        session: points, network and losses.
        choices: what the user has chosen last; the session follows with the next frame.
        playing: whether each frame trains.
        pace: epochs in a frame; None: as many as there is time for.
    """

    def __init__(self, session: Session):
        self.session, self.choices = session, session.choices
        self.playing = False
        self.pace: int | None = 1
        self._wishes: deque[Callable[[Session], None]] = deque()
        self._turn = threading.Lock()
        self._refusal = ""  # why the last wish was not fulfilled, in words

    def change(self, **changes: Any) -> None:
        """`Session.change`, from the next frame on; a ValueError in words at once."""
        self.choices = new = replace(self.choices, **changes)
        self.ask(lambda session: session.change(**{name: getattr(new, name) for name in changes}))

    def ask(self, wish: Callable[[Session], None]) -> None:
        """Call a function of the session before the next frame."""
        if len(self._wishes) < _MOST_WISHES:
            self._wishes.append(wish)

    def advance(self) -> bytes:
        """Fulfil the wishes, train if playing, and return the next frame, packed.

        Beyond what `Session.frame` has: a `message` for the user, whether something is `wrong`, and whether this has
        `stopped` the training.
        """
        with self._turn:
            if self._wishes:
                self._refusal = ""
            for _ in range(len(self._wishes)):
                self._fulfil(self._wishes.popleft())
            playing = self.playing
            if playing:
                self.playing = self._fulfil(lambda session: session.train(_SLICE, self.pace)) and self.playing
            if self.session.problem:
                self.playing = False
            wrong = self.session.problem or self._refusal
            stopped = playing and bool(wrong) and not self.playing
            seen = {"message": wrong or self.session.note, "wrong": bool(wrong), "stopped": stopped}
            return pack(self.session.frame() | seen)

    def _fulfil(self, wish: Callable[[Session], None]) -> bool:
        """Whether it could be done; if not, it is said why."""
        try:
            wish(self.session)
        except ValueError as error:
            self._refusal = str(error)
            return False
        except Exception as error:  # a fault of fastnn's: the page lives on
            said = f"{type(error).__name__}: {error}"
            print(f"error: {said}", file=sys.stderr, flush=True)
            self._refusal = f"Something went wrong: press Reset. ({said})"
            return False
        return True


def pack(frame: dict[str, Any]) -> bytes:
    """A frame as bytes that `board.js` unpacks.

    The length of the JSON text, as four bytes; the text; all arrays one after the other, each at a multiple of four
    bytes. In the text each array is {"type", "shape", "at"}, and a list of arrays a list of these.
    """
    parts: list[bytes] = []
    at = 0

    def told(value: Any) -> Any:
        nonlocal at
        if isinstance(value, list):
            return [told(item) for item in value]
        if isinstance(value, np.ndarray):
            data = value.tobytes()
            found = {"type": value.dtype.name, "shape": value.shape, "at": at}
            parts.append(data + bytes(-len(data) % 4))
            at += len(parts[-1])
            return found
        return None if isinstance(value, float) and not math.isfinite(value) else value

    text = json.dumps({name: told(value) for name, value in frame.items()}).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, sys.byteorder) + text + b"".join(parts)
