"""What two networks make of a drawing: one tells digits apart, the other draws again what it has seen.

They are trained on MNIST when they are needed for the first time, once for all browser tabs, and kept in the user's
cache folder. Knows nothing of browsers.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..callbacks import Callback
from ..config import using_floatx
from ..datasets import mnist
from ..files import cache_folder
from ..layers import Dense, Input, Rescaling
from ..models.sequential import Sequential
from ..optimizers import Adam
from ..randomness import drawing_from
from ..regularizers import L2
from ..schedules import CosineDecay
from .centring import SIDE, centred

UNITS = 128  # of the classifier's first layer
CODE = 64  # numbers from which the autoencoder draws an image
PIXELS = SIDE * SIDE
BATCH = 128
# Of the files: increase it with any change of the networks or their training.
_VERSION = 1


@dataclass(frozen=True)
class Look:
    """What the networks make of one drawing.

    Attributes:
        seen: uint8 (28, 28), the drawing as MNIST would have it; what the networks see.
        probabilities: (10,) of the digits.
        response: (128,) the outputs of the classifier's first layer.
        drawn_again: uint8 (28, 28), the autoencoder's picture; None while that network is being trained.
    """

    seen: np.ndarray
    probabilities: np.ndarray
    response: np.ndarray
    drawn_again: np.ndarray | None


def classifier(steps: int) -> Sequential:
    """784-128-10 for pixels 0 to 255, compiled for so many steps.

    The penalty fades weights at pixels that are never ink, so that filters look like strokes.
    """
    model = Sequential([
        Input((PIXELS,)), Rescaling(1 / 255), Dense(UNITS, "relu", kernel_regularizer=L2(3e-4)), Dense(10, "softmax"),
    ])  # fmt: skip
    model.compile(Adam(CosineDecay(0.003, steps)), "sparse_categorical_crossentropy")
    return model


def autoencoder(steps: int) -> Sequential:
    """784-64-784 for pixels 0 to 255, compiled for so many steps."""
    model = Sequential([Input((PIXELS,)), Rescaling(1 / 255), Dense(CODE, "relu"), Dense(PIXELS, "sigmoid")])
    model.compile(Adam(CosineDecay(0.005, steps)), "binary_crossentropy")
    return model


class Digits:
    """The two networks: trained in the background, then asked about drawings.

    Methods may be called from any thread.

    Args:
        folder: where trained weights are kept; None: nowhere.
        load: gives the data, as `datasets.mnist.load_data` does.
        epochs: of training, for the classifier and for the autoencoder.

    Attributes:
        problem: why there are no networks, in words; "" if nothing went wrong.
    """

    def __init__(
        self,
        folder: Path | None = None,
        load: Callable[[], tuple[mnist.Pair, mnist.Pair]] = mnist.load_data,
        epochs: tuple[int, int] = (4, 3),
    ):
        self.problem = ""
        self._folder, self._load, self._epochs = folder, load, epochs
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._classifier: Sequential | None = None
        self._autoencoder: Sequential | None = None
        self._first_layer: Sequential | None = None
        self._training: tuple[Sequential, int, float, float] | None = None  # model, steps, done before, its part
        self._examples = np.zeros((0, SIDE, SIDE), np.uint8)

    @classmethod
    def shared(cls) -> "Digits":
        """The networks of this process, whose weights are kept in the user's cache folder."""
        global _shared
        with _making:
            if _shared is None:
                _shared = cls(cache_folder("playground"))
            return _shared

    def start(self) -> None:
        """Begin to train, or to read what is kept, unless that is done or under way."""
        with self._lock:
            if self.ready or self._stopped or (self._thread is not None and self._thread.is_alive()):
                return
            self.problem = ""
            self._thread = threading.Thread(target=self._prepare, name="digits", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End a training that is under way, for good; returns when it has ended."""
        with self._lock:
            self._stopped = True
            thread, training = self._thread, self._training
        if training is not None:
            training[0].stop_training = True
        if thread is not None:
            thread.join()

    @property
    def ready(self) -> bool:
        """Whether both networks are trained."""
        return self._classifier is not None and self._autoencoder is not None

    @property
    def progress(self) -> float:
        """How much of the training is done, from 0 to 1."""
        if self.ready:
            return 1.0
        training = self._training
        if training is None:
            return 0.0
        model, steps, before, part = training
        return before + part * min(1.0, model.optimizer.iterations / steps)

    @property
    def filters(self) -> np.ndarray:
        """The weights of each unit of the classifier's first layer, (128, 28, 28); (0, 28, 28) before it is trained."""
        if self._first_layer is None:
            return np.zeros((0, SIDE, SIDE), np.float32)
        return np.ascontiguousarray(self._first_layer.layers[-1].weights[0].T).reshape(-1, SIDE, SIDE)

    def example(self) -> np.ndarray | None:
        """A random test image, uint8 (28, 28), which no network was trained with; None before there are any."""
        if not len(self._examples):
            return None
        return self._examples[np.random.default_rng().integers(len(self._examples))]

    def look(self, pixels: np.ndarray) -> Look | None:
        """What the networks make of a drawing.

        Args:
            pixels: uint8 (height, width), 0 is paper and 255 ink, of any size.

        Returns:
            A `Look`; None if there is no ink, or while the classifier is not trained.

        Raises:
            ValueError: in words, if a network's weights are not finite.
        """
        model, first_layer, second = self._classifier, self._first_layer, self._autoencoder
        if model is None or first_layer is None:
            return None
        seen = centred(pixels)
        if seen is None:
            return None
        row = seen.reshape(1, PIXELS)
        probabilities, response = model.predict(row)[0], first_layer.predict(row)[0]
        again = None if second is None else second.predict(row)[0]
        for numbers in (probabilities, response, again):
            if numbers is not None and not np.isfinite(numbers).all():
                raise ValueError(
                    "A network's weights are not finite numbers, so it cannot say anything. Restart fastnn play; if "
                    "that does not help, remove its cache folder, which fastnn info shows."
                )
        drawn_again = None if again is None else np.rint(255 * again).astype(np.uint8).reshape(SIDE, SIDE)
        return Look(seen, probabilities, response, drawn_again)

    # -----------------------------------------------------------------------------------------------------------------
    # in the thread

    def _prepare(self) -> None:
        try:
            (x, y), (examples, _) = self._load()
            self._examples = examples
            steps = [epochs * -(-len(x) // BATCH) for epochs in self._epochs]
            with drawing_from(np.random.default_rng(1)), using_floatx("float32"):
                model = classifier(steps[0])
                self._made(model, "classifier", x, y, self._epochs[0], (0.0, 0.4))
                if self._stopped:
                    return
                self._first_layer = Sequential([Input((PIXELS,)), *model.layers[:2]])
                self._classifier = model
                model = autoencoder(steps[1])
                targets = x.reshape(-1, PIXELS) / np.float32(255)
                self._made(model, "autoencoder", x, targets, self._epochs[1], (0.4, 0.6))
                if not self._stopped:
                    self._autoencoder = model
        except Exception as error:  # whatever it is: the page says it, and asks again with the next visit
            self.problem = f"The networks could not be trained: {error}"
        finally:
            self._training = None

    def _made(
        self, model: Sequential, name: str, x: np.ndarray, y: np.ndarray, epochs: int, share: tuple[float, float]
    ) -> None:
        """Give a new network its weights: those that are kept, or else those of a training."""
        steps = epochs * -(-len(x) // BATCH)
        settings = f"{_VERSION}-{len(x)}-{epochs}"
        file = None if self._folder is None else self._folder / f"digits-{name}-{settings}.safetensors"
        if file is not None:
            with contextlib.suppress(OSError, ValueError):  # missing, damaged, or another network's
                model.load_weights(file)
                return
        self._training = (model, steps, *share)
        model.fit(x.reshape(-1, PIXELS), y, BATCH, epochs, verbose=0, callbacks=[_Until(lambda: self._stopped)])
        if self._stopped:
            return
        _check_finite(model.weights)
        if file is not None:
            with contextlib.suppress(OSError, ValueError):  # a full disk: the network is in memory
                model.save_weights(file)


class _Until(Callback):
    """Ends a training, also one that has not quite begun yet."""

    def __init__(self, wanted: Callable[[], bool]):
        super().__init__()
        self.wanted = wanted

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Before each epoch; within one, `stop_training` itself is set."""
        if self.wanted():
            self.model.stop_training = True


def _check_finite(weights: Sequence[np.ndarray]) -> None:
    if not all(np.isfinite(w).all() for w in weights):
        raise ValueError("the weights are no longer finite numbers")


_making = threading.Lock()
_shared: Digits | None = None
