"""Proof-reading by machine: what a careful reader of a lesson would stumble over.

    tl build 03 --proofread

Each finding has a kind. `lessons/source/proofreading.toml` lists how many of each kind a lesson
may still have; a lesson that is not in it may have none.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from tlhelpers.course.author.bilingual import JAPANESE
from tlhelpers.course.author.notebook import FOLDED, code_cells, stored_notebook
from tlhelpers.course.author.reading import Block, Lesson, learner_version
from tlhelpers.course.syllabus import lessons
from tlhelpers.runtime.language import LANGUAGES, catalogue, text
from tlhelpers.runtime.places import DATASETS, LESSONS

GLOSSARY = DATASETS / "glossary.toml"
ALLOWED = LESSONS / "source" / "proofreading.toml"
CORE_CELLS = 35
NOT_PROSE = re.compile(
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|https?://\S+", re.DOTALL
)
HALF_BRACKET = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff][()]|[()][\u3040-\u30ff\u4e00-\u9fff]")
BUTTON = {
    "ja": re.compile(r"「([^」]{1,20})」(?:の)?(?:ボタン|を押|をクリック)"),
    "en": re.compile(r"(?:[Pp]ress|[Cc]lick)(?: on)? [\"“*]+([^\"”*]{1,30})[\"”*]+"),
}
CLOCK = re.compile(r"^\s*(?:assert|tl\.claim)\b.*(?:second|elapsed|perf_counter)", re.MULTILINE)
PLUMBING = re.compile(r"\btl\.text\(|__dict__|(?:from|import) tlhelpers\.|\bassert ")
WORD = re.compile(r"[^\W\d_]{2,}")
# seconds (teaching.md): reading, a line of code, a code cell, a prediction, an exercise
PER_WORD, PER_LINE, PER_CELL, PER_PREDICTION, PER_EXERCISE = 60 / 150, 5, 30, 90, 6.5 * 60


@dataclass(frozen=True)
class Finding:
    """One thing to mend: its kind, where it is, and what is said of it."""

    kind: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.where}: {text(f'proofread.{self.kind}', detail=self.detail)}"


def proofread(lesson: Lesson, before: list[Lesson]) -> list[Finding]:
    """Everything found in a lesson. before: the lessons that its readers have read."""
    found = [*_form(lesson), *_code(lesson)]
    for lang in LANGUAGES:
        found += [*_prose(lesson, lang), *_early_terms(lesson, before, lang)]
        found += _bare_outputs(lesson, lang)
    return found


def too_many(lesson: Lesson, findings: list[Finding]) -> list[Finding]:
    """Those of the kinds of which there are more than the list of exceptions allows."""
    allowed = tomllib.loads(ALLOWED.read_text(encoding="utf-8")).get(lesson.name[:2], {})
    kinds = [finding.kind for finding in findings]
    over = {kind for kind in kinds if kinds.count(kind) > allowed.get(kind, 0)}
    return [finding for finding in findings if finding.kind in over]


def core(lesson: Lesson) -> list[Block]:
    """The cells that every reader goes through."""
    deeper = lesson.deeper("en")
    skipped = {"teacher", "solution"}
    return [b for b in lesson.blocks if b.key not in deeper and not skipped & set(b.tags)]


def minutes(lesson: Lesson) -> float:
    """How long the core takes, by the English words, the code and what there is to do."""
    seconds = 0.0
    for block in core(lesson):
        if block.kind == "prose":
            seconds += PER_WORD * len(re.findall(r"\w+", _plain(block.sources["en"])))
        elif block.exercise:
            seconds += PER_EXERCISE
        elif FOLDED & set(block.tags):
            seconds += PER_LINE  # its code is folded, its sentence is read
        else:
            lines = [line for line in learner_version(block.code).splitlines() if line.strip()]
            seconds += PER_CELL + PER_LINE * len(lines)
            seconds += PER_PREDICTION * block.code.count("predict_first(")
    return seconds / 60


def _form(lesson: Lesson) -> Iterator[Finding]:
    """The length of the core, and whether the stated minutes follow from it."""
    if (count := len(core(lesson))) > CORE_CELLS:
        yield Finding("long", lesson.name, f"{count} > {CORE_CELLS}")
    stated = lessons()[lesson.name[:2]].minutes if lesson.name[:2] in lessons() else None
    if stated is not None and abs(stated - minutes(lesson)) > 5:
        yield Finding("minutes", lesson.name, f"{stated} / {minutes(lesson):.0f}")


def _code(lesson: Lesson) -> Iterator[Finding]:
    for block in lesson.blocks:
        if block.kind == "code":
            where = f"{lesson.name} · {block.key}"
            for kind, pattern in (("clock", CLOCK), ("plumbing", PLUMBING)):
                if found := pattern.search(block.code):
                    yield Finding(kind, where, found[0].strip())


def _plain(prose: str) -> str:
    """Prose without code, formulas and addresses."""
    return NOT_PROSE.sub(" ", prose)


def _prose(lesson: Lesson, lang: str) -> Iterator[Finding]:
    """Words not to be used, half-width brackets in Japanese, names that are on no screen."""
    banned = [(re.compile(pattern), better) for pattern, better in _banned(lang)]
    for block in lesson.blocks:
        if block.kind != "prose":
            continue
        where, plain = f"{lang} · {lesson.name} · {block.key}", _plain(block.sources[lang])
        for pattern, better in banned:
            for found in pattern.finditer(plain):
                yield Finding("banned", where, f"{found[0]} → {better}")
        if lang == "ja":
            for found in HALF_BRACKET.finditer(plain):
                yield Finding("brackets", where, plain[max(0, found.start() - 8) : found.end() + 8])
        for found in BUTTON[lang].finditer(plain):
            if found[1] not in _on_screen(lang):
                yield Finding("button", where, found[1])


@functools.cache
def _on_screen(lang: str) -> frozenset[str]:
    """The words of buttons and labels: those of the catalogues, and JupyterLab's own."""
    jupyterlab = {"en": {"Run", "Run All Cells", "Restart Kernel"}, "ja": {"実行", "再起動"}}
    return frozenset(pair[lang] for pair in catalogue().values()) | jupyterlab[lang]


