"""The tab "Draw a digit": what two networks make of a drawing, while it is drawn."""

import base64
import binascii
import json
from pathlib import Path
from typing import Any

import numpy as np
from nicegui import app, ui

from .digits import Digits, Look

_WEB = Path(__file__).parent / "web"
_SIDE = 112  # of the drawings that the browser sends, as in web/sheet.js
_STRONGEST = 24  # units that are shown
_SECONDS = 0.25  # between two looks at how far the training is
_TRAINING = "Two networks are trained on 60,000 handwritten digits, once on this machine. You can draw already."
_EMPTY = "The sheet is empty: draw a digit from 0 to 9, as large as you like."


class Drawing(ui.element, component=_WEB / "sheet.js"):  # type: ignore[call-arg]
    """The sheet. The event "opened" says that it is seen, "drawn" brings a drawing, which `answered` must answer."""


class Pictures(ui.element, component=_WEB / "pictures.js"):  # type: ignore[call-arg]
    """Small pictures on one canvas.

    Args:
        label: what they are, for those who do not see them.
        signed: whether they are weights, with 128 for 0, and not images.
        smallest: the least width of a picture among several, in pixels; 0: there is only one.
    """

    def __init__(self, label: str, signed: bool = False, smallest: int = 0):
        super().__init__()
        self.props["label"], self.props["signed"] = label, signed
        self.props["bars"], self.props["smallest"] = smallest > 0, smallest


