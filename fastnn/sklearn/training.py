"""Training by epochs, as `fit` of the estimators around any network and of the autoencoder does it."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

from .. import optimizers
from ..callbacks import Callback, EarlyStopping
from ..callbacks.base import flat
from ..configured import arguments, encode
from ..models import Sequential
from ..models.restoring import unchanged_on_error
from ..randomness import drawing_from
from .base import NetworkEstimator, shaped
from .nested import NestedParameters, check_argument
from .validation import can_stratify


class Data(NamedTuple):
    """Checked samples, their targets, and weights or None."""

    X: Any
    targets: Any
    weights: np.ndarray | None

    def normalized(self) -> "Data":
        """With weights of mean 1: only their ratios count, so learning rates need not change.

        Raises:
            ValueError: for weights that are all 0.
        """
        if self.weights is None:
            return self
        largest = self.weights.max()
        if largest == 0:
            raise ValueError("Sample weights must contain at least one non-zero number.")
        weights = self.weights / largest  # else the sum may overflow
        return self._replace(weights=weights * (len(weights) / weights.sum()))


class TrainedEstimator(NestedParameters, NetworkEstimator):
    """An estimator whose network is trained for `epochs` epochs by an optimizer.

    Attributes:
        history_: {"loss": [a number per epoch], ...}, with the metrics and the "val_..." values.
        callbacks_: the copies of `callbacks` that were last used.
    """

    history_: dict[str, list[Any]]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "loss": [None, str, callable],
        "optimizer": [str, optimizers.Optimizer, type],
        "metrics": [None, list, tuple],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "callbacks": [None, list, tuple, Callback],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
    }

    @property
    def n_iter_(self) -> int:
        """The number of epochs of training so far."""
        return len(self.history_["loss"])

    @property
    def loss_curve_(self) -> list[float]:
        """The loss of each epoch, `history_["loss"]`."""
        return self.history_["loss"]

    @contextmanager
    def _fitting(self, fresh: bool) -> Iterator[int]:
        """Within the block everything random comes from `random_state`; gives a seed for what draws by itself.

        After an error or Ctrl-C in it all is as before: the attributes, and unless the network is `fresh`, its weights
        and the state of its optimizer.
        """
        before = dict(vars(self))
        if not fresh:
            before["history_"] = {name: list(column) for name, column in self.history_.items()}
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        try:
            unchanged = nullcontext() if fresh else unchanged_on_error(self.model_)
            with unchanged, drawing_from(np.random.default_rng(seed)):
                yield seed
        except BaseException:
            self.__dict__ = before
            raise

    def _begin(self, model: Sequential, loss: Any) -> None:
        """Take a new network, and choose how to train it."""
        self.model_, self.history_ = model, {"loss": []}
        self._made_for = self._of_network()
        self._trained_with: dict[str, Any] = {}
        self._compile(loss)
        self.__dict__.update(self._parts())

    def _go_on(self, loss: Any) -> None:
        """Keep the network, and train it by the parameters as they are now.

        Raises:
            ValueError: if those of the network have changed.
        """
        now = self._of_network()
        for name in now | self._made_for:
            value, known = (where.get(name, "nothing") for where in (now, self._made_for))
            if value is not known and described({name: value}) != described({name: known}):
                raise ValueError(
                    f"{name} must stay as it was while warm_start or partial_fit goes on with a network, expected "
                    f"{known!r}, received {value!r}"
                )
        self._compile(loss)

    def _compile(self, loss: Any) -> None:
        """Choose how to train, unless that has not changed. Objects that are parameters are copied first."""
        given = self._given("optimizer")
        asked = described({"optimizer": [self.optimizer, given], "loss": self.loss, "metrics": self.metrics})
        known, self._trained_with = self._trained_with, asked
        if known == asked:
            return
        optimizer = self.model_.optimizer if known.get("optimizer") == asked["optimizer"] else None
        if optimizer is None:
            for name in given:
                check_argument("optimizer", self.optimizer, name)
            optimizer = new_optimizer(optimizers.get(self.optimizer), given)
        self.model_.compile(optimizer, copy.deepcopy(loss), copy.deepcopy(list(self.metrics or [])))

    def _of_network(self) -> dict[str, Any]:
        """The parameters that a network cannot change any more."""
        return {}

    def _train(self, data: Data, validation: Data | None, epochs: int, stopping: bool) -> Self:
        """Train for so many more epochs.

        Args:
            data: for training.
            validation: for the "val_..." values, or None.
            epochs: how many.
            stopping: whether training ends when the validation loss does not improve any more.
        """
        model, done = self.model_, self.n_iter_
        self.callbacks_ = flat(copy.deepcopy(self.callbacks))
        callbacks = [*self.callbacks_]
        if stopping:
            best = EarlyStopping("val_loss", self.tol, int(self.n_iter_no_change), restore_best_weights=True)
            callbacks.append(best)
        size = 200 if self.batch_size == "auto" else int(self.batch_size)
        x_val = None if validation is None else (shaped(validation.X, model), *validation[1:])
        model.history, steps = None, model.optimizer.iterations
        try:
            model.fit(
                shaped(data.X, model), data.targets, size, done + int(epochs), int(self.verbose), callbacks,
                validation_data=x_val, shuffle=bool(self.shuffle), sample_weight=data.weights, initial_epoch=done,
            )  # fmt: skip
        except KeyboardInterrupt:
            if model.optimizer.iterations == steps:
                raise  # with nothing to keep
            if stopping:
                best.on_train_end()  # which takes the best weights
            warnings.warn("Training interrupted by user.", stacklevel=3)
        for name, column in getattr(model.history, "history", {}).items():
            self.history_.setdefault(name, []).extend(column)
        if not all(np.isfinite(w).all() for w in model.weights):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed, or the learning rate may be too large"
            )
        return self

    def _weights(self, sample_weight: Any, X: Any) -> np.ndarray | None:
        """Checked weights, or None."""
        if sample_weight is None:
            return None
        weights: np.ndarray = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return weights

    def _held_out(self, data: Data, labels: Any, seed: int) -> tuple[Data, Data]:
        """The data without, and with, a random part for validation, which has the same share of each of the labels.

        Where there are too few samples of a label for that, the part is any part.
        """
        from sklearn.model_selection import train_test_split  # not at import, which it would slow down

        if labels is not None and not can_stratify(labels, self.validation_fraction):
            labels = None
        parts = train_test_split(
            *(part for part in data if part is not None),
            test_size=self.validation_fraction, random_state=seed, stratify=labels,
        )  # fmt: skip
        none = [] if data.weights is not None else [None]
        return Data(*parts[0::2], *none), Data(*parts[1::2], *none)


def new_optimizer(like: optimizers.Optimizer, given: dict[str, Any]) -> optimizers.Optimizer:
    """An optimizer that has not trained yet, with the arguments of another one except those that are given.

    Raises:
        ValueError: if the other one excludes certain weights of a model from weight decay.
    """
    if like._excluded:
        raise ValueError(
            "optimizer must exclude weights from weight decay by their names, because each fit trains new ones: "
            f"exclude_from_weight_decay(var_names=...), received {like!r} with var_list"
        )
    made = type(like)(**{name: like._argument(name) for name in arguments(type(like))} | given)
    made.exclude_from_weight_decay(var_names=like._excluded_names)
    return made


def described(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters as plain data where they can be, to see later whether they have changed, also in a copy."""

    def plain(value: Any) -> Any:
        try:
            return encode(value, "a parameter")
        except ValueError:  # a lambda or the like
            return value

    return {name: plain(value) for name, value in parameters.items()}
