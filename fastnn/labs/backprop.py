"""Backpropagation step by step: a 2-4-4-1 network with sigmoids learns linear and XOR data.

Each epoch is one step on all the points (full-batch gradient descent):

    forward     y = sigmoid(x W + b), layer after layer
    loss        mean of (y - t)^2, or half of it
    backward    dy = 2 (y - t) / n, then layer by layer  dz = dy y (1 - y),  dW = x^T dz,  db = sum dz,  dx = dz W^T
    update      W -= learning rate dW

`from_scratch.py`, beside this file, is the same in plain NumPy.
"""

from collections.abc import Callable
from itertools import product
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import fastnn
from fastnn import checks, initializers, layers, plots
from fastnn.callbacks import History, LossThreshold, TerminateOnNaN
from fastnn.datasets import points

from . import notebooks, options
from .results import Results, untrained_loss

RATES = {"sgd": 1.0, "momentum": 0.1, "adagrad": 0.1, "adam": 0.01}
ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu")
LOSSES = {"mse": "mean_squared_error", "half-mse": "half_mean_squared_error"}
EPOCHS_A_LINE = 200

Build = Callable[[str, str, float], fastnn.Sequential]  # from activation, optimizer and learning rate
Data = dict[str, tuple[np.ndarray, np.ndarray]]  # name: (x, y)


def run(
    samples: Annotated[int, typer.Option("--points", help="Number of points of the linear data.")] = 100,
    hidden: options.Hidden = "4,4",
    activation: Annotated[str, typer.Option(help=f"Of the hidden layers: {', '.join(ACTIVATIONS)}.")] = "sigmoid",
    loss: Annotated[str, typer.Option(help="mse (mean squared error) or half-mse (half of it).")] = "mse",
    bias: Annotated[bool, typer.Option(help="Whether the layers have biases.")] = True,
    optimizer: Annotated[str, typer.Option(help=f"{', '.join(RATES)}.")] = "sgd",
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="by optimizer; sgd: 1")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Largest number of epochs (steps on all points).")] = 10_000,
    loss_threshold: Annotated[float, typer.Option(help="Stop training below this loss; 0: never.")] = 0.005,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also try every optimizer (at its usual rate) and activation.")
    ] = False,
    seed: options.Seed = 1,
    out: options.Out = Path("runs/backprop"),
    overwrite: options.Overwrite = False,
    notebook: options.Notebook = False,
) -> None:
    """Learn linear and XOR data by backpropagation."""
    settings = dict(locals())
    units = options.units(hidden)
    checks.nearest(activation, ACTIVATIONS, "--activation")
    rate = settings["learning_rate"] = options.learning_rate(optimizer, learning_rate, RATES)
    checks.nearest(loss, LOSSES, "--loss")
    checks.integer(epochs, "--epochs")
    checks.number(loss_threshold, "--loss-threshold", 0)
    to_hand_in = notebooks.prepared(run, settings, hidden=units)
    options.use(seed)
    data = {"linear": points.generate_linear(samples), "XOR": points.generate_xor_easy()}
    new_points = {"linear": points.generate_linear(samples), "XOR": data["XOR"]}  # XOR has only these 21
    with Results(out, overwrite) as results:
        figure, panels = plots.panels(columns=len(data), size=(4.0, 4.3))
        for panel, (name, (x, y)) in zip(panels[0], data.items(), strict=True):
            plots.scatter(x, y, panel, title=f"{name}: {len(x)} points to train with")
        results.figure(figure, "data", "the data")
        results.figure(plots.activation(activation), "activation", "activation and its derivative")

        def build(activation: str, optimizer: str, rate: float) -> fastnn.Sequential:
            options.use(seed)  # all start with the same weights
            model = network(units, activation, bias)
            model.compile(options.OPTIMIZERS[optimizer](rate), LOSSES[loss], metrics=["accuracy"])
            return model

        networks = {name: build(activation, optimizer, rate) for name in data}
        histories = {name: History() for name in data}
        print(f"{'-'.join(map(str, (2, *units, 1)))}, {activation}, {optimizer}, learning rate {rate:g}")
        with results.until_ctrl_c(histories["linear"], epochs):
            untrained = {name: untrained_loss(networks[name], *data[name]) for name in data}
            began = results.seconds
            train_side_by_side(networks, histories, data, epochs, loss_threshold)
        print(f"trained in {results.seconds - began:.2f} s")

        histories = {name: history for name, history in histories.items() if history.epoch}  # both, unless interrupted
        scores, predictions = {}, {}
        for name in histories:
            x, y = new_points[name]
            predictions[name] = networks[name].predict(x)
            scores[name] = networks[name].evaluate(x, y, verbose=0, return_dict=True)
            print(f"\n{name} predictions, with the truth:")
            print(*(f"{p:.5f} {t}" for p, t in zip(predictions[name][:, 0], y[:, 0], strict=True)), sep="\n")
            print(f"{name} test loss : {scores[name]['loss']:.5f}   accuracy : {scores[name]['accuracy']:.2%}")
        print()

        finished = {name: {"epochs": len(history.epoch), **scores[name]} for name, history in histories.items()}
        for name, history in histories.items():
            results.must_have_learned(untrained[name], history, scores[name]["loss"], name)
        results.history(histories)
        results.metrics(settings, networks=finished)
        for name in histories:
            results.model(networks[name], name.lower())
        figure, panels = plots.panels(rows=len(histories), columns=2, size=(4.5, 4.3))
        for row, name in enumerate(histories):
            which = "the 21 points" if name == "XOR" else "new points"
            plots.predictions(*new_points[name], predictions[name], panels[row], title=f"{name}, {which}")
        results.figure(figure, "predictions", "ground truth beside predictions")
        figure, panels = plots.panels(columns=len(histories))
        for panel, name in zip(panels[0], histories, strict=True):
            plots.decision_surface(networks[name], *data[name], panel, title=f"{name}, with the training points")
        results.figure(figure, "surface", "decision surfaces")
        curves = plots.compare(histories, "loss", title="loss on the training points")
        results.figure(curves, "curves", "learning curves")
        if compare and not results.interrupted:
            compared = compare_all(results, build, data, epochs, loss_threshold)
            results.metrics(settings, networks=finished, compared=compared)
        results.notebook(to_hand_in)


