"""What a hand used to Keras types: it works, or an error says what to do instead."""

import inspect
import re

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, habits, layers, losses, metrics, optimizers

from .small_models import FEATURES, regressor, samples

X, Y = samples(), samples(features=1, seed=3)[:, 0]


def fit(**arguments):
    regressor().fit(X, Y, **arguments)


def test_no_remedy_for_an_argument_that_exists():
    made = [
        kind for module in (layers, optimizers, callbacks) for kind in vars(module).values() if inspect.isclass(kind)
    ]
    methods = [getattr(fastnn.Sequential, name) for name in ("fit", "compile", "evaluate", "predict")]
    taken = {name for thing in [*made, *methods[:2]] for name in inspect.signature(thing).parameters}
    assert {"units", "learning_rate", "patience", "epochs"} <= taken
    assert taken & set(habits.ARGUMENTS) == {"callbacks", "input_dim"}  # of `fit` and of `Embedding`


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
    (lambda: layers.Dense(3, init="zeros"), "'init': use kernel_initializer"),  # and not "did you mean 'units'?"
    (lambda: layers.Dense(3, W_regularizer="l2"), "'W_regularizer': use kernel_regularizer"),
    (lambda: layers.Dense(3, bias=False), "use use_bias"),
    (lambda: layers.Conv2D(3, 3, border_mode="same"), "use padding"),
    (lambda: layers.Conv2D(4, 3, groups=2), "there are no groups"),
    (lambda: layers.LeakyReLU(alpha=0.1), "use negative_slope"),
    (lambda: layers.ReLU(max_value=6), "there is only negative_slope"),
    (lambda: layers.Embedding(3, 2, input_length=4), "leave it out: it is that of the data"),
    (lambda: layers.Embedding(3, 2, mask_zero=True), "there are no masks"),
    (lambda: fastnn.Input((4,), name="x"), "only models and layers have names"),
    (lambda: fastnn.Input((4,), batch_size=2), "batches may have any size; leave it out"),
    (lambda: fastnn.Input((4,), dtype="float64"), 'fastnn.config.set_floatx("float64")'),
    (lambda: callbacks.EarlyStopping(3), "monitor must be a string, received 3"),
]


@pytest.mark.parametrize(("call", "remedy"), ARGUMENTS, ids=[remedy for _, remedy in ARGUMENTS])
def test_unknown_arguments(call, remedy):
    with pytest.raises(TypeError, match=re.escape(remedy)):
        call()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (lambda: [regressor(), layers.Dense(3)], "a model is one row of layers, so put in those of the other: ["),
        (lambda: regressor(), "a model is one row of layers, so put in those of the other: [*base.layers"),
        (lambda: [layers.Dense], "received the class Dense; put its arguments behind it: Dense(...)"),
        (lambda: ["relu"], "name a layer's activation, Dense(10, activation=\"relu\"), or use Activation(\"relu\")"),
        (lambda: ["Flatten"], "received 'Flatten'; write the layer itself, such as fastnn.layers.Flatten()"),
        (lambda: [layers.Dense(3)(np.ones((50, 4)))], "received an array of shape (50, 3); put in the layers"),
        (lambda: np.ones((50, 4)), "received an array of shape (4,); put in the layers themselves"),
        (lambda: [[layers.Dense(3)]], "received a list; put its layers in with a star"),
        (lambda: [np.tanh], "a layer of your own derives from fastnn.layers.Layer"),
        (lambda: [3], "a Sequential takes fastnn layers, received 3"),
        (lambda: "relu", "layers must be a list of layers, received 'relu'; put brackets around all of them"),
        (lambda: layers.Dense, "layers must be a list of layers, received <class"),
    ],
)  # fmt: skip
def test_what_is_no_layer(given, told):
    with pytest.raises(TypeError, match=re.escape(told)) as caught:
        fastnn.Sequential(given())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_layers_from_a_generator():
    assert len(fastnn.Sequential(layers.Dense(n) for n in (3, 4)).layers) == 2


@pytest.mark.parametrize("metric", [losses.Huber(), losses.Huber, "huber"])
def test_a_loss_is_no_metric(metric):
    with pytest.raises(ValueError, match="is no metric: it is a loss, fastnn.losses.Huber. ") as caught:
        regressor(metrics=[metric])
    given = {"fastnn": fastnn}
    exec(str(caught.value).partition("pass a function to metrics: ")[2], given)  # what is advised
    model = regressor(metrics=[given["value"]], loss=losses.Huber())
    loss, value = model.evaluate(X, Y, verbose=0)
    assert value == pytest.approx(loss)


def test_two_functions_without_a_name():
    def make(*functions):
        return regressor(metrics=list(functions))

    with pytest.raises(ValueError, match=r"\['lambda', 'lambda'\]; define functions with def"):
        make(lambda t, y: 1, lambda t, y: 2)
    with pytest.raises(ValueError, match=r"received \['mse', 'mse'\]$"):
        make("mse", "mse")


def test_no_argument_is_near():
    with pytest.raises(TypeError, match=r"^Dense\(\) got an unexpected keyword argument 'inti'$"):
        layers.Dense(3, inti="zeros")  # and not "did you mean 'units'?"


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


def test_a_method_of_that_name_beside_the_one_that_is_called():
    """Also where another class of the user's has it."""

    class Base(layers.Layer):
        def forward(self, x, training=False):
            return self.call(x)

    class Helped(Base):
        def call(self, x):
            return 2 * x

    np.testing.assert_array_equal(Helped().forward(X), 2 * X)
    with pytest.raises(TypeError, match="Own defines call"):
        type("Own", (layers.Dense,), {"call": Helped.call})  # forward is fastnn's, which does not call it
