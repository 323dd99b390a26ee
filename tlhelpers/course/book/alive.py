"""Widgets, quizzes and predictions that answer without a kernel.

In JupyterLab their pages (`explorer.js` and its like) talk to Python. In the book the same pages
talk to a small stand-in (`book.js`), which looks the answer up: the pictures of every state of a
widget, and what is said to each answer of a quiz, are computed here, once.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlhelpers.course import quizzes
from tlhelpers.course.syllabus import part
from tlhelpers.course.widgets import widget
from tlhelpers.runtime.language import text
from tlhelpers.show import prompt, quiz
from tlhelpers.show.prompt import Prompt
from tlhelpers.show.questions import Question, as_html, said, show_number
from tlhelpers.show.quiz import Quiz
from tlhelpers.show.widgets import explorer, page
from tlhelpers.show.widgets.explorer import Explorer
from tlhelpers.show.widgets.page import Shown

MOST_BYTES = 1_000_000  # of a widget's pictures; whatever lies beyond needs the notebook
FIRST = 256  # the letter that stands for the first piece of a picture, and so on
TAG = re.compile(r"[^>]*>|[^>]+$")  # a picture, cut after every tag
PAGES = {"explorer": explorer.SCRIPT, "quiz": quiz.SCRIPT, "prompt": prompt.SCRIPT}
STYLES = (explorer.STYLE, quiz.STYLE)
IMAGE = re.compile(r"data:image/[^\"')]+")
TARGET = re.compile(r'data-set="([^"]+)" data-value="([^"]+)"')


def shown_by(source: str) -> Shown | None:
    """The widget, quiz or prediction that a cell shows; None for every other cell."""
    match = re.search(r"^tl\.(widget|quiz|strategy_map|predict_first)\(", source, re.MULTILINE)
    if match is None:
        return None
    call = next(
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == match[1]
    )
    try:
        given = [ast.literal_eval(value) for value in call.args]
        named = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except ValueError:  # made of what the lesson has computed
        return None
    if match[1] == "predict_first":
        named["choices"] = tuple(named.get("choices", ()))
        return Prompt(given[1], **named)
    if match[1] == "quiz":
        return Quiz(given[0], quizzes.read_quiz(given[0]), learner="book")
    if match[1] == "strategy_map":
        return part("00", "strategy").strategy_map()  # type: ignore[union-attr]
    return widget(*given)


def record(shown: Shown) -> dict[str, Any] | None:
    """What `book.js` needs to bring it to life; None where that takes a network at work."""
    if isinstance(shown, Explorer):
        return _of_explorer(shown)
    if isinstance(shown, Quiz):
        return _of_quiz(shown)
    if isinstance(shown, Prompt):
        return _of_prompt(shown)
    return None


def script(name: str, known: Mapping[str, Any]) -> str:
    """A line of JavaScript that puts a record where `book.js` finds it."""
    content = json.dumps(known, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return f"(window.tlRecords ??= {{}})[{json.dumps(name)}] = {content};\n"


def library() -> str:
    """The pages' scripts as one plain script: a module cannot be read from a USB stick."""
    frame = page.FRAME.read_text(encoding="utf-8")
    kinds = []
    for kind, file in PAGES.items():
        body = frame + file.read_text(encoding="utf-8").replace("export default", "return")
        kinds.append(f"{kind}: (() => {{\n{body}}})()")
    stand_in = Path(__file__).with_name("book.js").read_text(encoding="utf-8")
    joined = ",\n".join(kinds)
    return f"window.tlPages = {{\n{joined}\n}};\n{stand_in}"


def styles() -> str:
    """The pages' styles, and those of the book."""
    own = Path(__file__).with_name("book.css")
    return "".join(file.read_text(encoding="utf-8") for file in (*STYLES, own))


