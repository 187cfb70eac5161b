"""What `fit` prints: a line for training and for validation per epoch, and on a terminal a progress bar."""

import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..callbacks import Callback, Logs
from ..engine.run import Run
from ..markup import printable

_SHORT = {"accuracy": "acc", "learning_rate": "rate"}
_FORMAT = {"learning_rate": ".3g"}  # often too small for five decimals
_SECONDS_BETWEEN_REFRESHES = 0.2


def line(part: str, logs: Logs, epoch: int | None = None, epochs: int | None = None) -> str:
    """`[ Train | 005/015 ] loss = 0.03656, acc = 0.89131`."""
    place = "" if epoch is None else f" | {epoch:03d}/{epochs:03d}"
    numbers = ", ".join(
        f"{_SHORT.get(name, printable(name))} = {_shown(value, _FORMAT.get(name, '.5f'))}"
        for name, value in logs.items()
    )
    return f"[ {part}{place} ] {numbers}"


def _shown(value: Any, form: str) -> str:
    """A number as text, or a list of them for a metric with one number per class."""
    return f"{value:{form}}" if np.ndim(value) == 0 else f"[{', '.join(_shown(v, form) for v in value)}]"


class Progress(Callback):
    """Prints the lines and, with `bar` and on a terminal, shows a progress bar below them.

    Args:
        bar: only for `fit`'s own display, whose bar `fit` moves.
        validation: the name of the validation data in the lines.
    """

    def __init__(self, bar: bool = True, validation: str = "Validation"):
        super().__init__()
        self._validation = validation
        self._bar = bar and sys.stdout.isatty()
        self._display: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Show the bar."""
        if self._bar:
            from rich import progress

            columns = (
                "{task.description}",
                progress.BarColumn(),
                progress.TimeRemainingColumn(),
                "{task.fields[loss]}",
            )
            # Without a refresh thread, which would compete with training.
            self._display = progress.Progress(*columns, transient=True, auto_refresh=False)
            total = self.params["epochs"] * self.params["steps"]
            self._task = self._display.add_task("", total=total, loss="")
            self._display.start()
            self._next_refresh = 0.0

    def on_progress(self, epoch: int, run: Run) -> None:
        """Move the bar to where the run is in this epoch, and show the loss so far."""
        if self._display is not None and time.monotonic() >= self._next_refresh:
            steps, epochs = self.params["steps"], self.params["epochs"]
            done = epoch * steps + (run.batch or steps)
            shown = {"description": f"epoch {epoch + 1}/{epochs}", "loss": f"loss = {run.running_loss:.5f}"}
            self._display.update(self._task, completed=done, refresh=True, **shown)
            self._next_refresh = time.monotonic() + _SECONDS_BETWEEN_REFRESHES

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Print the epoch's lines."""
        for text in self.lines(epoch + 1, logs or {}):
            print(text, flush=True)  # flush, so that lines appear immediately even in a pipe

    def lines(self, number: int, logs: Logs) -> Iterator[str]:
        """The lines of an epoch, counted from 1."""
        train = {k: v for k, v in logs.items() if not k.startswith("val_")}
        validation = {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
        for part, values in (("Train", train), (self._validation, validation)):
            if values:
                yield line(part, values, number, self.params["epochs"])

    def close(self) -> None:
        """Remove the bar, however training ended."""
        if self._display is not None:
            self._display.stop()
            self._display = None
