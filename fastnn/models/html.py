"""A network as HTML, for notebooks: a drawing, and its layers as a table."""

from typing import TYPE_CHECKING

import numpy as np

from .. import markup
from ..engine.parameters import trained_weights
from ..layers import Layer
from .outline import Block, Column, blocks, ends, extent, neurons, shape_text

if TYPE_CHECKING:
    from .sequential import Sequential

_MOST_NEURONS = 12  # of a column, and
_MOST_CONNECTIONS = 400  # of all together, that are drawn one by one
_MOST_BLOCKS = 8
_MOST_ROWS = 24
_MOST_LETTERS = 40  # of a line below a block or a column of neurons
_COLOURS = {"dense": "#2B8CD6", "convolution": "#D55E00", "pooling": "#009E73", "input": "none", "other": "#999999"}
_UNIT = 7.0  # pixels, of a block's extent


def model_html(model: "Sequential") -> str:
    """A drawing, and a table of layers with output shapes and parameters."""
    columns = neurons(model, _MOST_NEURONS)
    if columns and sum(0 if c.kernel is None else c.kernel.size for c in columns) <= _MOST_CONNECTIONS:
        drawing = _neurons_svg(columns)
    else:
        drawing = _blocks_svg(blocks(model)) if model.layers else ""
    trained, total = sum(p.value.size for p in trained_weights(model.layers)), model.count_params()
    facts = [f"{total:,} parameters" if model.built else "not built yet"]
    facts += [f"{trained:,} of them trainable"] if trained != total else []
    if model.loss is not None:
        loss = getattr(model.loss, "name", type(model.loss).__name__)
        facts.append(f"compiled with {type(model.optimizer).__name__} and {loss}")
    heading = f"<b>{markup.text(type(model).__name__)} {markup.text(model.name)}</b>: {markup.text(', '.join(facts))}"
    table = _table(model) if model.layers else ""
    return f"<div>{heading}<div>{drawing}</div>{table}</div>"


def _table(model: "Sequential") -> str:
    first, hidden, last = ends(model.layers, _MOST_ROWS)
    rows = [_row(layer) for layer in first]
    if hidden:
        count = sum(layer.count_params() for layer in hidden)
        rows.append((f"… {len(hidden):,} more layers …", "", "", f"{count:,}"))
    return markup.table(("layer", "type", "output shape", "parameters"), rows + [_row(layer) for layer in last], left=3)


def _row(layer: Layer) -> tuple[str, ...]:
    shape = str(layer.output_shape) if layer.built else "not built"
    count = f"{layer.count_params():,}" if layer.built else ""
    frozen = bool(layer.parameters) and not layer.trainable
    name = markup.text(layer.name) + (" (not trained)" if frozen else "")
    return name, markup.text(type(layer).__name__), shape, count


def _blocks_svg(found: list[Block]) -> str:
    """Boxes in a row, whose sizes grow with the logarithm of their shapes'."""
    first, hidden, last = ends(found, _MOST_BLOCKS)
    tall = max(_size(block)[0] + _size(block)[1] for block in (*first, *last))
    middle, below = 6 + tall / 2, 28 + tall
    parts, x = [], 10.0
    for block in [*first, *([None] if hidden else []), *last]:
        if x > 10:
            parts.append(f'<path d="M{x - 14:.0f} {middle}h12m-4 -3l4 3l-4 3" stroke="currentColor" opacity="0.6"/>')
        if block is None:
            parts += [markup.words(x + 28, middle + 4, "…"), markup.words(x + 28, below, f"{len(hidden)} more")]
            x += 72
            continue
        captions = _shortened(block.name, shape_text(block.shape), ", ".join(block.details))
        wide = _width(captions, 56.0)
        parts.append(_block(block, x + wide / 2, middle))
        parts += [markup.words(x + wide / 2, below + 14 * line, caption) for line, caption in enumerate(captions)]
        x += wide + 16
    return markup.svg(x, below + 34, "".join(parts), "the network's layers as blocks", shrinks=False)


def _shortened(*lines: str) -> list[str]:
    return [f"{line[:_MOST_LETTERS]}…" if len(line) > _MOST_LETTERS + 1 else line for line in lines if line]


def _width(captions: list[str], least: float) -> float:
    return max(least, 6.0 * max(map(len, captions)))


def _size(block: Block) -> tuple[float, float, float]:
    """Height, depth and width in pixels."""
    height, depth, width = (_UNIT * size for size in extent(block))
    return min(height, 90.0), min(0.35 * depth, 20.0), min(max(width, 9.0), 50.0)


def _block(block: Block, centre: float, middle: float) -> str:
    """A box; of images with a side and a top, of vectors a bar."""
    height, depth, width = _size(block)
    x, y = centre - width / 2 - depth / 2, middle - height / 2 + depth / 2
    look = f'fill="{_COLOURS[block.kind]}" fill-opacity="0.55" stroke="currentColor"'
    box = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {look}/>'
    if depth < 1:
        return box
    d = f"{depth:.1f}"
    top = f'<path d="M{x:.1f} {y:.1f}l{d} -{d}h{width:.1f}l-{d} {d}z" {look}/>'
    side = f'<path d="M{x + width:.1f} {y:.1f}l{d} -{d}v{height:.1f}l-{d} {d}z" {look}/>'
    return box + top + side


def _neurons_svg(columns: list[Column]) -> str:
    """Circles and their connections: blue and dashed for weights below 0, the thicker the larger."""
    step, top = 24.0, 14.0
    captions = [_shortened(c.name, f"{c.units}" + "".join(f", {detail}" for detail in c.details[:1])) for c in columns]
    gap = max(_width(lines, 84.0) for lines in captions) + 6
    height = step * max(column.units for column in columns)
    largest = max(np.abs(c.kernel).max(initial=0) for c in columns if c.kernel is not None) or 1.0

    def place(index: int, unit: int, units: int) -> tuple[float, float]:
        return gap / 2 + index * gap, top + height / 2 + step * (unit - (units - 1) / 2)

    lines, circles = [], []
    for index, column in enumerate(columns):
        centres = [place(index, unit, column.units) for unit in range(column.units)]
        circles += [f'<circle cx="{x:.0f}" cy="{y:.1f}" r="7" fill="#999" stroke="currentColor"/>' for x, y in centres]
        below = enumerate(captions[index], 1)
        circles += [markup.words(gap / 2 + index * gap, top + height + 14 * line, caption) for line, caption in below]
        if column.kernel is None:
            continue
        for (before, unit), weight in np.ndenumerate(column.kernel):
            share = abs(float(weight)) / largest
            (x, y), (x2, y2) = place(index - 1, before, columns[index - 1].units), centres[unit]
            look = f'stroke="{markup.VERMILION}"' if weight > 0 else f'stroke="{markup.BLUE}" stroke-dasharray="4 2"'
            if np.isfinite(share):
                opacity = f'stroke-width="{0.4 + 2.2 * share:.2f}" stroke-opacity="{0.25 + 0.75 * share:.2f}"'
                lines.append(f'<path d="M{x:.0f} {y:.1f}L{x2:.0f} {y2:.1f}" {look} {opacity}/>')
    label = "the network's neurons, with lines for the weights: orange above 0, blue and dashed below"
    return markup.svg(gap * len(columns), top + height + 34, "".join(lines + circles), label, shrinks=False)
