"""When training ends, and what changes after each epoch: scikit-learn's rules, as a callback of `fit`."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..callbacks import Callback, Logs
from .validation import Validation

if TYPE_CHECKING:
    from .mlp import MultilayerPerceptron


class Rules(Callback):
    """Records every epoch, changes the learning rate, and stops when nothing improved for `n_iter_no_change` epochs.

    Args:
        estimator: whose parameters say when, and whose attributes are the record.
        samples: how many samples it trains on.
        validation: the data that are set aside, or None.
        best: the best weights so far; None: the present ones.
        say: what takes the lines of a verbose fit.

    Attributes:
        best: the weights of the best epoch, if the validation data decide.
    """

    def __init__(
        self,
        estimator: "MultilayerPerceptron",
        samples: int,
        validation: Validation | None,
        best: list[np.ndarray] | None,
        say: Callable[[str], None],
    ):
        super().__init__()
        self.say = say
        self.estimator, self.samples, self.validation = estimator, samples, validation
        self.seen = 0
        self.monitors = validation is not None and validation.monitors
        self.best: list[np.ndarray] = []
        if self.monitors:
            self.best = estimator.model_.get_weights() if best is None else best

    def epochs_at_once(self) -> int:
        """Until the earliest epoch after which training could end or the learning rate could change."""
        own = self.estimator
        if self.validation is not None or own.verbose or self._scales:
            return 1
        left = own.n_iter_no_change - own._no_improvement_count + 1
        return 10_000 if math.isinf(left) else max(1, int(left))

    @property
    def _scales(self) -> bool:
        return bool(self.estimator.learning_rate == "invscaling" and self.estimator._sets_the_rate)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Record the epoch, and see whether it was better by `tol`."""
        assert logs is not None
        own = self.estimator
        self.seen += 1
        own.n_iter_ += 1
        own.t_ += self.samples
        own.loss_ = loss = logs["loss"]
        own.loss_curve_.append(loss)
        if own.verbose:
            self.say(f"Iteration {own.n_iter_}, loss = {loss:.8f}")
        score = None if self.validation is None else self._validate(self.validation, logs)
        if score is not None:
            self._compare_score(score)
        else:
            # Not the opposite of `<`: a loss that is not a number starts the count again, as in scikit-learn.
            own._no_improvement_count = own._no_improvement_count + 1 if loss > own.best_loss_ - own.tol else 0
            if loss < own.best_loss_:
                own.best_loss_ = loss
        if self._scales:
            first = getattr(own.optimizer, "learning_rate", own.learning_rate_init)
            own._optimizer.learning_rate = first / (own.t_ + 1) ** own.power_t
        if own._no_improvement_count > own.n_iter_no_change:
            self._stop_or_slow_down()

    def catch_up(self) -> None:
        """After Ctrl-C: record the epochs before it that were to be told later; none if it came before the first."""
        history = self.estimator.model_.history
        for loss in [] if history is None else history.history.get("loss", [])[self.seen :]:
            self.on_epoch_end(self.seen, {"loss": loss})

    def _validate(self, validation: Validation, logs: Logs) -> float | None:
        """Record the loss on the validation data; returns the score, if it decides."""
        own = self.estimator
        loss, score = validation.evaluate()
        own.validation_loss_curve_.append(loss)
        logs["val_loss"] = loss
        if score is not None:
            own.validation_scores_.append(score)
            logs["val_score"] = score
            if own.verbose:
                self.say(f"Validation score: {score:f}")
        return score

    def _compare_score(self, score: float) -> None:
        own = self.estimator
        worse = score < own.best_validation_score_ + own.tol
        own._no_improvement_count = own._no_improvement_count + 1 if worse else 0
        if score > own.best_validation_score_:
            own.best_validation_score_ = score
            self.best = self.model.get_weights()

    def _stop_or_slow_down(self) -> None:
        own = self.estimator
        what = "Validation score" if self.monitors else "Training loss"
        message = f"{what} did not improve more than tol={own.tol:f} for {own.n_iter_no_change} consecutive epochs."
        adaptive = own.learning_rate == "adaptive" and own._sets_the_rate
        if adaptive and own._optimizer.learning_rate > 1e-6:
            own._optimizer.learning_rate /= 5.0
            own._no_improvement_count = 0
            message += f" Setting learning rate to {own._optimizer.learning_rate:f}"
        else:
            self.model.stop_training = True
            message += " Learning rate too small. Stopping." if adaptive else " Stopping."
        if own.verbose:
            self.say(message)
