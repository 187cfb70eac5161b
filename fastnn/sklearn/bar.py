"""The progress bar of a verbose fit, on a terminal."""

import time

from ..callbacks import Logs
from ..models.progress import _SECONDS_BETWEEN_REFRESHES, Progress


class Bar(Progress):
    """fastnn's progress bar, below the lines that `Rules` prints as scikit-learn does; moved after every epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Move the bar, a few times a second."""
        assert logs is not None
        if self._display is not None and time.monotonic() >= self._next_refresh:
            shown = {"description": f"epoch {epoch + 1}/{self.params['epochs']}", "loss": f"loss = {logs['loss']:.5f}"}
            self._display.update(self._task, completed=(epoch + 1) * self.params["steps"], refresh=True, **shown)
            self._next_refresh = time.monotonic() + _SECONDS_BETWEEN_REFRESHES
