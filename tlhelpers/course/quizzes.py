"""The quizzes: `quiz.toml` in a lesson's folder holds its questions, `tl.quiz("NN")` asks them.

    [[question]]
    key = "head-size"            # by which progress knows it: unique, never renamed
    kind = "number"              # or "choice", or "predict": a number, before the code is run
    ask.en = "..."
    ask.ja = "..."
    answer = 2565
    tolerance = 0
    why.en = "..."
    why.ja = "..."

A choice has `[[question.option]]` tables with en, ja, why and one `right = true`; a number may have
`[[question.mistake]]` tables with a value and why; a prediction may have `code`, which prints the
answer as its last line.
"""

from __future__ import annotations

import platform
import tomllib

from tlhelpers.course import record
from tlhelpers.course.syllabus import lessons
from tlhelpers.runtime.language import text
from tlhelpers.show.questions import Question, read_question
from tlhelpers.show.quiz import Quiz


def read_quiz(lesson: str) -> list[Question]:
    """The questions of lesson "02", in order; none where it has no quiz yet.

    Raises ValueError where the file breaks the form, naming file, question and fault.
    """
    if lesson not in lessons() or not (file := lessons()[lesson].folder / "quiz.toml").exists():
        return []
    tables = tomllib.loads(file.read_text(encoding="utf-8"))["question"]
    return [read_question(table, f"{lesson} · {table.get('key')}") for table in tables]


def quiz(lesson: str) -> Quiz:
    """The quiz of lesson "02": asks in the notebook, prints as a sheet elsewhere.

    Answers go into the learner's progress. Raises ValueError where the lesson has no quiz.
    """
    questions = read_quiz(lesson)
    if not questions:
        known = ", ".join(n for n, one in lessons().items() if (one.folder / "quiz.toml").exists())
        raise ValueError(text("quiz.unknown", lesson=lesson, known=known or "-"))

    def remember(key: str, right: bool) -> str | None:
        """What could not be done, if anything."""
        try:
            record.record_answer(lesson, key, right)
        except record.ProgressError as error:
            return str(error)
        return None

    try:
        answered = record.load()["quizzes"].get(lesson, {})
    except record.ProgressError:  # each answer says so
        answered = {}
    done = {key for key, entry in answered.items() if entry["right"]}
    learner = f"{platform.node()} {record.path()}"  # neighbours do not share the order of options
    return Quiz(lesson, questions, remember, done, learner)
