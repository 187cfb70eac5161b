"""Models: `Sequential`, its training loop, its programs, and what it prints."""

from .profile import Profile
from .rate_finder import RangeTest, learning_rate_finder
from .sequential import Sequential

__all__ = ["Profile", "RangeTest", "Sequential", "learning_rate_finder"]
