"""The version of fastnn, defined only here."""

__version__ = "0.1.0"
