"""What `import fastnn` offers: names, docstrings, examples, and what it leaves unloaded."""

import doctest
import importlib
import inspect
import pkgutil
import re
import tomllib
import types
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers, schedules
from fastnn.engine import threads
from fastnn.layers.dropout import Noise
from fastnn.layers.gamma_and_beta import GammaAndBeta
from fastnn.layers.kernel_and_bias import KernelAndBias
from fastnn.layers.kernel_layer import KernelLayer

from .subprocesses import ROOT, run_python

MODULES = [
    importlib.import_module(info.name)
    for info in pkgutil.walk_packages([str(Path(fastnn.__file__).parent)], "fastnn.")
    # The one has no users, the other is notebooks, and the third is the command.
    if not info.name.startswith(("fastnn.kernels", "fastnn.examples", "fastnn.__main__"))
]


def defined_in(module):
    """The public classes and functions that a module defines itself."""
    for name, value in vars(module).items():
        here = getattr(value, "__module__", None) == module.__name__
        if here and not name.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value)):
            yield name, value


def subclasses(base):
    """All public classes that derive from `base` and that fastnn itself defines."""
    found = {value for module in MODULES for _, value in defined_in(module) if inspect.isclass(value)}
    return {kind for kind in found if issubclass(kind, base) and kind is not base}


def test_all_is_complete():
    assert fastnn.__all__ == sorted(fastnn.__all__)
    objects = {n for n, v in vars(fastnn).items() if not n.startswith("_") and not isinstance(v, types.ModuleType)}
    assert objects <= set(fastnn.__all__)
    promised = {
        "callbacks",
        "config",
        "constraints",
        "datasets",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "optimizers",
        "plots",
        "regularizers",
        "saving",
        "schedules",
        "utils",
    }
    assert promised <= set(fastnn.__all__)
    assert all(hasattr(fastnn, name) for name in fastnn.__all__)


def test_every_layer_is_in_layers():
    assert layers.__all__ == sorted(layers.__all__, key=lambda name: (not name.isupper(), name))  # as ruff wants it
    public = subclasses(layers.Layer) - {GammaAndBeta, KernelAndBias, KernelLayer, Noise} | {layers.Layer, layers.Input}
    assert {getattr(layers, name) for name in layers.__all__} == public


@pytest.mark.parametrize(
    ("module", "base", "private"),
    [
        (losses, losses.Loss, {"FunctionLoss", "KernelLoss"}),
        (metrics, metrics.Metric, {"FunctionMetric", "SumsMetric"}),
        (optimizers, optimizers.Optimizer, set()),
        (initializers, initializers.Initializer, set()),
        (regularizers, regularizers.Regularizer, set()),
        (constraints, constraints.Constraint, set()),
        (callbacks, callbacks.Callback, {"Bar", "Monitor", "Progress", "Rules"}),
        (schedules, schedules.LearningRateSchedule, set()),
    ],
)
def test_everything_of_a_kind_is_in_its_module(module, base, private):
    names = {kind.__name__ for kind in subclasses(base)} - private
    assert len(names) >= 3
    assert {name for name in names if hasattr(module, name)} == names
    if hasattr(module, "get"):  # and has a name for `compile` or for a layer
        known = {kind.__name__ for kind in module._BY_NAME.values()}
        assert known == names


@pytest.mark.parametrize("module", [fastnn, *MODULES], ids=lambda module: module.__name__)
def test_docstrings(module):
    missing = [] if module.__doc__ else ["the module"]
    for name, value in defined_in(module):
        if not value.__doc__:
            missing.append(name)
        members = vars(value).items() if inspect.isclass(value) else ()
        for member, attribute in members:
            function = attribute.fget if isinstance(attribute, property) else attribute
            if inspect.isfunction(function) and not member.startswith("_"):
                inherited = getattr(value, member)
                if not (function.__doc__ or inspect.getdoc(inherited)):
                    missing.append(f"{name}.{member}")
    assert missing == []


