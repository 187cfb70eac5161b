"""The command `fastnn`: labs, conversion of data files, and information about the machine."""

from .commands import app, main

__all__ = ["app", "main"]
