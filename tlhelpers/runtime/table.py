"""The one table: rows of plain values that read well in a terminal and in a notebook.

A column's name says its unit: accuracies are shown as per cent with one decimal place, seconds
with one below ten and none above, other numbers with three significant digits.
"""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tlhelpers.runtime.language import catalogue, text

if TYPE_CHECKING:
    import pandas

RULE = "padding:.2em .8em;border-bottom:1px solid rgba(128,128,128,.25)"
STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;color:inherit"


class Tabular:
    """Base of all that is shown as a table: as text, in a notebook, and as a data frame."""

    upright = False  # whether a row that stands alone is written downwards, a column a line

    def rows(self) -> list[dict[str, Any]]:
        """The lines of the table; all have the same keys, which are the columns."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """Sentences that stand below the table."""
        return []

    def to_frame(self) -> pandas.DataFrame:
        """The table as a pandas DataFrame.

        Raises ImportError where pandas, which the course does not require, is absent.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(text("table.pandas_missing")) from error
        return pandas.DataFrame(self.rows())

    def __str__(self) -> str:
        rows = self.rows()
        return "\n".join([as_text(rows, self.upright and len(rows) == 1), *self.notes()])

    def _repr_html_(self) -> str:
        rows = self.rows()
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes())
        return as_html(rows, self.upright and len(rows) == 1) + notes


class Table(Tabular, list):
    """A list of rows; each row is a dict with the same keys, which are the columns."""

    def rows(self) -> list[dict[str, Any]]:
        return list(self)


def as_text(rows: Sequence[Mapping[str, Any]], upright: bool = False) -> str:
    """The table for a terminal; upright: a line for each column of the only row."""
    cells = _cells(rows, upright)
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(c + " " * (w - width(c)) for c, w in zip(line, widths, strict=True))
        for line in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def as_html(rows: Sequence[Mapping[str, Any]], upright: bool = False) -> str:
    """The same for a notebook; numbers stand at the right."""
    cells = _cells(rows, upright)
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


def label(column: str) -> str:
    """The learner's word for a column (`[label.column]` of any room), else its name."""
    key = f"label.{column}"
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


def _cells(rows: Sequence[Mapping[str, Any]], upright: bool) -> list[list[str]]:
    if upright:
        return [[label(c), shown(value, c)] for c, value in rows[0].items()]
    header = [label(column) for column in rows[0]] if rows else []
    return [header, *([shown(value, c) for c, value in row.items()] for row in rows)]