@functools.cache
def glossary() -> dict:
    """The terms of the course by key, and under "phrase" the phrases not to use."""
    return tomllib.loads(GLOSSARY.read_text(encoding="utf-8"))


def _terms() -> list[dict]:
    return [entry for key, entry in glossary().items() if key != "phrase"]


def _banned(lang: str) -> Iterator[tuple[str, str]]:
    for term in _terms():
        for pattern in term.get("banned", {}).get(lang, []):
            yield pattern, term["term"][lang]
    for phrase in glossary()["phrase"]:
        if phrase["lang"] == lang:
            yield phrase["banned"], phrase["better"]


def _early_terms(lesson: Lesson, before: list[Lesson], lang: str) -> Iterator[Finding]:
    """Terms that are new in this lesson and used before a cell says in bold what they mean."""
    known = "\n".join(
        _plain(b.sources[lang]) for one in before for b in one.blocks if b.kind == "prose"
    )
    prose = [b for b in lesson.blocks if b.kind == "prose" and "teacher" not in b.tags]
    for term in _terms():
        forms = [term["term"][lang], *term.get("forms", {}).get(lang, [])]
        used, bold = _pattern(forms, lang), re.compile(rf"\*\*[^*\n]*{_any(forms)}[^*\n]*\*\*")
        if used.search(known):
            continue  # a matter of the lesson that used it first
        for block in prose[1:]:  # the first cell says what the lesson is about
            source = block.sources[lang]
            if bold.search(source):
                break
            if used.search(_plain(source)):
                where = f"{lang} · {lesson.name} · {block.key}"
                yield Finding("early", where, term["term"][lang])
                break


def _any(forms: list[str]) -> str:
    return "(?:" + "|".join(map(re.escape, sorted(forms, key=len, reverse=True))) + ")"


def _pattern(forms: list[str], lang: str) -> re.Pattern[str]:
    latin = not JAPANESE.search("".join(forms))
    return re.compile(rf"\b{_any(forms)}\b" if lang == "en" or latin else _any(forms))


def _bare_outputs(lesson: Lesson, lang: str) -> Iterator[Finding]:
    """Stored lines of print that hold numbers and no word."""
    notebook = stored_notebook(lesson.notebook(lang))
    for cell in code_cells(notebook) if notebook is not None else ():
        for output in cell.outputs:
            said = output.get("text") or output.get("data", {}).get("text/plain", "")
            if "text/html" in output.get("data", {}):
                continue
            for line in said.splitlines():
                if re.search(r"\d", line) and not WORD.search(line):
                    yield Finding("bare", f"{lang} · {lesson.name} · {cell.id}", line.strip()[:60])
