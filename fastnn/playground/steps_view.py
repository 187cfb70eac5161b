"""The panel "Show the numbers": every number of the next training step, one stage at a time."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nicegui import run, ui

from .number_tables import Chosen, number
from .session import Session
from .steps import StepNumbers, numbers_of_a_step
from .steps_html import html_of, sizes, stages

_STYLE = Path(__file__).parent / "web" / "steps.css"
_SECONDS = 0.4  # between two looks at whether the network has trained on
_AXES = ("sample", "input", "unit")
# Of a click into a table: what its axes are, and where in them the cell stands.
_CLICK = """(event) => {
    const cell = event.target.closest("td"), table = event.target.closest("table");
    if (cell && table) emit([table.dataset.rows, table.dataset.columns, ...cell.dataset.at.split(",").map(Number)]);
}"""


def next_step(session: Session, alone: int | None = None) -> StepNumbers | None:
    """The numbers of the step that the session would take next, computed on a copy of its network; None without points.

    Args:
        session: its network, and its next batch.
        alone: the number of a sample of that batch: only this one is shown, as a batch of its own.
    """
    with session.lock:
        x, y = session.next_batch()
        model = copy.deepcopy(session.model)
    if alone is not None:
        x, y = x[alone : alone + 1], y[alone : alone + 1]
    return numbers_of_a_step(model, x, y) if len(x) else None


def clicked(message: object, chosen: Chosen, there_are: Chosen) -> Chosen:
    """What is chosen after a click into a table; a message that no page of ours sends changes nothing."""
    if not isinstance(message, list) or len(message) != 4:
        return chosen
    for axis, at in zip(message[:2], message[2:], strict=True):
        if axis in _AXES and isinstance(at, int) and not isinstance(at, bool) and 0 <= at < getattr(there_are, axis):
            chosen = replace(chosen, **{axis: at})
    return chosen


def build(session: Session, stepped: Callable[[], object] = lambda: None) -> None:
    """Build the panel inside the present element; it opens on request.

    Args:
        session: whose numbers it shows.
        stepped: called after the panel has taken a step.
    """
    ui.add_css(_STYLE)
    with ui.expansion("Show the numbers", icon="calculate").classes("points-steps steps-panel") as panel:
        _Panel(session, stepped, panel)


class _Panel:
    """The panel of one page: the numbers in view, and what is chosen in them."""

    def __init__(self, session: Session, stepped: Callable[[], object], panel: ui.expansion):
        self.session, self.stepped, self.panel = session, stepped, panel
        self.numbers: StepNumbers | None = None
        self.at, self.chosen, self.busy = 0, Chosen(), False
        self.model = session.model
        self.seen: object = None  # the state of the session that the numbers are of
        self.words = ui.label().classes("words").props('role="status"')
        with ui.row().classes("controls"):
            self.back = ui.button("Back", on_click=lambda: self.go(self.at - 1)).props("outline no-caps")
            self.stage = ui.select([], label="Stage", on_change=self._stage_chosen).classes("stage")
            self.next = ui.button("Next", on_click=self.forward).props("no-caps")
        with ui.row().classes("controls"):
            self.fields = {axis: self._field(axis) for axis in _AXES}
            self.alone = ui.switch("This sample alone", on_change=self.refresh)
        self.tables = ui.html(sanitize=False).classes("numbers").on("click", self._click, js_handler=_CLICK)
        self.timer = ui.timer(_SECONDS, self.refresh_if_changed, active=False)
        panel.on_value_change(self._opened)

    def _field(self, axis: str) -> ui.number:
        field = ui.number(axis.capitalize(), value=1, min=1, step=1, format="%d").classes("which")
        field.on_value_change(lambda event: self._typed(axis, event.value))
        return field

    # -----------------------------------------------------------------------------------------------------------------
    # what the user does

    async def _opened(self) -> None:
        self.timer.active = bool(self.panel.value)
        if self.panel.value:
            await self.refresh()

    def go(self, at: int) -> None:
        """To stage number `at`."""
        if self.numbers is not None:
            self.at = max(0, min(at, len(stages(self.numbers)) - 1))
            self.draw()

    async def forward(self) -> None:
        """To the next stage; after the last one, take the step and begin with the next step."""
        if self.numbers is None:
            return
        if self.at + 1 < len(stages(self.numbers)):
            self.go(self.at + 1)
        elif not self.alone.value:
            try:
                await run.io_bound(self.session.step)
            except ValueError as error:  # in words
                self.words.text = str(error)
                return
            self.stepped()
            self.at = 0
            await self.refresh()

    def _stage_chosen(self, event: Any) -> None:
        titles = [stage.title for stage in stages(self.numbers)] if self.numbers else []
        if event.value in titles and titles.index(event.value) != self.at:
            self.go(titles.index(event.value))

    async def _typed(self, axis: str, value: object) -> None:
        if isinstance(value, (int, float)) and value == value and self.numbers is not None:
            at = int(max(1, min(value, 1e6))) - 1
            if at != getattr(self.chosen, axis):
                await self._choose(replace(self.chosen, **{axis: at}))

    async def _click(self, event: Any) -> None:
        if self.numbers is not None:
            there_are = sizes(self.numbers, stages(self.numbers)[self.at])
            if self.alone.value:  # the only sample in view is not the first of the batch
                there_are = replace(there_are, sample=0)
            await self._choose(clicked(event.args, self.chosen, there_are))

    async def _choose(self, chosen: Chosen) -> None:
        another = chosen.sample != self.chosen.sample
        self.chosen = chosen
        if another and self.alone.value:
            await self.refresh()
        else:
            self.draw()

    # -----------------------------------------------------------------------------------------------------------------
    # what is shown

    def _state(self) -> object:
        session = self.session
        return session.model, session.steps, session.choices, len(session.x), len(session.y)

    async def refresh_if_changed(self) -> None:
        """Follow the session, where it has trained on, or been changed."""
        if self.seen != self._state():
            await self.refresh()

    async def refresh(self) -> None:
        """Compute the numbers of the step that is next now."""
        if self.busy or self.session.closed:
            return
        self.busy = True
        try:
            if self.numbers is None or self.model is not self.session.model:  # begin anew with a new network
                self.at, self.model = 0, self.session.model
            self.seen = self._state()
            batch = min(len(self.session.x), self.session.choices.batch)
            self.chosen = replace(self.chosen, sample=min(self.chosen.sample, max(batch - 1, 0)))
            alone = self.chosen.sample if self.alone.value else None
            self.numbers = await run.io_bound(next_step, self.session, alone)
            self.draw()
        finally:
            self.busy = False

    def draw(self) -> None:
        """Show the stage that is chosen."""
        step = self.numbers
        if step is None:
            self.words.text = "There are no points to train with yet, so there are no numbers."
            self.tables.content = ""
            return
        titles = [stage.title for stage in stages(step)]
        self.at = min(self.at, len(titles) - 1)
        stage, last = stages(step)[self.at], self.at == len(titles) - 1
        self.chosen = _inside(self.chosen, sizes(step, stage), bool(self.alone.value))
        self.words.text = _words(step, bool(self.alone.value))
        self.stage.set_options(titles, value=titles[self.at])
        self.back.set_enabled(self.at > 0)
        self.next.text = "Take this step" if last else "Next"
        self.next.set_enabled(not (last and self.alone.value))
        for axis, field in self.fields.items():
            field.value = getattr(self.chosen, axis) + 1
        in_view = replace(self.chosen, sample=0) if self.alone.value else self.chosen
        self.tables.content = html_of(step, stage, in_view)


def _inside(chosen: Chosen, there_are: Chosen, alone: bool) -> Chosen:
    """The nearest choice that exists in the stage."""
    within = {axis: min(getattr(chosen, axis), getattr(there_are, axis) - 1) for axis in _AXES}
    return Chosen(**within | ({"sample": chosen.sample} if alone else {}))


def _words(step: StepNumbers, alone: bool) -> str:
    if not step.finite:
        return (
            f"Step {step.number} has numbers that are not finite: the learning rate {number(step.learning_rate)} is "
            "too large for this network and these points. Choose a smaller one, then press Reset."
        )
    count = len(step.losses)
    samples = "one sample alone, for you to see" if alone else f"a batch of {count} sample{'s' * (count > 1)}"
    return (
        f"Step {step.number}, which comes next: {samples}, loss {number(step.loss)}. "
        "A click on a number chooses its row and column."
    )
