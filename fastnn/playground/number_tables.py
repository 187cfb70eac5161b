"""Small tables of numbers, formulas and worked examples as HTML."""

from dataclasses import dataclass
from html import escape

import numpy as np

_ROWS, _COLUMNS, _TERMS = 10, 16, 4  # shown at most, in tables and in sums


@dataclass(frozen=True)
class Chosen:
    """What is highlighted, counted from 0: a sample, and an input and a unit of the layer in view."""

    sample: int = 0
    input: int = 0
    unit: int = 0


def number(value: float) -> str:
    """A number with four digits.

    >>> fastnn.playground.number_tables.number(-0.123456), fastnn.playground.number_tables.number(2.0)
    ('−0.1235', '2')
    """
    return f"{value:.4g}".replace("-", "−")


def of_weight(name: str, values: np.ndarray, chosen: Chosen) -> str:
    """W or something of its shape (inputs, units), or b or something of its shape (units,)."""
    rows = "input" if values.ndim == 2 else ""
    return table(name, values if values.ndim == 2 else values[np.newaxis], rows, "unit", chosen)


def table(name: str, values: np.ndarray, rows: str, columns: str, chosen: Chosen) -> str:
    """A small table; of a large one the part around what is chosen."""
    row, column = (getattr(chosen, axis) if axis else None for axis in (rows, columns))
    shown_rows, shown_columns = _part(values.shape[0], row, _ROWS), _part(values.shape[1], column, _COLUMNS)
    head = "".join(f"<th{_mark(j == column)}>{j + 1}</th>" for j in shown_columns) if columns else ""
    lines = [f"<tr><th>{rows}</th>{head}</tr>"] if rows or columns else []
    for i in shown_rows:
        cells = "".join(
            f'<td{_mark(i == row, j == column)} data-at="{i},{j}" title="{values[i, j]!s}">{number(values[i, j])}</td>'
            for j in shown_columns
        )
        lines.append(f"<tr><th{_mark(i == row)}>{i + 1 if rows else ''}</th>{cells}</tr>")
    size = " × ".join(map(str, values.shape))
    cut = len(shown_rows) < values.shape[0] or len(shown_columns) < values.shape[1]
    note = f"{size}, a part of it" if cut else size
    return (
        f'<table data-name="{escape(name)}" data-rows="{rows}" data-columns="{columns}">'
        f"<caption>{escape(name)} <small>{note}</small></caption>{''.join(lines)}</table>"
    )


def sum_of(terms: list[str]) -> str:
    """The first terms, and how many more there are."""
    more = [f"… ({len(terms) - _TERMS} more)"] if len(terms) > _TERMS + 1 else terms[_TERMS:]
    return " + ".join([*terms[:_TERMS], *more])


def signed(value: float) -> str:
    """A number for the inside of a formula."""
    return f"({number(value)})" if value < 0 else number(value)


def difference(value: float) -> str:
    """A number with its sign, for the end of a formula."""
    return f"− {number(-value)}" if value < 0 else f"+ {number(value)}"


def formula_lines(*lines: str) -> str:
    """Formulas, one below the other."""
    text = "".join(f"<div>{escape(line)}</div>" for line in lines)
    return f"<div class='formulas'>{text}</div>"


def example(title: str, *lines: str) -> str:
    """A worked example."""
    text = "".join(f"<div>{escape(line)}</div>" for line in lines)
    return f"<div class='worked'><small>{escape(title)}</small>{text}</div>"


def side_by_side(*tables: str) -> str:
    """Tables next to each other, as far as there is room."""
    return f"<div class='tables'>{''.join(tables)}</div>"


def _part(length: int, chosen: int | None, most: int) -> range:
    start = 0 if chosen is None else max(0, min(chosen - most // 2, length - most))
    return range(start, min(start + most, length))


def _mark(*marked: bool) -> str:
    return {0: "", len(marked): ' class="at"'}.get(sum(marked), ' class="near"')
