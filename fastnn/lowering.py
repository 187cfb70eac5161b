"""Lowers layers to the interpreter's instruction table: layers append instructions, buffers are laid out here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .kernels import instructions as op
from .kernels.tile import padded, stride
from .losses import Loss
from .metrics import Metric

if TYPE_CHECKING:
    from .layers.base import Layer


class Lowering:
    """A program under construction.

    Attributes:
        training: whether it will also run backward. Layers that only act while training ask for it.
        code: the instructions so far, as dicts of their fields.
        elements: the size of the activations' buffer so far, for `rows` rows.
        transposed_elements: the same for the transposed kernels.
        operations: floating-point operations for one row of the batch.
    """

    def __init__(self, dtype: np.dtype, rows: int, columns: int, pixels: bool, training: bool):
        self.dtype, self.rows, self.training = dtype, padded(rows), training
        self.code: list[dict[str, Any]] = []
        self.elements = self.transposed_elements = 0
        self.operations = 0.0
        self._trains = False  # whether any instruction so far has weights that are trained
        self._overwritable = True
        self.columns = columns
        self.y, self.y_stride = self._buffer(columns), stride(columns, dtype)
        self._append(op.GATHER_PIXELS if pixels else op.GATHER_FEATURES, alpha=1.0, beta=0.0)

    def _buffer(self, columns: int) -> int:
        offset = self.elements
        self.elements += self.rows * stride(columns, self.dtype)
        return offset

    def _append(self, code: int, **fields: Any) -> None:
        here = {"op": code, "x": self.y, "x_stride": self.y_stride, "y": self.y, "y_stride": self.y_stride}
        self.code.append(here | {"inputs": self.columns, "outputs": self.columns} | fields)

    def emit(
        self,
        code: int,
        outputs: int | None = None,
        needs_output: bool = False,
        trainable: int = 0,
        **fields: Any,
    ) -> None:
        """Append an instruction of a layer, which reads what the last one wrote.

        Args:
            code: its opcode.
            outputs: columns that it writes to a buffer of its own; None: it works in place.
            needs_output: whether its backward reads its output, so that nobody may write over that while training.
            trainable: 1 for weights that are trained.
            fields: the record's other fields.
        """
        gradient = int(self.training and self._trains)
        if outputs is not None:
            fields |= self._buffer_for_output(outputs, trainable, gradient)
        elif not self._overwritable:
            y = self._buffer(self.columns)
            self._append(op.COPY, y=y, gradient=gradient)
            self.y = y
        self._append(code, trainable=trainable, gradient=gradient, **fields)
        self._trains = self._trains or bool(trainable)
        if outputs is not None:
            self.columns, self.y, self.y_stride = outputs, fields["y"], fields["y_stride"]
        self._overwritable = not (needs_output and self.training)

    def _buffer_for_output(self, outputs: int, trainable: int, gradient: int) -> dict[str, Any]:
        """Where a dense layer writes, and where the transposed copy of its kernel stands if it needs one."""
        self.operations += 2.0 * self.columns * outputs * (1 + self.training * (trainable + gradient))
        transposed = -1
        if gradient:
            transposed = self.transposed_elements
            self.transposed_elements += outputs * self.y_stride
        y_stride = stride(outputs, self.dtype)
        return {"outputs": outputs, "y": self._buffer(outputs), "y_stride": y_stride, "transposed": transposed}

    def rescale_gather(self, scale: float, offset: float) -> bool:
        """Let the gathering scale its rows, if it is all that there is so far and does not scale yet."""
        gather = self.code[0]
        if len(self.code) > 1 or (gather["alpha"], gather["beta"]) != (1.0, 0.0):
            return False
        gather["alpha"], gather["beta"] = scale, offset
        return True

    def add_loss(self, loss: Loss, fused: bool) -> None:
        """Append the loss; `fused`: in the place of the last activation, whose input it starts from."""
        self._append(op.GATHER_LABELS if loss.sparse else op.GATHER_TARGETS)
        gather = self.code.pop()
        self.code.insert(0, gather)
        if loss.from_logits and loss.fused_opcode:
            # On a copy, which the loss turns into probabilities: the metrics see the logits.
            logits = self._buffer(self.columns)
            self._append(op.COPY, y=logits, gradient=int(self.training and self._trains))
            self._append(loss.fused_opcode, y=logits)
        elif fused:
            self.code[-1] = self.code[-1] | {"op": loss.fused_opcode, "gradient": 0}
        else:
            self._append(loss.opcode)

    def add_metrics(self, metrics: Sequence[Metric]) -> None:
        """Append the metrics, which write rows 1, 2, ... of the batch's values."""
        for value, metric in enumerate(metrics, 1):
            self._append(metric.opcode, value=value, alpha=metric.numbers[0] if metric.numbers else 0.0)

    def add_predict(self) -> None:
        """Append the instruction that hands the output out."""
        self._append(op.PREDICT)

    def table(self) -> np.ndarray:
        """The finished instruction table."""
        code = np.zeros(len(self.code), op.INSTRUCTION)
        for record, fields in zip(code, self.code, strict=True):
            for name, value in fields.items():
                record[name] = value
        return code


def lower(
    layers: Sequence["Layer"],
    lowering: Lowering,
    loss: Loss | None = None,
    metrics: Sequence[Metric] = (),
    predict: bool = False,
) -> Lowering:
    """Lower `layers`, then loss and metrics or the handing out of the output."""
    for layer in layers:
        layer.lower(lowering)
    if loss is not None:
        lowering.add_loss(loss, loss.fuses(layers))
        lowering.add_metrics(metrics)
    if predict:
        lowering.add_predict()
    return lowering
