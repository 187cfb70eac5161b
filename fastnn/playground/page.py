"""The page: a header, and two tabs."""

from pathlib import Path

from nicegui import ui

from . import digits_tab, points_tab
from .session import Session

_STYLE = Path(__file__).parent / "web" / "style.css"


@ui.page("/")
def page() -> None:
    """One browser tab, with a session of its own."""
    ui.add_css(_STYLE)
    session = Session()
    with ui.header(fixed=False):
        ui.html("fastnn playground", sanitize=False, tag="h1")
        with ui.tabs().props("no-caps inline-label") as tabs:
            points = ui.tab("Points")
            digit = ui.tab("Draw a digit")
    with ui.tab_panels(tabs, value=points, keep_alive=True, animated=False):
        with ui.tab_panel(points):
            points_tab.build(session)
        with ui.tab_panel(digit):
            digits_tab.build()
