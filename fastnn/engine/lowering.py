"""Lowers layers to the interpreter's tables: layers append instructions, and this module lays out the buffers."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..kernels import batches as kernels
from ..kernels import instructions
from ..kernels.arrays import CACHE_LINE, padded, stride
from ..kernels.interpreter import SAMPLE_ROWS
from ..kernels.marks import SMALLEST_INPUTS, marks_size
from ..kernels.operations import GROUPS, SMALLEST_GROUP
from ..kernels.penalties import LANES
from .entries import operation_entry, update_entry
from .tables import table
from .update import Update, penalized, penalty_fields, weight_fields

if TYPE_CHECKING:
    from ..layers.base import Layer
    from ..layers.dropout import Noise
    from ..losses import Loss
    from ..metrics import Metric
    from ..optimizers import Optimizer
    from .parameters import Parameter


# The most bytes of a block of rows in all buffers, for networks on images: about the L2 cache.
_BLOCK_BYTES = 1 << 20


class Note(NamedTuple):
    """What a profile says about an instruction.

    Attributes:
        layer: the name of the layer that it belongs to; "" for data, loss and metrics.
        operation: the name of its operation.
        flops: floating-point operations of its forward, for one row of the batch.
        sums: whether backward sums up the gradients of its weights, too, which otherwise is a task of its own.
    """

    layer: str
    operation: str
    flops: float
    sums: bool


class Lowering:
    """A program under construction.

    Attributes:
        training: whether it is for training; layers that act only then read it.
        optimizer: the optimizer that trains it; None: no weights change.
        alone: whether it runs a single layer, whose forward and backward are called separately.
        backward: whether it can also run backward.
        parameters: all weights of the layers; an instruction names a weight by its index here.
        code: the instructions so far, as dicts of their fields.
        records: the weights that instructions use, as dicts of the fields of `instructions.PARAMETER`.
        elements: the size of the activations' buffer so far, for `rows` rows.
        transposed_elements, scratch_elements, partial_elements, mark_words: the sizes of the transposed kernels, of one
            thread's scratch space, of the partial sums and of the marks.
        tables: the instructions' own integers so far.
        stage_ends: the numbers of instructions after which a stage ends (`end_stage`).
        clocks: the layers that count their steps, and the fields of their instructions, or None without one.
        sparse_scale: while nothing has read samples that are sparse rows, what their values are multiplied by; else
            None.
        sorted_columns: if training sorts the entries of a batch by column, the number of columns; else 0.
        totals: the instructions whose task `TOTAL_FORWARD` is called at the end of the batch.
        means: the column of the log for each row of the batch's values.
        log_columns: the number of columns of the log.
        sums_elements: the size of `Batch.sums`: the columns of the log, then the sums of the update's stages.
        targets_elements: the size of the targets' buffer.
        weighted: whether the loss is divided by the sum of the sample weights.
        flops, entry_flops: floating-point operations for one row of the batch, and for one entry of a sparse row.
        layer: the name of the layer whose instructions are being appended.
        notes: what a profile says about the instructions of the finished plan.
        shape: the shape of a sample of the last layer's output.
        logits: the number of instructions before a single layer's own activation, and the `y` and `y_stride` that they
            write; None where it has none.
    """

    def __init__(
        self,
        dtype: np.dtype,
        rows: int,
        shape: tuple[int, ...],
        parameters: "Sequence[Parameter]",
        pixels: bool = False,
        training: bool = False,
        alone: bool = False,
        optimizer: "Optimizer | None" = None,
        sparse: bool = False,
    ):
        self.dtype, self.rows, self.training, self.alone = dtype, padded(rows), training, alone
        self.optimizer = optimizer
        self.backward = training or alone
        self.code: list[dict[str, Any]] = []
        self.records: list[dict[str, Any]] = []
        self.parameters = list(parameters)
        self._numbers = {id(parameter): number for number, parameter in reversed([*enumerate(self.parameters)])}
        self.stage_ends: list[int] = []
        self.clocks: list[tuple[Noise, dict[str, Any] | None]] = []
        self.totals: list[int] = []
        self.means: list[int] = []
        self.tables: list[int] = []
        self.elements = self.transposed_elements = self.scratch_elements = self.partial_elements = self.mark_words = 0
        self.flops = self.entry_flops = 0.0
        self.sorted_columns = 0
        self.layer, self.notes = "", list[Note]()
        self.log_columns = self.sums_elements = 0
        self.targets_elements, self.weighted = 0, False
        self.logits: tuple[int, int, int] | None = None
        self._trains = alone  # whether an instruction so far has weights that are trained
        self._overwritable = True
        self._images = False  # whether a layer's output has samples with more than one axis
        self.shape, self.columns = shape, math.prod(shape)
        self.sparse_scale: float | None = 1.0 if sparse else None
        if sparse:  # they are read where they are, not gathered
            self.y = self.y_stride = 0
            return
        self.y, self.y_stride = self._buffer(self.columns), stride(self.columns, dtype)
        self._append(kernels.pixels_to_batch if pixels else kernels.features_to_batch, alpha=1.0, beta=0.0)

    def _buffer(self, columns: int) -> int:
        offset = self.elements
        self.elements += self.rows * stride(columns, self.dtype)
        return offset

    def _append(self, operation: Any, **fields: Any) -> None:
        here = {"operation": operation, "x": self.y, "x_stride": self.y_stride, "y": self.y, "y_stride": self.y_stride}
        here |= {
            "inputs": self.columns,
            "outputs": self.columns,
            "marks": -1,
            "channels": self.shape[-1] if self.shape else 1,
        }
        self.code.append(here | {"layer": self.layer, "flops": 0.0, "sums": False} | fields)

    def emit(
        self,
        operation: Any,
        outputs: int | tuple[int, ...] | None = None,
        needs_output: bool = False,
        parameters: "Sequence[Parameter | None]" = (),
        trainable: bool = True,
        flops: float = 0.0,
        copies: int = 0,
        skips: bool = False,
        scratch_size: int = 0,
        partial_size: int = 0,
        integers: Sequence[int] = (),
        **fields: Any,
    ) -> dict[str, Any]:
        """Append an instruction, which reads the output of the last one.

        Args:
            operation: what it does (`kernels/operations.py`).
            outputs: the shape of a sample of its output, in a buffer of its own; None: it works in place.
            needs_output: whether its backward reads its output, so that no later instruction may overwrite it.
            parameters: its weights; the first two are `kernel` and `bias` in the record. None for a missing one.
            trainable: whether its weights are trained, except those that are not trainable themselves.
            flops: floating-point operations of its forward, for one row of the batch.
            copies: elements that it needs for copies of its first weight, if it computes an input gradient.
            skips: whether it can leave out terms that are zero in its input.
            scratch_size: elements of scratch space that it needs for one row of the batch; `scratch` says where.
            partial_size: elements of its partial sums over one group of rows; `partial` says where.
            integers: its own integers; `table` says where.
            fields: other fields of the record.

        Returns:
            The fields of the record.
        """
        gradient = int(self.backward and self._trains)
        trained = [p is not None and trainable and p.trainable and self.backward for p in parameters]
        if outputs is not None:
            shape = (outputs,) if isinstance(outputs, int) else tuple(outputs)
            self._images = self._images or len(shape) > 1
            fields["outputs"] = math.prod(shape)
            fields |= {"y": self._buffer(fields["outputs"]), "y_stride": stride(fields["outputs"], self.dtype)}
        elif not self._overwritable:
            y = self._buffer(self.columns)
            self._append(kernels.copied, y=y, gradient=gradient)
            self.y = y
        fields["transposed"] = self.transposed_elements if gradient and copies else -1
        self.transposed_elements += copies if gradient else 0
        self.flops += flops * (1 + any(trained) + gradient)
        for name, parameter in zip(("kernel", "bias"), [*parameters, None, None], strict=False):
            fields[name] = self.number(parameter)
        for which, (parameter, trains) in enumerate(zip(parameters, trained, strict=True)):
            if parameter is not None:
                self._add_parameter(parameter, which, trains)
        fields |= {"flops": flops, "sums": partial_size > 0}
        own = {"scratch": self.scratch_elements, "partial": self.partial_elements, "table": len(self.tables)}
        line = CACHE_LINE // self.dtype.itemsize
        self.scratch_elements += -(-scratch_size // line) * line
        self.partial_elements += GROUPS * partial_size
        self.tables += integers
        own["marks"] = -1
        if skips and self.columns >= SMALLEST_INPUTS:
            own["marks"] = self.mark_words
            self.mark_words += marks_size(self.rows, self.columns)
        self._append(operation, **own | {"trainable": int(any(trained)), "gradient": gradient} | fields)
        self._trains = self._trains or any(trained)
        if outputs is not None:
            self.columns, self.y, self.y_stride, self.shape = fields["outputs"], fields["y"], fields["y_stride"], shape
        self._overwritable = not (needs_output and self.backward)
        return self.code[-1]

    def emit_sparse(
        self,
        operation: Any,
        outputs: int,
        parameters: "Sequence[Parameter | None]",
        trainable: bool,
        entry_flops: float,
    ) -> None:
        """Append the instruction that reads sparse rows, whose output is dense. The arguments are those of `emit`.

        Args:
            operation: multiplies them by its first weight; its task PREPARE sorts the batch's entries by column.
            outputs: the number of its outputs.
            parameters: its weights, the first of which has a row for each column.
            trainable: whether its weights are trained.
            entry_flops: floating-point operations of its forward, for one entry.
        """
        assert self.sparse_scale is not None
        columns, records = self.columns, len(self.records)
        fields = self.emit(operation, outputs, parameters=parameters, trainable=trainable, alpha=self.sparse_scale)
        self.sparse_scale = None
        self.entry_flops = entry_flops * (1 + fields["trainable"])
        if fields["trainable"] and self.records[records]["trained"]:
            self.records[records]["prepared"], self.sorted_columns = 1, columns

    def number(self, parameter: "Parameter | None") -> int:
        """The number by which instructions name a weight; -1 for none."""
        if parameter is None:
            return -1
        if id(parameter) not in self._numbers:
            raise ValueError(
                f"a layer uses the weight {parameter!r}, which is not among its parameters; add_weight does that"
            )
        return self._numbers[id(parameter)]

    def _add_parameter(self, parameter: "Parameter", which: int, trained: bool) -> None:
        place = {"instruction": len(self.code), "which": which, "number": self.number(parameter)}
        self.records.append(place | weight_fields(parameter, trained, self.optimizer))

    def add_penalties(self, layers: "Sequence[Layer]") -> None:
        """Let the loss include the penalties of the layers' weights."""
        known = {fields["number"]: fields for fields in self.records}
        for parameter in penalized(layers):
            number = self.number(parameter)
            if number not in known:  # no instruction uses it outside training
                self._add_parameter(parameter, -1, False)
                self.records[-1]["instruction"] = 0
                known[number] = self.records[-1]
            known[number] |= penalty_fields(parameter)

    def before_activation(self) -> None:
        """Remember that what comes next is the activation of the layer: its input is the logits."""
        self.logits = len(self.code), self.y, self.y_stride

    def reshape(self, shape: tuple[int, ...]) -> None:
        """Give samples another shape: nothing to do, because in memory a sample is a row of numbers."""
        self.shape = shape

    def end_stage(self) -> None:
        """Begin a new stage, which starts when all rows of the batch have finished the last one.

        Between the stages, one thread calls the last instruction's task `TOTAL_FORWARD` and, in backward, the next
        instruction's task `TOTAL_BACKWARD`.
        """
        self.stage_ends.append(len(self.code))

    def rescale_gather(self, scale: float, offset: float) -> bool:
        """Scale rows while they are gathered, if there are no other instructions yet and gathering does not scale yet.

        Not for a single layer: its gradient with respect to x may be asked for, and gathering has no backward.
        """
        if self.sparse_scale is not None:
            self.sparse_scale *= scale  # there is no offset (`Layer.check_sparse`)
            return True
        gather = self.code[0]
        if self.alone or len(self.code) > 1 or (gather["alpha"], gather["beta"]) != (1.0, 0.0):
            return False
        gather["alpha"], gather["beta"] = scale, offset
        return True

    def add_loss(self, loss: "Loss", fused: bool) -> None:
        """Append the loss; `fused`: it replaces the last activation and starts from its input."""
        if fused:
            self.code.pop()
        # What memory depends on is what the class says: an instance's attributes may be set.
        self._append(kernels.labels_to_batch if type(loss).sparse else kernels.targets_to_batch)
        gather = self.code.pop()
        self.code.insert(0, gather)
        self.stage_ends = [end + 1 for end in self.stage_ends]
        for record in self.records:
            record["instruction"] += 1
        targets, size = 0, self.rows * stride(self.columns, self.dtype)
        if loss.label_smoothing:
            targets = size
            classes = loss.classes(self.columns)
            self._append(loss.smoothing, alpha=loss.label_smoothing, channels=classes, targets=targets)
        self.targets_elements = targets + size
        fields = dict(zip(("alpha", "beta"), loss.numbers, strict=False)) | {"targets": targets}
        if loss.from_logits and loss.fused_operation:
            # On a copy, which the loss turns into probabilities, so that the metrics read the logits.
            logits = self._buffer(self.columns)
            self._append(kernels.copied, y=logits, gradient=int(self.backward and self._trains))
            self._append(loss.fused_operation, y=logits, **fields)
        else:
            self._append(loss.fused_operation if fused else loss.operation, **fields)
        self.means, self.log_columns, self.weighted = [0], 1, loss.weighted

    def add_metrics(self, metrics: "Sequence[Metric]") -> None:
        """Append the metrics: means over the batch's values, or sums over the whole batch."""
        for metric in metrics:
            size = metric.state_size(self.columns)
            per_sample = type(metric).per_sample
            value = len(self.means) if per_sample else self.log_columns
            fields = dict(zip(("alpha", "beta"), metric.numbers, strict=False))
            self._append(metric.operation, value=value, **fields)
            if per_sample:
                self.means.append(self.log_columns)
            else:
                self.totals.append(len(self.code) - 1)
            self.log_columns += size

    def add_predict(self) -> None:
        """Append the instruction that writes the predictions."""
        self._append(kernels.batch_to_predictions)

    def plan(self) -> instructions.Plan:
        """The finished tables."""
        for place, fields in enumerate(self.code):
            operation = fields.pop("operation")
            self.notes.append(Note(fields.pop("layer"), operation.__name__, fields.pop("flops"), fields.pop("sums")))
            fields |= {"entry": operation_entry(operation, self.dtype), "place": place}
        update = Update(self.records, self.log_columns, self.optimizer, with_gradients=not self.alone)
        self.sums_elements = update.sums_elements
        refresh = []
        if update.stages:
            self.scratch_elements += LANES
            refresh = [{"kind": instructions.REFRESH}] if self.training and not update.steps_at_once else []
        for record in update.records:
            if record.get("prepared"):
                self._choose_rows(record, bool(update.stages))
        return instructions.Plan(
            code=table(self.code, instructions.INSTRUCTION),
            parameters=table(update.records, instructions.PARAMETER),
            stages=table(self._stages() + update.stages + refresh, instructions.STAGE),
            means=np.array(self.means, np.int64),
            block=self._block(),
            grouped=int(self.partial_elements > 0),
            update=update_entry(self.dtype) if update.stages else 0,
            steps_at_once=int(update.steps_at_once),
            weighted=int(self.weighted),
        )

    def _choose_rows(self, record: dict[str, Any], separate: bool) -> None:
        """Whether a step goes through all rows of a weight that multiplies sparse rows, or those that a batch touches.

        Args:
            record: the weight's fields.
            separate: whether stages after that of the gradients update the weights: they go through all rows.
        """
        optimizer = self.optimizer
        record["touched_only"] = int(optimizer is not None and optimizer.idle_without_gradient and not separate)
        if not record["touched_only"]:
            self.flops += 10.0 * record["rows"] * record["stride"] / self.rows

    def _stages(self) -> list[dict[str, Any]]:
        """Forward stages, the same backward, then the weights."""
        starts, ends = [0, *self.stage_ends], [*self.stage_ends, len(self.code)]
        stages: list[dict[str, Any]] = []
        for start, end in zip(starts, ends, strict=True):
            stages.append({"kind": instructions.SAMPLES, "start": start, "stop": end})
            if end < len(self.code):
                stages.append({"kind": instructions.TOTAL, "start": end - 1, "stop": instructions.TOTAL_FORWARD})
        if not self.backward:
            return stages + self._totals()
        if self.alone:
            stages.append({"kind": instructions.SAMPLES})
        # Rows go backward right after forward, while they are in the cache.
        stages[-1] |= {"back_start": ends[-1], "back_stop": starts[-1]}
        for start, end in zip(starts[-2::-1], ends[-2::-1], strict=True):
            stages.append({"kind": instructions.TOTAL, "start": end, "stop": instructions.TOTAL_BACKWARD})
            stages.append({"kind": instructions.SAMPLES, "back_start": end, "back_stop": start})
        stages += [*self._totals(), {"kind": instructions.PARAMETERS}]
        if self.alone and self.logits is not None:  # forward to there, and backward from there
            end = self.logits[0]
            stages.append({"kind": instructions.SAMPLES, "stop": end})
            stages.append({"kind": instructions.SAMPLES, "back_start": end})
        return stages

    def _totals(self) -> list[dict[str, Any]]:
        return [{"kind": instructions.TOTAL, "start": i, "stop": instructions.TOTAL_FORWARD} for i in self.totals]

    def _block(self) -> int:
        """Rows that a thread takes through the network at once.

        For images, few enough that their buffers fit into the L2 cache. With dense layers only, as many as allowed,
        because these read all their weights once per block.
        """
        if not self._images:
            return int(SAMPLE_ROWS)
        row = self.elements * (1 + self.backward) * self.dtype.itemsize // max(1, self.rows)
        block: int = SAMPLE_ROWS
        while block > SMALLEST_GROUP and block * row > _BLOCK_BYTES:
            block //= 2
        return block


def uses_kernels(kind: type, kernels: str, methods: tuple[str, ...]) -> bool:
    """Whether no class below the one that defines `kernels` overrides one of `methods` in Python."""
    for base in kind.__mro__:
        if kernels in vars(base):
            return True
        if any(name in vars(base) for name in methods):
            return False
    return False


def lower(
    layers: Sequence["Layer"],
    lowering: Lowering,
    loss: "Loss | None" = None,
    metrics: "Sequence[Metric]" = (),
    predict: bool = False,
) -> Lowering:
    """Lower `layers`, then loss and metrics, or the predictions."""
    for layer in layers:
        if lowering.sparse_scale is not None:
            layer.check_sparse("x")  # again: a callback may have changed its settings
        lowering.layer = layer.name
        layer.lower(lowering)
    lowering.layer = ""
    if loss is not None:
        lowering.add_loss(loss, loss.fuses(layers))
        lowering.add_penalties(layers)
        lowering.add_metrics(metrics)
    if predict:
        lowering.add_predict()
    return lowering
