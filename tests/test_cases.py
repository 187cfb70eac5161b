"""The table of `cases.py` leaves nothing out, and the reference it names stands on its own."""

import ast
import sys
from operator import attrgetter
from pathlib import Path

import pytest

from fastnn import layers, losses, metrics, optimizers
from fastnn.engine.lowering import Lowering
from fastnn.kernels import activations as activation_kernels
from fastnn.kernels import batches, clock
from fastnn.kernels import metrics as metric_kernels
from fastnn.kernels import optimizers as optimizer_kernels
from fastnn.kernels.operations import OPERATIONS
from fastnn.layers.activations import FUNCTIONS

from . import reference
from .cases import LAYERS, LOSS_KERNELS, LOSS_REFERENCES, LOSSES, METRICS, OPTIMIZERS, SUMS
from .reference import activations as activations_reference
from .reference import metrics as metrics_reference
from .reference import optimizers as optimizers_reference


def module_of(function):
    return getattr(function, "py_func", function).__module__


def functions_of(module):
    """The public functions that a module defines itself."""
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and module_of(value) == module.__name__
    }


def kernels_of(module):
    """The public kernels that a module defines itself, without what calls them for the interpreter."""
    functions = functions_of(module).items()
    return {name for name, value in functions if value not in OPERATIONS and not name.endswith("_step")}


def classes_of(module, base):
    return {c for c in vars(module).values() if isinstance(c, type) and issubclass(c, base) and c.__name__[0] != "_"}


@pytest.mark.parametrize(
    "table", [LAYERS, LOSSES, METRICS, SUMS, OPTIMIZERS], ids=["layers", "losses", "metrics", "sums", "optimizers"]
)
def test_names_are_unique(table):
    names = [case.name for case in table]
    assert len(set(names)) == len(names)


def test_every_layer_and_activation_has_a_row():
    made = [case.make(dtype="float32") for case in LAYERS]
    assert {type(layer) for layer in made} >= classes_of(layers, layers.Layer) - {layers.Layer}
    assert {layer.activation for layer in made if isinstance(layer, layers.Activation)} == set(FUNCTIONS)


LOSS_PARTS = {"smooth_targets"}


def test_every_operation_has_a_row():
    used = {loss.fused_operation if loss.from_logits else loss.operation for loss in (case.make() for case in LOSSES)}
    used |= {case.make().smoothing for case in LOSSES} | {case.make().operation for case in (*METRICS, *SUMS)}
    for case in LAYERS:
        layer, shape = case.make(dtype="float32"), case.shape(3)
        layer.build_once((None, *shape))
        for training, sparse in ((True, False), (False, False), (True, case.name == "dense")):
            lowering = Lowering(layer.dtype, 8, shape, layer.parameters, training=training, sparse=sparse)
            if not sparse:
                lowering.emit(activation_kernels.relu)  # or Rescaling would be a part of what comes before
            layer.lower(lowering)
            used |= {instruction["operation"] for instruction in lowering.code}
    # All but data's ways in and out, and what takes the others' places in a profile.
    rest = {batches.__name__, clock.__name__}
    ours = [o for o in OPERATIONS if module_of(o).startswith("fastnn.kernels.") and module_of(o) not in rest]
    assert [o for o in ours if o not in used] == []


def test_every_loss_has_a_row():
    made = [case.make() for case in LOSSES]
    assert {type(loss) for loss in made} == {c for c in classes_of(losses, losses.Loss) if c.operation}
    kernels = set().union(*map(kernels_of, LOSS_KERNELS))
    assert {case.name for case in LOSSES} == kernels - LOSS_PARTS
    for case, loss in zip(LOSSES, made, strict=True):
        (operation,) = (getattr(m, f"{case.name}_loss") for m in LOSS_KERNELS if hasattr(m, f"{case.name}_loss"))
        assert operation is (loss.fused_operation if loss.from_logits else loss.operation)


def test_every_metric_has_a_row():
    # The root of another metric's mean has no kernel of its own.
    compiled = {c for c in classes_of(metrics, metrics.Metric) if c.operation}
    per_sample = {c for c in compiled if c.per_sample}
    assert {type(case.make()) for case in METRICS} == per_sample - {metrics.RootMeanSquaredError}
    assert {type(case.make()) for case in SUMS} == {c for c in compiled if not c.per_sample}
    kernels = {case.name for case in METRICS} | {case.kernel_name for case in SUMS}
    assert kernels == kernels_of(metric_kernels)


def test_every_optimizer_has_a_row():
    made = [case.make() for case in OPTIMIZERS]
    assert {type(o) for o in made} == classes_of(optimizers, optimizers.Optimizer) - {optimizers.Optimizer}
    # Parts of the Adam family's rows.
    kernels = kernels_of(optimizer_kernels) - {"corrected_rate", "decay"}
    assert kernels <= {case.name for case in OPTIMIZERS}
    assert {o.step_kernel for o in made} == {getattr(optimizer_kernels, f"{name}_step") for name in kernels}


@pytest.mark.parametrize("case", LAYERS, ids=attrgetter("name"))
def test_what_a_row_makes_it_makes_anew(case):
    first, second = case.make(dtype="float64"), case.make(dtype="float64")
    assert first is not second
    assert first.dtype == "float64"


@pytest.mark.parametrize(
    ("kernels", "in_numpy"),
    [
        (activation_kernels, activations_reference),
        *zip(LOSS_KERNELS, LOSS_REFERENCES, strict=True),
        (metric_kernels, metrics_reference),
        (optimizer_kernels, optimizers_reference),
    ],
    ids=["activations", "probabilities", "regression", "margins", "metrics", "optimizers"],
)
def test_every_kernel_has_a_reference_of_its_name(kernels, in_numpy):
    parts = {"softmax_row", "corrected_rate", "decay"}  # of softmax_forward, adam and adamw
    assert {name for name in kernels_of(kernels) - parts if not hasattr(in_numpy, name)} == set()


@pytest.mark.parametrize("source", sorted(Path(reference.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_the_reference_imports_nothing_of_fastnn(source):
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            others = {"keras", "jax"} if source.stem == "record_keras" else set()
            assert {name.split(".")[0] for name in names} <= {"numpy", *others, *sys.stdlib_module_names}
