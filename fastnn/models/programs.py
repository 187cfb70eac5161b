"""A model's programs: each is made when first needed, and again when the model has changed."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks import Logs
from ..engine.eager import EagerProgram
from ..engine.parameters import trained_weights
from ..engine.profiling import TimedProgram
from ..engine.program import FEW, Program
from ..engine.run import Run, Runner, Samples
from ..engine.threads import get_num_threads
from ..engine.update import penalized
from ..losses import Loss
from ..metrics import Metric
from ..settings import changes, settings_of
from .logs import named_logs

if TYPE_CHECKING:
    from ..engine.parameters import Parameter
    from ..optimizers import Optimizer
    from .sequential import Sequential

# Rows of a prediction batch for each thread: few enough that their activations stay in the cache.
_ROWS_A_THREAD = 128
_MOST_SHARES = 64  # the most threads that a batch of predictions is sized for
# Rows of an evaluation batch, for any number of threads: sums over batches must not depend on that number.
_ROWS_EVALUATED = 256


@dataclass
class Made:
    """A program, and what it was made for.

    Attributes:
        key: all that is compared in every call.
        settings: what is compared if settings were changed since.
        changes: how many changes there were when they were compared last.
    """

    runner: Runner
    key: tuple[object, ...]
    settings: list[tuple[object, ...]]
    changes: int


def trainer(model: "Sequential", rows: int, samples: Samples, optimizer: "Optimizer") -> Runner:
    """The program that trains on batches of at most `rows` samples; makes the optimizer's slots."""
    parameters, trained = [], list[Any]()
    for layer in model._layers:
        trained.append(layer.trainable)
        for p in layer.parameters:
            parameters.append(p)
            trained += p.trainable, p.regularizer, p.constraint
            if p.regularizer is not None or p.constraint is not None:
                trained += settings_of(p.regularizer), settings_of(p.constraint)
    optimizer.build(parameters)
    known = model._programs.get("train")
    runner = _program(model, "train", rows, samples, parameters, [*trained, optimizer.update_key], optimizer)
    if model._programs["train"] is not known and parameters and not trained_weights(model._layers):
        warnings.warn(
            f"model {model.name} has no trainable weights, so training changes none: "
            "layer.trainable and model.trainable say what is trained",
            UserWarning,
            stacklevel=4,
        )
    return runner


def evaluate(model: "Sequential", samples: Samples) -> Logs:
    """Loss and metrics of checked samples."""
    penalties = [(p, p.regularizer, settings_of(p.regularizer)) for p in penalized(model._layers)]
    runner = _program(model, "evaluate", _ROWS_EVALUATED, samples, model.parameters, penalties)
    run = Run(samples, _ROWS_EVALUATED, np.zeros((1, runner.values)))
    run.not_finite = 1  # a loss that is not finite is a result here, not a reason to stop
    while not run.finished:
        runner.run(run)
    return named_logs(model, run.log[0] / len(samples))


def predict(model: "Sequential", samples: Samples) -> np.ndarray:
    """The outputs for checked samples."""
    rows = prediction_rows()
    return predict_with(_program(model, "predict", rows, samples, model.parameters), model, samples, rows)


def prediction_rows() -> int:
    """The rows of a batch of predictions."""
    return _ROWS_A_THREAD * min(get_num_threads(), _MOST_SHARES)


def predict_with(runner: Runner, model: "Sequential", samples: Samples, rows: int) -> np.ndarray:
    """The same by a given program."""
    if len(samples) <= FEW and isinstance(runner, Program) and not samples.sparse:
        return runner.predict_few(samples)
    predictions = np.empty((len(samples), *runner.output_shape), model.dtype)
    run = Run(samples, rows, np.zeros((1, 0)), predictions=predictions.reshape(len(samples), -1))
    while not run.finished:
        runner.run(run)
    return predictions


def _program(
    model: "Sequential",
    kind: str,
    rows: int,
    samples: Samples,
    parameters: "list[Parameter]",
    trained: object = None,
    optimizer: "Optimizer | None" = None,
) -> Runner:
    """The program of this kind: the last one if it was made for the same arguments and settings, or a new one."""
    pixels, sparse = samples.pixels, samples.sparse
    key, known = (rows, pixels, sparse, parameters, trained), model._programs.get(kind)
    count = changes.count  # before the settings, and these before the program: what is set meanwhile counts next time
    if known is not None and known.key == key and known.changes == count:
        return known.runner
    settings = _settings(model, kind)
    if known is not None and known.key == key and known.settings == settings:
        known.changes = count
        return known.runner
    loss, metrics = _measures(model, kind)
    program: Runner
    if not written_in_python(model, kind):
        training = kind == "train"
        program = Program(model.layers, rows, model._sample_shape, pixels, training, loss, metrics, optimizer, sparse)
    else:
        program = EagerProgram(model.layers, model._sample_shape, kind == "train", loss, metrics)
    model._programs[kind] = Made(program, key, settings, count)
    return program


def written_in_python(model: "Sequential", kind: str) -> list[str]:
    """The names of what such a program would compute in Python, layer by layer, because it has no kernel."""
    loss, metrics = _measures(model, kind)
    parts: list[Any] = [*model.layers, *([] if loss is None else [loss]), *metrics]
    return [getattr(part, "name", type(part).__name__) for part in parts if not part.compiled]


def timed(model: "Sequential", kind: str, rows: int, samples: Samples, optimizer: "Optimizer | None") -> TimedProgram:
    """A program of this kind with clocks in it; it is not kept."""
    loss, metrics = _measures(model, kind)
    pixels, sparse, training = samples.pixels, samples.sparse, kind == "train"
    return TimedProgram(model.layers, rows, model._sample_shape, pixels, training, loss, metrics, optimizer, sparse)


def _measures(model: "Sequential", kind: str) -> tuple[Loss | None, list[Metric]]:
    """The loss and the metrics that a program of this kind computes."""
    return (None, []) if kind == "predict" else (model._require_compiled(), model.metrics)


def _settings(model: "Sequential", kind: str) -> list[tuple[object, ...]]:
    """All that such a program depends on and that can be set."""
    loss, metrics = _measures(model, kind)
    return [*(layer.settings() for layer in model._layers), settings_of(loss), *map(settings_of, metrics)]
