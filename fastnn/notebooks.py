"""The notebooks of `examples/`: gives them settings, runs them, and writes them as .ipynb files.

jupytext, nbclient and ipykernel come with `pip install "fastnn-numba[notebook]"` and are imported on first use.
"""

import ast
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import checks
from .engine.threads import get_num_threads
from .files import written_whole

# Installed inside the package; in a source tree next to it.
_INSTALLED = Path(__file__).parent / "examples"
FOLDER = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent / "examples"
_SECONDS_TO_START = 300  # on a machine that is busy
SETTINGS = "parameters"  # the tag of the cell with the settings, as other tools for notebooks have it


class NotebookError(Exception):
    """A notebook did not run to its end: which cell, and why, in one line."""


def names() -> list[str]:
    """The names of the notebooks, in alphabetical order.

    >>> "lab_mnist" in fastnn.notebooks.names(), "__init__" in fastnn.notebooks.names()
    (True, False)
    """
    return sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))


def title(name: str) -> str:
    """The title of a notebook, its first heading.

    Args:
        name: one of `names()`.

    Raises:
        ValueError: for an unknown name; suggests the nearest one.

    >>> fastnn.notebooks.title("lab_backprop")
    'Backpropagation: two hidden layers on linear and XOR data'
    """
    heading = "# # "
    lines = _source(name).read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix(heading) for line in lines if line.startswith(heading))


def require_tools() -> None:
    """Import what reads and runs notebooks.

    Raises:
        ImportError: if something of it is missing, with the command that installs it.

    >>> fastnn.notebooks.require_tools()
    """
    try:
        import ipykernel.kernelspec  # noqa: F401
        import jupytext  # noqa: F401
        import nbclient  # noqa: F401
    except ImportError as error:
        raise ImportError(f'notebooks need more packages: pip install "fastnn-numba[notebook]" ({error})') from error


class Notebook:
    """A notebook of `examples/`, to be run and written.

    Args:
        name: one of `names()`.

    Raises:
        ImportError: if jupytext, nbclient or ipykernel is missing.
        ValueError: if there is no notebook of that name.

    Attributes:
        name: its name.
        node: the notebook as nbformat has it: `node.cells`, each with its `source` and `outputs`.

    >>> notebook = fastnn.notebooks.Notebook("lab_backprop")
    >>> notebook.settings["hidden"]
    [4, 4]
    >>> notebook.change(hidden=[8])
    >>> notebook.settings["hidden"]
    [8]
    """

    def __init__(self, name: str):
        path = _source(name)
        require_tools()
        import jupytext

        self.name = name
        self.node: Any = jupytext.read(path, fmt="py:percent")
        self.node.metadata = {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python", "file_extension": ".py", "pygments_lexer": "ipython3"},
        }
        for number, cell in enumerate(self.node.cells):
            cell.id = f"cell-{number}"  # else they are random, and no two files the same
            if cell.cell_type == "code" and self.node.cells[number - 1].source == "## Discussion":
                cell.metadata["jupyter"] = {"source_hidden": True}  # code that only puts numbers into sentences

    @property
    def settings(self) -> dict[str, Any]:
        """The names and values in the cell with the tag "parameters"; none without such a cell."""
        cell = self._settings_cell()
        return {} if cell is None else {name: ast.literal_eval(value) for name, value in _assignments(cell.source)}

    def change(self, **values: Any) -> None:
        """Write other values into the cell with the settings.

        Args:
            **values: plain numbers, strings, None, and lists, tuples and dicts of them.

        Raises:
            ValueError: if the notebook has no such setting.
            TypeError: if a value is nothing that can be written as a literal.
        """
        cell = self._settings_cell()
        for name, value in values.items():
            checks.nearest(name, self.settings, f"setting of {self.name}")
            try:
                ast.literal_eval(repr(value))
            except (ValueError, SyntaxError):
                raise TypeError(f"{name} must be made of plain numbers and strings, received {value!r}") from None
            cell.source = _replaced(cell.source, name, repr(value))

    def run(self, seconds: float | None = None) -> None:
        """Run all cells in a process and an empty folder of their own; their outputs are put into the notebook.

        The process is this Python with as many threads as this one uses. It is gone afterwards, also after Ctrl-C.

        Args:
            seconds: for all cells together; None: as long as they take.

        Raises:
            NotebookError: if a cell fails, takes too long or ends the process.
        """
        import asyncio

        with tempfile.TemporaryDirectory(prefix="fastnn-", ignore_cleanup_errors=True) as folder:
            asyncio.run(self._run(Path(folder), seconds))

    def write(self, path: Path) -> None:
        """Write the notebook as .ipynb, completely or not at all.

        Args:
            path: the file.

        Raises:
            OSError: if it cannot be written.
        """
        import nbformat

        with written_whole(path) as unfinished:
            unfinished.write_text(nbformat.writes(self.node) + "\n", encoding="utf-8")

    async def _run(self, folder: Path, seconds: float | None) -> None:
        from nbclient import NotebookClient

        empty = folder / "work"
        empty.mkdir()
        client = NotebookClient(
            self.node, km=_process_manager(folder), startup_timeout=_SECONDS_TO_START, record_timing=False
        )
        try:
            try:
                await client.async_start_new_kernel(cwd=str(empty), env=_environment(folder))
                await client.async_start_new_kernel_client()
            except RuntimeError as error:
                raise NotebookError(f"its Python process does not start: {error}") from None
            if seconds is not None:
                ends = time.monotonic() + seconds
                client.timeout_func = lambda cell: max(0.1, ends - time.monotonic())  # 0 would be no limit
            for index, cell in enumerate(self.node.cells):
                count = client.code_cells_executed + 1
                with _named(f"cell {count} ({cell.source.partition(chr(10))[0]})", seconds):
                    await client.async_execute_cell(cell, index, execution_count=count)
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            if client.km is not None:
                await client.km.shutdown_kernel(now=True)

    def _settings_cell(self) -> Any:
        return next((cell for cell in self.node.cells if SETTINGS in cell.metadata.get("tags", [])), None)


