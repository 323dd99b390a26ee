"""What every method returns: named numbers that print, tabulate and save themselves.

A result is a dataclass over `Result`. Fields declared with `repr=False` (trained heads, feature
tensors) belong to the object but not to its table. Accuracies are fractions from 0 to 1.
"""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from tlhelpers.runtime.language import text
from tlhelpers.runtime.table import as_html, as_text
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
        return as_text(rows, "label", upright=len(rows) == 1)

    def _repr_html_(self) -> str:
        rows = self.rows()
        return as_html(rows, "label", upright=len(rows) == 1)


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
