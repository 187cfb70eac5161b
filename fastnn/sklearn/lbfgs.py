"""Training by L-BFGS: SciPy's optimizer, with loss and gradient from the kernels."""

from collections.abc import Sequence
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.optimize import _check_optimize_result

from ..cells import in_cell
from ..engine.program import Program
from ..engine.run import Run
from ..models import Sequential, programs
from ..models.data import prepare_samples
from ..optimizers import SGD
from .bar import CellBar, say

if TYPE_CHECKING:
    from .mlp import MultilayerPerceptron


class Objective:
    """Loss and gradient of a network over all samples, as a function of its weights as one vector.

    Args:
        model: the network, compiled, without penalties.
        weights: those of its weights that are optimized, as live views: kernels, then biases.
        X, y, sample_weight: the samples.
        alpha: the penalty: alpha / 2 times the sum of the squared kernels, divided as the loss is.
        most: a sample's loss counts at most this much.
    """

    def __init__(
        self,
        model: Sequential,
        weights: Sequence[np.ndarray],
        X: Any,
        y: Any,
        sample_weight: Any,
        alpha: float,
        most: float = np.inf,
    ):
        self.model, self.weights, self.alpha, self.most = model, weights, alpha, most
        by_address = {p.value.ctypes.data: p for p in model.parameters}
        self.gradients = [by_address[w.ctypes.data].gradient for w in weights]
        self.ends = [0, *np.cumsum([w.size for w in weights]).tolist()]
        samples = prepare_samples(model, X, y, sample_weight)
        self.samples, self.sample_weight = len(samples), samples.sample_weight
        assert model.loss is not None
        self.total_weight = model.loss.divisor(self.samples, self.sample_weight)
        self.kernels = self.ends[len(weights) // 2]  # how many of the numbers are kernels'
        # Its step changes nothing. With momentum it is taken for all rows, so that each has its gradient.
        self.optimizer = SGD(0.0, momentum=0.5)
        self.runner = programs.trainer(model, self.samples, samples, self.optimizer)
        self.run = Run(samples, self.samples, np.zeros((0, self.runner.values)), self.optimizer)

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient with respect to each number."""
        self.put(flat)
        self.run.begin(np.zeros((1, self.runner.values)))
        with self.model._turns.lock:
            self.runner.run(self.run, 1)
            gradient = np.concatenate([g.ravel() for g in self.gradients]).astype(np.float64, copy=False)
            loss = float(self.run.log[0, 0]) / self.samples
            if self.most < np.inf and isinstance(self.runner, Program):
                each = self.runner.buffers.batch.values[: self.samples]
                loss = float(np.average(np.minimum(each, self.most), weights=self.sample_weight))
        kernels, share = flat[: self.kernels], self.alpha / self.total_weight
        gradient[: self.kernels] += share * kernels
        return loss + 0.5 * share * float(kernels @ kernels), gradient

    def put(self, flat: np.ndarray) -> None:
        """Give the network these weights."""
        for weight, (start, stop) in zip(self.weights, pairwise(self.ends), strict=True):
            weight[...] = flat[start:stop].reshape(weight.shape)

    def start(self) -> np.ndarray:
        """The network's present weights."""
        return np.concatenate([w.ravel() for w in self.weights]).astype(np.float64, copy=False)


def minimize(estimator: "MultilayerPerceptron", objective: Objective) -> None:
    """Minimize it with the estimator's parameters, and set `n_iter_` and `loss_`; warns without convergence."""
    from scipy import optimize

    own = estimator
    numbers = count(1)

    cell = CellBar() if own.verbose and in_cell() else None
    if cell:
        cell.set_params({"epochs": own.max_iter})
        cell.on_train_begin()

    def report(intermediate_result: Any) -> None:
        number, loss = next(numbers), float(intermediate_result.fun)
        (cell.say if cell else say)(f"Iteration {number}, loss = {loss:.8f}")
        if cell:
            cell.on_epoch_end(number - 1, {"loss": loss})

    try:
        found = optimize.minimize(
            objective, objective.start(), method="L-BFGS-B", jac=True, callback=report if own.verbose else None,
            options={"maxfun": own.max_fun, "maxiter": own.max_iter, "gtol": own.tol},
        )  # fmt: skip
    finally:
        if cell:
            cell.close()
    objective.put(found.x)
    own.n_iter_ = _check_optimize_result("lbfgs", found, own.max_iter)
    own.loss_ = float(found.fun)
