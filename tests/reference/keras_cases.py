"""What is compared with Keras: the cases, their data and their initial weights.

`record_keras.py` runs every case in Keras once and writes the figures to `keras.json`;
the tests run the same cases in fastnn and compare. Only NumPy is imported here, so both
sides make exactly the same arrays. Layers, losses, optimizers and metrics are named by
strings that mean the same in `keras` and in `fastnn`. Among a layer's keyword arguments a
pair such as ("regularizers.L2", {"l2": 0.1}) stands for an object of that module.

A training case is a dict:

    name        its key in keras.json["cases"]
    shape       the shape of one sample
    layers      [(class name in layers, keyword arguments), ...], without the Input
    loss        a string, or (class name in losses, keyword arguments)
    optimizer   a string, or (class name in optimizers, keyword arguments)
    metrics, weighted_metrics     as compile() takes them, or (class name in metrics, keyword arguments)
    y           which targets: a key of TARGETS
    fit         the scalar keyword arguments of fit() (class_weight included)
    sample_weight     True: fit() gets `sample_weights(ROWS)`
    validation_data   True: fit() gets 11 other rows; "weighted": with their sample weights
    excluded          the names that `exclude_from_weight_decay` is given
    saturated         present and True where probabilities leave [1e-7, 1 - 1e-7]: there
                      Keras clips and has no gradient, a fused softmax or sigmoid goes on

Use `initial_weights`, `inputs`, `targets` and `fit_arguments` to run one; the weights are
set with set_weights() before fit().
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Case = dict[str, Any]

ROWS = 37
"""Not a multiple of the batch size: the last batch has 5 rows."""
INPUTS = 5
HIDDEN = 7
CLASSES = 3
OUTPUTS = 4
"""Of the multi-label and the regression networks."""
VALIDATION_ROWS = 11


def network(units: int, activation: str | None, hidden: str = "relu") -> list[tuple[str, Any]]:
    """One hidden layer."""
    return [
        ("Dense", {"units": HIDDEN, "activation": hidden}),
        ("Dense", {"units": units, "activation": activation}),
    ]


def case(name: str, **changes: Any) -> Case:
    """The softmax classifier with plain SGD, with these entries changed."""
    fit = {"batch_size": 8, "epochs": 3, "shuffle": False, **changes.pop("fit", {})}
    return {
        "name": name,
        "shape": (INPUTS,),
        "layers": network(CLASSES, "softmax"),
        "loss": "sparse_categorical_crossentropy",
        "optimizer": ("SGD", {"learning_rate": 0.3}),
        "metrics": ["accuracy"],
        "y": "labels",
        **changes,
        "fit": fit,
    }


OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"learning_rate": 0.3}),
    "momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "adagrad": ("Adagrad", {"learning_rate": 0.2}),
    "adagrad_zero": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.0}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.02}),
    "rmsprop_momentum": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.8, "rho": 0.8}),
    "rmsprop_centered": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}),
    "adam": ("Adam", {"learning_rate": 0.05}),
    # With beta_2 = 0.999 fifteen steps hardly ever let the second moment fall, and AMSGrad
    # would be Adam.
    "adam_amsgrad": ("Adam", {"learning_rate": 0.05, "beta_2": 0.8, "amsgrad": True}),
    # An epsilon large enough to see where it stands.
    "adagrad_epsilon": ("Adagrad", {"learning_rate": 0.2, "epsilon": 0.01}),
    "rmsprop_epsilon": ("RMSprop", {"learning_rate": 0.1, "epsilon": 0.01}),
    "adam_epsilon": ("Adam", {"learning_rate": 0.05, "epsilon": 0.01}),
    "adamw": ("AdamW", {"learning_rate": 0.05, "weight_decay": 0.1}),
}

REGRESSION: Case = {
    "layers": network(1, None),
    "loss": "mean_squared_error",
    "optimizer": ("SGD", {"learning_rate": 0.05}),
    "metrics": ["mse", "mae"],
    "y": "values",
}
ONE_SIGMOID: Case = {
    "layers": network(1, "sigmoid"),
    "loss": "binary_crossentropy",
    "y": "binary",
}
REGRESSION_ROWS: Case = {**REGRESSION, "layers": network(OUTPUTS, None), "y": "value_rows"}
MULTI_LABEL: Case = {
    "layers": network(OUTPUTS, "sigmoid"),
    "loss": "binary_crossentropy",
    "metrics": ["accuracy", "binary_accuracy"],  # the first becomes CategoricalAccuracy
    "y": "multi_label",
}


def limited(first: dict[str, Any], last: dict[str, Any] | None = None) -> list[tuple[str, Any]]:
    """`network` with more arguments for each of its layers."""
    (dense, hidden), (_, output) = network(CLASSES, "softmax", hidden="tanh")
    return [(dense, hidden | first), (dense, output | (first if last is None else last))]


REGULARIZED = {
    "kernel_regularizer": ("regularizers.L1L2", {"l1": 0.01, "l2": 0.03}),
    "bias_regularizer": ("regularizers.L1", {"l1": 0.02}),
}
MAX_NORM = ("constraints.MaxNorm", {"max_value": 0.9})
MIN_MAX_NORM = ("constraints.MinMaxNorm", {"min_value": 0.5, "max_value": 0.7, "rate": 0.4})

# What a step does besides gradient and equation: each alone, then together.
UPDATES: list[Case] = [
    case("regularizer_l1", layers=limited({"kernel_regularizer": ("regularizers.L1", {"l1": 0.02})})),
    case("regularizer_l2", layers=limited({"kernel_regularizer": ("regularizers.L2", {"l2": 0.05})})),
    case("regularizer_by_name", layers=limited({"kernel_regularizer": "l1", "bias_regularizer": "l2"})),
    case("regularizer_l1_l2", layers=limited(REGULARIZED), fit={"validation_split": 0.3}),
    case("regularizer_weighted", layers=limited(REGULARIZED), sample_weight=True, weighted_metrics=["accuracy"]),
    case("regularizer_frozen", layers=limited(REGULARIZED | {"trainable": False}, {"kernel_regularizer": "l2"})),
    case("constraint_non_neg", layers=limited({"kernel_constraint": "non_neg", "bias_constraint": "non_neg"})),
    case("constraint_max_norm", layers=limited({"kernel_constraint": MAX_NORM, "bias_constraint": MAX_NORM})),
    case("constraint_unit_norm", layers=limited({"kernel_constraint": "unit_norm"}, {"bias_constraint": "unit_norm"})),
    case(
        "constraint_min_max_norm",
        layers=limited({"kernel_constraint": MIN_MAX_NORM, "bias_constraint": MIN_MAX_NORM}, {}),
    ),
    case("weight_decay_sgd", optimizer=("SGD", {"learning_rate": 0.3, "weight_decay": 0.1})),
    case("weight_decay_rmsprop", optimizer=("RMSprop", {"learning_rate": 0.02, "momentum": 0.5, "weight_decay": 0.2})),
    case(
        "weight_decay_excluded",
        optimizer=("AdamW", {"learning_rate": 0.05, "weight_decay": 0.2}),
        excluded=["bias"],
    ),
    case("clipnorm", optimizer=("SGD", {"learning_rate": 0.3, "clipnorm": 0.2})),
    case("clipnorm_momentum", optimizer=("SGD", {"learning_rate": 0.1, "momentum": 0.9, "clipnorm": 0.3})),
    case("clipvalue", optimizer=("Adagrad", {"learning_rate": 0.2, "clipvalue": 0.05})),
    case("global_clipnorm", optimizer=("SGD", {"learning_rate": 0.3, "global_clipnorm": 0.4})),
    case("ema", optimizer=("SGD", {"learning_rate": 0.3, "use_ema": True, "ema_momentum": 0.9})),
    case(
        "ema_overwrite",
        optimizer=("Adam", {"learning_rate": 0.05, "use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 4}),
        fit={"validation_split": 0.3},
    ),
    case(
        "update_all",
        layers=limited(REGULARIZED | {"kernel_constraint": MAX_NORM}, {"bias_constraint": MIN_MAX_NORM}),
        optimizer=(
            "AdamW",
            {
                "learning_rate": 0.05,
                "weight_decay": 0.1,
                "global_clipnorm": 0.5,
                "use_ema": True,
                "ema_momentum": 0.8,
                "ema_overwrite_frequency": 5,
            },
        ),
        fit={"validation_split": 0.3},
    ),
    case(
        "update_all_but_ema",
        layers=limited({"kernel_regularizer": "l2", "kernel_constraint": "non_neg"}, REGULARIZED),
        optimizer=(
            "SGD",
            {"learning_rate": 0.2, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1, "clipnorm": 0.3},
        ),
    ),
]

CASES: list[Case] = [
    *UPDATES,
    # Optimizers.
    *(case(f"optimizer_{name}", optimizer=spec) for name, spec in OPTIMIZERS.items()),
    *(case(f"optimizer_default_{name}", optimizer=name) for name in ("sgd", "adagrad", "rmsprop", "adam", "adamw")),
    # Losses, each with its natural output.
    case("loss_sparse_categorical"),
    case("loss_sparse_categorical_column", y="labels_column"),
    case("loss_categorical", loss="categorical_crossentropy", y="one_hot"),
    case("loss_binary", **ONE_SIGMOID),
    case("loss_binary_column", **{**ONE_SIGMOID, "y": "binary_column"}),
    case("loss_binary_multi_label", **MULTI_LABEL),
    case("loss_mean_squared_error", **REGRESSION),
    case(
        "loss_mean_squared_error_outputs",
        **{**REGRESSION, "layers": network(OUTPUTS, None), "y": "value_rows"},
        weighted_metrics=["RootMeanSquaredError"],
    ),
    case(
        "loss_sparse_categorical_logits",
        layers=network(CLASSES, None),
        loss=("SparseCategoricalCrossentropy", {"from_logits": True}),
    ),
    case(
        "loss_categorical_logits",
        layers=network(CLASSES, None),
        loss=("CategoricalCrossentropy", {"from_logits": True}),
        y="one_hot",
    ),
    case(  # the threshold of the accuracy stays 0.5
        "loss_binary_logits",
        layers=network(1, None),
        loss=("BinaryCrossentropy", {"from_logits": True}),
        y="binary",
    ),
    case(
        "loss_binary_multi_label_logits",
        layers=network(OUTPUTS, None),
        loss=("BinaryCrossentropy", {"from_logits": True}),
        metrics=["accuracy", "binary_accuracy"],
        y="multi_label",
    ),
    case("loss_mean_absolute_error", **{**REGRESSION, "loss": "mae", "metrics": ["mse", "r2_score"]}),
    case("loss_huber", **{**REGRESSION_ROWS, "loss": ("Huber", {"delta": 0.5}), "metrics": ["mae", "r2_score"]}),
    case("loss_log_cosh", **{**REGRESSION_ROWS, "loss": "log_cosh"}),
    case("loss_poisson", **{**MULTI_LABEL, "loss": "poisson", "metrics": ["mae"], "y": "counts"}),
    # The metrics see targets of 0 and 1 as they are, the loss takes 0 as -1.
    case("loss_hinge", **{**ONE_SIGMOID, "layers": network(1, "tanh"), "loss": "hinge"}, metrics=["binary_accuracy"]),
    case(
        "loss_squared_hinge",
        **{**MULTI_LABEL, "layers": network(OUTPUTS, None), "loss": "squared_hinge", "metrics": ["mae"], "y": "signs"},
    ),
    case("loss_kl_divergence", loss="kl_divergence", y="soft"),
    case("loss_focal", loss=("CategoricalFocalCrossentropy", {"alpha": 0.5, "gamma": 1.5}), y="one_hot"),
    case("loss_categorical_smoothed", loss=("CategoricalCrossentropy", {"label_smoothing": 0.2}), y="one_hot"),
    case("loss_binary_smoothed", **{**MULTI_LABEL, "loss": ("BinaryCrossentropy", {"label_smoothing": 0.2})}),
    # Metrics.
    case("metrics_binary", **ONE_SIGMOID, metrics=["precision", "recall", "auc", "accuracy"]),
    case("metrics_multi_label", **{**MULTI_LABEL, "metrics": ["precision", "recall", "auc"]}),
    case("metrics_top_k", metrics=[("SparseTopKCategoricalAccuracy", {"k": 2}), "accuracy"]),
    case(
        "metrics_of_rows",
        loss="categorical_crossentropy",
        y="one_hot",
        metrics=[("TopKCategoricalAccuracy", {"k": 2}), ("F1Score", {"average": "macro"})],
    ),
    # Hidden activations.
    *(
        case(f"activation_{name}", layers=network(CLASSES, "softmax", hidden=name))
        for name in ("relu", "leaky_relu", "sigmoid", "tanh", "linear")
    ),
    case(
        "activation_layers",
        layers=[
            ("Dense", {"units": HIDDEN}),
            ("LeakyReLU", {}),
            ("Dense", {"units": HIDDEN}),
            ("Activation", {"activation": "leaky_relu"}),
            ("Dense", {"units": HIDDEN}),
            ("ReLU", {}),
            ("Dense", {"units": CLASSES}),
            ("Softmax", {}),
        ],
    ),
    # Shapes of the network.
    case(
        "no_bias",
        layers=[
            ("Dense", {"units": HIDDEN, "activation": "relu", "use_bias": False}),
            ("Dense", {"units": CLASSES, "activation": "softmax", "use_bias": False}),
        ],
    ),
    case("no_hidden", layers=[("Dense", {"units": CLASSES, "activation": "softmax"})]),
    case(
        "images",
        shape=(2, 3),
        layers=[("Flatten", {}), ("Rescaling", {"scale": 1 / 255, "offset": -0.5}), *network(CLASSES, "softmax")],
    ),
    # What fit() is given.
    case("sample_weight", sample_weight=True, weighted_metrics=["accuracy"]),
    case("sample_weight_regression", **REGRESSION, sample_weight=True),
    case("sample_weight_multi_label", **MULTI_LABEL, sample_weight=True),
    case("class_weight", fit={"class_weight": {0: 2.0, 2: 0.25}}),
    case(
        "class_weight_one_hot",
        loss="categorical_crossentropy",
        y="one_hot",
        fit={"class_weight": {0: 2.0, 1: 1.0, 2: 0.25}},
    ),
    case("validation_split", fit={"validation_split": 0.3}),
    case(
        "validation_split_sample_weight",
        sample_weight=True,
        weighted_metrics=["accuracy"],
        fit={"validation_split": 0.3},
    ),
    case(
        "validation_split_class_weight",
        fit={"validation_split": 0.3, "class_weight": {0: 2.0, 2: 0.25}},
    ),
    case("validation_data", validation_data=True),
    case("validation_data_weighted", validation_data="weighted"),
    case("validation_freq", validation_data=True, fit={"validation_freq": 2}),
    case("initial_epoch", fit={"initial_epoch": 1}),
    case("batch_size_default", fit={"batch_size": None}),
    case("batch_size_whole", fit={"batch_size": 64}),
    case("batch_size_one", fit={"batch_size": 1, "epochs": 1}, optimizer="sgd"),
    # A large step drives probabilities below 1e-7.
    case(
        "saturated",
        layers=[("Dense", {"units": CLASSES, "activation": "softmax"})],
        optimizer=("SGD", {"learning_rate": 40.0}),
        saturated=True,
    ),
]


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def inputs(case: Case, rows: int = ROWS, seed: int = 1) -> np.ndarray:
    """(rows, *shape): float32 from N(0, 1), or uint8 for images."""
    if len(case["shape"]) > 1:
        return generator(seed).integers(0, 256, (rows, *case["shape"]), np.uint8)
    return generator(seed).normal(size=(rows, *case["shape"])).astype(np.float32)


def _scores(x: np.ndarray, units: int) -> np.ndarray:
    """A linear teacher with noise, (rows, units): there is something to learn from x."""
    flat = x.reshape(len(x), -1).astype(np.float64)
    if x.dtype == np.uint8:
        flat = flat / 128 - 1
    teacher = generator(2).normal(size=(flat.shape[1], units))
    return flat @ teacher + 0.5 * generator(3).normal(size=(len(flat), units))


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


TARGETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "labels": lambda x: np.argmax(_scores(x, CLASSES), axis=1),
    "labels_column": lambda x: np.argmax(_scores(x, CLASSES), axis=1)[:, None],
    "one_hot": lambda x: np.eye(CLASSES, dtype=np.float32)[np.argmax(_scores(x, CLASSES), axis=1)],
    "binary": lambda x: (_scores(x, 1)[:, 0] > 0).astype(np.float32),
    "binary_column": lambda x: (_scores(x, 1) > 0).astype(np.float32),
    "multi_label": lambda x: (_scores(x, OUTPUTS) > 0).astype(np.float32),
    "values": lambda x: _scores(x, 1)[:, 0].astype(np.float32),
    "value_rows": lambda x: _scores(x, OUTPUTS).astype(np.float32),
    "signs": lambda x: np.sign(_scores(x, OUTPUTS)).astype(np.float32),
    "counts": lambda x: np.floor(np.abs(_scores(x, OUTPUTS))).astype(np.float32),
    "soft": lambda x: _softmax(_scores(x, CLASSES)).astype(np.float32),
}


def targets(case: Case, x: np.ndarray) -> np.ndarray:
    return TARGETS[case["y"]](x)


def sample_weights(rows: int, seed: int = 4) -> np.ndarray:
    """(rows,) float32, from 0.1 to 3, and two zeros."""
    weights = generator(seed).uniform(0.1, 3.0, rows).astype(np.float32)
    weights[[2, -1]] = 0.0
    return weights


def initial_weights(case: Case) -> list[np.ndarray]:
    """float32, in the order of get_weights(): kernel (in, out), bias (out,), layer by layer."""
    rng = generator(5)
    width = int(np.prod(case["shape"]))
    weights = []
    for name, options in case["layers"]:
        if name != "Dense":
            continue
        units = options["units"]
        weights.append((rng.normal(size=(width, units)) / np.sqrt(width)).astype(np.float32))
        if options.get("use_bias", True):
            weights.append((0.1 * rng.normal(size=units)).astype(np.float32))
        width = units
    return weights


def fit_arguments(case: Case) -> dict[str, Any]:
    """All keyword arguments of fit() but verbose."""
    x = inputs(case)
    arguments = {"x": x, "y": targets(case, x), **case["fit"]}
    if case.get("sample_weight"):
        arguments["sample_weight"] = sample_weights(ROWS)
    if case.get("validation_data"):
        x = inputs(case, VALIDATION_ROWS, seed=6)
        data: tuple[np.ndarray, ...] = (x, targets(case, x))
        if case["validation_data"] == "weighted":
            data += (sample_weights(VALIDATION_ROWS, seed=7),)
        arguments["validation_data"] = data
    return arguments


# Losses on their own: loss(y_true, y_pred), each row, its weighted mean and its gradient.

LOGITS = "logits"  # from N(0, 3), with rows at +-100 and at 0
PROBABILITIES = "probabilities"  # rows sum to 1, with exact 0 and 1 and values below 1e-7
SCALED = "scaled"  # positive rows that do not sum to 1
INDEPENDENT = "independent"  # each in [0, 1], with exact 0 and 1 and values below 1e-7
VALUES = "values"  # from N(0, 3)

LOSS_VALUES: list[dict[str, Any]] = [
    {"name": f"{name}_{pred}", "loss": loss, "options": options, "pred": pred, "true": true}
    for name, loss, options, pred, true in [
        ("mse", "MeanSquaredError", {}, VALUES, "values"),
        ("mae", "MeanAbsoluteError", {}, VALUES, "values"),
        ("bce", "BinaryCrossentropy", {}, INDEPENDENT, "multi_label"),
        ("bce", "BinaryCrossentropy", {"from_logits": True}, LOGITS, "multi_label"),
        ("bce_smooth", "BinaryCrossentropy", {"label_smoothing": 0.2}, INDEPENDENT, "multi_label"),
        ("cce", "CategoricalCrossentropy", {}, PROBABILITIES, "one_hot"),
        ("cce", "CategoricalCrossentropy", {}, SCALED, "one_hot"),
        ("cce_soft", "CategoricalCrossentropy", {}, PROBABILITIES, "soft"),
        ("cce", "CategoricalCrossentropy", {"from_logits": True}, LOGITS, "one_hot"),
        ("cce_soft", "CategoricalCrossentropy", {"from_logits": True}, LOGITS, "soft"),
        ("cce_smooth", "CategoricalCrossentropy", {"label_smoothing": 0.2}, SCALED, "one_hot"),
        ("cce_smooth", "CategoricalCrossentropy", {"label_smoothing": 0.2, "from_logits": True}, LOGITS, "one_hot"),
        ("bce_smooth", "BinaryCrossentropy", {"label_smoothing": 0.2, "from_logits": True}, LOGITS, "multi_label"),
        ("huber", "Huber", {}, VALUES, "values"),
        ("huber_2.5", "Huber", {"delta": 2.5}, VALUES, "values"),
        ("log_cosh", "LogCosh", {}, VALUES, "values"),
        ("poisson", "Poisson", {}, INDEPENDENT, "counts"),
        ("hinge", "Hinge", {}, VALUES, "signs"),
        ("hinge_binary", "Hinge", {}, VALUES, "multi_label"),
        ("squared_hinge", "SquaredHinge", {}, VALUES, "signs"),
        ("squared_hinge_binary", "SquaredHinge", {}, VALUES, "multi_label"),
        ("kld", "KLDivergence", {}, SCALED, "soft"),
        ("kld_one_hot", "KLDivergence", {}, SCALED, "one_hot"),
        ("focal", "CategoricalFocalCrossentropy", {}, PROBABILITIES, "one_hot"),
        ("focal_soft", "CategoricalFocalCrossentropy", {"alpha": 0.5, "gamma": 1.5}, SCALED, "soft"),
        ("focal_smooth", "CategoricalFocalCrossentropy", {"label_smoothing": 0.2}, SCALED, "one_hot"),
        # Not LOGITS: where a probability is below 1e-7, Keras clips it.
        ("focal_logits", "CategoricalFocalCrossentropy", {"from_logits": True}, VALUES, "soft"),
        ("scce", "SparseCategoricalCrossentropy", {}, PROBABILITIES, "labels"),
        ("scce", "SparseCategoricalCrossentropy", {}, SCALED, "labels"),
        ("scce", "SparseCategoricalCrossentropy", {"from_logits": True}, LOGITS, "labels"),
    ]
]
LOSS_ROWS = 12


def loss_arguments(value: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y_true, y_pred (12, 4) and sample weights (12,) of an entry of LOSS_VALUES."""
    return true_values(value["true"]), predictions(value["pred"]), sample_weights(LOSS_ROWS, 8)


