"""A way through samples, batch by batch: what a program executes, and where it has come to."""

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..kernels.instructions import EPOCH, NOT_FINITE, ROW, STEP

if TYPE_CHECKING:
    from ..optimizers import Optimizer


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


class _Place:
    """One of the numbers in `Run.cursor`, which the interpreter reads and writes."""

    def __init__(self, position: int):
        self.position = position

    def __get__(self, run: "Run", owner: type) -> int:
        return int(run.cursor[self.position])

    def __set__(self, run: "Run", value: int) -> None:
        run.cursor[self.position] = value


class Run:
    """Some epochs through some samples. A program goes on with it wherever the last call stopped.

    Args:
        samples: the data.
        batch_size: samples a step.
        log: (epochs, columns) float64, to which each epoch's sums over the samples are added; its rows are the epochs.
        optimizer: what takes the steps; None: nothing is trained.
        step: the training steps before the first.
        seed: gives every epoch an order of its own; None: the samples' own order.
        predictions: (n, outputs), where the outputs go; None: nowhere.

    Attributes:
        epoch, row: the place in the log and in the epoch where the next batch begins.
        step: the training steps so far.
        not_finite: the batches so far whose loss was NaN or infinite. A program stops after the first.
        order: the samples in the order in which the epoch goes through them.
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

    def begin(self, log: np.ndarray) -> None:
        """Go on with other epochs, from the beginning of the first."""
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
        """The number of the batch that was done last, in its epoch."""
        return math.ceil((self.row or len(self.order)) / self.batch_size) - 1

    @property
    def steps_left(self) -> int:
        """The batches to the end of the last epoch."""
        return (len(self.log) - self.epoch) * math.ceil(len(self.order) / self.batch_size) - self.batch

    @property
    def rows_done(self) -> int:
        """The samples that all batches so far had."""
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
        """Go on until the run is finished, `steps` are done, or it is time to return to Python."""
