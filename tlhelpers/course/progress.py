"""The learner's progress: one JSON file in `work/`, shown as a table, merged by a teacher.

    tl progress                    what is done, lesson by lesson
    tl progress --html FILE        the same as a page
    tl progress --export FILE      a copy for the teacher, with a name if --name gives one
    tl progress --merge FOLDER     a table of all such copies, also as CSV in that folder;
                                   with --certificates a page for each learner, to be printed

`course/record.py` keeps the file itself.
"""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

from tlhelpers.course import certificates
from tlhelpers.course.cli import Parser
from tlhelpers.course.exercises import exercises
from tlhelpers.course.quizzes import read_quiz
from tlhelpers.course.record import ProgressError, load, read
from tlhelpers.course.syllabus import lessons
from tlhelpers.runtime.arguments import require_path
from tlhelpers.runtime.console import printable
from tlhelpers.runtime.language import LANGUAGES, said, text
from tlhelpers.runtime.store import write_atomic
from tlhelpers.runtime.table import Tabular, label

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # how formulas begin


@dataclass(frozen=True)
class LessonProgress:
    """How far one lesson is: done and all, of its exercises and of its quiz's questions."""

    number: str
    title: str
    exercises: tuple[int, int]
    questions: tuple[int, int]

    @property
    def done(self) -> bool:
        return self.exercises[0] >= self.exercises[1] and self.questions[0] >= self.questions[1]


@dataclass
class Progress(Tabular):
    """The progress as a table of the lessons. damaged: where a record that broke is kept."""

    lessons: list[LessonProgress]
    damaged: str = ""

    def rows(self) -> list[dict[str, str]]:
        return [
            {
                "lesson": f"{one.number} {one.title}",
                "exercises": _of(one.exercises),
                "quiz": _of(one.questions),
                "state": text(_state(one)),
            }
            for one in self.lessons
        ]

    def notes(self) -> list[str]:
        return [text("progress.damaged", name=self.damaged)] if self.damaged else []

    __repr__ = Tabular.__str__


def progress() -> Progress:
    """How far the learner is, lesson by lesson."""
    record = load()
    return Progress(_lessons(record), record.get("damaged", ""))


def _lessons(record: dict) -> list[LessonProgress]:
    found = []
    for number, one in lessons().items():
        names = exercises(number)
        passed = sum(record["exercises"].get(name, {}).get("passed", False) for name in names)
        keys = [question.key for question in read_quiz(number)]
        answers = record["quizzes"].get(number, {})
        right = sum(answers.get(key, {}).get("right", False) for key in keys)
        found.append(
            LessonProgress(number, said(one.title), (passed, len(names)), (right, len(keys)))
        )
    return found


def _state(one: LessonProgress) -> str:
    if one.done:
        return "progress.done"
    return "progress.begun" if one.exercises[0] or one.questions[0] else "progress.to_do"


def _of(pair: tuple[int, int]) -> str:
    return f"{pair[0]}/{pair[1]}" if pair[1] else "–"


# --- for a teacher --------------------------------------------------------------------------


def export(file: str | os.PathLike, name: str = "") -> None:
    """Writes a copy of the progress to `file`, under a name if one is given."""
    record = {"name": name, **load()}
    content = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    write_atomic(require_path("file", file), content)


@dataclass(frozen=True)
class Learner:
    """A learner of a room, and how far each lesson is."""

    name: str
    lessons: list[LessonProgress]

    def row(self) -> dict[str, str]:
        """For each lesson how many of its exercises and of its questions are done; of how many
        stands in the column's name, since a spreadsheet takes 1/2 for a date.
        """
        row = {text("progress.learner"): self.name}
        for one in self.lessons:
            for what, (done, count) in (("exercises", one.exercises), ("quiz", one.questions)):
                name = label(what)
                row[text("progress.of", lesson=one.number, what=name, count=count)] = str(done)
        return row

    def done(self) -> list[tuple[str, str, str]]:
        """(lesson, exercises, questions) of each lesson of which something is done."""
        return [
            (f"{one.number} {one.title}", _of(one.exercises), _of(one.questions))
            for one in self.lessons
            if one.exercises[0] or one.questions[0]
        ]


