"""Understand a network and its training: a classifier of handwritten digits, without convolution."""

from pathlib import Path
from typing import Annotated, Any

import typer

import fastnn
from fastnn import checks, layers, plots
from fastnn.callbacks import TerminateOnNaN
from fastnn.model_selection import StratifiedKFold, cross_validate

from . import options
from .images import load
from .results import Results


def run(
    context: typer.Context = None,  # type: ignore[assignment]  # the command's, where it is one
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with MNIST's four idx files or two CSV files, or a CSV file.", show_default="shipped"
        ),
    ] = None,
    test_data: Annotated[
        Path | None, typer.Option(help="CSV file to test with.", show_default="a tenth of the CSV file in --data")
    ] = None,
    hidden: options.Hidden = "256",
    activation: options.Activation = "relu",
    optimizer: options.Optimizer = "momentum",
    learning_rate: Annotated[
        float | None, typer.Option(help="Size of a step.", show_default="by optimizer; momentum: 0.1")
    ] = None,
    batch_size: options.BatchSize = 128,
    epochs: options.Epochs = 15,
    validation: Annotated[float, typer.Option(help="Share of the images set aside for validation.")] = 0.1,
    folds: Annotated[int, typer.Option(help="Cross-validate first, with so many stratified folds; 0: do not.")] = 0,
    seed: options.Seed = 1,
    threads: options.Threads = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for pictures, history.csv, metrics.json and the model.",
            show_default="runs/mnist; of fastnn train: runs/train",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Train a network on images, MNIST unless told otherwise, and draw how it went."""
    settings = {name: value for name, value in locals().items() if name != "context"}
    units, rate = options.units(hidden), options.learning_rate(optimizer, learning_rate)
    options.activation_name(activation)
    checks.positive_integer(batch_size, "--batch-size")
    checks.positive_integer(epochs, "--epochs")
    checks.number(validation, "--validation", 0, 1, open_high=True)
    if folds != 0:
        checks.positive_integer(folds, "--folds", 2)
    options.use(seed, threads)
    (x, y), (x_test, y_test) = load(data, test_data, seed)
    results = Results(out or Path("runs", context.info_name or "mnist" if context else "mnist"), overwrite)
    classes = int(max(y.max(), y_test.max())) + 1

    def build() -> fastnn.Sequential:
        model = fastnn.Sequential([fastnn.Input(x.shape[1:]), layers.Flatten(), layers.Rescaling(1 / 255)])
        for n in units:
            model.add(layers.Dense(n, activation=activation))
        model.add(layers.Dense(classes, activation="softmax"))
        model.compile(options.OPTIMIZERS[optimizer](rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    model = build()
    functions = f"{activation}, softmax" if units else "softmax"
    sizes = "-".join(map(str, (x[0].size, *units, classes)))
    print(f"{sizes} ({functions}), {model.count_params():,} parameters")
    print(f"{optimizer}, learning rate {rate:g}, {fastnn.get_num_threads()} threads", flush=True)

    numbers: dict[str, Any] = {"parameters": model.count_params()}
    training: dict[str, Any] = {"batch_size": batch_size, "epochs": epochs, "callbacks": [TerminateOnNaN()]}
    if folds:
        splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
        scores = cross_validate(build, x, y, cv=splits, verbose=1, **training)
        accuracies = scores["test_accuracy"]
        print(
            f"[ {folds} folds ] acc = {accuracies.mean():.5f} +- {accuracies.std(ddof=1):.5f}, {results.seconds:.1f} s"
        )
        numbers["folds"] = {"accuracy": accuracies.tolist(), "loss": scores["test_loss"].tolist()}
        curves = {f"fold {i + 1}": history for i, history in enumerate(scores["histories"])}
        results.figure(plots.compare(curves, "val_accuracy"), "folds", "validation accuracy of the folds")

    with results.until_ctrl_c(model, epochs):
        model.fit(x, y, validation_split=validation, **training)
    numbers["test"] = model.evaluate(x_test, y_test, return_dict=True)
    assert model.history is not None
    results.figure(plots.learning_curves(model.history), "curves", "learning curves")
    predictions = model.predict(x_test)
    results.figure(plots.confusion_matrix(y_test, predictions), "confusion", "confusion matrix")
    if x_test.ndim == 3:
        results.figure(plots.misclassified(x_test, y_test, predictions), "misclassified", "misclassified images")
    results.history(model.history)
    results.model(model)
    last = {name: values[-1] for name, values in model.history.history.items()}
    results.metrics(settings, last_epoch=last, **numbers)
    results.finish(numbers["test"]["loss"])
