"""What a hand used to Keras types: it works, or an error says what to do instead."""

import inspect
import re

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, habits, layers, losses, metrics, optimizers

from .small_models import FEATURES, regressor, samples
from .subprocesses import run_python

X, Y = samples(), samples(features=1, seed=3)[:, 0]

NAMES = [
    ("layers.LSTM", "fastnn has no recurrent layers; for sequences of a fixed length use Conv1D"),
    ("layers.GRU", "fastnn has no recurrent layers"),  # and not "did you mean ReLU?"
    ("layers.Concatenate", "no layer has two inputs; join arrays with np.concatenate"),
    ("layers.Lambda", "one of your own derives from fastnn.layers.Layer"),
    ("layers.Dens", "; did you mean fastnn.layers.Dense?"),
    ("layers.Conv2d", "; did you mean fastnn.layers.Conv2D?"),
    ("layers.BatchNorm", "; did you mean fastnn.layers.BatchNormalization?"),
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
    ("metrics.Acuracy", "Accuracy"),
    ("initializers.he_normal", 'pass the string "he_normal", or fastnn.initializers.HeNormal()'),
    ("callbacks.ModelCheckpoint", "restore_best_weights=True"),
    ("callbacks.EarlyStoping", "; did you mean fastnn.callbacks.EarlyStopping?"),
    ("utils.to_categorial", "; did you mean fastnn.utils.to_categorical?"),
    ("datasets.cifar10", "load the arrays yourself"),
    ("datasets.mnist.load", "; did you mean fastnn.datasets.mnist.load_data?"),
    ("config.floatX", "; did you mean fastnn.config.floatx?"),
    ("schedules.CosineDecai", "; did you mean fastnn.schedules.CosineDecay?"),
    ("plots.learning_curve", "; did you mean fastnn.plots.learning_curves?"),
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
    public = {name.lower() for module in modules if module is not habits for name in habits.public_names(module)}
    assert {"dense", "input", "adam", "load_model", "set_floatx"} <= public
    assert public & set(habits.NAMES) == set()
    made = [
        kind for module in (layers, optimizers, callbacks) for kind in vars(module).values() if inspect.isclass(kind)
    ]
    methods = [getattr(fastnn.Sequential, name) for name in ("fit", "compile", "evaluate", "predict")]
    taken = {name for thing in [*made, *methods[:2]] for name in inspect.signature(thing).parameters}
    assert {"units", "learning_rate", "patience", "epochs"} <= taken
    assert taken & set(habits.ARGUMENTS) == {"callbacks", "input_dim"}  # of `fit` and of `Embedding`


def fit(**arguments):
    regressor().fit(X, Y, **arguments)


WHOLE = "fastnn takes whole arrays, x and y"
ARGUMENTS = [
    (lambda: fit(steps_per_epoch=3), f"fit() got an unexpected keyword argument 'steps_per_epoch': {WHOLE}"),
    (lambda: fit(validation_steps=3), WHOLE),
    (lambda: fit(workers=3), "fit uses all cores"),
    (lambda: fit(nb_epoch=3), "'nb_epoch': use epochs"),
    (lambda: fit(epoch=3), "'epoch'; did you mean 'epochs'?"),
    (lambda: fit(xyzzy=3), "fit() got an unexpected keyword argument 'xyzzy'"),
    (lambda: regressor().fit((X for _ in "ab"), steps_per_epoch=1), WHOLE),
    (
        lambda: regressor().fit(X for _ in "ab"),
        "which gives out items one after another; put all samples into one array",
    ),
    (lambda: regressor().fit(X), "y must be an array of numbers, received None"),
    (lambda: regressor().evaluate(X, Y, steps=1), WHOLE),
    (lambda: regressor().evaluate(X, Y, callbacks=[]), "callbacks are for fit"),
    (lambda: regressor().predict(X, steps=1), f"predict() got an unexpected keyword argument 'steps': {WHOLE}"),
    (lambda: regressor().predict(X, batchsize=1), "did you mean 'batch_size'?"),
    (lambda: regressor().compile(optimiser="sgd", loss="mse"), "'optimiser'; did you mean 'optimizer'?"),
    (lambda: regressor().compile("sgd", "mse", run_eagerly=True), "it is not needed: whole epochs are compiled"),
    (lambda: regressor().compile("sgd", "mse", loss_weights=[1]), "a model has one output with one loss"),
    (lambda: layers.Dense(3, input_shape=(4,)), "Dense() got an unexpected keyword argument 'input_shape': begin"),
    (lambda: layers.Flatten(input_shape=(28, 28)), "fastnn.Sequential([fastnn.Input(shape), ...])"),
    (lambda: layers.Dense(3, actvation="relu"), "did you mean 'activation'?"),
    (lambda: layers.Conv2D(3, 3, data_format="channels_first"), "images are (height, width, channels)"),
    (lambda: fastnn.Input((4,), batch_size=2), "Input() got an unexpected keyword argument 'batch_size'"),
    (lambda: optimizers.Adam(lr=0.1), "Adam() got an unexpected keyword argument 'lr': use learning_rate"),
    (lambda: optimizers.SGD(decay=0.1), "learning_rate=fastnn.schedules.InverseTimeDecay(...)"),
    (lambda: optimizers.RMSprop(learning_rat=0.1), "did you mean 'learning_rate'?"),
    (lambda: layers.Dense(3)(fastnn.Input((4,))), "models are not built by calling layers but as rows of layers"),
    (lambda: layers.Dense(3)(layers.Dense(4)), "fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3), ...])"),
    (lambda: regressor()(fastnn.Input((4,))), "models are not built by calling layers"),
    (lambda: fastnn.Sequential(layers.Dense(3), layers.Dense(4)), "put brackets around all of them"),
    (
        lambda: layers.Dense(3, activation=np.tanh),
        "one of your own derives from fastnn.layers.Activation, with forward and backward",
    ),
    (lambda: layers.Dense(3, activation=layers.ReLU), "an object such as fastnn.layers.ReLU(), received <class"),
    (lambda: layers.Dense(3, kernel_regularizer=lambda w: 0), "must be one of l1, l2, l1_l2, received <function"),
    (lambda: layers.Dense(3, kernel_constraint=lambda w: w), "which is written in Python"),
    (lambda: callbacks.EarlyStopping(3), "monitor must be a string, received 3"),
]


@pytest.mark.parametrize(("call", "remedy"), ARGUMENTS, ids=[remedy for _, remedy in ARGUMENTS])
def test_unknown_arguments(call, remedy):
    with pytest.raises(TypeError, match=re.escape(remedy)):
        call()


def test_the_method_that_keras_calls():
    def define(base, *methods):
        return type("Own", (base,), dict.fromkeys(methods, lambda self, *args: None))

    with pytest.raises(TypeError, match=r"Own defines call, .*: name it forward\(self, x, training=False\), and add"):
        define(layers.Layer, "call", "build")
    with pytest.raises(TypeError, match="Own defines call, which fastnn does not call"):
        define(layers.Dense, "call")
    with pytest.raises(TypeError, match="a model is a row of layers; write a layer of your own"):
        define(fastnn.Sequential, "call")
    with pytest.raises(TypeError, match="or pass it to compile as a function"):
        define(losses.Loss, "call")
    with pytest.raises(TypeError, match=r"Own defines update_state, .*: name it evaluate\(self, targets, y\)"):
        define(metrics.Metric, "update_state", "result")
    with pytest.raises(TypeError, match=r"Own defines train_step, .*: a step of your own: y_pred = model.forward\(x"):
        define(fastnn.Sequential, "train_step")
    with pytest.raises(
        TypeError, match="Own defines on_batch_end, which fastnn does not call: name it on_train_batch_end"
    ):
        define(callbacks.Callback, "on_batch_end")
    with pytest.raises(TypeError, match="Own defines on_predict_end, which fastnn does not call: predict takes no"):
        define(callbacks.EarlyStopping, "on_predict_end")
    define(callbacks.Callback, "on_batch_end", "on_train_batch_end", "on_my_own")
    define(layers.Layer, "call", "forward", "backward")  # a method of its own, which its forward may use
    define(losses.Loss, "call", "forward")


def test_the_step_that_is_advised():
    model, x, y = regressor(), X, Y[:, np.newaxis]
    loss, before = model.loss, model.get_weights()
    exec(habits.OWN_STEP)
    assert all((new != old).any() for new, old in zip(model.get_weights(), before, strict=True))
    other = regressor()
    other.train_on_batch(x, y)
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-6)
    assert loss.backward() is not None