def predictions(kind: str) -> np.ndarray:
    """(12, 4) float32. The first rows are ordinary, the last five extreme."""
    rng = generator(9)
    x = (3 * rng.normal(size=(LOSS_ROWS, OUTPUTS))).astype(np.float32)
    if kind == VALUES:
        return x
    if kind == LOGITS:
        x[7:] = [
            [100, -100, 0, 0],
            [-100, 100, 100, -100],
            [0, 0, 0, 0],
            [100, 99, 98, -100],
            [-100, -100, -100, -100],
        ]
        return x
    if kind == INDEPENDENT:
        p = (1 / (1 + np.exp(-x.astype(np.float64)))).astype(np.float32)
        p[7:] = [
            [0, 1, 0, 1],
            [1, 0, 1, 0],
            [1e-9, 1e-6, 0.5, 0.999999],
            [0.5, 0.5, 0.5, 0.5],
            [3e-7, 0.999999, 0.25, 0.75],
        ]
        return p
    e = np.exp(x.astype(np.float64))
    if kind == SCALED:
        return e.astype(np.float32)
    p = (e / e.sum(axis=1, keepdims=True)).astype(np.float32)
    p[7:] = [
        [0, 1, 0, 0],
        [1, 0, 0, 0],
        [1e-9, 1, 0, 1e-8],
        [0.25, 0.25, 0.25, 0.25],
        [3e-7, 0.5, 0.5, 3e-7],
    ]
    return p


