"""Models: layers in a row, what trains them, and what is shown meanwhile."""

from .rate_finder import RangeTest, learning_rate_finder
from .sequential import Sequential

__all__ = ["RangeTest", "Sequential", "learning_rate_finder"]
