"""The builder: one bilingual source per lesson -> lessons/ja and lessons/en, executed.

    tl build 02             writes both notebooks of lesson 02 from its source, running nothing
    tl build 02 --execute   runs both, each for itself, and stores their outputs
    tl build 02 --confirm   one language was edited and the other one needs no change
    tl build --check        lists everything that is wrong, running and writing nothing

A source, `lessons/source/NN_slug.py`, is a Jupytext py:percent file. Every cell has a `key`, which
becomes the cell's id. Prose stands in pairs of the same key, Japanese first; code stands once:

    # %% [markdown] key="question" lang="ja"
    # ラベルはいくつ必要でしょうか。

    # %% [markdown] key="question" lang="en"
    # How many labels does it take?

    # %% key="curve" tags=["claim"] alt_ja="..." alt_en="..."
    show_curve(runs)

    # %% key="count" tags=["exercise"] needs="setup,load"
    ### BEGIN SOLUTION
    # PLACEHOLDER: trained = ...
    trained = 512 * 5 + 5
    ### END SOLUTION
    tl.check("02-a")

`alt_*` describe a cell's picture for who does not see it. An exercise ends with its check; the
learner gets its placeholder lines, and the solution folded below, with the explanation in the
prose pair tagged `solution` that may follow. Prose tagged `teacher` is folded, too, and left
out of learners' copies. Other tags (`claim`, `nbval-check-output`, `raises-exception`, ...) are
carried; `hide-input` also folds the code in JupyterLab.

Which outputs are kept: a code cell is unchanged when its source and all code above it are what
they were. `tl build` keeps the outputs of unchanged cells and drops the others. `--execute` runs
everything; it keeps the stored bytes of unchanged cells if the package `tlhelpers` has not
changed either since they were made (the notebook holds its hash), and takes all others anew.

`NN_slug.lock.json` beside a source holds the hashes of each prose pair as last built. A pair of
which one side was edited keeps its old hashes, and fails the check, until the other side is
edited as well or `--confirm` says that it is right as it is.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tlhelpers.course.cli import Parser
from tlhelpers.course.quick_nbformat import nbformat
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.places import LESSONS, RESULTS, ROOT
from tlhelpers.runtime.stamp import code_hash, stamp

NotebookNode = nbformat.NotebookNode
MAX_BYTES = 400_000
CELL_SECONDS = 120

BEGIN, END, PLACEHOLDER = "### BEGIN SOLUTION", "### END SOLUTION", "# PLACEHOLDER:"
CHECK_CALL = re.compile(r'^(?:tl\.)?check\("([\w-]+)"\)$')
KEY = re.compile(r"[a-z0-9-]{1,48}")
FOREIGN_PATH = re.compile(r"/home/|/Users/|/root/|/tmp/|/private/var/|[A-Z]:\\+Users")
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
WIDGET = "application/vnd.jupyter.widget-view+json"


@dataclass
class Block:
    """A code cell, or a pair of prose cells. `sources` has the same text twice for code."""

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
    def exercise(self) -> str | None:
        """The name that an exercise cell gives its check, such as "02-a"."""
        found = CHECK_CALL.match(self.code.splitlines()[-1]) if "exercise" in self.tags else None
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

    def complain(self, problem: str, key: str | None = None, **values) -> None:
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


# --- reading a source -----------------------------------------------------------------------


def read_lesson(path: Path) -> Lesson:
    """Reads a source; what is wrong in it lands in `problems`, all of it at once."""
    import jupytext  # takes a second to import, and only readers of sources need it

    lesson = Lesson(path)
    waiting: Block | None = None  # a Japanese cell whose English twin must come next
    seen: set[str] = set()
    for cell in jupytext.read(path, fmt="py:percent").cells:
        key, lang = cell.metadata.get("key"), cell.metadata.get("lang")
        if not key or not KEY.fullmatch(key):
            lesson.complain("key_wrong", key or cell.source[:40].replace("\n", " "))
            continue
        if waiting and (key, lang, cell.cell_type) != (waiting.key, "en", "markdown"):
            lesson.complain("twin_missing", waiting.key)
            waiting = None
        tags = list(cell.metadata.get("tags", []))
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
        else:
            lesson.complain("twin_missing" if lang == "en" else "lang_missing", key)
    if waiting:
        lesson.complain("twin_missing", waiting.key)
    _check_exercises(lesson)
    return lesson


def _read_code(lesson: Lesson, key: str, cell: NotebookNode, tags: list[str]) -> Block:
    alt = {
        lang: cell.metadata[f"alt_{lang}"] for lang in LANGUAGES if f"alt_{lang}" in cell.metadata
    }
    needs = [name.strip() for name in cell.metadata.get("needs", "").split(",") if name.strip()]
    block = Block(key, "code", dict.fromkeys(LANGUAGES, cell.source), tags, alt, needs)
    marks = [line.strip() for line in cell.source.splitlines() if line.strip() in (BEGIN, END)]
    if "exercise" in tags:
        if marks != [BEGIN, END] * (len(marks) // 2) or not marks:
            lesson.complain("solution_marks", key)
        elif PLACEHOLDER not in cell.source:
            lesson.complain("placeholder_missing", key)
        if not cell.source.strip() or block.exercise is None:
            lesson.complain("check_missing", key)
    elif marks:
        lesson.complain("solution_outside", key)
    if len(alt) == 1:
        lesson.complain("alt_missing", key)
    return block


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


# --- from a lesson to a notebook ------------------------------------------------------------


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
        source = block.sources.get(lang, "")
        if block.kind == "prose":
            if "teacher" in block.tags:
                source = fold(_label("teacher", lang), source)
            notebook.cells.append(_markdown(block.key, source, block.tags))
            continue
        notebook.cells.append(_code(block, lang))
        if block.exercise:
            body = f"```python\n{_without_check(solution_version(block.code))}\n```"
            if following and "solution" in following.tags:
                body += "\n\n" + following.sources.get(lang, "")
                explained.add(following.key)
            solution = fold(_label("solution", lang), body)
            notebook.cells.append(_markdown(f"{block.key}-solution", solution, ["solution"]))
    return notebook


def fold(label: str, body: str) -> str:
    """Markdown that stays closed until the reader opens it."""
    return f"<details>\n<summary>{label}</summary>\n\n{body}\n\n</details>"


def _label(name: str, lang: str) -> str:
    return {
        "solution": {"ja": "解答例を開く", "en": "Open a solution"},
        "teacher": {"ja": "先生方へ", "en": "For teachers"},
    }[name][lang]


def _without_check(code: str) -> str:
    return "\n".join(line for line in code.splitlines() if not CHECK_CALL.match(line)).strip()


def _markdown(key: str, source: str, tags: list[str]) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source, id=key, metadata={"tags": tags} if tags else {})


def _code(block: Block, lang: str) -> NotebookNode:
    metadata: dict = {"tags": block.tags} if block.tags else {}
    if lang in block.alt:
        metadata["mystnb"] = {"image": {"alt": block.alt[lang]}}
    if "hide-input" in block.tags:
        metadata["jupyter"] = {"source_hidden": True}
    return nbformat.v4.new_code_cell(learner_version(block.code), id=block.key, metadata=metadata)


def keep_outputs(notebook: NotebookNode, stored: NotebookNode | None) -> int:
    """Copies the outputs of unchanged code cells from the stored notebook; returns how many.

    Unchanged: the same source, below code that is the same.
    """
    kept = 0
    if stored is not None:
        for cell, old in zip(_code_cells(notebook), _code_cells(stored), strict=False):
            if cell.source != old.source:
                break
            cell.outputs, cell.execution_count = old.outputs, old.execution_count
            kept += 1
        notebook.metadata.update({k: v for k, v in stored.metadata.items() if k == "package"})
    return kept


def _code_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def stored_notebook(path: Path) -> NotebookNode | None:
    """The built notebook, where there is one."""
    if not path.exists():
        return None
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def _written(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


# --- running --------------------------------------------------------------------------------


class CellFailed(Exception):
    """A cell of a lesson raised an error, took too long, or lost its kernel."""


async def execute(notebook: NotebookNode, folder: Path, label: str) -> None:
    """Runs a notebook as its learner would, in its folder, and stores clean outputs in it.

    Raises CellFailed, which names the lesson, the key of the cell and the error.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    from tlhelpers.course.kernel import LessonKernelManager, lesson_environment

    started: dict[str, float] = {}
    seconds: dict[str, float] = {}

    def on_start(cell: NotebookNode, cell_index: int) -> None:
        started[cell.id] = time.monotonic()

    def on_end(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        seconds[cell.id] = time.monotonic() - started[cell.id]

    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        record_timing=False,
        store_widget_state=False,
        kernel_manager_class=LessonKernelManager,
        on_cell_execute=on_start,
        on_cell_executed=on_end,
    )
    metadata = dict(notebook.metadata)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        try:
            await client.async_execute(cwd=str(folder), env=lesson_environment(scratch))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            key = next(reversed(started))
            raise CellFailed(f"{label} · {key}: {error}") from error
    for number, cell in enumerate(_code_cells(notebook), 1):
        clean_outputs(cell, number)
    # nbclient adds the versions of the kernel, which say nothing to a reader
    notebook.metadata = nbformat.from_dict({**metadata, "package": code_hash()})
    slowest = max(seconds, key=seconds.__getitem__, default="-")
    total = time.monotonic() - begin
    print(
        f"{label}: {total:.1f} s, {len(_written(notebook).encode()) / 1000:.0f} kB; "
        f"{slowest}: {seconds.get(slowest, 0):.1f} s",
        flush=True,
    )


