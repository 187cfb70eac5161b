"""Builds the site: `python -m docs.build`. Any warning is an error.

`--serve` shows it at an address on this machine and builds it again when a page changes.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "docs" / "mkdocs.yml"


def build(serve: bool = False) -> int:
    """Build the site, or serve it; the exit status, 1 if there was a warning."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # for the extensions in docs/
    command = [sys.executable, "-m", "zensical", "serve" if serve else "build", "--config-file", str(CONFIG)]
    if serve:
        return subprocess.run(command, cwd=ROOT, env=environment).returncode
    ran = subprocess.run([*command, "--strict", "--clean"], cwd=ROOT, env=environment, capture_output=True, text=True)
    said = ran.stdout + ran.stderr
    print(said, end="")
    return 1 if ran.returncode or "Warning" in said or "griffe" in said else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true")
    raise SystemExit(build(parser.parse_args().serve))