def true_values(kind: str) -> np.ndarray:
    """Of the 12 rows: labels (12,), the rest (12, 4) float32."""
    rng = generator(10)
    labels = rng.integers(0, OUTPUTS, LOSS_ROWS)
    if kind == "labels":
        return labels
    if kind == "one_hot":
        return np.eye(OUTPUTS, dtype=np.float32)[labels]
    if kind == "multi_label":
        return rng.integers(0, 2, (LOSS_ROWS, OUTPUTS)).astype(np.float32)
    if kind == "signs":
        return (2 * rng.integers(0, 2, (LOSS_ROWS, OUTPUTS)) - 1).astype(np.float32)
    if kind == "counts":
        return rng.poisson(1.5, (LOSS_ROWS, OUTPUTS)).astype(np.float32)
    values = rng.normal(size=(LOSS_ROWS, OUTPUTS))
    if kind == "soft":
        e = np.exp(values)
        return (e / e.sum(axis=1, keepdims=True)).astype(np.float32)
    return values.astype(np.float32)


# Metrics on their own: metric(y_true, y_pred) and with sample weights.

METRIC_VALUES: list[dict[str, Any]] = [
    {"name": name, "metric": metric, "options": options, "pred": pred, "true": true}
    for name, metric, options, pred, true in [
        ("binary_accuracy", "BinaryAccuracy", {}, INDEPENDENT, "multi_label"),
        ("binary_accuracy_0.8", "BinaryAccuracy", {"threshold": 0.8}, INDEPENDENT, "multi_label"),
        ("categorical_accuracy", "CategoricalAccuracy", {}, PROBABILITIES, "one_hot"),
        ("sparse_categorical_accuracy", "SparseCategoricalAccuracy", {}, PROBABILITIES, "labels"),
        ("mean_squared_error", "MeanSquaredError", {}, VALUES, "values"),
        ("mean_absolute_error", "MeanAbsoluteError", {}, VALUES, "values"),
        ("root_mean_squared_error", "RootMeanSquaredError", {}, VALUES, "values"),
        ("top_1", "TopKCategoricalAccuracy", {"k": 1}, PROBABILITIES, "one_hot"),
        ("top_2", "TopKCategoricalAccuracy", {"k": 2}, PROBABILITIES, "one_hot"),
        ("top_5", "TopKCategoricalAccuracy", {}, PROBABILITIES, "one_hot"),
        ("sparse_top_2", "SparseTopKCategoricalAccuracy", {"k": 2}, PROBABILITIES, "labels"),
        ("precision", "Precision", {}, INDEPENDENT, "multi_label"),
        ("precision_0.8", "Precision", {"thresholds": 0.8}, INDEPENDENT, "multi_label"),
        ("recall", "Recall", {}, INDEPENDENT, "multi_label"),
        ("recall_0.2", "Recall", {"thresholds": 0.2}, INDEPENDENT, "multi_label"),
        ("f1_score", "F1Score", {}, PROBABILITIES, "one_hot"),
        ("f1_score_micro", "F1Score", {"average": "micro"}, PROBABILITIES, "one_hot"),
        ("f1_score_macro", "F1Score", {"average": "macro"}, PROBABILITIES, "one_hot"),
        ("f1_score_weighted", "F1Score", {"average": "weighted"}, PROBABILITIES, "one_hot"),
        ("f1_score_soft", "F1Score", {"average": "macro"}, PROBABILITIES, "soft"),
        ("f1_score_0.4", "F1Score", {"threshold": 0.4}, INDEPENDENT, "multi_label"),
        ("auc", "AUC", {}, INDEPENDENT, "multi_label"),
        ("auc_few", "AUC", {"num_thresholds": 5}, INDEPENDENT, "multi_label"),
        ("auc_minoring", "AUC", {"summation_method": "minoring"}, INDEPENDENT, "multi_label"),
        ("auc_majoring", "AUC", {"summation_method": "majoring"}, INDEPENDENT, "multi_label"),
        ("auc_pr", "AUC", {"curve": "PR"}, INDEPENDENT, "multi_label"),
        ("auc_pr_few", "AUC", {"curve": "PR", "num_thresholds": 5}, INDEPENDENT, "multi_label"),
        ("auc_pr_minoring", "AUC", {"curve": "PR", "summation_method": "minoring"}, INDEPENDENT, "multi_label"),
        ("auc_pr_majoring", "AUC", {"curve": "PR", "summation_method": "majoring"}, INDEPENDENT, "multi_label"),
        ("auc_logits", "AUC", {"from_logits": True}, LOGITS, "multi_label"),
        ("r2_score", "R2Score", {}, VALUES, "values"),
        ("r2_score_each", "R2Score", {"class_aggregation": None}, VALUES, "values"),
        ("r2_score_weighted", "R2Score", {"class_aggregation": "variance_weighted_average"}, VALUES, "values"),
    ]
]

