"""The notebooks of `examples/`: which there are."""

from pathlib import Path

# Installed inside the package; in a source tree next to it.
_INSTALLED = Path(__file__).parent / "examples"
FOLDER = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent / "examples"


def names() -> list[str]:
    """The names of the notebooks, in alphabetical order.

    >>> "__init__" in fastnn.notebooks.names()
    False
    """
    return sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
