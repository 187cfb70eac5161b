"""A model's programs: each is made when first needed, and again when the model has changed."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks import Logs
from ..engine.eager import EagerProgram
from ..engine.program import FEW, Program
from ..engine.run import Run, Runner, Samples
from ..engine.threads import get_num_threads
from ..engine.update import penalized
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


def trainer(model: "Sequential", rows: int, samples: Samples, optimizer: "Optimizer") -> Runner:
    """The program that trains on batches of at most `rows` samples; makes the optimizer's slots."""
    parameters, trained = [], list[Any]()
    for layer in model._layers:
        trained.append(layer.trainable)
        for p in layer.parameters:
            parameters.append(p)
            trained += p.trainable, p.regularizer, p.constraint
    optimizer.build(parameters)
    return _program(model, "train", rows, samples.pixels, parameters, [*trained, optimizer.update_key], optimizer)


def evaluate(model: "Sequential", samples: Samples) -> Logs:
    """Loss and metrics of checked samples."""
    penalties = [(p, p.regularizer) for p in penalized(model._layers)]
    runner = _program(model, "evaluate", _ROWS_EVALUATED, samples.pixels, model.parameters, penalties)
    run = Run(samples, _ROWS_EVALUATED, np.zeros((1, runner.values)))
    run.not_finite = 1  # a loss that is not finite is a result here, not a reason to stop
    while not run.finished:
        runner.run(run)
    return named_logs(model, run.log[0] / len(samples))


def predict(model: "Sequential", samples: Samples) -> np.ndarray:
    """The outputs for checked samples."""
    rows = _ROWS_A_THREAD * min(get_num_threads(), _MOST_SHARES)
    runner = _program(model, "predict", rows, samples.pixels, model.parameters)
    if len(samples) <= FEW and isinstance(runner, Program):
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
    pixels: bool,
    parameters: "list[Parameter]",
    trained: object = None,
    optimizer: "Optimizer | None" = None,
) -> Runner:
    """The program of this kind: the last one if it was made for the same arguments, or a new one."""
    key = (rows, pixels, parameters, trained)
    if kind in model._programs and model._programs[kind][0] == key:
        known: Runner = model._programs[kind][1]
        return known
    layers, training = model.layers, kind == "train"
    loss, metrics = (None, []) if kind == "predict" else (model._require_compiled(), model.metrics)
    program: Runner
    if all(layer.compiled for layer in layers) and (
        loss is None or (loss.compiled and all(metric.compiled for metric in metrics))
    ):
        program = Program(layers, rows, model._sample_shape, pixels, training, loss, metrics, optimizer)
    else:
        program = EagerProgram(layers, model._sample_shape, training, loss, metrics)
    model._programs[kind] = (key, program)
    return program
