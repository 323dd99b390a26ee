"""Sources, locks and built notebooks against each other; nothing is run and nothing written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tlhelpers.course.author.lock import compare_lock, read_lock
from tlhelpers.course.author.notebook import (
    NotebookNode,
    code_cells,
    keep_outputs,
    make_notebook,
    stored_notebook,
    written,
)
from tlhelpers.course.author.reading import Lesson, lesson_sources, read_lesson
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.places import LESSONS, ROOT

MAX_BYTES = 400_000
FOREIGN_PATH = re.compile(r"/home/|/Users/|/root/|/tmp/|/private/var/|[A-Z]:\\+Users")


def check(lessons: Path = LESSONS, names: Iterable[str] = ()) -> list[str]:
    """Everything that is wrong with sources and built notebooks, one line each; runs nothing."""
    problems = []
    names = list(names)
    for path in lesson_sources(lessons, names):
        lesson = read_lesson(path)
        if not lesson.problems:
            lock = compare_lock(lesson)
            if read_lock(lesson) != lock:
                lesson.complain("lock_old", number=lesson.name[:2])
            for lang in LANGUAGES:
                _check_notebook(lesson, lang)
        problems += lesson.problems
    if not names:
        problems += _notebooks_without_source(lessons)
    return problems


def _check_notebook(lesson: Lesson, lang: str) -> None:
    path = lesson.notebook(lang)
    stored = stored_notebook(path)
    number = lesson.name[:2]
    if stored is None:
        problem = "notebook_unreadable" if path.exists() else "notebook_missing"
        lesson.complain(problem, lang=lang, number=number)
        return
    notebook = make_notebook(lesson, lang)
    keep_outputs(notebook, stored)
    if written(notebook) != path.read_text(encoding="utf-8"):
        old = {cell.id: cell for cell in stored.cells}
        cells = [cell.id for cell in notebook.cells if old.get(cell.id) != cell]
        gone = sorted(set(old) - {cell.id for cell in notebook.cells})
        named = ", ".join([*cells, *gone][:5]) or "-"
        lesson.complain("notebook_old", lang=lang, cells=named, number=number)
    inspect_notebook(lesson, lang, notebook)


def _notebooks_without_source(lessons: Path) -> list[str]:
    sources = {path.stem for path in lesson_sources(lessons)}
    built = (path for lang in LANGUAGES for path in sorted((lessons / lang).glob("*.ipynb")))
    return [
        text("build.source_missing", notebook=f"{path.parent.name}/{path.name}")
        for path in built
        if path.stem not in sources
    ]


def inspect_notebook(lesson: Lesson, lang: str, notebook: NotebookNode) -> None:
    """Complains of what must not be in a stored notebook."""
    number = lesson.name[:2]
    size = len(written(notebook).encode())
    if size > MAX_BYTES:
        lesson.complain("too_large", lang=lang, size=size // 1000, most=MAX_BYTES // 1000)
    unrun = [cell.id for cell in code_cells(notebook) if cell.execution_count is None]
    if unrun:
        lesson.complain("not_run", lang=lang, cells=", ".join(unrun[:5]), number=number)
    for cell in code_cells(notebook):
        where = f"{lang} · {cell.id}"
        kinds = {output.output_type for output in cell.outputs}
        expected = "raises-exception" in cell.metadata.get("tags", [])
        if ("error" in kinds) != expected and cell.id not in unrun:
            lesson.complain("error_missing" if expected else "error_stored", where)
        if any(output.get("name") == "stderr" for output in cell.outputs):
            lesson.complain("stderr_stored", where)
        shows = any("image/png" in output.get("data", {}) for output in cell.outputs)
        if shows and "alt" not in cell.metadata:
            lesson.complain("alt_missing", where)
        found = FOREIGN_PATH.search(_readable(cell.outputs)) or str(ROOT) in _readable(cell.outputs)
        if found and not expected:
            lesson.complain("path_stored", where)


def _readable(outputs: list[NotebookNode]) -> str:
    """The text of outputs, without their pictures."""
    parts = []
    for output in outputs:
        parts += [output.get("text", ""), *output.get("traceback", [])]
        data = output.get("data", {})
        parts += [str(value) for kind, value in data.items() if not kind.startswith("image/p")]
    return "\n".join(parts)
