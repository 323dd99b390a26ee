"""From a source to the notebook of one language, and which stored outputs stay in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from tlhelpers.course.author.reading import (
    CHECK_CALL,
    Block,
    Lesson,
    learner_version,
    solution_version,
)
from tlhelpers.course.quick_nbformat import nbformat
from tlhelpers.course.syllabus import lessons
from tlhelpers.runtime.language import said
from tlhelpers.runtime.store import read_json

NotebookNode = nbformat.NotebookNode
LABELS = {  # of what stays closed until the reader opens it
    "solution": {"ja": "解答例を開く", "en": "Open a solution"},
    "answer": {
        "ja": "予想してから開く：どうなったか",
        "en": "Predict first, then open: what happened",
    },
    "teacher": {"ja": "先生方へ", "en": "For teachers"},
}
WAYS = {  # to the lessons before and after
    "ja": ("前のレッスン：[{number} {title}]({file})", "次のレッスン：[{number} {title}]({file})"),
    "en": (
        "Previous lesson: [{number} {title}]({file})",
        "Next lesson: [{number} {title}]({file})",
    ),
}
MENTION = re.compile(r"(?:[Ll]essons? |レッスン)(\d\d)")
NOT_LINKED = re.compile(r"```.*?```|`[^`]*`|\[[^\]]*\]\([^)]*\)|^#[^\n]*", re.DOTALL | re.MULTILINE)
FOLDED = {"claim", "hide-input"}  # tags of code cells whose code is closed in JupyterLab


def make_notebook(lesson: Lesson, lang: str) -> NotebookNode:
    """The notebook of one language, not yet run."""
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"file_extension": ".py", "name": "python"},
            "lang": lang,
        }
    )
    explained = set()
    for block, following in zip(lesson.blocks, [*lesson.blocks[1:], None], strict=True):
        if block.key in explained:
            continue
        if block.kind == "prose":
            source = linked(block.sources.get(lang, ""), lesson.name[:2])
            for tag in ("teacher", "answer"):
                if tag in block.tags:
                    source = fold(said(LABELS[tag], lang), source)
            notebook.cells.append(_markdown(block.key, source, block.tags))
            continue
        notebook.cells.append(_code(block, lang))
        if block.exercise:
            body = f"```python\n{_without_check(solution_version(block.sources[lang]))}\n```"
            if following and "solution" in following.tags:
                body += "\n\n" + linked(following.sources.get(lang, ""), lesson.name[:2])
                explained.add(following.key)
            solution = fold(said(LABELS["solution"], lang), body)
            notebook.cells.append(_markdown(f"{block.key}-solution", solution, ["solution"]))
    if ways := ways_on(lesson.name[:2], lang):
        notebook.cells.append(_markdown("ways-on", ways, []))
    return notebook


def linked(source: str, number: str) -> str:
    """Prose in which each lesson that is named, but for this one, is a link to its notebook."""

    def link(found: re.Match) -> str:
        other = lessons().get(found[1])
        if other is None or other.number == number:  # a lesson to come, or the one being read
            return found[0]
        return f"[{found[0]}]({other.name}.ipynb)"

    parts, end = [], 0
    for kept in NOT_LINKED.finditer(source):
        parts += [MENTION.sub(link, source[end : kept.start()]), kept[0]]
        end = kept.end()
    return "".join([*parts, MENTION.sub(link, source[end:])])


def ways_on(number: str, lang: str) -> str:
    """One line with links to the lessons before and after; empty for what is no lesson."""
    order = list(lessons().values())
    place = next((i for i, lesson in enumerate(order) if lesson.number == number), None)
    if place is None:
        return ""
    neighbours = (order[max(place - 1, 0) : place], order[place + 1 : place + 2])
    return " · ".join(
        way.format(number=near.number, title=said(near.title, lang), file=f"{near.name}.ipynb")
        for way, found in zip(said(WAYS, lang), neighbours, strict=True)
        for near in found
    )


def fold(label: str, body: str) -> str:
    """Markdown that stays closed until the reader opens it."""
    return f"<details>\n<summary>{label}</summary>\n\n{body}\n\n</details>"


def _without_check(code: str) -> str:
    return "\n".join(line for line in code.splitlines() if not CHECK_CALL.match(line)).strip()


def _markdown(key: str, source: str, tags: list[str]) -> NotebookNode:
    metadata: dict = {"tags": tags} if tags else {}
    if "deeper" in tags:
        metadata["jp-MarkdownHeadingCollapsed"] = True  # JupyterLab opens its section closed
    return nbformat.v4.new_markdown_cell(source, id=key, metadata=metadata)


def _code(block: Block, lang: str) -> NotebookNode:
    metadata: dict = {"tags": block.tags} if block.tags else {}
    if lang in block.alt:
        metadata["alt"] = block.alt[lang]  # nbconvert reads it (its template "lab" does not)
    if FOLDED & set(block.tags):
        metadata["jupyter"] = {"source_hidden": True}
    source = learner_version(block.sources[lang])
    return nbformat.v4.new_code_cell(source, id=block.key, metadata=metadata)


def keep_outputs(notebook: NotebookNode, stored: NotebookNode | None) -> int:
    """Copies the outputs of unchanged code cells from the stored notebook; returns how many.

    Unchanged: the same source, below code that is the same and was run.
    """
    kept = 0
    if stored is not None:
        for cell, old in zip(code_cells(notebook), code_cells(stored), strict=False):
            if cell.source != old.source or old.execution_count is None:
                break
            cell.outputs, cell.execution_count = old.outputs, old.execution_count
            kept += 1
        notebook.metadata.update({k: v for k, v in stored.metadata.items() if k == "package"})
    return kept


def code_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def stored_notebook(path: Path) -> NotebookNode | None:
    """The built notebook; None where there is none, or none that can be read."""
    try:
        table = read_json(path)
        return nbformat.reads(json.dumps(table), as_version=4) if table["nbformat"] == 4 else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # none yet, or marks of a merge conflict in it


def written(notebook: NotebookNode) -> str:
    """The notebook as its file holds it."""
    return nbformat.writes(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
