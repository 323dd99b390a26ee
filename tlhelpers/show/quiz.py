"""A quiz in the notebook: a form of plain HTML controls, or a sheet where nothing can be asked.

In JupyterLab the questions are fieldsets with radio buttons and number fields, so that keyboard
and screen reader work as on any web page. On GitHub, on paper and in a terminal the same questions
stand as a list with the answers folded below. The answers stay in the kernel until one is given.
"""

from __future__ import annotations

import html
import random
import string
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from tlhelpers.runtime.language import text
from tlhelpers.show.questions import Option, Question, as_html, run_code, said
from tlhelpers.show.widgets.page import Shown, make_page

SCRIPT, STYLE = (Path(__file__).with_name(f"quiz.{kind}") for kind in ("js", "css"))
LABELS = ("answer", "answer_predict", "done", "run", "number", "state", "question")


class Quiz(Shown):
    """The questions of one lesson.

    record: called with a question's key and whether the answer counts; may return a sentence on
    what could not be done. done: the keys of questions that were answered right before.
    learner: whose form it is; another learner's has its options in another order ("": as written).
    """

    def __init__(
        self,
        lesson: str,
        questions: list[Question],
        record: Callable[[str, bool], str | None] = lambda key, right: None,
        done: set[str] | frozenset[str] = frozenset(),
        learner: str = "",
    ):
        self.learner = learner
        self.lesson, self.questions = lesson, questions
        self.record, self.done = record, set(done)

    def answer(self, key: str, given: float | int | str) -> dict:
        """Judges and records an answer; {"right", "headline", "why"}, the last two as HTML."""
        question = next(q for q in self.questions if q.key == key)
        try:
            feedback = question.judge(given)
        except ValueError:
            return {"right": None, "headline": as_html(text("quiz.no_number")), "why": ""}
        why = as_html(feedback.why)
        if feedback.right:
            self.done.add(key)
        if problem := self.record(key, feedback.right):
            why += f"<br>{html.escape(problem)}"
        return {"right": feedback.right, "headline": as_html(feedback.headline), "why": why}

    def run(self, key: str) -> str:
        """What the code of a prediction prints; an error is shown in its place."""
        code = next(q.code for q in self.questions if q.key == key)
        try:
            return run_code(code)
        except Exception as error:
            return text("quiz.code_failed", error=f"{type(error).__name__}: {error}")

    @cached_property
    def widget(self) -> Any:
        """The form, an anywidget."""
        form = make_page(
            SCRIPT,
            STYLE,
            questions=[_for_form(question, self.learner) for question in self.questions],
            labels={name: text(f"quiz.label_{name}") for name in LABELS},
            feedback={},
            printed={},
            done=sorted(self.done),
        )

        def on_message(_: object, message: dict[str, Any], buffers: object) -> None:
            key = message["key"]
            if message.get("run"):
                form.printed = {**form.printed, key: self.run(key)}
            else:
                given = message["value"]
                form.feedback = {**form.feedback, key: {**self.answer(key, given), "given": given}}
                form.done = sorted(self.done)

        form.on_msg(on_message)
        return form

    def still(self) -> dict[str, str]:
        """The sheet, by its media type."""
        return {"text/html": self.sheet()}

    def sheet(self) -> str:
        """The quiz as HTML to read or print, its answers folded."""
        items = []
        for question in self.questions:
            item = f"<p>{as_html(said(question.ask))}</p>"
            if question.code:
                item += f"<pre><code>{html.escape(question.code)}</code></pre>"
            if question.options:
                options = "".join(f"<li>{as_html(said(o.says))}</li>" for o in _mixed(question))
                item += f'<ol type="A">{options}</ol>'
            items.append(f"<li>{item}</li>")
        answers = "".join(f"<li>{as_html(question.solution())}</li>" for question in self.questions)
        return (
            f"<ol>{''.join(items)}</ol><details><summary>{html.escape(text('quiz.answers'))}"
            f"</summary><ol>{answers}</ol></details>"
        )

    def __repr__(self) -> str:
        lines = []
        for number, question in enumerate(self.questions, 1):
            lines.append(f"{number}. {said(question.ask)}")
            lines += [f"     {line}" for line in question.code.splitlines()]
            for letter, option in zip(string.ascii_uppercase, _mixed(question), strict=False):
                lines.append(f"   {letter}. {said(option.says)}")
        return "\n".join(lines)


def _mixed(question: Question) -> list[Option]:
    """The options of a sheet, in an order that tells nothing and is the same on every sheet."""
    options = list(question.options)
    random.Random(question.key).shuffle(options)
    return options


def _for_form(question: Question, learner: str) -> dict:
    """What the page needs of a question: no answers among it."""
    options = [
        {"place": place, "html": as_html(said(option.says))}
        for place, option in enumerate(question.options)
    ]
    if learner:
        random.Random(f"{learner} {question.key}").shuffle(options)
    return {
        "key": question.key,
        "kind": question.kind,
        "ask": as_html(said(question.ask)),
        "options": options,
        "unit": said(question.unit) if question.unit else "",
        "code": question.code,
    }
