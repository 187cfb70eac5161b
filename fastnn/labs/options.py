"""The options that several labs have: their types, their help, and what their values mean."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

import fastnn
from fastnn import checks, optimizers

Images = Annotated[
    Path | None,
    typer.Option(
        help="Folder with MNIST's four idx files or two CSV files, or a CSV file.", show_default="the shipped ones"
    ),
]
Hidden = Annotated[str, typer.Option(help='Units of the hidden layers, such as 204,202; or "none".')]
Epochs = Annotated[int, typer.Option(help="Passes through the training samples.")]
BatchSize = Annotated[int, typer.Option(help="Samples a step.")]
Seed = Annotated[int, typer.Option(help="The same seed, the same result.")]
Threads = Annotated[int | None, typer.Option(help="Does not change the result.", show_default="all cores")]
Out = Annotated[Path, typer.Option(help="Folder for pictures, history.csv, metrics.json and the model.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run left there.")]
LearningRate = Annotated[float | None, typer.Option(help="Size of a step.", show_default="by optimizer")]

# name: the optimizer for a learning rate
OPTIMIZERS: dict[str, Callable[[float], optimizers.Optimizer]] = {
    "sgd": optimizers.SGD,
    "momentum": lambda rate: optimizers.SGD(rate, momentum=0.9),
    "nesterov": lambda rate: optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "adagrad": optimizers.Adagrad,
    "rmsprop": optimizers.RMSprop,
    "adam": optimizers.Adam,
    "adamw": optimizers.AdamW,
}
# and the rate that is usual for images in mini-batches
RATES = {
    "sgd": 0.5, "momentum": 0.1, "nesterov": 0.1, "adagrad": 0.05, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001
}  # fmt: skip
ACTIVATIONS = ("relu", "leaky_relu", "sigmoid", "tanh", "linear")

Optimizer = Annotated[str, typer.Option(help=f"{', '.join(OPTIMIZERS)}.")]
Activation = Annotated[str, typer.Option(help=f"Of the hidden layers: {', '.join(ACTIVATIONS)}.")]


def units(hidden: str, option: str = "--hidden") -> list[int]:
    """The hidden layers' units from "256", "204,202" or "none"."""
    if hidden.strip().lower() in ("none", ""):
        return []
    try:
        return [checks.positive_integer(int(part), "units") for part in hidden.split(",")]
    except ValueError:
        raise ValueError(f'{option} must be units such as 256 or 204,202, or "none", received {hidden!r}') from None


def activation_name(name: str) -> str:
    """`name`, if hidden layers may have that activation."""
    return checks.nearest(name, ACTIVATIONS, "--activation")


def learning_rate(optimizer: str, rate: float | None, usual: Mapping[str, float] = RATES) -> float:
    """The rate that was asked for, or the optimizer's usual one; `usual` names the optimizers that there are."""
    rate = usual[checks.nearest(optimizer, usual, "--optimizer")] if rate is None else rate
    return checks.number(rate, "--learning-rate", 0)


def use(seed: int, threads: int | None = None) -> None:
    """Seed everything random, and set the number of threads if one was asked for."""
    if threads is not None:
        fastnn.set_num_threads(checks.positive_integer(threads, "--threads"))
    fastnn.utils.set_random_seed(seed)
