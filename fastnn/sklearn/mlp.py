"""What the multi-layer perceptrons for classification and for regression share: how they are trained."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from .. import randomness
from ..callbacks.base import flat
from ..optimizers import Optimizer
from . import lbfgs, network, parameters
from .bar import new_bar, say
from .base import NetworkEstimator
from .objectives import last_activation
from .stopping import Rules
from .validation import Validation, set_aside


class MultilayerPerceptron(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetworkEstimator):
    """The base class of `MLPClassifier` and `MLPRegressor`, which describe the parameters."""

    loss_curve_: Any
    validation_loss_curve_: Any
    validation_scores_: Any

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = parameters.CONSTRAINTS

    def _take(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of the constructor, `locals()` there."""
        self.__dict__.update((name, value) for name, value in arguments.items() if name != "self")

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train on samples X (n, features) and targets y.

        Args:
            X: an array, a table, or a sparse matrix, which is not made dense.
            y: labels (n,), indicators (n, classes), or numbers (n,) or (n, outputs).
            sample_weight: (n,), or None.
            X_val: validation samples, for `validation_loss_curve_` and for `early_stopping`, which then sets none of X
                aside; or None.
            y_val: their targets, or None.
            sample_weight_val: their weights, or None.

        Returns:
            The estimator.

        Raises:
            TypeError, ValueError: in scikit-learn's words, for parameters or data that it cannot take.
        """
        with self._fitting():
            self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=False)
        self._free_memory()
        return self

    @contextmanager
    def _fitting(self) -> Iterator[None]:
        """Within the block parameters are valid one by one.

        After an error in it all attributes are as before; not after Ctrl-C, which keeps the training, and not after a
        warning that is an error and comes at the end.
        """
        before = {k: v.copy() if type(v) is list and k.endswith("_") else v for k, v in vars(self).items()}
        try:
            self._validate_params()
            yield
        except ConvergenceWarning:
            raise
        except Exception:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        if not all(np.isfinite(w).all() for w in chain(self.coefs_, self.intercepts_)):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed."
            )

    def _fit(self, X: Any, y: Any, sample_weight: Any, given_val: tuple[Any, Any, Any], incremental: bool) -> None:
        parameters.check_call(self, given_val, incremental)
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._check_data(X, y, incremental, reset=first_pass)
        sample_weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        sample_weight = self._weigh_classes(y, sample_weight, incremental)
        held = self._check_validation(*given_val)
        loss = self._new_loss()
        random = check_random_state(self.random_state)
        plan = parameters.plan(self, X.shape[1], self.n_outputs_, last_activation(loss, self._kind))
        drawn = plan.initial_weights(random) if first_pass else None
        if self.early_stopping is not False and held is None and self.solver != "lbfgs":
            (X, y, sample_weight), held = set_aside(self, X, y, sample_weight, random)
        # All that is random from here on: dropout, and the order of the samples.
        with randomness.drawing_from(np.random.default_rng(random.randint(np.iinfo(np.int32).max))):
            builds = first_pass or not hasattr(self, "model_") or not self._take_over(plan, incremental)
            if builds:
                self.model_ = plan.build(X.dtype, None if first_pass else vars(self).get("model_"))
                self._views = network.Views(self.model_)
                self.out_activation_, self.n_layers_ = plan.activations[-1], len(plan.units)
            if drawn is not None:
                (self.coefs_, self.intercepts_), self.n_iter_, self.t_ = drawn, 0, 0
            self._follow()
            if builds or not incremental or not hasattr(self, "loss_curve_"):  # the solver may have been "lbfgs"
                self.model_.compile(parameters.new_optimizer(self), loss)
            self._train(X, y, sample_weight, held, incremental, begins=first_pass)

    def _take_over(self, plan: network.Plan, incremental: bool) -> bool:
        """Change the network to what the parameters say now; returns whether its layers allow that.

        Raises:
            ValueError: if they do not, and its weights or its optimizer's state are to stay.
        """
        name = self._views.unlike(plan)
        if name == "hidden_layer_sizes" or (name and incremental):
            raise ValueError(
                f"{name} must have the value of the last fit where training continues, received {getattr(self, name)!r}"
            )
        if name is None:
            self._views.take_over(plan)
        return name is None

    def _train(self, X: Any, y: Any, sample_weight: Any, held: Any, incremental: bool, begins: bool) -> None:
        """Train the network on checked data, with the data `held` out for validation, or None."""
        targets = self._targets(y)
        best = self.__dict__.pop("_best_weights", None)  # of earlier calls of `partial_fit`
        if self.solver == "lbfgs":
            self._views.set_alpha(0.0)
            trained = [*self._views.coefs, *self._views.intercepts]
            most = -np.log(np.finfo(self.model_.dtype).eps) if self._has_clipped_loss else np.inf
            self.callbacks_, self.stopped_early_ = [], False
            lbfgs.minimize(self, lbfgs.Objective(self.model_, trained, X, targets, sample_weight, self.alpha, most))
            return
        self._views.set_alpha(self.alpha)
        validation = None if held is None else Validation(self, *held)
        self._begin_record(begins, validation)
        samples = X.shape[0]
        bar = new_bar() if self.verbose and not incremental else None
        rules = Rules(self, samples, validation, best if incremental else None, say=bar.say if bar else say)
        self.callbacks_ = flat(copy.deepcopy(self.callbacks))
        callbacks = [rules, *self.callbacks_, *([bar] if bar else [])]
        self.model_.history, self.model_.stop_training = None, False  # Ctrl-C may come before they are set
        try:
            self.model_.fit(
                X, targets, batch_size=self._batch_size(samples), epochs=1 if incremental else self.max_iter,
                shuffle=self.shuffle, verbose=0, callbacks=callbacks, sample_weight=sample_weight,
            )  # fmt: skip
        except KeyboardInterrupt:
            rules.catch_up()
            warnings.warn("Training interrupted by user.", stacklevel=4)
        finally:
            if bar:
                bar.close()
        self.stopped_early_ = self.model_.stop_training
        if rules.monitors and incremental and not self.stopped_early_:
            self._best_weights = rules.best
        elif rules.monitors and self.n_iter_ and self.best_validation_score_ == -np.inf:
            warnings.warn(
                "No validation score was finite: the weights of the last epoch are kept.",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif rules.monitors:
            for weight, best in zip(self.model_.weights, rules.best, strict=True):
                weight[...] = best
        if not incremental and self.n_iter_ == self.max_iter and not self.model_.stop_training:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=4,
            )

    @property
    def _has_clipped_loss(self) -> bool:
        """Whether scikit-learn clips the loss of a row, which the line search of "lbfgs" notices.

        It clips probabilities: several labels have one of them each, and smoothed labels a finite part of all.
        """
        one = self._kind == "multiclass" or self.n_outputs_ == 1
        return bool(self.loss == "log_loss" and one and not self.label_smoothing)

    def _begin_record(self, begins: bool, validation: Validation | None) -> None:
        """Make the attributes in which `Rules` writes, unless earlier training is continued."""
        self.n_iter_ = 0
        if begins or not hasattr(self, "loss_curve_"):
            self.loss_curve_ = []
            self.best_loss_: Any = np.inf
            self._no_improvement_count = 0
        if begins or (validation is not None and getattr(self, "validation_loss_curve_", None) is None):
            self.validation_loss_curve_ = None if validation is None else []
        monitors = validation is not None and validation.monitors
        if begins or monitors != (getattr(self, "validation_scores_", None) is not None):
            self.validation_scores_ = [] if monitors else None
            self.best_validation_score_: Any = -np.inf if monitors else None
            self.best_loss_ = None if monitors else np.inf

    def _batch_size(self, samples: int) -> int:
        if self.batch_size == "auto":
            return min(200, samples)
        if self.batch_size > samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=5
            )
        return int(min(self.batch_size, samples))

    def transform(self, X: Any) -> np.ndarray:
        """The activations (n, units) of the hidden layer `transform_layer`.

        Args:
            X: samples, as for `fit`.
        """
        check_is_fitted(self)
        return self._outputs(X, self._views.until(self._hidden_layer))

    @property
    def _hidden_layer(self) -> int:
        """The index of the layer whose activations `transform` gives."""
        return parameters.transform_layer(self, self.n_layers_ - 2)

    @property
    def _n_features_out(self) -> int:
        return self.coefs_[self._hidden_layer].shape[1]

    @property
    def _optimizer(self) -> Optimizer:
        return self.model_.optimizer

    @property
    def _sets_the_rate(self) -> bool:
        """Whether "invscaling" and "adaptive" count: not for the solver "adam", as in scikit-learn."""
        return self.optimizer is not None or self.solver == "sgd"

    def _outputs(self, X: Any, model: Any = None) -> np.ndarray:
        self._follow()
        return super()._outputs(X, model)

    def _follow(self) -> None:
        """Copy what a user has put into `coefs_` or `intercepts_` into the network; they are its views again."""
        if "_views" in vars(self) and self._views.differ(self.coefs_, self.intercepts_):
            self.coefs_ = self._views.adopt(self.coefs_, "coefs_")
            self.intercepts_ = self._views.adopt(self.intercepts_, "intercepts_")

    def _check_validation(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any] | None:
        """Checked validation data, or None."""
        if X is None:
            return None
        X, y = self._check_pair(X, y, reset=False)
        return X, y, None if sample_weight is None else _check_sample_weight(sample_weight, X)

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _parts(self) -> dict[str, Any]:
        views = network.Views(self.model_)
        return {"_views": views, "coefs_": list(views.coefs), "intercepts_": list(views.intercepts)}

    def __getstate__(self) -> dict[str, Any]:
        """With what a user has put into `coefs_`."""
        self._follow()
        return super().__getstate__()
