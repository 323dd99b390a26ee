"""The one table: rows of plain values that read well in a terminal and in a notebook.

A column's name says its unit: accuracies are shown as per cent with one decimal place, seconds
with one below ten and none above, other numbers with three significant digits.
"""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from tlhelpers.runtime.language import catalogue, text

RULE = "padding:.2em .8em;border-bottom:1px solid rgba(128,128,128,.25)"
STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;color:inherit"


class Table(list):
    """A list of rows; each row is a dict with the same keys, which are the columns."""

    def __str__(self) -> str:
        return as_text(self, "table")

    def _repr_html_(self) -> str:
        return as_html(self, "table")

    def to_frame(self):
        """The same as a pandas DataFrame (pandas must be installed)."""
        import pandas

        return pandas.DataFrame(list(self))


def as_text(rows: Sequence[Mapping[str, Any]], words: str, upright: bool = False) -> str:
    """The table for a terminal; upright: a line for each column of the only row."""
    cells = _cells(rows, words, upright)
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(c + " " * (w - width(c)) for c, w in zip(line, widths, strict=True))
        for line in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def as_html(rows: Sequence[Mapping[str, Any]], words: str, upright: bool = False) -> str:
    """The same for a notebook; numbers stand at the right."""
    cells = _cells(rows, words, upright)
    parts = []
    for r, line in enumerate(cells):
        tags = []
        for c, cell in enumerate(line):
            head = c == 0 if upright else r == 0
            value = cells[-1][c] if head and not upright else cell  # a header stands as its column
            side = "left" if value[:1].isalpha() else "right"
            style = f"{RULE};text-align:{side};font-weight:{600 if head else 400}"
            tag = f'th scope="{"row" if upright else "col"}"' if head else "td"
            tags.append(f'<{tag} style="{style}">{html.escape(cell)}</{tag[:2]}>')
        parts.append(f"<tr>{''.join(tags)}</tr>")
    return f'<table class="tl-result" style="{STYLE}"><tbody>{"".join(parts)}</tbody></table>'


def label(column: str, words: str = "label") -> str:
    """The learner's word for a column (`[label.column]` or `[table.column]`), else its name."""
    key = f"table.{column}" if words == "table" else f"label.{column}"
    return text(key) if key in catalogue() else column


def shown(value: Any, column: str = "") -> str:
    """One value as it stands in a cell of this column."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _number(value, column)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={shown(entry, column)}" for key, entry in value.items())
    if hasattr(value, "tolist"):  # an array or a tensor
        return shown(value.tolist(), column)
    if isinstance(value, (list, tuple)):
        matrix = any(isinstance(entry, (list, tuple)) for entry in value)
        return ("; " if matrix else ", ").join(shown(entry, column) for entry in value)
    return str(value)


def is_share(column: str) -> bool:
    """Whether a column holds accuracies, numbers from 0 to 1."""
    return column in ("chance", "per_class") or column.endswith(("_acc", "accuracy", "accuracies"))


def width(cell: str) -> int:
    """Columns of a terminal: Japanese characters take two."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in cell)


def _number(value: float, column: str) -> str:
    if math.isnan(value):
        return "–"
    if is_share(column):
        return f"{value:.1%}"
    if column.endswith("seconds"):
        return f"{value:.1f}" if value < 10 else f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _cells(rows: Sequence[Mapping[str, Any]], words: str, upright: bool) -> list[list[str]]:
    if upright:
        return [[label(c, words), shown(value, c)] for c, value in rows[0].items()]
    header = [label(column, words) for column in rows[0]] if rows else []
    return [header, *([shown(value, c) for c, value in row.items()] for row in rows)]
