"""fastnn: trains dense and convolutional networks on a CPU, in kernels compiled by Numba."""

import sys as _sys

from . import (
    _command,  # noqa: F401 (first: the imports may be interrupted)
    _source_tree,  # noqa: F401 (second: the others need the kernels)
)
from .kernels.garbage import uncollected as _uncollected
from .version import __version__ as __version__

with _uncollected():
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
        models,
        names,
        optimizers,
        plots,
        regularizers,
        saving,
        schedules,
        utils,
    )
    from .engine.threads import get_num_threads, set_num_threads
    from .layers import Input
    from .models import Profile, RangeTest, Sequential, learning_rate_finder

__all__ = [
    "Input",
    "Profile",
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

names.explain_names(_sys.modules[__name__], models)
