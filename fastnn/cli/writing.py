"""Writes the notebooks as .ipynb files: `fastnn notebooks`."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .. import checks, notebooks


def print_list() -> None:
    """Print the name and the title of each notebook."""
    names = notebooks.names()
    for name in names:
        print(f"{name:<{max(map(len, names))}}  {notebooks.title(name)}")


def write_notebooks(names: Sequence[str], out: Path, run: bool, overwrite: bool, limit: float) -> bool:
    """Write notebooks into a folder, with their outputs if they are run. One that fails does not stop the others.

    Args:
        names: which; none of them means all.
        out: the folder; it is made if necessary.
        run: whether to run them.
        overwrite: whether files may be replaced.
        limit: the seconds that each may take.

    Returns:
        Whether all of them ran.

    Raises:
        ImportError: if packages are missing that notebooks need.
        ValueError: for an unknown name or a limit that is not above 0, or if a file exists and `overwrite` is not set.
        OSError: if a file cannot be written.
    """
    checks.positive(limit, "--limit")
    chosen = [notebooks.Notebook(name) for name in dict.fromkeys(names or notebooks.names())]
    paths = {notebook.name: out / f"{notebook.name}.ipynb" for notebook in chosen}
    there = next((path for path in paths.values() if path.exists()), None)
    if there is not None and not overwrite:
        raise ValueError(f"{there} exists; choose another folder with --out, or pass --overwrite")
    out.mkdir(parents=True, exist_ok=True)
    all_ran = True
    for notebook in chosen:
        began = time.perf_counter()
        try:
            if run:
                notebook.run(limit)
        except notebooks.NotebookError as error:
            print(f"error: {notebook.name}: {error}", file=sys.stderr, flush=True)
            all_ran = False
            continue
        notebook.write(paths[notebook.name])
        took = f", {time.perf_counter() - began:.1f} s" if run else ""
        print(f"{notebook.name}: {paths[notebook.name]}{took}", flush=True)
    return all_ran