ATTRIBUTES = [
    ("inputs", "for the shape use input_shape"),
    ("output", "fastnn.Sequential(model.layers[:n]).predict(x)"),
    ("trainable_variables", "use trainable_weights"),
    ("variables", "use weights"),
]


def test_attributes_of_keras():
    model = regressor()
    for owner in (model, model.layers[0]):
        for name, remedy in ATTRIBUTES:
            with pytest.raises(
                AttributeError, match=re.escape(f"has no attribute {name!r}: ") + ".*" + re.escape(remedy)
            ):
                getattr(owner, name)
            assert not hasattr(type(owner), name)
    with pytest.raises(AttributeError, match=r"use predict\(x\).argmax\(axis=1\)"):
        model.predict_classes(X)
    with pytest.raises(AttributeError, match="'SGD' object has no attribute 'lr': use learning_rate"):
        model.optimizer.lr  # noqa: B018
    with pytest.raises(AttributeError, match="'SGD' object has no attribute 'lr': use learning_rate"):
        model.optimizer.lr = 0.1  # it would not be read


def test_misspelt_attributes_cannot_be_set():
    """Nothing would read them."""
    model = regressor()
    for name, meant in (("trainble", "trainable"), ("Trainable", "trainable"), ("optimiser", "optimizer")):
        with pytest.raises(
            AttributeError, match=f"'Sequential' object has no attribute '{name}'; did you mean '{meant}'"
        ):
            setattr(model, name, False)
        assert not hasattr(model, name)
    model.description, model.layer_count = "other names are free", 2

    class Own(fastnn.Sequential):
        def __init__(self):
            self.trainables = self.names = []
            super().__init__()

    own = Own()
    own.losses = [1]
    assert (own.losses, own.names) == ([1], [])


