"""Arguments that fit, compile, layers, optimizers and the rest refuse: the error names them, nothing has changed."""

import re

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, config, initializers, layers, losses, metrics, optimizers
from fastnn.utils import set_random_seed, to_categorical

from ..small_models import (
    FEATURES,
    ROWS,
    assert_refused,
    classifier,
    fitted,
    labels,
    samples,
    state,
    unbuilt,
    uncompiled,
)

X, Y = samples(), labels()
NAN, INF = float("nan"), float("inf")
HUGE, LARGER_THAN_PRINTED = 10**400, 10**5000  # Python refuses to print the digits of the latter

BAD_FIT = [
    ({"batch_size": 0}, ValueError, "batch_size must be at least 1, received 0"),
    ({"batch_size": -4}, ValueError, "batch_size must be at least 1, received -4"),
    ({"batch_size": True}, TypeError, "batch_size must be an integer of at least 1, received True"),
    ({"batch_size": 32.0}, TypeError, "batch_size must be an integer of at least 1, received 32.0"),
    ({"batch_size": "32"}, TypeError, "batch_size must be an integer of at least 1, received '32'"),
    (
        {"batch_size": HUGE},
        ValueError,
        "batch_size must be at most 9223372036854775807, received a number of about 401",
    ),
    ({"epochs": -1}, ValueError, "epochs must be at least 0, received -1"),
    ({"epochs": 1.5}, TypeError, "epochs must be an integer of at least 0, received 1.5"),
    ({"epochs": None}, TypeError, "epochs must be an integer of at least 0, received None"),
    ({"epochs": HUGE}, ValueError, "epochs must be at most 9223372036854775807, received a number of about 401 digits"),
    ({"initial_epoch": -1}, ValueError, "initial_epoch must be at least 0, received -1"),
    ({"validation_freq": 0}, ValueError, "validation_freq must be at least 1, received 0"),
    ({"validation_split": 1.0}, ValueError, "validation_split must be a finite number in [0, 1), received 1.0"),
    ({"validation_split": -0.1}, ValueError, "validation_split must be a finite number in [0, 1), received -0.1"),
    ({"validation_split": NAN}, ValueError, "validation_split must be a finite number in [0, 1), received nan"),
    ({"validation_split": "0.1"}, TypeError, "validation_split must be a number, received '0.1'"),
    ({"validation_split": True}, TypeError, "validation_split must be a number, received True"),
    ({"validation_split": 0.99}, ValueError, "validation_split=0.99 of 37 samples leaves one of the parts empty"),
    ({"validation_data": X}, ValueError, "validation_data must be (x, y) or (x, y, sample_weight)"),
    ({"validation_data": (X,)}, ValueError, "validation_data must be (x, y) or (x, y, sample_weight)"),
    ({"validation_data": (X, Y, None, None)}, ValueError, "validation_data must be (x, y) or (x, y, sample_weight)"),
    ({"validation_data": (X[:, :4], Y)}, ValueError, "validation_data x must have shape (n, 5), received (37, 4)"),
    ({"validation_data": (X * np.float32(NAN), Y)}, ValueError, "validation_data x must be finite, received nan"),
    (
        {"validation_data": (X, Y, -np.ones(ROWS))},
        ValueError,
        "validation_data sample_weight must not be negative, received -1",
    ),
    ({"shuffle": "batch"}, TypeError, "shuffle must be True or False, received 'batch'"),
    ({"verbose": 7}, ValueError, 'verbose must be 0, 1, 2 or "auto", received 7'),
    ({"verbose": "yes"}, ValueError, "verbose must be 0, 1, 2 or \"auto\", received 'yes'"),
    ({"callbacks": "early"}, TypeError, "callbacks must be Callback objects, received 'early'"),
    ({"callbacks": [object]}, TypeError, "callbacks must be Callback objects, received <class 'object'>"),
    ({"callbacks": [[callbacks.EarlyStopping]]}, TypeError, "callbacks must be Callback objects, received <class"),
    ({"sample_weight": -np.ones(ROWS)}, ValueError, "sample_weight must not be negative, received -1"),
    ({"sample_weight": np.full(ROWS, NAN)}, ValueError, "sample_weight must be finite, received nan at index (0,)"),
    ({"sample_weight": np.full(ROWS, 1e300)}, ValueError, "sample_weight must be finite, received inf at index (0,)"),
    ({"sample_weight": np.ones(ROWS - 1)}, ValueError, "sample_weight must have shape (37,), received (36,)"),
    ({"sample_weight": np.ones((ROWS, 3))}, ValueError, "sample_weight must have shape (37,), received (37, 3)"),
    ({"sample_weight": 1.0}, ValueError, "sample_weight must have shape (37,), received ()"),
    ({"sample_weight": NAN}, ValueError, "sample_weight must have shape (37,), received ()"),
    ({"sample_weight": ["1"] * ROWS}, TypeError, "sample_weight must be an array of numbers, received an array of"),
    ({"sample_weight": {0: 1}}, TypeError, "sample_weight must be an array of numbers, received an array of"),
    ({"sample_weight": np.ones((1, ROWS))}, ValueError, "sample_weight must have shape (37,), received (1, 37)"),
    ({"class_weight": [1, 2, 3]}, TypeError, 'must be a dict of {label: weight} or "balanced", received [1, 2, 3]'),
    ({"class_weight": "balance"}, TypeError, "must be a dict of {label: weight} or \"balanced\", received 'balance'"),
    ({"class_weight": {"0": 1}}, TypeError, "a label of class_weight must be an integer, received '0'"),
    ({"class_weight": {1.5: 1}}, TypeError, "a label of class_weight must be an integer, received 1.5"),
    ({"class_weight": {NAN: 1}}, TypeError, "a label of class_weight must be an integer, received nan"),
    ({"class_weight": {-1: 1}}, ValueError, "class_weight must have labels in [0, 3), received -1"),
    ({"class_weight": {0: 1, 3.0: 1}}, ValueError, "class_weight must have labels in [0, 3), received 3.0"),
    ({"class_weight": {0: -1}}, ValueError, "class_weight[0] must be a finite number"),
    ({"class_weight": {2: NAN}}, ValueError, "class_weight[2] must be a finite number"),
    ({"class_weight": {2: 1e300}}, ValueError, "class_weight[2] must be a finite number"),
    ({"class_weight": {0: "2"}}, TypeError, "class_weight[0] must be a number, received '2'"),
    (
        {"class_weight": {0: 1}, "sample_weight": np.ones(ROWS)},
        ValueError,
        "class_weight and sample_weight cannot be used together",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_FIT, ids=[str(list(case[0])) for case in BAD_FIT])
def test_fit(arguments, error, message):
    models = [fitted] if "(n, 5)" in message else [fitted, unbuilt]
    assert_refused(lambda model: model.fit(X, Y, **{"verbose": 0, **arguments}), error, message, models)


def test_balanced_weights_of_one_batch():
    message = "class_weight must be a dict of {label: weight}, received 'balanced': one batch does not tell"
    assert_refused(lambda model: model.train_on_batch(X, Y, class_weight="balanced"), TypeError, message)


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
@pytest.mark.parametrize("batch_size", [0, True, 1.5])
def test_batch_size_elsewhere(verb, batch_size):
    model = classifier()
    with pytest.raises((ValueError, TypeError), match=f"batch_size must be .* received {batch_size}"):
        getattr(model, verb)(*([X] if verb == "predict" else [X, Y]), batch_size=batch_size)


# ---------------------------------------------------------------------------------------------------------------------
# compile.


DEFAULTS = {
    "optimizer": "sgd",
    "loss": "sparse_categorical_crossentropy",
    "metrics": None,
    "output": "softmax",
    "units": 3,
}


def add_and_compile(model, arguments):
    chosen = DEFAULTS | arguments
    model.add(layers.Dense(chosen["units"], chosen["output"]))
    model.compile(chosen["optimizer"], chosen["loss"], chosen["metrics"])


BAD_COMPILE = [
    ({"optimizer": "adamm"}, ValueError, "unknown optimizer 'adamm'; did you mean 'adam'? Known: adagrad, adam,"),
    ({"optimizer": "Rmsprob"}, ValueError, "unknown optimizer 'Rmsprob'; did you mean 'rmsprop'?"),
    ({"optimizer": None}, ValueError, "unknown optimizer None. Known: adagrad"),
    ({"optimizer": losses.MeanSquaredError}, ValueError, "unknown optimizer <class"),
    ({"loss": None}, ValueError, "compile needs a loss"),
    ({"loss": "mean_square_error"}, ValueError, "unknown loss 'mean_square_error'; did you mean 'mean_squared_error'?"),
    ({"loss": "sparse_categorical"}, ValueError, "did you mean 'sparse_categorical_crossentropy'?"),
    ({"loss": optimizers.Adam}, ValueError, "unknown loss <class"),
    ({"metrics": ["acuracy"]}, ValueError, "unknown metric 'acuracy'; did you mean 'accuracy'?"),
    ({"metrics": [None]}, ValueError, "unknown metric None. Known:"),
    ({"metrics": "accuracy"}, TypeError, "metrics must be a list such as [\"accuracy\"], received 'accuracy'"),
    ({"metrics": {"a": "accuracy"}}, TypeError, 'metrics must be a list such as ["accuracy"]'),
    ({"metrics": ["acc", "acc"]}, ValueError, "must differ from each other and from \"loss\", received ['acc', 'acc']"),
    ({"metrics": [metrics.SparseCategoricalAccuracy("loss")]}, ValueError, 'differ from each other and from "loss"'),
    ({"metrics": ["mse"]}, ValueError, "the metric mse needs rows of targets, but the loss takes integer labels"),
    (
        {"loss": "mse", "metrics": ["sparse_categorical_accuracy"]},
        ValueError,
        "the metric sparse_categorical_accuracy needs integer labels, but the loss takes rows",
    ),
    ({"metrics": [losses.Huber]}, ValueError, "is no metric: it is a loss, fastnn.losses.Huber"),
    ({"output": "sigmoid"}, ValueError, "expects probabilities, but the last activation is sigmoid; use softmax there"),
    ({"output": None}, ValueError, "expects probabilities, but the last activation is linear; use softmax there, or"),
    ({"units": 1}, ValueError, "needs at least 2 outputs, one per class, received 1; for a single output use"),
    ({"loss": "categorical_crossentropy", "output": "relu"}, ValueError, "but the last activation is relu"),
    ({"loss": "binary_crossentropy", "output": "softplus"}, ValueError, "but the last activation is softplus"),
    ({"loss": "categorical_crossentropy", "output": "hard_sigmoid"}, ValueError, "the last activation is hard_sigmoid"),
    ({"loss": "binary_crossentropy"}, ValueError, "but the last activation is softmax; use sigmoid there"),
    (
        {"loss": losses.SparseCategoricalCrossentropy(from_logits=True)},
        ValueError,
        "SparseCategoricalCrossentropy(from_logits=True) expects logits, but the last activation is softmax; drop one",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_COMPILE, ids=[str(case[0]) for case in BAD_COMPILE])
def test_compile(arguments, error, message):
    with pytest.raises(error) as caught:
        add_and_compile(fastnn.Sequential([fastnn.Input((FEATURES,))]), arguments)
    assert message in str(caught.value)
    # The same for a model that was compiled before; and for one whose output is known only with the first data.
    model = fitted()
    before = state(model)
    if not arguments.keys() & {"output", "units"}:
        with pytest.raises(error):
            model.compile(**{"loss": "sparse_categorical_crossentropy", **arguments})
        assert state(model) == before
    later = fastnn.Sequential()
    with pytest.raises(error) as caught:
        add_compile_and_fit(later, arguments)
    assert message in str(caught.value)
    assert not later.built


def add_compile_and_fit(model, arguments):
    add_and_compile(model, arguments)
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.ZeroPadding2D(2**30), "give samples of shape (2147483652, 2147483652, 1), 4611686035607257104"),
        (layers.Conv2D(1, 3, dilation_rate=2**30, padding="same"), "windows of 2147483649 x 2147483649, received"),
    ],
    ids=["zero_padding2d", "conv2d"],
)  # fmt: skip
def test_samples_too_large_for_any_memory(layer, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fastnn.Sequential([fastnn.Input((4, 4, 1)), layer])


def test_an_output_that_has_no_columns():
    model = fastnn.Sequential([fastnn.Input((2, 3)), layers.ReLU()])
    with pytest.raises(ValueError, match=r"last layer must give shape \(n, outputs\), received \(None, 2, 3\)"):
        model.compile("sgd", "mse")


def test_without_compile():
    model = uncompiled()
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(RuntimeError, match="call compile"):
            call(X, Y)
    assert model.predict(X).shape == (ROWS, 3)


def test_without_layers():
    model = fastnn.Sequential(name="bare")
    model.compile("sgd", "mse")
    for call in (lambda: model.predict(X), lambda: model.fit(X, Y, verbose=0), lambda: model.forward(X)):
        with pytest.raises(ValueError, match="model bare has no layers"):
            call()


# ---------------------------------------------------------------------------------------------------------------------
# Weights.

GOOD = [np.ones((5, 7)), np.ones(7), np.ones((7, 3)), np.ones(3)]
BAD_WEIGHTS = [
    (GOOD[:3], ValueError, "weights must be a list of 4 arrays for model m, received 3"),
    ([*GOOD, np.ones(1)], ValueError, "weights must be a list of 4 arrays for model m, received 5"),
    ([], ValueError, "weights must be a list of 4 arrays for model m, received 0"),
    (None, TypeError, "weights must be a list of arrays, received NoneType"),
    (np.ones(4), TypeError, "weights must be a list of arrays, received ndarray"),
    ({0: GOOD[0]}, TypeError, "weights must be a list of arrays, received dict"),
    ([GOOD[0].T, *GOOD[1:]], ValueError, "weights[0] (kernel) of model m must have shape (5, 7), received (7, 5)"),
    ([*GOOD[:3], 1.0], ValueError, "weights[3] (bias) of model m must have shape (3,), received ()"),
    ([*GOOD[:3], [1, NAN, 1]], ValueError, "weights[3] (bias) of model m must be finite, received nan at index (1,)"),
    ([*GOOD[:3], [1, 1, 1e300]], ValueError, "weights[3] (bias) of model m must be finite, received inf at index (2,)"),
    ([*GOOD[:3], ["a", "b", "c"]], TypeError, "weights[3] (bias) of model m must be an array of numbers"),
    ([*GOOD[:3], None], TypeError, "weights[3] (bias) of model m must be an array of numbers"),
]


@pytest.mark.parametrize(("weights", "error", "message"), BAD_WEIGHTS, ids=[case[2] for case in BAD_WEIGHTS])
def test_set_weights(weights, error, message):
    model = uncompiled()
    model.name = "m"
    before = model.get_weights()
    with pytest.raises(error) as caught:
        model.set_weights(weights)
    assert message in str(caught.value)
    for weight, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


# ---------------------------------------------------------------------------------------------------------------------
# Constructors and settings.

BAD_CALLS = [
    (lambda: layers.Dense(0), ValueError, "units must be at least 1, received 0"),
    (lambda: layers.Dense(HUGE), ValueError, "units must be at most 2147483647, received a number of about 401 digits"),
    (lambda: layers.Conv2D(1, 3, strides=10**20), ValueError, "strides must be at most 2147483647, received 10000000"),
    (lambda: layers.Conv2D(1, (3, 2**31)), ValueError, "kernel_size must be at most 2147483647, received 2147483648"),
    (lambda: layers.MaxPooling2D(2, strides=HUGE), ValueError, "strides must be at most 2147483647, received a"),
    (lambda: layers.ZeroPadding2D(((0, 0), (0, HUGE))), ValueError, "padding must be at most 2147483647, received a"),
    (lambda: layers.Reshape((HUGE, -1)), ValueError, "target_shape must be at most 2147483647, received a number of"),
    (lambda: fastnn.Input((LARGER_THAN_PRINTED,)), ValueError, "shape must be at most 2147483647, received a number"),
    (lambda: layers.Dropout(0.5, seed=2**63), ValueError, "seed must be at most 9223372036854775807, received 922337"),
    (lambda: initializers.GlorotUniform(HUGE), ValueError, "seed must be at most 9223372036854775807, received a"),
    (lambda: layers.Rescaling(HUGE), ValueError, "scale must be a finite number, received a number of about 401"),
    (lambda: optimizers.SGD(-LARGER_THAN_PRINTED), ValueError, "learning_rate must be a finite number >= 0, received"),
    (lambda: layers.Dense(2.0), TypeError, "units must be an integer of at least 1, received 2.0"),
    (lambda: layers.Dense(True), TypeError, "units must be an integer of at least 1, received True"),
    (lambda: layers.Dense(2, "rleu"), ValueError, "unknown activation 'rleu'; did you mean 'relu'?"),
    (lambda: layers.Dense(2, np.tanh), TypeError, "received <ufunc 'tanh'>; one of your own derives from"),
    (lambda: layers.Dense(2, kernel_initializer="he"), ValueError, "unknown initializer 'he'"),
    (lambda: initializers.get("glorot_unifrom"), ValueError, "did you mean 'glorot_uniform'?"),
    (lambda: layers.LeakyReLU(-1), ValueError, "negative_slope must be a finite number >= 0, received -1"),
    (lambda: layers.Dropout(1), ValueError, "rate must be a finite number in [0, 1), received 1"),
    (lambda: layers.Dropout(NAN), ValueError, "rate must be a finite number in [0, 1), received nan"),
    (lambda: layers.Dropout("0.5"), TypeError, "rate must be a number, received '0.5'"),
    (lambda: layers.GaussianNoise(-1), ValueError, "stddev must be a finite number >= 0, received -1"),
    (lambda: layers.Rescaling(INF), ValueError, "scale must be a finite number, received inf"),
    (lambda: layers.Dropout(0.5, seed=-1), ValueError, "seed must be at least 0, received -1"),
    (lambda: layers.Dense(2, dtype="float16"), ValueError, "must be \"float32\" or \"float64\", received 'float16'"),
    (lambda: fastnn.Input(), ValueError, "shape must be a tuple of positive integers"),
    (lambda: fastnn.Input(5), ValueError, "positive integers such as (28, 28), received 5"),
    (lambda: fastnn.Input(()), ValueError, "shape must be a tuple of positive integers"),
    (lambda: fastnn.Input((3, 0)), ValueError, "shape must be at least 1, received 0"),
    (lambda: fastnn.Input((None, 3)), TypeError, "shape must be an integer of at least 1, received None"),
    (lambda: optimizers.SGD(-0.1), ValueError, "learning_rate must be a finite number >= 0, received -0.1"),
    (lambda: optimizers.Adam(NAN), ValueError, "learning_rate must be a finite number >= 0, received nan"),
    (lambda: optimizers.Adam("0.1"), TypeError, "learning_rate must be a number, received '0.1'"),
    (lambda: setattr(optimizers.SGD(), "learning_rate", None), TypeError, "learning_rate must be a number"),
    (lambda: optimizers.SGD(0.1, 1.5), ValueError, "momentum must be a finite number in [0, 1], received 1.5"),
    (lambda: optimizers.RMSprop(rho=-1), ValueError, "rho must be a finite number in [0, 1], received -1"),
    (lambda: optimizers.Adam(beta_1=1.0), ValueError, "beta_1 must be a finite number in [0, 1), received 1.0"),
    (lambda: optimizers.Adam(beta_2=1), ValueError, "beta_2 must be a finite number in [0, 1), received 1"),
    (lambda: optimizers.Adam(epsilon=-1e-7), ValueError, "epsilon must be a finite number >= 0"),
    (lambda: optimizers.AdamW(weight_decay=None), TypeError, "weight_decay must be a number, received None"),
    (lambda: optimizers.Adagrad(initial_accumulator_value=-1), ValueError, "initial_accumulator_value must be"),
    (lambda: config.set_floatx("float16"), ValueError, "dtype must be"),
    (lambda: config.using_floatx("float16").__enter__(), ValueError, "dtype must be"),
    (lambda: set_random_seed(1.5), TypeError, "seed must be an integer of at least 0, received 1.5"),
    (lambda: set_random_seed(2**32), ValueError, "seed must be at most 4294967295, received 4294967296"),
    (lambda: to_categorical([0, -1]), ValueError, "x must be integers in [0, 1), received -1 at index 1"),
    (lambda: to_categorical([0, 3], 3), ValueError, "x must be integers in [0, 3), received 3 at index 1"),
    (lambda: to_categorical([]), ValueError, "x must hold at least one label"),
    (lambda: callbacks.EarlyStopping(patience=-1), ValueError, "patience must be at least 0, received -1"),
    (lambda: callbacks.EarlyStopping(monitor=3), TypeError, "monitor must be a string, received 3"),
    (lambda: callbacks.ReduceLROnPlateau(None), TypeError, "monitor must be a string, received None"),
    (lambda: callbacks.LossThreshold(0.1, monitor=b"loss"), TypeError, "monitor must be a string, received b'loss'"),
    (lambda: callbacks.LambdaCallback(on_epoch_end=3), TypeError, "on_epoch_end must be a function, received 3"),
    (lambda: metrics.BinaryAccuracy(name=5), TypeError, "name must be a string, received 5"),
    (lambda: metrics.AUC(name=5), TypeError, "name must be a string, received 5"),
    (lambda: callbacks.EarlyStopping(mode="mni"), ValueError, "unknown mode 'mni'; did you mean 'min'?"),
    (lambda: callbacks.LambdaCallback(on_epoch_ends=print), ValueError, "did you mean 'on_epoch_end'?"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS, ids=[case[2] for case in BAD_CALLS])
def test_constructors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
    assert config.floatx() == "float32"
