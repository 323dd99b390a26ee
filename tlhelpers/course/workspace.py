"""The learner's own copies of the lessons, in `work/<lang>/`: made once, never overwritten.

A copy has no outputs, so that the learner predicts before running, and keeps every cell's id,
by which checks and progress know the cells. The teacher's notes are left out; with `--teacher`
they come along, in copies of their own under `work/teacher/<lang>/`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tlhelpers.course.cli import Parser
from tlhelpers.runtime.language import LANGUAGES, language, text
from tlhelpers.runtime.places import IN_CLONE, LESSONS, ROOT, WORK
from tlhelpers.runtime.store import StoreError, private, read_json, write_atomic

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
RECORD = ".copies.json"  # beside the copies: which version of each lesson was handed out last


class WorkspaceError(StoreError):
    """A lesson cannot be copied. The message says why, and what to do."""


@dataclass
class Prepared:
    """What `prepare` did: the folder, the copies made, and those of lessons that changed.

    damaged: a sentence for each lesson that could not be read.
    """

    folder: Path
    new: list[Path] = field(default_factory=list)
    updated: list[Path] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def lessons(lang: str) -> list[Path]:
    """The lessons in this language, in their order. Raises WorkspaceError where there are none."""
    found = sorted((LESSONS / lang).glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise WorkspaceError(text("workspace.no_lessons", folder=LESSONS / lang))
    return found


def learners_copy(lesson: Path, teacher: bool = False) -> bytes:
    """The notebook without outputs, and without the cells tagged `teacher` unless asked for.

    Raises WorkspaceError where the file is no notebook, as after a merge that was left half done.
    """
    try:
        notebook = read_json(lesson)
        tagged = [(cell, cell["metadata"].get("tags", [])) for cell in notebook["cells"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise WorkspaceError(text("workspace.damaged", path=shown(lesson))) from error
    cells = []
    for cell, tags in tagged:
        if "teacher" in tags and not teacher:
            continue
        cell["metadata"].pop("execution", None)  # JupyterLab's times of a run
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
        cells.append(cell)
    notebook["cells"] = cells
    notebook["metadata"].pop("widgets", None)  # the state of widgets that are no longer shown
    notebook["metadata"].setdefault("kernelspec", KERNEL)  # else JupyterLab asks which to take
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode()


def prepare(lang: str, teacher: bool = False) -> Prepared:
    """Copies every lesson that the learner has no copy of; keeps all that is there.

    A lesson that changed since it was copied is laid beside the learner's own, once.
    """
    folder = WORK / "teacher" / lang if teacher else WORK / lang
    private(WORK)
    done = Prepared(folder)
    record = _read_record(folder)
    before = dict(record)
    for lesson in lessons(lang):
        try:
            content = learners_copy(lesson, teacher)
        except WorkspaceError as error:  # the other lessons open
            done.damaged.append(str(error))
            continue
        version = hashlib.sha256(content).hexdigest()
        copy = folder / lesson.name
        if not copy.exists():
            done.new.append(write_atomic(copy, content))
        elif record.get(lesson.name, version) != version:
            done.updated.append(write_atomic(_free_name(copy), content))
        record[lesson.name] = version
    if record != before:
        write_atomic(folder / RECORD, json.dumps(record, indent=1))
    return done


def reset(lesson: str, lang: str) -> Path:
    """Lays a fresh copy of a lesson ("2", "02", "02_feature_extraction") beside the learner's.

    Returns the copy's path. Raises WorkspaceError where there is no such lesson.
    """
    known = lessons(lang)
    asked = lesson.removesuffix(".ipynb")
    number = f"{int(asked):02d}" if asked.isdecimal() else None
    for path in known:
        if number == path.name[:2] or asked == path.stem:
            content = learners_copy(path)
            return write_atomic(_free_name(WORK / lang / path.name), content)
    raise WorkspaceError(
        text("workspace.unknown", lesson=lesson, known=", ".join(p.name[:2] for p in known))
    )


def shown(path: Path) -> str:
    """A path as it is told to the learner: short within the clone, else whole."""
    return (
        path.relative_to(ROOT).as_posix() if IN_CLONE and path.is_relative_to(ROOT) else str(path)
    )


def _free_name(path: Path) -> Path:
    """The path itself, or `02_x (2).ipynb`, `02_x (3).ipynb`, ...: the first that is free."""
    return next(name for name in _names(path) if not name.exists())


def _names(path: Path) -> Iterator[Path]:
    yield path
    stem = re.sub(r" \(\d+\)$", "", path.stem)
    for number in range(2, 10_000):
        yield path.with_name(f"{stem} ({number}){path.suffix}")


def _read_record(folder: Path) -> dict[str, str]:
    try:
        return read_json(folder / RECORD)
    except (OSError, ValueError):  # none yet, or cut short: no copy is taken for out of date
        return {}


def main(arguments: list[str]) -> int:
    """`tl reset 02`: a fresh copy beside the learner's own."""
    parser = Parser("reset")
    parser.add_argument("lesson", metavar="NN", help=text("workspace.help_lesson"))
    parser.add_argument("--lang", choices=LANGUAGES, help=text("cli.help_lang"))
    asked = parser.parse_args(arguments)
    copy = reset(asked.lesson, asked.lang or language())
    print(text("workspace.reset_done", path=shown(copy)))
    return 0
