"""The numbers of a training step as HTML: one stage at a time, forward, loss, backward, update."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..optimizers import SGD, Adagrad, Adam, Optimizer, RMSprop
from .number_tables import (
    Chosen,
    difference,
    example,
    formula_lines,
    number,
    of_weight,
    side_by_side,
    signed,
    sum_of,
    table,
)  # fmt: skip
from .steps import StepNumbers, WeightNumbers

# Of the activations: y, and dz from dy.
_FORWARD = {
    "linear": "y = z",
    "relu": "y = max(z, 0)",
    "leaky_relu": "y = z where z > 0, else 0.2 z",
    "sigmoid": "y = 1 / (1 + exp(−z))",
    "softmax": "y = exp(z) / sum of exp(z)",
}
_BACKWARD = {
    "linear": "dz = dy",
    "relu": "dz = dy where z > 0, else 0",
    "leaky_relu": "dz = dy where z > 0, else 0.2 dy",
    "sigmoid": "dz = dy · y (1 − y)",
    "tanh": "dz = dy · (1 − y²)",
}
_LOSSES = {
    "binary_crossentropy": "−[t log y + (1 − t) log(1 − y)]",
    "categorical_crossentropy": "−sum of t log y",
    "sparse_categorical_crossentropy": "−log of y of the right class",
    "mean_squared_error": "mean of (y − t)²",
}


@dataclass(frozen=True)
class Stage:
    """A stage of a step.

    Attributes:
        kind: "forward", "loss", "backward" or "update".
        layer: the number of the layer, from 0; None for the loss.
        title: what the page calls it.
    """

    kind: str
    layer: int | None
    title: str


def stages(step: StepNumbers) -> list[Stage]:
    """Forward through the layers, the loss, backward through the layers, and their updates."""
    count = len(step.layers)
    names = [f"layer {i + 1}" for i in range(count)]
    trained = [i for i in range(count) if step.layers[i].weights]
    return [
        *(Stage("forward", i, f"Forward: {names[i]}") for i in range(count)),
        Stage("loss", None, "Loss"),
        *(Stage("backward", i, f"Backward: {names[i]}") for i in reversed(range(count))),
        *(Stage("update", i, f"Update: {names[i]}") for i in trained),
    ]


def sizes(step: StepNumbers, stage: Stage) -> Chosen:
    """How many samples, inputs and units there are in a stage."""
    layer = step.layers[-1 if stage.layer is None else stage.layer]
    return Chosen(len(layer.x), layer.x.shape[1], layer.y.shape[1])


def html_of(step: StepNumbers, stage: Stage, chosen: Chosen) -> str:
    """The formulas, the tables and a worked example of one stage.

    Each table says in `data-rows` and `data-columns` what its axes are, and each cell in `data-at` where it stands, so
    that a click can choose it.
    """
    if stage.layer is None:
        return _loss(step, chosen)
    draw = {"forward": _forward, "backward": _backward, "update": _update}[stage.kind]
    return draw(step, stage.layer, chosen)


def _forward(step: StepNumbers, place: int, chosen: Chosen) -> str:
    layer = step.layers[place]
    x = table("x", layer.x, "sample", "input", chosen)
    if layer.z is None:
        passed = f"{layer.kind}: {_OTHERS.get(layer.kind, 'y from x')}"
        return formula_lines(passed) + side_by_side(x, table("y", layer.y, "sample", "unit", chosen))
    weights = {weight.name: weight.before for weight in layer.weights}
    activation = layer.activation or "linear"
    z, y = (float(values[chosen.sample, chosen.unit]) for values in (layer.z, layer.y))
    terms = [
        f"{signed(a)} · {signed(b)}" for a, b in zip(layer.x[chosen.sample], weights["W"][:, chosen.unit], strict=True)
    ]
    if "b" in weights:
        terms.append(signed(weights["b"][chosen.unit]))
    worked = f"z = {sum_of(terms)} = {number(z)}", f"y = {activation}({number(z)}) = {number(y)}"
    return (
        formula_lines("z = x W + b" if "b" in weights else "z = x W", _FORWARD.get(activation, f"y = {activation}(z)"))
        + side_by_side(x, *(of_weight(name, values, chosen) for name, values in weights.items()))
        + side_by_side(table("z", layer.z, "sample", "unit", chosen), table("y", layer.y, "sample", "unit", chosen))
        + example(f"sample {chosen.sample + 1}, unit {chosen.unit + 1}", *worked)
    )


_OTHERS = {
    "Dropout": "some numbers are set to 0, the others are divided by the part that stays",
    "GaussianNoise": "noise is added",
}


def _loss(step: StepNumbers, chosen: Chosen) -> str:
    last = step.layers[-1]
    targets = step.targets.reshape(len(step.losses), -1)
    formula = _LOSSES.get(step.loss_name, step.loss_name.replace("_", " "))
    mean = f"loss = mean over {len(step.losses)} samples = {number(float(step.losses.mean()))}"
    if step.penalty:
        mean += f", plus the penalty on the weights {number(step.penalty)} = {number(step.loss)}"
    y, t, loss = (float(values[chosen.sample].flat[0]) for values in (last.y, targets, step.losses[:, np.newaxis]))
    one = f"loss = {number(loss)}"
    if step.loss_name == "binary_crossentropy" and last.y.shape[1] == 1:
        one = f"loss = −[{number(t)} log {number(y)} + {number(1 - t)} log {number(1 - y)}] = {number(loss)}"
    return (
        formula_lines(f"loss of a sample = {formula}", mean)
        + side_by_side(
            table("y, the output", last.y, "sample", "unit", chosen),
            table("t, the target", targets, "sample", "", chosen),
            table("loss", step.losses[:, np.newaxis], "sample", "", chosen),
        )
        + example(f"sample {chosen.sample + 1}", one)
    )


def _backward(step: StepNumbers, place: int, chosen: Chosen) -> str:
    layer = step.layers[place]
    dx = table("dx", layer.dx, "sample", "input", chosen)
    if layer.dz is None:
        assert layer.dy is not None
        passed = f"{layer.kind}: what was set to 0 passes no gradient back; the rest is scaled as before"
        return formula_lines(passed) + side_by_side(table("dy", layer.dy, "sample", "unit", chosen), dx)
    count = len(layer.x)
    x, dz = table("x", layer.x, "sample", "input", chosen), table("dz", layer.dz, "sample", "unit", chosen)
    if layer.dy is None:  # the loss is computed from z
        target = "t" if step.targets.ndim == 2 or layer.y.shape[1] == 1 else "(1 for the right class, else 0)"
        formulas, first = [f"dz = (y − {target}) / {count}, for {layer.activation} with its loss"], [x, dz]
    else:
        rule = _BACKWARD.get(layer.activation or "linear", f"dz = dy · {layer.activation}′(z)")
        formulas, first = [rule], [x, table("dy", layer.dy, "sample", "unit", chosen), dz]
    tables = [of_weight(f"d{weight.name}", weight.gradient, chosen) for weight in layer.weights]
    terms = [
        f"{signed(a)} · {signed(b)}" for a, b in zip(layer.x[:, chosen.input], layer.dz[:, chosen.unit], strict=True)
    ]
    gradient = float(layer.weights[0].gradient[chosen.input, chosen.unit])
    return (
        formula_lines(*formulas, "dW = xᵀ dz", "db = column sums of dz", "dx = dz Wᵀ")
        + side_by_side(*first)
        + side_by_side(*tables, dx)
        + example(
            f"input {chosen.input + 1}, unit {chosen.unit + 1}: x · dz, added up over the samples",
            f"dW = {sum_of(terms)} = {number(gradient)}",
        )
    )


def _update(step: StepNumbers, place: int, chosen: Chosen) -> str:
    layer = step.layers[place]
    optimizer = step.optimizer
    penalized = any(weight.penalty_gradient is not None for weight in layer.weights)
    gradient = "g = dW + the gradient of the penalty" if penalized else "g = dW"
    rows = [side_by_side(*_of_step(weight, chosen)) for weight in layer.weights]
    weight = layer.weights[0]
    if weight.before.ndim != 2:
        return formula_lines(gradient, *_rules(step)) + "".join(rows)
    at = chosen.input, chosen.unit
    before, after = float(weight.before[at]), float(weight.after[at])
    worked = f"{number(before)} {difference(after - before)} = {number(after)}"
    if type(optimizer) is SGD and not optimizer.momentum and not penalized:
        worked = f"{number(before)} − {number(step.learning_rate)} · {signed(float(weight.gradient[at]))}"
        worked += f" = {number(after)}"
    return (
        formula_lines(gradient, *_rules(step))
        + "".join(rows)
        + example(f"input {chosen.input + 1}, unit {chosen.unit + 1}", f"new W = {worked}")
    )


def _of_step(weight: WeightNumbers, chosen: Chosen) -> list[str]:
    name = weight.name
    tables = [of_weight(name, weight.before, chosen), of_weight(f"d{name}", weight.gradient, chosen)]
    if weight.penalty_gradient is not None:
        tables.append(of_weight(f"d{name} of the penalty", weight.penalty_gradient, chosen))
    tables += [of_weight(f"new {slot}", after, chosen) for slot, (_, after) in weight.slots.items()]
    return [*tables, of_weight(f"new {name}", weight.after, chosen)]


def _rules(step: StepNumbers) -> list[str]:
    """An optimizer's step in formulas, with its numbers."""
    optimizer, rate = step.optimizer, number(step.learning_rate)
    rules = next((of(optimizer, rate) for kind, of in _RULES.items() if isinstance(optimizer, kind)), [])
    if isinstance(optimizer, Adam):
        correction = np.sqrt(1 - optimizer.beta_2**step.number) / (1 - optimizer.beta_1**step.number)
        rules.insert(2, f"rate = {rate} · √(1 − β₂ᵗ) / (1 − β₁ᵗ) = {number(step.learning_rate * correction)}, "
                        f"t = {step.number}")  # fmt: skip
    return rules


