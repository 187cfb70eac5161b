"""The table that `model.summary()` prints, in Keras's form."""

import io
import math
from typing import TYPE_CHECKING

from ..engine.parameters import trained_weights
from ..markup import printable

if TYPE_CHECKING:
    from ..layers.stack import Stack


def _size(count: float, itemsize: int) -> str:
    size, units = count * itemsize, ["B", "KB", "MB", "GB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.2f} {units[0]}"


def summary(model: "Stack") -> str:
    """Layers, output shapes and parameters as a table, then the totals."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("Layer (type)", "Output Shape", show_lines=True, width=80)
    table.add_column("Param #", justify="right")
    for layer in model.layers:
        shape = str(layer.output_shape) if layer.built else "?"
        count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        table.add_row(Text(printable(f"{layer.name} ({type(layer).__name__})")), shape, count)  # without markup
    text = io.StringIO()
    # In a notebook rich would show the table at once, instead of writing it into the text.
    Console(file=text, width=80, color_system=None, force_jupyter=False).print(table)
    trainable = sum(math.prod(p.shape) for p in trained_weights(model.layers))
    total, itemsize = model.count_params(), model.dtype.itemsize
    counts = {"Total": total, "Trainable": trainable, "Non-trainable": total - trainable}
    lines = [f" {name} params: {count:,} ({_size(count, itemsize)})" for name, count in counts.items()]
    return "\n".join([f'Model: "{printable(model.name)}"', text.getvalue().rstrip("\n"), *lines])