def drawing_of(message: object) -> tuple[int, np.ndarray] | None:
    """The number and the pixels, uint8 (112, 112), of a drawing that the browser sent; None if it is no such thing."""
    if not isinstance(message, dict):
        return None
    number, pixels = message.get("number"), message.get("pixels")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**53:
        return None
    if not isinstance(pixels, str) or len(pixels) != 4 * -(-_SIDE * _SIDE // 3):
        return None
    try:
        ink = base64.b64decode(pixels, validate=True)
    except (binascii.Error, ValueError):
        return None
    return (number, np.frombuffer(ink, np.uint8).reshape(_SIDE, _SIDE)) if len(ink) == _SIDE * _SIDE else None


def bars(probabilities: np.ndarray | None) -> str:
    """The probabilities of the ten digits as bars, in HTML; None: no bars, as there is no drawing."""
    most = None if probabilities is None else int(probabilities.argmax())
    lines = []
    for digit in range(10):
        part = 0.0 if probabilities is None else float(probabilities[digit])
        mark = ' class="most"' if digit == most else ""
        shown = "" if probabilities is None else percent(part)
        lines.append(
            f'<div class="digit"><span{mark}>{digit}</span></div>'
            f'<div class="bar"><div{mark} style="width: {100 * part:.2f}%"></div></div><span{mark}>{shown}</span>'
        )
    return f'<div class="bars" data-most="{"" if most is None else most}">{"".join(lines)}</div>'


def said(look: Look) -> str:
    """What the classifier says, in words."""
    first, second = np.argsort(-look.probabilities)[:2]
    sure = float(look.probabilities[first])
    if sure > 0.9:
        return f"This is a {first}, says the network ({percent(sure)})."
    return f"Perhaps a {first} ({percent(sure)}), or else a {second} ({percent(look.probabilities[second])})."


def percent(part: float) -> str:
    r"""A probability in percent, which is not 100 unless it is 1.

    >>> fastnn.playground.digits_tab.percent(0.123), fastnn.playground.digits_tab.percent(0.99999)
    ('12.3\xa0%', '>\xa099.9\xa0%')
    """
    shown = "> 99.9 %" if 0.999 < part < 1 else f"{100 * float(part):.1f} %"
    return shown.replace(" ", "\N{NO-BREAK SPACE}")


def build() -> None:
    """Build the tab inside the present element."""
    ui.add_css(_WEB / "digits.css")
    Tab(Digits.shared())


class Tab:
    """The tab of one page.

    Args:
        digits: the networks, which all pages share.
    """

    def __init__(self, digits: Digits):
        self.digits = digits
        self.stage = 0  # 1 once the classifier is there, 2 once the autoencoder is, too
        with ui.element("div").classes("digits"):
            with ui.element("section"):
                self._sheet()
            with ui.element("section").classes("answers"):
                self._answers()
        self.timer = ui.timer(_SECONDS, self.follow, active=False)

    def _sheet(self) -> None:
        _heading("Draw a digit")
        self.drawing = Drawing().on("drawn", self._drawn).on("opened", self._opened)
        at = f"getElement({self.drawing.id})"
        with ui.element("div").classes("controls"):
            ui.button("Clear").props("no-caps").on("click", js_handler=f"() => {at}.clear()")
            ui.button("Undo").props("outline no-caps").on("click", js_handler=f"() => {at}.undo()")
            ui.button("Example", on_click=self._example).props(
                'outline no-caps title="A random image, of those that the networks were not trained with"'
            )
        ui.label("Line width").props(f'id="width-{self.drawing.id}"')
        ui.slider(min=0.03, max=0.15, step=0.01, value=0.08).props(f'aria-labelledby="width-{self.drawing.id}"').on(
            "update:model-value", js_handler=f"(width) => {at}.set_width(width)"
        ).style("max-width: 22rem")

    def _answers(self) -> None:
        self.words = ui.label(_EMPTY).classes("words").props('role="status" aria-live="polite"')
        self.progress = ui.linear_progress(0.0, show_value=False).props('aria-label="Training"')
        with ui.element("div").classes("together"):
            with ui.element("div").classes("probabilities"):
                _heading("Probabilities")
                self.bars = ui.html(bars(None), sanitize=False)
            with ui.element("div").classes("pair"):
                with ui.element("div"):
                    _heading("What the networks see")
                    self.seen = Pictures("The drawing as 28 times 28 pixels")
                with ui.element("div"):
                    _heading("What the autoencoder makes of it")
                    self.again = Pictures("The autoencoder's picture of the drawing")
        with ui.element("div").classes("units"):
            _heading("The first layer's strongest units")
            ui.html(
                "<p>Each picture shows the weights of a unit: orange pixels speak for it, blue ones against it. "
                "The bar is its output for your drawing.</p>",
                sanitize=False,
            )
            self.units = Pictures("Weights of the units that respond most", signed=True, smallest=56)

    # -----------------------------------------------------------------------------------------------------------------

    def _opened(self) -> None:
        """The tab is seen for the first time: only now the networks are needed."""
        self.digits.start()
        self.timer.activate()

    def follow(self) -> None:
        """Show how far the training is, and ask for the drawing again when a network has come."""
        digits = self.digits
        if digits.problem:
            self.words.text = digits.problem
        self.progress.value = digits.progress
        self.progress.visible = not digits.ready and not digits.problem
        stage = 2 if digits.ready else int(len(digits.filters) > 0)
        if stage > self.stage:
            if self.stage == 0:
                self.units.run_method("keep", _bytes(_colours(digits.filters)))
            self.stage = stage
            self.drawing.run_method("again")
        elif stage == 0 and not digits.problem:
            self.words.text = _TRAINING
        if digits.ready or digits.problem:
            self.timer.deactivate()

    def _example(self) -> None:
        image = self.digits.example()
        if image is None:
            self.words.text = "The images are being read; press again in a moment."
        else:
            self.drawing.run_method("show", _bytes(image))

    def _drawn(self, event: Any) -> None:
        found = drawing_of(event.args)
        if found is None:
            return
        number, pixels = found
        shown: list[str] = []
        try:
            if self.stage:
                shown = self._show(self.digits.look(pixels))
        except ValueError as error:
            shown = self._show(None)
            self.words.text = str(error)
        # One message for all, because there may be sixty a second.
        ui.run_javascript(" ".join([*shown, _call(self.drawing, "answered", number)]))

    def _show(self, look: Look | None) -> list[str]:
        """Change what stands on the page; returns the calls that change its pictures."""
        self.words.text = _EMPTY if look is None else said(look)
        self.bars.content = bars(None if look is None else look.probabilities)
        again = None if look is None else look.drawn_again
        return [
            _call(self.seen, "picture", "" if look is None else _bytes(look.seen)),
            _call(self.again, "picture", "" if again is None else _bytes(again)),
            _call(self.units, "show", [] if look is None else strongest(look.response)),
        ]


def strongest(response: np.ndarray) -> list[tuple[int, float]]:
    """The units with the largest outputs, largest first, each with its output as a part of the largest; none at 0."""
    order = np.argsort(-response, kind="stable")[:_STRONGEST]
    largest = float(response.max())
    return [(int(unit), float(response[unit]) / largest) for unit in order if response[unit] > 0]


def _colours(filters: np.ndarray) -> np.ndarray:
    """Weights (units, 28, 28) as bytes around 128, each unit on a scale of its own."""
    largest = np.abs(filters).max(axis=(1, 2), keepdims=True)
    return np.rint(128 + 127 * filters / np.where(largest > 0, largest, 1)).astype(np.uint8)


def _call(element: ui.element, method: str, argument: object) -> str:
    """A call of a method of an element, in JavaScript."""
    return f"getElement({element.id})?.{method}({json.dumps(argument)});"


def _bytes(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _heading(text: str) -> None:
    ui.html(text, sanitize=False, tag="h2")


app.on_shutdown(lambda: Digits.shared().stop())
