"""The notebooks as text: format, layout and settings, as `examples/__init__.py` describes them."""

import ast
import re

import jupytext
import nbformat
import pytest

from fastnn import labs, notebooks

from ..subprocesses import ROOT

NAMES = notebooks.names()
INSTALL = re.compile(
    r"# Notebook services start without fastnn: install it where it is missing\.\n"
    r"import importlib\.util\nimport subprocess\nimport sys\n\n"
    r'if importlib\.util\.find_spec\("fastnn"\) is None( or importlib\.util\.find_spec\("\w+"\) is None)*:\n'
    r'    subprocess\.run\(\[sys\.executable, "-m", "pip", "install", "--quiet", "fastnn-numba(\[\w+\])?"\], '
    r"check=True\)"
)


def code_cells(node):
    return [cell for cell in node.cells if cell.cell_type == "code"]


def test_they_stand_next_to_the_package_and_nothing_else_does():
    assert notebooks.FOLDER == ROOT / "examples"
    files = {path.name for path in notebooks.FOLDER.iterdir() if path.name != "__pycache__"}
    assert files == {"__init__.py", *(f"{name}.py" for name in NAMES)}  # no .ipynb, no outputs


def test_every_lab_has_one():
    assert {f"lab_{name.replace('-', '_')}" for name in labs.COMMANDS} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_jupytext_reads_and_writes_the_same_text(name):
    text = (notebooks.FOLDER / f"{name}.py").read_text(encoding="utf-8")
    node = jupytext.reads(text, fmt="py:percent")
    assert len(node.cells) > 5
    assert jupytext.writes(node, fmt="py:percent") == text


@pytest.mark.parametrize("name", NAMES)
def test_layout(name):
    node = notebooks.Notebook(name).node
    text = (notebooks.FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert text.startswith("# %% [markdown]\n# # ")
    assert INSTALL.fullmatch(code_cells(node)[0].source), code_cells(node)[0].source
    headings = re.findall(r"^# (#+ .+)$", text, re.MULTILINE)
    assert [heading for heading in headings if heading.startswith("# ")] == [f"# {notebooks.title(name)}"]
    assert headings[-2:] == ["## Discussion", "## Exercises"]
    tagged = [cell for cell in node.cells if cell.metadata.get("tags")]
    assert len(tagged) <= 1
    assert all(cell.metadata["tags"] == ["parameters"] for cell in tagged)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_literals(name):
    notebook = notebooks.Notebook(name)
    for setting, value in notebook.settings.items():
        notebook.change(**{setting: value})
        assert notebook.settings[setting] == value
    if name.startswith("lab_"):
        assert notebook.settings["seed"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_valid_notebook_without_outputs(name, tmp_path):
    notebook = notebooks.Notebook(name)
    notebook.write(tmp_path / "a.ipynb")
    notebooks.Notebook(name).write(tmp_path / "b.ipynb")
    assert (tmp_path / "a.ipynb").read_bytes() == (tmp_path / "b.ipynb").read_bytes()
    node = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    nbformat.validate(node)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code_cells(node))
    assert node.metadata.kernelspec.name == "python3"
    hidden = [cell for cell in code_cells(node) if cell.metadata.get("jupyter") == {"source_hidden": True}]
    assert len(hidden) <= 1  # that of the discussion
    assert all("Markdown(" in cell.source for cell in hidden)
    if name.startswith("lab_"):
        assert len(hidden) == 1


@pytest.mark.parametrize("name", NAMES)
def test_it_uses_only_what_is_public(name):
    """What a reader copies must not depend on what may change."""
    for cell in code_cells(notebooks.Notebook(name).node):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("fastnn"):
                assert not re.search(r"labs|engine|kernels|cli|\._", node.module)
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_") or node.attr.endswith("__")


def test_a_title_of_its_own_for_each():
    assert len({notebooks.title(name) for name in NAMES}) == len(NAMES)
