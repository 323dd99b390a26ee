"""The mistakes of a text classifier, with the words that decided, for the report of `tl try`.

Words are judged by leaving each of them out (occlusion: Li, Monroe and Jurafsky, "Understanding
Neural Networks through Representation Erasure", 2016, arXiv:1612.08220), which needs nothing but
answers and so means the same for TF-IDF and for a network:

    weight(word) = log p(answer | text) - log p(answer | text without the word)
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from tlhelpers.data.layout import shown
from tlhelpers.data.own import PlacedSplit
from tlhelpers.train.engine import predict

MOST_WORDS, MARKED, SHOWN = 40, 3, 300  # looked at, marked, characters shown of a text
LEAST_WEIGHT = 0.05
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


def quoted(
    model: nn.Module, split: PlacedSplit, rows: Sequence[int], answers: Tensor, quotes: bool
) -> Iterator[str]:
    """Each text as HTML with the words marked that spoke for its answer (n,), and its place; or
    the place alone."""
    for row in rows:
        if not quotes:
            yield html.escape(str(split.paths[row]))
            continue
        words = split.inputs[row]
        deciding = deciding_words(model, words, int(answers[row]))
        place = html.escape(shown("/".join(split.paths[row].parts[-2:])))
        said = _marked(words[:SHOWN], deciding) + ("…" if len(words) > SHOWN else "")
        yield f"{said}<br><small>{place}</small>"


def _marked(words: str, deciding: Sequence[tuple[int, int, float]]) -> str:
    parts, done = [], 0
    for start, end, _ in sorted(deciding):
        marked = f"<mark>{html.escape(words[start:end])}</mark>"
        parts += [html.escape(words[done:start]), marked]
        done = end
    return "".join([*parts, html.escape(words[done:])]).replace("\n", "<br>")
