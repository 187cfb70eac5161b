"""Profiles: where the time of a step goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..models.profile import Profile, ProfileRow

_NOTES = 8.0  # points
_LEAST = 0.005  # of the whole; what takes less is one bar
_PHASES = {
    "forward": (style.BLUE, "forward", ""),
    "backward": (style.SKY, "backward", "//"),
    "gradient": (style.ORANGE, "weight gradient", ""),
    "update": (style.GREEN, "update", "\\\\"),
    "copy": (style.YELLOW, "transposed copy", ".."),
}
_REST = (style.GREY, "around the layers", "")


def profile(result: Profile, axes: style.AxesLike | None = None, title: str | None = None) -> Figure:
    """Draw where the time of a step goes, from the result of `Sequential.profile`.

    Each row is a bar, as long as its time, with its share of the whole, and for matrix products and convolutions their
    speed and its share of the machine's peak. Rows that take less than 0.5 % are one bar.

    Args:
        result: What `Sequential.profile` returned.
        axes: A matplotlib Axes to draw on; `None` makes a new figure.
        title: The title of the panel; `None` says what was measured.

    Returns:
        The figure with the panel.

    Raises:
        TypeError: `result` is of another type, or `axes` is not a matplotlib Axes.
        ValueError: There is more than one Axes.

    >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3)])
    >>> found = model.profile(np.ones((100, 4)), verbose=0)
    >>> fastnn.plots.profile(found).axes[0].get_xlabel()[:4]
    'time'
    """
    from ..models.profile import Profile

    if not isinstance(result, Profile):
        raise TypeError(f"result must be what Sequential.profile returned, received {type(result).__name__}")
    shown, small = result.shown(_LEAST)
    names, seconds, notes = [_name(row) for row in shown], [row.seconds for row in shown], [_note(row) for row in shown]
    looks = [_PHASES[row.phase] if row.layer else _REST for row in shown]
    if small:
        names.append(f"{len(small)} smaller ones")
        seconds.append(sum(row.seconds for row in small))
        notes.append(f"{100 * sum(row.share for row in small):.1f} %")
        looks.append(_REST)
    unit, size = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e-3)) if result.seconds >= s), ("µs", 1e-6))
    lengths, width = [own / size for own in seconds], 8.0
    panel = style.one_panel(axes, (width, 1.4 + 0.24 * len(names)))
    bars: dict[str, Any] = {}
    for place, (length, (colour, label, hatch)) in enumerate(zip(lengths, looks, strict=True)):
        bar = panel.barh(place, length, color=colour, hatch=hatch, edgecolor="white", linewidth=0, label=label)
        bars.setdefault(label, bar)
        panel.annotate(notes[place], (length, place), (4, 0), textcoords="offset points", va="center", fontsize=_NOTES)
    panel.set_yticks(range(len(names)), names, parse_math=False)
    panel.set_ylim(len(names) - 0.4, -0.6)  # the first row above
    room = style.size_in_points(panel)[0]
    if axes is None:  # the names will take their part of it
        room = 72 * width - max(style.text_width(name, 10) for name in names) - 30
    # So that every note ends within the panel.
    takes = [min(0.9, (style.text_width(note, _NOTES) + 10) / room) for note in notes]
    panel.set_xlim(0, max(length / (1 - part) for length, part in zip(lengths, takes, strict=True)))
    panel.set_xlabel(f"time of a {'step' if result.training else 'call'} ({unit})")
    panel.grid(axis="x", alpha=0.3)
    panel.set_axisbelow(True)
    legend = [bars[label] for _, label, _ in (*_PHASES.values(), _REST) if label in bars]
    style.legend_above([panel], [legend], [_title(result, unit, size) if title is None else title])
    return style.whole_figure(panel)


def _name(row: ProfileRow) -> str:
    return f"{row.name} ({row.operation})" if row.operation and row.operation != "dense" else row.name


def _note(row: ProfileRow) -> str:
    note = f"{100 * row.share:.1f} %"
    if row.gflops is not None:
        note += f", {row.gflops:.0f} GFLOP/s"
    if row.peak is not None:
        note += f" ({100 * row.peak:.0f} % of peak)"
    if row.skipped:
        note += f", {100 * row.skipped:.0f} % skipped"
    return note


def _title(result: Profile, unit: str, size: float) -> str:
    what = "a step of training" if result.training else "a call of predict"
    cores = f"{result.threads} thread{'s' if result.threads > 1 else ''}"
    samples = f"{result.batch_size:,} sample{'s' if result.batch_size > 1 else ''}"
    return f"{what}: {samples}, {result.seconds / size:.3g} {unit}, {cores}"
