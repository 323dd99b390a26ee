"""The rows of a benchmark, and the table that they make."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass

import torch

from tlhelpers.runtime.language import text


@dataclass
class Row:
    """One line of the table; `limit` is the bar (at most, or at least), None without one."""

    name: str
    values: list[float]
    unit: str = ""
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def holds(self) -> bool | None:
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def cells(self) -> list[str]:
        spread = f"{min(self.values):.3g} – {max(self.values):.3g}" if len(self.values) > 1 else ""
        bar = "" if self.limit is None else f"{'≥' if self.at_least else '≤'} {self.limit:g}"
        held = {None: "", True: text("bench.held"), False: text("bench.missed")}[self.holds]
        return [self.name, f"{self.value:.3g} {self.unit}".strip(), spread, bar, held, self.note]


def write_table(rows: list[Row], how: str = "bench.how", device: str = "") -> str:
    """The table in Markdown, with the machine (and `device`) it was measured on.

    how: the key of the sentence that says how.
    """
    names = ("name", "median", "spread", "bar", "verdict", "note")
    table = [[text(f"bench.{name}") for name in names], ["---"] * len(names)]
    table += [row.cells() for row in rows]
    lines = ["| " + " | ".join(cells) + " |" for cells in table]
    where = text(
        "bench.machine",
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        python=platform.python_version(),
    )
    return "\n".join(
        [f"# {text('bench.title')}", "", text(how), "", f"{where} {device}".strip(), "", *lines, ""]
    )
