"""What `fit` shows in a notebook: one output, with a bar while it trains and few lines in the end."""

import math
import time
from collections.abc import Iterator
from itertools import count
from typing import Any, ClassVar

from ..callbacks import Logs
from ..cells import Text, in_cell
from ..engine.run import Run
from .progress import Progress

_MOST_SHOWN = 10  # epochs whose lines are shown, besides the first and the last one
_MOST_KEPT = 110  # so many that those that will be shown are among them
_WIDTH = 20  # of the bar, in characters
_SECONDS_AT_ONCE = 0.1


class CellProgress(Progress):
    """Lines of some epochs, such as 1, 100, 200, ..., and below them how far training has come."""

    _unit: ClassVar[str] = "epoch"

    def __init__(self) -> None:
        super().__init__(bar=False)
        self._text = Text()
        self._kept: dict[int, Any] = {}  # what is said of the first epoch, and of those that are multiples of `_every`
        self._every = 1  # a power of ten
        self._last: tuple[int, Any] | None = None
        self._first: int | None = None  # the number of the first epoch, counted from 0
        self._epochs_since = 0  # since `epochs_at_once` was asked

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._began = self._asked = time.monotonic()

    def epochs_at_once(self) -> int:
        """As many as take a tenth of a second: more often nothing is shown."""
        now = time.monotonic()
        took, done = now - self._asked, self._epochs_since
        self._asked, self._epochs_since = now, 0
        return max(1, min(10 * done, int(done * _SECONDS_AT_ONCE / max(took, 1e-6))))

    def on_progress(self, epoch: int, run: Run) -> None:
        """Show how far the run is, and the loss so far."""
        self._first = epoch if self._first is None else self._first
        if self._text.due and not run.finished:
            now, of_epoch = epoch + run.epoch, run.batch / self.params["steps"]
            self._show_bar(now + 1, now + of_epoch, run.running_loss)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch's numbers."""
        self._first = epoch if self._first is None else self._first
        self._remember(epoch + 1, dict(logs or {}))
        if self._text.due and epoch + 1 < self.params["epochs"]:
            self._show_bar(epoch + 1, epoch + 1, (logs or {}).get("loss", math.nan))

    def close(self) -> None:
        """Show the last lines, and how long it took, however training ended."""
        self._catch_up()
        if self._last is not None or self._text.shown:
            done = 0 if self._last is None else self._last[0]
            self._show(f"{done:,} of {self.params['epochs']:,} {self._unit}s, {_duration(self._elapsed)}")

    def _catch_up(self) -> None:
        """After Ctrl-C: remember the last of the epochs that were to be told later."""
        history = self.model.history
        if history is not None and history.epoch and (self._last is None or history.epoch[-1] >= self._last[0]):
            columns = history.history
            self._remember(history.epoch[-1] + 1, {name: columns[name][-1] for name in {"loss": 0} | columns})

    def _remember(self, number: int, content: Any) -> None:
        """Keep what an epoch has to say, if it is one of those whose lines stay."""
        self._epochs_since += 1
        self._last = number, content
        if not self._kept or number % self._every == 0:
            self._kept[number] = content
        if len(self._kept) > _MOST_KEPT:
            self._every *= 10
            self._kept = self._thinned(self._every)

    def _thinned(self, every: int) -> dict[int, Any]:
        first = next(iter(self._kept), 0)
        return {n: content for n, content in self._kept.items() if n == first or n % every == 0}

    def _lines(self, number: int, content: Any) -> Iterator[str]:
        """The lines of an epoch."""
        yield from self.lines(number, content)

    def _show_bar(self, number: int, done: float, loss: float) -> None:
        """Show the lines so far, and a bar for `done` epochs."""
        epochs = self.params["epochs"]
        full = int(_WIDTH * done / epochs)
        here = done - (self._first or 0)  # `fit` may have begun with a later epoch
        left = f"{_duration(self._elapsed * (epochs - done) / here)} left, " if here else ""
        bar = "█" * full + "░" * (_WIDTH - full)
        self._show(f"{self._unit} {number:,}/{epochs:,} {bar} {left}loss = {loss:.5f}")

    def _show(self, status: str) -> None:
        shown: dict[int, Any] = {}
        if self._last is not None:
            span = self._last[0] - next(iter(self._kept))
            every = next(n for n in _round_numbers() if span < (_MOST_SHOWN + 1) * n)
            shown = self._thinned(every) | dict([self._last])
        self._text.show(
            "\n".join([line for n, content in shown.items() for line in self._lines(n, content)] + [status])
        )

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began


def _round_numbers() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, ..."""
    return (digit * 10**power for power in count() for digit in (1, 2, 5))


def _duration(seconds: float) -> str:
    """Seconds, as 0.35 s, 12 s, 2:05 min or 1:05:20."""
    if seconds < 59.5:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02} min"


def progress_for(verbose: int | str) -> Progress | None:
    """The display that `fit` uses for this `verbose`; None for 0.

    Raises:
        ValueError: for a `verbose` that is not 0, 1, 2 or "auto".
    """
    if verbose == 0:
        return None
    if verbose not in (1, 2, "auto"):
        raise ValueError(f'verbose must be 0, 1, 2 or "auto", received {verbose!r}')
    return CellProgress() if verbose != 2 and in_cell() else Progress(bar=verbose != 2)
