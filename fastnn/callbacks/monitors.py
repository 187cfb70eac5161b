"""What callbacks share that follow a value of the logs."""

import numpy as np

from .. import checks
from .base import Callback, Logs


class Monitor(Callback):
    """Base class of callbacks that follow a value of the logs from epoch to epoch and detect improvements.

    Args:
        monitor: a key of the logs.
        mode: "min", "max", or "auto": by the metric.
        min_delta: the smallest change that counts as an improvement.
    """

    def __init__(self, monitor: str, mode: str = "min", min_delta: float = 0):
        super().__init__()
        self.monitor = checks.text(monitor, "monitor")
        self.mode = checks.nearest(mode, ("auto", "min", "max"), "mode")
        self.min_delta = abs(checks.number(min_delta, "min_delta"))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Decide whether lower or higher is better."""
        self._sign = 1 if self._minimizes() else -1

    def _minimizes(self) -> bool:
        if self.mode != "auto":
            return self.mode == "min"
        name = self.monitor.removeprefix("val_")
        better = {"loss": "min"} | {m.name: m.better for m in self.model.metrics}
        direction = 'pass mode="min" or "max"'
        if name not in better:
            logged = ", ".join(better)
            raise ValueError(
                f'{type(self).__name__} monitors "{self.monitor}", but fit logs only {logged}, and with '
                'validation data the same with "val_" before. Pass one of these as monitor, or '
                f'metrics=["{name}"] to compile; for a value that a callback adds to the logs, {direction}'
            )
        if better[name] is None:
            raise ValueError(
                f'{type(self).__name__} monitors "{self.monitor}", a function, of which nobody knows whether less or '
                f"more is better: {direction}"
            )
        return better[name] == "min"

    def _improves(self, value: float, reference: float) -> bool:
        return self._sign * value < self._sign * reference - self.min_delta

    def _monitored(self, logs: Logs | None) -> float:
        value = (logs or {}).get(self.monitor)
        if value is None:
            name = self.monitor.removeprefix("val_")
            add = "validation data" if name in (logs or {}) else f'metrics=["{name}"] to compile,'
            raise ValueError(
                f'{type(self).__name__} monitors "{self.monitor}", but fit logs only {", ".join(logs or {})}; '
                f"pass {add} or another monitor"
            )
        if np.ndim(value):
            raise ValueError(
                f'{type(self).__name__} monitors "{self.monitor}", which has {np.size(value)} values per epoch; '
                'use a metric with a single value, such as fastnn.metrics.F1Score("macro")'
            )
        return value
