"""The option --notebook: the notebook of a lab, with the settings of this run."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastnn.notebooks import Notebook

from . import options

# Options that do not change what is computed: where results go, and how fast they come.
_ASIDE = {"out", "overwrite", "notebook", "threads"}


def prepared(lab: Callable[..., None], settings: Mapping[str, Any], **values: Any) -> Notebook | None:
    """The notebook of a lab for these settings; None without --notebook.

    Args:
        lab: the lab's function `run`.
        settings: its options, by name.
        **values: settings that the notebook has in another form than the option.

    Raises:
        ValueError: if an option was given that the notebook does not have.
        ImportError: if packages are missing that notebooks need.
    """
    if not settings["notebook"]:
        return None
    notebook = Notebook(f"lab_{lab.__module__.rpartition('.')[2]}")
    known, usual = notebook.settings, inspect.signature(lab).parameters
    for name in settings.keys() - known.keys() - _ASIDE:
        if settings[name] != usual[name].default:
            raise ValueError(
                f"--{name.replace('_', '-')} does not go with --notebook: the notebook of this lab does without it"
            )
    taken = {name: value for name, value in settings.items() if name in known} | values
    if (data := taken.get("data")) is not None:
        if usual["data"].annotation is options.Images and not data.is_dir():
            raise ValueError(f"--notebook reads images from a folder, but --data is {data}; leave out one of the two")
        taken["data"] = str(Path(data).resolve())  # the notebook runs in another folder
    notebook.change(**taken)
    return notebook
