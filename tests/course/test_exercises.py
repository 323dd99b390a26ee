"""What `check` says: to each way of being wrong, and to what is right, in both languages."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch

from tlhelpers.course import exercises, record
from tlhelpers.course.exercises import (
    as_number,
    brief_parts,
    check,
    exercise,
    listed,
    meant,
    open_parts,
)
from tlhelpers.course.syllabus import lessons
from tlhelpers.runtime.language import text
from tlhelpers.show.questions import as_html


def is_three(count: int) -> str | None:
    return None if count == 3 else "The count is not right."


def doubles(double: Callable) -> str | None:
    return None if as_number("double(4)", double(4)) == 8 else "double(4) is not 8."


def counts(shares: Mapping[str, int]) -> str | None:
    return None if sum(shares.values()) == 3 else "The counts are not right."


HINTS = ("quiz.right", "quiz.wrong")  # any two sentences of the catalogues


@pytest.fixture(autouse=True)
def own_exercises(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path))
    for lesson in lessons():  # whose checks would register themselves in the one that is left out
        exercises.exercises(lesson)
    monkeypatch.setattr(exercises, "_known", {})
    exercise("90-a", hints=HINTS, right="check.right")(is_three)
    exercise("90-b")(doubles)
    exercise("90-c")(counts)


@pytest.mark.parametrize("answer", [3, np.int64(3), torch.tensor(3), torch.tensor([3])])
def test_a_right_answer_passes_whatever_library_made_the_number(answer):
    assert check("90-a", {"count": answer}).passed
    assert record.load()["exercises"]["90-a"]["passed"]


def test_the_variables_are_those_of_the_notebook_that_calls():
    notebook = {"check": check, "count": 3}
    exec("verdict = check('90-a')", notebook)
    assert notebook["verdict"].passed


@pytest.mark.parametrize(
    ("name", "variables", "part"),
    [
        ("90-a", {}, "no variable count yet"),
        ("90-a", {"count": ...}, "count is still `...`"),
        ("90-a", {"count": "3"}, "of type str; what is asked for is a whole number"),
        ("90-a", {"count": True}, "of type bool"),
        ("90-a", {"count": 2.5}, "of type float"),
        ("90-a", {"count": 4}, "The count is not right."),
        ("90-b", {"double": lambda x: ...}, "function double still returns"),
        ("90-b", {"double": lambda x: x["a"]}, "TypeError: 'int' object is not subscriptable"),
        ("90-b", {"double": lambda: 8}, "TypeError"),
        ("90-b", {"double": lambda x: None}, "The function double returns nothing"),
        (
            "90-b",
            {"double": lambda x: [8]},
            "double(4) is of type list; what is asked for is a num",
        ),
        ("90-b", {"double": lambda x: "8"}, "double(4) is of type str"),
        ("90-b", {"double": lambda x: torch.arange(8)}, "double(4) is of type Tensor"),
        ("90-b", {"double": 8}, "of type int; what is asked for is a function"),
        ("90-c", {"shares": [1, 2]}, "of type list; what is asked for is a dictionary"),
        ("90-z", {}, "no exercise 90-z. In this lesson: 90-a, 90-b, 90-c"),
        ("nonsense", {}, "no exercise nonsense"),
        ("..-a", {}, "no exercise ..-a"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_raised(name, variables, part):
    verdict = check(name, variables)
    assert not verdict.passed
    assert part in verdict.message
    assert as_html(verdict.message) in verdict._repr_html_()


def test_each_failing_attempt_brings_another_hint_and_the_last_names_the_solution():
    said = [repr(check("90-a", {"count": 4})) for _ in range(4)]
    assert ["Hint 1" in one for one in said] == [False, True, True, True]
    assert ["Hint 2" in one for one in said] == [False, False, True, True]
    assert ["solution below" in one for one in said] == [False, False, True, True]


def test_an_untouched_gap_is_no_attempt():
    for _ in range(3):
        check("90-a", {"count": ...})
    assert "90-a" not in record.load()["exercises"]


def test_what_is_not_yet_done_looks_neither_right_nor_wrong():
    verdict = check("90-a", {"count": ...})
    assert repr(verdict)[0] == "…" and "#D55E00" not in verdict._repr_html_()
    assert "<code>" in verdict._repr_html_() and "`" not in verdict._repr_html_()


def test_a_gap_in_the_learners_own_code_names_its_line():
    code = "def double(x):\n    return missing_name + x\n"
    notebook = {}
    exec(compile(code, "<ipython-input-1>", "exec"), notebook)
    message = check("90-b", notebook).message
    assert "NameError: name 'missing_name' is not defined" in message
    assert "line 2" in message


def test_a_loop_that_never_ends_is_stopped(monkeypatch):
    def forever(x):
        while True:
            pass

    monkeypatch.setattr(exercises, "SECONDS", 0.2)
    assert "never end" in check("90-b", {"double": forever}).message


def test_the_answer_is_in_the_learners_language(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "ja")
    assert check("90-a", {"count": ...}).message.startswith("count がまだ")


def test_a_record_that_cannot_be_written_is_said_and_the_answer_stands(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path / "file"))
    verdict = check("90-a", {"count": 3})
    assert verdict.passed
    assert "could not be saved" in repr(verdict)


def test_every_check_of_a_lesson_has_hints_that_exist():
    for number in lessons():
        for one in exercises.exercises(number).values():
            assert one.hints, one.name
            for key in [*one.hints, *([one.right] if one.right else [])]:
                assert text(key)


def test_a_plan_says_what_is_open_and_what_is_brief_in_either_language():
    plan = {"a": ..., "b": None, "c": " ", "d": [], "e": "4分の1になる", "f": "a quarter", "g": 4}
    given = {"i": 0, "j": np.int64(4), "k": np.arange(2), "l": torch.arange(2)}
    assert open_parts(plan | given, [*plan, "h", *given]) == ["a", "b", "c", "d", "h"]
    assert brief_parts(plan, "efg") == ["f", "g"]


def test_capitals_and_spaces_around_a_name_do_not_matter():
    names = ("TF-IDF", "k-NN")
    assert [meant(said, names) for said in (" k-nn", "Tf-Idf", "TFIDF", 3)] == [
        "k-NN",
        "TF-IDF",
        "TFIDF",
        3,
    ]


def test_one_thing_is_a_list_of_one():
    assert listed("pixels") == ["pixels"] and listed(2) == [2]
    assert listed(("a", "b")) == ["a", "b"] == listed(np.array(["a", "b"]))
    assert 1 in listed(torch.tensor([1, 2])) and sorted(listed({2, 1})) == [1, 2]
