"""The options that several labs share: their types, their help, and the meaning of their values."""

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
Epochs = Annotated[int, typer.Option(help="Passes over the training data.")]
BatchSize = Annotated[int, typer.Option(help="Samples per step.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.")]
Threads = Annotated[int | None, typer.Option(help="Does not change the result.", show_default="all cores")]
Out = Annotated[Path, typer.Option(help="Folder for figures, history.csv, metrics.json and the model.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files of an earlier run.")]
Notebook = Annotated[
    bool, typer.Option("--notebook", help="Also write the lab as a notebook, with its code, results and discussion.")
]
LearningRate = Annotated[float | None, typer.Option(help="Learning rate.", show_default="by optimizer")]

# name: a function from the learning rate to the optimizer
OPTIMIZERS: dict[str, Callable[[float], optimizers.Optimizer]] = {
    "sgd": optimizers.SGD,
    "momentum": lambda rate: optimizers.SGD(rate, momentum=0.9),
    "nesterov": lambda rate: optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "adagrad": optimizers.Adagrad,
    "rmsprop": optimizers.RMSprop,
    "adam": optimizers.Adam,
    "adamw": optimizers.AdamW,
}
# their usual learning rates for images in mini-batches
RATES = {
    "sgd": 0.5, "momentum": 0.1, "nesterov": 0.1, "adagrad": 0.05, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001
}  # fmt: skip
ACTIVATIONS = ("relu", "leaky_relu", "sigmoid", "tanh", "linear")

Optimizer = Annotated[str, typer.Option(help=f"{', '.join(OPTIMIZERS)}.")]
Activation = Annotated[str, typer.Option(help=f"Activation of the hidden layers: {', '.join(ACTIVATIONS)}.")]


def units(hidden: str, option: str = "--hidden") -> list[int]:
    """The units of the hidden layers, from text such as "256", "204,202" or "none"."""
    if hidden.strip().lower() in ("none", ""):
        return []
    try:
        return [checks.integer(int(part), "units") for part in hidden.split(",")]
    except ValueError:
        raise ValueError(f'{option} must be units such as 256 or 204,202, or "none", received {hidden!r}') from None


def activation_name(name: str) -> str:
    """`name`; a ValueError if it is not an activation for hidden layers."""
    return checks.nearest(name, ACTIVATIONS, "--activation")


def learning_rate(optimizer: str, rate: float | None, usual: Mapping[str, float] = RATES) -> float:
    """The given rate, or the optimizer's usual one; the keys of `usual` are the known optimizers."""
    rate = usual[checks.nearest(optimizer, usual, "--optimizer")] if rate is None else rate
    return checks.number(rate, "--learning-rate", 0)


def use(seed: int, threads: int | None = None) -> None:
    """Seed all random numbers, and set the number of threads if given."""
    if threads is not None:
        fastnn.set_num_threads(checks.integer(threads, "--threads"))
    fastnn.utils.set_random_seed(seed)