def clean_outputs(cell: NotebookNode, number: int) -> None:
    """Leaves in a cell what the next run would write again: no state, no time, no addresses."""
    outputs: list[NotebookNode] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            output.text = ADDRESS.sub("0x...", re.sub(r"[^\n]*\r(?=[^\n])", "", output.text))
            if outputs and outputs[-1].get("name") == output.name:
                outputs[-1].text += output.text
                continue
        elif output.output_type != "error":
            if output.data.pop(WIDGET, None) and set(output.data) <= {"text/plain"}:
                continue
            output.metadata = {}
            for kind, content in output.data.items():
                if kind == "image/png":
                    output.data[kind] = shrink_picture(content)
                elif isinstance(content, str):
                    output.data[kind] = ADDRESS.sub("0x...", content)
        if output.output_type == "execute_result":
            output.execution_count = number
        outputs.append(output)
    cell.outputs, cell.execution_count = outputs, number
    cell.metadata.pop("execution", None)


def shrink_picture(content: str) -> str:
    """A base64 PNG with a palette of 256 colours, where that is smaller."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    if picture.mode == "RGBA":
        card = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(card, picture)
    smaller = io.BytesIO()
    picture.convert("RGB").quantize(256).save(smaller, "PNG", optimize=True)
    shrunk = base64.b64encode(smaller.getvalue()).decode()
    return min(shrunk, content.replace("\n", ""), key=len)


# --- the lock of the prose pairs ------------------------------------------------------------


def _hashes(block: Block) -> dict[str, str]:
    return {
        lang: hashlib.sha256(source.encode()).hexdigest()[:8]
        for lang, source in sorted(block.sources.items())
    }


def compare_lock(lesson: Lesson, confirm: bool = False) -> dict[str, dict[str, str]]:
    """The lock as it is to be written; complains of pairs of which one side alone changed."""
    locked = json.loads(lesson.lock.read_text(encoding="utf-8")) if lesson.lock.exists() else {}
    lock = {}
    for block in lesson.blocks:
        if block.kind != "prose":
            continue
        new = _hashes(block)
        old = locked.get(block.key, new)
        changed = [lang for lang in LANGUAGES if new.get(lang) != old.get(lang)]
        if len(changed) == 1 and not confirm:
            lesson.complain(f"one_sided_{changed[0]}", block.key, number=lesson.name[:2])
            new = old
        lock[block.key] = new
    return lock


# --- what the user asks for -----------------------------------------------------------------


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


def _build_lesson(lesson: Lesson, run: bool) -> None:
    stored = {lang: stored_notebook(lesson.notebook(lang)) for lang in LANGUAGES}
    made = {lang: make_notebook(lesson, lang) for lang in LANGUAGES}
    if run:
        asyncio.run(_execute_both(lesson, made))
    for lang, notebook in made.items():
        old = stored[lang]
        if not run or (old is not None and old.metadata.get("package") == code_hash()):
            keep_outputs(notebook, old)
        _write(lesson.notebook(lang), _written(notebook))
        _inspect_notebook(lesson, lang, notebook)


async def _execute_both(lesson: Lesson, made: dict[str, NotebookNode]) -> None:
    """Runs the languages side by side, each in a kernel of its own; drops those that fail."""
    jobs = {}
    for lang, notebook in made.items():
        folder = lesson.notebook(lang).parent
        folder.mkdir(parents=True, exist_ok=True)
        jobs[lang] = execute(notebook, folder, f"{lang}/{lesson.name}")
    results = await asyncio.gather(*jobs.values(), return_exceptions=True)
    for lang, result in zip(jobs, results, strict=True):
        if isinstance(result, CellFailed):
            lesson.problems.append(str(result))
            del made[lang]
        elif result is not None:
            raise result


def _write(path: Path, content: str) -> None:
    """Writes a text file, unless it holds this text already (so that its time stays, too)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8", newline="\n")


