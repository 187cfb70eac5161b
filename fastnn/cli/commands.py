"""The command `fastnn`. Errors of the user are reported in one line on stderr, with exit status 2."""

import functools
import inspect
import platform
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import fastnn

from .. import _command, datasets, labs, playground

# ClickException, which is a class of Typer in some versions and of Click in others.
_OPTION_ERROR: Any = typer.BadParameter.__mro__[2]


class _OneLineErrors(TyperGroup):
    """Reports errors of the user in one line, for the command and for tests that call it in-process."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run the command and exit with its status."""
        settings["standalone_mode"] = False  # raise errors instead of printing them
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *rest: print(f"warning: {message}", file=sys.stderr)
            try:
                status = super().main(*args, **settings)
            except (_OPTION_ERROR, ValueError, OSError, MemoryError, ImportError) as error:
                print(f"error: {_one_line(error)}", file=sys.stderr)
                status = 2
            except (typer.Abort, KeyboardInterrupt):
                status = _command.INTERRUPTED
        sys.exit(status)

    def invoke(self, ctx: Any) -> Any:
        """Run a subcommand; Ctrl-C is reported in one word, which Typer would not say."""
        try:
            _command.started()
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise typer.Exit(_command.INTERRUPTED) from None


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    if not isinstance(error, _OPTION_ERROR):
        return " ".join(str(error).split()) or type(error).__name__
    context = getattr(error, "ctx", None)
    command = "fastnn" if context is None else context.command_path
    return f"{' '.join(error.format_message().split())} (see {command} --help)"


app = typer.Typer(
    cls=_OneLineErrors,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train neural networks on a CPU, fast. Start with: fastnn train",
)


def main() -> None:
    """The entry point of the command."""
    try:
        app(prog_name="fastnn")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done or said; Python itself takes a moment to end


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


def _train() -> Callable[..., None]:
    """The lab `mnist`, with another default folder."""

    @functools.wraps(labs.mnist.run)
    def train(**options: Any) -> None:
        labs.mnist.run(**options)

    signature = inspect.signature(labs.mnist.run)
    own = {"out": Path("runs/train")}
    parameters = [p.replace(default=own.get(name, p.default)) for name, p in signature.parameters.items()]
    train.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return train


app.command("train")(_train())

lab = typer.Typer(
    help="Run one of the labs: course assignments on neural networks. Each writes its figures, history.csv, "
    "metrics.json and the model into a folder.",
)
app.add_typer(lab, name="lab")


@lab.callback(invoke_without_command=True)
def _lab(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


for _name, _run in labs.COMMANDS.items():
    lab.command(_name)(_run)


@app.command()
def notebooks(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which ones; --list shows them.", show_default="all")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the .ipynb files.")] = Path("notebooks"),
    only_list: Annotated[bool, typer.Option("--list", help="Show the names and titles, and do nothing else.")] = False,
    no_run: Annotated[bool, typer.Option("--no-run", help="Write them without running them.")] = False,
    limit: Annotated[float, typer.Option(help="Seconds that each may take.")] = 600,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Run the notebooks that come with fastnn, and write them as .ipynb files with their results."""
    from .writing import print_list, write_notebooks

    if only_list:
        print_list()
    elif not write_notebooks(names or [], out, not no_run, overwrite, limit):
        raise typer.Exit(1)


@app.command()
def convert(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="IMAGES LABELS FILE.csv, or FILE.csv IMAGES LABELS, or two folders (mnist: the shipped files).",
            show_default=False,
        ),
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace targets that exist.")] = False,
) -> None:
    """Convert idx files, plain or gzip, to CSV (one line per image: label, pixels) and back."""
    datasets.conversion.convert(*files, overwrite=overwrite)


@app.command("compile")
def compile_ahead(
    float64: Annotated[bool, typer.Option("--float64", help="Also for models with dtype='float64'.")] = False,
) -> None:
    """Compile the kernels of all layers, losses, metrics and optimizers ahead, as for a container image.

    The first use of a model compiles only its own, which takes some seconds. Set FASTNN_CACHE_DIR to a folder of the
    image that belongs to the user who will run it. The kernels are for processors like this one.
    """
    from .ahead import compile_with_progress

    compile_with_progress(["float32", *(["float64"] if float64 else [])])


@app.command()
def play(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port; one in use takes the next free one.")] = 8080,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Open the playground: networks learn before your eyes, on a page that only this machine sees.

    Choose points and a network, train it live or step by step with every number shown, and draw digits for trained
    networks. Ctrl-C ends it. It needs NiceGUI: install fastnn-numba with the extra "play".
    """
    try:
        playground.play(port, browser)
    except ImportError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


# ---------------------------------------------------------------------------------------------------------------------
# fastnn info


@app.command()
def info() -> None:
    """Show versions, settings, and the speed of this machine."""
    import llvmlite
    import numba
    import numpy as np

    from ..engine import peak as measure
    from ..engine.entries import kernels_are_cached
    from ..kernels import jit, processor
    from ..kernels.cache import CACHE_FOLDER

    lanes = processor.SIMD_BYTES // 4
    width = f"{lanes} float32 lanes, {processor.SIMD_BYTES} bytes, {'with' if processor.HAS_FMA else 'without'} FMA"
    cache = "none: every process compiles the kernels again"
    if CACHE_FOLDER is not None:
        cache = f"{CACHE_FOLDER} ({'warm' if kernels_are_cached() else 'cold: the first use compiles'})"
    _show("fastnn", fastnn.__version__)
    _show("Python", platform.python_version())
    _show("NumPy", np.__version__)
    _show("Numba", numba.__version__)
    _show("llvmlite", llvmlite.__version__)
    _show("threads", str(fastnn.get_num_threads()))
    _show("SIMD width", width)
    _show("kernel cache", cache)
    if not jit.JIT_ENABLED:
        _show("measured", "nothing: NUMBA_DISABLE_JIT is set, kernels run as plain Python")
        return
    _show("measured", f"float32, {measure.ROWS}x{measure.INPUTS}x{measure.OUTPUTS}")
    for n in sorted({1, fastnn.get_num_threads()}):
        peak, tile = measure.peak_and_tile(n)
        share = f"{100 * tile / peak:.0f} %" if measure.is_possible(peak, tile) else "other programs disturb: try again"
        text = f"peak {peak:.0f} GFLOP/s, tile {tile:.0f} GFLOP/s ({share})"
        _show(f"  {n} thread{'s' if n > 1 else ''}", text)


def _show(name: str, value: str) -> None:
    print(f"{name:<17}{value}", flush=True)
