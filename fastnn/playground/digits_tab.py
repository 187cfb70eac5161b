"""The tab "Draw a digit"."""

from nicegui import ui


def build() -> None:
    """Build the tab inside the present element."""
    ui.label("Draw a digit")
