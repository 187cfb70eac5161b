"""fastnn: trains dense networks on a CPU, in kernels compiled by Numba."""

from pathlib import Path as _Path

# In a source tree kernels/ stands next to this package; only an installed fastnn has it inside.
if not (_Path(__file__).parent / "kernels").is_dir():
    __path__.append(str(_Path(__file__).parents[1]))

from . import (
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    model_selection,
    optimizers,
    plots,
    regularizers,
    saving,
    schedules,
    utils,
)
from .layers import Input
from .model import Sequential
from .rate_finder import RangeTest, learning_rate_finder
from .threads import get_num_threads, set_num_threads

__version__ = "0.1.0"

__all__ = [
    "Input",
    "RangeTest",
    "Sequential",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "get_num_threads",
    "initializers",
    "layers",
    "learning_rate_finder",
    "losses",
    "metrics",
    "model_selection",
    "optimizers",
    "plots",
    "regularizers",
    "saving",
    "schedules",
    "set_num_threads",
    "utils",
]
