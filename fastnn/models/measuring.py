"""Measures where the time of a step goes: what `Sequential.profile` does."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..engine import peak, threads
from ..engine.profiling import Counted, Numbers, TimedProgram
from ..engine.program import FEW
from ..engine.run import Run, Samples
from ..kernels import instructions
from ..kernels.clock import HAS_COUNTER
from ..kernels.jit import JIT_ENABLED
from ..markup import printable
from . import programs
from .data import prepare_fit
from .profile import Profile, ProfileRow
from .restoring import restored

if TYPE_CHECKING:
    from .sequential import Sequential

_SECONDS = 0.5  # how long the steps shall take that are measured
_FEWEST, _MOST = 5, 2000  # steps, unless the user says how many
_MOST_ASKED = 100_000  # each needs memory for its times

_TASKS = {
    instructions.FORWARD: "forward",
    instructions.TOTAL_FORWARD: "forward",
    instructions.BACKWARD: "backward",
    instructions.TOTAL_BACKWARD: "backward",
    instructions.PREPARE: "gradient",
    instructions.GRADIENT: "gradient",
    instructions.GRADIENT_OF_TOUCHED: "gradient",
    instructions.COPIES: "copy",
}
_UPDATES = {
    instructions.MEASURE: "penalties and norms",
    instructions.SUM_UP: "penalties and norms",
    instructions.DESCEND: "clip, decay, average",
    instructions.CONSTRAIN: "constraints",
}
# The order of rows: a layer's, and those that belong to no layer, before and after the layers.
_PHASES = ("forward", "backward", "gradient", "update", "copy")
_BEFORE = ("checks", "shuffle", "gather x", "gather y")
_AFTER = (
    "predictions", "loss", "metrics", *dict.fromkeys(_UPDATES.values()),
    "log", "interpreter", "waiting", "Python", "clock",
)  # fmt: skip


def profile(
    model: "Sequential", x: Any, y: Any, batch_size: int | None, steps: int | None, sample_weight: Any
) -> Profile:
    """What `Sequential.profile` returns."""
    steps = None if steps is None else checks.integer(steps, "steps", 1, _MOST_ASKED)
    kind = "predict" if y is None else "train"
    if not HAS_COUNTER:
        raise RuntimeError("profile reads the time-stamp counter of x86 and 64-bit Arm; this is another processor")
    with model._turns.lock:  # predictions in other threads wait, and never see what is trained here
        if kind == "predict":
            if sample_weight is not None:
                raise ValueError("sample_weight is for steps of training, which need y; received y=None")
            if batch_size is not None:
                checks.integer(batch_size, "batch_size")
            with model._unchanged_on_error():
                rows = model._prepare_x(x)
            _refuse_python(model, kind)
            return _of_predictions(model, x, Samples(rows), steps)
        with model._unchanged_on_error():  # the first time may build the model and load a kernel
            prepare_fit(model, x, y, batch_size, 0.0, None, None, sample_weight)
        began = time.perf_counter()
        samples, _, batch = prepare_fit(model, x, y, batch_size, 0.0, None, None, sample_weight)
        checking = time.perf_counter() - began
        _refuse_python(model, kind)
        with restored(model), np.errstate(all="ignore"):
            return _of_training(model, samples, batch, steps, checking)


def _refuse_python(model: "Sequential", kind: str) -> None:
    names = programs.written_in_python(model, kind)
    if names:
        raise ValueError(
            f"profile measures compiled kernels, but this model has parts that are written in Python and run layer by "
            f"layer: {', '.join(map(printable, names))}; Python's own profiler shows where its time goes, "
            "python -m cProfile -s cumtime FILE"
        )


def _of_training(model: "Sequential", samples: Samples, batch: int, steps: int | None, checking: float) -> Profile:
    optimizer = model.optimizer
    program = programs.timed(model, "train", batch, samples, optimizer)
    count, epoch = threads.threads_for(program.flops_for(samples) * batch), -(-len(samples) // batch)

    def trained(wanted: int) -> Run:
        epochs = max(1, round(wanted / epoch))
        run = Run(samples, batch, np.zeros((epochs, program.values)), optimizer, optimizer.iterations, seed=0)
        if wanted < epoch:  # samples from everywhere, as after the shuffle of an epoch
            run.shuffled, run.order = False, np.random.default_rng(0).permutation(len(samples))[: wanted * batch]
        program.begin(_steps_of(run), count)
        while not run.finished:
            program.run(run)
        return run

    trained(min(2, epoch))  # compiles, and fills the caches
    if steps is None:
        done = _steps_of(trained(min(_FEWEST, epoch)))
        steps = _enough(program.counted().seconds / done)
        steps = epoch if steps < epoch < 2 * steps else steps
    run = trained(steps)
    counted = program.counted(run if run.shuffled else None)
    rows = len(run.log) * len(run.order)
    return _made(program, counted, _steps_of(run), rows, batch, optimizer, checking)


def _steps_of(run: Run) -> int:
    """The steps of a whole run."""
    return len(run.log) * -(-len(run.order) // run.batch_size)


def _enough(seconds: float) -> int:
    """How many steps of so many seconds are measured if nobody says."""
    return max(_FEWEST, min(_MOST, int(_SECONDS / max(seconds, 1e-9))))


def _of_predictions(model: "Sequential", x: Any, samples: Samples, calls: int | None) -> Profile:
    batch = programs.prediction_rows()
    program = programs.timed(model, "predict", batch, samples, None)
    # As `Program.predict_few`, a few samples are predicted by one thread.
    few = len(samples) <= FEW and not samples.sparse
    count = 1 if few else threads.threads_for(program.flops_for(samples) * min(batch, len(samples)))
    in_a_call = -(-len(samples) // batch)

    def predicted(wanted: int) -> float:
        """The seconds of the checks."""
        program.begin(wanted * in_a_call, count)
        programs.predict_with(program, model, samples, batch)  # compiles or prepares
        program.restart()
        checking = 0.0
        for _ in range(wanted):
            began = time.perf_counter()
            checked = Samples(model._prepare_x(x))
            checking += time.perf_counter() - began
            programs.predict_with(program, model, checked, batch)
        return checking

    if calls is None:
        predicted(_FEWEST)
        calls = _enough(program.counted().seconds / _FEWEST)
    checking = predicted(calls)
    return _made(program, program.counted(), calls, calls * len(samples), len(samples), None, checking)


# ---------------------------------------------------------------------------------------------------------------------
# Rows from what was counted.


@dataclass
class _Sum:
    """What is added up for a row, over all steps."""

    seconds: Numbers
    flops: float = 0.0
    bytes: float = 0.0
    skipped: float = 0.0

    def add(self, seconds: Numbers, flops: float = 0.0, size: float = 0.0, skipped: float = 0.0) -> None:
        self.seconds = self.seconds + seconds
        self.flops, self.bytes, self.skipped = self.flops + flops, self.bytes + size, self.skipped + skipped


class _Sums(dict[tuple[str, str, str], _Sum]):
    """By layer, phase and operation."""

    def __init__(self, count: int):
        super().__init__()
        self._count = count

    def __missing__(self, key: tuple[str, str, str]) -> _Sum:
        self[key] = made = _Sum(np.zeros(self._count))
        return made


def _made(
    program: TimedProgram,
    counted: Counted,
    steps: int,
    samples: int,
    batch: int,
    optimizer: Any,
    checking: float,
) -> Profile:
    training, count = program.training, program.threads
    sums = _Sums(count)
    _add_operations(sums, program, counted, steps, samples)
    for number, parameter in enumerate(program.parameters):
        if optimizer is not None and counted.steps[:, number].any():
            slots = len(optimizer.slot_arrays([parameter])[0]) if optimizer.slot_count else 0
            size = (3 + 2 * slots) * parameter.value.nbytes  # reads and writes the weight, reads the gradient
            sums[_owner(program, number), "update", _shown(str(optimizer.step_kernel.__name__))].add(
                counted.steps[:, number], size=steps * size
            )
    for task, name in _UPDATES.items():
        if counted.updates[:, task].any():
            sums["", name, "update"].add(counted.updates[:, task])
    python = counted.python
    if not training:
        checking = min(checking, python)
        python -= checking
        sums["", "checks", ""].add(np.full(count, checking))
    for name, seconds in {
        "shuffle": counted.shuffling,
        "log": counted.between,
        "interpreter": counted.interpreter,
        "waiting": counted.waiting,
        "Python": python,
        "clock": counted.clocks,
    }.items():
        if np.any(seconds):
            sums["", name, ""].add(np.broadcast_to(seconds, count))
    highest = peak.peak(count, program.dtype) if JIT_ENABLED else None
    rows = [_row(key, own, steps, counted.seconds, highest) for key, own in sums.items()]
    places = {note.layer: place for place, note in reversed([*enumerate(program.notes)])}
    rows.sort(key=lambda row: _place(row, places))
    took, once = counted.seconds / steps, checking if training else checking / steps
    return Profile(tuple(rows), took, steps, batch, count, highest, training, once)


def _place(row: ProfileRow, layers: dict[str, int]) -> tuple[int, int]:
    """Where a row stands, from the places of the layers."""
    if row.layer:
        return layers[row.layer], _PHASES.index(row.phase)
    if row.phase in _BEFORE:
        return -1, _BEFORE.index(row.phase)
    return 1 + max(layers.values()), _AFTER.index(row.phase)


def _row(key: tuple[str, str, str], own: _Sum, steps: int, whole: float, highest: float | None) -> ProfileRow:
    seconds = float(own.seconds.mean())
    done = own.flops - 2 * own.skipped
    rate = done / seconds / 1e9 if own.flops and seconds else None
    return ProfileRow(
        *key,
        seconds=seconds / steps,
        share=seconds / whole,
        flops=done / steps,
        bytes=own.bytes / steps,
        skipped=2 * own.skipped / own.flops if own.flops else 0.0,
        gflops=rate,
        peak=rate / highest if rate is not None and highest else None,
        thread_seconds=tuple((own.seconds / steps).tolist()),
    )


def _add_operations(sums: _Sums, program: TimedProgram, counted: Counted, steps: int, samples: int) -> None:
    weights = [0] * len(program.notes)  # bytes of each instruction's
    trained = [False] * len(program.notes)
    for p in program.plan.parameters:
        if p["which"] >= 0:
            weights[p["instruction"]] += program.parameters[p["number"]].value.nbytes
            trained[p["instruction"]] |= bool(p["trained"])
    for place, (note, ins) in enumerate(zip(program.notes, program.plan.code, strict=True)):
        row = int(ins["inputs"] + ins["outputs"]) * program.dtype.itemsize
        for task, phase in _TASKS.items():
            seconds = counted.operations[:, place, task]
            if not seconds.any():
                continue
            products = {
                "forward": task == instructions.FORWARD,
                "backward": (task == instructions.BACKWARD) * (ins["gradient"] + (note.sums and trained[place])),
                "gradient": trained[place] and not note.sums,
            }
            flops = samples * note.flops * float(products.get(phase, 0))
            size = steps * 2 * weights[place] if phase == "copy" else samples * row + steps * weights[place]
            key = note.layer, phase if note.layer else _without_layer(note.operation), _shown(note.operation)
            if phase == "backward" and note.flops and not flops:
                key, size = ("", "interpreter", ""), 0  # the call does nothing: nobody needs the gradient of x
            sums[key].add(seconds, flops, size, float(counted.skipped[place, task]))


def _owner(program: TimedProgram, number: int) -> str:
    """The layer that a weight belongs to."""
    for p in program.plan.parameters:
        if p["number"] == number and p["which"] >= 0:
            return str(program.notes[p["instruction"]].layer)
    return ""


def _shown(operation: str) -> str:
    """The name of an operation without what all of its kind have in common."""
    return operation.removesuffix("_loss").removesuffix("_metric").removesuffix("_step")


def _without_layer(operation: str) -> str:
    """What an operation does that belongs to no layer."""
    if operation.endswith("_to_batch"):
        return "gather y" if operation.startswith(("labels", "targets")) else "gather x"
    if operation.endswith("_to_predictions"):
        return "predictions"
    return "metrics" if operation.endswith("_metric") else "loss"