def _of_sgd(optimizer: SGD, rate: str) -> list[str]:
    if not optimizer.momentum:
        return [f"new W = W − {rate} g"]
    momentum = number(optimizer.momentum)
    return [f"new v = {momentum} v − {rate} g",
            f"new W = W + {momentum} · new v − {rate} g" if optimizer.nesterov else "new W = W + new v"]  # fmt: skip


def _of_adam(optimizer: Adam, rate: str) -> list[str]:
    first, second = optimizer.beta_1, optimizer.beta_2
    return [
        f"new m = {number(first)} m + {number(1 - first)} g",
        f"new v = {number(second)} v + {number(1 - second)} g²",
        f"new W = W − rate · new m / (√(new v) + {number(optimizer.epsilon)})",
    ]


def _of_rmsprop(optimizer: RMSprop, rate: str) -> list[str]:
    if optimizer.slot_count > 1:
        return []
    return [
        f"new v = {number(optimizer.rho)} v + {number(1 - optimizer.rho)} g²",
        f"new W = W − {rate} g / √(new v + {number(optimizer.epsilon)})",
    ]


_RULES: dict[type[Optimizer], Callable[..., list[str]]] = {
    SGD: _of_sgd,
    Adam: _of_adam,
    Adagrad: lambda optimizer, rate: [
        "new a = a + g²", f"new W = W − {rate} g / √(new a + {number(optimizer.epsilon)})",
    ],
    RMSprop: _of_rmsprop,
}  # fmt: skip
