"""The table of wrong answers in the report of `tl try`, on texts and on recordings."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from torch import Tensor

from tlhelpers.runtime.language import text
from tlhelpers.runtime.table import RULE, STYLE

COLUMNS = ("report.column_true", "report.column_answer")


def mistakes_table(
    heading: str,
    shown: Iterable[str],
    labels: Tensor,
    rows: Sequence[int],
    shares: Tensor,
    names: Sequence[str],
) -> str:
    """These wrong answers as HTML: what is `shown` of each row (safe HTML), its label, the answer.

    shares: (n, classes), the model's probabilities.
    """
    lines = [[heading, *map(text, COLUMNS)]]
    for row in rows:
        answer = int(shares[row].argmax())
        lines.append([names[int(labels[row])], f"{names[answer]} ({shares[row, answer]:.0%})"])
    # a long name such as pay_bill breaks after its words
    head, *rest = [[html.escape(cell).replace("_", "_<wbr>") for cell in line] for line in lines]
    return markup_table([[one, *line] for one, line in zip(shown, rest, strict=True)], head)


def markup_table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """A table of cells that are safe HTML already."""
    lines = [_row(head, "th")] if head else []
    lines += [_row(row, "td") for row in rows]
    return f'<table style="{STYLE}"><tbody>{"".join(lines)}</tbody></table>'


def _row(cells: Sequence[str], tag: str) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    style = f"{RULE};text-align:left;vertical-align:top"
    row = "".join(f'<{tag}{scope} style="{style}">{cell}</{tag}>' for cell in cells)
    return f"<tr>{row}</tr>"
