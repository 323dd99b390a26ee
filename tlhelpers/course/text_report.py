"""The mistakes of a text classifier, with the words that decided, for the report of `tl try`.

Words are judged by leaving each of them out (occlusion: Li, Monroe and Jurafsky, "Understanding
Neural Networks through Representation Erasure", 2016, arXiv:1612.08220), which needs nothing but
answers and so means the same for TF-IDF and for a network:

    weight(word) = log p(answer | text) - log p(answer | text without the word)
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from torch import Tensor, nn

from tlhelpers.data.own import PlacedSplit
from tlhelpers.runtime.language import text
from tlhelpers.runtime.table import RULE, STYLE
from tlhelpers.train.engine import predict

MOST_WORDS, MARKED, SHOWN = 40, 3, 300  # looked at, marked, characters shown of a text
LEAST_WEIGHT = 0.05
COLUMNS = ("report.column_true", "report.column_answer")
# Words where there are spaces; runs of one script in Japanese, which has none.
WORD = re.compile(
    "[a-z0-9\uff10-\uff5a'’]+|[\u30a1-\u30fa\u30fc]+|[\uff66-\uff9f]+|[\u4e00-\u9fff々]+"
    "|[\u3041-\u3096]+|[^\\W\u3041-\u30ff\u4e00-\u9fff]+",
    re.I,
)


def deciding_words(model: nn.Module, words: str, answer: int) -> list[tuple[int, int, float]]:
    """(start, end, weight) of the words that speak most for this answer, the strongest first."""
    spans = [match.span() for match in WORD.finditer(words[:SHOWN])][:MOST_WORDS]
    if len(spans) < 2:
        return []
    without = [words[:start] + words[end:] for start, end in spans]
    scores = predict(model, [words, *without], 16).log_softmax(1)[:, answer]
    weights = (scores[0] - scores[1:]).tolist()
    found = [(*span, weight) for span, weight in zip(spans, weights, strict=True)]
    strong = [one for one in found if one[2] >= LEAST_WEIGHT]
    return sorted(strong, key=lambda one: -one[2])[:MARKED]


def mistakes_table(
    model: nn.Module,
    split: PlacedSplit,
    rows: Sequence[int],
    shares: Tensor,
    names: Sequence[str],
    quotes: bool,
) -> str:
    """A table of these wrong answers as HTML. shares: (n, classes), the model's probabilities.

    quotes: False shows where a text stands instead of what it says.
    """
    said = "report.column_said" if quotes else "report.column_place"
    lines = [_row([html.escape(text(key)) for key in (said, *COLUMNS)], "th")]
    for row in rows:
        answer = int(shares[row].argmax())
        if quotes:
            words = split.inputs[row]
            shown = _marked(words[:SHOWN], deciding_words(model, words, answer))
            shown += "…" if len(words) > SHOWN else ""
        else:
            shown = html.escape(str(split.paths[row]))
        truth = html.escape(names[int(split.labels[row])])
        given = html.escape(f"{names[answer]} ({shares[row, answer]:.0%})")
        lines.append(_row([shown, truth, given], "td"))
    return f'<table style="{STYLE}"><tbody>{"".join(lines)}</tbody></table>'


def _row(cells: Sequence[str], tag: str) -> str:
    head = ' scope="col"' if tag == "th" else ""
    style = f"{RULE};text-align:left;vertical-align:top"
    row = "".join(f'<{tag}{head} style="{style}">{cell}</{tag}>' for cell in cells)
    return f"<tr>{row}</tr>"


def _marked(words: str, deciding: Sequence[tuple[int, int, float]]) -> str:
    parts, done = [], 0
    for start, end, _ in sorted(deciding):
        marked = f"<mark>{html.escape(words[start:end])}</mark>"
        parts += [html.escape(words[done:start]), marked]
        done = end
    return "".join([*parts, html.escape(words[done:])]).replace("\n", "<br>")
