"""The questions of a quiz: three kinds, how each is read from its table and judged.

A choice has one right option; a number is right within a tolerance; a prediction is a number that
the learner commits to before the code is run, and is never wrong: it is near or far.
"""

from __future__ import annotations

import contextlib
import html
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.language import said as in_language

KINDS = ("choice", "number", "predict")
Sentence = Mapping[str, str]  # {"en": ..., "ja": ...}


@dataclass(frozen=True)
class Option:
    """One answer to choose, and why it is right or wrong."""

    says: Sentence
    why: Sentence
    right: bool = False


@dataclass(frozen=True)
class Feedback:
    """What is said to an answer: whether it counts as right, and one or more sentences."""

    right: bool
    headline: str
    why: str


@dataclass(frozen=True)
class Question:
    """One question, in both languages."""

    key: str
    kind: str
    ask: Sentence
    options: tuple[Option, ...] = ()
    answer: float = 0.0
    tolerance: float = 0.0
    unit: Sentence | None = None
    why: Sentence | None = None
    mistakes: tuple[tuple[float, Sentence], ...] = ()
    code: str = ""

    def judge(self, given: float | int | str) -> Feedback:
        """given: the position of the chosen option, or the number as it was typed.

        Raises ValueError where a number was asked for and none was given.
        """
        if self.kind == "choice":
            chosen = self.options[int(given)]
            headline = text("quiz.right" if chosen.right else "quiz.wrong")
            return Feedback(chosen.right, headline, said(chosen.why))
        number = read_number(given)
        near = abs(number - self.answer) <= self.tolerance + 1e-9 * abs(self.answer)
        answer = f"{show_number(self.answer)}{said(self.unit) if self.unit else ''}"
        if self.kind == "predict":
            key = "quiz.predicted_near" if near else "quiz.predicted_far"
            headline = text(key, given=show_number(number), answer=answer)
            return Feedback(True, headline, said(self.why))
        if near:
            return Feedback(True, text("quiz.right"), said(self.why))
        for value, why in self.mistakes:
            if abs(number - value) <= 1e-9 * abs(value):
                return Feedback(False, text("quiz.wrong"), said(why))
        return Feedback(False, text("quiz.wrong_number"), "")

    def solution(self) -> str:
        """The right answer and its explanation, as one text."""
        if self.kind == "choice":
            right = next(option for option in self.options if option.right)
            return f"{said(right.says)} — {said(right.why)}"
        unit = said(self.unit) if self.unit else ""
        return f"{show_number(self.answer)}{unit} — {said(self.why)}"


def read_question(table: Mapping, where: str) -> Question:
    """The question of a TOML table. Raises ValueError that says where the form is broken."""

    def sentence(holder: Mapping, name: str) -> Sentence:
        found = holder.get(name)
        if not isinstance(found, Mapping) or not all(found.get(lang) for lang in LANGUAGES):
            raise ValueError(text("quiz.form_sentence", where=where, name=name))
        return found

    kind = table.get("kind")
    if kind not in KINDS or not table.get("key"):
        raise ValueError(text("quiz.form_kind", where=where, known=", ".join(KINDS)))
    ask = sentence(table, "ask")
    if kind == "choice":
        options = tuple(
            Option(
                sentence({"option": entry}, "option"),
                sentence(entry, "why"),
                bool(entry.get("right")),
            )
            for entry in table.get("option", [])
        )
        if sum(option.right for option in options) != 1 or len(options) < 2:
            raise ValueError(text("quiz.form_option", where=where))
        return Question(table["key"], kind, ask, options)
    if not isinstance(table.get("answer"), int | float):
        raise ValueError(text("quiz.form_answer", where=where))
    return Question(
        table["key"],
        kind,
        ask,
        answer=table["answer"],
        tolerance=table.get("tolerance", 0),
        unit=table.get("unit"),
        why=sentence(table, "why"),
        mistakes=tuple((e["value"], sentence(e, "why")) for e in table.get("mistake", [])),
        code=table.get("code", "").strip(),
    )


def said(sentence: Sentence | None) -> str:
    """The sentence in the learner's language; nothing where there is none."""
    return "" if sentence is None else in_language(sentence)


def read_number(given: float | int | str) -> float:
    """A number as learners write it: 2,565 and 83% and full-width digits. Raises ValueError."""
    if not isinstance(given, str):
        return float(given)
    import unicodedata

    plain = unicodedata.normalize("NFKC", given).replace("\N{MINUS SIGN}", "-")
    plain = plain.strip().rstrip("%").replace(" ", "")
    return float(re.sub(r",(?=\d{3}\b)", "", plain).replace(",", "."))


def show_number(number: float) -> str:
    """2565 and not 2565.0; four digits where there is a fraction."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:.4g}"


def run_code(code: str) -> str:
    """What the code prints, run on its own. Raises what the code raises."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "<quiz>", "exec"), {"__name__": "__quiz__"})
    return printed.getvalue().strip()


def as_html(sentence: str) -> str:
    """Escaped, with `code` and **bold** as in Markdown."""
    safe = html.escape(sentence, quote=False)
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe)
