"""Run every case of `keras_cases.py` in Keras and write the figures to `keras.json`.

    KERAS_BACKEND=jax python tests/reference/record_keras.py

Needs keras and jax; the tests only read the file it wrote. Run it again when a case
changes. A float is written with the fewest digits that np.float32 reads back to the same
bits; NaN and infinity are written as JSON does in Python (NaN, Infinity).
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# Python puts this folder first on its path, and `random.py` here would hide the library's.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
os.environ.setdefault("KERAS_BACKEND", "jax")

import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402


def load_cases() -> Any:
    spec = importlib.util.spec_from_file_location("keras_cases", HERE / "keras_cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = load_cases()


def plain(value: Any) -> Any:
    """Arrays as nested lists, floats with the fewest digits that keep float32."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float | np.floating):
        return float(str(np.float32(value)))
    array = np.asarray(value)
    return plain(array.item() if array.ndim == 0 else list(array))


def make(module: Any, spec: Any) -> Any:
    """An object of a module from (class name, keyword arguments); a string stays one."""
    if isinstance(spec, str):
        return spec
    name, options = spec
    return getattr(module, name)(**{key: inner(value) for key, value in options.items()})


def inner(value: Any) -> Any:
    """An argument of a layer: ("regularizers.L2", {...}) as an object, others as they are."""
    if not (isinstance(value, tuple) and isinstance(value[0], str)):
        return value
    module, _, name = value[0].partition(".")
    return getattr(getattr(keras, module), name)(**value[1])


def build(case: dict[str, Any]) -> keras.Sequential:
    dtype = "uint8" if len(case["shape"]) > 1 else None
    layers = [keras.Input(case["shape"], dtype=dtype)]
    layers += [make(keras.layers, spec) for spec in case["layers"]]
    model = keras.Sequential(layers)
    model.compile(
        optimizer=make(keras.optimizers, case["optimizer"]),
        loss=make(keras.losses, case["loss"]),
        metrics=[make(keras.metrics, spec) for spec in case["metrics"]],
        weighted_metrics=case.get("weighted_metrics"),
    )
    if "excluded" in case:
        model.optimizer.exclude_from_weight_decay(var_names=case["excluded"])
    model.set_weights(cases.initial_weights(case))
    return model


def record_case(case: dict[str, Any]) -> dict[str, Any]:
    model = build(case)
    arguments = cases.fit_arguments(case)
    x, y = arguments["x"], arguments["y"]
    history = model.fit(**arguments, verbose=0)
    return {
        "epoch": history.epoch,
        "params": history.params,
        "history": history.history,
        "weights": model.get_weights(),
        "evaluate": model.evaluate(x, y, batch_size=8, verbose=0),
        "evaluate_dict": model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True),
        "predict": model.predict(x, verbose=0)[:3],
    }


def record_on_batch() -> dict[str, Any]:
    """The first case by hand: what the functions on one batch return, call by call."""
    case = cases.CASES[0]
    model = build(case)
    x = cases.inputs(case)
    y, w = cases.targets(case, x), cases.sample_weights(len(x))
    return {
        "case": case["name"],
        "train": [model.train_on_batch(x[i : i + 8], y[i : i + 8]) for i in range(0, 24, 8)],
        "train_sample_weight": model.train_on_batch(x, y, sample_weight=w),
        "train_class_weight": model.train_on_batch(x, y, class_weight={0: 2.0, 2: 0.25}),
        "test": [model.test_on_batch(x[i : i + 8], y[i : i + 8]) for i in range(0, 24, 8)],
        "test_return_dict": model.test_on_batch(x, y, sample_weight=w, return_dict=True),
        "evaluate_sample_weight": model.evaluate(x, y, sample_weight=w, verbose=0),
        "weights": model.get_weights(),
    }


