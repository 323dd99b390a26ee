"""The learner's record: one JSON file in `work/`, to which checks and quizzes add.

It holds for each exercise whether it was passed and how often it was tried, and for each question
of a quiz whether it was answered right. Every change is read, made and written under a lock, so
that two notebooks at once lose nothing. A file that cannot be read is kept beside the new one.
Nothing leaves this computer.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import WORK
from tlhelpers.runtime.store import StoreError, locked, private, read_json, write_atomic

FILE = "progress.json"
LOCK_SECONDS = 5.0


class ProgressError(StoreError):
    """The progress cannot be read or written. The message says why, and what to do."""


def path() -> Path:
    """Where the progress lies: in `TLHELPERS_WORK`, else in the clone's `work/`."""
    return Path(os.environ.get("TLHELPERS_WORK") or WORK) / FILE


def load() -> dict:
    """{"exercises": {"02-a": {...}}, "quizzes": {"02": {key: {...}}}}; empty where none is.

    A damaged file is moved aside, under a name with its time, and never lost. Raises ProgressError
    where it can be neither read nor moved.
    """
    file = path()
    try:
        return read(file)
    except FileNotFoundError:
        return {"exercises": {}, "quizzes": {}}
    except OSError as error:
        raise ProgressError(text("progress.not_read", path=file, reason=error)) from error
    except ValueError:
        aside = file.with_name(f"progress.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.json")
    try:
        file.replace(aside)
    except OSError as error:
        raise ProgressError(text("progress.not_read", path=file, reason=error)) from error
    return {"exercises": {}, "quizzes": {}, "damaged": aside.name}


def read(file: Path) -> dict:
    """The record in this file, each entry with values of the right kinds.

    What is no truth value counts as not done, what is no number as 0; anything else is kept.
    Raises OSError, or ValueError where the file does not hold what it should.
    """
    if file.exists() and not file.is_file():  # a pipe would never end
        raise OSError(text("progress.no_file"))
    try:
        record = read_json(file)
        json.dumps(record, ensure_ascii=False).encode()  # half a character could not be written
        exercises = {
            name: _entry(entry, "passed", "failed") for name, entry in record["exercises"].items()
        }
        quizzes = {
            lesson: {key: _entry(entry, "right", "answers") for key, entry in answers.items()}
            for lesson, answers in record["quizzes"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(text("progress.unreadable", path=file)) from error
    return {**record, "exercises": exercises, "quizzes": quizzes}


def _entry(entry: dict, done: str, count: str) -> dict:
    """The entry with its truth value and its number. Raises TypeError where it is no table."""
    times = entry.get(count)
    whole = isinstance(times, int) and not isinstance(times, bool) and times >= 0
    return {**entry, done: entry.get(done) is True, count: times if whole else 0}


def _change(change: Callable[[dict], int]) -> int:
    """Reads, changes and writes the file as one step; returns what `change` returned."""
    file = path()
    try:
        private(file.parent)
        with locked(file, LOCK_SECONDS):
            record = load()
            record.setdefault("id", uuid.uuid4().hex)  # tells two copies of one learner's file
            result = change(record)
            write_atomic(file, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    except (OSError, StoreError) as error:
        raise ProgressError(text("progress.not_saved", path=file, reason=error)) from error
    return result


def record_exercise(name: str, passed: bool) -> int:
    """Writes down an attempt at exercise "02-a"; returns how many have failed so far.

    What was passed once stays passed. Raises ProgressError.
    """

    def change(record: dict) -> int:
        entry = record["exercises"].setdefault(name, {"passed": False, "failed": 0})
        entry["passed"] = entry["passed"] or passed
        entry["failed"] += not passed
        entry["last"] = _now()
        return entry["failed"]

    return _change(change)


def record_answer(lesson: str, question: str, right: bool) -> int:
    """Writes down an answer in the quiz of lesson "02"; returns how many were given so far.

    What was answered right once stays right. Raises ProgressError.
    """

    def change(record: dict) -> int:
        answers = record["quizzes"].setdefault(lesson, {})
        entry = answers.setdefault(question, {"right": False, "answers": 0})
        entry["right"] = entry["right"] or right
        entry["answers"] += 1
        entry["last"] = _now()
        return entry["answers"]

    return _change(change)


def record_prediction(name: str, given: str) -> int:
    """Writes down what the learner predicts under "03-rate"; returns how many are kept.

    The last one counts. Raises ProgressError.
    """

    def change(record: dict) -> int:
        record["predictions"] = {**_predictions(record), name: {"given": given, "last": _now()}}
        return len(record["predictions"])

    return _change(change)


def predictions() -> dict[str, str]:
    """{name: what the learner predicted}; those that cannot be read are left out."""
    given = {name: entry.get("given") for name, entry in _predictions(load()).items()}
    return {name: said for name, said in given.items() if isinstance(said, str)}


def _predictions(record: dict) -> dict[str, dict]:
    entries = record.get("predictions")
    kept = entries.items() if isinstance(entries, dict) else ()
    return {name: entry for name, entry in kept if isinstance(entry, dict)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
