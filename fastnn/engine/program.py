"""A lowered network with its buffers, ready to run: the compiled path of fit, evaluate and predict."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import read_only
from ..kernels import instructions as op
from ..kernels.arrays import CACHE_LINE
from ..kernels.calls import bound
from ..kernels.interpreter import run
from ..losses import Loss
from ..metrics import Metric
from . import threads
from .entries import NO_NUMBERS, NO_OPTIMIZER, interpreter_of, optimizer_entry
from .lowering import Lowering, lower
from .parameters import Storage, aligned_zeros

if TYPE_CHECKING:
    from ..layers.base import Layer
    from ..optimizers import Optimizer

# Between two returns to Python, where Ctrl-C is noticed and the progress is shown.
_SECONDS_BETWEEN_RETURNS = 0.03


class Samples:
    """Checked data in the form that programs take; whatever a program does not need is left out.

    Args:
        x: (n, features), uint8 or the model's type, read-only.
        y: labels (n,) int64, or targets (n, outputs).
        sample_weight: (n,), or None.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray | None = None, sample_weight: np.ndarray | None = None):
        self.x, self.y, self.sample_weight = x, y, sample_weight

    def __len__(self) -> int:
        return len(self.x)

    @property
    def pixels(self) -> bool:
        """Whether x is uint8."""
        return self.x.dtype == np.uint8

    def part(self, start: int, stop: int) -> "Samples":
        """Samples [start, stop), without copying."""
        cut = [None if a is None else a[start:stop] for a in (self.x, self.y, self.sample_weight)]
        assert cut[0] is not None
        return Samples(cut[0], cut[1], cut[2])


FEW = 8  # up to so many samples, a prediction takes less time than Python needs to prepare it


class _Few:
    """A prediction of `n` rows whose arguments have all been made beforehand; a call fills in the data."""

    def __init__(self, program: "Program", like: np.ndarray):
        n = len(like)
        self.x, self.y = np.zeros_like(like), np.zeros((n, *program.output_shape), program.storage.values.dtype)
        self.cursor = np.zeros(4, np.int64)
        data = program.data(Samples(read_only(self.x)), self.y.reshape(n, -1))
        log = np.zeros((1, 0))
        order = np.arange(n)
        program.run(data, order, self.cursor.copy(), log, n)  # compiled or loaded from here on
        self.arguments = program.arguments(data, order, self.cursor, log, n, 1, None, 0, False, 1)
        self.run = bound(run, *self.arguments)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.x[...] = x
        self.cursor.fill(0)
        self.run(*self.arguments)
        return self.y.copy()


class Buffers:
    """The memory that a lowered network works in.

    Attributes:
        batch: the buffers of a batch.
        transposed: the copies of the weights.
    """

    def __init__(self, lowered: Lowering):
        dtype, slack = lowered.dtype, CACHE_LINE  # kernels read whole vectors, the last of them beyond the end
        code = lowered.code
        width = max(max(fields["x_stride"], fields["y_stride"]) for fields in code)
        self.batch = op.Batch(
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
            zeros=aligned_zeros(width, dtype),
            one=np.ones(1, dtype),
        )
        self.transposed = aligned_zeros(lowered.transposed_elements, dtype)

    def for_threads(self, count: int) -> op.Batch:
        """The buffers of a batch, with scratch space for so many threads."""
        have = self.batch.scratch
        if len(have) < count and have.shape[1]:
            flat = aligned_zeros(count * have.shape[1], have.dtype)
            self.batch = self.batch._replace(scratch=flat.reshape(count, -1))
        return self.batch


