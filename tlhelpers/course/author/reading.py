"""Reading a source, `lessons/source/NN_slug.py`: its blocks, and everything wrong in its form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tlhelpers.course.author.bilingual import difference, in_languages
from tlhelpers.course.author.sections import HEADING, deeper_sections
from tlhelpers.course.quick_nbformat import nbformat
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.places import LESSONS
from tlhelpers.runtime.store import read_text

BEGIN, END, PLACEHOLDER = "### BEGIN SOLUTION", "### END SOLUTION", "# PLACEHOLDER:"
CHECK_CALL = re.compile(r'^(?:tl\.)?check\("([\w-]+)"\)$')
KEY = re.compile(r"[a-z0-9-]{1,48}")


@dataclass
class Block:
    """A code cell, or a pair of prose cells. `sources` are the same for code without words."""

    key: str
    kind: str  # "code" or "prose"
    sources: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    alt: dict[str, str] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)

    @property
    def code(self) -> str:
        return self.sources["en"]

    @property
    def is_pair(self) -> bool:
        """Whether a change of one language has to be confirmed for the other."""
        return self.kind == "prose" or self.sources["ja"] != self.sources["en"]

    @property
    def exercise(self) -> str | None:
        """The name that an exercise cell gives its check, such as "02-a"."""
        if self.kind != "code" or "exercise" not in self.tags or not self.code.strip():
            return None
        found = CHECK_CALL.match(self.code.splitlines()[-1])
        return found and found[1]


@dataclass
class Lesson:
    """A source that was read, with everything that is wrong in it."""

    path: Path
    blocks: list[Block] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def lock(self) -> Path:
        return self.path.with_suffix(".lock.json")

    def notebook(self, lang: str) -> Path:
        return self.path.parents[1] / lang / f"{self.name}.ipynb"

    def deeper(self, lang: str) -> dict[str, str]:
        """{key of a block: the heading of its deeper section}."""
        return deeper_sections(
            (b.key, b.sources.get(lang, "") if b.kind == "prose" else "", b.tags)
            for b in self.blocks
        )

    def complain(self, problem: str, key: str | None = None, **values: object) -> None:
        where = f"{self.path.name} · {key}" if key else self.path.name
        self.problems.append(f"{where}: {text(f'build.{problem}', **values)}")


def lesson_sources(lessons: Path = LESSONS, names: Iterable[str] = ()) -> list[Path]:
    """The sources, in order; names: numbers ("02") or slugs. Raises ValueError for an unknown."""
    sources = sorted((lessons / "source").glob("[0-9][0-9]_*.py"))
    chosen = set()
    for name in names:
        found = {path for path in sources if name in (path.stem, path.name, path.stem[:2])}
        if not found:
            known = ", ".join(path.stem for path in sources)
            raise ValueError(text("build.lesson_unknown", name=name, known=known))
        chosen |= found
    return [path for path in sources if not chosen or path in chosen]


def read_lesson(path: Path) -> Lesson:
    """Reads a source; what is wrong in it lands in `problems`, all of it at once."""
    import jupytext  # takes a second to import, and only readers of sources need it

    lesson = Lesson(path)
    try:
        source = read_text(path, encoding="utf-8")  # a pipe would be waited for
    except UnicodeDecodeError:
        lesson.complain("encoding")
        return lesson
    if source.startswith("\ufeff"):
        lesson.complain("encoding")
        return lesson
    try:
        cells = jupytext.reads(source, fmt="py:percent").cells
    except (nbformat.ValidationError, AttributeError, TypeError) as error:  # jupytext trusts it
        lesson.complain("metadata_broken", reason=str(error).splitlines()[0])
        return lesson
    waiting: Block | None = None  # a Japanese cell whose English twin must come next
    seen: set[str] = set()
    for cell in cells:
        key, lang = cell.metadata.get("key"), cell.metadata.get("lang")
        if not isinstance(key, str) or not KEY.fullmatch(key):
            shown = key if isinstance(key, str) else cell.source[:40].replace("\n", " ")
            lesson.complain("key_wrong", shown or repr(key))
            continue
        tags = list(cell.metadata.get("tags", []))
        if waiting and (key, lang, cell.cell_type) != (waiting.key, "en", "markdown"):
            lesson.complain("twin_missing", waiting.key)
            waiting = None
        if waiting:
            waiting.sources["en"] = cell.source
            if tags != waiting.tags:
                lesson.complain("tags_differ", key)
            waiting = None
            continue
        if key in seen:
            lesson.complain("key_twice", key)
            continue
        seen.add(key)
        if cell.cell_type == "code":
            lesson.blocks.append(_read_code(lesson, key, cell, tags))
        elif cell.cell_type == "markdown" and lang == "ja":
            waiting = Block(key, "prose", {"ja": cell.source}, tags)
            lesson.blocks.append(waiting)
            if "exercise" in tags:
                lesson.complain("exercise_prose", key)
            if "deeper" in tags and not HEADING.match(cell.source):
                lesson.complain("deeper_heading", key)
        else:
            lesson.complain("twin_missing" if lang == "en" else "lang_missing", key)
    if waiting:
        lesson.complain("twin_missing", waiting.key)
    _check_exercises(lesson)
    return lesson


def _said(lesson: Lesson, key: str, cell: nbformat.NotebookNode, name: str) -> str:
    """A value of a cell's metadata that must be text; "" where there is none."""
    value = cell.metadata.get(name, "")
    if isinstance(value, str):
        return value
    lesson.complain("metadata_wrong", key, name=name)
    return ""


