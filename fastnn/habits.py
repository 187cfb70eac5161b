"""What Keras has and fastnn has not, or has under another name: errors that say what to do instead.

All of it is looked up only when a name or an argument is unknown.
"""

import dis
import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from types import ModuleType
from typing import Any, NoReturn

_OWN_LAYER = "fastnn does not have this layer of Keras; one of your own derives from fastnn.layers.Layer"
_OWN_FUNCTION = "pass a function of (y_true, y_pred) to compile instead"
_WHOLE_ARRAYS = "fastnn takes whole arrays, x and y, and goes through all samples in each epoch; no generators"

# Keras's names that no module here has, by what to do instead.
_NAMES = {
    "fastnn has no recurrent layers; for sequences of a fixed length use Conv1D, pooling and Dense": """
        LSTM GRU SimpleRNN RNN LSTMCell GRUCell SimpleRNNCell StackedRNNCells ConvLSTM1D ConvLSTM2D ConvLSTM3D
        Bidirectional TimeDistributed""",
    "fastnn has no attention layers; for sequences of a fixed length use Conv1D, pooling and Dense": """
        Attention AdditiveAttention MultiHeadAttention GroupQueryAttention""",
    "a model is one row of layers, so no layer has two inputs; join arrays with np.concatenate before fit": """
        Concatenate Add Subtract Multiply Average Maximum Minimum Dot""",
    "the only models are rows of layers, fastnn.Sequential([fastnn.Input(shape), ...])": """
        Model Functional KerasTensor InputLayer InputSpec""",
    _OWN_LAYER: """
        Lambda Wrapper Identity Masking Permute RepeatVector UnitNormalization SpectralNormalization GroupNormalization
        RMSNormalization AlphaDropout GaussianDropout SpatialDropout3D ActivityRegularization EinsumDense Conv3D
        Conv1DTranspose Conv2DTranspose Conv3DTranspose Convolution2D SeparableConv1D SeparableConv2D DepthwiseConv1D
        DepthwiseConv2D UpSampling1D UpSampling2D UpSampling3D Cropping1D Cropping2D Cropping3D ZeroPadding3D
        AveragePooling3D MaxPooling3D GlobalAveragePooling3D GlobalMaxPooling3D""",
    "use fastnn.layers.Rescaling, or (x - x.mean(axis=0)) / x.std(axis=0) before fit": "Normalization",
    "prepare the arrays with NumPy before fit": """
        Discretization TextVectorization StringLookup IntegerLookup Hashing HashedCrossing CategoryEncoding Resizing
        CenterCrop RandomCrop RandomFlip RandomRotation RandomTranslation RandomZoom RandomContrast RandomBrightness
        RandomErasing preprocessing normalize pad_sequences image_dataset_from_directory text_dataset_from_directory""",
    _WHOLE_ARRAYS: "Sequence PyDataset timeseries_dataset_from_array",
    "fastnn has SGD, Adagrad, RMSprop, Adam and AdamW": """
        Nadam Adamax Adadelta Ftrl Adafactor Lion Lamb Muon LossScaleOptimizer legacy""",
    _OWN_FUNCTION: """
        CosineSimilarity MeanAbsolutePercentageError MeanSquaredLogarithmicError CategoricalHinge Dice Tversky Circle
        CTC BinaryFocalCrossentropy CategoricalGeneralizedCrossEntropy LogCoshError MeanIoU IoU BinaryIoU OneHotIoU
        FBetaScore TruePositives TrueNegatives FalsePositives FalseNegatives SensitivityAtSpecificity
        SpecificityAtSensitivity PrecisionAtRecall RecallAtPrecision PearsonCorrelation ConcordanceCorrelation
        MeanRelativeError MeanMetricWrapper LossFunctionWrapper""",
    "losses are averaged over the batch; other sums are functions of (y_true, y_pred) of your own": "Reduction",
    'metrics=["accuracy"] selects the accuracy that fits the loss': "Accuracy",
    "metrics are named in compile; a mean of your own is np.mean": "Mean Sum MeanTensor",
    "keep the best weights with EarlyStopping(restore_best_weights=True), or save in a callback: "
    "fastnn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: model.save(path))": """
        ModelCheckpoint BackupAndRestore""",
    "fit returns a History, whose history is a dict of lists; fastnn.plots.learning_curves draws it": """
        TensorBoard CSVLogger RemoteMonitor""",
    "fit shows its progress itself (verbose)": "ProgbarLogger CallbackList",
    "pass an array of the weight's shape, or a function of (shape, dtype)": """
        Orthogonal OrthogonalInitializer IdentityInitializer VarianceScaling STFT""",
    "the regularizers are L1, L2 and L1L2": "OrthogonalRegularizer",
    "model.summary() prints the layers": "plot_model model_to_dot",
    "fastnn.Sequential.from_config(model.get_config()) makes a model of the same architecture": """
        clone_model model_from_json model_from_config""",
    "load the arrays yourself, for example with np.load; fastnn.datasets.mnist is there": """
        cifar10 cifar100 fashion_mnist imdb reuters boston_housing california_housing""",
    'activations are named, Dense(10, activation="relu"), or layers such as fastnn.layers.ReLU()': "activations",
    "layers, losses and metrics of your own are written in NumPy": "ops backend math random KerasVariable Variable",
    "there are no trained networks": "applications",
    "fastnn is used directly: fastnn.Sequential, fastnn.layers.Dense, ...": "keras",
    'fastnn.config.set_floatx("float64") sets the float type': "mixed_precision DTypePolicy",
    "fit uses all cores (fastnn.set_num_threads)": "distribution",
}  # fmt: skip
NAMES = {name.lower(): remedy for remedy, names in _NAMES.items() for name in names.split()}

