"""What a model is trained with: optimizer, loss and metrics, which `compile` chooses."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Never

from .. import habits, losses, metrics, optimizers
from ..layers.activations import output_activation
from ..layers.base import Layer
from ..layers.input import InputLayer
from ..layers.stack import Stack
from ..metrics import Metric
from . import programs
from .turns import Turns


class Compiled(Stack):
    """Layers with the optimizer, the loss and the metrics that `compile` chooses, and the programs made of them."""

    _settable = (*Stack._settable, "optimizer", "loss", "metrics")

    def __init__(self, layers: Sequence[Layer | InputLayer] | None = None, name: str | None = None):
        self._optimizer: optimizers.Optimizer | None = None
        self._loss: losses.Loss | None = None
        self._metrics: list[Metric] = []
        self._metrics_asked: list[object] = []
        self._metrics_for: int | None = None  # the number of outputs that they were chosen for
        self._turns = Turns()
        self._programs: dict[str, programs.Made] = {}
        super().__init__(layers, name)

    @property
    def optimizer(self) -> optimizers.Optimizer:
        """The optimizer, which may be set to another one, also by its name; an AttributeError before `compile`."""
        if self._optimizer is None:
            raise AttributeError(f"model {self.name} has no optimizer yet; call compile(optimizer, loss) first")
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: Any) -> None:
        self._optimizer = optimizers.get(value)

    @property
    def loss(self) -> losses.Loss | None:
        """The loss, or None before `compile`, which chooses it."""
        return self._loss

    @loss.setter
    def loss(self, value: Any) -> None:
        raise AttributeError(
            f"loss cannot be set, because optimizer and metrics go with it; call compile again. Received {value!r}"
        )

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, which `compile` chooses, once the output shape is known. The list is a copy."""
        return list(self._metrics)

    @metrics.setter
    def metrics(self, value: Any) -> None:
        raise AttributeError(f"metrics cannot be set; call compile again. Received {value!r}")

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Sequence[Any] | None = None, **unknown: Never
    ) -> None:
        """Choose how to train.

        Args:
            optimizer: a name, or a `fastnn.optimizers` object, which keeps slots and step count from earlier use.
            loss: a name, a `fastnn.losses` object, or a function of (y_true, y_pred) (`fastnn.losses.get`).
            metrics: names, `fastnn.metrics` objects or functions; "accuracy" selects the one that fits loss and output.
            unknown: none; arguments of Keras's that have no meaning here raise a TypeError.

        Raises:
            ValueError: for an unknown name (suggests the nearest), or a loss or metric that does not fit the output.
        """
        self._refuse("compile", unknown)
        if loss is None:
            raise ValueError('compile needs a loss, for example loss="sparse_categorical_crossentropy"')
        if isinstance(metrics, str) or not isinstance(metrics, (list, tuple, type(None))):
            raise TypeError(f'metrics must be a list such as ["accuracy"], received {metrics!r}')
        with self._changing():
            new_optimizer, new_loss = optimizers.get(optimizer), losses.get(loss)
            asked, outputs = list(metrics or []), self._outputs_for(new_loss)
            new_metrics = self._fitting_metrics(new_loss, asked, outputs)
            self._optimizer, self._loss, self._metrics = new_optimizer, new_loss, new_metrics
            self._metrics_asked, self._metrics_for = asked, outputs

    def _finish_compile(self) -> None:
        """Check that the loss fits, and choose the metrics if `compile` did not know the output shape yet."""
        loss = self._require_compiled()
        outputs = self._outputs_for(loss)
        if outputs != self._metrics_for:
            self._metrics = self._fitting_metrics(loss, self._metrics_asked, outputs)
            self._metrics_for = outputs

    def _outputs_for(self, loss: losses.Loss) -> int | None:
        """The number of outputs, after checking that the loss fits them; None until the output shape is known."""
        shape = self.output_shape
        if shape is None:
            return None
        outputs = shape[-1]
        if len(shape) != 2 or outputs is None:
            raise ValueError(f"for a loss the last layer must give shape (n, outputs), received {shape}")
        loss.check_outputs(outputs, output_activation(self._layers))
        return outputs

    def _fitting_metrics(self, loss: losses.Loss, names: list[object], outputs: int | None) -> list[Metric]:
        """The metrics by name; none until the number of outputs is known."""
        if outputs is None:
            for name in names:
                metrics.get(name, 2, getattr(name, "sparse", loss.sparse))  # checks at least the name
            return []
        found = [metrics.get(name, outputs, loss.sparse) for name in names]
        keys = [m.name for m in found]
        if len(set(keys)) < len(keys) or "loss" in keys:
            hint = "; define functions with def, which gives them names" if keys.count("lambda") > 1 else ""
            raise ValueError(f'metric names must differ from each other and from "loss", received {keys}{hint}')
        return found

    def _require_compiled(self) -> losses.Loss:
        """The loss; a RuntimeError if `compile` was not called."""
        if self._loss is None:
            raise RuntimeError('call compile(optimizer, loss) first, for example model.compile("adam", "mse")')
        return self._loss

    def _refuse(self, method: str, unknown: dict[str, Never]) -> None:
        habits.refuse_arguments(f"{method}()", unknown, lambda: inspect.signature(getattr(self, method)).parameters)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Within the block layers, loss or metrics may change; programs made before are dropped."""
        with self._turns.changing():
            self._programs = {}
            yield