def _source(name: str) -> Path:
    return FOLDER / f"{checks.nearest(name, names(), 'notebook')}.py"


def _process_manager(folder: Path) -> Any:
    """What starts this Python to run the cells, whatever Jupyter has been told about kernels on this machine."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    kernels = folder / "kernels"
    (kernels / "this").mkdir(parents=True)
    (kernels / "this" / "kernel.json").write_text(json.dumps(get_kernel_dict()), encoding="utf-8")
    # Files that nobody else can open, where there are any and their paths are not too long for sockets.
    transport = "ipc" if os.name == "posix" and len(os.fsencode(folder)) < 80 else "tcp"
    return AsyncKernelManager(
        transport=transport,
        kernel_name="this",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False),
        connection_file=str(folder / "connection.json"),
    )


def _environment(folder: Path) -> dict[str, str]:
    """The variables of the process that runs the cells: without the user's start-up files, and with this fastnn."""
    variables = {"IPYTHONDIR": str(folder / "ipython"), "OMP_NUM_THREADS": str(get_num_threads())}
    if not _INSTALLED.is_dir():  # a source tree, which that process would not find
        path = os.environ.get("PYTHONPATH")
        variables["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent.parent), *([path] if path else [])])
    return {**os.environ, **variables}


@contextlib.contextmanager
def _named(cell: str, seconds: float | None) -> Iterator[None]:
    """Errors of nbclient as a NotebookError in one line that names the cell."""
    import asyncio

    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    try:
        yield
    except CellExecutionError as error:
        what = error.evalue.strip().partition("\n")[0]
        raise NotebookError(f"{cell} failed: {error.ename}{what and f': {what}'}") from None
    except CellTimeoutError:
        raise NotebookError(f"it takes longer than {seconds:g} s; the limit was reached in {cell}") from None
    except DeadKernelError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # by Ctrl-C, which nbclient takes for the end of the process
            raise asyncio.CancelledError from None
        raise NotebookError(f"its Python process ended unexpectedly in {cell}") from None


def _assignments(source: str) -> list[tuple[str, ast.expr]]:
    """The name and the value of each line `name = value`."""
    found = []
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.append((name, value))
            case _:
                raise ValueError(f"settings must be lines 'name = literal', received {ast.unparse(statement)!r}")
    return found


def _replaced(source: str, name: str, text: str) -> str:
    """The source with another value for a name; comments stay."""
    value = dict(_assignments(source))[name]
    assert value.end_lineno is not None
    assert value.end_col_offset is not None
    lines = source.encode().splitlines(keepends=True)  # Python counts columns in bytes
    before = b"".join(lines[: value.lineno - 1]) + lines[value.lineno - 1][: value.col_offset]
    after = lines[value.end_lineno - 1][value.end_col_offset :] + b"".join(lines[value.end_lineno :])
    return (before + text.encode() + after).decode()
