"""What Sphinx lacks here: formulas that need no script, and a search that knows Japanese."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.search import SearchLanguage
from sphinx.writers.html5 import HTML5Translator

KANA_KANJI = r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u3005]"
RUNS = re.compile(rf"{KANA_KANJI}+|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u3005]+")
JAPANESE = re.compile(KANA_KANJI)


class Pairs(SearchLanguage):
    """Japanese is indexed and asked for by pairs of characters: no dictionary, nothing missed."""

    lang = "ja"
    language_name = "Japanese"
    js_splitter_code = Path(__file__).with_name("search.js").read_text(encoding="utf-8")

    def split(self, input: str) -> list[str]:
        """The words of Latin script, and the pairs of the rest."""
        found = []
        for run in RUNS.findall(input):
            if JAPANESE.match(run) and len(run) > 1:
                found += [run[k : k + 2] for k in range(len(run) - 1)]
            else:
                found.append(run)
        return found

    def word_filter(self, stemmed_word: str) -> bool:
        """Whether a word is worth an entry."""
        return len(stemmed_word) > 1 and not stemmed_word.isdigit()


def _inline(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _block(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append(convert(node.astext(), display="block"))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.add_search_language(Pairs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
