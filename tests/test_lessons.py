"""The lessons as they are: built from their sources, and every exercise proven.

That every cell of every notebook runs is nbval's part of `tl test`.
"""

import pytest

from tlhelpers.course import build
from tlhelpers.course.testing import prove_exercise

LESSONS = [build.read_lesson(path) for path in build.lesson_sources()]
EXERCISES = [
    pytest.param(lesson, block, id=block.exercise)
    for lesson in LESSONS
    for block in lesson.blocks
    if block.exercise
]


def test_notebooks_are_what_their_sources_build(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    problems = build.check()
    assert not problems, "\n".join(problems)


def test_stored_results_were_made_with_todays_weights(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    errors, _ = build.compare_stamps()
    assert not errors, "\n".join(errors)


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_solution_passes_and_the_untouched_stub_fails(lesson, exercise):
    assert exercise.exercise.startswith(f"{lesson.name[:2]}-")
    proof = prove_exercise(lesson, exercise)
    assert not proof["stub"].passed, proof
    assert proof["solution"].passed, proof
    for verdict in proof.values():
        assert verdict.messages["ja"] and verdict.messages["en"]
        assert verdict.messages["ja"] != verdict.messages["en"]
