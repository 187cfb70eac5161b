"""One training step with every number of it, computed by the engine one layer at a time.

The notation is that of the labs' pages: samples in rows, y = f(z) with z = x W + b, and d<name> is the gradient of the
batch's loss with respect to <name>.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.parameters import Parameter
from ..engine.update import penalty
from ..kernels.instructions import HYPER_NUMBERS
from ..layers.dense import Dense
from ..losses.base import KernelLoss, total_loss
from ..models.data import prepare_samples
from ..optimizers import SGD, Adagrad, Adam, Optimizer, RMSprop

if TYPE_CHECKING:
    from ..layers.base import Layer
    from ..models.sequential import Sequential

_SLOTS: dict[type[Optimizer], tuple[str, ...]] = {
    SGD: ("v",),
    Adagrad: ("a",),
    RMSprop: ("v", "s", "mean"),
    Adam: ("m", "v", "largest v"),
}


@dataclass(frozen=True)
class WeightNumbers:
    """A weight in a step.

    Attributes:
        name: "W", "b", or the weight's own name in other layers than `Dense`.
        before, after: the weight before and after the step.
        gradient: the gradient of the loss, the mean over the batch.
        penalty_gradient: the gradient of the weight's penalty, which the step adds; None without one.
        slots: {name: (before, after)} of what the optimizer keeps for the weight.
    """

    name: str
    before: np.ndarray
    after: np.ndarray
    gradient: np.ndarray
    penalty_gradient: np.ndarray | None = None
    slots: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerNumbers:
    """A layer in a step. B samples, I inputs, O outputs.

    Attributes:
        name, kind: the layer's name and its class's.
        activation: the name of f; None for layers that are not `Dense`.
        x, y: input (B, I) and output (B, O).
        z: x W + b (B, O); None for layers that are not `Dense`.
        dy: None for the last layer if the loss is computed from its z, because dz is then y - t.
        dz: None for layers that are not `Dense`.
        dx: the gradient for the layer before (B, I).
        weights: W, then b.
    """

    name: str
    kind: str
    activation: str | None
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray | None
    dy: np.ndarray | None
    dz: np.ndarray | None
    dx: np.ndarray
    weights: tuple[WeightNumbers, ...]


@dataclass(frozen=True)
class StepNumbers:
    """A training step on one batch.

    Attributes:
        layers: the layers in their order.
        targets: what the outputs should have been: labels (B,) or targets (B, O).
        losses: the loss of each sample (B,).
        loss: their mean, plus `penalty`.
        penalty: the sum of the penalties on the weights.
        loss_name, fused: the loss, and whether it is computed from the last z, so that dz = (y - t) / B.
        optimizer: the model's own, as it is now.
        learning_rate: that of this step.
        number: of the step, counted from 1.
    """

    layers: tuple[LayerNumbers, ...]
    targets: np.ndarray
    losses: np.ndarray
    loss: float
    penalty: float
    loss_name: str
    fused: bool
    optimizer: Optimizer
    learning_rate: float
    number: int

    @property
    def finite(self) -> bool:
        """Whether all numbers of the step are finite."""
        outputs = [layer.y for layer in self.layers]
        after = [weight.after for layer in self.layers for weight in layer.weights]
        return bool(np.isfinite(self.loss)) and all(np.isfinite(numbers).all() for numbers in [*outputs, *after])


def numbers_of_a_step(model: "Sequential", x: Any, y: Any) -> StepNumbers:
    """Take one training step on x and y as a single batch, as `train_on_batch` does, and return its numbers.

    The results have the same bits as those of `train_on_batch`. To keep the model as it is, pass `copy.deepcopy` of it.

    Args:
        model: a compiled network whose layers take and give rows: `Dense`, activations, `Dropout`, ...
        x: samples (B, features), as for `fit`.
        y: labels (B,) or targets (B, outputs), as for `fit`.

    Raises:
        TypeError: if the loss or a layer is written in Python.
        ValueError: for layers of images, or data that do not fit.

    >>> dense = fastnn.layers.Dense(1, kernel_initializer=np.array([[2.0], [1.0]]))
    >>> model = fastnn.Sequential([fastnn.Input((2,)), dense])
    >>> model.compile(fastnn.optimizers.SGD(0.1), "mse")
    >>> step = fastnn.playground.steps.numbers_of_a_step(model, [[1.0, 3.0]], [[4.0]])
    >>> layer = step.layers[0]
    >>> layer.z.tolist(), step.loss, layer.dz.tolist()  # 2 + 3 = 5, (5 - 4)^2 and 2 (5 - 4)
    ([[5.0]], 1.0, [[2.0]])
    >>> layer.weights[0].gradient.ravel(), layer.weights[0].after.ravel().round(3)  # dW, and W - 0.1 dW
    (array([2., 6.], dtype=float32), array([1.8, 0.4], dtype=float32))
    """
    loss = _checked(model)
    samples = prepare_samples(model, x, y, None)
    layers, optimizer = model.layers, model.optimizer
    rows, targets = _input(model, samples.x), samples.y
    assert targets is not None
    _check_rows(layers)
    fused = loss.fuses(layers)

    passes = _forward(layers, rows)
    last = passes[-1]
    values, gradient = loss.evaluate(targets, last["z"] if fused else last["y"], None, fused or loss.from_logits)
    penalties = penalty(layers, len(rows), float(len(rows)), np.zeros(HYPER_NUMBERS))  # times B, as the sum of losses
    _backward(layers, passes, gradient, fused)

    parameters = [p for layer in layers for p in layer.parameters]
    optimizer.build(parameters)
    rate = optimizer.learning_rate
    before = {p: (p.value.copy(), [slot.copy() for slot in optimizer.slots_of(p)]) for p in parameters}
    optimizer.step_on(layers, float(len(rows)))

    def numbers(layer: "Layer", done: dict[str, Any]) -> LayerNumbers:
        weights = tuple(_weight(p, before[p], optimizer, len(rows)) for p in layer.parameters)
        activation = layer.activation.activation if isinstance(layer, Dense) else None
        return LayerNumbers(layer.name, type(layer).__name__, activation, **done, weights=weights)

    return StepNumbers(
        layers=tuple(numbers(layer, done) for layer, done in zip(layers, passes, strict=True)),
        targets=targets,
        losses=values,
        loss=(total_loss(values, None) + penalties) / len(rows),
        penalty=penalties / len(rows),
        loss_name=loss.name,
        fused=fused,
        optimizer=optimizer,
        learning_rate=rate,
        number=optimizer.iterations,
    )


def _checked(model: "Sequential") -> KernelLoss:
    """The model's loss, if the kernels compute it and all layers."""
    loss = model.loss
    if loss is None:
        raise ValueError(f"model {model.name} must be compiled; call compile(optimizer, loss) first")
    if not isinstance(loss, KernelLoss) or not loss.compiled or loss.label_smoothing:
        raise TypeError(f"the loss must be one of fastnn's own, without label smoothing, received {loss!r}")
    for layer in model.layers:
        if not layer.compiled:
            raise TypeError(f"all layers must be fastnn's own, received {layer!r}, which is written in Python")
    return loss


