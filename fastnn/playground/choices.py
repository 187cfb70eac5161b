"""What can be chosen in the tab "Points", its limits, and the networks that follow from it."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .. import checks, initializers, layers, regularizers
from ..models.sequential import Sequential
from ..optimizers import SGD, Adagrad, Adam, Optimizer, RMSprop
from .points import PROBLEMS

OWN = "own"  # points that the user has clicked
DATA = (*PROBLEMS, OWN)
ACTIVATIONS = ("tanh", "sigmoid", "relu", "leaky_relu", "gelu", "linear")
OPTIMIZERS: dict[str, Callable[[float], Optimizer]] = {
    "sgd": SGD,
    "momentum": lambda rate: SGD(rate, momentum=0.9),
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
}
REGULARIZATIONS = ("none", "l1", "l2", "dropout")
MOST_LAYERS, MOST_UNITS, MOST_POINTS = 6, 16, 500


@dataclass(frozen=True)
class Choices:
    """Everything that the user has chosen; a change makes another object.

    Attributes:
        data: one of `DATA`.
        points: how many points are generated.
        noise: the standard deviation of their noise; the points fill [-1, 1].
        test: the part of the points that is not trained with.
        hidden: the units of each hidden layer.
        activation: of the hidden layers.
        optimizer: a key of `OPTIMIZERS`.
        rate: the learning rate.
        regularization: one of `REGULARIZATIONS`.
        amount: the factor of the penalty, or the rate of the dropout.
        batch: samples per step.
        seed: of the points, the initial weights and the order of the samples.
    """

    data: str = "xor"
    points: int = 200
    noise: float = 0.0
    test: float = 0.3
    hidden: tuple[int, ...] = (4, 4)
    activation: str = "tanh"
    optimizer: str = "sgd"
    rate: float = 0.1
    regularization: str = "none"
    amount: float = 0.01
    batch: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        """Errors in words for the page; every value may be anything that a browser sends."""
        checks.one_of(self.data, "the points", DATA)
        _integer(self.points, "The number of points", 2, MOST_POINTS)
        _number(self.noise, "The noise", 0, 1)
        _number(self.test, "The part for the test", 0, 0.9)
        if len(self.hidden) > MOST_LAYERS:
            raise ValueError(f"At most {MOST_LAYERS} hidden layers have room on the page.")
        for units in self.hidden:
            _integer(units, "The units of a layer", 1, MOST_UNITS, ": each is drawn as a picture")
        checks.one_of(self.activation, "the activation", ACTIVATIONS)
        checks.one_of(self.optimizer, "the optimizer", tuple(OPTIMIZERS))
        _number(self.rate, "The learning rate", 0, 1e6)
        checks.one_of(self.regularization, "the regularization", REGULARIZATIONS)
        _number(self.amount, "The amount of regularization", 0, 0.9)
        _integer(self.batch, "The batch size", 1, MOST_POINTS)
        _integer(self.seed, "The seed", 0, 2**31)

    def changed_from(self, before: "Choices") -> set[str]:
        """The names of what differs."""
        return {f.name for f in fields(self) if getattr(self, f.name) != getattr(before, f.name)}


# What a change of these begins anew; the others are used from the next step on.
OF_THE_POINTS = {"data", "points", "noise", "test"}
OF_THE_NETWORK = {"hidden", "activation", "optimizer", "regularization", "amount"}


def _integer(value: Any, what: str, low: int, high: int, why: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{what} must be a whole number from {low} to {high}{why}. Received: {_shown(value)}.")


def _number(value: Any, what: str, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:  # NaN is not either
        raise ValueError(f"{what} must be a number from {low:g} to {high:g}. Received: {_shown(value)}.")


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:40]


def build(choices: Choices) -> Sequential:
    """The network of these choices, compiled: from two coordinates to the probability of class 1."""
    seeds = np.random.default_rng(choices.seed)
    regularizer = {"l1": regularizers.L1, "l2": regularizers.L2}.get(choices.regularization)
    model = Sequential([layers.Input((2,))])

    def dense(units: int, activation: str) -> layers.Dense:
        return layers.Dense(
            units,
            activation=activation,
            kernel_initializer=initializers.GlorotUniform(int(seeds.integers(2**31))),
            kernel_regularizer=None if regularizer is None else regularizer(choices.amount),
        )

    for units in choices.hidden:
        model.add(dense(units, choices.activation))
        if choices.regularization == "dropout":
            model.add(layers.Dropout(choices.amount))
    model.add(dense(1, "sigmoid"))
    model.compile(OPTIMIZERS[choices.optimizer](choices.rate), "binary_crossentropy")
    return model
