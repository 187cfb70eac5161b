"""The page: a header, and two tabs."""

from nicegui import ui

from . import digits_tab, points_tab
from .session import Session


@ui.page("/")
def page() -> None:
    """One browser tab, with a session of its own."""
    session = Session()
    with ui.header(), ui.tabs() as tabs:
        points = ui.tab("Points")
        digit = ui.tab("Draw a digit")
    with ui.tab_panels(tabs, value=points, keep_alive=True):
        with ui.tab_panel(points):
            points_tab.build(session)
        with ui.tab_panel(digit):
            digits_tab.build()