# Keras's arguments that nothing here takes.
_ARGUMENTS = {
    "begin the model with its shape: fastnn.Sequential([fastnn.Input(shape), ...])": """
        input_shape input_dim batch_input_shape batch_shape""",
    "images are (height, width, channels)": "data_format",
    "layer.set_weights sets them, or an initializer": "weights",
    "penalties are on weights: kernel_regularizer": "activity_regularizer",
    "use learning_rate": "lr",
    "pass learning_rate=fastnn.schedules.InverseTimeDecay(...)": "decay",
    "use epochs": "nb_epoch n_epochs num_epochs",
    _WHOLE_ARRAYS: "steps_per_epoch validation_steps steps generator",
    "fit uses all cores (fastnn.set_num_threads)": "workers use_multiprocessing max_queue_size",
    "a model has one output with one loss": "loss_weights",
    "metrics are not weighted; a function of (y_true, y_pred) can be": "weighted_metrics",
    "it is not needed: whole epochs are compiled": "run_eagerly jit_compile steps_per_execution auto_scale_loss",
    "callbacks are for fit": "callbacks",
}
ARGUMENTS = {name: remedy for remedy, names in _ARGUMENTS.items() for name in names.split()}

OWN_STEP = (
    "y_pred = model.forward(x, training=True); loss.forward(y, y_pred); model.backward(loss.backward()); "
    "model.optimizer.step(model)"
)

# Keras's attributes of models, layers and optimizers.
MODEL_AND_LAYER = {
    "input": "for its shape use input_shape",
    "inputs": "for the shape use input_shape",
    "output": "for its shape use output_shape; for outputs of layers inside, "
    "fastnn.Sequential(model.layers[:n]).predict(x)",
    "variables": "use weights",
    "trainable_variables": "use trainable_weights",
    "non_trainable_variables": "use non_trainable_weights",
}
MODEL_AND_LAYER["outputs"] = MODEL_AND_LAYER["output"]
MODEL = {
    "fit_generator": f"use fit: {_WHOLE_ARRAYS}",
    "evaluate_generator": "use evaluate",
    "predict_generator": "use predict",
    "predict_classes": "use predict(x).argmax(axis=1)",
    "predict_proba": "use predict",
    "to_json": "use json.dumps(model.get_config())",
    "metrics_names": 'use ["loss", *(metric.name for metric in model.metrics)]',
    "train_step": f"a step of your own: {OWN_STEP}",
}
OPTIMIZER = {
    "lr": "use learning_rate",
    "apply_gradients": "use step(model), after model.backward",
    "minimize": "use step(model), after model.backward",
}


# Keras's hooks of callbacks, with those that take their places.
HOOKS = {
    "on_batch_begin": ("on_train_batch_begin", "name it on_train_batch_begin"),
    "on_batch_end": ("on_train_batch_end", "name it on_train_batch_end"),
    "on_test_batch_begin": ("", "there are on_test_begin and on_test_end"),
    "on_test_batch_end": ("", "there are on_test_begin and on_test_end"),
    "on_predict_begin": ("", "predict takes no callbacks"),
    "on_predict_end": ("", "predict takes no callbacks"),
    "on_predict_batch_begin": ("", "predict takes no callbacks"),
    "on_predict_batch_end": ("", "predict takes no callbacks"),
}


class _Unknown:
    """An attribute that is not there, and an error that says what to use."""

    def __init__(self, remedy: str):
        self._remedy = remedy

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__!r} object has no attribute {self._name!r}: {self._remedy}")


class _UnknownAndUnset(_Unknown):
    """Setting it is an error, too: fastnn would never read it."""

    def __set__(self, instance: object, value: object) -> None:
        self.__get__(instance, type(instance))


