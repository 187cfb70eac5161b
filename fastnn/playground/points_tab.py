"""The tab "Points": a network learns to tell two classes of points apart, before the user's eyes."""

from . import steps_view
from .session import Session


def build(session: Session) -> None:
    """Build the tab inside the present element."""
    steps_view.build(session)
