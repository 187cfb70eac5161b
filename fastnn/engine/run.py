"""Runs: what a program executes, batch by batch, and how far it has come."""

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..kernels.instructions import EPOCH, NOT_FINITE, ROW, STEP
from ..sparse_rows import SparseRows

if TYPE_CHECKING:
    from ..optimizers import Optimizer


class Samples:
    """Checked data in the form that programs take.

    Args:
        x: (n, features), uint8 or the model's type, read-only; or sparse rows.
        y: labels (n,) int64, or targets (n, outputs).
        sample_weight: (n,), or None.
    """

    def __init__(
        self, x: np.ndarray | SparseRows, y: np.ndarray | None = None, sample_weight: np.ndarray | None = None
    ):
        self.x, self.y, self.sample_weight = x, y, sample_weight

    def __len__(self) -> int:
        return len(self.x)

    @property
    def pixels(self) -> bool:
        """Whether x is uint8."""
        return self.x.dtype == np.uint8

    @property
    def sparse(self) -> bool:
        """Whether x are sparse rows."""
        return isinstance(self.x, SparseRows)

    def part(self, start: int, stop: int) -> "Samples":
        """Samples [start, stop), without copying."""
        y, weight = (None if a is None else a[start:stop] for a in (self.y, self.sample_weight))
        return Samples(self.x[start:stop], y, weight)


class _Place:
    """One of the numbers in `Run.cursor`, which the interpreter reads and writes."""

    def __init__(self, position: int):
        self.position = position

    def __get__(self, run: "Run", owner: type) -> int:
        return int(run.cursor[self.position])

    def __set__(self, run: "Run", value: int) -> None:
        run.cursor[self.position] = value


class Run:
    """Some epochs over some samples. A program continues where the last call stopped.

    Args:
        samples: the data.
        batch_size: samples per step.
        log: (epochs, columns) float64, one row per epoch, to which sums over the epoch's samples are added.
        optimizer: the optimizer; None: nothing is trained.
        step: the number of training steps before this run.
        seed: shuffles the samples in every epoch; None: they keep their order.
        predictions: (n, outputs), the array for the outputs; None: they are not stored.

    Attributes:
        epoch, row: the row of the log, and the row of the epoch's samples, where the next batch begins.
        step: the number of training steps so far.
        not_finite: the number of batches so far whose loss was NaN or infinite. A program stops after the first.
        order: the samples' indices in the order of the epoch.
    """

    epoch, row, step, not_finite = (
        _Place(EPOCH),
        _Place(ROW),
        _Place(STEP),
        _Place(NOT_FINITE),
    )

    def __init__(
        self,
        samples: Samples,
        batch_size: int,
        log: np.ndarray,
        optimizer: "Optimizer | None" = None,
        step: int = 0,
        seed: int | None = None,
        predictions: np.ndarray | None = None,
    ):
        self.samples, self.batch_size, self.log = samples, batch_size, log
        self.optimizer, self.predictions = optimizer, predictions
        self.shuffled, self.seed = seed is not None, seed or 0
        self.order = np.arange(len(samples))
        self.cursor = np.zeros(4, np.int64)
        self.step = step

    def follow_optimizer(self) -> None:
        """Continue at the optimizer's step, which a callback or another training may have changed.

        With another seed then, so that the order of the samples is not that of the same steps before.
        """
        if self.optimizer is not None and self.step != self.optimizer.iterations:
            self.step, self.seed = self.optimizer.iterations, self.seed + 1

    def begin(self, log: np.ndarray) -> None:
        """Continue with new epochs, one for each row of the log."""
        self.log, self.epoch, self.row = log, 0, 0

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return self.epoch == len(self.log)

    @property
    def batch(self) -> int:
        """The number of the next batch in its epoch."""
        return self.row // self.batch_size

    @property
    def last_batch(self) -> int:
        """The number of the last finished batch in its epoch."""
        return math.ceil((self.row or len(self.order)) / self.batch_size) - 1

    @property
    def running_loss(self) -> float:
        """The mean loss over the samples of the epoch so far, or of the last epoch if the next one has not begun."""
        if self.row or self.epoch == 0:
            return float(self.log[self.epoch, 0]) / max(1, self.row)
        return float(self.log[self.epoch - 1, 0]) / len(self.order)

    @property
    def steps_left(self) -> int:
        """The number of batches until the end of the last epoch."""
        return (len(self.log) - self.epoch) * math.ceil(len(self.order) / self.batch_size) - self.batch

    @property
    def rows_done(self) -> int:
        """The number of samples in all batches so far."""
        return self.epoch * len(self.order) + self.row


class Runner(Protocol):
    """What `Program` and `EagerProgram` have in common.

    Attributes:
        values: columns of the log.
        output_shape: the shape of one sample's output.
    """

    values: int
    output_shape: tuple[int, ...]

    def run(self, run: Run, steps: int | None = None) -> None:
        """Continue until the run is finished, `steps` are done, or it is time to return to Python."""