def check(lessons: Path = LESSONS, names: Iterable[str] = ()) -> list[str]:
    """Everything that is wrong with sources and built notebooks, one line each; runs nothing."""
    problems = []
    names = list(names)
    for path in lesson_sources(lessons, names):
        lesson = read_lesson(path)
        if not lesson.problems:
            lock = compare_lock(lesson)
            if not lesson.lock.exists() or json.loads(lesson.lock.read_text("utf-8")) != lock:
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
        lesson.complain("notebook_missing", lang=lang, number=number)
        return
    notebook = make_notebook(lesson, lang)
    keep_outputs(notebook, stored)
    if _written(notebook) != path.read_text(encoding="utf-8"):
        old = {cell.id: cell for cell in stored.cells}
        cells = [cell.id for cell in notebook.cells if old.get(cell.id) != cell]
        gone = sorted(set(old) - {cell.id for cell in notebook.cells})
        named = ", ".join([*cells, *gone][:5]) or "-"
        lesson.complain("notebook_old", lang=lang, cells=named, number=number)
    _inspect_notebook(lesson, lang, notebook)


def _notebooks_without_source(lessons: Path) -> list[str]:
    sources = {path.stem for path in lesson_sources(lessons)}
    built = (path for lang in LANGUAGES for path in sorted((lessons / lang).glob("*.ipynb")))
    return [
        text("build.source_missing", notebook=f"{path.parent.name}/{path.name}")
        for path in built
        if path.stem not in sources
    ]


