"""An autoencoder as a transformer."""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .. import layers
from ..config import using_floatx
from ..models import Sequential
from .parameters import hidden_sizes
from .training import Data, TrainedEstimator


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TrainedEstimator):
    """A network that learns to reconstruct samples from few numbers, their codes.

    x' = decoder(encoder(x)), trained to minimize the mean of (x' - x)^2. The encoder has dense hidden layers and the
    codes as its outputs; the decoder has the same layers in the opposite order. Without hidden layers it spans the same
    space as `sklearn.decomposition.PCA` with as many components.

    Args:
        n_components: the numbers in a code.
        hidden_layer_sizes: the units of the encoder's hidden layers.
        activation: of the hidden layers, as in `fastnn.layers.Dense`.
        code_activation: of the codes; None: none.
        output_activation: of the reconstructions, such as "sigmoid" for samples in [0, 1]; None: none.
        loss: a name, a `fastnn.losses` object or a function, as for `fastnn.Sequential.compile`.
        optimizer: a name or a `fastnn.optimizers` object, of which a copy is used; its arguments are parameters, too:
            `optimizer__learning_rate=0.01`.
        metrics: names, `fastnn.metrics` objects or functions, whose values are in `history_`.
        batch_size: samples per step; "auto": 200.
        epochs: how often to see all samples.
        shuffle: whether to shuffle them each time.
        callbacks: `fastnn.callbacks` objects, of which copies are used.
        early_stopping: whether to set a part of the samples aside, to end when its loss has not become less by `tol`
            for `n_iter_no_change` epochs, and to take the weights of the best epoch.
        validation_fraction: the size of that part, unless `fit` gets samples for validation.
        n_iter_no_change: see `early_stopping`.
        tol: see `early_stopping`.
        random_state: decides initial weights, shuffling and the part set aside.
        verbose: 2: a line per epoch; 1 or True: also a progress bar, on a terminal; in a notebook a bar, and few
            lines.
        warm_start: whether `fit` goes on with the network that there is. Parameters of the training may be others then:
            a new optimizer begins anew, and loss and metrics may change. Those of the network may not.
        **optimizer__arguments: the optimizer's arguments.

    Attributes:
        model_: the network, a `fastnn.Sequential` of encoder and decoder.
        encoder_, decoder_: its two parts, which share its weights.
        history_: {"loss": [a number per epoch], ...}, with the metrics and the "val_..." values.
        callbacks_: the copies of `callbacks` that were last used; pickles and other copies are without them.
        n_iter_: the number of epochs of training.
        n_features_in_, feature_names_in_: of X, as in scikit-learn's estimators.

    >>> from fastnn.sklearn import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(100, 2)) @ [[1.0, 1.0, 0.0], [0.0, 1.0, 2.0]]  # a plane in space
    >>> autoencoder = Autoencoder(2, (), optimizer__learning_rate=0.02, random_state=0).fit(X)
    >>> codes = autoencoder.transform(X)
    >>> codes.shape, autoencoder.inverse_transform(codes).shape, round(autoencoder.score(X), 2)
    ((100, 2), (100, 3), 1.0)
    """

    encoder_: Sequential
    decoder_: Sequential

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [None, str, layers.Activation],
        "code_activation": [None, str, layers.Activation],
        "output_activation": [None, str, layers.Activation],
        **TrainedEstimator._parameter_constraints,
        "loss": [str, callable],
    }

    _tunable = ("optimizer",)

    def __init__(
        self,
        n_components: int = 2,
        hidden_layer_sizes: Any = (100,),
        *,
        activation: Any = "relu",
        code_activation: Any = None,
        output_activation: Any = None,
        loss: Any = "mean_squared_error",
        optimizer: Any = "adam",
        metrics: Any = None,
        batch_size: Any = "auto",
        epochs: int = 100,
        shuffle: bool = True,
        callbacks: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        random_state: Any = None,
        verbose: Any = False,
        warm_start: bool = False,
        **optimizer__arguments: Any,
    ):
        self.n_components, self.hidden_layer_sizes = n_components, hidden_layer_sizes
        self.activation, self.code_activation = activation, code_activation
        self.output_activation, self.loss = output_activation, loss
        self.optimizer, self.metrics = optimizer, metrics
        self.batch_size, self.epochs, self.shuffle, self.callbacks = batch_size, epochs, shuffle, callbacks
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction
        self.n_iter_no_change, self.tol = n_iter_no_change, tol
        self.random_state, self.verbose, self.warm_start = random_state, verbose, warm_start
        self._take(optimizer__arguments)

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, X_val: Any = None, sample_weight_val: Any = None
    ) -> Self:
        """Train a new network, or with `warm_start` the one that there is, for `epochs` epochs.

        Args:
            X: samples (n, features): an array, a table, or a sparse matrix; of that a dense copy is made as well, which
                is what the network learns to give.
            y: not used.
            sample_weight: (n,) weights of the samples, of which only the ratios count; or None.
            X_val: samples for validation, of which "val_..." values in `history_` come; or None.
            sample_weight_val: their weights, or None.

        Raises:
            ValueError: for parameters out of range, and for data that do not fit them or each other.
        """
        self._validate_params()
        fresh = not (self.warm_start and self.__sklearn_is_fitted__())
        with self._fitting(fresh) as seed:
            X = self._check_samples(X, reset=fresh)
            if fresh:
                self._new(X)
            else:
                self._go_on(self.loss)
            data, validation = self._data(X, sample_weight), None
            if X_val is not None:
                validation = self._data(self._check_samples(X_val, reset=False), sample_weight_val)
            elif self.early_stopping:
                data, validation = self._held_out(data, None, seed)
            if validation is not None:
                validation = validation.normalized()
            self._train(data.normalized(), validation, self.epochs, self.early_stopping)
        self._free_memory()
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch more.

        Args:
            X: samples, as for `fit`.
            y: not used.
            sample_weight: (n,) weights of the samples, which are used as they are; or None.
        """
        self._validate_params()
        fresh = not self.__sklearn_is_fitted__()
        with self._fitting(fresh):
            X = self._check_samples(X, reset=fresh)
            if fresh:
                self._new(X)
            else:
                self._go_on(self.loss)
            return self._train(self._data(X, sample_weight), None, 1, stopping=False)

    def _new(self, X: Any) -> None:
        """Make a network for these samples."""
        hidden, features = hidden_sizes(self), X.shape[1]
        sizes = [*hidden, self.n_components, *reversed(hidden), features]
        activations = [self.activation] * len(sizes)
        activations[len(hidden)], activations[-1] = self.code_activation, self.output_activation
        with using_floatx(X.dtype.name):
            dense = [layers.Dense(int(n), f) for n, f in zip(sizes, activations, strict=True)]
        self._begin(Sequential([layers.Input((features,)), *dense]), self.loss)

    def _data(self, X: Any, sample_weight: Any) -> Data:
        targets = X if isinstance(X, np.ndarray) else X.toarray()
        return Data(X, targets, self._weights(sample_weight, X))

    def _of_network(self) -> dict[str, Any]:
        names = ("n_components", "hidden_layer_sizes", "activation", "code_activation", "output_activation")
        return {name: getattr(self, name) for name in names}

    def _parts(self) -> dict[str, Any]:
        half = len(self.model_.layers) // 2
        first, second = self.model_.layers[:half], self.model_.layers[half:]
        return {
            "encoder_": Sequential([layers.Input((self.n_features_in_,)), *first]),
            "decoder_": Sequential([layers.Input((self._n_features_out,)), *second]),
        }

    @property
    def _n_features_out(self) -> int:
        """The numbers in a code, which name the columns of tables."""
        return int(self.model_.layers[len(self.model_.layers) // 2 - 1].sample_output_shape[0])

    def transform(self, X: Any) -> np.ndarray:
        """The codes (n, n_components) of samples.

        Args:
            X: samples (n, features).
        """
        return self._outputs(X, vars(self).get("encoder_"))

    def inverse_transform(self, X: Any) -> np.ndarray:
        """The samples (n, features) that the decoder makes of codes.

        Args:
            X: codes (n, n_components).
        """
        check_is_fitted(self)
        X = check_array(X, dtype=self._sample_checks["dtype"], input_name="X")
        if X.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting {self._n_features_out} features "
                "as input of inverse_transform, the numbers in a code"
            )
        return self.decoder_.predict(X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """How much of the variance of samples X their reconstructions explain: 1 - sum (x' - x)^2 / sum (x - mean)^2.

        The sums are over samples and features, and 1 is best. For PCA this is the sum of `explained_variance_ratio_`.

        Args:
            X: samples (n, features).
            y: not used.
            sample_weight: (n,) weights of the samples, or None.
        """
        outputs = self._outputs(X)
        data = self._data(self._check_samples(X, reset=False), sample_weight).normalized()
        error = np.average((outputs - data.targets) ** 2, axis=0, weights=data.weights).sum()
        mean = np.average(data.targets, axis=0, weights=data.weights)
        variance = np.average((data.targets - mean) ** 2, axis=0, weights=data.weights).sum()
        return float(1 - error / variance) if variance > 0 else float(error == 0)  # as in sklearn.metrics.r2_score

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
