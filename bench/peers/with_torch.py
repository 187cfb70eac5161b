"""PyTorch, eager: tensors made beforehand, batches by index."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bench.workloads import Prediction, Product, Training, Workload

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


def version() -> str:
    return f"PyTorch {torch.__version__}"


def make(workload: Workload):
    return {Training: Trainer, Prediction: Predictor, Product: Multiplier}[type(workload)](workload)


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

    def _step(self, x, y):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss_function(self.network(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


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
