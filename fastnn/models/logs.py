"""The logs that `fit` and `evaluate` report, by name, from the sums in a run's log."""

from typing import TYPE_CHECKING

import numpy as np

from ..callbacks import Logs

if TYPE_CHECKING:
    from .sequential import Sequential


def named_logs(model: "Sequential", values: np.ndarray) -> Logs:
    """{"loss": ..., metric: ...} from the means over the samples."""
    return {name: column[0] for name, column in named_columns(model, values[:, np.newaxis]).items()}


def named_columns(model: "Sequential", columns: np.ndarray) -> dict[str, list[float]]:
    """The same for several epochs, the columns: row 0 has the losses, the other rows the metrics' states."""
    named = {"loss": columns[0].tolist()}
    assert model.output_shape is not None
    outputs, at = int(model.output_shape[-1] or 1), 1
    for metric in model.metrics:
        size = metric.state_size(outputs)
        named[metric.name] = [metric.result(state) for state in columns[at : at + size].T]
        at += size
    return named
