"""`tl test`: style and types, beside one pytest run over the package and every cell of all lessons.

The package's own tests include the parity of notebooks and sources and the proof of each exercise
(its solution passes, its stub does not). pytest's last line is the last line of the command.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import symtable
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlhelpers.course.author.reading import (
    CHECK_CALL,
    Block,
    Lesson,
    learner_version,
    solution_version,
)
from tlhelpers.course.cli import Parser
from tlhelpers.course.quick_nbformat import nbformat
from tlhelpers.runtime.language import LANGUAGES, language, text
from tlhelpers.runtime.places import LESSONS, ROOT

if TYPE_CHECKING:
    from nbclient import NotebookClient

FAST = ("-m", "not slow and not browser")


def pytest_command(
    quick: bool = False, rest: Sequence[str] = (), *, fast: bool = False
) -> list[str]:
    """The command line of the tests. Paths among `rest` replace the tests and lessons.

    quick: the lessons of one language. fast: the quick tests of the package, and no lesson.
    """
    languages: Sequence[str] = [] if fast else [language()] if quick else LANGUAGES
    chosen = any(Path(ROOT, argument.split("::")[0]).exists() for argument in rest)
    places = [ROOT / "tests", *(LESSONS / lang for lang in languages)]
    paths = [] if chosen else [str(place.relative_to(ROOT)) for place in places if place.exists()]
    return [
        # -P: the repository root, with its folder `datasets`, stays off sys.path
        *(sys.executable, "-P", "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--nbval-lax"),
        # a notebook stays with one worker and one kernel; tests/conftest.py puts long files first;
        # beside browsers a third worker computes while the others wait, also on two cores
        *("-n", "2" if fast else "3", "--dist", "loadfile", "--no-loadscope-reorder"),
        *(FAST if fast else ()),
        *paths,
        *rest,
    ]


def gate_commands() -> dict[str, list[str]]:
    """What must hold of the code that is not run: {name: command line}."""
    python = [sys.executable, "-P", "-m"]
    return {
        "ruff check": [*python, "ruff", "check", "--quiet", "."],
        "ruff format": [*python, "ruff", "format", "--quiet", "--check", "."],
        "mypy": [*python, "mypy"],
    }


def main(arguments: list[str] | None = None) -> int:
    """`tl test`. Returns pytest's exit status, or 1 where style or types are wrong.

    These are looked at while the tests begin, and speak only where something is wrong. Paths among
    the arguments run these tests alone, without a look at style and types.
    """
    parser = Parser("test")
    parser.add_argument("--quick", action="store_true", help=text("test.help_quick"))
    parser.add_argument("--fast", action="store_true", help=text("test.help_fast"))
    parser.add_argument("rest", nargs="*", metavar="-- ...", help=text("test.help_rest"))
    asked = parser.parse_args(arguments)
    # What is compiled once is kept: hundreds of processes of a run load the same modules.
    kept = {"PYTHONDONTWRITEBYTECODE": ""}
    environment = {**os.environ, **kept, "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}
    command = pytest_command(asked.quick, asked.rest, fast=asked.fast)
    refused = False
    with subprocess.Popen(command, cwd=ROOT, env=environment) as tests:
        for name, line in ({} if asked.rest else gate_commands()).items():
            gate = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True)
            if gate.returncode:
                refused = True
                print(f"\n{gate.stdout}{gate.stderr}{text('test.refused', name=name)}", flush=True)
    return tests.returncode or int(refused)


# --- exercises, in the context of their lesson ----------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What a check said: whether it passed, and its message in each language."""

    passed: bool
    messages: dict[str, str]


@contextmanager
def proving_kernel() -> Iterator[NotebookClient]:
    """A kernel for the proofs of many lessons: its imports take longer than any of them."""
    from nbclient import NotebookClient

    from tlhelpers.course.kernel import LessonKernelManager, lesson_environment

    empty = nbformat.v4.new_notebook()
    client = NotebookClient(empty, timeout=120, kernel_manager_class=LessonKernelManager)
    folder = str(LESSONS / LANGUAGES[0])
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        client.setup_kernel(cwd=folder, env=lesson_environment(scratch)),
    ):
        yield client