class Program:
    """The instructions of a network for batches of at most `rows` rows, and the buffers that they work in.

    Args:
        layers: built layers, all of which have kernels, with their weights in one storage.
        storage: that storage.
        rows: the largest batch.
        sample_shape: the shape of one sample.
        pixels: whether samples come as uint8.
        training: whether to run backward and update the weights.
        loss, metrics: what to compute of the output; without a loss, the output is handed out.
        optimizer: what it will be trained with, for what a step does besides.
    """

    def __init__(
        self,
        layers: Sequence["Layer"],
        storage: Storage,
        rows: int,
        sample_shape: tuple[int, ...],
        pixels: bool,
        training: bool = False,
        loss: Loss | None = None,
        metrics: Sequence[Metric] = (),
        optimizer: "Optimizer | None" = None,
    ):
        dtype = storage.values.dtype
        lowered = Lowering(dtype, rows, sample_shape, pixels, training, optimizer=optimizer)
        lower(layers, lowered, loss, metrics, predict=loss is None)
        self.plan = lowered.plan()
        self.rows, self.training, self.storage = rows, training, storage
        self.output_shape = layers[-1].sample_output_shape
        self.flops = lowered.flops
        self.values = lowered.log_columns
        self.buffers = Buffers(lowered)
        self._no_slots = np.zeros(0, dtype)
        self._empty = empty_data(dtype)
        self._few: dict[int, _Few] = {}
        self._seconds_per_step = 1e-5 + rows * self.flops / 1e10  # until the first measurement
        self._sharing = threads.Sharing()

    def data(self, samples: Samples, predictions: np.ndarray | None = None) -> op.Data:
        """The arrays that `run` takes."""
        fields = {"pixels" if samples.pixels else "features": samples.x}
        if samples.y is not None:
            fields["labels" if samples.y.ndim == 1 else "targets"] = samples.y
        if samples.sample_weight is not None:
            fields["sample_weight"] = samples.sample_weight
        if predictions is not None:
            fields["predictions"] = predictions
        return self._empty._replace(**fields)

    def run(
        self,
        data: op.Data,
        order: np.ndarray,
        cursor: np.ndarray,
        log: np.ndarray,
        batch_size: int,
        steps: int | None = None,
        optimizer: "Optimizer | None" = None,
        seed: int = 0,
        shuffled: bool = False,
    ) -> None:
        """Run until `log` is full, `steps` are done, or it is time to return to Python; `cursor` tells which."""
        if self.storage.values.dtype not in _driven:
            # No steps: this compiles or loads the driver, after which Numba knows its threading layer.
            run(*self.arguments(data, order, cursor, log, batch_size, 0, optimizer, seed, shuffled, 1))
            _driven.add(self.storage.values.dtype)
        shared = self._sharing.threads(self.flops * min(batch_size, len(order)))
        if steps is None:
            seconds = _SECONDS_BETWEEN_RETURNS / (10 if self._sharing.brief else 1)
            steps = max(1, int(seconds / self._seconds_per_step))
        batches = -(-len(order) // batch_size)
        left = (len(log) - int(cursor[op.EPOCH])) * batches - int(cursor[op.ROW]) // batch_size
        steps = min(steps, left)  # a schedule is not asked for the rates of steps that do not come
        before, began = _rows_done(cursor, len(order)), time.perf_counter()
        run(*self.arguments(data, order, cursor, log, batch_size, steps, optimizer, seed, shuffled, shared))
        done = (_rows_done(cursor, len(order)) - before) / batch_size
        if done > 0:
            self._seconds_per_step = (time.perf_counter() - began) / done
            self._sharing.measured(shared, self._seconds_per_step)

    def predict_few(self, samples: Samples) -> np.ndarray:
        """The outputs for at most FEW samples, with no more Python than there must be."""
        count = len(samples)
        if count not in self._few:
            self._few[count] = _Few(self, samples.x)
        return self._few[count](samples.x)

    def arguments(
        self,
        data: op.Data,
        order: np.ndarray,
        cursor: np.ndarray,
        log: np.ndarray,
        batch_size: int,
        steps: int,
        optimizer: "Optimizer | None",
        seed: int,
        shuffled: bool,
        thread_count: int,
    ) -> tuple[Any, ...]:
        """The interpreter's arguments, for as long as optimizer and storage stay as they are."""
        dtype = self.storage.values.dtype
        slots, step, hyper, rates = self._no_slots, NO_OPTIMIZER, NO_NUMBERS, NO_NUMBERS
        if optimizer is not None:
            slots, step, hyper = optimizer.slots, optimizer_entry(optimizer.step_kernel, dtype), optimizer.hyper()
            rates = optimizer.rates(int(cursor[op.STEP]), steps)
        weights = op.Weights(self.storage.values, self.storage.gradients, slots, self.buffers.transposed)
        return (
            interpreter_of(dtype), self.plan, weights, self.buffers.for_threads(thread_count),
            data._replace(order=order), cursor, log, step, hyper, rates, batch_size, steps, thread_count, seed,
            shuffled, self.training,
        )  # fmt: skip


def _rows_done(cursor: np.ndarray, samples: int) -> int:
    return int(cursor[op.EPOCH]) * samples + int(cursor[op.ROW])


_driven: set[np.dtype] = set()  # the float types whose driver has been loaded


def empty_data(dtype: np.dtype) -> op.Data:
    """Data with nothing in it, of the types that every run has."""
    arrays = [np.zeros((0, 0), np.uint8), np.zeros((0, 0), dtype), np.zeros(0, np.int64), np.zeros((0, 0), dtype)]
    arrays.append(np.zeros(0, dtype))
    for array in arrays:
        array.flags.writeable = False
    return op.Data(*arrays, np.zeros((0, 0), dtype), np.zeros(0, np.int64))
