"""What is public: the modules that have a page in the reference, and the names that each must show."""

import importlib
import inspect
import types

# In the order of the pages. Each is a page pages/reference/NAME.md.
MODULES = [
    "fastnn",
    "fastnn.layers",
    "fastnn.losses",
    "fastnn.metrics",
    "fastnn.optimizers",
    "fastnn.schedules",
    "fastnn.initializers",
    "fastnn.regularizers",
    "fastnn.constraints",
    "fastnn.callbacks",
    "fastnn.model_selection",
    "fastnn.sklearn",
    "fastnn.datasets.mnist",
    "fastnn.datasets.letters",
    "fastnn.datasets.points",
    "fastnn.datasets.idx",
    "fastnn.datasets.csv_images",
    "fastnn.datasets.conversion",
    "fastnn.plots",
    "fastnn.saving",
    "fastnn.utils",
    "fastnn.config",
    "fastnn.notebooks",
]


def names(module: str) -> list[str]:
    """The full names of the functions and classes that a module offers: those of `__all__`, or all that it defines."""
    found = importlib.import_module(module)
    offered = getattr(found, "__all__", None)
    if offered is None:
        offered = [name for name, value in vars(found).items() if getattr(value, "__module__", None) == module]
    objects = [name for name in offered if not name.startswith("_")]
    return [f"{module}.{name}" for name in objects if not isinstance(getattr(found, name), types.ModuleType)]


def every_name() -> list[str]:
    """The full names of all public functions and classes."""
    return [name for module in MODULES for name in names(module)]


def missing_modules() -> list[str]:
    """The modules that fastnn offers and that `MODULES` lacks."""
    offered: list[str] = []
    for package in ("fastnn", "fastnn.datasets"):
        found = importlib.import_module(package)
        offered += [f"{package}.{name}" for name in found.__all__ if inspect.ismodule(getattr(found, name))]
    return sorted(set(offered) - {*MODULES, "fastnn.datasets"})
