"""Breaks the code in some fifty places, one at a time, and shows which test finds each: `python -m tests.mutations`.

Each mutation is made in a copy of the source tree. First run the tests that its row in `table.py` names; where they
pass, the whole plain run. What both miss is MISSED and needs a test. Two mutations are tried at once, on two cores, in
some twenty minutes; `python -m tests.mutations PART` tries those whose name or kind contains PART.
"""

import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..subprocesses import ROOT
from .table import MUTATIONS, Mutation

AT_ONCE = 2
PYTEST = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=line", "-o", "timeout=120"]


def place_of(mutation: Mutation, root: Path) -> Path:
    """The one file of the library that holds the old text."""
    sources = [path for folder in ("kernels", "fastnn") for path in sorted((root / folder).rglob("*.py"))]
    found = [path for path in sources for _ in range(path.read_text(encoding="utf-8").count(mutation.old))]
    if len(found) != 1:
        where = ", ".join(str(path.relative_to(root)) for path in found) or "nowhere"
        raise SystemExit(
            f"table.py, {mutation.name!r}: its old text must stand exactly once in the library, found {where}:\n"
            f"{mutation.old}"
        )
    return found[0]


def copy_tree(folder: Path) -> Path:
    """The source tree as it is now, without what was built or run."""
    left_out = shutil.ignore_patterns(".git", ".venv", "build", "runs", "*.egg-info", "__pycache__", ".*_cache")
    return Path(shutil.copytree(ROOT, folder, ignore=left_out))


def first_failure(tree: Path, cache: Path, arguments: list[str]) -> str | None:
    """The first test that fails, or None where all pass."""
    environment = os.environ | {"FASTNN_CACHE_DIR": str(cache), "PYTHONPATH": str(tree), "CI": "1"}
    command = [sys.executable, *PYTEST, *arguments]
    run = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", run.stdout, re.MULTILINE)
    if run.returncode < 0:
        return f"a crash by signal {-run.returncode}"
    if failed is None:
        raise SystemExit(f"pytest {shlex.join(arguments)} ended with {run.returncode}:\n{run.stdout}\n{run.stderr}")
    return failed[1]


def try_out(mutation: Mutation, trees: "list[Path]", cache: Path) -> tuple[str, float]:
    """Which test finds the mutation, and the seconds that took."""
    tree, began = trees.pop(), time.perf_counter()
    path = place_of(mutation, tree)
    source = path.read_text(encoding="utf-8")
    try:
        path.write_text(source.replace(mutation.old, mutation.new), encoding="utf-8")
        found = first_failure(tree, cache, ["-n0", *shlex.split(mutation.tests)])
        if found is None:
            # Without the test that compares table and source, which every mutation fails.
            found = first_failure(tree, cache, ["-n1", "--ignore=tests/test_mutations.py", "tests"])
            found = "MISSED" if found is None else f"{found} (of the whole run only)"
    finally:
        path.write_text(source, encoding="utf-8")
        trees.append(tree)
    return found, time.perf_counter() - began


def main(part: str = "") -> int:
    """Try out all mutations whose name or kind contains `part`; returns how many were missed."""
    chosen = [m for m in MUTATIONS if part in m.name or part == m.kind]
    places = {m: place_of(m, ROOT).relative_to(ROOT) for m in chosen}
    missed = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        trees, cache = [copy_tree(Path(folder, f"tree{i}")) for i in range(AT_ONCE)], Path(folder, "kernels")
        results = {pool.submit(try_out, m, trees, cache): m for m in chosen}
        print("| mutation | kind | file | found by | s |\n|---|---|---|---|---|", flush=True)
        for result in concurrent.futures.as_completed(results):
            mutation, (found, seconds) = results[result], result.result()
            missed += found == "MISSED"
            print(f"| {mutation.name} | {mutation.kind} | {places[mutation]} | {found} | {seconds:.0f} |", flush=True)
    print(f"\n{len(chosen) - missed} of {len(chosen)} were found")
    return missed


if __name__ == "__main__":
    raise SystemExit(min(1, main(*sys.argv[1:])))
