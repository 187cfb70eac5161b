"""One wide hidden layer compared with two narrower ones that have about as many weights.

This is what `model.fit` does for every mini-batch, step by step, with the same kernels and the same results:

    y = model.forward(x[batch], training=True)      # Y = X W + B, layer by layer
    loss.forward(t[batch], y)                       # one number, the mean over the batch
    model.backward(loss.backward())                 # dY = y - t, then dX = dY W^T, dW = X^T dY, dB = sum dY
    optimizer.step(model)                           # W -= learning rate dW, or the optimizer's own rule

`--sampling replacement` draws every mini-batch from all images, with replacement, as in `draw_and_train`, so iterations
are counted instead of epochs.
"""

from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import fastnn
from fastnn import checks, plots
from fastnn.callbacks import History, TerminateOnNaN
from fastnn.models.progress import Progress
from fastnn.randomness import generator
from fastnn.utils import to_categorical

from . import notebooks, options
from .images import load, show
from .mnist import network
from .results import Results, untrained_loss

# --output: the activation of the last layer, and the loss that goes with it
OUTPUTS = {
    "softmax": "categorical_crossentropy",
    "sigmoid": "binary_crossentropy",
    "linear": "mean_squared_error",
}
SAMPLINGS = ("shuffle", "replacement")
ITERATIONS_A_LINE = 100

Pair = tuple[np.ndarray, np.ndarray]


def run(
    data: options.Images = None,
    wide: Annotated[str, typer.Option(help="Hidden layers of the wide network.")] = "256",
    deep: Annotated[str, typer.Option(help="Hidden layers of the deep network.")] = "204,202",
    output: Annotated[str, typer.Option(help=f"Last activation, with its loss: {', '.join(OUTPUTS)}.")] = "softmax",
    sampling: Annotated[str, typer.Option(help=f"How mini-batches are drawn: {', '.join(SAMPLINGS)}.")] = "shuffle",
    activation: options.Activation = "relu",
    optimizer: options.Optimizer = "momentum",
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="by optimizer; momentum: 0.05")
    ] = None,
    batch_size: options.BatchSize = 128,
    epochs: options.Epochs = 15,
    iterations: Annotated[
        int | None,
        typer.Option(help="For --sampling replacement.", show_default="as many as in the epochs"),
    ] = None,
    seed: options.Seed = 1,
    threads: options.Threads = None,
    out: options.Out = Path("runs/wide-deep"),
    overwrite: options.Overwrite = False,
    notebook: options.Notebook = False,
) -> None:
    """Compare one wide hidden layer with two narrower ones."""
    settings = dict(locals())
    hidden = {"wide": options.units(wide, "--wide"), "deep": options.units(deep, "--deep")}
    options.activation_name(activation)
    checks.nearest(output, OUTPUTS, "--output")
    checks.nearest(sampling, SAMPLINGS, "--sampling")
    rates = options.RATES | {"momentum": 0.05}
    rate = settings["learning_rate"] = options.learning_rate(optimizer, learning_rate, rates)
    checks.integer(batch_size, "--batch-size")
    checks.integer(epochs, "--epochs")
    if iterations is not None:
        if sampling != "replacement":
            raise ValueError("--iterations needs --sampling replacement; otherwise pass --epochs")
        checks.integer(iterations, "--iterations")
    to_hand_in = notebooks.prepared(run, settings, **hidden)
    options.use(seed, threads)
    (x, y), (x_test, y_test) = load(data, seed=seed)
    with Results(out, overwrite) as results:
        show(results, x, y)

        classes = int(max(y.max(), y_test.max())) + 1
        t, t_test = to_categorical(y, classes), to_categorical(y_test, classes)
        models: dict[str, fastnn.Sequential] = {}
        histories: dict[str, History] = {}
        rows: dict[str, dict[str, Any]] = {}
        untrained: dict[str, float] = {}
        for name, units in hidden.items():
            options.use(seed)
            model = network(x.shape[1:], units, activation, classes, output, name)
            model.compile(options.OPTIMIZERS[optimizer](rate), OUTPUTS[output], metrics=["accuracy"])
            model.summary()
            count, unit = epochs, "epoch"
            if sampling == "replacement":
                count, unit = iterations or epochs * -(-len(x) // batch_size), "iteration"
            with results.until_ctrl_c(model, count, unit):
                untrained[name] = untrained_loss(model, x, t)
                began = results.seconds
                if sampling == "replacement":
                    draw_and_train(model, (x, t), (x_test, t_test), batch_size, count)
                else:
                    model.fit(
                        x, t, batch_size=batch_size, epochs=epochs, validation_data=(x_test, t_test), verbose=0,
                        callbacks=[TerminateOnNaN(), Progress(bar=False, validation="Test")],
                    )  # fmt: skip
            if model.history is None or not model.history.epoch:  # interrupted in the first epoch
                break
            histories[name] = model.history
            models[name] = model
            rows[name] = {"parameters": model.count_params(), "seconds": results.seconds - began}
            for part, images, targets in (("train", x, t), ("test", x_test, t_test)):
                scores = model.evaluate(images, targets, verbose=0, return_dict=True)
                rows[name] |= {f"{part} {key}": value for key, value in scores.items()}
            if results.interrupted:
                break

        print_table(rows)
        for name, row in rows.items():
            results.must_have_learned(untrained[name], histories[name], row["test loss"], name)
        results.history(histories, first_column=unit)
        results.metrics(settings, networks=rows)
        for name, model in models.items():
            results.model(model, name)
        for name, history in histories.items():
            figure = plots.learning_curves(history, unit=unit, validation="test", title=name)
            results.figure(figure, name, f"learning curves of the {name} network")
        figure, panels = plots.panels(columns=2)
        for panel, quantity in zip(panels[0], ("val_accuracy", "val_loss"), strict=True):
            plots.compare(histories, quantity, unit=unit, validation="test", axes=panel)
        results.figure(plots.one_legend(panels), "compared", "both networks")
        results.notebook(to_hand_in)


def draw_and_train(model: fastnn.Sequential, training: Pair, test: Pair, batch_size: int, iterations: int) -> None:
    """Train on mini-batches drawn with replacement; every 100 iterations print and log the means over them."""
    (x, t), (x_test, t_test) = training, test
    model.history = history = History()
    drawn, batches = generator(), []
    for iteration in range(1, iterations + 1):
        batch = drawn.integers(len(x), size=batch_size)
        batches.append(model.train_on_batch(x[batch], t[batch]))
        if iteration % ITERATIONS_A_LINE == 0 or iteration == iterations:
            loss, accuracy = np.mean(batches, axis=0).tolist()
            batches.clear()
            scores = model.evaluate(x_test, t_test, verbose=0, return_dict=True)
            logs = {"loss": loss, "accuracy": accuracy} | {f"val_{key}": value for key, value in scores.items()}
            history.on_epoch_end(iteration - 1, logs)
            print(f"[Iteration {iteration:5d}] Loss={loss:.4f} | Acc={accuracy:.3f}", flush=True)
            if not isfinite(loss):
                return


def print_table(rows: dict[str, dict[str, Any]]) -> None:
    """Print one line per network: parameters, accuracies, seconds."""
    print(f"{'':6}{'parameters':>12}{'train acc':>11}{'test acc':>10}{'test loss':>11}{'seconds':>9}")
    for name, row in rows.items():
        print(
            f"{name:<6}{row['parameters']:>12,}{row['train accuracy']:>11.5f}{row['test accuracy']:>10.5f}"
            f"{row['test loss']:>11.5f}{row['seconds']:>9.1f}"
        )
