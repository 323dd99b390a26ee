"""A small table of plain values that reads well in a terminal and in a notebook."""

from __future__ import annotations

import html
import unicodedata

from tlhelpers.runtime.language import catalogue, text


class Table(list):
    """A list of rows; each row is a dict with the same keys, which are the columns."""

    def _cells(self) -> list[list[str]]:
        """The header and the rows as strings; headers are translated where a sentence exists."""
        columns = list(self[0]) if self else []
        known = catalogue()
        header = [text(f"table.{c}") if f"table.{c}" in known else c for c in columns]
        return [header, *([_shown(row[c]) for c in columns] for row in self)]

    def __str__(self) -> str:
        cells = self._cells()
        widths = [max(_width(row[i]) for row in cells) for i in range(len(cells[0]))]
        return "\n".join(
            "  ".join(
                cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in cells
        )

    def _repr_html_(self) -> str:
        header, *rows = self._cells()
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def to_frame(self):
        """The same as a pandas DataFrame (pandas must be installed)."""
        import pandas

        return pandas.DataFrame(list(self))


def _width(cell: str) -> int:
    """Columns of a terminal: Japanese characters take two."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in cell)


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
