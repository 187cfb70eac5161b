"""PyTorch, eager: tensors made beforehand, batches by index."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bench.workloads import Convnet, Convolution, Prediction, Product, Training, Workload, mnist, scaled_mnist

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


def version() -> str:
    return f"PyTorch {torch.__version__}"


def make(workload: Workload):
    makers = {
        Training: Trainer, Convnet: ConvnetTrainer, Convolution: Convolver, Prediction: Predictor, Product: Multiplier
    }  # fmt: skip
    return None if getattr(workload, "sparse", False) else makers[type(workload)](workload)


def network(activations, weights, last_activation: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for (w, b), activation in zip(weights, activations, strict=True):
        layer = nn.Linear(*w.shape)
        with torch.no_grad():
            layer.weight[:] = torch.from_numpy(w.T.copy())
            layer.bias[:] = torch.from_numpy(b)
        layers += [layer, ACTIVATIONS[activation]()] if activation in ACTIVATIONS else [layer]
    return nn.Sequential(*(layers if last_activation or activations[-1] not in ACTIVATIONS else layers[:-1]))


class Trainer:
    def __init__(self, workload: Training):
        self.workload = workload
        x, y = workload.float_data()
        self.x = torch.from_numpy(x)
        self.y = self.x if x is y else torch.from_numpy(y)
        self.loss_function = {
            "sparse_cross_entropy": functional.cross_entropy,
            "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
            "mean_squared_error": functional.mse_loss,
        }[workload.loss]
        from_logits = workload.loss != "mean_squared_error"
        self.network = network(workload.activations, workload.initial_weights(), last_activation=not from_logits)
        name, numbers = workload.optimizer
        parameters, rate = self.network.parameters(), numbers["learning_rate"]
        # The fused form updates all parameters in one call.
        if name == "adam":
            betas = (numbers["beta_1"], numbers["beta_2"])
            self.optimizer = torch.optim.Adam(parameters, rate, betas, numbers["epsilon"], fused=True)
        else:
            self.optimizer = torch.optim.SGD(parameters, rate, numbers.get("momentum", 0.0), fused=True)
        self.loss = np.nan

    def check(self) -> list[float]:
        for _ in range(self.workload.check_epochs):
            self._epoch(torch.arange(len(self.x)))
        return [float(self.loss)]

    def run(self, epochs: int) -> None:
        for _ in range(epochs):
            self._epoch(torch.randperm(len(self.x)) if self.workload.shuffled else None)

    def _epoch(self, order) -> None:
        x, y, rows = self.x, self.y, self.workload.batch_size
        if rows is None:
            self.loss = self._step(x, y)
            return
        total = torch.zeros(())
        for chosen in order.split(rows):
            x_batch = x[chosen]
            total += self._step(x_batch, x_batch if x is y else y[chosen]) * len(chosen)
        self.loss = total / len(x)

    def loss_of(self, x, y):
        return self.loss_function(self.network(x), y)

    def _step(self, x, y):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss_of(x, y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class ConvnetTrainer(Trainer):
    """Images and activations channels first, which was faster here than channels last."""

    def __init__(self, workload: Convnet):
        self.workload = workload
        self.x = torch.from_numpy(scaled_mnist().reshape(-1, 1, 28, 28))
        self.y = torch.from_numpy(mnist()[1])
        parts: list[nn.Module] = []
        *convolutions, (w_dense, _) = workload.initial_weights()
        for w, _ in convolutions:
            layer = nn.Conv2d(w.shape[2], w.shape[3], 3, padding="same")
            with torch.no_grad():
                layer.weight[:] = torch.from_numpy(np.transpose(w, (3, 2, 0, 1)).copy())
                layer.bias[:] = 0
            parts += [layer, nn.ReLU(), nn.MaxPool2d(2)]
        size, filters = 28 // 2 ** len(convolutions), workload.filters[-1]
        dense = nn.Linear(*w_dense.shape)
        with torch.no_grad():
            # From rows of (height, width, channel) to rows of (channel, height, width).
            rows = np.transpose(w_dense.reshape(size, size, filters, 10), (3, 2, 0, 1)).reshape(10, -1)
            dense.weight[:] = torch.from_numpy(rows.copy())
            dense.bias[:] = 0
        self.network = nn.Sequential(*parts, nn.Flatten(), dense)
        self.loss_function = functional.cross_entropy
        self.optimizer = torch.optim.Adam(self.network.parameters(), 0.001, (0.9, 0.999), 1e-7, fused=True)
        self.loss = np.nan

    def check(self) -> list[float]:
        self._epoch(torch.arange(len(self.x)))
        return [float(self.loss)]

    def run(self, epochs: int) -> None:
        for _ in range(epochs):
            self._epoch(torch.randperm(len(self.x)))


class Convolver:
    """In PyTorch's channels-last memory format, which its convolution prefers."""

    def __init__(self, workload: Convolution):
        x, kernel = workload.arrays()
        last = torch.channels_last
        self.x = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=last)
        self.kernel = torch.from_numpy(kernel).permute(3, 2, 0, 1).contiguous(memory_format=last)

    def convolve(self):
        with torch.inference_mode():
            return functional.conv2d(self.x, self.kernel, padding="same")

    def check(self) -> list[float]:
        return self.convolve()[-1, :, -1, 0].tolist()

    def run(self, calls: int) -> None:
        for _ in range(calls):
            self.convolve()


class Predictor:
    def __init__(self, workload: Prediction):
        self.x = workload.x()
        self.network = network(("relu", "softmax"), workload.weights(), last_activation=True)

    def predict(self):
        with torch.inference_mode():
            return self.network(torch.from_numpy(self.x)).softmax(dim=1).numpy()

    def check(self) -> list[float]:
        return self.predict()[-1].tolist()

    def run(self, calls: int) -> None:
        for _ in range(calls):
            self.predict()


class Multiplier:
    def __init__(self, workload: Product):
        self.a, self.b = map(torch.from_numpy, workload.matrices())
        self.c = torch.empty_like(self.a)

    def check(self) -> list[float]:
        self.run(1)
        return self.c[-1, :10].tolist()

    def run(self, products: int) -> None:
        for _ in range(products):
            torch.mm(self.a, self.b, out=self.c)
