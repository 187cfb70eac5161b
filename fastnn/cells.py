"""Output in a cell of a notebook: text that changes in its place, in the place of lines that add up."""

import sys
import time
from typing import Any

_SECONDS_BETWEEN_REFRESHES = 0.2  # each is a message to the browser
_MOST_OUTPUTS = 10  # of one cell, which may call `fit` in a loop; the next ones take the place of the last


def in_cell() -> bool:
    """Whether what is printed goes into a cell of a notebook.

    So it is where IPython's kernel runs the program, and nothing else has taken the place of its `sys.stdout`. Spyder's
    console has such a kernel, too, but shows only what an output was at first.
    """
    shell = _shell()
    in_kernel = _is_a(shell, "ZMQInteractiveShell") and not _is_a(shell, "SpyderShell")
    return in_kernel and _is_a(sys.stdout, "OutStream")


def _shell() -> Any:
    """What runs the cells, or None. IPython is not imported for this."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return None if get_ipython is None else get_ipython()


def _is_a(thing: object, name: str) -> bool:
    """Whether a class of this name is among those of an object."""
    return any(kind.__name__ == name for kind in type(thing).__mro__)


class _Cell:
    """The outputs of the cell that ran last.

    Attributes:
        number: of the cell.
        displays: IPython's handles, by which the outputs change.
        replaced: how many outputs there would be more.
    """

    def __init__(self, number: object):
        self.number = number
        self.displays: list[Any] = []
        self.replaced = 0


_cells = [_Cell(None)]


class Text:
    """Text in the cell that runs, plain and in one output, so that any program that shows notebooks can show it."""

    def __init__(self) -> None:
        self._display: Any = None
        self._note = ""
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
        if self._display is None:
            self._begin(text)
        else:
            self._display.update(self._content(text), raw=True)
        self._next = time.monotonic() + _SECONDS_BETWEEN_REFRESHES

    def _begin(self, text: str) -> None:
        from IPython.display import display

        cell = _cells[-1]
        if cell.number != (number := getattr(_shell(), "execution_count", None)):
            _cells[:] = [cell := _Cell(number)]
        if len(cell.displays) < _MOST_OUTPUTS:
            self._display = display(self._content(text), raw=True, display_id=True)
            cell.displays.append(self._display)
        else:
            cell.replaced += 1
            self._note = f"\n({cell.replaced:,} more of this cell stood here before)"
            self._display = cell.displays[-1]
            self._display.update(self._content(text), raw=True)

    def _content(self, text: str) -> dict[str, str]:
        return {"text/plain": text + self._note}
