"""Python in a process of its own, with other settings: what is read once at import can be tested in no other way."""

import contextlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run_python(code_or_arguments, cwd=ROOT, check=True, timeout=300, **variables):
    """Run code, or `python` with a list of arguments, from the source tree; variables of None are unset.

    Returns the finished process, its output as text. With `check` it must not have failed.
    """
    arguments = code_or_arguments
    if isinstance(arguments, str):
        arguments = ["-c", textwrap.dedent(arguments)]
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=_environment(variables),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if check and result.returncode != 0:
        raise AssertionError(f"exit code {result.returncode}\n{result.stdout[-6000:]}\n{result.stderr[-6000:]}")
    return result


@contextlib.contextmanager
def python_at_work(code, *arguments, until, **variables):
    """Code in a process of its own, which has just printed the line `until`; at the end of the block it is killed."""
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=_environment(variables), **pipes) as child:
        try:
            line = child.stdout.readline()
            if line != f"{until}\n":
                child.kill()
                raise AssertionError(f"expected {until}, received {line}{child.stderr.read()[-6000:]}")
            yield child
        finally:
            child.kill()


def _environment(variables):
    named = {"PYTHONPATH": str(ROOT)} | variables
    return {name: value for name, value in (dict(os.environ) | named).items() if value is not None}
