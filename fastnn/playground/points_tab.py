"""The tab "Points": a network learns to tell two classes of points apart, before the user's eyes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nicegui import ui

from ..plots.style import PARTS, class_colour
from . import steps_view
from .choices import ACTIVATIONS, DATA, MOST_LAYERS, MOST_POINTS, MOST_UNITS, OPTIMIZERS, OWN, REGULARIZATIONS
from .frames import forget, source_of
from .player import Player
from .session import Session

_WEB = Path(__file__).parent / "web"
_COLOURS = {
    "class0": class_colour(0),
    "class1": class_colour(1),
    "train": PARTS["train"]["color"],
    "test": PARTS["validation"]["color"],
}
_NAMES = {"linear": "Linear", "xor": "XOR", "circles": "Circles", "spiral": "Spiral", OWN: "Own"}
_RATES = (0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
_AMOUNTS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5)
_BATCHES = (1, 2, 5, 10, 20, 50, 100, 500)
_PACES = {1: "1 epoch a frame", 10: "10 epochs a frame", None: "as fast as it goes"}


class Board(ui.element, component=_WEB / "board.js", esm={"fastnn-playground": _WEB}):  # type: ignore[call-arg]
    """The canvases and numbers, which get their frames by themselves."""

    def __init__(self, source: str):
        super().__init__()
        self.props["source"], self.props["colours"] = source, _COLOURS
        self.props["playing"] = self.props["own"] = False

    def refresh(self) -> None:
        """Get one frame."""
        self.run_method("refresh")


def build(session: Session) -> None:
    """Build the tab inside the present element, for a session that ends with the page."""
    player = Player(session)
    source = source_of(player)
    ui.context.client.on_delete(lambda: forget(source))
    Tab(player, source)


class Tab:
    """The controls, and what they do.

    Args:
        player: what they control.
        source: where the board gets its frames.
    """

    def __init__(self, player: Player, source: str):
        self.player = player
        self.label = 0  # the class of the next point
        with ui.element("div").classes("points"):
            with ui.element("div").classes("points-bar").props('role=toolbar aria-label="Training"'):
                self._bar()
            with ui.element("div").classes("points-controls"):
                self._points()
                self._network()
                self._training()
            self.board = Board(source)
            self.board.on("stopped", lambda: self._play(False))
            self.board.on("put", lambda event: self._put(event.args))
        steps_view.build(player.session, self.board.refresh)

    # -----------------------------------------------------------------------------------------------------------------
    # what is on the page

    def _bar(self) -> None:
        self.train = ui.button("Train", icon="play_arrow", on_click=lambda: self._play(not self.player.playing))
        ui.button("Step", icon="skip_next", on_click=self._step).props("outline").tooltip("One batch")
        ui.button("Reset", icon="replay", on_click=self._reset).props("outline").tooltip("New random weights")
        for button in self.train, *ui.context.slot.children[1:]:
            button.props("unelevated")

    def _points(self) -> None:
        chosen = self.player.choices
        with _section("Points"):
            ui.toggle(
                {name: _NAMES[name] for name in DATA}, value=chosen.data, on_change=lambda e: self._data(e.value)
            ).props('spread aria-label="Points"')
            with ui.element("div") as self.own:
                ui.toggle({0: "● class 0", 1: "■ class 1"}, value=0, on_change=lambda e: self._label(e.value)).props(
                    'spread aria-label="Class of the next point"'
                )
                ui.button("Clear", icon="clear", on_click=self._clear).props("flat dense")
            self.own.visible = False
            with ui.element("div") as self.made:
                self._slider("How many", "points", 20, MOST_POINTS, 10, chosen.points)
                self._slider("Noise", "noise", 0, 0.5, 0.02, chosen.noise)
            self._slider("Part for the test", "test", 0, 0.8, 0.1, chosen.test)

    def _network(self) -> None:
        with _section("Network"):
            self.layers = ui.element("div").classes("points-layers")
            self.more = ui.button("Add a layer", icon="add", on_click=self._add_layer).props("flat dense")
            self.most = ui.label(f"{MOST_LAYERS} hidden layers are the most that have room here.").classes("board-hint")
            self._show_layers()
            self._select("Activation", "activation", ACTIVATIONS)

    def _show_layers(self) -> None:
        """A row for each hidden layer; at the end what the limits are, if one is reached."""
        hidden = self.player.choices.hidden
        self.layers.clear()
        with self.layers:
            for i, units in enumerate(hidden):
                with ui.element("div").classes("points-layer"):
                    self._units_field(i, units)
                    ui.button(icon="close", on_click=lambda i=i: self._remove_layer(i)).props(
                        f'flat round dense aria-label="Remove layer {i + 1}"'
                    )
        self.most.visible = len(hidden) == MOST_LAYERS
        self.more.visible = not self.most.visible

    def _units_field(self, layer: int, units: int) -> None:
        field = ui.number(
            f"Layer {layer + 1}: neurons", value=units, min=1, max=MOST_UNITS, step=1, precision=0, format="%d"
        )
        field.props("dense").on_value_change(lambda event: self._units(layer, event.value))

        def show_what_is() -> None:  # after something that was refused, or nothing
            if layer < len(self.player.choices.hidden):
                field.value = self.player.choices.hidden[layer]

        field.on("blur", show_what_is)

    def _training(self) -> None:
        with _section("Training"):
            ui.select(
                _PACES, value=self.player.pace, label="Speed", on_change=lambda event: self._pace(event.value)
            ).props("dense options-dense")
            self._select("Optimizer", "optimizer", tuple(OPTIMIZERS))
            self._select("Learning rate", "rate", _RATES)
            self._select("Batch size", "batch", _BATCHES)
            self._select("Regularization", "regularization", REGULARIZATIONS)
            self.amount = self._select("Its amount", "amount", _AMOUNTS)
            self.amount.visible = False

    def _select(self, label: str, name: str, options: tuple[Any, ...]) -> Any:
        shown = {option: f"{option:g}" if isinstance(option, float) else str(option) for option in options}
        value = getattr(self.player.choices, name)
        return ui.select(shown, label=label, value=value, on_change=lambda e: self._change(**{name: e.value})).props(
            "dense options-dense"
        )

    def _slider(self, label: str, name: str, low: float, high: float, step: float, value: float) -> None:
        with ui.element("label").classes("points-slider"):
            shown = ui.label(f"{label}: {value:g}")

            def change(value: float) -> None:
                shown.text = f"{label}: {value:g}"
                self._change(**{name: value})

            ui.slider(min=low, max=high, step=step, value=value, on_change=lambda e: change(e.value)).props(
                f'aria-label="{label}"', remove="label"
            )

    # -----------------------------------------------------------------------------------------------------------------
    # what the controls do: nothing here takes time

    def _change(self, **changes: Any) -> bool:
        try:
            self.player.change(**changes)
        except ValueError as error:
            ui.notify(str(error), type="warning", position="top", timeout=8000)
            return False
        if "regularization" in changes:
            self.amount.visible = changes["regularization"] != "none"
        self.board.refresh()
        return True

    def _ask(self, wish: Callable[[Session], None]) -> None:
        self.player.ask(wish)
        self.board.refresh()

    def _play(self, playing: bool) -> None:
        self.player.playing = playing
        self.train.text = "Pause" if playing else "Train"
        self.train.icon = "pause" if playing else "play_arrow"
        self.board.props["playing"] = playing

    def _step(self) -> None:
        self._play(False)
        self._ask(Session.step)

    def _reset(self) -> None:
        self._play(False)
        self._change(seed=(self.player.choices.seed + 1) % 2**31)

    def _pace(self, pace: int | None) -> None:
        self.player.pace = pace

    def _data(self, data: str) -> None:
        self._play(False)
        self._change(data=data)
        self.own.visible, self.made.visible = data == OWN, data != OWN
        self.board.props["own"] = data == OWN

    def _label(self, label: int) -> None:
        self.label = label

    def _put(self, at: Any) -> None:
        if self.player.choices.data != OWN:
            ui.notify("To put points, choose “Own” first.", position="top")
            return
        x1, x2, label = at.get("x1"), at.get("x2"), self.label
        self._ask(lambda session: session.add_point(x1, x2, label))

    def _clear(self) -> None:
        self._play(False)
        self._ask(Session.clear_points)

    def _add_layer(self) -> None:
        hidden = self.player.choices.hidden
        self._hidden((*hidden, hidden[-1] if hidden else 4))

    def _remove_layer(self, layer: int) -> None:
        hidden = self.player.choices.hidden
        self._hidden((*hidden[:layer], *hidden[layer + 1 :]))

    def _hidden(self, hidden: tuple[int, ...]) -> None:
        if self._change(hidden=hidden):
            self._show_layers()

    def _units(self, layer: int, units: Any) -> None:
        if units is None:  # about to be typed
            return
        if isinstance(units, float) and units.is_integer():
            units = int(units)
        hidden = self.player.choices.hidden
        self._change(hidden=(*hidden[:layer], units, *hidden[layer + 1 :]))


def _section(title: str) -> Any:
    section = ui.element("section")
    with section:
        ui.html(title, sanitize=False, tag="h2")
    return section
