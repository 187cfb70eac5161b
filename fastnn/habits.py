"""Arguments, attributes and methods of Keras's that fastnn has not: errors that say what to do instead.

All of it is looked up only when one is unknown; names of modules are in `names.py`.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import NoReturn

WHOLE_ARRAYS = "fastnn takes whole arrays, x and y, and goes through all samples in each epoch; no generators"

# Keras's arguments that nothing here takes, or not the object before the dot.
_ARGUMENTS = {
    "begin the model with its shape: fastnn.Sequential([fastnn.Input(shape), ...])": """
        input_shape input_dim batch_input_shape batch_shape""",
    "images are (height, width, channels)": "data_format",
    "layer.set_weights sets them, or an initializer": "weights",
    "penalties are on weights: kernel_regularizer": "activity_regularizer",
    "use learning_rate": "lr",
    "pass learning_rate=fastnn.schedules.InverseTimeDecay(...)": "decay",
    "use epochs": "nb_epoch n_epochs num_epochs",
    WHOLE_ARRAYS: "steps_per_epoch validation_steps steps generator",
    "fit uses all cores (fastnn.set_num_threads)": "workers use_multiprocessing max_queue_size",
    "a model has one output with one loss": "loss_weights",
    "metrics are not weighted; a function of (y_true, y_pred) can be": "weighted_metrics",
    "it is not needed: whole epochs are compiled": "run_eagerly jit_compile steps_per_execution auto_scale_loss",
    "callbacks are for fit": "callbacks",
    "use kernel_initializer": "init initializer",
    "use kernel_regularizer": "W_regularizer regularizer",
    "use bias_regularizer": "b_regularizer",
    "use kernel_constraint": "W_constraint constraint",
    "use bias_constraint": "b_constraint",
    "use use_bias": "Dense.bias Conv1D.bias Conv2D.bias",
    "use units": "Dense.output_dim",
    "use padding": "border_mode",
    "use strides": "subsample",
    "use filters": "nb_filter",
    "there are no groups: each output is computed from all channels": "groups",
    "leave it out: it is that of the data, or fastnn.Input((length,)) comes first": "input_length",
    "there are no masks: give padding an index of its own, which is learned like the others": "mask_zero",
    "use negative_slope": "LeakyReLU.alpha ReLU.alpha",
    "there is only negative_slope; other shapes are layers of your own": "ReLU.max_value ReLU.threshold",
    "only models and layers have names": "Input.name",
    "batches may have any size; leave it out": "Input.batch_size",
    'layers have a type, Dense(3, dtype="float64"), or all of them: fastnn.config.set_floatx("float64")': "Input.dtype",
}
ARGUMENTS = {name: remedy for remedy, names in _ARGUMENTS.items() for name in names.split()}

LOSS_AS_METRIC = (
    "it is a loss, {0}. compile(loss=...) logs it as loss; to log it beside another loss, pass a function to metrics: "
    "def value(y_true, y_pred): return {0}()(y_true, y_pred)"
)

OWN_STEP = (
    "y_pred = model.forward(x, training=True); loss.forward(y, y_pred); model.backward(loss.backward()); "
    "model.optimizer.step(model)"
)

# Keras's attributes of models, layers and optimizers.
MODEL_AND_LAYER = {
    "input": "for its shape use input_shape",
    "inputs": "for the shape use input_shape",
    "output": "for its shape use output_shape; for outputs of layers inside, "
    "fastnn.Sequential(model.layers[:n]).predict(x)",
    "variables": "use weights",
    "trainable_variables": "use trainable_weights",
    "non_trainable_variables": "use non_trainable_weights",
}
MODEL_AND_LAYER["outputs"] = MODEL_AND_LAYER["output"]
MODEL = {
    "fit_generator": f"use fit: {WHOLE_ARRAYS}",
    "evaluate_generator": "use evaluate",
    "predict_generator": "use predict",
    "predict_classes": "use predict(x).argmax(axis=1)",
    "predict_proba": "use predict",
    "to_json": "use json.dumps(model.get_config())",
    "metrics_names": 'use ["loss", *(metric.name for metric in model.metrics)]',
    "train_step": f"a step of your own: {OWN_STEP}",
}
OPTIMIZER = {
    "lr": "use learning_rate",
    "apply_gradients": "use step(model), after model.backward",
    "minimize": "use step(model), after model.backward",
}


# Keras's hooks of callbacks, with those that take their places.
HOOKS = {
    "on_batch_begin": ("on_train_batch_begin", "name it on_train_batch_begin"),
    "on_batch_end": ("on_train_batch_end", "name it on_train_batch_end"),
    "on_test_batch_begin": ("", "there are on_test_begin and on_test_end"),
    "on_test_batch_end": ("", "there are on_test_begin and on_test_end"),
    "on_predict_begin": ("", "predict takes no callbacks"),
    "on_predict_end": ("", "predict takes no callbacks"),
    "on_predict_batch_begin": ("", "predict takes no callbacks"),
    "on_predict_batch_end": ("", "predict takes no callbacks"),
}


def refuse_arguments(owner: str, unknown: Mapping[str, object], known: Callable[[], Iterable[str]]) -> None:
    """A TypeError for an argument that `owner` does not take, with what to do or the nearest of the `known`."""
    for name in unknown:
        remedy = ARGUMENTS.get(f"{owner.removesuffix('()')}.{name}") or ARGUMENTS.get(name)
        near = [] if remedy else get_close_matches(name, [*known()], n=1, cutoff=0.7)
        hint = f": {remedy}" if remedy else f"; did you mean {near[0]!r}?" if near else ""
        raise TypeError(f"{owner} got an unexpected keyword argument {name!r}{hint}")


def is_own(kind: type) -> bool:
    """Whether fastnn itself defines a class."""
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def refuse_methods(kind: type, methods: Mapping[str, tuple[str, str]]) -> None:
    """A TypeError for a class that defines a method which Keras would call, but fastnn never does.

    Not if it, or another class of the user's that it derives from, also has the one that fastnn calls.

    Args:
        kind: a class that has just been defined.
        methods: for each method of Keras's the one that takes its place, and what to do.
    """
    defined = set[str]().union(*(vars(base) for base in kind.__mro__ if not is_own(base)))
    for name, (own, remedy) in methods.items():
        if name in vars(kind) and own not in defined:
            raise TypeError(f"{kind.__name__} defines {name}, which fastnn does not call: {remedy}")


class _Unknown:
    """An attribute that is not there, and an error that says what to use."""

    def __init__(self, name: str, remedy: str):
        self._name, self._remedy = name, remedy
        self.__doc__ = f"Not in fastnn: {remedy}"  # for `help`

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__!r} object has no attribute {self._name!r}: {self._remedy}")


def explain_attributes(kind: type, remedies: Mapping[str, str]) -> None:
    """Let a class's attributes of these names, which it does not have, raise errors that say what to use.

    These are descriptors, because any `__getattr__` would slow down the reading of all attributes, and so
    `train_on_batch` and a layer's `forward` by some 5 %.
    """
    for name, remedy in remedies.items():
        setattr(kind, name, _Unknown(name, remedy))


def without_unknown(kind: type, names: Iterable[str]) -> list[str]:
    """Those of the names of a class's attributes that are not there only to say what to use."""
    return [name for name in names if not isinstance(inspect.getattr_static(kind, name, None), _Unknown)]


def refuse_unread(kind: type, name: str, known: tuple[str, ...], where: str = "") -> None:
    """An AttributeError for setting an attribute of fastnn's that nothing would read.

    Args:
        kind: the class of the object.
        name: an attribute that it does not have.
        known: what users may set; refused is what nearly has such a name, and what is explained.
        where: the beginning of the message.
    """
    unknown = inspect.getattr_static(kind, name, None)
    if isinstance(unknown, _Unknown):
        unknown.__get__(None, kind)
    if name not in known and (near := _nearest(name, known)):
        raise AttributeError(f"{where}{kind.__name__!r} object has no attribute {name!r}; did you mean {near!r}?")


@lru_cache(1024)  # constructors set the same names again and again
def _nearest(name: str, known: tuple[str, ...]) -> str:
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.8)), "")


def refuse_symbols(owner: str, x: object, kinds: tuple[type, ...]) -> None:
    """A TypeError if a model or layer is called with an `Input` or another layer, to build a model as in Keras."""
    if isinstance(x, kinds):
        raise TypeError(
            f"{owner} takes an array, received {x!r}: models are not built by calling layers but as rows of layers, "
            "fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3), ...])"
        )
