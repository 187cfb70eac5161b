"""Builds the site into docs/site/ and checks it: `python -m docs.build`. Any warning, gap or broken link is an error.

`--serve` shows it at an address on this machine and builds it again when a page changes, without the checks.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import checks, public

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "docs" / "mkdocs.yml"
SITE = ROOT / "docs" / "site"
# All that a build says that found nothing wrong: Zensical counts its own warnings, but not those of what it calls.
_EXPECTED = re.compile(r"Build started|Build finished in \S+|No issues found|")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def _zensical(command: str, *options: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # for the extensions in docs/
    run = [sys.executable, "-m", "zensical", command, "--config-file", str(CONFIG), *options]
    return subprocess.run(run, cwd=ROOT, env=environment, text=True, **settings)


def build() -> list[str]:
    """Build the site; what is wrong with it, line by line."""
    # Without --strict, which would end before the site is there and can be checked: what is said counts here anyway.
    ran = _zensical("build", "--clean", capture_output=True)
    said = _COLOUR.sub("", ran.stdout + ran.stderr).splitlines()
    wrong = [line for line in said if not _EXPECTED.fullmatch(line.strip())]
    if ran.returncode:
        return wrong or [f"zensical ended with status {ran.returncode}"]
    wrong += [f"{module} is public but docs/public.py has no page for it" for module in public.missing_modules()]
    return wrong + checks.missing_names(SITE, public.every_name()) + checks.broken_links(SITE)


def main() -> int:
    """The command; its exit status is 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m docs.build", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="show the site while you write")
    if parser.parse_args().serve:
        return _zensical("serve").returncode
    if wrong := build():
        print(*wrong, "The site has the faults above.", sep="\n", file=sys.stderr)
        return 1
    print(f"{SITE}: {len(checks.pages(SITE))} pages, {len(public.every_name())} public names, no faults")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
