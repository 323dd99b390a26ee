"""What every method returns: named numbers that print, tabulate and save themselves.

A result is a dataclass over `Result`. Fields declared with `repr=False` (trained heads, feature
tensors) belong to the object but not to its table. Accuracies are fractions from 0 to 1.
"""

from __future__ import annotations

import html
import unicodedata
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from tlhelpers.runtime.language import catalogue, text
from tlhelpers.transfer.intervals import Interval

if TYPE_CHECKING:
    import pandas


class Result:
    """Base of all results. A result of many rows overrides `rows`."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as numbers, strings, lists and dicts, ready for JSON."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.repr}

    def rows(self) -> list[dict[str, Any]]:
        """The lines of the table, each {column: value}."""
        return [{f.name: getattr(self, f.name) for f in fields(self) if f.repr}]

    def to_frame(self) -> pandas.DataFrame:
        """The table as a pandas DataFrame; an interval becomes the columns x, x_low and x_high.

        Raises ImportError where pandas, which the course does not require, is absent.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(text("result.pandas_missing")) from error
        return pandas.DataFrame([_spread(row) for row in self.rows()])

    def __str__(self) -> str:
        rows = self.rows()
        if len(rows) == 1:
            table = [[label(name), _show(value)] for name, value in rows[0].items()]
        else:
            table = [[label(name) for name in rows[0]]] if rows else []
            table += [[_show(value) for value in row.values()] for row in rows]
        widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
        lines = (
            "  ".join(
                cell + " " * (width - _width(cell))
                for cell, width in zip(line, widths, strict=True)
            )
            for line in table
        )
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        rows = self.rows()
        if len(rows) == 1:
            body = [_line([(label(name), "th"), (value, "td")]) for name, value in rows[0].items()]
        else:
            body = [_line([(label(name), "th") for name in rows[0]])] if rows else []
            body += [_line([(value, "td") for value in row.values()]) for row in rows]
        style = "border-collapse:collapse;font-variant-numeric:tabular-nums;color:inherit"
        return f'<table class="tl-result" style="{style}"><tbody>{"".join(body)}</tbody></table>'


def label(name: str) -> str:
    """The learner's word for a field (`[label.name]` in the catalogues), else the name itself."""
    return text(f"label.{name}") if f"label.{name}" in catalogue() else name


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    if is_dataclass(value):
        return _plain(value.to_dict() if isinstance(value, Result) else asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def _spread(row: dict[str, Any]) -> dict[str, Any]:
    columns = {}
    for name, value in row.items():
        if isinstance(value, Interval):
            columns |= {name: value.mean, f"{name}_low": value.low, f"{name}_high": value.high}
        else:
            columns[name] = _plain(value)
    return columns


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}={_show(entry)}" for key, entry in value.items())
    if isinstance(value, Tensor):
        return _show(value.tolist())
    if isinstance(value, (list, tuple)):
        matrix = any(isinstance(entry, (list, tuple)) for entry in value)
        return ("; " if matrix else ", ").join(map(_show, value))
    return str(value)


def _width(cell: str) -> int:
    """Columns that the cell takes in a terminal: a Japanese character takes two."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in cell)


def _line(cells: list[tuple[Any, str]]) -> str:
    rule = "padding:.2em .8em;border-bottom:1px solid rgba(128,128,128,.25)"
    parts = []
    for value, tag in cells:
        side = "right" if isinstance(value, (int, float, Interval)) else "left"
        style = f"{rule};text-align:{side};font-weight:{'600' if tag == 'th' else '400'}"
        parts.append(f'<{tag} style="{style}">{html.escape(_show(value))}</{tag}>')
    return f"<tr>{''.join(parts)}</tr>"
