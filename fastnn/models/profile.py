"""Profiles: where the time of a step goes, as rows and as a table."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from .. import markup

_LEAST_WIDTH, _WIDTH = 80, 110  # of the table, depending on the terminal
_LEAST_SHOWN = 0.0005  # of the whole; what takes less is one row of the printed table


@dataclass(frozen=True)
class ProfileRow:
    """A row of a profile.

    Attributes:
        layer: the layer's name; "" for what belongs to no layer.
        phase: what it does for the layer: "forward", "backward" (the gradient of its input; in convolutions that of the
            weights, too), "gradient" (of its weights), "update" (the optimizer's step), "copy" (of transposed weights);
            or what it does without a layer.
        operation: the name of the kernel.
        seconds: per step: the mean over the threads.
        share: of the whole step.
        flops: floating-point operations per step of matrix products and convolutions, without those that were skipped.
        bytes: read and written per step, each array that it works on once.
        skipped: the share of its multiply-adds that were left out, because a term was zero.
        gflops: billions of floating-point operations a second, of all threads together; None where it has none.
        peak: this as a share of what the machine can do; None where it has none, or without compiled kernels.
        thread_seconds: seconds per step of each thread.
    """

    layer: str
    phase: str
    operation: str
    seconds: float
    share: float
    flops: float
    bytes: float
    skipped: float
    gflops: float | None
    peak: float | None
    thread_seconds: tuple[float, ...]

    @property
    def name(self) -> str:
        """Layer and phase, or only the phase."""
        return f"{self.layer} {self.phase}".strip()


@dataclass(frozen=True)
class Profile:
    """What `Sequential.profile` found. `print` prints it as a table, `fastnn.plots.profile` draws it.

    Attributes:
        rows: `ProfileRow`s, whose `seconds` add up to `seconds`.
        seconds: of a step, or of a call of `predict`.
        steps: how many of them were measured.
        batch_size: samples per step, or per call of `predict`.
        threads: how many threads shared each step.
        peak: billions of multiply-adds and additions a second that this machine could do on these threads at that time;
            None without compiled kernels.
        training: whether these were steps of training; otherwise calls of `predict`.
        checks: seconds that `fit` takes to check its arguments, once a call; for `predict` it is one of the rows.

    >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3, "relu"), fastnn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> found = model.profile(np.ones((64, 4)), np.ones((64, 1)), steps=4, verbose=0)
    >>> found.steps, found.batch_size, {row.phase for row in found.rows if row.layer} >= {"forward", "gradient"}
    (4, 32, True)
    >>> bool(np.isclose(sum(row.seconds for row in found.rows), found.seconds))
    True
    """

    rows: tuple[ProfileRow, ...]
    seconds: float
    steps: int
    batch_size: int
    threads: int
    peak: float | None
    training: bool
    checks: float

    def shown(self, least: float) -> tuple[list[ProfileRow], list[ProfileRow]]:
        """The rows with at least this share of the whole, and the others; one alone stays among the first."""
        small = [row for row in self.rows if row.share < least]
        if len(small) == 1:
            return list(self.rows), []
        return [row for row in self.rows if row.share >= least], small

    def __repr__(self) -> str:
        """What was measured, without the rows."""
        what = "steps of training" if self.training else "calls of predict"
        return f"Profile({self.steps} {what}, {_duration(self.seconds)} each, {len(self.rows)} rows)"

    def __str__(self) -> str:
        """The table."""
        return _table(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the table, with bars."""
        return _html(self)


# ---------------------------------------------------------------------------------------------------------------------
# The table.


def _duration(seconds: float) -> str:
    unit, size = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e-3)) if seconds >= s), ("us", 1e-6))
    return f"{seconds / size:.3g} {unit}"


def _size(count: float) -> str:
    unit, size = next(((u, s) for u, s in (("MB", 1e6), ("KB", 1e3)) if count >= s), ("B", 1.0))
    return f"{count / size:.3g} {unit}"


def _cells(row: ProfileRow) -> Iterator[str]:
    yield _duration(row.seconds)
    yield f"{100 * row.share:.1f} %"
    yield "" if row.gflops is None else f"{row.gflops:.3g}"
    yield "" if row.peak is None else f"{100 * row.peak:.0f} %"
    yield _size(row.bytes) if row.bytes else ""
    yield f"{100 * row.skipped:.0f} %" if row.skipped else ""


_NAMES = ("layer and phase", "kernel")
_NUMBERS = ("time", "share", "GFLOP/s", "of peak", "bytes", "skipped")


def _rows(found: Profile) -> Iterator[tuple[tuple[str, str], tuple[str, ...], float]]:
    """The rows of the table: names, numbers, and the share of the whole; the last one is for all."""
    shown, small = found.shown(_LEAST_SHOWN)
    for row in shown:
        yield (row.name, row.operation), tuple(_cells(row)), row.share
    if small:
        seconds, share = sum(row.seconds for row in small), sum(row.share for row in small)
        yield (f"{len(small)} smaller ones", ""), (_duration(seconds), f"{100 * share:.1f} %", "", "", "", ""), share
    flops = sum(row.flops for row in found.rows)
    rate = flops / found.seconds / 1e9
    reached = f"{100 * rate / found.peak:.0f} %" if found.peak else ""
    yield ("all", ""), (_duration(found.seconds), "100 %", f"{rate:.3g}" if flops else "", reached, "", ""), 1.0


def _table(found: Profile) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*_NAMES, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    *rows, whole = _rows(found)
    for names, cells, _ in rows:
        table.add_row(*(Text(markup.printable(name)) for name in names), *cells)
    table.add_section()
    table.add_row(*whole[0], *whole[1])
    text = io.StringIO()
    # In a notebook rich would show the table at once, instead of writing it into the text.
    width = max(_LEAST_WIDTH, min(_WIDTH, shutil.get_terminal_size((_WIDTH, 0)).columns))
    Console(file=text, width=width, color_system=None, force_jupyter=False).print(table)
    above, *below = _around(found)
    return "\n".join([above, *map(str.rstrip, text.getvalue().strip("\n").split("\n")), *below])


def _around(found: Profile) -> list[str]:
    """What stands above the table, and what may stand below it."""
    what = "steps of training, each of" if found.training else "calls of predict, each of"
    lines = [f"{found.steps} {what} {found.batch_size} samples, on {found.threads} thread{'s' * (found.threads > 1)}"]
    if found.peak:
        lines[0] += f" (peak {found.peak:.0f} GFLOP/s)"
    if found.training:
        lines.append(f"once a call of fit: checks of arguments, {_duration(found.checks)}")
    return lines


def _html(found: Profile) -> str:
    rows = []
    *above, whole = _rows(found)
    largest = max(row.share for row in found.rows)
    for names, cells, share in above:
        rows.append([*map(markup.text, names), markup.bar(share / largest), *cells])
    rows.append([f"<b>{cell}</b>" for cell in (*whole[0], "", *whole[1])])
    table = markup.table((*_NAMES, "", *_NUMBERS), rows, left=3)
    above_it, *below = map(markup.text, _around(found))
    parts = [f"<b>Profile</b> of {above_it}", table, *below]
    return f"<div>{''.join(parts)}</div>"