def _read_code(lesson: Lesson, key: str, cell: nbformat.NotebookNode, tags: list[str]) -> Block:
    described = {lang: _said(lesson, key, cell, f"alt_{lang}") for lang in LANGUAGES}
    alt = {lang: said for lang, said in described.items() if said}
    needs = [name.strip() for name in _said(lesson, key, cell, "needs").split(",") if name.strip()]
    block = Block(key, "code", _both_languages(lesson, key, cell.source), tags, alt, needs)
    marks = [line.strip() for line in cell.source.splitlines() if line.strip() in (BEGIN, END)]
    if "exercise" in tags:
        if marks != [BEGIN, END] * (len(marks) // 2) or not marks:
            lesson.complain("solution_marks", key)
        elif PLACEHOLDER not in cell.source:
            lesson.complain("placeholder_missing", key)
        if block.exercise is None:
            lesson.complain("check_missing", key)
    elif marks:
        lesson.complain("solution_outside", key)
    if len(alt) == 1:
        lesson.complain("alt_missing", key)
    return block


def _both_languages(lesson: Lesson, key: str, source: str) -> dict[str, str]:
    """The code of each language; complains where more than words differ."""
    try:
        sources = in_languages(source)
    except ValueError as error:
        lesson.complain("ja_line_stray", key, line=error)
        return dict.fromkeys(LANGUAGES, source)
    if sources["ja"] == sources["en"]:
        return dict.fromkeys(LANGUAGES, source)  # as it stands, to the last line end
    for version in (learner_version, solution_version):
        versions = {lang: version(code) for lang, code in sources.items()}
        try:
            line = difference(versions)
        except SyntaxError as error:
            lesson.complain("code_broken", key, line=(error.text or "").strip(), reason=error.msg)
            break
        if line is not None:
            here = {lang: code.splitlines()[line - 1].strip() for lang, code in versions.items()}
            lesson.complain("code_differs", key, line=line, **here)
            break
    return sources


def _check_exercises(lesson: Lesson) -> None:
    """Needs that name code above; explanations that follow an exercise; room for its solution."""
    above: set[str] = set()
    keys = {block.key for block in lesson.blocks}
    before = None
    for block in lesson.blocks:
        for name in block.needs:
            if name not in above:
                lesson.complain("needs_unknown", block.key, name=name)
        if "solution" in block.tags and not (before and before.exercise):
            lesson.complain("solution_stray", block.key)
        if block.exercise and f"{block.key}-solution" in keys:
            lesson.complain("key_twice", f"{block.key}-solution")
        if block.kind == "code":
            above.add(block.key)
        before = block


def learner_version(code: str) -> str:
    """The cell as the learner gets it: each solution replaced by its placeholder lines."""
    lines, inside = [], False
    for line in code.splitlines():
        if line.strip() in (BEGIN, END):
            inside = line.strip() == BEGIN
        elif not inside:
            lines.append(line)
        elif line.strip().startswith(PLACEHOLDER):
            lines.append(line.replace(f"{PLACEHOLDER} ", "").replace(PLACEHOLDER, ""))
    return "\n".join(lines)


def solution_version(code: str) -> str:
    """The cell as its author solved it, without marks and placeholders."""
    kept = (line for line in code.splitlines() if line.strip() not in (BEGIN, END))
    return "\n".join(line for line in kept if not line.strip().startswith(PLACEHOLDER))
