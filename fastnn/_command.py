"""Ctrl-C while the command `fastnn` is still being imported: one word and status 130, as later.

The imports take a second, and an exception in the middle of them shows dozens of lines, or gets lost. There is nothing
to clean up yet, so the command just ends. A program that imports fastnn is not affected. This module imports only what
Python has loaded anyway or needs for a signal: until it has run, Ctrl-C shows those lines.
"""

import os
import signal
import sys

INTERRUPTED = 130  # the exit status of a command ended by Ctrl-C: 128 + SIGINT


def _is_command() -> bool:
    """Whether this process is `fastnn` or `python -m fastnn`; while Python looks for a module, argv[0] is "-m"."""
    program = os.path.basename(sys.argv[0]) if sys.argv else ""
    return os.path.splitext(program)[0] == "fastnn" or (program == "-m" and "fastnn" in sys.orig_argv)


def _end(number: int, frame: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


def started() -> None:
    """The imports are done: from here on Ctrl-C is a KeyboardInterrupt, as usual."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


if _is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _end)
