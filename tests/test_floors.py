"""The floors of the package: which modules may import which. `pyproject.toml` has the contracts for `fastnn`."""

import ast
from graphlib import TopologicalSorter

from .subprocesses import ROOT, run_python

KERNELS = ROOT / "kernels"


def test_imports_go_down_only():
    """In a separate process, because the linter changes the working folder and Python's path."""
    ran = run_python(["-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"], check=False)
    assert ran.returncode == 0, ran.stdout
    assert "Contracts: 2 kept, 0 broken." in ran.stdout


def imported(path):
    """The kernel modules that a file imports, and other modules of fastnn by longer names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.startswith("fastnn")}
        elif isinstance(node, ast.ImportFrom) and node.level == 1:
            names |= {node.module} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.level or node.module.startswith("fastnn")):
            names.add(f"{'.' * node.level}{node.module}")
    return names


def test_kernels_import_each_other_without_circles_and_nothing_else_of_fastnn():
    graph = {path.stem: imported(path) for path in KERNELS.glob("*.py")}
    assert set().union(*graph.values()) <= graph.keys()
    assert len([*TopologicalSorter(graph).static_order()]) == len(graph)  # raises CycleError for a circle
