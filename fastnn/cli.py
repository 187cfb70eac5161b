"""The command `fastnn`. What a user gets wrong ends in one line on stderr and exit status 2."""

import math
import os
import platform
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import fastnn

from . import checks, datasets, layers, optimizers

# ClickException, which is Typer's own class in some versions and Click's in others.
_OPTION_ERROR: Any = typer.BadParameter.__mro__[2]
_INTERRUPTED = 130  # the exit status of a command ended by Ctrl-C: 128 + SIGINT


class _OneLineErrors(TyperGroup):
    """Reports mistakes of the user in one line, for the command and for the tests that call it in-process."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run the command and exit with its status."""
        settings["standalone_mode"] = False  # raises its errors instead of drawing them
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *rest: print(f"warning: {message}", file=sys.stderr)
            try:
                status = super().main(*args, **settings)
            except (_OPTION_ERROR, ValueError, OSError, MemoryError) as error:
                print(f"error: {_one_line(error)}", file=sys.stderr)
                status = 2
            except (typer.Abort, KeyboardInterrupt):
                status = _INTERRUPTED
        sys.exit(status)


def _one_line(error: Exception) -> str:
    if not isinstance(error, _OPTION_ERROR):
        return " ".join(str(error).split()) or type(error).__name__
    context = getattr(error, "ctx", None)
    command = "fastnn" if context is None else context.command_path
    return f"{' '.join(error.format_message().split())} (see {command} --help)"


app = typer.Typer(
    cls=_OneLineErrors,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train dense networks on a CPU, fast. Start with: fastnn train",
)


def main() -> None:
    """The entry point of the command."""
    app(prog_name="fastnn")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"fastnn {fastnn.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _fastnn(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


# ---------------------------------------------------------------------------------------------------------------------
# fastnn train

# name: (the default learning rate, the optimizer for a rate)
_OPTIMIZERS: dict[str, tuple[float, Any]] = {
    "sgd": (0.5, optimizers.SGD),
    "momentum": (0.1, lambda rate: optimizers.SGD(rate, momentum=0.9)),
    "nesterov": (0.1, lambda rate: optimizers.SGD(rate, momentum=0.9, nesterov=True)),
    "adagrad": (0.05, optimizers.Adagrad),
    "rmsprop": (0.001, optimizers.RMSprop),
    "adam": (0.001, optimizers.Adam),
    "adamw": (0.001, optimizers.AdamW),
}
_ACTIVATIONS = ("relu", "leaky_relu", "sigmoid", "tanh", "linear")


