"""A lowered network with its buffers, ready to run: the compiled path of fit, evaluate and predict."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import read_only
from ..kernels import instructions
from ..kernels.arrays import CACHE_LINE, ROWS
from ..kernels.calls import bound
from ..kernels.interpreter import DEEP_GRADIENT_ROWS
from ..kernels.interpreter import run as run_steps
from ..kernels.skipping import LIST
from ..sparse_rows import SparseRows
from . import threads
from .crew import ALONE, crew
from .entries import NO_NUMBERS, NO_OPTIMIZER, interpreter_of, optimizer_entry
from .first_use import compiling_all
from .lowering import Lowering, lower
from .parameters import aligned_zeros
from .run import Run, Samples
from .tables import empty_batch, empty_data, weight_table

if TYPE_CHECKING:
    from ..layers.base import Layer
    from ..losses import Loss
    from ..metrics import Metric
    from ..optimizers import Optimizer

# How often compiled code returns to Python, which notices Ctrl-C and shows progress.
_SECONDS_BETWEEN_RETURNS = 0.03


FEW = 8  # for at most this many samples, a prediction takes less time than its preparation in Python


class _Few:
    """A prediction for a fixed number of rows with all arguments prepared; a call fills in the data."""

    def __init__(self, program: "Program", like: np.ndarray):
        n = len(like)
        self.x, self.y = np.zeros_like(like), np.zeros((n, *program.output_shape), program.dtype)
        job = Run(Samples(read_only(self.x)), n, np.zeros((1, 0)), predictions=self.y.reshape(n, -1))
        program.run(job)  # compiled or loaded from here on
        self.cursor = job.cursor
        self.arguments = (*program.arguments(job, 1, 1), ALONE, 0)
        self.run = bound(run_steps, *self.arguments)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.x[...] = x
        self.cursor.fill(0)
        self.run(*self.arguments)
        return self.y.copy()


class Buffers:
    """The memory that a lowered network works in.

    Attributes:
        batch: the buffers of a batch.
        transposed: the transposed copies of weights.
    """

    def __init__(self, lowered: Lowering):
        dtype, slack = lowered.dtype, CACHE_LINE  # kernels read whole vectors, the last one beyond the end
        code = lowered.code
        width = max(max(fields["x_stride"], fields["y_stride"]) for fields in code)
        self.batch = empty_batch(
            dtype,
            activations=aligned_zeros(lowered.elements + slack, dtype),
            gradients=aligned_zeros(lowered.elements + slack, dtype),
            labels=np.zeros(lowered.rows, np.int64),
            targets=aligned_zeros(lowered.targets_elements, dtype),
            weight=np.ones(lowered.rows, dtype),
            scale=np.ones(lowered.rows, dtype),
            values=np.zeros(max(1, len(lowered.means)) * lowered.rows, dtype),
            sums=np.zeros(lowered.sums_elements),
            partials=aligned_zeros(lowered.partial_elements, dtype),
            scratch=np.zeros((0, lowered.scratch_elements), dtype),
            tables=np.array(lowered.tables, np.int64),
            marks=np.zeros(lowered.mark_words, np.int64),
            terms=np.zeros((0, DEEP_GRADIENT_ROWS // ROWS * LIST if lowered.mark_words else 0), np.int16),
            zeros=aligned_zeros(width, dtype),
            one=np.ones(1, dtype),
        )
        self.transposed = aligned_zeros(lowered.transposed_elements, dtype)
        self._sorted_columns = lowered.sorted_columns

    def for_threads(self, count: int) -> instructions.Batch:
        """The buffers of a batch, with scratch space and lists for `count` threads."""
        for name in ("scratch", "terms"):
            have = getattr(self.batch, name)
            if len(have) < count:
                flat = aligned_zeros(count * have.shape[1], have.dtype)
                self.batch = self.batch._replace(**{name: flat.reshape(count, -1)})
        return self.batch

    def for_entries(self, most: int) -> None:
        """Make room for the lists of the batches of sparse rows, if training sorts them: at most `most` entries."""
        size = 3 * self._sorted_columns + most
        if self._sorted_columns and self.batch.lists.size < size:
            # New ones will do: nothing in them is needed after a step.
            entries = np.zeros(most, self.batch.entries.dtype)
            self.batch = self.batch._replace(lists=np.zeros(size, np.int32), entries=entries)


class Program:
    """The instructions of a network for batches of at most `rows` rows, and the buffers that they work in.

    Args:
        layers: built layers, all of which have kernels.
        rows: the largest batch.
        sample_shape: the shape of one sample.
        pixels, sparse: whether samples come as uint8, or as sparse rows.
        training: whether to run backward and update the weights.
        loss, metrics: computed from the output; without a loss, the program predicts.
        optimizer: the one that will train it; it decides which stages follow the gradients.
    """

    def __init__(
        self,
        layers: Sequence["Layer"],
        rows: int,
        sample_shape: tuple[int, ...],
        pixels: bool,
        training: bool = False,
        loss: "Loss | None" = None,
        metrics: Sequence["Metric"] = (),
        optimizer: "Optimizer | None" = None,
        sparse: bool = False,
    ):
        self.dtype = dtype = layers[0].dtype
        self.parameters = [p for layer in layers for p in layer.parameters]  # the tables name their memory
        lowered = Lowering(
            dtype, rows, sample_shape, self.parameters, pixels, training, optimizer=optimizer, sparse=sparse
        )
        lower(layers, lowered, loss, metrics, predict=loss is None)
        self.rows, self.training = rows, training
        self.output_shape = layers[-1].sample_output_shape
        self.flops, self._entry_flops = lowered.flops, lowered.entry_flops
        self.values = lowered.log_columns
        self._slots: list[np.ndarray] = []
        self._slots_from: tuple[Optimizer | None, int, int] = None, 0, 0
        self._empty = empty_data(dtype)
        self._few: dict[int, _Few] = {}
        # The seconds of a step, and for how many floating-point operations a row: a guess until the first measurement.
        self._seconds_per_step, self._measured_flops = 1e-5 + rows * self.flops / 1e10, self.flops
        self._sharing = threads.Sharing()
        operations = [fields["operation"] for fields in lowered.code]
        with compiling_all(operations, [] if optimizer is None else [optimizer.step_kernel], dtype):
            self.plan, self.notes = lowered.plan(), lowered.notes
            self.buffers = Buffers(lowered)
            self._table = weight_table(self.parameters, dtype, transposed=self.buffers.transposed)
        places = {id(fields): i for i, fields in enumerate(lowered.code)}
        self._clocks = [(layer, fields and self.plan.code[places[id(fields)]]) for layer, fields in lowered.clocks]

    def run(self, run: Run, steps: int | None = None) -> None:
        """Continue until the run is finished, `steps` are done, or it is time to return to Python."""
        run.follow_optimizer()
        flops = self.flops_for(run.samples)
        ahead = run.steps_left if steps is None else min(steps, run.steps_left)
        shared = self._sharing.threads(flops * min(run.batch_size, len(run.order)), ahead)
        if steps is None:
            seconds = _SECONDS_BETWEEN_RETURNS / (10 if self._sharing.brief else 1)
            denser = max(0.0, flops - self._measured_flops) * run.batch_size / 1e10
            steps = max(1, int(seconds / (self._seconds_per_step + denser)))
        steps = min(steps, run.steps_left)  # a schedule is not asked for rates beyond the last step
        before, began = run.rows_done, time.perf_counter()
        with self._counted(run):
            crew.lead(run_steps, self.arguments(run, steps, shared), shared)
        done = (run.rows_done - before) / run.batch_size
        if done > 0:
            self._seconds_per_step, self._measured_flops = (time.perf_counter() - began) / done, flops
            self._sharing.measured(shared, self._seconds_per_step)

    def flops_for(self, samples: Samples) -> float:
        """Floating-point operations for one row of a batch of these samples."""
        if not isinstance(samples.x, SparseRows):
            return self.flops
        return self.flops + self._entry_flops * samples.x.entries / len(samples)

    @contextmanager
    def _counted(self, run: Run) -> Iterator[None]:
        """Count the steps that the block makes, also if Ctrl-C ends it: the optimizer does, and layers with noise."""
        before = run.step
        for layer, fields in self._clocks:
            if fields is not None:
                fields["clock"] = layer.step - before
        try:
            yield
        finally:
            if run.optimizer is not None:
                run.optimizer.iterations = run.step
            for layer, _ in self._clocks:
                layer.step += run.step - before

    def predict_few(self, samples: Samples) -> np.ndarray:
        """The outputs for at most FEW samples, which are not sparse, with as little Python as possible."""
        count = len(samples)
        assert not isinstance(samples.x, SparseRows)
        if count not in self._few:
            self._few[count] = _Few(self, samples.x)
        return self._few[count](samples.x)

    def arguments(self, run: Run, steps: int, thread_count: int) -> tuple[Any, ...]:
        """The interpreter's arguments but for the last two (`Crew.lead`), valid until the optimizer is changed."""
        weights, step, hyper, rates = self._table, NO_OPTIMIZER, NO_NUMBERS, NO_NUMBERS
        if run.optimizer is not None:
            weights = self._with_slots(run.optimizer)
            step, hyper = optimizer_entry(run.optimizer.step_kernel, self.dtype), run.optimizer.hyper()
            rates = run.optimizer.rates(run.step, steps)
        if self.training and isinstance(run.samples.x, SparseRows):
            self.buffers.for_entries(run.samples.x.most_entries(run.batch_size))
        return (
            interpreter_of(self.dtype), self.plan, weights, self.buffers.for_threads(thread_count), self._data(run),
            run.cursor, run.log, step, hyper, rates, run.batch_size, steps, thread_count, run.seed, run.shuffled,
            self.training,
        )  # fmt: skip

    def _with_slots(self, optimizer: "Optimizer") -> instructions.Weights:
        """The weights with the optimizer's slots, which it may have replaced since the last call."""
        if self._slots_from != (optimizer, optimizer.slots_made, optimizer.all_slots):
            optimizer.build(self.parameters)
            self._slots_from = optimizer, optimizer.slots_made, optimizer.all_slots
            slots = optimizer.slot_arrays(self.parameters)
            self._slots = slots  # the table holds only their addresses
            self._table = weight_table(self.parameters, self.dtype, slots=slots, transposed=self.buffers.transposed)
        return self._table

    def _data(self, run: Run) -> instructions.Data:
        """The arrays that the interpreter reads, and the one for predictions."""
        samples, fields = run.samples, {"order": run.order}
        if isinstance(samples.x, SparseRows):
            fields |= {"indptr": samples.x.indptr, "indices": samples.x.indices, "values": samples.x.values}
        else:
            fields["pixels" if samples.pixels else "features"] = samples.x
        if samples.y is not None:
            fields["labels" if samples.y.ndim == 1 else "targets"] = samples.y
        if samples.sample_weight is not None:
            fields["sample_weight"] = samples.sample_weight
        if run.predictions is not None:
            fields["predictions"] = run.predictions
        return self._empty._replace(**fields)