def prove_exercises(lesson: Lesson, kernel: NotebookClient) -> dict[str, dict[str, Verdict]]:
    """Runs each exercise of a lesson in its context: first the stub, then the solution.

    Before them run the code cells that the exercise `needs`, by default those of the cells above
    whose names it uses; each version's check is asked in both languages. kernel: of
    `proving_kernel`; in it each exercise begins without a single name.
    Returns {exercise: {"stub": ..., "solution": ...}}. Raises nbclient's CellExecutionError where
    any of these cells fails.
    """

    def run(source: str) -> nbformat.NotebookNode:
        kernel.nb.cells.append(nbformat.v4.new_code_cell(source))
        return kernel.execute_cell(kernel.nb.cells[-1], len(kernel.nb.cells) - 1)

    proofs: dict[str, dict[str, Verdict]] = {}
    for exercise in (block for block in lesson.blocks if block.exercise):
        run("%reset -f")
        for block in needed(lesson, exercise):
            run(learner_version(block.code))
        found = proofs[str(exercise.exercise)] = {}
        for name, version in (("stub", learner_version), ("solution", solution_version)):
            body, question = _ask(version(exercise.code))
            run(body)
            said = json.loads(_printed(run(question)).splitlines()[-1])
            found[name] = Verdict(said["passed"], said["messages"])
    return proofs


def needed(lesson: Lesson, exercise: Block) -> list[Block]:
    """The code cells that run before an exercise: those that it `needs`, in order.

    Where it names none, these are the first cell, which sets up, and every cell above that gives
    a value to a name that the exercise, or another cell of these, uses.
    """
    above = [block for block in lesson.blocks if block.kind == "code"]
    above = above[: above.index(exercise)]
    if exercise.needs:
        return [block for block in above if block.key in exercise.needs]
    wanted = _names(exercise.code)[1]
    chosen = [False] * len(above)
    for place, block in reversed(list(enumerate(above))):
        given, used = _names(learner_version(block.code))
        if place == 0 or given & wanted:
            chosen[place] = True
            wanted |= used
    return [block for block, it_is in zip(above, chosen, strict=True) if it_is]


def _names(code: str) -> tuple[set[str], set[str]]:
    """What a cell gives a value to, as a whole or in part (`scores["birds"] = 1`), and uses."""
    given: set[str] = set()
    used: set[str] = set()
    tables = [symtable.symtable(code, "<cell>", "exec")]
    for symbol in tables[0].get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            given.add(symbol.get_name())
    while tables:
        table = tables.pop()
        outermost = table.get_type() == "module"
        used |= {s.get_name() for s in table.get_symbols() if outermost or s.is_global()}
        tables += table.get_children()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            whole: ast.expr = node
            while isinstance(whole, (ast.Attribute, ast.Subscript)):
                whole = whole.value
            given |= {whole.id} if isinstance(whole, ast.Name) else set()
    return given, used


def _ask(code: str) -> list[str]:
    """The exercise without its check, and a cell that prints what the check says."""
    lines = code.splitlines()
    body = "\n".join(line for line in lines if not CHECK_CALL.match(line))
    call = next(line for line in reversed(lines) if CHECK_CALL.match(line))
    return [
        body,
        "import json, os\n"
        "_said = {}\n"
        f"for _lang in {LANGUAGES!r}:\n"
        "    os.environ['TLHELPERS_LANG'] = _lang\n"
        f"    _verdict = {call}\n"
        "    _said[_lang] = _verdict.message\n"
        "del os.environ['TLHELPERS_LANG']\n"
        "print()\n"
        "print(json.dumps({'passed': bool(_verdict.passed), 'messages': _said}))",
    ]


def _printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


if __name__ == "__main__":
    raise SystemExit(main())