def _check_rows(layers: "list[Layer]") -> None:
    for layer in layers:
        for shape in (layer.input_shape, layer.output_shape):
            if shape is not None and len(shape) != 2:
                raise ValueError(
                    f"all layers must take and give rows, received {layer.name} ({type(layer).__name__}) with shape "
                    f"{shape}; the numbers of a step are shown for dense networks"
                )


def _input(model: "Sequential", x: Any) -> np.ndarray:
    if not isinstance(x, np.ndarray):
        raise TypeError("x must be an array, received a sparse matrix; its toarray() is one")
    return np.ascontiguousarray(x, model.dtype)


def _forward(layers: "list[Layer]", x: np.ndarray) -> list[dict[str, Any]]:
    """The numbers of the way forward, a dict for each layer; the gradients in them are still None."""
    passes: list[dict[str, Any]] = []
    for layer in layers:
        if isinstance(layer, Dense):
            z = layer.logits(x, training=True)
            y = layer.activation.forward(z, training=True)
        else:
            z, y = None, layer.forward(x, training=True)
        passes.append({"x": x, "z": z, "y": y, "dy": None, "dz": None, "dx": None})
        x = y
    return passes


def _backward(layers: "list[Layer]", passes: list[dict[str, Any]], gradient: np.ndarray, fused: bool) -> None:
    """Fill in the gradients, from that of the loss with respect to the last y; `fused`: to the last z."""
    for place in reversed(range(len(layers))):
        layer, done = layers[place], passes[place]
        from_z = fused and place == len(layers) - 1
        if not from_z:
            done["dy"] = gradient
        if isinstance(layer, Dense):
            done["dz"] = gradient if from_z else layer.activation.backward(gradient)
            gradient = layer.backward_from_logits(done["dz"])
        else:
            gradient = layer.backward_from_logits(gradient) if from_z else layer.backward(gradient)
        done["dx"] = gradient


def _weight(
    parameter: Parameter, before: tuple[np.ndarray, list[np.ndarray]], optimizer: Optimizer, samples: int
) -> WeightNumbers:
    """The numbers of a weight, after the step."""
    value, slots = before
    penalized = None
    if parameter.regularizer is not None:
        share = 1 / samples if parameter.regularizer.per_sample else 1.0
        penalized = share * (parameter.regularizer.l1 * np.sign(value) + 2 * parameter.regularizer.l2 * value)
        penalized = penalized.astype(value.dtype)
    names = next((names for kind, names in _SLOTS.items() if isinstance(optimizer, kind)), ())
    names = (*names[: optimizer.slot_count], *(["average"] if optimizer.use_ema else []))
    now = [slot.copy() for slot in optimizer.slots_of(parameter)]
    return WeightNumbers(
        name={"kernel": "W", "bias": "b"}.get(parameter.name, parameter.name),
        before=value,
        after=parameter.value.copy(),
        gradient=parameter.gradient.copy(),
        penalty_gradient=penalized,
        slots=dict(zip(names, zip(slots, now, strict=True), strict=True)),
    )
