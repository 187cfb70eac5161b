"""Output in a cell of a notebook: text that changes in its place, in the place of lines that add up."""

import sys
import time
from typing import Any

_SECONDS_BETWEEN_REFRESHES = 0.2  # each is a message to the browser


def in_cell() -> bool:
    """Whether what is printed goes into a cell of a notebook.

    So it is where IPython's kernel runs the program, and nothing else has taken the place of its `sys.stdout`.
    """
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)  # not imported for this
    shell = None if get_ipython is None else get_ipython()
    return _is_a(shell, "ZMQInteractiveShell") and _is_a(sys.stdout, "OutStream")


def _is_a(thing: object, name: str) -> bool:
    """Whether a class of this name is among those of an object."""
    return any(kind.__name__ == name for kind in type(thing).__mro__)


class Text:
    """Text in the cell that runs, plain and in one output, so that any program that shows notebooks can show it."""

    def __init__(self) -> None:
        self._display: Any = None
        self._next = 0.0

    @property
    def shown(self) -> bool:
        """Whether there is an output."""
        return self._display is not None

    @property
    def due(self) -> bool:
        """Whether it is time to show something new, a few times a second."""
        return time.monotonic() >= self._next

    def show(self, text: str) -> None:
        """Replace what is shown."""
        from IPython.display import display

        content = {"text/plain": text}
        if self._display is None:
            self._display = display(content, raw=True, display_id=True)
        else:
            self._display.update(content, raw=True)
        self._next = time.monotonic() + _SECONDS_BETWEEN_REFRESHES
