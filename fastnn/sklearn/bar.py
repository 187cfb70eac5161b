"""What a verbose fit shows: lines as scikit-learn prints them, and a progress bar."""

import time
from collections.abc import Iterator

from ..callbacks import Logs
from ..cells import in_cell
from ..models.cell_progress import CellProgress
from ..models.progress import _SECONDS_BETWEEN_REFRESHES, Progress


def say(text: str) -> None:
    """Print a line at once, also in a pipe."""
    print(text, flush=True)


class Bar(Progress):
    """fastnn's progress bar, below the lines of `Rules`; moved after every epoch."""

    say = staticmethod(say)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Move the bar, a few times a second."""
        assert logs is not None
        if self._display is not None and time.monotonic() >= self._next_refresh:
            shown = {"description": f"epoch {epoch + 1}/{self.params['epochs']}", "loss": f"loss = {logs['loss']:.5f}"}
            self._display.update(self._task, completed=(epoch + 1) * self.params["steps"], refresh=True, **shown)
            self._next_refresh = time.monotonic() + _SECONDS_BETWEEN_REFRESHES


class CellBar(CellProgress):
    """The same in a notebook: of the lines few stay."""

    _unit = "iteration"

    def __init__(self) -> None:
        super().__init__()
        self._said: list[str] = []

    def say(self, text: str) -> None:
        """Take a line of this epoch."""
        self._said.append(text)

    def _remember(self, number: int, content: Logs) -> None:
        super()._remember(number, self._said)
        self._said = []

    def _catch_up(self) -> None:
        if self._said:
            self._remember(1 if self._last is None else self._last[0] + 1, {})

    def _lines(self, number: int, content: list[str]) -> Iterator[str]:
        yield from content


def new_bar() -> Bar | CellBar:
    """The one that fits to where the output goes."""
    return CellBar() if in_cell() else Bar()
