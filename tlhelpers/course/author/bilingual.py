"""Code cells whose words are given in both languages, and the proof that nothing else differs.

The source holds the English code. Comment lines that begin with `# ja:` replace, in the Japanese
notebook, as many lines directly above them:

    # How many weights move?
    # ja: # 動く重みはいくつでしょうか。
    print(f"{count:,} weights, {share:.0%} of them trained")
    # ja: print(f"重み {count:,} 個のうち、学習するのは {share:.0%} です")

Only words may differ: string literals, the text and the order inside an f-string, comments.
"""

from __future__ import annotations

import ast
import itertools
import re
from typing import Any

JAPANESE_LINE = re.compile(r"^(\s*)# ja:(?: (.*))?$")
JAPANESE = re.compile(r"[\u3000-\u30ff\u4e00-\u9fff\uff01-\uffee]")


def in_languages(code: str) -> dict[str, str]:
    """{"ja": code, "en": code}, line by line the same but for the words.

    Raises ValueError, with the line, where a `# ja:` line has none above it to replace.
    """
    english: list[str] = []
    japanese: list[str] = []
    waiting: list[str] = []  # `# ja:` lines of the run that is being read

    def replace() -> None:
        if len(waiting) > len(english):
            raise ValueError(waiting[0])
        japanese[len(japanese) - len(waiting) :] = waiting
        waiting.clear()

    for line in code.splitlines():
        if found := JAPANESE_LINE.match(line):
            waiting.append((found[1] + (found[2] or "")).rstrip())
            continue
        replace()
        english.append(line)
        japanese.append(line)
    replace()
    return {"ja": "\n".join(japanese), "en": "\n".join(english)}


def words(sources: dict[str, str]) -> dict[str, str]:
    """{language: the lines that differ}: what a translator looks at."""
    pairs = zip(*(sources[lang].splitlines() for lang in ("ja", "en")), strict=True)
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    return {lang: "\n".join(pair[i] for pair in differing) for i, lang in enumerate(("ja", "en"))}


def difference(sources: dict[str, str]) -> int | None:
    """The line on which the two syntax trees differ in more than words; None where they do not.

    Words are string constants and f-strings of the same expressions, in any order, whose Japanese
    text holds Japanese characters (or nothing): so `method="lora"` cannot be translated by mistake.
    Raises SyntaxError where one of them is not Python.
    """
    trees = {lang: ast.parse(source) for lang, source in sources.items()}
    return _differ(trees["ja"], trees["en"], 1)


def _differ(ja: Any, en: Any, line: int) -> int | None:
    line = getattr(en or ja, "lineno", line)
    if (japanese := _said(ja)) and (english := _said(en)):
        same_words = japanese[0] == english[0]
        translated = not japanese[0].strip() or JAPANESE.search(japanese[0])
        same_values = japanese[1] == english[1]
        return None if same_values and (same_words or translated) else line
    if type(ja) is not type(en):
        return line
    if isinstance(ja, ast.AST):
        pairs = [(getattr(ja, name, None), getattr(en, name, None)) for name in ja._fields]
    elif isinstance(ja, list):
        pairs = list(itertools.zip_longest(ja, en))
    else:
        return None if ja == en else line
    return next((found for a, b in pairs if (found := _differ(a, b, line)) is not None), None)


def _said(node: Any) -> tuple[str, list[str]] | None:
    """(the text of a string or f-string, its expressions, sorted); None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value, []
    if isinstance(node, ast.JoinedStr):
        literal = [part.value for part in node.values if isinstance(part, ast.Constant)]
        values = [ast.dump(part) for part in node.values if not isinstance(part, ast.Constant)]
        return "".join(map(str, literal)), sorted(values)
    return None
