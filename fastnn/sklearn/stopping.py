"""When training ends, and what changes after each epoch: scikit-learn's rules, as a callback of `fit`."""

import math
from typing import TYPE_CHECKING, Any

from ..callbacks import Callback, Logs

if TYPE_CHECKING:
    from .mlp import MultilayerPerceptron


class Rules(Callback):
    """Records an epoch, and stops when there was no progress for `n_iter_no_change` epochs.

    Args:
        estimator: whose parameters say when, and whose attributes are the record.
        samples: how many samples it trains on.
    """

    def __init__(self, estimator: "MultilayerPerceptron", samples: int):
        super().__init__()
        self.estimator, self.samples = estimator, samples

    def epochs_at_once(self) -> int:
        """Until the earliest epoch after which training could end."""
        left = self.estimator.n_iter_no_change - self.estimator._no_improvement_count + 1
        return max(1, int(min(left, 10_000))) if not math.isinf(left) else 10_000

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Record the epoch's loss, and see whether it is better by `tol`."""
        own: Any = self.estimator
        loss = (logs or {})["loss"]
        own.n_iter_ += 1
        own.loss_ = loss
        own.t_ += self.samples
        own.loss_curve_.append(loss)
        if own.verbose:
            print(f"Iteration {own.n_iter_}, loss = {loss:.8f}")
        if loss > own.best_loss_ - own.tol:
            own._no_improvement_count += 1
        else:
            own._no_improvement_count = 0
        own.best_loss_ = min(own.best_loss_, loss)
        if own._no_improvement_count > own.n_iter_no_change:
            self.model.stop_training = True