def record_loss(value: dict[str, Any]) -> dict[str, Any]:
    y_true, y_pred, weights = cases.loss_arguments(value)
    loss_class = getattr(keras.losses, value["loss"])
    mean = loss_class(**value["options"])
    each = loss_class(**value["options"], reduction="none")
    total = loss_class(**value["options"], reduction="sum")
    return {
        "mean": mean(y_true, y_pred),
        "sum": total(y_true, y_pred),
        "each": each(y_true, y_pred),
        "weighted_mean": mean(y_true, y_pred, sample_weight=weights),
        "d": jax.grad(lambda p: mean(y_true, p))(y_pred),
    }


def record_metric(value: dict[str, Any]) -> dict[str, Any]:
    y_true, y_pred, weights = cases.loss_arguments(value)
    metric = getattr(keras.metrics, value["metric"])(**value["options"])
    result = {"mean": metric(y_true, y_pred)}
    metric.reset_state()
    result["weighted_mean"] = metric(y_true, y_pred, sample_weight=weights)
    return result


def record_activation(function: Any) -> dict[str, Any]:
    """The values and the derivative at each of ACTIVATION_INPUTS."""
    x = cases.ACTIVATION_INPUTS[:, None]
    d = jax.grad(lambda x: function(x).sum())(x)
    return {"y": np.asarray(function(x))[:, 0], "d": np.asarray(d)[:, 0]}


class FakeModel:
    """What EarlyStopping needs of a model; its only weight is the number of the epoch."""

    def __init__(self) -> None:
        self.stop_training = False
        self.epoch = -1

    def get_weights(self) -> list[np.ndarray]:
        return [np.array(self.epoch)]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.epoch = int(weights[0])


def record_early_stopping(values: list[float], options: dict[str, Any]) -> dict[str, Any]:
    callback = keras.callbacks.EarlyStopping(**options)
    model = FakeModel()
    callback.set_model(model)
    callback.on_train_begin()
    epochs = 0
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callback.on_epoch_end(epoch, {"val_loss": value})
        epochs += 1
        if model.stop_training:
            break
    callback.on_train_end()
    return {
        "epochs": epochs,
        "stopped_epoch": callback.stopped_epoch,
        "best": callback.best,
        "best_epoch": callback.best_epoch,
        "wait": callback.wait,
        "weights_of_epoch": model.epoch,
    }


def optimizer_config(name: str) -> dict[str, Any]:
    config = getattr(keras.optimizers, name)().get_config()
    del config["name"]  # numbered by process
    return config


def record() -> dict[str, Any]:
    softmax = keras.activations.softmax(cases.predictions(cases.LOGITS))
    return {
        "versions": {"keras": keras.__version__, "jax": jax.__version__},
        "cases": {case["name"]: record_case(case) for case in cases.CASES},
        "on_batch": record_on_batch(),
        "losses": {value["name"]: record_loss(value) for value in cases.LOSS_VALUES},
        "metrics": {value["name"]: record_metric(value) for value in cases.METRIC_VALUES},
        "activations": {name: record_activation(keras.activations.get(name)) for name in cases.ACTIVATIONS},
        "activation_layers": [record_activation(make(keras.layers, spec)) for spec in cases.ACTIVATION_LAYERS],
        "softmax": softmax,
        "optimizers": {name: optimizer_config(name) for name in ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW")},
        "to_categorical": [keras.utils.to_categorical(x, num_classes) for x, num_classes in cases.TO_CATEGORICAL],
        "early_stopping": [record_early_stopping(values, options) for values, options in cases.EARLY_STOPPING],
    }


def main() -> None:
    sections = []
    for name, section in plain(record()).items():  # one line an entry: diffs stay readable
        if isinstance(section, dict):
            entries = (f"{json.dumps(key)}: {json.dumps(item)}" for key, item in section.items())
            body = "{\n" + ",\n".join(entries) + "\n}"
        else:
            body = "[\n" + ",\n".join(json.dumps(item) for item in section) + "\n]"
        sections.append(f"{json.dumps(name)}: {body}")
    text = "{\n" + ",\n".join(sections) + "\n}\n"
    (HERE / "keras.json").write_text(text)
    print(f"{HERE / 'keras.json'}: {len(text) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
