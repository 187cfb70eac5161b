"""A network and its training: a classifier of handwritten digits, without convolutions."""

from pathlib import Path
from typing import Annotated, Any

import typer

import fastnn
from fastnn import checks, layers, plots
from fastnn.callbacks import TerminateOnNaN
from fastnn.model_selection import StratifiedKFold, cross_validate

from . import notebooks, options
from .images import load, show
from .results import Results, untrained_loss


def run(
    data: options.Images = None,
    test_data: Annotated[
        Path | None, typer.Option(help="CSV file to test with.", show_default="a tenth of the CSV file in --data")
    ] = None,
    hidden: options.Hidden = "256",
    activation: options.Activation = "relu",
    optimizer: options.Optimizer = "momentum",
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="by optimizer; momentum: 0.1")
    ] = None,
    batch_size: options.BatchSize = 128,
    epochs: options.Epochs = 15,
    validation: Annotated[float, typer.Option(help="Fraction of the images set aside for validation.")] = 0.1,
    folds: Annotated[int, typer.Option(help="Cross-validate first with this many stratified folds; 0: do not.")] = 0,
    seed: options.Seed = 1,
    threads: options.Threads = None,
    out: options.Out = Path("runs/mnist"),
    overwrite: options.Overwrite = False,
    notebook: options.Notebook = False,
) -> None:
    """Train a classifier of images, by default of MNIST."""
    settings = dict(locals())
    units = options.units(hidden)
    rate = settings["learning_rate"] = options.learning_rate(optimizer, learning_rate)
    options.activation_name(activation)
    checks.integer(batch_size, "--batch-size")
    checks.integer(epochs, "--epochs")
    checks.number(validation, "--validation", 0, 1, open_high=True)
    if folds != 0:
        checks.integer(folds, "--folds", 2)
    to_hand_in = notebooks.prepared(run, settings, hidden=units)
    options.use(seed, threads)
    (x, y), (x_test, y_test) = load(data, test_data, seed)
    classes = int(max(y.max(), y_test.max())) + 1
    splits = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, y)) if folds else []
    with Results(out, overwrite) as results:

        def build() -> fastnn.Sequential:
            model = network(x.shape[1:], units, activation, classes)
            model.compile(options.OPTIMIZERS[optimizer](rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
            return model

        model = build()
        functions = f"{activation}, softmax" if units else "softmax"
        sizes = "-".join(map(str, (x[0].size, *units, classes)))
        print(f"{sizes} ({functions}), {model.count_params():,} parameters")
        print(f"{optimizer}, learning rate {rate:g}, {fastnn.get_num_threads()} threads", flush=True)
        show(results, x, y)

        numbers: dict[str, Any] = {"parameters": model.count_params()}
        training: dict[str, Any] = {"batch_size": batch_size, "epochs": epochs, "callbacks": [TerminateOnNaN()]}
        with results.until_ctrl_c(model, epochs):
            untrained = untrained_loss(model, x, y)
            if splits:
                began = results.seconds
                scores = cross_validate(build, x, y, cv=splits, verbose=1, **training)
                accuracies = scores["test_accuracy"]
                mean, spread = accuracies.mean(), accuracies.std(ddof=1)
                seconds = results.seconds - began
                print(f"[ {folds} folds ] acc = {mean:.5f} +- {spread:.5f}, {seconds:.1f} s", flush=True)
                numbers["folds"] = {"accuracy": accuracies.tolist(), "loss": scores["test_loss"].tolist()}
            model.fit(x, y, validation_split=validation, **training)
        numbers["test"] = model.evaluate(x_test, y_test, return_dict=True)
        assert model.history is not None
        numbers["last_epoch"] = {name: values[-1] for name, values in model.history.history.items()}
        results.must_have_learned(untrained, model.history, numbers["test"]["loss"])
        results.history(model.history)
        results.metrics(settings, **numbers)
        results.model(model)

        results.figure(plots.learning_curves(model.history, title=sizes), "curves", "learning curves")
        predictions = model.predict(x_test)
        if classes <= 100:  # with more, the numbers in the cells would be too small to read
            results.figure(plots.confusion_matrix(y_test, predictions), "confusion", "confusion matrix")
        if x_test.ndim == 3:
            results.figure(plots.misclassified(x_test, y_test, predictions), "misclassified", "misclassified images")
        if splits:
            curves = {f"fold {i + 1}": history for i, history in enumerate(scores["histories"])}
            results.figure(plots.compare(curves, "val_accuracy"), "folds", "validation accuracy of the folds")
        results.notebook(to_hand_in)


def network(
    shape: tuple[int, ...], units: list[int], activation: str, classes: int, output: str = "softmax", name: str = "mlp"
) -> fastnn.Sequential:
    """A network from images of this shape, with pixels from 0 to 255, to one output per class."""
    model = fastnn.Sequential([fastnn.Input(shape), layers.Flatten(), layers.Rescaling(1 / 255)], name=name)
    for n in units:
        model.add(layers.Dense(n, activation=activation))
    model.add(layers.Dense(classes, activation=output))
    return model
