"""Widgets, quizzes and predictions that answer without a kernel.

In JupyterLab their pages (`explorer.js` and its like) talk to Python. In the book the same pages
talk to a small stand-in (`book.js`), which looks the answer up: the pictures of every state of a
widget, and what is said to each answer of a quiz, are computed here, once. Of a field to type or to
draw in, these are the pictures of what it offers ready; anything else needs the notebook.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tlhelpers.course import quizzes
from tlhelpers.course.syllabus import part
from tlhelpers.course.widgets import widget
from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import PACKAGE
from tlhelpers.show import prompt, quiz
from tlhelpers.show.prompt import Prompt
from tlhelpers.show.questions import Question, as_html, said, show_number
from tlhelpers.show.quiz import Quiz
from tlhelpers.show.widgets import explorer, pad, page, typed
from tlhelpers.show.widgets.explorer import Explorer
from tlhelpers.show.widgets.pad import Pad
from tlhelpers.show.widgets.page import Shown, View
from tlhelpers.show.widgets.typed import Typed

FIRST = 256  # the letter that stands for the first piece of a picture, and so on
TAG = re.compile(r"[^>]*>|[^>]+$")  # a picture, cut after every tag
PAGES = {
    "explorer": explorer.SCRIPT,
    "typed": typed.SCRIPT,
    "pad": pad.SCRIPT,
    "quiz": quiz.SCRIPT,
    "prompt": prompt.SCRIPT,
}
COMPOSERS = PACKAGE / "lessons"  # in a lesson's folder: scripts that draw what is not kept
STYLES = (explorer.STYLE, quiz.STYLE)
MEDIA = re.compile(r"data:(?:image|audio)/[^\"')]+")
TARGET = re.compile(r'data-set="([^"]+)" data-(value|toggle)="([^"]+)"')


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
    known = _constants(ast.parse(source))
    try:
        given = [_value(value, known) for value in call.args]
        named = {str(word.arg): _value(word.value, known) for word in call.keywords}
    except (ValueError, KeyError):  # made of what the lesson has computed
        return None
    if match[1] == "predict_first":
        named["choices"] = tuple(named.get("choices", ()))
        return Prompt(given[1], **named)
    if match[1] == "quiz":
        return Quiz(given[0], quizzes.read_quiz(given[0]), learner="book")
    if match[1] == "strategy_map":
        return part("00", "strategy").strategy_map()  # type: ignore[union-attr]
    return widget(*given)


def _constants(cell: ast.Module) -> dict[str, Any]:
    """The names to which the cell gives values that stand in its source."""
    known = {}
    for line in cell.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            with contextlib.suppress(ValueError):
                known[line.targets[0].id] = ast.literal_eval(line.value)
    return known


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """A literal, a name of `known`, or `tuple(name.values())`; else ValueError or KeyError."""
    if isinstance(node, ast.Name):
        return known[node.id]
    if match := re.fullmatch(r"tuple\((\w+)\.values\(\)\)", ast.unparse(node)):
        return tuple(known[match[1]].values())
    return ast.literal_eval(node)


def record(shown: Shown) -> dict[str, Any]:
    """What `book.js` needs to bring it to life."""
    kinds: dict[type[Shown], Callable[[Any], dict[str, Any]]] = {
        Explorer: _of_explorer,
        Typed: _of_typed,
        Pad: _of_pad,
        Quiz: _of_quiz,
        Prompt: _of_prompt,
    }
    return kinds[type(shown)](shown)


class _Store:
    """Views as they are kept: media once, and pictures as letters, one for each piece of them."""

    def __init__(self) -> None:
        self.media: dict[str, int] = {}
        self.pieces: dict[str, int] = {}  # pictures share most of their tags

    def keep(self, view: View) -> dict[str, str]:
        """The view, its picture made of letters."""
        picture = MEDIA.sub(
            lambda found: f"tl-media:{self.media.setdefault(found[0], len(self.media))}",
            view.picture,
        )
        made_of = (self.pieces.setdefault(tag, len(self.pieces)) for tag in TAG.findall(picture))
        return {"picture": "".join(chr(FIRST + k) for k in made_of), "says": view.says}

    def kept(self) -> dict[str, Any]:
        """What turns the letters into pictures again, and what is said beyond the last one."""
        needs = text("book.needs_notebook")
        return {"pieces": [*self.pieces], "media": [*self.media], "needs": needs}


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
    own = []
    for file in sorted(COMPOSERS.glob("*/*.js")):
        _, _, function = file.read_text(encoding="utf-8").partition("\n\n")
        own.append(f"{file.stem}: {function}")
    stand_in = Path(__file__).with_name("book.js").read_text(encoding="utf-8")
    joined = ",\n".join(kinds)
    composers = "window.tlComposers = {\n" + ",\n".join(own) + "\n};\n"
    return f"window.tlPages = {{\n{joined}\n}};\n{composers}{stand_in}"


def styles() -> str:
    """The pages' styles, and those of the book."""
    own = Path(__file__).with_name("book.css")
    return "".join(file.read_text(encoding="utf-8") for file in (*STYLES, own))


def _of_explorer(shown: Explorer) -> dict[str, Any]:
    """Every state that its controls and clicks reach; the first one, and what its own script needs
    to draw the others, where it has one."""
    start = dict(shown.positions)
    moves = [
        dict(zip((c.name for c in shown.controls), places, strict=True))
        for places in itertools.product(*(range(len(c.options)) for c in shown.controls))
    ]
    waiting = [start, *({**start, **move} for move in moves)]
    views: dict[str, dict[str, str]] = {}
    store = _Store()
    for positions in waiting:  # grows while it is walked
        key = "/".join(str(place) for place in positions.values())
        if key in views or (shown.beyond and views):
            continue
        shown.positions = positions
        view = shown.view()
        views[key] = store.keep(view)
        for name, kind, value in TARGET.findall(view.picture):
            then = int(value) if kind == "value" else positions[name] ^ 1 << int(value)
            waiting.append({**positions, name: then})
    shown.positions = start
    state = _state(shown) | {"can_run": False, "positions": start}
    kept = {"kind": "explorer", "state": state, "views": views, **store.kept()}
    if shown.beyond:
        name, data = shown.beyond
        kept |= {"composer": name, "data": data(), "first": next(iter(views))}
    return kept


def _of_typed(shown: Typed) -> dict[str, Any]:
    """What is said to each of the texts that it offers."""
    store = _Store()
    views = {words: store.keep(shown.write(words)) for words in reversed(shown.samples)}
    return {"kind": "typed", "state": _state(shown), "views": views, **store.kept()}


def _of_pad(shown: Pad) -> dict[str, Any]:
    """Every combination of the drawings that it offers, of which a field may also be empty."""
    fields, start = shown.fields, {field: "" for field in shown.fields} | shown.start
    drawn = {field: {"": [], start[field]: shown.drawings[field]} for field in fields}
    for field, name in itertools.product(fields, shown.samples):
        if name not in drawn[field]:
            shown.put_sample(field, name)
            drawn[field][name] = shown.drawings[field]
    store = _Store()
    views = {}
    for names in itertools.product(*(drawn[field] for field in fields)):
        shown.drawings = {
            field: drawn[field][name] for field, name in zip(fields, names, strict=True)
        }
        views["/".join(names)] = store.keep(shown.view())
    shown.drawings = {field: drawn[field][start[field]] for field in fields}
    return {
        "kind": "pad",
        "state": _state(shown),
        "drawn": drawn,
        "views": views,
        **store.kept(),
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