def merge(folder: Path) -> tuple[list[Learner], list[str]]:
    """(the learner of each file in `folder`, a sentence for each file that is none).

    Of a learner who handed in twice the later file counts.
    Raises ProgressError where the folder holds no such file.
    """
    learners, problems = [], []
    newest: dict[object, tuple[str, Path, dict]] = {}
    for file in sorted(folder.glob("*.json")):
        try:
            record = read(file)
        except (OSError, ValueError):
            problems.append(text("progress.unreadable", path=file))
            continue
        whose = (str(record.get("name")), str(record["id"])) if record.get("id") else file
        older = newest.get(whose)
        handed_in = (_last(record), file, record)
        newest[whose] = max(older, handed_in, key=lambda one: one[0]) if older else handed_in
        if older:
            left = older if newest[whose] is handed_in else handed_in
            problems.append(text("progress.older", path=left[1], newer=newest[whose][1].name))
    for _, file, record in newest.values():
        learners.append(Learner(str(record.get("name") or file.stem), _lessons(record)))
    if not learners:
        raise ProgressError("\n".join([text("progress.none_in_folder", folder=folder), *problems]))
    return learners, problems


def _last(record: dict) -> str:
    """When the learner last did something, as the record states it."""
    entries = [*record["exercises"].values()]
    entries += [entry for answers in record["quizzes"].values() for entry in answers.values()]
    return max((str(entry.get("last", "")) for entry in entries), default="")


def write_csv(rows: list[dict[str, str]], file: Path) -> None:
    """The rows as CSV, with the mark at its start by which spreadsheets know UTF-8.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    for row in [list(rows[0]), *(list(row.values()) for row in rows)]:
        writer.writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row])
    write_atomic(file, table.getvalue().encode("utf-8-sig"))


def main(arguments: list[str]) -> int:
    """`tl progress`. Returns the exit status."""
    parser = Parser("progress")
    parser.add_argument("--lang", choices=LANGUAGES, help=text("cli.help_lang"))
    parser.add_argument("--html", type=Path, metavar="FILE", help=text("progress.help_html"))
    parser.add_argument("--export", type=Path, metavar="FILE", help=text("progress.help_export"))
    parser.add_argument("--name", type=str, default="", help=text("progress.help_name"))
    parser.add_argument("--merge", type=Path, metavar="FOLDER", help=text("progress.help_merge"))
    parser.add_argument(
        "--certificates", action="store_true", help=text("progress.help_certificates")
    )
    asked = parser.parse_args(arguments)
    if asked.certificates and not asked.merge:
        parser.error(text("progress.needs_merge"))
    if asked.merge:
        learners, problems = merge(asked.merge)
        rows = [learner.row() for learner in learners]
        file = asked.merge / "progress.csv"
        lines = [rows[0], *(row.values() for row in rows)]
        for line in (*(", ".join(cells) for cells in lines), *problems):
            print(printable(line))
        write_csv(rows, file)
        print(text("progress.written", path=file))
        if asked.certificates:
            file = asked.merge / "certificates.html"
            write_atomic(file, certificates.write((one.name, one.done()) for one in learners))
            print(text("progress.written", path=file))
    elif asked.export:
        export(asked.export, asked.name)
        print(text("progress.written", path=asked.export))
    elif asked.html:
        title = f"<title>{text('progress.title')}</title>"
        page = f"<!doctype html><meta charset=utf-8>{title}{progress()._repr_html_()}\n"
        write_atomic(asked.html, page)
        print(text("progress.written", path=asked.html))
    else:
        print(progress())
    return 0
