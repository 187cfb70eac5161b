"""Data sets that ship with fastnn and work without a network."""

from . import mnist

__all__ = ["mnist"]