# Activations: the function and its derivative; softmax is taken over each row of LOGITS.

ACTIVATIONS = ["linear", "relu", "leaky_relu", "sigmoid", "tanh"]
ACTIVATION_LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("LeakyReLU", {}),
    ("ReLU", {}),
    ("ReLU", {"max_value": 2.0, "negative_slope": 0.1, "threshold": 1.0}),
]
ACTIVATION_INPUTS = np.array([-100, -20, -9, -3, -1, -0.5, -1e-3, 0, 1e-3, 0.5, 1.5, 3, 9, 20, 100], np.float32)

# utils.to_categorical(x, num_classes)

TO_CATEGORICAL: list[tuple[Any, int | None]] = [
    ([0, 2, 1], None),
    ([0, 2, 1], 5),
    ([[0], [2]], None),
    ([[0, 1], [2, 0]], None),
    ([[[1]], [[0]]], None),
    ([1.9, 0.2], None),
    (3, None),
]

# EarlyStopping: the values it sees epoch by epoch (mode "auto" of val_loss: smaller is better).

EARLY_STOPPING: list[tuple[list[float], dict[str, Any]]] = [
    ([1, 2, 3, 4], {}),
    ([1, 2, 3, 4], {"patience": 1}),
    ([1, 2, 3, 4], {"patience": 2}),
    ([1, 2, 3, 4], {"patience": 2, "restore_best_weights": True}),
    ([1, 1, 1, 1], {"patience": 1}),
    ([3, 2, 1, 1.5, 1.2], {"patience": 5, "restore_best_weights": True}),  # never stopped
    ([1, 0.95, 0.9, 0.85], {"min_delta": 0.1}),
    ([1, 0.95, 0.85, 0.8], {"min_delta": 0.1, "patience": 2}),
    ([1, 0.95, 0.85, 0.8], {"min_delta": -0.1, "patience": 2}),
    ([5, 4, 3, 2, 1], {"baseline": 0.5, "patience": 2}),  # improves, never beats the baseline
    ([5, 4, 4.5, 2, 1], {"baseline": 0.5, "patience": 2}),
    ([5, 3, 4, 4, 4], {"baseline": 3.5, "patience": 1, "restore_best_weights": True}),
    ([1, 2, 3, 2, 1, 3, 4], {"start_from_epoch": 2, "restore_best_weights": True}),
    ([1, 2, 3, 2, 1, 3, 4], {"start_from_epoch": 2, "patience": 1}),
    ([float("nan"), 1, 1, 1], {"patience": 2, "restore_best_weights": True}),
    ([1, float("nan"), 0.5, float("nan"), float("nan")], {"patience": 2}),
    ([1, 2, 1.5, 1.7], {"mode": "max", "patience": 2, "restore_best_weights": True}),
]