def _inspect_notebook(lesson: Lesson, lang: str, notebook: NotebookNode) -> None:
    """Complains of what must not be in a stored notebook."""
    number = lesson.name[:2]
    size = len(_written(notebook).encode())
    if size > MAX_BYTES:
        lesson.complain("too_large", lang=lang, size=size // 1000, most=MAX_BYTES // 1000)
    unrun = [cell.id for cell in _code_cells(notebook) if cell.execution_count is None]
    if unrun:
        lesson.complain("not_run", lang=lang, cells=", ".join(unrun[:5]), number=number)
    for cell in _code_cells(notebook):
        where = f"{lang} · {cell.id}"
        kinds = {output.output_type for output in cell.outputs}
        expected = "raises-exception" in cell.metadata.get("tags", [])
        if ("error" in kinds) != expected and cell.id not in unrun:
            lesson.complain("error_missing" if expected else "error_stored", where)
        if any(output.get("name") == "stderr" for output in cell.outputs):
            lesson.complain("stderr_stored", where)
        shows = any("image/png" in output.get("data", {}) for output in cell.outputs)
        if shows and "mystnb" not in cell.metadata:
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


def compare_stamps(results: Path = RESULTS) -> tuple[list[str], list[str]]:
    """(errors, warnings) about stored results (see `course/results.py`).

    Other weights than today's are an error; code that changed since is a warning, for most
    changes of code change no number.
    """
    errors, warnings = [], []
    for path in sorted(results.glob("**/*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        held = record.get("stamp")
        if held is None:
            errors.append(text("build.stamp_missing", file=path.name))
            continue
        today = stamp(**record.get("depends_on", {}))
        if held["weights"] != today["weights"]:
            errors.append(text("build.stamp_weights", file=path.name))
        elif held["code"] != today["code"]:
            warnings.append(text("build.stamp_code", file=path.name))
    return errors, warnings


def main(arguments: list[str] | None = None) -> int:
    """`tl build`. Returns the exit status: 0 where nothing is wrong."""
    parser = Parser("build")
    parser.add_argument("lessons", nargs="*", metavar="NN", help=text("build.help_lessons"))
    parser.add_argument("--execute", action="store_true", help=text("build.help_execute"))
    parser.add_argument("--confirm", action="store_true", help=text("build.help_confirm"))
    parser.add_argument("--check", action="store_true", help=text("build.help_check"))
    asked = parser.parse_args(arguments)
    try:
        if asked.check:
            problems = check(names=asked.lessons)
            errors, warnings = compare_stamps() if not asked.lessons else ([], [])
            problems += errors
            for warning in warnings:
                print(warning)
        else:
            problems = build(names=asked.lessons, execute=asked.execute, confirm=asked.confirm)
    except ValueError as error:
        parser.error(str(error))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(text("build.wrong", count=len(problems)) if problems else text("build.right"))
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