@app.command()
def train(
    data: Annotated[
        Path | None, typer.Option(help="Folder with the four idx files of MNIST.", show_default="the shipped ones")
    ] = None,
    hidden: Annotated[str, typer.Option(help='Units of the hidden layers, such as 204,202; or "none".')] = "256",
    activation: Annotated[str, typer.Option(help=f"Of the hidden layers: {', '.join(_ACTIVATIONS)}.")] = "relu",
    optimizer: Annotated[str, typer.Option(help=f"{', '.join(_OPTIMIZERS)}.")] = "momentum",
    learning_rate: Annotated[
        float | None, typer.Option(help="Size of a step.", show_default="by optimizer; momentum: 0.1")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 128,
    epochs: Annotated[int, typer.Option(help="Passes through the training images.")] = 15,
    validation: Annotated[float, typer.Option(help="Share of the images set aside for validation.")] = 0.1,
    seed: Annotated[int, typer.Option(help="The same seed, the same result.")] = 1,
    threads: Annotated[int | None, typer.Option(help="Does not change the result.", show_default="all cores")] = None,
    out: Annotated[Path, typer.Option(help="Folder for curves.png.")] = Path("runs/train"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run left there.")] = False,
) -> None:
    """Train a network on MNIST and draw its learning curves."""
    began = time.perf_counter()
    units = _units(hidden)
    checks.nearest(activation, _ACTIVATIONS, "--activation")
    usual_rate, make_optimizer = _OPTIMIZERS[checks.nearest(optimizer, _OPTIMIZERS, "--optimizer")]
    rate = checks.number(usual_rate if learning_rate is None else learning_rate, "--learning-rate", 0)
    checks.positive_integer(batch_size, "--batch-size")
    checks.positive_integer(epochs, "--epochs")
    checks.number(validation, "--validation", 0, 1, open_high=True)
    if threads is not None:
        fastnn.set_num_threads(checks.positive_integer(threads, "--threads"))
    fastnn.utils.set_random_seed(seed)
    (x, y), (x_test, y_test) = datasets.mnist.load_data(data)
    _prepare(out, overwrite)

    classes = int(max(y.max(), y_test.max())) + 1
    model = fastnn.Sequential([fastnn.Input(x.shape[1:]), layers.Flatten(), layers.Rescaling(1 / 255)])
    for n in units:
        model.add(layers.Dense(n, activation=activation))
    model.add(layers.Dense(classes, activation="softmax"))
    model.compile(make_optimizer(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])

    sizes = "-".join(map(str, (x[0].size, *units, classes)))
    functions = f"{activation}, softmax" if units else "softmax"
    print(f"{sizes} ({functions}), {model.count_params():,} parameters")
    print(f"{optimizer}, learning rate {rate:g}, {fastnn.get_num_threads()} threads", flush=True)
    interrupted = False
    stop_at_nan = fastnn.callbacks.TerminateOnNaN()
    try:
        model.fit(x, y, batch_size=batch_size, epochs=epochs, validation_split=validation, callbacks=[stop_at_nan])
    except KeyboardInterrupt:
        interrupted = True
    finished = 0 if model.history is None else len(model.history.epoch)
    if interrupted:
        print(f"interrupted: {finished} of {epochs} epochs are finished", flush=True)
        if finished == 0:
            raise typer.Exit(_INTERRUPTED)

    test_loss, _ = model.evaluate(x_test, y_test)
    assert model.history is not None
    _save(fastnn.plots.learning_curves(model.history), out / "curves.png")
    print(f"learning curves: {out / 'curves.png'}")
    print(f"{time.perf_counter() - began:.1f} s")
    if interrupted:
        raise typer.Exit(_INTERRUPTED)
    if not math.isfinite(test_loss):
        raise typer.Exit(1)


def _units(hidden: str) -> list[int]:
    """The hidden layers' units from "256", "204,202" or "none"."""
    if hidden.strip().lower() in ("none", ""):
        return []
    try:
        return [checks.positive_integer(int(part), "units") for part in hidden.split(",")]
    except ValueError:
        raise ValueError(f'--hidden must be units such as 256 or 204,202, or "none", received {hidden!r}') from None


def _prepare(folder: Path, overwrite: bool) -> None:
    """Make the folder and see that it can be written, before anybody waits for a result that has no place."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not overwrite:
            raise ValueError(f"{folder} is not empty; choose another folder with --out, or pass --overwrite")
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(f"cannot write into {folder} ({error.strerror}); choose another folder with --out") from error


def _save(figure: Any, path: Path) -> None:
    """Write the picture under another name first: nobody ever sees half of it, nor loses the old one to a full disk."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(unfinished, format="png", dpi=150)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


# ---------------------------------------------------------------------------------------------------------------------
# fastnn info


@app.command()
def info() -> None:
    """Show versions, settings, and what this machine can compute."""
    import llvmlite
    import numba
    import numpy as np

    from . import measure
    from .kernels import jit
    from .program import kernels_are_cached

    lanes = jit.SIMD_BYTES // 4
    width = f"{lanes} float32 lanes, {jit.SIMD_BYTES} bytes, {'with' if jit.HAS_FMA else 'without'} FMA"
    cache = "none: every process compiles anew"
    if jit.CACHE_FOLDER is not None:
        cache = f"{jit.CACHE_FOLDER} ({'warm' if kernels_are_cached() else 'cold: the first use compiles'})"
    _show("fastnn", fastnn.__version__)
    _show("Python", platform.python_version())
    _show("NumPy", np.__version__)
    _show("Numba", numba.__version__)
    _show("llvmlite", llvmlite.__version__)
    _show("threads", str(fastnn.get_num_threads()))
    _show("threading layer", _threading_layer())
    _show("SIMD width", width)
    _show("kernel cache", cache)
    if not jit.JIT_ENABLED:
        _show("measured", "nothing: NUMBA_DISABLE_JIT is set, kernels run as plain Python")
        return
    _show("measured", f"float32, {measure.ROWS}x{measure.INPUTS}x{measure.OUTPUTS}")
    for n in sorted({1, fastnn.get_num_threads()}):
        peak, tile = measure.peak_and_tile(n)
        text = f"peak {peak:.0f} GFLOP/s, tile {tile:.0f} GFLOP/s ({100 * tile / peak:.0f} %)"
        _show(f"  {n} thread{'s' if n > 1 else ''}", text)


def _threading_layer() -> str:
    """Numba chooses it when the first shared kernel is loaded, which is quick if it is compiled already."""
    from . import threads
    from .program import kernels_are_cached

    if not kernels_are_cached():
        return "chosen at the first use"
    fastnn.Sequential([fastnn.Input((1,)), layers.Dense(1)]).predict([[0.0]])
    return threads.threading_layer()


def _show(name: str, value: str) -> None:
    print(f"{name:<17}{value}", flush=True)
