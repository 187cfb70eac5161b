"""What one browser tab trains: points, network and losses. Knows nothing of browsers."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from .. import losses, randomness
from ..layers import Dense
from .choices import MOST_POINTS, OF_THE_NETWORK, OF_THE_POINTS, OWN, Choices, build
from .pictures import SURFACE, THUMBNAIL, grid, picture
from .points import generate

_HOW_TO_PUT = "Choose a class, and click into the plane to put points of it."
_MOST_RECORDS = 400  # of the losses; then every second one is dropped


@dataclass(frozen=True)
class Record:
    """The losses at one moment; NaN where there are no points."""

    epoch: float
    train: float
    test: float


class Session:
    """Points, a network, and its training so far.

    Methods may be called from any thread; each takes its turn.

    Attributes:
        choices: what the user has chosen.
        model: the network.
        x, y: the points to train with, float32 (n, 2) and int64 (n,).
        x_test, y_test: the other points.
        epoch: whole passes over the points to train with.
        steps: updates of the weights.
        records: the losses so far.
        problem: why the network is of no use any more, in words; "" if it is.
        lock: held while one of the methods works.
    """

    def __init__(self, choices: Choices | None = None):
        self.lock = threading.RLock()
        self.choices = choices or Choices()
        self.own: list[tuple[float, float, int]] = []
        self.closed = False
        self._make_points()
        self.reset()

    # -----------------------------------------------------------------------------------------------------------------
    # what the user changes

    def change(self, **changes: Any) -> None:
        """Choose something else, by the names of `Choices`.

        Another network, optimizer or penalty begins with new weights; other points keep no losses. The rate and the
        batch size are used from the next step on.

        Raises:
            ValueError: in words for the page; nothing has changed then.
        """
        with self.lock:
            before, self.choices = self.choices, replace(self.choices, **changes)
            changed = self.choices.changed_from(before)
            if changed & OF_THE_POINTS or ("seed" in changed and self.choices.data != OWN):
                self._make_points()
            if changed & (OF_THE_NETWORK | OF_THE_POINTS | {"seed"}):
                self.reset()
            elif "rate" in changed:
                self.model.optimizer.learning_rate = self.choices.rate

    def add_point(self, x1: float, x2: float, label: int) -> None:
        """Add a point of the user's own; the weights stay.

        Raises:
            ValueError: in words, for numbers outside the picture, or too many points.
        """
        with self.lock:
            if not (isinstance(x1, (int, float)) and isinstance(x2, (int, float)) and max(abs(x1), abs(x2)) <= 1.5):
                raise ValueError(f"A point must be inside the plane. Received: {x1!r}, {x2!r}.")
            if label not in (0, 1):
                raise ValueError(f"The class must be 0 or 1. Received: {label!r}.")
            if len(self.own) >= MOST_POINTS:
                raise ValueError(f"There are {MOST_POINTS} points, the most that the page keeps: clear them first.")
            self.own.append((float(x1), float(x2), int(label)))
            if self.choices.data == OWN:
                self._make_points()

    def clear_points(self) -> None:
        """Remove the user's own points, and begin anew."""
        with self.lock:
            self.own = []
            if self.choices.data == OWN:
                self._make_points()
                self.reset()

    def reset(self) -> None:
        """The same points and new weights, as the seed gives them."""
        with self.lock:
            self.model = build(self.choices)
            self.epoch = self.steps = 0
            self.problem = ""
            self.records: list[Record] = []
            self._random = np.random.default_rng(self.choices.seed)
            self._order = np.zeros(0, np.int64)

    def close(self) -> None:
        """Nobody looks any more: a training that is under way ends after its present epochs."""
        self.closed = True

    # -----------------------------------------------------------------------------------------------------------------
    # training

    def next_batch(self) -> tuple[np.ndarray, np.ndarray]:
        """The samples of the next step: x (b, 2) and their labels (b,)."""
        with self.lock:
            if len(self._order) == 0:
                self._order = self._random.permutation(len(self.x))
            rows = self._order[: self.choices.batch]
            return self.x[rows], self.y[rows]

    def step(self) -> None:
        """One update of the weights, on the next batch.

        Raises:
            ValueError: in words, without points, or with a network that is of no use any more.
        """
        with self.lock:
            self._check()
            self._one_step()
            self._record()

    def train(self, seconds: float, most: int | None = None) -> None:
        """As many whole epochs as fit into `seconds`, at most `most`; at least one.

        Raises:
            ValueError: as for `step`.
        """
        with self.lock, randomness.drawing_from(self._random):
            self._check()
            done, count, until = 0, 1, perf_counter() + seconds
            while len(self._order):  # an epoch that was begun step by step
                self._one_step()
                done = 1
            while not self.closed and (most is None or done < most):
                began = perf_counter()
                if began >= until and done:
                    break
                count = count if most is None else min(count, most - done)
                self.model.fit(self.x, self.y, self.choices.batch, epochs=count, verbose=0)
                done += count
                self.epoch += count
                self.steps += count * -(-len(self.x) // self.choices.batch)
                if 4 * (perf_counter() - began) < until - perf_counter():
                    count *= 2
            self._record()

    def _one_step(self) -> None:
        x, y = self.next_batch()
        self.model.train_on_batch(x, y)
        self._order = self._order[len(x) :]
        self.steps += 1
        if len(self._order) == 0:
            self.epoch += 1

    def _check(self) -> None:
        if self.problem:
            raise ValueError(self.problem)
        if not len(self.x):
            raise ValueError(f"There is nothing to train with. {_HOW_TO_PUT}")

    # -----------------------------------------------------------------------------------------------------------------
    # what is seen

    @property
    def note(self) -> str:
        """What the user should know; "" if nothing."""
        if not len(self.x):
            return _HOW_TO_PUT
        classes = np.unique(self.y)
        if len(classes) == 1:
            return f"All points to train with belong to class {classes[0]}: there is nothing to tell apart yet."
        if self.records and self.records[-1].train > 2 * self.records[0].train:
            return f"The loss is far higher than in the beginning: try a learning rate below {self.choices.rate:g}."
        return ""

    def accuracy(self, test: bool = False) -> float:
        """The part of the points that the network gets right; NaN if there are none, or it is of no use any more."""
        x, y = (self.x_test, self.y_test) if test else (self.x, self.y)
        with self.lock:
            if self.problem or not len(x):
                return np.nan
            return float(((self.model.predict(x)[:, 0] > 0.5) == y).mean())

    def frame(self) -> dict[str, Any]:
        """All that a picture of this moment needs, as plain numbers and arrays.

        Returns:
            `surface`: uint8 (50, 50), the probability of class 1 times 255, first row at the top. `neurons`: for each
            dense layer uint8 (units, 20, 20), its outputs over the same square. `weights`: for each dense layer its
            kernel (inputs, units). `points`: (n, 4) with x1, x2, label, and 1 for a test point. `records`: (m, 3) with
            epoch, training loss and test loss. Besides `epoch`, `steps`, `train`, `test` (the last losses),
            `train_accuracy` and `test_accuracy`.
        """
        with self.lock:
            if not self.records:
                self._record()
            dense = [layer for layer in self.model.layers if isinstance(layer, Dense)]
            last = self.records[-1]
            points = [
                np.column_stack([x, y, np.full(len(x), test)])
                for x, y, test in ((self.x, self.y, 0), (self.x_test, self.y_test, 1))
            ]
            return {
                "surface": picture(self.model.predict(grid(SURFACE)), "sigmoid", SURFACE)[0],
                "neurons": list(self._neurons(dense)),
                "weights": [layer.get_weights()[0] for layer in dense],
                "points": np.concatenate(points).astype(np.float32),
                "records": np.array([(r.epoch, r.train, r.test) for r in self.records], np.float32),
                "epoch": self.epoch,
                "steps": self.steps,
                "train": last.train,
                "test": last.test,
                "train_accuracy": self.accuracy(),
                "test_accuracy": self.accuracy(test=True),
            }

    def _neurons(self, dense: list[Dense]) -> Iterator[np.ndarray]:
        outputs = grid(THUMBNAIL)
        for layer in dense:  # outside training a dropout passes all on
            outputs = layer.forward(outputs)
            yield picture(outputs, layer.activation.activation, THUMBNAIL)

    # -----------------------------------------------------------------------------------------------------------------

    def _make_points(self) -> None:
        chosen = self.choices
        if chosen.data == OWN:
            own = np.array(self.own, np.float64).reshape(-1, 3)
            x, y = own[:, :2].astype(np.float32), own[:, 2].astype(np.int64)
        else:
            x, y = generate(chosen.data, chosen.points, chosen.noise, chosen.seed)
        # Every n-th one, so that a point stays what it is when others are added.
        at = np.floor(np.arange(1, len(x) + 1) * chosen.test) > np.floor(np.arange(len(x)) * chosen.test)
        self.x, self.y, self.x_test, self.y_test = x[~at], y[~at], x[at], y[at]
        self._order = np.zeros(0, np.int64)

    def _record(self) -> None:
        """Note the losses, and whether they are still numbers."""
        measure = losses.BinaryCrossentropy()
        found = []
        for x, y in ((self.x, self.y), (self.x_test, self.y_test)):
            predicted = self.model.predict(x) if len(x) else np.zeros((0, 1), np.float32)
            found.append(measure(y, predicted) if len(x) and np.isfinite(predicted).all() else np.nan)
        weights = self.model.get_weights()
        if not all(np.isfinite(w).all() for w in weights):
            self.problem = (
                f"The weights are no longer finite numbers: the learning rate {self.choices.rate:g} is too large for "
                f"this network and these points. Choose a smaller one, then press Reset."
            )
        begun = 1 - len(self._order) / len(self.x) if len(self._order) else 0
        self.records.append(Record(self.epoch + begun, *map(float, found)))
        if len(self.records) > _MOST_RECORDS:
            self.records = [*self.records[:-1:2], self.records[-1]]