def network(units: list[int], activation: str, bias: bool) -> fastnn.Sequential:
    """A network from points of the plane to one probability; initial weights and biases are N(0, 1)."""
    normal = initializers.RandomNormal(stddev=1.0)
    start: dict[str, Any] = {"use_bias": bias, "kernel_initializer": normal, "bias_initializer": normal}
    model = fastnn.Sequential([fastnn.Input((2,))])
    for n in units:
        model.add(layers.Dense(n, activation=activation, **start))
    model.add(layers.Dense(1, activation="sigmoid", **start))
    return model


def train_side_by_side(
    networks: dict[str, fastnn.Sequential], histories: dict[str, History], data: Data, epochs: int, threshold: float
) -> None:
    """Train each network on its data until its loss is below the threshold; print a line every 200 epochs."""
    watch = {name: LossThreshold(threshold) for name in networks}
    for first in range(0, epochs, EPOCHS_A_LINE):
        last = min(first + EPOCHS_A_LINE, epochs)
        for name, model in networks.items():
            if watch[name].reached is None:
                x, y = data[name]
                try:
                    model.fit(
                        x, y, batch_size=len(x), initial_epoch=first, epochs=last, shuffle=False, verbose=0,
                        callbacks=[TerminateOnNaN(), *([watch[name]] if threshold > 0 else [])],
                    )  # fmt: skip
                finally:
                    trained = model.history
                    if trained is not None and trained.epoch and trained.epoch[0] == first:  # else it did not begin
                        histories[name].extend(trained.epoch, trained.history)
        losses = {name: history.history["loss"][-1] for name, history in histories.items()}
        print(f"[{last:4d}] {'   '.join(f'{name} loss : {loss:.4f}' for name, loss in losses.items())}", flush=True)
        for name, callback in watch.items():
            if callback.reached is not None and callback.reached >= first:
                print(f"{name}: loss under {threshold:g} after {callback.reached + 1} epochs")
        if all(callback.reached is not None for callback in watch.values()) or not all(map(isfinite, losses.values())):
            break


def compare_all(results: Results, build: Build, data: Data, epochs: int, threshold: float) -> dict[str, Any]:
    """Train every combination of optimizer and activation on both data sets, and draw their curves together."""
    _, panels = plots.panels(rows=len(data), columns=len(ACTIVATIONS), size=(2.6, 2.3))
    table: dict[str, Any] = {}
    print(f"\n{'':22}" + "".join(f"{name:>26}" for name in data))
    histories: dict[tuple[str, str], dict[str, History]] = {}
    for activation, (optimizer, rate) in product(ACTIVATIONS, RATES.items()):
        line = f"{activation:<12}{optimizer:<10}"
        for name, (x, y) in data.items():
            model = build(activation, optimizer, rate)
            watch = [LossThreshold(threshold)] if threshold > 0 else []
            history = model.fit(x, y, batch_size=len(x), epochs=epochs, shuffle=False, verbose=0, callbacks=watch)
            histories.setdefault((name, activation), {})[optimizer] = history
            loss, count = history.history["loss"][-1], len(history.epoch)
            table[f"{name} {activation} {optimizer}"] = {"epochs": count, "loss": loss}
            line += f"{f'loss {loss:.4f} at {count:,}':>26}"
        print(line, flush=True)
    longest = max(len(history.epoch) for group in histories.values() for history in group.values())
    for row, name in enumerate(data):
        for panel, activation in zip(panels[row], ACTIVATIONS, strict=True):
            plots.compare(histories[name, activation], "loss", panel, log=True, title=f"{name}, {activation}")
            panel.set_xscale("log")  # some need ten times as many epochs as others
            panel.set(xlim=(1, max(2, longest)), ylim=(1e-3, 1))
            panel.label_outer()  # all have the same axes
    results.figure(plots.one_legend(panels), "compared", "every optimizer and activation")
    return table
