"""fastnn, through its public API; single products and convolutions call kernels, which have no public names."""

import math

import numba
import numpy as np

import fastnn
from bench.workloads import Convnet, Convolution, Prediction, Product, Training, Workload, mnist
from fastnn import layers, optimizers
from fastnn.checks import read_only
from fastnn.engine.crew import crew
from fastnn.engine.program import Program
from fastnn.engine.run import Run, Samples
from fastnn.kernels.interpreter import run

LOSSES = {
    "sparse_cross_entropy": "sparse_categorical_crossentropy",
    "binary_cross_entropy": "binary_crossentropy",
    "mean_squared_error": "mse",
}
OPTIMIZERS = {"sgd": optimizers.SGD, "momentum": optimizers.SGD, "adam": optimizers.Adam}


def version() -> str:
    return f"fastnn {fastnn.__version__}, Numba {numba.__version__}"


def make(workload: Workload):
    makers = {
        Training: Trainer, Convnet: ConvnetTrainer, Convolution: Convolver, Prediction: Predictor, Product: Multiplier
    }  # fmt: skip
    return makers[type(workload)](workload)


def model(sizes, activations, weights, pixels=False) -> fastnn.Sequential:
    result = fastnn.Sequential([fastnn.Input((sizes[0],))])
    if pixels:
        result.add(layers.Rescaling(1 / 255))
    for number, (units, activation) in enumerate(zip(sizes[1:], activations, strict=True), 1):
        name = "output" if number == len(activations) else "hidden" if len(activations) == 2 else f"hidden_{number}"
        result.add(layers.Dense(units, activation=activation, name=name))
    result.set_weights([array for pair in weights for array in pair])
    return result


class Trainer:
    def __init__(self, workload: Training):
        self.workload = workload
        self.x, self.y = workload.data()
        pixels = self.x.dtype == np.uint8
        self.model = model(workload.sizes, workload.activations, workload.initial_weights(), pixels)
        name, numbers = workload.optimizer
        self.model.compile(OPTIMIZERS[name](**numbers), LOSSES[workload.loss])
        fastnn.utils.set_random_seed(0)

    def check(self) -> list[float]:
        return [self._fit(self.workload.check_epochs, shuffle=False)]

    def run(self, epochs: int) -> None:
        self._fit(epochs, self.workload.shuffled)

    def _fit(self, epochs: int, shuffle: bool) -> float:
        rows = self.workload.batch_size or len(self.x)
        history = self.model.fit(self.x, self.y, batch_size=rows, epochs=epochs, verbose=0, shuffle=shuffle)
        return history.history["loss"][-1]


class ConvnetTrainer:
    def __init__(self, workload: Convnet):
        self.workload = workload
        self.x, self.y = mnist()
        self.model = fastnn.Sequential([fastnn.Input((784,)), layers.Rescaling(1 / 255), layers.Reshape((28, 28, 1))])
        for n in workload.filters:
            self.model.add(layers.Conv2D(n, 3, padding="same", activation="relu"))
            self.model.add(layers.MaxPooling2D(2))
        self.model.add(layers.Flatten())
        self.model.add(layers.Dense(10, activation="softmax"))
        self.model.set_weights([array for pair in workload.initial_weights() for array in pair])
        self.model.compile("adam", "sparse_categorical_crossentropy")
        fastnn.utils.set_random_seed(0)

    def check(self) -> list[float]:
        return [self._fit(1, shuffle=False)]

    def run(self, epochs: int) -> None:
        self._fit(epochs, shuffle=True)

    def _fit(self, epochs: int, shuffle: bool) -> float:
        rows = self.workload.batch_size
        history = self.model.fit(self.x, self.y, batch_size=rows, epochs=epochs, verbose=0, shuffle=shuffle)
        return history.history["loss"][-1]


class OneLayer:
    """Only the instruction of a layer without bias, as in the middle of a network: its input is in the batch."""

    def __init__(self, layer: layers.Layer, x: np.ndarray, kernel: np.ndarray, threads: int):
        layer.build_once(x.shape)
        layer.set_weights([kernel])
        self.rows, self.threads = len(x), threads
        self.program = Program([layer], self.rows, x.shape[1:], pixels=False)
        self.y = np.zeros((self.rows, *layer.output_shape[1:]), x.dtype)
        self.samples = Samples(read_only(x.reshape(self.rows, -1)))
        self.run(1)
        code = self.program.plan.code[1]
        self.output = slice(code["y"], code["y"] + self.rows * code["y_stride"])
        stages = self.program.plan.stages.copy()
        assert self.program.plan.code.size == 3  # gather, the layer, predict
        stages["start"], stages["stop"] = 1, 2
        self.program.plan = self.program.plan._replace(stages=stages)

    def last_sample(self) -> np.ndarray:
        self.run(1)
        batch = self.program.buffers.batch.activations[self.output].reshape(self.rows, -1)
        return batch[-1, : math.prod(self.y.shape[1:])].reshape(self.y.shape[1:])

    def run(self, calls: int) -> None:
        job = Run(self.samples, self.rows, np.zeros((calls, 0)), predictions=self.y.reshape(self.rows, -1))
        crew.lead(run, self.program.arguments(job, calls, self.threads), self.threads)


class Convolver(OneLayer):
    def __init__(self, workload: Convolution, threads: int | None = None):
        layer = layers.Conv2D(workload.filters, 3, padding="same", use_bias=False)
        super().__init__(layer, *workload.arrays(), threads or fastnn.get_num_threads())

    def check(self) -> list[float]:
        return self.last_sample()[-1, 0].tolist()


class Multiplier(OneLayer):
    def __init__(self, workload: Product):
        layer = layers.Dense(workload.n, use_bias=False)
        super().__init__(layer, *workload.matrices(), fastnn.get_num_threads())

    def check(self) -> list[float]:
        return self.last_sample()[:10].tolist()


class Predictor:
    def __init__(self, workload: Prediction):
        self.x = workload.x()
        self.model = model((784, 256, 10), ("relu", "softmax"), workload.weights())
        # Calling the model is faster for a few samples, predict for many.
        self.predict = self.model if len(self.x) == 1 else self.model.predict

    def check(self) -> list[float]:
        return self.predict(self.x)[-1].tolist()

    def run(self, calls: int) -> None:
        for _ in range(calls):
            self.predict(self.x)