def explain_attributes(kind: type, remedies: Mapping[str, str], settable: bool = True) -> None:
    """Let a class's attributes of these names, which it does not have, raise errors that say what to use.

    Args:
        kind: the class.
        remedies: what to use, by name.
        settable: whether users may set attributes of these names, for subclasses of their own.
    """
    for name, remedy in remedies.items():
        unknown = (_Unknown if settable else _UnknownAndUnset)(remedy)
        setattr(kind, name, unknown)
        unknown.__set_name__(kind, name)


def refuse_arguments(owner: str, unknown: Mapping[str, object], known: Callable[[], Iterable[str]]) -> None:
    """A TypeError for an argument that `owner` does not take, with what to do or the nearest of the `known`."""
    for name in unknown:
        near = get_close_matches(name, [*known()], n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        hint = f": {ARGUMENTS[name]}" if name in ARGUMENTS else hint
        raise TypeError(f"{owner} got an unexpected keyword argument {name!r}{hint}")


def refuse_methods(kind: type, methods: Mapping[str, tuple[str, str]]) -> None:
    """A TypeError for a class that defines a method which Keras would call, but fastnn never does.

    Args:
        kind: a class that has just been defined.
        methods: for each method of Keras's the one that takes its place, and what to do.
    """
    for name, (own, remedy) in methods.items():
        if name in vars(kind) and own not in vars(kind):
            raise TypeError(f"{kind.__name__} defines {name}, which fastnn does not call: {remedy}")


def refuse_misspelt(owner: object, name: str, settable: Iterable[str]) -> None:
    """An AttributeError for setting what is nearly one of the `settable` attributes, unless a user's class has it."""
    own = type(owner).__module__.partition(".")[0] == __name__.partition(".")[0]
    near = get_close_matches(name, list(settable), n=1, cutoff=0.8) if own and not hasattr(owner, name) else []
    if near:
        raise AttributeError(f"{type(owner).__name__!r} object has no attribute {name!r}; did you mean {near[0]!r}?")


def refuse_symbols(owner: str, x: object, kinds: tuple[type, ...]) -> None:
    """A TypeError if a model or layer is called with an `Input` or another layer, to build a model as in Keras."""
    if isinstance(x, kinds):
        raise TypeError(
            f"{owner} takes an array, received {x!r}: models are not built by calling layers but as rows of layers, "
            "fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3), ...])"
        )


def explain_names(*modules: ModuleType) -> None:
    """Let unknown names of these modules, and of those in their `__all__`, raise errors that say what to use."""
    explained = list(modules)
    for module in explained:  # which grows
        inside = [vars(module)[name] for name in vars(module).get("__all__", ())]
        explained += [value for value in inside if isinstance(value, ModuleType)]
    for module in explained:
        setattr(module, "__getattr__", partial(_unknown_name, module, explained))  # noqa: B010 (the type checker must not see it)


def _unknown_name(module: ModuleType, modules: list[ModuleType], name: str) -> NoReturn:
    what = f"module {module.__name__!r} has no attribute {name!r}"
    message = what if name.startswith("_") else what + _instead(module, modules, name)
    # `from fastnn.layers import LSTM` would replace an AttributeError by one without a reason.
    caller = sys._getframe(1)
    if caller.f_code.co_code[caller.f_lasti] == dis.opmap["IMPORT_FROM"]:
        raise ImportError(message, name=module.__name__)
    raise AttributeError(message)


def _instead(module: ModuleType, modules: list[ModuleType], name: str) -> str:
    """What to use, as the end of an error message."""
    lower = name.lower()
    known = {n.lower(): f"{module.__name__}.{n}" for n in public_names(module)}
    others = {n.lower(): f"{m.__name__}.{n}" for m in modules for n in public_names(m)}
    strings: Mapping[str, Any] = getattr(module, "_BY_NAME", {}) if "_BY_NAME" in vars(module) else {}
    if lower in known:
        return f"; did you mean {known[lower]}?"
    if lower in NAMES:
        return f": {NAMES[lower]}"
    if name in strings:
        return f': pass the string "{name}", or {module.__name__}.{strings[name].__name__}()'
    if lower in others:
        return f"; did you mean {others[lower]}?"
    for table in (known, others):
        begun = [n for n in table if len(lower) > 3 and n.startswith(lower)]
        if near := begun or get_close_matches(lower, table, n=1, cutoff=0.7):
            return f"; did you mean {table[near[0]]}?"
    return f". It has: {', '.join(public_names(module))}"


def public_names(module: ModuleType) -> list[str]:
    """The names that users find in a module."""
    listed: list[str] | None = vars(module).get("__all__")
    if listed is not None:
        return listed
    own = ((n, v) for n, v in vars(module).items() if not n.startswith("_"))
    return [n for n, v in own if getattr(v, "__module__", None) == module.__name__ and callable(v)]
