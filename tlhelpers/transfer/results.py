"""What every method returns: named numbers that print, tabulate and save themselves.

A result is a dataclass over `Result`. Fields declared with `repr=False` (trained heads, feature
tensors) belong to the object but not to its table. Accuracies are fractions from 0 to 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from tlhelpers.runtime.table import Table, Tabular
from tlhelpers.transfer.intervals import Interval

if TYPE_CHECKING:
    import pandas


@dataclass
class Result(Tabular):
    """Base of all results. A result of many rows overrides `rows`."""

    upright = True

    def to_dict(self) -> dict[str, Any]:
        """The fields as numbers, strings, lists and dicts, ready for JSON."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.repr}

    def rows(self) -> list[dict[str, Any]]:
        """The lines of the table, each {column: value}."""
        return [{f.name: getattr(self, f.name) for f in fields(self) if f.repr}]

    def to_frame(self) -> pandas.DataFrame:
        """The table as a pandas DataFrame; an interval becomes the columns x, x_low and x_high."""
        return Table(map(_spread, self.rows())).to_frame()


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, Result):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def _spread(row: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Interval):
            columns |= {name: value.mean, f"{name}_low": value.low, f"{name}_high": value.high}
        else:
            columns[name] = _plain(value)
    return columns
