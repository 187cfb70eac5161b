"""Data sets that work without a network: shipped, rendered or generated here, or read from files."""

from . import conversion, csv_images, idx, letters, mnist, points

__all__ = ["conversion", "csv_images", "idx", "letters", "mnist", "points"]