KINDS = (
    layers.Layer,
    losses.Loss,
    metrics.Metric,
    optimizers.Optimizer,
    initializers.Initializer,
    regularizers.Regularizer,
    constraints.Constraint,
    callbacks.Callback,
    schedules.LearningRateSchedule,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_argument_of_a_constructor_is_described(kind):
    """In the class's docstring or in that of a base."""
    missing = []
    for made in subclasses(kind) | {kind, fastnn.Sequential}:
        described = " ".join(inspect.getdoc(base) or "" for base in made.__mro__[:-1])
        for name, parameter in inspect.signature(made).parameters.items():
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) and name not in described:
                missing.append(f"{made.__name__}({name})")
    assert missing == []


@pytest.fixture
def as_before(monkeypatch, tmp_path):
    """A folder of its own, and settings that are restored."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(threads, "_asked", None)
    yield
    fastnn.config.set_floatx("float32")


WITH_EXAMPLES = [module for module in [fastnn, *MODULES] if ">>> " in Path(module.__file__).read_text()]


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize("module", WITH_EXAMPLES, ids=lambda module: module.__name__)
def test_examples_in_docstrings(module):
    """They know `fastnn` and `np`; each runs in an empty folder."""
    options = doctest.NORMALIZE_WHITESPACE | doctest.REPORT_NDIFF
    result = doctest.testmod(module, extraglobs={"fastnn": fastnn, "np": np}, optionflags=options)
    assert result.attempted > 0
    assert result.failed == 0


PUBLIC_MODULES = (
    [fastnn, callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers, schedules]
    + [fastnn.config, fastnn.model_selection, fastnn.plots, fastnn.saving, fastnn.utils]
    + [getattr(fastnn.datasets, name) for name in fastnn.datasets.__all__]
)


def public_objects(module):
    """The classes and functions that users find in a module, by name: those of `__all__`, or all."""
    defined = dict(defined_in(module))
    names = getattr(module, "__all__", defined)
    return {n: vars(module)[n] for n in names if not isinstance(vars(module)[n], types.ModuleType)}


@pytest.mark.parametrize("module", PUBLIC_MODULES, ids=lambda module: module.__name__)
def test_every_public_object_has_an_example(module):
    objects = public_objects(module)
    assert objects
    assert {n for n, value in objects.items() if ">>> " not in (value.__doc__ or "")} == set()


def in_new_python(code):
    """The words that it prints."""
    return run_python(["-W", "error", "-c", code]).stdout.split()


HEAVY = {
    "matplotlib",
    "rich",
    "typer",
    "click",
    "PIL",
    "scipy.sparse",  # scipy itself is imported by Numba, where it is installed
    "pandas",
    "sklearn",
    "torch",
    "jax",
    "keras",
    "onnx",
} | {"safetensors"}


def test_importing_brings_in_numpy_and_numba_only():
    loaded = in_new_python("import sys, fastnn; print(*sys.modules)")
    assert "numba" in loaded
    assert HEAVY & set(loaded) == set()


def test_silent_training_loads_nothing_more():
    code = """
import sys, numpy as np, fastnn
model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
model.predict(np.ones((4, 2)))
print(*sys.modules)
"""
    loaded = in_new_python(code)
    assert HEAVY & set(loaded) == set()


def test_kernels_import_nothing_of_the_python_side():
    loaded = in_new_python(
        "import sys, types, pathlib, importlib\n"
        f"package = types.ModuleType('fastnn'); package.__path__ = [{str(ROOT / 'fastnn')!r}]\n"
        "sys.modules['fastnn'] = package\n"
        "import fastnn._source_tree\n"
        "import fastnn.kernels.interpreter\n"
        "print(*sys.modules)"
    )
    own = {name for name in loaded if name.startswith("fastnn.")} - {"fastnn._source_tree"}
    assert own
    assert all(name.split(".")[1] == "kernels" for name in own)


def test_version_and_types():
    assert (Path(fastnn.__file__).parent / "py.typed").exists()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"]["attr"] == "fastnn.version.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", fastnn.__version__)


def test_only_the_kernels_come_from_beside_the_package():
    loaded = in_new_python(
        "import sys, importlib.util, fastnn, fastnn.kernels.jit\n"
        "assert sys.modules['fastnn.kernels'] is fastnn.kernels\n"
        "print(*(name for name in ('tests', 'bench', 'fastnn') if importlib.util.find_spec(f'fastnn.{name}')))"
    )
    assert loaded == []
