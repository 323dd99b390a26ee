"""The builder: one bilingual source per lesson -> lessons/ja and lessons/en, executed.

    tl build 02             writes both notebooks of lesson 02 from its source, running nothing
    tl build 02 --execute   runs both, each for itself, and stores their outputs
    tl build 02 --confirm   one language was edited and the other one needs no change
    tl build --check        lists everything that is wrong, running and writing nothing
    tl build 02 --proofread lists what a careful reader would stumble over (author/proofreading.py)

A source, `lessons/source/NN_slug.py`, is a Jupytext py:percent file. Every cell has a `key`, which
becomes the cell's id. Prose stands in pairs of the same key, Japanese first; code stands once, and
`# ja:` lines hold the Japanese for the lines directly above them (see `author/bilingual.py`):

    # %% [markdown] key="question" lang="ja"
    # ラベルはいくつ必要でしょうか。

    # %% [markdown] key="question" lang="en"
    # How many labels does it take?

    # %% key="curve" alt_ja="..." alt_en="..."
    show_curve(runs)

    # %% key="claim-curve" tags=["claim"]
    tl.claim("Ten labels are enough for 90%", reached <= 10)
    # ja: tl.claim("10個のラベルがあれば90%に届く", reached <= 10)

    # %% key="count" tags=["exercise"] needs="setup,load"
    ### BEGIN SOLUTION
    # PLACEHOLDER: trained = ...
    trained = 512 * 5 + 5
    ### END SOLUTION
    tl.check("02-a")

`alt_*` describe a cell's picture for who does not see it. An exercise ends with its check; the
learner gets its placeholder lines, and the solution folded below, with the explanation in the
prose pair tagged `solution` that may follow. Tags:

    claim, hide-input    code that is closed in JupyterLab
    deeper               a heading whose section opens closed, and can be skipped without loss
    answer               prose that follows a prediction, folded until the reader opens it
    teacher              prose that is folded, and left out of learners' copies

Other tags (`nbval-check-output`, `raises-exception`, ...) are carried.

Which outputs are kept: a code cell is unchanged when its source and all code above it are what
they were. `tl build` keeps the outputs of unchanged cells and drops the others. `--execute` runs
everything; it keeps the stored bytes of unchanged cells if the package `tlhelpers` has not
changed either since they were made (the notebook holds its hash), and takes all others anew.

`NN_slug.lock.json` beside a source holds the hashes of each pair as last built: of prose, and
of the lines of code that differ by language. A pair of
which one side was edited keeps its old hashes, and fails the check, until the other side is
edited as well or `--confirm` says that it is right as it is.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from tlhelpers.course.author.checking import check, inspect_notebook
from tlhelpers.course.author.lock import compare_lock
from tlhelpers.course.author.notebook import keep_outputs, make_notebook, stored_notebook, written
from tlhelpers.course.author.proofreading import proofread
from tlhelpers.course.author.reading import Lesson, lesson_sources, read_lesson
from tlhelpers.course.author.running import execute_both
from tlhelpers.course.author.translation import missing, translate, translations
from tlhelpers.course.cli import Parser
from tlhelpers.course.readme import write_tables
from tlhelpers.course.results import compare_stamps
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.places import LESSONS
from tlhelpers.runtime.stamp import code_hash


def build(
    lessons: Path = LESSONS,
    names: Iterable[str] = (),
    *,
    execute: bool = False,
    confirm: bool = False,
) -> list[str]:
    """Writes the notebooks; returns everything that is wrong with them, one line each.

    A source with mistakes in its form writes nothing; a failed run leaves the notebook as it was.
    """
    problems = []
    for path in lesson_sources(lessons, names):
        lesson = read_lesson(path)
        if not lesson.problems:
            lock = compare_lock(lesson, confirm)
            _write(lesson.lock, json.dumps(lock, indent=1, sort_keys=True) + "\n")
            _build_lesson(lesson, execute)
        problems += lesson.problems
    return problems


def build_translation(lang: str, lessons: Path = LESSONS, names: Iterable[str] = ()) -> list[str]:
    """Writes the notebooks of a further language, not run; returns what is wrong with them."""
    problems = []
    for path in lesson_sources(lessons, names):
        lesson = translate(read_lesson(path), lang)
        if not lesson.problems:
            notebook = lesson.notebook(lang)
            _write(notebook, written(make_notebook(lesson, lang)))
            cells = [block for block in lesson.blocks if block.kind == "prose"]
            left = len(missing(lesson, lang))
            print(
                text("build.translated", file=notebook.name, done=len(cells) - left, of=len(cells))
            )
        problems += lesson.problems
    return problems


def _build_lesson(lesson: Lesson, run: bool) -> None:
    stored = {lang: stored_notebook(lesson.notebook(lang)) for lang in LANGUAGES}
    made = {lang: make_notebook(lesson, lang) for lang in LANGUAGES}
    if run:
        asyncio.run(execute_both(lesson, made))
    for lang, notebook in made.items():
        old = stored[lang]
        if not run or (old is not None and old.metadata.get("package") == code_hash()):
            keep_outputs(notebook, old)
        _write(lesson.notebook(lang), written(notebook))
        inspect_notebook(lesson, lang, notebook)


def _write(path: Path, content: str) -> None:
    """Writes a text file, unless it holds this text already (so that its time stays, too)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8", newline="\n")


def _proofread(names: Iterable[str]) -> list[str]:
    """What a careful reader would stumble over, whether or not it is allowed for now."""
    chosen = set(lesson_sources(names=names))
    read = [read_lesson(path) for path in lesson_sources()]
    problems = [problem for one in read if one.path in chosen for problem in one.problems]
    if problems:
        return problems
    found = [proofread(one, read[:i]) for i, one in enumerate(read) if one.path in chosen]
    return [str(finding) for findings in found for finding in findings]


def main(arguments: list[str] | None = None) -> int:
    """`tl build`. Returns the exit status: 0 where nothing is wrong."""
    parser = Parser("build")
    parser.add_argument("lessons", nargs="*", metavar="NN", help=text("build.help_lessons"))
    parser.add_argument("--execute", action="store_true", help=text("build.help_execute"))
    parser.add_argument("--confirm", action="store_true", help=text("build.help_confirm"))
    parser.add_argument("--check", action="store_true", help=text("build.help_check"))
    parser.add_argument("--proofread", action="store_true", help=text("build.help_proofread"))
    parser.add_argument("--to", choices=translations(), help=text("build.help_to"))
    asked = parser.parse_args(arguments)
    try:
        if asked.proofread:
            problems = _proofread(asked.lessons)
        elif asked.to:
            problems = build_translation(asked.to, names=asked.lessons)
        elif asked.check:
            problems = check(names=asked.lessons)
            errors, warnings = compare_stamps() if not asked.lessons else ([], [])
            problems += errors
            for warning in warnings:
                print(warning)
        else:
            problems = build(names=asked.lessons, execute=asked.execute, confirm=asked.confirm)
            write_tables()
    except ValueError as error:
        parser.error(str(error))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(text("build.wrong", count=len(problems)) if problems else text("build.right"))
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
