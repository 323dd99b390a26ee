"""Proof-reading by machine: what is found in a lesson, and that each lesson keeps to its list."""

import re

import nbformat
import pytest

from tlhelpers.course.author import proofreading
from tlhelpers.course.author.notebook import make_notebook, written
from tlhelpers.course.author.proofreading import glossary, minutes, proofread, too_many
from tlhelpers.course.author.reading import lesson_sources, read_lesson

TITLE = ("題", "Title")


def prose(key, ja, en, tags=()):
    form = '# %% [markdown] key="{}" lang="{}" tags={}\n# {}\n\n'
    tags = str(list(tags)).replace("'", '"')
    return form.format(key, "ja", tags, ja) + form.format(key, "en", tags, en)


def code(key, source, tags=()):
    return f'# %% key="{key}" tags={str(list(tags)).replace(chr(39), chr(34))}\n{source}\n\n'


@pytest.fixture
def read(tmp_path):
    """Reads a lesson of these cells, after a title."""

    def lesson(*cells, name="90_demo"):
        path = tmp_path / "lessons" / "source" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(prose("title", *TITLE) + "".join(cells), encoding="utf-8")
        found = read_lesson(path)
        assert not found.problems
        return found

    return lesson


def kinds(lesson, before=()):
    return sorted(finding.kind for finding in proofread(lesson, list(before)))


def test_a_lesson_without_fault_has_no_finding(read):
    told = prose("idea", "**凍結**(frozen)とは……", "To **freeze** is to keep.").replace(
        "(frozen)", "（frozen）"
    )
    assert kinds(read(told, prose("more", "凍結した層", "the frozen layers"))) == []


def test_a_term_used_before_its_cell_is_found_once_in_each_language(read):
    use = prose("use", "凍結した層", "the frozen layers")
    told = prose("told", "**凍結** とは", "To **freeze** is")
    early = proofread(read(use, told), [])
    assert [(f.kind, f.where, f.detail) for f in early] == [
        ("early", "ja · 90_demo · use", "凍結"),
        ("early", "en · 90_demo · use", "freeze"),
    ]
    before = read(told, name="89_before")
    assert kinds(read(use), [before]) == []


def test_words_in_code_and_formulas_are_no_words(read):
    assert kinds(read(prose("x", "`frozen` と `講座`", "`freeze` and $head$"))) == []


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (prose("x", "この講座では", "x"), "banned"),
        (prose("x", "オプティマイザを選ぶ", "x"), "banned"),
        (prose("x", "損をする(たぶん)", "x"), "brackets"),
        (prose("x", "「ないボタン」を押すと", "x"), "button"),
        (prose("x", "x", "Press **No such thing**."), "button"),
        (code("x", "assert seconds < 3"), "clock"),
        (code("x", "print(tl.text('a.b'))"), "plumbing"),
        (code("x", "from tlhelpers.transfer.heads import fit_heads"), "plumbing"),
    ],
)
def test_each_kind_of_fault_is_found(read, cell, kind):
    assert kind in kinds(read(cell))


def test_the_name_of_a_button_that_is_there_is_no_finding(read):
    there = "「この予想にする」を押すと", "Press **Keep my prediction**."
    assert kinds(read(prose("x", *there))) == []
    assert kinds(read(prose("x", "オプティマイザーを", "x"))).count("banned") == 0


@pytest.mark.parametrize(
    ("printed", "bare"),
    [
        ("0.578 [0.491, 0.664]\n", True),
        ("accuracy: 0.578\n", False),
        ("正解率 0.578\n", False),
        ("3 x\n", True),
        ("-----\n", False),
    ],
)
def test_a_printed_number_needs_a_word(read, printed, bare):
    lesson = read(code("x", "show()"))
    notebook = make_notebook(lesson, "en")
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text=printed)]
    lesson.notebook("en").parent.mkdir()
    lesson.notebook("en").write_text(written(notebook), encoding="utf-8")
    assert ("bare" in kinds(lesson)) == bare


def test_minutes_follow_from_the_cells_of_the_core(read):
    words = prose("a", "文", " ".join(["word"] * 149))  # and the title's one: a minute
    lines = code("b", "\n".join(f"x{i} = 1" for i in range(6)))  # 30 s and 6 lines: a minute
    folded = code("c", "x = 1\n" * 50, ["claim"])
    deeper = prose("d", "## 深く", "## Deeper", ["deeper"]) + code("e", "x = 1\n" * 50)
    assert minutes(read(words, lines, folded, deeper)) == pytest.approx(2 + 5 / 60)


def test_a_core_that_is_too_long_is_found(read):
    cells = [code(f"x{i}", "x = 1") for i in range(35)]
    assert "long" in kinds(read(*cells)) and "long" not in kinds(read(*cells[1:]))


def test_a_lesson_that_is_in_no_list_may_have_no_finding(read, monkeypatch, tmp_path):
    lesson = read(prose("x", "この講座では", "x"), prose("y", "この講座でも", "y"))
    found = proofread(lesson, [])
    assert too_many(lesson, found) == found
    allowed = tmp_path / "allowed.toml"
    monkeypatch.setattr(proofreading, "ALLOWED", allowed)
    allowed.write_text("[90]\nbanned = 1\n")
    assert too_many(lesson, found) == found
    allowed.write_text("[90]\nbanned = 2\n")
    assert too_many(lesson, found) == []


@pytest.fixture(scope="module")
def course():
    return [read_lesson(path) for path in lesson_sources()]


@pytest.mark.slow
def test_lessons_read_well_but_for_what_is_listed(course):
    assert course
    problems = [
        str(finding)
        for i, lesson in enumerate(course)
        for finding in too_many(lesson, proofread(lesson, course[:i]))
    ]
    assert not problems, "\n".join(problems)


def test_the_glossary_is_whole_and_keeps_to_its_own_words():
    terms = {key: entry for key, entry in glossary().items() if key != "phrase"}
    assert len(terms) >= 60
    for lang in ("ja", "en"):
        names = [entry["term"][lang] for entry in terms.values()]
        assert len(set(names)) == len(names)
        banned = [p for entry in terms.values() for p in entry.get("banned", {}).get(lang, [])]
        banned += [phrase["banned"] for phrase in glossary()["phrase"] if phrase["lang"] == lang]
        for entry in terms.values():
            said = f"{entry['term'][lang]} {entry['means'][lang]}"
            assert not [pattern for pattern in banned if re.search(pattern, said)], said