def test_a_class_of_ones_own_may_have_attributes_of_these_names():
    class Wide(layers.Dense):
        def __init__(self, inputs, variables, **kwargs):
            super().__init__(inputs, **kwargs)
            self.inputs, self.variables = inputs, variables

    layer = Wide(3, "abc")
    assert (layer.inputs, layer.variables) == (3, "abc")
    assert fastnn.Sequential.from_config(fastnn.Sequential([layer]).get_config() | {"layers": []}).layers == []


@pytest.mark.parametrize(
    ("monitor", "mode", "told"),
    [
        ("val_accuracy", "auto", ["fit logs only loss, mae, and", 'metrics=["accuracy"] to compile']),
        ("accuracy", "max", ["fit logs only mae, loss", 'pass metrics=["accuracy"] to compile, or another monitor']),
        ("val_mae", "auto", ["fit logs only", "pass validation data or another monitor"]),
    ],
)
def test_a_monitor_that_is_not_logged(monitor, mode, told):
    model = regressor(metrics=["mae"])
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        model.fit(X, Y, verbose=0, callbacks=callbacks.EarlyStopping(monitor, mode=mode))
    message = str(caught.value).replace("only loss, mae; ", "only mae, loss; ")
    assert f'EarlyStopping monitors "{monitor}"' in message
    assert all(part in message for part in told)
    assert "less or more" not in message


def test_get_layer():
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), layers.Dense(3, name="first"), layers.Dense(2, name="last")])
    assert model.get_layer("last") is model.get_layer(index=1) is model.layers[1]
    for arguments, message in (
        ({"name": "frist"}, "unknown layer 'frist'; did you mean 'first'?"),
        ({"index": 2}, "index must be below 2, the number of layers, received 2"),
        ({}, "get_layer takes a name or an index"),
        ({"name": "last", "index": 1}, "get_layer takes a name or an index"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            model.get_layer(**arguments)
