"""Names that a module has not: Keras's with what to use instead, misspelt ones with the nearest.

All of it is looked up only when a name is unknown.
"""

import dis
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial
from types import ModuleType
from typing import Any, NoReturn

from .habits import LOSS_AS_METRIC, WHOLE_ARRAYS

_OWN_LAYER = "fastnn does not have this layer of Keras; one of your own derives from fastnn.layers.Layer"
_OWN_FUNCTION = "pass a function of (y_true, y_pred) to compile instead"
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
        Conv1DTranspose Conv2DTranspose Conv3DTranspose SeparableConv1D SeparableConv2D DepthwiseConv1D
        DepthwiseConv2D UpSampling1D UpSampling2D UpSampling3D Cropping1D Cropping2D Cropping3D ZeroPadding3D
        AveragePooling3D MaxPooling3D GlobalAveragePooling3D GlobalMaxPooling3D""",
    "it is another name of fastnn.layers.Conv1D": "Convolution1D",
    "it is another name of fastnn.layers.Conv2D": "Convolution2D",
    'use fastnn.layers.Activation("gelu"), or Dense(10, activation="gelu")': "GELU",
    'use fastnn.layers.Activation("selu"), or Dense(10, activation="selu")': "SELU",
    'use fastnn.layers.Activation("silu"), or Dense(10, activation="silu")': "SiLU Swish",
    'use fastnn.layers.Activation("softplus"), or Dense(10, activation="softplus")': "Softplus",
    'use fastnn.layers.Activation("exponential"), or Dense(10, activation="exponential")': "Exponential",
    'use fastnn.layers.Activation("hard_sigmoid"), or Dense(10, activation="hard_sigmoid")': "HardSigmoid Hard_Sigmoid",
    "use fastnn.layers.Rescaling, or (x - x.mean(axis=0)) / x.std(axis=0) before fit": "Normalization",
    "prepare the arrays with NumPy before fit": """
        Discretization TextVectorization StringLookup IntegerLookup Hashing HashedCrossing CategoryEncoding Resizing
        CenterCrop RandomCrop RandomFlip RandomRotation RandomTranslation RandomZoom RandomContrast RandomBrightness
        RandomErasing preprocessing normalize pad_sequences image_dataset_from_directory text_dataset_from_directory""",
    WHOLE_ARRAYS: "Sequence PyDataset timeseries_dataset_from_array",
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
    "fastnn.plots.learning_curves(history) draws what fit returns": "plot_history plot_loss plot_metrics plot_training",
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
        return _elsewhere(module, others[lower])
    for table in (known, others):
        begun = [n for n in table if len(lower) > 3 and n.startswith(lower)]
        if near := begun or get_close_matches(lower, table, n=1, cutoff=0.7):
            return _elsewhere(module, table[near[0]])
    if near := get_close_matches(lower, NAMES, n=1, cutoff=0.85):
        return f": {NAMES[near[0]]}"
    return f". It has: {', '.join(public_names(module))}"


def _elsewhere(module: ModuleType, meant: str) -> str:
    if module.__name__ == "fastnn.metrics" and meant.startswith("fastnn.losses."):
        return f": {LOSS_AS_METRIC.format(meant)}"
    return f"; did you mean {meant}?"


def public_names(module: ModuleType) -> list[str]:
    """The names that users find in a module."""
    listed: list[str] | None = vars(module).get("__all__")
    if listed is not None:
        return listed
    own = ((n, v) for n, v in vars(module).items() if not n.startswith("_"))
    return [n for n, v in own if getattr(v, "__module__", None) == module.__name__ and callable(v)]
