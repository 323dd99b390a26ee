"""`tl slides 03`: a lesson as slides, one file of HTML that needs no network.

The slides follow from the built lesson: its diagrams, predictions, widgets and result figures, one
a slide, each headed by its finding. What the lesson says below a figure becomes the speaker's notes
(key S), and the teacher's part those of the first slide. They are shown by reveal.js: arrows move,
F fills the screen, and `?print-pdf` in the address lays them out for a PDF.
"""

from __future__ import annotations

import html
import importlib.util
import re
import sys
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from tlhelpers.course.book import alive
from tlhelpers.course.book.command import BookError, speaking
from tlhelpers.course.cli import Parser
from tlhelpers.course.syllabus import lessons
from tlhelpers.runtime.language import LANGUAGES, language, text
from tlhelpers.runtime.places import LESSONS, ROOT
from tlhelpers.runtime.store import require_writable, write_atomic

NEEDED = ("sphinx_revealjs", "markdown_it", "mdit_py_plugins", "latex2mathml")
HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
FINDING = re.compile(r"^\*\*(.+?)\*\*", re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\.ipynb[^)]*\)")  # leads nowhere from a slide
PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "text/html")


@dataclass
class Slide:
    """One slide: its title and body as HTML, and what the speaker says."""

    title: str
    body: str
    notes: list[str] = field(default_factory=list)


def make_slides(number: str) -> str:
    """The slides of lesson "03" in the learner's language, as one page of HTML.

    Raises BookError where a package lacks, ValueError where there is no such lesson.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise BookError(text("book.packages", names=", ".join(missing)))
    if number not in lessons():
        raise ValueError(text("slides.unknown", number=number, known=", ".join(lessons())))
    one, lang = lessons()[number], language()
    notebook = nbformat.read(LESSONS / lang / f"{one.name}.ipynb", as_version=4)
    records: dict[str, Any] = {}
    slides = _slides_of(notebook.cells, records)
    return _page(f"{number} {one.title[lang]}", slides, records)


def _slides_of(cells: list[NotebookNode], records: dict[str, Any]) -> list[Slide]:
    slides: list[Slide] = []
    section = ""
    teacher = [cell.source for cell in cells if "teacher" in cell.metadata.get("tags", [])]
    for cell, after in zip(cells, [*cells[1:], None], strict=True):
        tags = cell.metadata.get("tags", [])
        if "deeper" in tags:
            break
        if {"teacher", "solution", "claim"} & set(tags):
            continue
        follows = after.source if after is not None and after.cell_type == "markdown" else ""
        if cell.cell_type == "markdown":
            if found := HEADING.findall(cell.source):
                section = found[-1]
            own = cell.id == "summary" or cell.id.startswith("exercise") or not slides
            before, body = _last_section(cell.source) if own else (cell.source, "")
            if before.strip() and slides:
                slides[-1].notes.append(before)
            if body:
                slides.append(Slide(_inline(section), _block(body)))
        elif shown := alive.shown_by(cell.source):
            records[cell.id] = alive.record(shown)
            still = "".join(shown.still().values())
            still = f'<div class="tl-record" data-record="{cell.id}">{still}</div>'
            kind = records[cell.id]["kind"]
            title = text("slides.quiz") if kind == "quiz" else _inline(section)
            slides.append(Slide(title, f'<div class="tl-shows-{kind}">{still}</div>'))
        else:
            finding = FINDING.match(follows)
            title = _inline(finding[1] if finding else section)
            slides += [Slide(title, picture) for picture in _pictures(cell)]
    slides[0].notes = teacher + slides[0].notes
    return slides


def _last_section(source: str) -> tuple[str, str]:
    """What stands before the last heading, and what follows it: exercises may end other prose."""
    found = [*HEADING.finditer(source)]
    return (source[: found[-1].start()], source[found[-1].end() :]) if found else (source, "")


def _pictures(cell: NotebookNode) -> list[str]:
    """The pictures that a cell shows, with their words for those who do not see them."""
    alt = html.escape(cell.metadata.get("alt", ""))
    found = []
    for output in cell.outputs:
        data = output.get("data", {})
        kind = next((kind for kind in PICTURES if kind in data), None)
        if kind in ("image/png", "image/jpeg"):
            content = "".join(data[kind].split())
            found.append(f'<img alt="{alt}" src="data:{kind};base64,{content}">')
        elif kind == "image/svg+xml":
            found.append(data[kind])
    return [f'<div class="tl-pictures">{picture}</div>' for picture in found]


def _markdown() -> Any:
    from latex2mathml.converter import convert
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    def render(formula: str, options: dict[str, Any]) -> str:
        return convert(formula, display="block" if options["display_mode"] else "inline")

    return MarkdownIt("gfm-like", {"linkify": False}).use(dollarmath_plugin, renderer=render)


def _block(markdown: str) -> str:
    return _markdown().render(LINK.sub(r"\1", markdown))


def _inline(markdown: str) -> str:
    return _markdown().renderInline(LINK.sub(r"\1", markdown.replace("\n", " ")))


def _page(title: str, slides: list[Slide], records: dict[str, Any]) -> str:
    """One page that holds everything: the slides, reveal.js, and what makes widgets live."""
    reveal = files("sphinx_revealjs") / "_static" / "revealjs"
    scripts = [
        (reveal / "dist" / "reveal.js").read_text(encoding="utf-8"),
        (reveal / "plugin" / "notes" / "notes.js").read_text(encoding="utf-8"),
        *(alive.script(name, known) for name, known in records.items()),
        alive.library(),
        Path(__file__).with_name("slides.js").read_text(encoding="utf-8"),
    ]
    styles = [
        (reveal / "dist" / "reveal.css").read_text(encoding="utf-8"),
        alive.styles(),
        Path(__file__).with_name("slides.css").read_text(encoding="utf-8"),
    ]
    sections = []
    for place, slide in enumerate(slides):
        level = "h1" if place == 0 else "h2"
        notes = "".join(_block(said) for said in slide.notes)
        sections.append(
            f"<section><{level}>{slide.title}</{level}><div class='tl-body'>{slide.body}</div>"
            f"<aside class='notes'>{notes}</aside></section>"
        )
    closed = [script.replace("</script", "<\\/script") for script in scripts]
    return (
        f'<!DOCTYPE html>\n<html lang="{language()}"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>{''.join(styles)}</style></head>"
        f'<body><main class="reveal"><div class="slides">{"".join(sections)}</div></main>'
        + "".join(f"<script>{script}</script>" for script in closed)
        + "</body></html>\n"
    )


def main(arguments: list[str]) -> int:
    """`tl slides`. Returns the exit status."""
    parser = Parser("slides")
    parser.add_argument("lesson", nargs="+", help=text("slides.help_lesson"))
    parser.add_argument("--lang", choices=LANGUAGES, help=text("slides.help_lang"))
    parser.add_argument("--out", type=Path, default=ROOT / "slides", help=text("slides.help_out"))
    given = parser.parse_args(arguments)
    require_writable(given.out)
    for number in given.lesson:
        with speaking(given.lang or language()):
            file = given.out / f"{number}_{language()}.html"
            try:
                page = make_slides(number)
                write_atomic(file, page)
            except (BookError, ValueError) as error:
                print(error, file=sys.stderr)
                return 1
            print(text("slides.made", place=file))
    return 0
