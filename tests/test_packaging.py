"""What is packed: everything that stands in the source tree goes into a source distribution."""

import tomllib

from .subprocesses import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Made by tools, and not part of the source.
NOT_SOURCE = {"build", "dist", "runs", "htmlcov", "__pycache__"}


def manifest():
    """{command: its arguments} of MANIFEST.in."""
    commands = {}
    for line in (ROOT / "MANIFEST.in").read_text().splitlines():
        if line and not line.startswith("#"):
            command, *arguments = line.split()
            commands.setdefault(command, set()).update(arguments)
    return commands


def test_every_folder_and_every_text_is_in_the_source_distribution():
    """setuptools itself adds the packages, README.md, LICENSE and pyproject.toml."""
    commands = manifest()
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    folders -= NOT_SOURCE | {name for name in folders if name.endswith(".egg-info")}
    assert folders == {"fastnn", "kernels"} | (commands["graft"] - {".ci"})
    assert {path.name for path in ROOT.glob("*.md")} == {"README.md"} | commands["include"]


def test_every_package_is_installed():
    packages = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "fastnn").rglob("__init__.py")}
    packages |= {"fastnn.examples", "fastnn.kernels"}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages


def test_the_description_names_what_there_is():
    assert "convolutional" in PROJECT["project"]["description"]