def _of_explorer(shown: Explorer) -> dict[str, Any]:
    """Every state that can be reached by its controls and by clicks, as far as MOST_BYTES go."""
    start = dict(shown.positions)
    moves = [
        dict(zip((c.name for c in shown.controls), places, strict=True))
        for places in itertools.product(*(range(len(c.options)) for c in shown.controls))
    ]
    waiting = [start, *({**start, **move} for move in moves)]
    views: dict[str, dict[str, str]] = {}
    images: dict[str, int] = {}
    pieces: dict[str, int] = {}  # of which all pictures are made: they share most of their tags
    size = 0
    for positions in waiting:  # grows while it is walked
        key = "/".join(str(place) for place in positions.values())
        if key in views or (shown.picks and size > MOST_BYTES):
            continue
        shown.positions = positions
        view = shown.view()
        picture = IMAGE.sub(
            lambda found: f"tl-image:{images.setdefault(found[0], len(images))}", view.picture
        )
        made_of = (pieces.setdefault(tag, len(pieces)) for tag in TAG.findall(picture))
        views[key] = {"picture": "".join(chr(FIRST + k) for k in made_of), "says": view.says}
        size += len(picture)
        for name, value in TARGET.findall(picture):
            waiting.append({**positions, name: int(value)})
    shown.positions = start
    state = _state(shown) | {"can_run": False, "positions": start}
    needs = text("book.needs_notebook")
    return {
        "kind": "explorer",
        "state": state,
        "views": views,
        "pieces": [*pieces],
        "images": [*images],
        "needs": needs,
    }


def _of_quiz(shown: Quiz) -> dict[str, Any]:
    judged = {question.key: _judged(question) for question in shown.questions}
    printed = {one.key: shown.run(one.key) for one in shown.questions if one.code}
    no_number = as_html(text("quiz.no_number"))
    unread = {"right": None, "headline": no_number, "why": ""}
    state = _state(shown)
    return {"kind": "quiz", "state": state, "judged": judged, "printed": printed, "unread": unread}


def _judged(question: Question) -> dict[str, Any]:
    """What is said to each answer: options by their place, or numbers by their bounds."""
    if question.kind == "choice":
        answers = [_said(question.judge(place)) for place in range(len(question.options))]
        return {"options": answers}
    slack = question.tolerance + 1e-9 * abs(question.answer)
    near = [question.answer - slack, question.answer + slack]
    if question.kind == "predict":
        unit = said(question.unit) if question.unit else ""
        answer = f"{show_number(question.answer)}{unit}"
        feedback = [
            {
                "right": True,
                "headline": as_html(text(f"quiz.predicted_{how}", given="%GIVEN%", answer=answer)),
                "why": as_html(said(question.why)) if question.why else "",
            }
            for how in ("near", "far")
        ]
        return {"bounds": [[*near, feedback[0]]], "other": feedback[1]}
    bounds = [[*near, _said(question.judge(question.answer))]]
    for value, _ in question.mistakes:
        bounds.append(
            [*sorted((value * (1 - 1e-9), value * (1 + 1e-9))), _said(question.judge(value))]
        )
    other = {"right": False, "headline": as_html(text("quiz.wrong_number")), "why": ""}
    return {"bounds": bounds, "other": other}


def _said(feedback: Any) -> dict[str, Any]:
    headline, why = as_html(feedback.headline), as_html(feedback.why)
    return {"right": feedback.right, "headline": headline, "why": why}


def _of_prompt(shown: Prompt) -> dict[str, Any]:
    kept = text("prediction.kept", given="%GIVEN%")
    return {"kind": "prompt", "state": _state(shown) | {"reply": ""}, "kept": kept}


def _state(shown: Shown) -> dict[str, Any]:
    """The values that the page reads: those traits that `make_page` gave it."""
    from anywidget import AnyWidget

    form = shown.widget  # type: ignore[attr-defined]
    own = set(form.traits(sync=True)) - set(AnyWidget.class_traits(sync=True))
    return {name: getattr(form, name) for name in sorted(own) if not name.startswith("_")}
