"""Names of Keras's, and misspelt ones, read from a module or imported from it: errors that say what to use."""

import inspect
import re

import pytest

import fastnn
import fastnn.sklearn
from fastnn import names
from fastnn.layers.activations import FUNCTIONS

from .subprocesses import run_python

NAMES = [
    ("layers.LSTM", "fastnn has no recurrent layers; for sequences of a fixed length use Conv1D"),
    ("layers.GRU", "fastnn has no recurrent layers"),  # and not "did you mean ReLU?"
    ("layers.Concatenate", "no layer has two inputs; join arrays with np.concatenate"),
    ("layers.Lambda", "one of your own derives from fastnn.layers.Layer"),
    ("layers.Dens", "; did you mean fastnn.layers.Dense?"),
    ("layers.Conv2d", "; did you mean fastnn.layers.Conv2D?"),
    ("layers.BatchNorm", "; did you mean fastnn.layers.BatchNormalization?"),
    ("layers.LSTMM", "fastnn has no recurrent layers"),
    ("layers.Convolution1D", ": it is another name of fastnn.layers.Conv1D"),
    ("layers.Convolution2D", ": it is another name of fastnn.layers.Conv2D"),
    ("layers.AvgPool2D", "; did you mean fastnn.layers.AveragePooling2D?"),
    ("layers.GELU", ': use fastnn.layers.Activation("gelu"), or Dense('),  # and not "did you mean ELU?"
    ("layers.Swish", ': use fastnn.layers.Activation("silu"), or Dense('),
    ("layers.HardSigmoid", ': use fastnn.layers.Activation("hard_sigmoid"), or Dense('),
    ("layers.Xyzzy", ". It has: ELU, Activation, "),
    ("Model", "the only models are rows of layers, fastnn.Sequential"),
    ("sequential", "; did you mean fastnn.Sequential?"),
    ("Dense", "; did you mean fastnn.layers.Dense?"),
    ("load_model", "; did you mean fastnn.saving.load_model?"),
    ("models.load_model", "; did you mean fastnn.saving.load_model?"),
    ("activations", 'activations are named, Dense(10, activation="relu")'),
    ("optimizers.adam", "; did you mean fastnn.optimizers.Adam?"),
    ("optimizers.Nadam", "fastnn has SGD, Adagrad, RMSprop, Adam and AdamW"),
    ("losses.mse", 'pass the string "mse", or fastnn.losses.MeanSquaredError()'),
    ("losses.CosineSimilarity", "pass a function of (y_true, y_pred) to compile instead"),
    ("metrics.Acuracy", 'metrics=["accuracy"] selects the accuracy that fits the loss'),
    ("metrics.Presision", "; did you mean fastnn.metrics.Precision?"),
    (
        "metrics.Huber",
        ": it is a loss, fastnn.losses.Huber. compile(loss=...) logs it as loss; to log it beside",
    ),
    ("metrics.poisson", ": it is a loss, fastnn.losses.Poisson. "),
    ("metrics.Hingee", ": it is a loss, fastnn.losses.Hinge. "),
    ("initializers.he_normal", 'pass the string "he_normal", or fastnn.initializers.HeNormal()'),
    ("callbacks.ModelCheckpoint", "restore_best_weights=True"),
    ("callbacks.EarlyStoping", "; did you mean fastnn.callbacks.EarlyStopping?"),
    ("utils.to_categorial", "; did you mean fastnn.utils.to_categorical?"),
    ("datasets.cifar10", "load the arrays yourself"),
    ("datasets.mnist.load", "; did you mean fastnn.datasets.mnist.load_data?"),
    ("config.floatX", "; did you mean fastnn.config.floatx?"),
    ("schedules.CosineDecai", "; did you mean fastnn.schedules.CosineDecay?"),
    ("plots.learning_curve", "; did you mean fastnn.plots.learning_curves?"),
    ("plots.plot_history", "fastnn.plots.learning_curves(history) draws"),
    ("model_selection.KFolds", "; did you mean fastnn.model_selection.KFold?"),
    ("regularizers.L3", ". It has: Regularizer, L1, L2, L1L2, get"),
    ("constraints.Maxnorm", "; did you mean fastnn.constraints.MaxNorm?"),
    ("saving.load_modle", "; did you mean fastnn.saving.load_model?"),
]


@pytest.mark.parametrize(("name", "remedy"), NAMES, ids=[name for name, _ in NAMES])
def test_unknown_names(name, remedy):
    """Of every public module, read from it or imported from it."""
    *path, last = f"fastnn.{name}".split(".")
    module = ".".join(path)
    with pytest.raises(AttributeError) as caught:
        eval(f"fastnn.{name}")
    assert str(caught.value).startswith(f"module {module!r} has no attribute {last!r}")
    assert remedy in str(caught.value)
    # That ends with all names, among which would be the one that another row means.
    assert ". It has: " not in str(caught.value) or ". It has: " in remedy
    with pytest.raises(ImportError) as imported:
        exec(f"from {module} import {last}")
    assert str(imported.value) == str(caught.value)


def test_known_names_and_submodules_are_found_as_before():
    run_python(["-W", "error", "-c", "from fastnn import cli, labs; import fastnn.labs.mnist; fastnn.labs.mnist"])
    assert not hasattr(fastnn.layers, "LSTM")
    assert getattr(fastnn, "__wrapped__", None) is None
    with pytest.raises(AttributeError, match="^module 'fastnn' has no attribute '_private'$"):
        fastnn._private  # noqa: B018


def test_no_remedy_for_what_exists():
    modules = [fastnn, *(v for v in vars(fastnn).values() if inspect.ismodule(v) and v.__name__.startswith("fastnn."))]
    estimators = {name.lower() for name in names.public_names(fastnn.sklearn)}
    public = {name.lower() for module in modules for name in names.public_names(module)} - estimators
    assert estimators <= set(names.NAMES)  # which are not there before `import fastnn.sklearn`
    assert {"dense", "input", "adam", "load_model", "set_floatx"} <= public
    assert public & set(names.NAMES) == set()


def test_activations_that_are_advised():
    advised = set(re.findall(r'Activation\("(\w+)"\)', " ".join(names.NAMES.values())))
    named = {kind.__name__.lower() for kind in vars(fastnn.layers).values() if inspect.isclass(kind)} | {"linear"}
    assert all(f'Activation("{name}")' in names.NAMES[name.replace("_", "")] for name in advised)
    assert advised == {name for name in FUNCTIONS if name.replace("_", "") not in named}


def test_schedules_where_keras_has_them():
    run_python(["-c", "from fastnn.optimizers.schedules import ExponentialDecay as E, CosineDecay; E(0.1, 1, 0.5)"])
    from fastnn.optimizers.schedules import ExponentialDecay

    assert ExponentialDecay is fastnn.schedules.ExponentialDecay
