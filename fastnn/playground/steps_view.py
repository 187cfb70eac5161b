"""Every number of a training step, on request."""

from nicegui import ui

from .session import Session


def build(session: Session) -> None:
    """Build the panel inside the present element."""
    ui.label(f"step {session.steps}")
