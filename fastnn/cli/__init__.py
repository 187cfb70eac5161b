"""The command `fastnn`: labs, conversion of data files, and what this machine can do."""

from .commands import app, main

__all__ = ["app", "main"]
