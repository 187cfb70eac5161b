"""HTML and SVG for notebooks: tables, bars and curves, without scripts and without style sheets.

They are readable on light and dark ground: text and lines have the colour of the text around them.
"""

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

BLUE, VERMILION = "#2B8CD6", "#D55E00"  # nearly Okabe and Ito's; both have contrast to white and to black

_WIDTH, _HEIGHT = 312, 190  # of a chart, in pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 8, 24, 20  # what surrounds the curves
_BINS = 200  # of which each shows its smallest and its largest number
_LOGARITHMIC_FROM = 100.0  # the ratio of the largest and the smallest number from which on the axis is logarithmic


def printable(name: str) -> str:
    """A name, which may be from a file, without characters that control a terminal: they are shown as `\\x1b`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def text(thing: object) -> str:
    """Printable text as HTML, with no meaning of its own."""
    return html.escape(printable(str(thing)))


def number(value: Any) -> str:
    """A number, or a list of them, with five significant digits."""
    if np.ndim(value):
        return f"[{', '.join(number(v) for v in np.asarray(value).ravel()[:10])}{', ...' * (np.size(value) > 10)}]"
    return f"{float(value):.5g}"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1, wrap: bool = False) -> str:
    """A table, which scrolls where there is no room.

    Args:
        headings: of the columns, as text.
        rows: cells in HTML.
        left: so many columns are aligned at the left, the others at the right.
        wrap: whether cells may have several lines.
    """
    sides = ["left" if i < left else "right" for i in range(len(headings))]
    space = "normal" if wrap else "nowrap"
    styles = [f' style="text-align:{side};padding:2px 8px;white-space:{space}"' for side in sides]
    head = "".join(f"<th{style}>{text(name)}</th>" for name, style in zip(headings, styles, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{style}>{cell}</td>" for cell, style in zip(row, styles, strict=True)) + "</tr>"
        for row in rows
    )
    look = "border-collapse:collapse;margin:4px 0"
    inside = f'<table style="{look}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div style="overflow-x:auto">{inside}</div>'


def svg(width: float, height: float, content: str, label: str, shrinks: bool = True) -> str:
    """A picture; `label` says what it shows, for screen readers. Where there is no room it shrinks, or scrolls."""
    size = "max-width:100%" if shrinks else "max-width:none"
    picture = (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="{text(label)}" '
        f'style="{size};height:auto;vertical-align:top" fill="none" stroke="none" font-size="11" '
        f'font-family="sans-serif">{content}</svg>'
    )
    return picture if shrinks else f'<div style="overflow-x:auto">{picture}</div>'


def words(x: float, y: float, content: object, anchor: str = "middle", more: str = "") -> str:
    """Text in a picture."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor"{more}>{text(content)}</text>'


def bar(share: float, width: int = 120) -> str:
    """A bar as long as a share of `width` pixels."""
    long = max(0.0, min(1.0, share)) * width
    inside = f'<rect width="{long:.1f}" height="10" fill="{BLUE}"/>'
    return f'<svg viewBox="0 0 {width} 10" width="{width}" height="10" aria-hidden="true">{inside}</svg>'


def chart(title: str, curves: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> str:
    """Curves in one picture: the first in blue, the second dashed in vermilion.

    Args:
        title: what they show.
        curves: names, places (n,) from left to right, and numbers (n,); those that are not finite are left out.
    """
    finite = np.concatenate([values[np.isfinite(values)] for _, _, values in curves])
    label = f"{title}: {', '.join(name for name, _, _ in curves)}"
    parts = [words(_LEFT, 14, title, "start", ' font-weight="bold"')]
    at = _WIDTH - _RIGHT
    for (name, _, _), look in reversed([*zip(curves, _LOOKS, strict=False)]):
        parts.append(words(at, 14, name, "end"))
        at -= 6 * len(name) + 6
        parts.append(f'<path d="M{at - 20} 10H{at}" {look}/>')
        at -= 28
    box = f'<rect x="{_LEFT}" y="{_TOP}" width="{_INNER[0]}" height="{_INNER[1]}" stroke="currentColor" opacity="0.4"/>'
    parts.append(box)
    if not finite.size:
        return svg(_WIDTH, _HEIGHT, "".join([*parts, words(_WIDTH / 2, _HEIGHT / 2, "no finite numbers")]), label)
    low, high = float(finite.min()), float(finite.max())
    log = low > 0 and high > _LOGARITHMIC_FROM * low
    scale = np.log if log else np.asarray
    bottom, top = (float(scale(v)) for v in (low, high))
    if not math.isfinite(top - bottom) or top - bottom < 1e-12 * max(1.0, abs(top)):
        bottom, top = bottom - 0.5, top + 0.5 if math.isfinite(top + 0.5) else top
    first, last = min(x[0] for _, x, _ in curves), max(x[-1] for _, x, _ in curves)
    for (_, x, values), look in zip(curves, _LOOKS, strict=False):
        with np.errstate(all="ignore"):
            across = _LEFT + _INNER[0] * ((x - first) / (last - first) if last > first else np.full(len(x), 0.5))
            up = _TOP + _INNER[1] * (0.05 + 0.9 * (top - scale(values)) / (top - bottom))
        parts.append(_curve(across, up, look))
    parts += [
        words(_LEFT - 4, _TOP + (0.05 if high > low else 0.5) * _INNER[1] + 4, f"{high:.3g}", "end"),
        words(_LEFT - 4, _TOP + 0.95 * _INNER[1] + 4, f"{low:.3g}", "end") if high > low else "",
        words(_LEFT, _HEIGHT - 5, f"{first:,.0f}"),
        words(_LEFT + _INNER[0], _HEIGHT - 5, f"{last:,.0f}", "end") if last > first else "",
        words(_LEFT + _INNER[0] / 2, _HEIGHT - 5, "epoch" + ", log scale" * log),
    ]
    return svg(_WIDTH, _HEIGHT, "".join(parts), label)


_INNER = (_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)
_LOOKS = (f'stroke="{BLUE}" stroke-width="1.6"', f'stroke="{VERMILION}" stroke-width="1.6" stroke-dasharray="5 3"')


def _curve(across: np.ndarray, up: np.ndarray, look: str) -> str:
    """A line through the points that are finite, with a gap at the others; a dot for a single one."""
    kept = thinned(up)
    across, up = across[kept], up[kept]
    shown = np.isfinite(up)
    parts, pen = [], "M"
    for x, y, visible in zip(across.tolist(), up.tolist(), shown.tolist(), strict=True):
        if visible:
            parts.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L" if visible else "M"
    dots = ""
    if shown.sum() <= 20:
        points = zip(across[shown].tolist(), up[shown].tolist(), strict=True)
        dots = "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" {look} style="stroke-dasharray:none"/>' for x, y in points
        )
    return f'<path d="{"".join(parts)}" {look}/>{dots}'


def thinned(values: np.ndarray) -> np.ndarray:
    """The places of numbers that make the same picture: of each of many bins the smallest and the largest one."""
    if len(values) <= 2 * _BINS:
        return np.arange(len(values))
    known = np.isfinite(values)
    kept = {0, len(values) - 1}
    for part in np.array_split(np.arange(len(values)), _BINS):
        inside = part[known[part]]
        if not inside.size:
            kept.add(int(part[0]))  # a gap
            continue
        kept |= {int(inside[values[inside].argmin()]), int(inside[values[inside].argmax()])}
    return np.array(sorted(kept))
