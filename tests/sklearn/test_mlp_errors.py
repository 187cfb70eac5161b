"""What the multi-layer perceptrons say to bad input: scikit-learn's words where it has some."""

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

import fastnn
from fastnn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(30, 3))
Y = np.arange(30) % 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": -1}, "The 'alpha' parameter of MLPClassifier must be a float in the range"),
        ({"solver": "adma"}, "The 'solver' parameter of MLPClassifier must be a str among"),
        ({"max_iter": 0}, "The 'max_iter' parameter"),
        ({"momentum": 2}, "The 'momentum' parameter"),
        ({"learning_rate_init": 0}, "The 'learning_rate_init' parameter"),
        ({"hidden_layer_sizes": "ten"}, "The 'hidden_layer_sizes' parameter"),
        ({"activation": 3}, "The 'activation' parameter"),
        ({"activation": "rleu"}, "unknown activation 'rleu'; did you mean 'relu'"),
        ({"activation": ["rleu"]}, "unknown activation 'rleu'; did you mean 'relu'"),
        (
            {"activation": fastnn.layers.PReLU()},
            "activation must be a name or a fastnn.layers.Activation, such as Leaky",
        ),
        (
            {"activation": [fastnn.layers.PReLU()]},
            "activation must be a name or a fastnn.layers.Activation.*PReLU name",
        ),
        ({"optimizer": "adma"}, "unknown optimizer 'adma'; did you mean 'adam'"),
        ({"loss": "log_los"}, "unknown loss 'log_los'"),
        ({"dropout": 1.0}, "The 'dropout' parameter"),
        ({"label_smoothing": 1.0}, "The 'label_smoothing' parameter"),
        ({"early_stopping": "accurate"}, "The 'early_stopping' parameter"),
        ({"class_weight": "even"}, "The 'class_weight' parameter"),
        ({"callbacks": print}, "The 'callbacks' parameter"),
        ({"learning_rate_schedule": 0.1}, "The 'learning_rate_schedule' parameter"),
    ],
)
def test_parameters_out_of_range(parameters, message):
    with pytest.raises(InvalidParameterError, match=message):
        MLPClassifier(**parameters).fit(X, Y)


SCHEDULE = fastnn.schedules.ExponentialDecay(0.1, 10, 0.5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": (3, 0)}, r"hidden_layer_sizes must be > 0, got \[3, 0\]"),
        ({"hidden_layer_sizes": (3.5,)}, r"hidden_layer_sizes must be > 0, got \[3.5\]"),
        ({"activation": ["relu", "tanh"]}, "one for each of the 1 hidden layers, received"),
        ({"dropout": [0.1, 0.2]}, "one for each of the 1 hidden layers, received"),
        ({"dropout": [1.5]}, "dropout must be .*received 1.5"),
        ({"solver": "lbfgs", "dropout": 0.5}, 'dropout needs solver="adam" or "sgd"'),
        ({"solver": "lbfgs", "batch_norm": True}, "batch_norm needs solver"),
        ({"solver": "lbfgs", "optimizer": "adam"}, "optimizer needs solver"),
        ({"solver": "lbfgs", "callbacks": [fastnn.callbacks.TerminateOnNaN()]}, "callbacks needs solver"),
        ({"learning_rate": "adaptive", "learning_rate_schedule": SCHEDULE}, 'learning_rate must be "constant"'),
        (
            {"optimizer": fastnn.optimizers.Adam(), "learning_rate_schedule": SCHEDULE},
            "learning_rate_schedule belongs into the optimizer object",
        ),
        (
            {"optimizer": fastnn.optimizers.Adam(SCHEDULE), "learning_rate": "adaptive"},
            'learning_rate must be "constant" for an optimizer with a schedule',
        ),
        ({"loss": "hinge", "label_smoothing": 0.1}, 'label_smoothing must be 0 unless loss="log_loss"'),
        ({"loss": fastnn.losses.BinaryCrossentropy(from_logits=True)}, "loss must have from_logits=False"),
        ({"loss": "half_poisson_deviance"}, 'loss must be one of probabilities or margins, received .*"exp" gives'),
        ({"loss": fastnn.losses.HalfPoissonDeviance()}, "loss must be one of probabilities or margins, received Half"),
        ({"transform_layer": 1}, r"transform_layer must be in \[-1, 1\), the hidden layers, received 1"),
    ],
)
def test_parameters_that_do_not_go_together(parameters, message):
    ours = MLPClassifier(**{"hidden_layer_sizes": (4,), "max_iter": 2} | parameters)
    with pytest.raises(ValueError, match=message):
        ours.fit(X, Y)


def test_validation_data():
    ours = MLPClassifier(max_iter=2)
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        ours.fit(X, Y, X_val=X)
    with pytest.raises(ValueError, match="sample_weight_val needs X_val and y_val"):
        ours.fit(X, Y, sample_weight_val=np.ones(30))
    with pytest.raises(ValueError, match="X has 2 features, but MLPClassifier is expecting 3"):
        ours.fit(X, Y, X_val=X[:, :2], y_val=Y)
    with pytest.raises(ValueError, match=r"y_val must have labels among \[0 1 2\], received \[5\]"):
        ours.fit(X, Y, X_val=X, y_val=np.where(Y == 2, 5, Y))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ours.fit(X, Y, X_val=X, y_val=Y[1:])
    with pytest.raises(ValueError, match=r"y_val must have shape \(n, 1\)"):
        MLPRegressor(max_iter=2).fit(X, Y, X_val=X, y_val=np.ones((30, 2)))
    for one, other in (
        (Y, np.eye(3, dtype=int)[Y]),
        (np.eye(3, dtype=int)[Y], Y),
        (Y > 0, np.eye(2, dtype=int)[Y % 2]),
    ):
        with pytest.raises(
            ValueError, match=rf"y_val must be .* labels as before, received shape \({str(other.shape)[1:-1]}\)"
        ):
            ours.fit(X, one, X_val=X, y_val=other)
        with pytest.raises(ValueError, match="y must be .* labels as before, received shape"):
            ours.fit(X, one).partial_fit(X, other)
    with pytest.raises(ValueError, match='X_val needs solver="adam"'):
        MLPClassifier(solver="lbfgs").fit(X, Y, X_val=X, y_val=Y)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True without X_val and y_val"):
        MLPClassifier(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="class_weight must be a dict for partial_fit, received 'balanced'"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


def test_data():
    ours = MLPClassifier(max_iter=2)
    for method in ("predict", "predict_proba", "predict_log_proba", "transform"):
        with pytest.raises(NotFittedError, match="This MLPClassifier instance is not fitted yet"):
            getattr(ours, method)(X)
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        ours.fit(X, Y[:, np.newaxis])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        ours.predict(np.where(X > 1, np.nan, X))
    with pytest.raises(ValueError, match="X has 2 features"):
        ours.transform(X[:, :2])
    with pytest.raises(ValueError, match="Unknown label type"):
        MLPClassifier().fit(X, X[:, 0])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        MLPRegressor().fit(X, np.where(Y == 2, np.nan, Y))
    with pytest.raises(ValueError, match="at least one non-zero number"):
        MLPRegressor().fit(X, Y, sample_weight=np.zeros(30))
    with pytest.raises(ValueError, match="y must not be negative"):
        MLPRegressor("poisson").fit(X, -Y)
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than sample size"):
        MLPRegressor(batch_size=31, max_iter=1).fit(X, Y)
    assert MLPClassifier(max_iter=2).fit(X, np.full(30, "one")).predict(X[:2]).tolist() == ["one", "one"]
